"""What a notebook asks of a data root: stored tables, genes, predictions, torch datasets. Re-exported by the package.

Belongs here: reading what the assets stored. Does not: making anything, Dagster.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from torchcell_assets.environment import data_root
from torchcell_assets.errors import TorchcellError

if TYPE_CHECKING:
    from torchcell_assets.key_value_dataset import KeyValueDataset
    from torchcell_assets.steps.datasets.gene_names import GeneNames


class NotThere(TorchcellError):
    """What was asked for has not been made yet."""


class NotGenotypes(TorchcellError):
    """What was given as genotypes is no list of lists."""


def open_table(name: str, root: Path | str | None = None) -> pl.DataFrame:
    """A stored table by its asset key: `merged/fitness`, `merged/subset/1e3`, `datasets/genome`, `trained/scoreboard`.

    Of `representations/gene_embedding/one_hot`, one row is one gene with its vector: columns `gene` and `vector`.
    root: the data root; by default that of this process.
    """
    place = _home(root) / name
    if place.with_suffix(".duckdb").is_file():
        from torchcell_assets.steps.merged import fitness

        return fitness.read(place.with_suffix(".duckdb"))
    for path in (place.with_name(place.name + ".parquet"), place / "predictions.parquet"):
        if path.is_file():
            return pl.read_parquet(path)
    if place.with_name(place.name + ".lmdb").is_file():
        from torchcell_assets.steps.merged.key_value_store import KeyValueStore

        return KeyValueStore(place.with_name(place.name + ".lmdb")).table()
    if place.with_name(place.name + ".safetensors").is_file():
        from torchcell_assets.steps.representations import table

        return table.frame(table.read(place.with_name(place.name + ".safetensors")))
    if place.with_name(place.name + ".skops").is_file():
        raise NotThere(f"{name!r} is a model and no table: `torchcell_assets.predict(genotypes, model=...)` asks it.")
    if name.startswith("graph/"):
        raise NotThere(f"{name!r} is in the graph server and no file: the same rows are in 'datasets/{name[6:]}'.")
    raise NotThere(f"There is no table {name!r} in {_home(root)}: materialize that asset, or run `make run`.")


def dataset(name: str, split: str | None = None, root: Path | str | None = None) -> "KeyValueDataset":
    """A key-value store as a `torch.utils.data.Dataset`: `merged/key_value/1e3`.

    split: `train`, `validation` or `test` alone; by default all. Needs torch, which comes with the extra `deep`.
    """
    try:
        from torchcell_assets.key_value_dataset import KeyValueDataset
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise NotThere(
            "A dataset needs torch, which is not installed: `pip install torchcell-assets[deep]`."
        ) from error
    return KeyValueDataset(_home(root) / f"{name}.lmdb", split)


def gene(name: str, root: Path | str | None = None) -> dict:
    """One gene by any name that people use (`CDC28`, `cdc28`, `YBR160W`, an alias): the fields of `Gene`.

    Raises UnknownGeneName with similar names, or AmbiguousGeneName with the candidates.
    """
    genes, names = _genome(_home(root))
    return genes.row(by_predicate=pl.col("gene") == names.resolve(name), named=True)


def predict(
    genotypes: Sequence[Sequence[str]],
    model: str = "elastic_net/1e3/one_hot/pert_sum",
    root: Path | str | None = None,
) -> pl.DataFrame:
    """Fitness of mutants that nobody may have made, relative to wild type.

    Args:
        genotypes: the deleted genes of each mutant, by any name: `[["CDC28", "CLN3"], ["RAD52"]]`.
        model: family/size/representation/aggregation of a trained cell.
        root: the data root; by default that of this process.

    Returns:
        One row per mutant: `genes`, `order`, `predicted`, `low` and `high` (95 % by the out-of-fold residuals),
        `genes_unknown`.

    Raises:
        NotThere: `model` names no cell.
        NotGenotypes: `genotypes` is a list of names and not of mutants.
        ModelFileError: the cell is not trained, or was trained on other vectors than those of the data root.
        UnknownGeneName, AmbiguousGeneName: as `gene` does.
    """
    from torchcell_assets.steps.representations import table
    from torchcell_assets.steps.trained import model_store

    home = _home(root)
    genotypes = _lists(genotypes)
    parts = model.split("/")
    if len(parts) != 4:
        raise NotThere(f"{model!r} names no model: give family/size/representation/aggregation.")
    _, names = _genome(home)
    resolved = [[names.resolve(name) for name in genotype] for genotype in genotypes]
    fitted = model_store.read(home.joinpath("trained", *parts[:3], f"{parts[3]}.skops"))
    embedding = table.read(home / "representations" / "gene_embedding" / f"{parts[2]}.safetensors")
    return model_store.predict(fitted, embedding, resolved)


def _home(root: Path | str | None) -> Path:
    return data_root() if root is None else Path(root).expanduser().absolute()


def _lists(genotypes: Sequence[Sequence[str]] | str) -> Sequence[Sequence[str]]:
    """What `predict` was given, unless it is a name or has one in it, which would be taken apart into letters."""
    given = [genotypes] if isinstance(genotypes, str) else list(genotypes)
    names = [one for one in given if isinstance(one, str)]
    if names:
        apart = f" is one mutant, {[[name] for name in names]} are {len(names)}" if len(names) > 1 else ""
        raise NotGenotypes(
            f"{names[0]!r} stands where a mutant should: give a list of lists, one list per mutant: {[names]}{apart}."
        )
    return given


@cache
def _genome(root: Path) -> tuple[pl.DataFrame, "GeneNames"]:
    from torchcell_assets.steps.datasets.gene_names import GeneNames

    genes = open_table("datasets/genome", root)
    return genes, GeneNames(genes)
