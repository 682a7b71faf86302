"""Several targets in one sample: the first decides which genotypes there are, every further one adds its columns beside them.

Belongs here: how the columns of a further target are called, the query that puts them beside a genotype, the rows of one target
out of a stored sample. Does not: which genotypes there are, their order and split (subsets.py).

A further target has the columns of its own merged row as `<target>_<column>`: `interaction_value`, `interaction_standard_error`,
`interaction_score` ... They are null where its merged table has no row of the genotype at the condition of the study: that
`<target>_value` is null is the mask. Split and order follow the gene set alone, and are the same for all targets of a genotype.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.merged.phenotypes import PHENOTYPES, Phenotype

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

OF_THE_GENOTYPE = (
    *("genotype", "perturbations", "genes", "order", "deletions_only", "haploid"),
    *("medium_class", "assay", "reference"),
)
"""Columns of a merged row in which all targets of a genotype at one condition agree."""
FIRST = "target"
"""Key in the metadata of a stored sample: of which target the columns without a prefix are."""


class SampleError(TorchcellError):
    """A stored sample does not hold what is asked of it."""


def of_targets(names: Iterable[str]) -> list[Phenotype]:
    """The phenotypes of some targets, in the order of the registry, whatever the order of `names`."""
    wanted = set(names)
    return [phenotype for phenotype in PHENOTYPES.values() if phenotype.name in wanted]


def columns(phenotype: Phenotype) -> dict[str, str]:
    """Column of a merged row -> its name in a sample whose first target is another one."""
    return {name: f"{phenotype.name}_{name}" for name in phenotype.types if name not in OF_THE_GENOTYPE}


def types(further: Iterable[Phenotype]) -> dict[str, Any]:
    """Column of further targets in a sample -> polars type."""
    return {called: one.types[name] for one in further for name, called in columns(one).items()}


def attach(connection: "DuckDBPyConnection", further: Mapping[str, Path]) -> list[Phenotype]:
    """Make the merged files of further targets readable by `beside`; returns their phenotypes, in the order of the registry.

    further: target -> merged file.

    Raises:
        SampleError: a file is not there, or no database.
    """
    import duckdb  # a trainer reads samples, and needs no database

    for name, path in further.items():
        if not path.is_file():
            raise SampleError(f"{path} is not there: materialize merged/{name} first.")
        quoted = str(path).replace("'", "''")
        try:
            connection.execute(f"ATTACH '{quoted}' AS {_attached(name)} (READ_ONLY)")
        except duckdb.Error as error:
            raise SampleError(f"{path} is no merged table ({error}): materialize merged/{name} again.") from error
    return of_targets(further)


def preferred(prefix: str = "") -> str:
    """Two columns that say how near a merged row is to what is preferred, the nearest first.

    Parameters of the query: the temperatures and the kinds of evidence, each the preferred first.
    """
    near = f"list_position(?, temperature) AS {prefix}nearest"
    return f"{near}, list_position(?, CAST(evidence AS VARCHAR)) AS {prefix}preference"


def undecided(phenotype: Phenotype, prefix: str = "") -> list[str]:
    """What sorts the rows of a genotype by what no condition decides: as the merged class names the values, not by the alphabet,
    in which a merged file holds them as text. prefix: of the columns.
    """
    places = {
        name: ", ".join(f"'{value}'" for value in phenotype.types[name].categories) for name in phenotype.undecided
    }
    return [f"list_position([{values}], CAST({prefix}{name} AS VARCHAR))" for name, values in places.items()]


def beside(rows: str, sort: Sequence[str], further: Sequence[tuple[Phenotype, str]]) -> str:
    """The query of rows with the columns of further targets beside them, the preferred row of each genotype first.

    A genotype with several rows of one target is multiplied: who reads takes the first row of each genotype.

    Args:
        rows: a query with a column `genotype`.
        sort: its columns that decide the order, those of one genotype last.
        further: phenotypes that `attach` gave, and the condition that their rows have to meet; parameters of the query, after
            those of `rows`: for each those of `preferred`, and those of its condition.
    """
    joined, order = f"({rows}) AS own", list(sort)
    for phenotype, where in further:
        name, place = phenotype.name, f"of_{phenotype.name}"
        taken = ", ".join(f'"{column}" AS {called}' for column, called in columns(phenotype).items())
        chosen = (
            f"SELECT genotype AS {place}, {taken}, {preferred(f'{name}_')} FROM {_attached(name)}.{name} WHERE {where}"
        )
        joined += f" LEFT JOIN ({chosen}) ON own.genotype = {place}"
        order += [f"{name}_nearest", f"{name}_preference", *undecided(phenotype, f"{name}_")]
    return f"SELECT * FROM {joined} ORDER BY {', '.join(order)}"


def _attached(name: str) -> str:
    return f"merged_{name}"


def read(path: Path, target: str) -> pl.DataFrame:
    """The rows of a stored sample, or of the test set, that have a value of one target, with the columns of its merged class.

    Raises:
        SampleError: the file is not there, or knows nothing of that target.
    """
    first = first_of(path)
    return of_target(pl.read_parquet(path), first, PHENOTYPES[target])


def first_of(path: Path) -> Phenotype:
    """The target that decides which genotypes a stored sample holds; one that does not say it was made when there was one alone.

    Raises:
        SampleError: the file is not there.
    """
    if not path.is_file():
        raise SampleError(f"There is no {path}: materialize merged/{_asset(path)} first.")
    return PHENOTYPES[pl.read_parquet_metadata(path).get(FIRST, next(iter(PHENOTYPES)))]


def of_target(sample: pl.DataFrame, first: Phenotype, wanted: Phenotype) -> pl.DataFrame:
    """The rows of a sample that have a value of one target, with its columns under their own names.

    first: the target whose columns have no prefix in the sample.

    Raises:
        SampleError: the sample has no columns of `wanted`.
    """
    if wanted == first:
        return sample
    own = columns(wanted)
    if own["value"] not in sample.columns:
        raise SampleError(
            f"The sample has no column {own['value']!r}: materialize merged/subset and merged/test_set again."
        )
    others = [name for name in first.types if name not in OF_THE_GENOTYPE]
    masked = sample.filter(pl.col(own["value"]).is_not_null()).drop(others, strict=False)
    return masked.rename({called: name for name, called in own.items()}, strict=False)


def _asset(path: Path) -> str:
    """`subset of size 1e3`, or `test_set`: what a person has to materialize."""
    return f"subset of size {path.stem}" if path.parent.name == "subset" else path.stem
