"""From the fitted aggregations of all targets to what a trainer hands over.

Belongs here: the table of predictions, the names of the files, the manifest of a cell. Does not: fitting (cross_validation.py),
the form of a model file (model_store.py), where files lie (cells.py).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import polars as pl

from torchcell_assets.steps.trained import model_store
from torchcell_assets.steps.trained.cross_validation import FittedAggregation
from torchcell_assets.steps.trained.trainer import Config, Fitted, Inputs, Samples
from torchcell_assets.storage.content import content_hash

SEARCH = "search.parquet"


def model_name(target: str, aggregation: str, targets: Sequence[str]) -> str:
    """How a model is called in its cell: its aggregation; where the cell has several targets, `target.aggregation`."""
    return aggregation if len(targets) == 1 else f"{target}.{aggregation}"


def hand_over(parts: Sequence[FittedAggregation], samples: Samples, inputs: Inputs, config: Config) -> Fitted:
    """Predictions, models and search of all parts as one cell."""
    named = {model_name(part.target, part.aggregation, list(samples)): part for part in parts}
    own = [part.predictions for part in parts]
    search = pl.concat([_search(part) for part in parts], how="diagonal_relaxed")
    hashes = input_hashes(samples, inputs)
    models = {
        name: model_store.Model(part.model, model_store.manifest_of(part, inputs.embedding, config, hashes))
        for name, part in named.items()
    }
    manifest = {
        "family": config.family,
        "size": config.size,
        "seed": config.seed,
        "inputs": hashes,
        "chosen": {name: dict(part.parameters) for name, part in named.items()},
        "genes_not_in_representation": len(parts[0].missing),
    }
    artefact = {
        SEARCH: partial(search.write_parquet, compression="zstd"),
        **{f"{name}{model.suffix}": partial(model_store.dump, model=model) for name, model in models.items()},
    }
    return Fitted(pl.concat([*own, *(part.controls for part in parts)]), artefact, manifest)


def _search(part: FittedAggregation) -> pl.DataFrame:
    of_all = pl.lit(part.target).alias("target"), pl.lit(part.aggregation).alias("aggregation")
    return part.search.select(*of_all, pl.all())


def input_hashes(samples: Samples, inputs: Inputs) -> dict[str, Any]:
    """Content hash of everything that a cell is trained on."""
    return {
        "samples": {target: content_hash(rows, ["split", "genotype"]) for target, rows in samples.items()},
        "representation": model_store.vectors_of(inputs.embedding),
    }
