"""Fitted models as files, and predictions from them.

Belongs here: writing and reading one skops file per model with its manifest inside, and predicting genotypes nobody has
measured. Does not: fitting (families.py), gene vectors (representations).

Never a pickle: reading a pickle runs whatever is in it. skops builds only the types that are listed here.
"""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations.table import GeneEmbedding, content_hash, genes_hash
from torchcell_assets.steps.trained.families import Fitted
from torchcell_assets.steps.trained.features import aggregate, incidence
from torchcell_assets.storage import replacing

MANIFEST = "manifest.json"
TRUSTED: tuple[str, ...] = (
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing._data.MaxAbsScaler",
    "sklearn.feature_selection._variance_threshold.VarianceThreshold",
    "sklearn.linear_model._coordinate_descent.ElasticNet",
    "sklearn.svm._classes.SVR",
    "sklearn.ensemble._forest.RandomForestRegressor",
    "sklearn.tree._classes.DecisionTreeRegressor",
    "sklearn.tree._tree.Tree",
    "scipy.sparse._csr.csr_matrix",  # the support vectors of sparse features
)
"""Types a model file may hold, beside the numbers, arrays and containers that skops always trusts."""

QUANTILES = (0.025, 0.975)
FEWEST_RESIDUALS = 40
"""Genotypes of one order below which the residuals of all orders give the interval: 2.5 % of 40 is one genotype."""

POLICY = {"quantiles": list(QUANTILES), "fewest": FEWEST_RESIDUALS}
"""What decides the interval of a prediction."""


class ModelFileError(TorchcellError):
    """A model file cannot be read, or does not fit what it is asked about."""


@dataclass(frozen=True)
class Model:
    """A fitted pipeline and its manifest."""

    pipeline: Any
    manifest: dict[str, Any]


def manifest_of(fitted: Fitted, embedding: GeneEmbedding, size: str) -> dict[str, Any]:
    """What a model file says of itself and of the vectors that it was trained on; JSON-able."""
    return {
        "family": fitted.family,
        "aggregation": fitted.aggregation,
        "features": fitted.features,
        **_vectors(embedding),
        "size": size,
        "parameters": fitted.parameters,
        "residual_quantiles": residual_quantiles(fitted.predictions),
        "training_genotypes": fitted.predictions.filter(pl.col("split").cast(pl.String) == "train").height,
    }


def _vectors(embedding: GeneEmbedding) -> dict[str, str]:
    """What tells vectors apart: one recipe gives other ones of another genome, and their order decides which is whose."""
    return {
        "representation": embedding.key,
        "fingerprint": embedding.manifest["fingerprint"],
        "genes": genes_hash(embedding.genes),
        "vectors": content_hash(embedding),
    }


def _refuse_other_vectors(said: dict[str, Any], embedding: GeneEmbedding) -> None:
    ours = _vectors(embedding)
    if any(said.get(name) != value for name, value in ours.items()):
        trained, given = (
            f"{of['representation']} (recipe {of['fingerprint']}, genes {of.get('genes', 'not recorded')}, "
            f"vectors {of.get('vectors', 'not recorded')})"
            for of in (said, ours)
        )
        raise ModelFileError(f"The model was trained on {trained}, not on {given}: train that cell again.")


def residual_quantiles(predictions: pl.DataFrame) -> dict[str, list[float]]:
    """2.5 % and 97.5 % quantiles of observed - predicted, out of fold, by order; `0` is all orders together."""
    train = predictions.filter(pl.col("split").cast(pl.String) == "train")
    found = {}
    for order in (0, *train["order"].unique().sort().to_list()):
        part = train.filter(pl.col("order") == order) if order else train
        if order and part.height < FEWEST_RESIDUALS:
            continue
        residuals = (part["observed"] - part["predicted"]).to_numpy()
        found[str(order)] = np.quantile(residuals, QUANTILES).tolist()
    return found


def write(path: Path, model: Model) -> None:
    """Store pipeline and manifest in one file, in the place of what is there."""
    with replacing(path) as temporary:
        dump(temporary, model)


def dump(temporary: Path, model: Model) -> None:
    """Write pipeline and manifest to a path at which nothing is yet: for files that are replaced together."""
    from skops.io import dumps

    temporary.write_bytes(dumps(model.pipeline))
    with zipfile.ZipFile(temporary, "a") as archive:
        said = {**model.manifest, "content": _content(archive)}
        archive.writestr(MANIFEST, json.dumps(said, indent=1, sort_keys=True))


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest alone; builds no model."""
    try:
        with zipfile.ZipFile(path) as archive:
            return dict(json.loads(archive.read(MANIFEST)))
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no model at {path}: train that cell first.") from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ModelFileError(f"{path} is damaged or no model file of ours ({error}): train that cell again.") from error


def read(path: Path) -> Model:
    """Read what `write` stored.

    Refuses, with one sentence, a file that is damaged or changed, and one that holds any type not in TRUSTED.
    """
    from skops.io import get_untrusted_types, loads
    from skops.io.exceptions import UntrustedTypesFoundException

    manifest = read_manifest(path)
    try:
        with zipfile.ZipFile(path) as archive:
            intact = _content(archive) == manifest.get("content")
        data = path.read_bytes()
        foreign = sorted(set(get_untrusted_types(data=data)) - set(TRUSTED))
        if foreign:
            raise ModelFileError(f"{path} holds {foreign[0]}, which no model of ours needs: it was not loaded.")
        if not intact:
            raise ModelFileError(f"{path} was changed after it was written: train that cell again.")
        pipeline = loads(data, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise ModelFileError(f"{path} holds types that no model of ours needs: it was not loaded ({error}).") from error
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, ImportError, EOFError) as error:
        raise ModelFileError(f"{path} is damaged or no model file of ours ({error}): train that cell again.") from error
    return Model(pipeline, manifest)


def predict(model: Model, embedding: GeneEmbedding, genotypes: Sequence[Sequence[str]]) -> pl.DataFrame:
    """Fitness of mutants that lack the given genes (systematic names), one row per genotype.

    Args:
        model: what `read` gives.
        embedding: the vectors that the model was trained on.
        genotypes: the deleted genes of each, in any order; one named twice counts once.

    Raises:
        ModelFileError: other vectors than the model was trained on, of one recipe or not; a genotype without a gene.

    Columns: `genes`, `order`, `predicted`, `low`, `high`, `genes_unknown` (those that the representation lacks; they
    count as the mean gene). low and high are predicted + the 2.5 % and 97.5 % quantiles of the out-of-fold residuals of
    the same order (of all orders where there were fewer than 40): they hold for genotypes like those of the training
    set, and are too narrow for genes never seen in it.
    """
    said = model.manifest
    _refuse_other_vectors(said, embedding)
    distinct = [sorted(set(genotype)) for genotype in genotypes]
    if not distinct or not all(distinct):
        raise ModelFileError("A genotype without a deleted gene is the wild type, whose fitness is 1 by definition.")
    lacking = incidence(distinct, embedding.genes)
    predicted = model.pipeline.predict(aggregate(lacking, embedding, said["features"]))
    orders = [len(genotype) for genotype in distinct]
    quantiles = said["residual_quantiles"]
    limits = np.array([quantiles.get(str(order), quantiles["0"]) for order in orders])
    missing = set(lacking.missing)
    return pl.DataFrame(
        {
            "genes": ["+".join(genotype) for genotype in distinct],
            "order": pl.Series(orders, dtype=pl.UInt8),
            "predicted": predicted,
            "low": predicted + limits[:, 0],
            "high": predicted + limits[:, 1],
            "genes_unknown": pl.Series([sorted(missing & set(g)) for g in distinct], dtype=pl.List(pl.String)),
        }
    )


def _content(archive: zipfile.ZipFile) -> str:
    """SHA-256 over the names and bytes of everything in the file but the manifest."""
    digest = hashlib.sha256()
    for name in sorted(set(archive.namelist()) - {MANIFEST}):
        content = archive.read(name)
        digest.update(f"{name}\x00{len(content)}\x00".encode() + content)
    return digest.hexdigest()
