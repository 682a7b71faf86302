"""Models that predict the growth of a mutant: features, baselines, families, scores, figures."""
