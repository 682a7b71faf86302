"""Every gene of the genome as a vector, one partition per REPRESENTATION."""

import dagster as dg
import polars as pl

from torchcell_assets.config import layout
from torchcell_assets.config.partitions import partitions
from torchcell_assets.config.resources import DataRoot, RawFiles
from torchcell_assets.config.study import Study
from torchcell_assets.schema import Embedding, Gene
from torchcell_assets.staleness import step
from torchcell_assets.staleness.provenance import RECIPES_METADATA, recipe_note
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.representations.recipes import RECIPES
from torchcell_assets.storage.atomic import atomic_write
from torchcell_assets.storage.publish import column_schema, result

SHOWN_GENES = {"CDC28": "YBR160W", "ADE2": "YOR128C", "RAD52": "YML032C"}
"""Genes that every yeast geneticist knows, for the preview of nearest neighbours."""


def _gene_embedding(study: Study) -> dg.AssetsDefinition:
    deployed = {key: RECIPES[key].describe() for key in study.representations}

    @step(
        prefix=study.prefix,
        uses=[Gene, Embedding],
        deps=[layout.key(study, "datasets", "genome")],
        partitions_def=partitions(study).representation,
        kinds={"safetensors"},
        metadata={RECIPES_METADATA: dg.MetadataValue.json(deployed)},
    )
    def gene_embedding(context: dg.AssetExecutionContext, root: DataRoot, raw: RawFiles) -> dg.MaterializeResult:
        """One file is one representation: gene x dimension as safetensors, with a manifest of how it was made.

        A recipe belongs to one partition: a change of one outdates that representation alone, and the models trained on it.
        """
        recipe = RECIPES[context.partition_key]
        genes = pl.read_parquet(layout.dataset_table(root.folder, "genome"))
        sources = raw.sources()
        for source in recipe.files:
            context.log.info(f"{source.name}: licence {source.licence}. To be cited: {source.citation}.")
        embedding = table.build(recipe, genes, {source.name: sources.path(source) for source in recipe.files})
        path = layout.embedding_file(root.folder, recipe.key)
        told = {
            **recipe_note(recipe.describe()),
            "dagster/row_count": len(embedding.genes),
            "dagster/column_schema": column_schema(Embedding),
            "dimension": embedding.dimension,
            "genes_missing": len(embedding.manifest["genes_missing"]),
            "manifest": dg.MetadataValue.json(embedding.manifest),
            "nearest_genes": dg.MetadataValue.md(_nearest(embedding, genes)),
        }
        with atomic_write(path) as temporary:
            table.write(temporary, embedding)
            made = result(path, table.content_hash(embedding), metadata=told, files={path: temporary})
        return made

    return gene_embedding


def _nearest(embedding: table.GeneEmbedding, genes: pl.DataFrame) -> str:
    names = dict(genes.select("gene", pl.coalesce("name", "gene")).iter_rows())
    lines = ["gene | nearest genes (cosine)", "--- | ---"]
    for shown, gene in SHOWN_GENES.items():
        if gene in embedding.genes:
            near = ", ".join(f"{names[other]} ({cosine:.2f})" for other, cosine in table.neighbours(embedding, gene))
            lines.append(f"{shown} | {near or 'none: all genes are equally far'}")
    return "\n".join(lines)


def assets(study: Study) -> list[dg.AssetsDefinition]:
    """The one asset, over the representations of a study."""
    return [_gene_embedding(study)]
