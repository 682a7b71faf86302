"""Fitted models as files, and predictions from them.

Belongs here: writing and reading one file per model with its manifest inside, and predicting genotypes nobody has measured.
Does not: fitting (the trainers), gene vectors (representations), how wide an interval is (intervals.py), what is known of a
mutant beside the model (mutants.py).

A pipeline of scikit-learn is a skops file, a linear model a safetensors file (linear_model.py). Never a pickle: reading a pickle
runs whatever is in it. skops builds only the types that are listed here.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.genotype import GENE_SEPARATOR
from torchcell_assets.steps.representations.table import GeneEmbedding, content_hash, genes_hash
from torchcell_assets.steps.trained import intervals, linear_model
from torchcell_assets.steps.trained.cross_validation import FittedAggregation
from torchcell_assets.steps.trained.features import aggregate, incidence
from torchcell_assets.steps.trained.linear_model import LinearModel
from torchcell_assets.steps.trained.trainer import Config
from torchcell_assets.storage.atomic import atomic_write

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

SKOPS = ".skops"
SUFFIXES = (SKOPS, linear_model.SUFFIX)
"""Of the files that a model may be."""

FORMAT = 3
"""Raised when the manifest says other things than before: a file of another format is refused."""

POLICY = {**intervals.POLICY, "format": FORMAT}
"""What decides the interval of a prediction, and what is stored beside it."""


class ModelFileError(TorchcellError):
    """A model file cannot be read, or does not fit what it is asked about."""


@dataclass(frozen=True)
class Model:
    """A fitted model and its manifest. pipeline: of scikit-learn, or a LinearModel."""

    pipeline: Any
    manifest: dict[str, Any]

    @property
    def suffix(self) -> str:
        """Of its file."""
        return linear_model.SUFFIX if isinstance(self.pipeline, LinearModel) else SKOPS


def manifest_of(
    fitted: FittedAggregation, embedding: GeneEmbedding, config: Config, inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """What a model file says of itself, of the genotypes and of the vectors that it was trained on; JSON-able.

    config: of the cross-validation that gave the out-of-fold predictions. inputs: content hash of everything that it was trained
    on.
    """
    genes = intervals.training_genes(fitted.predictions)
    return {
        "format": FORMAT,
        "family": fitted.family,
        "target": fitted.target,
        "aggregation": fitted.aggregation,
        "features": fitted.features,
        **vectors_of(embedding),
        "inputs": inputs,
        "size": config.size,
        "parameters": fitted.parameters,
        "residual_quantiles": intervals.quantiles_by_class(fitted.predictions, config.folds, config.seed),
        "training_genes": genes,
        "training_genes_hash": genes_hash(genes),
        "training_genotypes": fitted.predictions.filter(pl.col("split").cast(pl.String) == "train").height,
    }


def vectors_of(embedding: GeneEmbedding) -> dict[str, str]:
    """What tells vectors apart: one recipe gives other ones of another genome, and their order decides which is whose."""
    return {
        "representation": embedding.key,
        "fingerprint": embedding.manifest["fingerprint"],
        "genes": genes_hash(embedding.genes),
        "vectors": content_hash(embedding),
    }


def _refuse_other_vectors(said: dict[str, Any], embedding: GeneEmbedding) -> None:
    ours = vectors_of(embedding)
    if any(said.get(name) != value for name, value in ours.items()):
        trained, given = (
            f"{of['representation']} (recipe {of['fingerprint']}, genes {of.get('genes', 'not recorded')}, "
            f"vectors {of.get('vectors', 'not recorded')})"
            for of in (said, ours)
        )
        raise ModelFileError(f"The model was trained on {trained}, not on {given}: train that cell again.")


def write(path: Path, model: Model) -> None:
    """Store model and manifest in one file, in the place of what is there."""
    with atomic_write(path) as temporary:
        dump(temporary, model)


def dump(temporary: Path, model: Model) -> None:
    """Write model and manifest to a path at which nothing is yet: for files that are replaced together."""
    from skops.io import dumps

    if isinstance(model.pipeline, LinearModel):
        return linear_model.dump(temporary, model.pipeline, model.manifest)

    temporary.write_bytes(dumps(model.pipeline))
    with zipfile.ZipFile(temporary, "a") as archive:
        said = {**model.manifest, "content": _content(archive)}
        archive.writestr(MANIFEST, json.dumps(said, indent=1, sort_keys=True))


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest alone; builds no model. Refuses one of another format than today's."""
    try:
        if path.suffix == linear_model.SUFFIX:
            manifest = linear_model.load_manifest(path)
        else:
            with zipfile.ZipFile(path) as archive:
                manifest = dict(json.loads(archive.read(MANIFEST)))
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no model at {path}: train that cell first.") from error
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ModelFileError(f"{path} is damaged or no model file of ours ({error}): train that cell again.") from error
    if manifest.get("format") != FORMAT:
        raise ModelFileError(
            f"{path} was written in format {manifest.get('format', 1)} and format {FORMAT} is read, which knows all that a model "
            "was trained on: train that cell again."
        )
    if manifest["training_genes_hash"] != genes_hash(manifest["training_genes"]):
        raise ModelFileError(f"The training genes in {path} were changed after it was written: train that cell again.")
    return manifest


def find(folder: Path, name: str) -> Path:
    """The file of the model of that name in the folder of a cell, whatever it is; where there is none, of the first kind."""
    return next(
        (path for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()), folder / f"{name}{SKOPS}"
    )


def read(path: Path) -> Model:
    """Read what `write` stored.

    Refuses, with one sentence, a file that is damaged or changed, and one that holds any type not in TRUSTED.
    """
    manifest = read_manifest(path)
    model = _linear(path, manifest) if path.suffix == linear_model.SUFFIX else _pipeline(path, manifest)
    return Model(model, manifest)


def _linear(path: Path, manifest: dict[str, Any]) -> LinearModel:
    try:
        model = linear_model.load(path)
    except ValueError as error:
        raise ModelFileError(f"{path} is damaged or no model file of ours ({error}): train that cell again.") from error
    if model.content != manifest.get("content"):
        raise ModelFileError(f"{path} was changed after it was written: train that cell again.")
    return model


def _pipeline(path: Path, manifest: dict[str, Any]) -> Any:
    from skops.io import get_untrusted_types, loads
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        with zipfile.ZipFile(path) as archive:
            intact = _content(archive) == manifest.get("content")
        data = path.read_bytes()
        foreign = sorted(set(get_untrusted_types(data=data)) - set(TRUSTED))
        if foreign:
            raise ModelFileError(f"{path} holds {foreign[0]}, which no model of ours needs: it was not loaded.")
        if not intact:
            raise ModelFileError(f"{path} was changed after it was written: train that cell again.")
        return loads(data, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise ModelFileError(f"{path} holds types that no model of ours needs: it was not loaded ({error}).") from error
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, ImportError, EOFError) as error:
        raise ModelFileError(f"{path} is damaged or no model file of ours ({error}): train that cell again.") from error


def predict(model: Model, embedding: GeneEmbedding, genotypes: Sequence[Sequence[str]]) -> pl.DataFrame:
    """Fitness of mutants that lack the given genes (systematic names), one row per genotype.

    Args:
        model: what `read` gives.
        embedding: the vectors that the model was trained on.
        genotypes: the deleted genes of each, in any order; one named twice counts once.

    Raises:
        ModelFileError: other vectors than the model was trained on, of one recipe or not; a genotype without a gene.

    Columns: `genes`, `order`, `predicted`, `low`, `high`, `genes_unseen` (no training genotype lacks them), `genes_unknown` (the
    representation lacks them; they count as the mean gene). low and high are predicted + the 2.5 % and 97.5 % quantiles of the
    out-of-fold residuals of like genotypes: see intervals.py.
    """
    said = model.manifest
    _refuse_other_vectors(said, embedding)
    distinct = [sorted(set(genotype)) for genotype in genotypes]
    if not distinct or not all(distinct):
        raise ModelFileError("A genotype without a deleted gene is the wild type, whose fitness is 1 by definition.")
    lacking = incidence(distinct, embedding.genes)
    predicted = model.pipeline.predict(aggregate(lacking, embedding, said["features"]))
    orders = [len(genotype) for genotype in distinct]
    unseen = _others(distinct, set(said["training_genes"]))
    limits = intervals.limits(said["residual_quantiles"], orders, [bool(genes) for genes in unseen])
    return pl.DataFrame(
        {
            "genes": [GENE_SEPARATOR.join(genotype) for genotype in distinct],
            "order": pl.Series(orders, dtype=pl.UInt8),
            "predicted": predicted,
            "low": predicted + limits[:, 0],
            "high": predicted + limits[:, 1],
            "genes_unseen": pl.Series(unseen, dtype=pl.List(pl.String)),
            "genes_unknown": pl.Series(_others(distinct, set(embedding.genes)), dtype=pl.List(pl.String)),
        }
    )


def _others(genotypes: Sequence[Sequence[str]], known: set[str]) -> list[list[str]]:
    return [[gene for gene in genotype if gene not in known] for genotype in genotypes]


def _content(archive: zipfile.ZipFile) -> str:
    """SHA-256 over the names and bytes of everything in the file but the manifest."""
    digest = hashlib.sha256()
    for name in sorted(set(archive.namelist()) - {MANIFEST}):
        content = archive.read(name)
        digest.update(f"{name}\x00{len(content)}\x00".encode() + content)
    return digest.hexdigest()
