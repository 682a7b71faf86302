"""Nested samples of the merged table, and the split: one row per genotype at the standard condition of the study.

Belongs here: which rows are eligible, their order, train / validation / test. Does not: pooling (fitness.py).

Order and split follow SHA-256 of the seed and the sorted gene set, so they are the same on every machine, 1e3 is part
of 1e4, and alleles of one gene never straddle two splits. The order uses the first half of the digest and the split
the second: were they the same digits, the smallest sample would hold nothing but training genotypes.
"""

from pathlib import Path

import duckdb
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.merged import fitness
from torchcell_assets.study import Condition

SPLITS = ("train", "validation", "test")
VALIDATION_SHARE = TEST_SHARE = 0.1


class SubsetError(TorchcellError):
    """A sample cannot be taken."""


def standard(path: Path, condition: Condition, *, deletions_only: bool = True) -> pl.DataFrame:
    """One row per haploid genotype at the standard condition, measured before derived; sorted by genotype."""
    allowed = ", ".join("?" for _ in condition.evidence)
    rows = fitness.read(
        path,
        f"haploid AND medium_class = ? AND temperature = ? AND reference = ? AND evidence IN ({allowed})",
        [condition.medium_class, condition.temperature, condition.reference, *condition.evidence],
    )
    if deletions_only:
        rows = rows.filter("deletions_only")
    preference = pl.col("evidence").cast(pl.String).replace_strict({e: i for i, e in enumerate(condition.evidence)})
    return rows.sort("genotype", preference).unique("genotype", keep="first", maintain_order=True)


def with_split(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Add `rank` (0 comes first into every sample) and `split`; rows come back in the order of `rank`."""
    with duckdb.connect(config={"threads": 1}) as connection:
        keys = rows.select("genes").unique()
        connection.register("keys", keys.to_arrow())
        digests = connection.sql("SELECT genes, sha256(? || ':' || genes) AS digest FROM keys", params=[str(seed)]).pl()
        connection.unregister("keys")
    share = pl.col("digest").str.slice(32, 8).str.to_integer(base=16).cast(pl.Float64) / 2**32
    split = (
        pl.when(share < TEST_SHARE)
        .then(pl.lit("test"))
        .when(share < TEST_SHARE + VALIDATION_SHARE)
        .then(pl.lit("validation"))
        .otherwise(pl.lit("train"))
    )
    ordered = rows.join(digests, on="genes").sort("digest", "genotype")
    return ordered.with_columns(split=split).drop("digest").with_columns(rank=pl.int_range(pl.len(), dtype=pl.UInt32))


def subset(rows: pl.DataFrame, size: str, larger: str) -> pl.DataFrame:
    """The first `size` rows by rank; all for `all`.

    rows: what `with_split` gives. size: `1e3`, `1e4` ... or `all`. larger: what would add more, for the refusal.
    Raises SubsetError if there are fewer.
    """
    if size == "all":
        return rows
    wanted = int(float(size))
    if wanted > rows.height:
        raise SubsetError(
            f"A subset of {size} needs {wanted:,} genotypes and the merged table holds {rows.height:,} at the standard "
            f"condition: take a smaller size, or add {larger}."
        )
    return rows.head(wanted)
