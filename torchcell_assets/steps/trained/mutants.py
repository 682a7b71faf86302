"""Mutants that a person asks for: what a model predicts of them, beside what is known of them.

Belongs here: putting prediction, essential genes and nearest measurements into one table; which model is asked by default. Does
not: loading a model (model_store.py), which genes are essential (steps/merged/viability.py), what names mean (gene_names.py).
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from torchcell_assets.steps.merged import measured
from torchcell_assets.steps.merged.viability import Calls
from torchcell_assets.steps.trained.aggregated import model_name

_OF_A_PREDICTION = ("predicted", "low", "high")


def with_what_is_known(
    predicted: pl.DataFrame, genotypes: Sequence[Sequence[str]], calls: Calls, merged: Path
) -> pl.DataFrame:
    """Predictions of mutants, taken back where a strain does not live, with what the data root holds of each.

    Args:
        predicted: from `model_store.predict`, a row per genotype.
        genotypes: the deleted genes of each, systematic names.
        calls: which genes are essential.
        merged: the merged file; where there is none, `nearest_measured` is null.

    Returns:
        `predicted` with `essential`, `essential_source`, `reason` and `nearest_measured`; `predicted`, `low` and `high` are null
        where `reason` says why.
    """
    deaths = [[gene for gene in sorted(set(genotype)) if calls.of(gene)] for genotype in genotypes]
    nearest = measured.contained(merged, genotypes) if merged.is_file() else None
    known = pl.DataFrame(
        {
            "essential": [_essential(calls, genotype) for genotype in genotypes],
            "essential_source": [_source(calls, genotype) for genotype in genotypes],
            "reason": [_reason(genes) for genes in deaths],
        },
        schema={"essential": pl.Boolean, "essential_source": pl.String, "reason": pl.String},
    )
    lives = pl.col("reason").is_null()
    return (
        predicted.hstack(known)
        .with_columns(pl.when(lives).then(pl.col(name)).alias(name) for name in _OF_A_PREDICTION)
        .with_columns(nearest_measured=pl.lit(None, dtype=measured.NEAREST) if nearest is None else nearest)
    )


def _essential(calls: Calls, genotype: Sequence[str]) -> bool | None:
    """Whether some gene is essential; None where none is and there is no call of one."""
    found = [calls.of(gene) for gene in genotype]
    return True if True in found else None if None in found else False


def _source(calls: Calls, genotype: Sequence[str]) -> str | None:
    told = [f"{gene}: {calls.summary(gene)}" for gene in sorted(set(genotype)) if calls.summary(gene)]
    return "; ".join(told) or None


def _reason(essential: Sequence[str]) -> str | None:
    if not essential:
        return None
    are = "is essential" if len(essential) == 1 else "are essential"
    return (
        f"{', '.join(essential)} {are}: a haploid strain without it does not live, and there is no growth to predict."
    )


def best_model(scoreboard: pl.DataFrame, target: str) -> str | None:
    """The model of the scoreboard that predicts a target best: `family/size/representation/aggregation`.

    Of the largest size with a trained model, the least RMSE in cross-validation (what is asked for are values); of equals the
    greatest Spearman, then the first name. None where no model stands on the board.
    """
    names = ["model", "size", "representation", "aggregation"]
    text = scoreboard.with_columns(pl.col("split", "metric", "kind").cast(pl.String))
    scored = text.filter(pl.col("value").is_not_null(), split="train", order=0, kind="model", target=target)
    size = pl.when(pl.col("size") == "all").then(float("inf")).otherwise(pl.col("size").cast(pl.Float64, strict=False))
    wide = scored.pivot("metric", index=names, values="value", aggregate_function="first")
    if wide.is_empty() or "rmse" not in wide.columns:
        return None
    spearman = -pl.col("spearman") if "spearman" in wide.columns else pl.lit(0.0)
    best = wide.filter(pl.col("rmse").is_not_null()).sort(-size, "rmse", spearman, *names, nulls_last=True)
    if not best.height:
        return None
    *cell, aggregation = best.select(names).row(0)
    return "/".join([*cell, model_name(target, aggregation, scoreboard["target"].unique().to_list())])
