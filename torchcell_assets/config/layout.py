"""Every asset key and every path under the data root, spelt once.

Belongs here: how an asset is called, where it is stored. Does not: what is in it (the steps), how it comes to be (storage).

A key is the step and the name of an asset, behind the prefix of the study where several studies share one Dagster instance:
`datasets/genome`, or `starter/datasets/genome`. A path is that of the key without the prefix, under the data root of the study.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagster as dg

    from torchcell_assets.config.study import Study

STEPS = ("datasets", "graph", "merged", "representations", "trained")
"""In the order of the flow."""
RAW = "raw"
"""Group of the raw files: no step, but the world outside. Nothing here makes them; they are observed."""


def key(study: "Study", step: str, name: str) -> "dg.AssetKey":
    """The key of an asset; `study` says under which prefix."""
    import dagster as dg  # a process that needs the paths alone may have no Dagster

    return dg.AssetKey([*study.prefix, step, name])


def raw_key(prefix: "Sequence[str]", name: str) -> "dg.AssetKey":
    """The key of a raw file: `raw/costanzo2016_strain_ids_xlsx` of the source `costanzo2016/strain_ids.xlsx`.

    prefix: of the study, as in `key`.
    """
    import dagster as dg

    return dg.AssetKey([*prefix, RAW, re.sub(r"\W+", "_", name)])


def is_raw(asset: "dg.AssetKey") -> bool:
    """Whether an asset is a raw file."""
    return len(asset.path) > 1 and step_of(asset) == RAW


def step_of(asset: "dg.AssetKey") -> str:
    """The step to which an asset belongs; `raw` of a raw file."""
    return asset.path[-2]


def name_of(asset: "dg.AssetKey") -> str:
    """The name of an asset inside its step."""
    return asset.path[-1]


def dataset_table(root: Path, name: str) -> Path:
    """The records of a dataset."""
    return root / "datasets" / f"{name}.parquet"


def bundles(root: Path, name: str) -> Path:
    """The folder with the bundles of a dataset, one a build."""
    return root / "graph" / "bundles" / name


def merged_file(root: Path, phenotype: str) -> Path:
    """The DuckDB file with all merged rows of a phenotype."""
    return root / "merged" / f"{phenotype}.duckdb"


def subset_table(root: Path, size: str) -> Path:
    """The sample of one size."""
    return root / "merged" / "subset" / f"{size}.parquet"


def test_set_table(root: Path) -> Path:
    """What models of all sizes are scored on."""
    return root / "merged" / "test_set.parquet"


def key_value_file(root: Path, size: str) -> Path:
    """The key-value store of the sample of one size."""
    return root / "merged" / "key_value" / f"{size}.lmdb"


def embedding_file(root: Path, representation: str) -> Path:
    """The vectors of one representation."""
    return root / "representations" / "gene_embedding" / f"{representation}.safetensors"


def vectors_folder(root: Path) -> Path:
    """Vectors by sequence, of all models."""
    return root / "representations" / "vectors"


def weights_folder(root: Path) -> Path:
    """Weights of models that were fetched, or converted."""
    return root / "weights"


def trained_folder(root: Path) -> Path:
    """Models, predictions and scores."""
    return root / "trained"


def scoreboard_table(root: Path) -> Path:
    """All scores."""
    return trained_folder(root) / "scoreboard.parquet"
