"""Every gene of the genome as a vector, one partition per REPRESENTATION."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from torchcell_assets import environment
from torchcell_assets.config import layout
from torchcell_assets.config.partitions import partitions
from torchcell_assets.config.resources import DataRoot, RawFiles
from torchcell_assets.config.step_resources import GPU
from torchcell_assets.config.study import Study
from torchcell_assets.config.worker_process import WorkerProcess
from torchcell_assets.schema import Chromosome, Embedding, Gene
from torchcell_assets.staleness import step
from torchcell_assets.staleness.provenance import RECIPES_METADATA, recipe_note
from torchcell_assets.steps.representations import language_model, page, table, vectors
from torchcell_assets.steps.representations.language_models.registry import MODELS
from torchcell_assets.steps.representations.recipes import RECIPES, Recipe
from torchcell_assets.steps.representations.sequences import NEEDS_CHROMOSOMES
from torchcell_assets.storage.atomic import atomic_write
from torchcell_assets.storage.publish import column_schema, result


def _gene_embedding(study: Study) -> dg.AssetsDefinition:
    recipes = [RECIPES[key] for key in study.representations]
    reads = ["genome", *(["chromosomes"] if any(map(_reads_dna, recipes)) else [])]

    @step(
        prefix=study.prefix,
        uses=[Gene, *([Chromosome] if "chromosomes" in reads else []), Embedding],
        deps=[layout.key(study, "datasets", name) for name in reads],
        partitions_def=partitions(study).representation,
        kinds={"safetensors"},
        pool=GPU if any(map(vectors.needs_torch, study.representations)) else None,
        metadata={RECIPES_METADATA: dg.MetadataValue.json({recipe.key: recipe.describe() for recipe in recipes})},
    )
    def gene_embedding(
        context: dg.AssetExecutionContext, root: DataRoot, raw: RawFiles, worker: WorkerProcess
    ) -> dg.MaterializeResult:
        """One file is one representation: gene x dimension as safetensors, with a manifest of how it was made.

        A recipe belongs to one partition: a change of one outdates that representation alone, and the models trained on it.
        The vectors of a language model are computed by a worker, kept by sequence, and computed once.
        """
        recipe = RECIPES[context.partition_key]
        genes = pl.read_parquet(layout.dataset_table(root.folder, "genome"))
        sources = raw.sources()
        for source in recipe.files:
            context.log.info(f"{source.name}: licence {source.licence}. To be cited: {source.citation}.")
        files = {source.name: sources.path(source) for source in recipe.files}
        said = _compute(context, worker, root, raw, recipe) if recipe.family == language_model.FAMILY else {}
        embedding = table.build(recipe, genes, {**files, **_computed(root, said)})
        path = layout.embedding_file(root.folder, recipe.key)
        embedding = language_model.unless_noise(embedding, path)
        told = {
            **recipe_note(recipe.describe()),
            "dagster/row_count": len(embedding.genes),
            "dagster/column_schema": column_schema(Embedding),
            "dimension": embedding.dimension,
            "genes_missing": len(embedding.manifest["genes_missing"]),
            "manifest": dg.MetadataValue.json(embedding.manifest),
            **page.of_embedding(recipe, embedding, genes, sources),
            **({"cost": page.cost(said), "cost_in_detail": dg.MetadataValue.json(dict(said))} if said else {}),
        }
        with atomic_write(path) as temporary:
            table.write(temporary, embedding)
            made = result(path, table.content_hash(embedding), metadata=told, files={path: temporary})
        return made

    return gene_embedding


def _reads_dna(recipe: Recipe) -> bool:
    return recipe.family == language_model.FAMILY and MODELS[recipe.parameters["model"]].reads in NEEDS_CHROMOSOMES


def _compute(
    context: dg.AssetExecutionContext, worker: WorkerProcess, root: DataRoot, raw: RawFiles, recipe: Recipe
) -> Mapping[str, Any]:
    """Let a worker compute what the cache lacks; what it says of that."""
    request = vectors.Request.model_validate(
        {
            "root": root.folder,
            "key": recipe.key,
            "weights": environment.weights(),
            "mirror": raw.sources().mirror,
            "device": environment.device(),
        }
    )
    return worker.run(context, json.loads(request.model_dump_json()), deep=vectors.needs_torch(recipe.key))


def _computed(root: DataRoot, said: Mapping[str, Any]) -> dict[str, Path]:
    """What a language model's family reads beside its raw files."""
    if not said:
        return {}
    read = {language_model.VECTORS: layout.vectors_folder(root.folder) / said["cache"]}
    chromosomes = layout.dataset_table(root.folder, "chromosomes")
    return read | ({language_model.CHROMOSOMES: chromosomes} if chromosomes.is_file() else {})


def assets(study: Study) -> list[dg.AssetsDefinition]:
    """The one asset, over the representations of a study."""
    return [_gene_embedding(study)]
