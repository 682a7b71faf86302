"""De-duplication: selected fitness records -> one row per genotype and condition, in DuckDB.

Belongs here: the merge key, which records count as one measurement, pooling, what is excluded and why. Does not: what
is selected (graph/queries), samples of the result (subsets.py).

The merge key is genotype, temperature, medium class, reference and kind of evidence: two alleles of one gene, two
temperatures, zygosities or references never pool. `paper` is the gene-only key of the system described in 2024,
offered for comparison.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema import with_genotype
from torchcell_assets.schema.records import MergedFitness, polars_schema

POOLING = Path(__file__).with_name("pooling.sql")
NO_TEMPERATURE = -1.0
"""Stands for `none` in the merge key, where a null would not be a key."""
TABLE = "fitness"

KEYS = ("genotype", "paper")

_AS_THEY_ARE = ("genotype", "temperature", "medium_class", "reference", "evidence", "genes", "order", "samples")
_WEIGHED_BY = ("uncertainty", "uncertainty_type", "samples")
COLUMNS_FROM: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in _AS_THEY_ARE},
    "deletions_only": ("perturbations",),
    "haploid": ("perturbations",),
    "value": ("value", *_WEIGHED_BY),
    "standard_error": _WEIGHED_BY,
    "pooling": _WEIGHED_BY,
    "measurements": ("value", "uncertainty", "publication"),
    "heterogeneity": ("value",),
    "publications": ("publication",),
    "records": ("id",),
}
"""Column of the merged table -> columns of the records that decide it."""


class MergeError(TorchcellError):
    """The selected records cannot be merged, or a merged table cannot be read."""


@dataclass(frozen=True)
class Merged:
    """The merged table, and what became of every selected record: the counts add up to `selected`.

    excluded: reason -> records. pooled: records that stand behind some row.
    """

    table: pl.DataFrame
    selected: int
    pooled: int
    excluded: dict[str, int]


def merge(selected: pl.DataFrame, key: str = "genotype", threads: int = 2) -> Merged:
    """Pool the selected records.

    selected: what graph/read.py::select gives, one row per experiment, in any order.
    Independent measurements are pooled by inverse variance where each has a positive standard error (the sample SD
    over the square root of n; a bootstrap SE as it is), otherwise by number of samples. Equal value and uncertainty
    of the same genotype in the same publication count once. Heterogeneity is the sample SD between measurements.
    """
    if key not in KEYS:
        raise MergeError(f"There is no merge key {key!r}: set `merge_key` of the study to one of {', '.join(KEYS)}.")
    rows = _with_key(selected, key)
    censored = rows.filter(pl.col("value").is_null()).height
    with duckdb.connect(config={"threads": threads}) as connection:
        connection.register("selected", rows.to_arrow())
        pooled = connection.sql(POOLING.read_text()).pl()
        connection.unregister("selected")
    columns = [pl.col(name).cast(dtype) for name, dtype in polars_schema(MergedFitness).items()]
    table = pooled.select(columns)
    kept = int(table["records"].list.len().sum())
    return Merged(table, rows.height, kept, {"censored (below a bound, no value)": censored})


def _with_key(selected: pl.DataFrame, key: str) -> pl.DataFrame:
    rows = with_genotype(selected).collect()

    def every(name: str, value: str) -> pl.Expr:
        return pl.col("perturbations").list.eval(pl.element().struct.field(name) == value).list.all()

    rows = rows.with_columns(
        deletions_only=every("kind", "deletion"),
        haploid=every("zygosity", "haploid"),
        temperature=pl.col("temperature").fill_null(NO_TEMPERATURE),
    ).drop("perturbations")
    if key == "paper":
        return rows.with_columns(
            genotype="genes",
            temperature=pl.lit(NO_TEMPERATURE),
            evidence=pl.lit("measured"),
            reference=pl.lit("wild type"),
            medium_class=pl.lit("SGA plate"),
        )
    return rows.sort("id")


def write(path: Path, table: pl.DataFrame) -> None:
    """Write the merged table as a DuckDB file with one table, `fitness`, sorted by the merge key."""
    path.unlink(missing_ok=True)
    with duckdb.connect(path, config={"threads": 1}) as connection:
        connection.register("merged", table.to_arrow())
        connection.execute(f"CREATE TABLE {TABLE} AS SELECT * FROM merged")
        connection.unregister("merged")
        connection.execute("CHECKPOINT")


def read(path: Path, where: str = "true", parameters: list | None = None) -> pl.DataFrame:
    """Rows of a merged file; `where` is a DuckDB condition with `?` for each parameter."""
    if not path.is_file():
        raise MergeError(f"{path} is not there: materialize merged/fitness first.")
    try:
        with duckdb.connect(path, read_only=True) as connection:
            found = connection.sql(f"SELECT * FROM {TABLE} WHERE {where} ORDER BY ALL", params=parameters or []).pl()
    except duckdb.Error as error:
        raise MergeError(f"{path} is no merged table ({error}): materialize merged/fitness again.") from error
    return found.select(pl.col(name).cast(dtype) for name, dtype in polars_schema(MergedFitness).items())


def replicates(selected: pl.DataFrame) -> pl.DataFrame:
    """Pairs of measurements of one genotype at one temperature in two publications: columns `x`, `y`, `x_publication`,
    `y_publication`. Media differ, and are allowed to: it shows how far publications agree.
    """
    rows = _with_key(selected, "genotype").filter(pl.col("value").is_not_null())
    means = rows.group_by("genotype", "temperature", "publication").agg(pl.col("value").mean())
    pairs = means.join(means, on=["genotype", "temperature"], suffix="_y").filter(
        pl.col("publication") < pl.col("publication_y")
    )
    return pairs.select(
        "genotype", "temperature", x="value", y="value_y", x_publication="publication", y_publication="publication_y"
    ).sort("genotype", "temperature", "x_publication", "y_publication")
