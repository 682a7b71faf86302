"""Nested samples of the merged table, and the split: one row per genotype at the standard condition of the study.

Belongs here: which rows are eligible, their order, train / validation / test, the one test set of all sizes. Does not:
pooling (merge.py).

Order and split follow SHA-256 of the seed and the sorted gene set, so they are the same on every machine, 1e3 is part
of 1e4, and alleles of one gene never straddle two splits. The order uses the first half of the digest and the split
the second: were they the same digits, the smallest sample would hold nothing but training genotypes.

A genotype without conditional alleles that has no row at the temperature of the condition is taken from the first of the
temperatures from which it may be assumed; its row keeps the temperature at which it was measured, and tells so. The temperature
decides before the kind of evidence does: what was derived at the exact one is taken rather than what was measured at another.
Rows whose measurements differ with a p-value below the condition's `consistency` are as if they were not there: another row of
the genotype may take their place. One without a p-value (a single measurement) stays. Deletions of the genes in `without` are
left out: those of strains that do not live (viability.py).

Where a study has several targets, the first decides all of this, and the further ones stand beside it (sample_targets.py).

DuckDB filters and sorts, within a bound of memory and on the disk beyond it; rows come out of it batch by batch, so
that a table of any size passes through. Of a sample, only the rows that it needs are ever put together.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from torchcell_assets.config.study import Condition
from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.genotype import GENE_SEPARATOR, with_kind
from torchcell_assets.steps.merged import merged_table, sample_targets
from torchcell_assets.steps.merged.phenotypes import Phenotype
from torchcell_assets.storage.stored import RowGroups

if TYPE_CHECKING:
    import duckdb

SPLITS = ("train", "validation", "test")
VALIDATION_SHARE = TEST_SHARE = 0.1
SHARES = {"test": TEST_SHARE, "validation": VALIDATION_SHARE}
"""Split -> its share of the gene sets; the rest is for training."""
TEST_GENOTYPES = 20_000
"""Rows of the test set at most: a correlation of 20,000 has an interval of +-0.01, and every model predicts them all."""

ROWS = 131_072
"""Rows of a batch, and of a row group of the stored file; a multiple of DuckDB's 2,048."""
MEMORY = "1GB"
"""What the sort may take; the rest goes to the disk."""

CONDITIONAL = "temperature_sensitive"
"""Kind of alleles whose effect is another at another temperature: what was measured there is assumed nowhere else."""


_NONE: Mapping[str, Path] = {}


def types(phenotype: Phenotype, further: Sequence[Phenotype] = ()) -> dict[str, Any]:
    """Column of a sample -> polars type: those of the merged table, those of further targets, `split` and `rank`."""
    return {**phenotype.types, **sample_targets.types(further), "split": pl.String, "rank": pl.UInt32}


class SubsetError(TorchcellError):
    """A sample cannot be taken."""


def available(path: Path, condition: Condition, *, without: Set[str] = frozenset(), scratch: Path | None = None) -> int:
    """Number of haploid deletion genotypes at the standard condition. without: see `batches`."""
    where, parameters = _eligible(condition, deletions_only=True, without=without)
    with _opened(path, scratch) as (connection, phenotype):
        counted = "count(DISTINCT genotype)" if _rows_of_one(condition, phenotype) > 1 else "count(*)"
        query = f"SELECT {counted} FROM {phenotype.name} WHERE {where}"
        return connection.sql(query, params=parameters).fetchall()[0][0]


def wanted(size: str, there: int, larger: str) -> int:
    """Number of genotypes of a size: `1e3`, `1e4` ... or `all`.

    there: how many are available. larger: what would add more, for the refusal.
    Raises SubsetError if there are fewer.
    """
    if size == "all":
        return there
    number = int(float(size))
    if number > there:
        raise SubsetError(
            f"A subset of {size} needs {number:,} genotypes and the merged table holds {there:,} at the standard "
            f"condition: take a smaller size, or add {larger}."
        )
    return number


def batches(
    path: Path,
    condition: Condition,
    seed: int,
    *,
    limit: int | None = None,
    deletions_only: bool = True,
    order: int | None = None,
    without: Set[str] = frozenset(),
    scratch: Path | None = None,
    further: Mapping[str, Path] = _NONE,
) -> Iterator[pl.DataFrame]:
    """One row per haploid genotype at the standard condition, the preferred one, with `rank` and `split`.

    path: a merged file. limit: the first so many; all by default. order: of genotypes with so many genes alone.
    without: genes whose deletions are left out, alone and in crosses; other alleles of them stay.
    scratch: a folder for what does not fit into memory; by default DuckDB's own, beside the file.
    further: targets that stand beside the one of `path` -> their merged files.
    Gives tables of ROWS rows (the last one fewer, and it alone may be empty) in the order of `rank`, 0 first.
    Raises MergeError if `path` is no merged file, SampleError if one of `further` is not there.
    """
    where, parameters = _eligible(condition, deletions_only, order, without)
    of_a_row = [_temperatures(condition), list(condition.evidence)]
    with _opened(path, scratch) as (connection, phenotype):
        others = sample_targets.attach(connection, further)
        rows, sort = _selected(phenotype, condition, where, limit), _sort(phenotype)
        query = f"{rows} ORDER BY {', '.join(sort)}"
        filled = [str(seed), *of_a_row, *parameters]
        if others:
            # the columns of the key mean the same in every merged table, and so does the condition
            conditions = [_eligible(condition, deletions_only, None, without) for _ in others]
            query = sample_targets.beside(
                rows, sort, [(one, its) for one, (its, _) in zip(others, conditions, strict=True)]
            )
            filled += [value for _, own in conditions for value in (*of_a_row, *own)]
        found = connection.sql(query, params=filled).to_arrow_reader(ROWS)
        kept = {name: dtype for name, dtype in types(phenotype, others).items() if name != "rank"}
        frames = (pl.from_arrow(batch) for batch in found)
        yield from _in_batches(_one_per_genotype(frames, kept), kept, limit)  # type: ignore[arg-type]


def _sort(phenotype: Phenotype) -> list[str]:
    """Columns of `_selected` that decide the order: by digest and genotype, the preferred row of a genotype first."""
    return ["digest", "genotype", "nearest", "preference", *sample_targets.undecided(phenotype)]


def _selected(phenotype: Phenotype, condition: Condition, where: str, limit: int | None) -> str:
    """The query of the rows that meet `where`; those of the first `limit` genotypes in the order of `_sort` among them."""
    own = phenotype.name
    keys = f"sha256(? || ':' || genes) AS digest, {sample_targets.preferred()}"
    if limit is None:
        return f"SELECT {own}.*, {keys} FROM {own} WHERE {where}"
    # of that many rows, the first `limit` genotypes are whole
    rows = limit * _rows_of_one(condition, phenotype)
    named = ", ".join(["rowid AS at", keys])
    first = f"SELECT {named} FROM {own} WHERE {where} ORDER BY {', '.join(_sort(phenotype))} LIMIT {rows}"
    return f"SELECT {own}.*, first.* FROM {own} JOIN ({first}) AS first ON {own}.rowid = first.at"


def table(
    path: Path,
    condition: Condition,
    seed: int,
    *,
    deletions_only: bool = True,
    order: int | None = None,
    without: Set[str] = frozenset(),
) -> pl.DataFrame:
    """What `batches` gives, as one table: for what is known to be small."""
    return pl.concat(batches(path, condition, seed, deletions_only=deletions_only, order=order, without=without))


def test_set(
    path: Path,
    condition: Condition,
    seed: int,
    *,
    without: Set[str] = frozenset(),
    further: Mapping[str, Path] = _NONE,
) -> pl.DataFrame:
    """What models of every size are scored on: the test genotypes of all that are eligible, at most TEST_GENOTYPES of them.

    Rows as those of `batches`, ranked anew: where training genotypes come or go, nothing changes here. The split depends on
    the gene set alone, so that no training split of any size holds one of these gene sets.
    """
    kept: list[pl.DataFrame] = []
    for batch in batches(path, condition, seed, without=without, further=further):
        kept.append(batch.filter(pl.col("split") == "test"))
        if sum(part.height for part in kept) >= TEST_GENOTYPES:
            break
    return _numbered(pl.concat(kept).head(TEST_GENOTYPES).drop("rank"), 0)


def singles(path: Path, condition: Condition, seed: int, *, without: Set[str] = frozenset()) -> pl.DataFrame:
    """`gene`, `value`: the single deletions at the standard condition that are neither in validation nor in test.

    One row per gene, in the order of rank. Of a gene that has strains of two parts it is their mean: none of them is the whole.
    """
    rows = table(path, condition, seed, order=1, without=without).filter(pl.col("split") == "train")
    return rows.group_by(gene="genes", maintain_order=True).agg(pl.col("value").mean())


def written(
    path: Path, phenotype: Phenotype, frames: Iterator[pl.DataFrame], further: Sequence[Phenotype] = ()
) -> Iterator[pl.DataFrame]:
    """Write batches to one Parquet file, a row group each, and hand them on; the file is whole after the last one.

    phenotype: the target that decides which genotypes there are: the file says it. further: those that stand beside it.
    """
    repeated = [name for name, dtype in types(phenotype, further).items() if isinstance(dtype, pl.Enum)]
    repeated += ["medium_class", "assay", "reference", "split"]
    told = {sample_targets.FIRST: phenotype.name}
    with RowGroups(path, told, use_dictionary=repeated, write_statistics=["rank"]) as file:
        for frame in frames:
            file.add(frame)
            yield frame


def _temperatures(condition: Condition) -> list[float]:
    """Where a genotype may have been measured, the preferred first."""
    return [condition.temperature, *condition.assumed_from]


def _rows_of_one(condition: Condition, phenotype: Phenotype) -> int:
    """How many rows that meet the condition a genotype has at most: the merge key leaves it temperature, kind of evidence, and
    what is undecided.
    """
    values = (len(phenotype.types[name].categories) for name in phenotype.undecided)
    return len(condition.evidence) * len(_temperatures(condition)) * math.prod(values)


def _eligible(
    condition: Condition, deletions_only: bool, order: int | None = None, without: Set[str] = frozenset()
) -> tuple[str, list]:
    """The condition of DuckDB that rows of the merged table have to meet, and its parameters."""
    same = {name: getattr(condition, name) for name in ("medium_class", "assay", "reference")}
    where = ["haploid", *(f"{name} = ?" for name in same), f"evidence IN ({_marks(condition.evidence)})"]
    where.append(f"temperature IN ({_marks(_temperatures(condition))})")
    parameters = [*same.values(), *condition.evidence, *_temperatures(condition)]
    if condition.consistency:
        where.append("(consistency IS NULL OR consistency >= ?)")
        parameters.append(condition.consistency)
    if deletions_only:
        where.append("deletions_only")
    elif condition.assumed_from:
        where.append("(temperature = ? OR NOT contains(genotype, ?))")
        parameters += [condition.temperature, with_kind(CONDITIONAL)]
    if order is not None:
        where.append(f'"order" = {order}')
    if without:
        where.append("NOT (deletions_only AND list_has_any(string_split(genes, ?), ?))")
        parameters += [GENE_SEPARATOR, sorted(without)]
    return " AND ".join(where), parameters


def _marks(values: Sequence) -> str:
    return ", ".join("?" for _ in values)


def _opened(
    path: Path, scratch: Path | None
) -> "contextlib.AbstractContextManager[tuple[duckdb.DuckDBPyConnection, Phenotype]]":
    settings: dict[str, str | int] = {"threads": 2, "memory_limit": MEMORY}
    return merged_table.opened(path, settings | ({} if scratch is None else {"temp_directory": str(scratch)}))


def _one_per_genotype(frames: Iterator[pl.DataFrame], kept: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
    """The first of neighbouring rows of one genotype, with its split. kept: its columns -> type."""
    last = ""
    share = pl.col("digest").str.slice(32, 8).str.to_integer(base=16).cast(pl.Float64) / 2**32
    split = (
        pl.when(share < TEST_SHARE)
        .then(pl.lit("test"))
        .when(share < TEST_SHARE + VALIDATION_SHARE)
        .then(pl.lit("validation"))
        .otherwise(pl.lit("train"))
    )
    for frame in frames:
        first = frame.filter(pl.col("genotype") != pl.col("genotype").shift(fill_value=last))
        last = frame["genotype"][-1] if frame.height else last
        yield first.with_columns(split=split).select(pl.col(name).cast(dtype) for name, dtype in kept.items())


def _in_batches(frames: Iterator[pl.DataFrame], kept: Mapping[str, Any], limit: int | None) -> Iterator[pl.DataFrame]:
    """Batches of ROWS rows with their rank, whatever the sizes of `frames`: the data version is taken of batches."""
    held = pl.DataFrame(schema=dict(kept))
    given = 0
    for frame in frames:
        held = pl.concat([held, frame])
        if limit is not None:
            held = held.head(limit - given)
        while held.height > ROWS:  # one is kept back, so that the last batch is empty only where all are
            yield _numbered(held.head(ROWS), given)
            held, given = held.slice(ROWS), given + ROWS
    yield _numbered(held, given)


def _numbered(rows: pl.DataFrame, start: int) -> pl.DataFrame:
    return rows.with_columns(pl.int_range(start, start + pl.len(), dtype=pl.UInt32).alias("rank").set_sorted())
