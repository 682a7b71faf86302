"""The numbers of a data root of the study `screens` again, from the raw files, by code that shares nothing with the project.

Belongs here: a second reading of the published files, and what follows from it. Does not: an import of torchcell_assets (a test
forbids it), the libraries that the project stores with (polars, duckdb ...) but to read what is stored, speed.

    TORCHCELL_MIRROR=... .venv/bin/python -m benchmarks.audit DATA_ROOT

prints a table of what differs by more than its tolerance, and exits with 1 where anything does. printed.py reads the files,
genes.py the genome, singles.py and crosses.py make records, pooling.py the merged table, samples.py subsets and splits,
vectors.py representations, models.py features, refits and baselines, scores.py scores; stored.py reads the data root, held.py
and compare.py hold one against the other.

Records and the merged table are written from words: README, design, docstrings. What is constant in a publication (number of
screens, laboratory, names of columns) was seen in stored rows. Where words leave a digit open, the code of the project was read
too, and a mistake in it may stand here as well: the hashes behind splits, folds and random codes, names of genes in pathways,
the baselines, and of the estimators the seed, the sparse features of forests and which column alpha_max leaves out.

Starting from what is stored: refits take the hyper-parameters and the sample, scores the predictions. Not computed again: which
hyper-parameters win, cells that held.REFITTED does not name, permuted controls and smaller training samples, the ends of
intervals, other measurements of test genotypes, free text.
"""
