"""What a notebook asks of a data root: stored tables, genes, torch datasets. Re-exported by the package.

Belongs here: reading what the assets stored. Does not: making anything, Dagster.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from torchcell_assets.environment import data_root
from torchcell_assets.errors import TorchcellError

if TYPE_CHECKING:
    from torchcell_assets.notebook.torch_dataset import KeyValueDataset
    from torchcell_assets.steps.datasets.gene_names import GeneNames


class NotThere(TorchcellError):
    """What was asked for has not been made yet."""


def open_table(name: str, root: Path | str | None = None) -> pl.DataFrame:
    """A stored table by its asset key: `merged/fitness`, `merged/interaction`, `merged/subset/1e3`, `datasets/genome` ...

    Of `representations/gene_embedding/one_hot`, one row is one gene with its vector: columns `gene` and `vector`.
    root: the data root; by default that of this process.
    """
    place = home_of(root) / name
    if place.with_suffix(".duckdb").is_file():
        from torchcell_assets.steps.merged import merged_table

        return merged_table.read(place.with_suffix(".duckdb"))
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
    raise NotThere(f"There is no table {name!r} in {home_of(root)}: materialize that asset, or run `make run`.")


def dataset(name: str, split: str | None = None, root: Path | str | None = None) -> "KeyValueDataset":
    """A key-value store as a `torch.utils.data.Dataset`: `merged/key_value/1e3`.

    split: `train`, `validation` or `test` alone; by default all. Needs torch, which comes with the extra `deep`.
    """
    try:
        from torchcell_assets.notebook.torch_dataset import KeyValueDataset
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise NotThere(
            "A dataset needs torch, which is not installed: `pip install torchcell-assets[deep]`."
        ) from error
    return KeyValueDataset(home_of(root) / f"{name}.lmdb", split)


def gene(name: str, root: Path | str | None = None) -> dict:
    """One gene by any name that people use (`CDC28`, `cdc28`, `YBR160W`, an alias): the fields of `Gene`.

    Raises UnknownGeneName with similar names, or AmbiguousGeneName with the candidates.
    """
    genes, names = genome_of(home_of(root))
    return genes.row(by_predicate=pl.col("gene") == names.resolve(name), named=True)


def home_of(root: Path | str | None) -> Path:
    """The data root: that of this process, unless one is named."""
    return data_root() if root is None else Path(root).expanduser().absolute()


@cache
def genome_of(root: Path) -> tuple[pl.DataFrame, "GeneNames"]:
    """The genes of a data root, and their names; read once."""
    from torchcell_assets.steps.datasets.gene_names import GeneNames

    genes = open_table("datasets/genome", root)
    return genes, GeneNames(genes)
