"""Baselines per SIZE, one asset per model family over SIZE x REPRESENTATION, and the scoreboard that compares them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from torchcell_assets.config import layout
from torchcell_assets.config.partitions import cell, keys_of, partitions
from torchcell_assets.config.resources import DataRoot
from torchcell_assets.config.study import Study
from torchcell_assets.schema import MergedFitness, Prediction, Score
from torchcell_assets.staleness import Policy, outdated, step
from torchcell_assets.staleness.dagster_internals import AssetGraph
from torchcell_assets.staleness.provenance import LEFT_OUT_METADATA
from torchcell_assets.steps.merged import subsets
from torchcell_assets.steps.merged.assets import assets as merged_assets
from torchcell_assets.steps.merged.assets import left_out, sampled, sampled_from
from torchcell_assets.steps.representations import table as representation_table
from torchcell_assets.steps.representations.assets import assets as representation_assets
from torchcell_assets.steps.trained import baselines as baseline_models
from torchcell_assets.steps.trained import (
    ceilings,
    estimators,
    families,
    figures,
    model_store,
    order_figure,
    predictions,
    repeats,
    scoreboard,
    scoreboard_figure,
    scores,
)
from torchcell_assets.steps.trained.grids import GRIDS
from torchcell_assets.steps.trained.scoreboard import BASELINES, Cell
from torchcell_assets.storage.atomic import atomic_write_together
from torchcell_assets.storage.content import content_hash
from torchcell_assets.storage.figures import drawn, picture
from torchcell_assets.storage.publish import as_they_are, column_lineage, result, table_metadata

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POOL = "training"
FROM_SUBSET = {
    **as_they_are(["genotype", "genes", "order", "standard_error"]),
    "observed": ["value"],
    "split": ["genes"],
    "predicted": ["genes", "value"],
}
"""Column of the predictions -> columns of the sample, and of the test set."""


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _rows(root: DataRoot, size: str) -> pl.DataFrame:
    """What models of one size predict: its sample, and the test set of all sizes."""
    subset = pl.read_parquet(layout.subset_table(root.folder, size))
    return predictions.rows_to_predict(subset, pl.read_parquet(layout.test_set_table(root.folder)))


def _baselines(study: Study) -> dg.AssetsDefinition:
    @step(
        prefix=study.prefix,
        # the measured single mutants come from the merged table by the same condition and split as the sample
        uses=[
            MergedFitness,
            Prediction,
            Policy("seed", study.seed),
            *sampled(study),
            Policy("ridge", baseline_models.POLICY),
        ],
        logic="4",
        deps=[layout.key(study, "merged", "subset"), layout.key(study, "merged", "test_set"), *sampled_from(study)],
        partitions_def=partitions(study).size,
        kinds={"scikitlearn"},
        pool=POOL,
    )
    def baselines(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
        """One row is what one baseline says of one genotype; without them no score is shown.

        The mean; the mean per order; the mean of the query strain; that of the query strain times the single mutant of the array
        gene; the product of measured single mutants (gaps = 1), of all sizes and of this one; an additive log ridge and an
        additive ridge on one-hot genes.
        """
        size = context.partition_key
        singles = subsets.singles(
            layout.merged_file(root.folder), study.condition, study.seed, without=left_out(study, root)
        )
        made = baseline_models.fit_baselines(_rows(root, size), singles, seed=study.seed)
        where = Cell(layout.trained_folder(root.folder), BASELINES, size)
        metadata = {
            **table_metadata(Prediction, made.predictions),
            **column_lineage(
                (layout.key(study, "merged", "subset"), FROM_SUBSET),
                (layout.key(study, "merged", "test_set"), FROM_SUBSET),
                (layout.key(study, "merged", "fitness"), {"predicted": ["genes", "value"]}),
            ),
            **scores.of_test_set(made.predictions, "model"),
            "singles": singles.height,
            "notes": dg.MetadataValue.json(made.notes),
        }
        version = content_hash(made.predictions, list(Prediction.primary_key()))
        return _stored(where, version, metadata, {where.predictions: Prediction.validate(made.predictions, cast=True)})

    return baselines


def _stored(
    where: Cell,
    version: str,
    metadata: Mapping[str, Any],
    tables: Mapping[Path, pl.DataFrame],
    models: Mapping[Path, model_store.Model] | None = None,
) -> dg.MaterializeResult:
    """Store all files of a cell as one: predictions of one training never stand beside a model of another."""
    models = models or {}
    with atomic_write_together(*tables, *models) as temporaries:
        for temporary, table in zip(temporaries, tables.values(), strict=False):
            table.write_parquet(temporary, compression="zstd")
        for temporary, model in zip(temporaries[len(tables) :], models.values(), strict=True):
            model_store.dump(temporary, model)
        files = dict(zip([*tables, *models], temporaries, strict=True))
        made = result(where.predictions, version, metadata=metadata, files=files)
    return made


def _family(study: Study, name: str) -> dg.AssetsDefinition:
    family = families.FAMILIES[name]
    grid = GRIDS[study.grid]
    tried = {"folds": grid.folds, "choose_by": grid.choose_by, "candidates": [dict(c) for c in grid.candidates[name]]}

    @step(
        prefix=study.prefix,
        name=name,
        uses=[
            *(MergedFitness, Prediction, Policy("seed", study.seed)),
            Policy("grid", tried),
            Policy("fit", {**estimators.POLICY, "aliases": families.ALIASES, "samples": families.SAMPLES}),
            Policy("prediction_interval", model_store.POLICY),
        ],
        logic="3",
        deps=[
            layout.key(study, "merged", "subset"),
            layout.key(study, "merged", "test_set"),
            layout.key(study, "representations", "gene_embedding"),
        ],
        partitions_def=partitions(study).grid,
        kinds={"scikitlearn"},
        pool=POOL,
        description=f"One cell is {family.title} on one sample and one representation, in four aggregations.\n\n"
        f"Hyper-parameters are searched inside the training split by {grid.folds}-fold cross-validation "
        f"(grid `{grid.name}`, by {grid.choose_by}); the model file is skops, never a pickle. "
        "Predictions of training genotypes are out of fold. Beside them: what the same model says of the test set when it is "
        f"fitted on each of {families.SAMPLES} smaller samples, and on vectors whose gene labels are permuted.",
    )
    def build(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
        size, representation = keys_of(context)
        embedding = representation_table.read(layout.embedding_file(root.folder, representation))
        fitted = families.fit_aggregations(
            _rows(root, size),
            embedding,
            name,
            grid,
            seed=study.seed,
            threads=_threads(),
            tick=lambda done, total, text: context.log.debug(f"{done} of {total}: {text}"),
        )
        where = Cell(layout.trained_folder(root.folder), name, size, representation)
        own = pl.concat([part.predictions for part in fitted])
        table = pl.concat([own, *(part.controls for part in fitted)])
        search = pl.concat(
            [part.search.select(pl.lit(part.aggregation).alias("aggregation"), pl.all()) for part in fitted],
            how="diagonal_relaxed",
        )
        best = min(fitted, key=lambda part: scores.error(part.predictions, "validation"))
        models = {
            where.model(part.aggregation): model_store.Model(
                part.pipeline,
                model_store.manifest_of(part, embedding, size, folds=grid.folds, seed=study.seed),
            )
            for part in fitted
        }
        metadata = {
            **table_metadata(Prediction, table),
            **column_lineage(
                (layout.key(study, "merged", "subset"), FROM_SUBSET),
                (layout.key(study, "merged", "test_set"), FROM_SUBSET),
                (layout.key(study, "representations", "gene_embedding"), {"predicted": ["gene", "vector"]}),
            ),
            **scores.of_test_set(own, "aggregation"),
            "chosen": dg.MetadataValue.json({part.aggregation: dict(part.parameters) for part in fitted}),
            "seconds": round(sum(part.seconds for part in fitted), 2),
            "genes_not_in_representation": len(fitted[0].missing),
            "predicted_against_observed": picture(
                best.aggregation, lambda: figures.predicted_vs_observed(best.predictions)
            ),
        }
        version = content_hash(table, list(Prediction.primary_key()))
        tables = {where.predictions: Prediction.validate(table, cast=True), where.search: search}
        return _stored(where, version, metadata, tables, models)

    return build


def _scoreboard(study: Study, models: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    @step(
        prefix=study.prefix,
        name="scoreboard",
        uses=[
            Score,
            Policy("score_interval", scores.POLICY),
            Policy("ceiling", ceilings.POLICY),
            Policy("repeat", repeats.FEWEST),
        ],
        logic="2",
        deps=[*models, layout.key(study, "merged", "test_set"), layout.key(study, "merged", "fitness")],
        kinds={"matplotlib"},
    )
    def trained_scoreboard(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
        """One row is one score of one model, with its interval and its difference to the baselines; and the figures of them all.

        All models of all sizes are scored on `merged/test_set`. Where other publications measured the same genotypes, they stand
        beside. A cell that was scored on other genotypes or other observed values than its baselines is refused. What is not
        trained yet, and what is outdated, is left out and named.
        """
        place = layout.trained_folder(root.folder)
        wanted = list(scoreboard.cells(place, list(families.FAMILIES), list(study.sizes), list(study.representations)))
        test_set = pl.read_parquet(layout.test_set_table(root.folder))
        limits = ceilings.ceilings(test_set)
        again = repeats.repeats(layout.merged_file(root.folder), test_set)
        yardsticks = scores.Yardsticks(test_set.select("genotype", "query"), limits, again)
        collected = scoreboard.collect(wanted, _outdated(study, context.instance, models, place), yardsticks)
        table = Score.validate(collected.board, cast=True)
        path = place / "scoreboard.parquet"
        sizes = [size for size in study.sizes if size in set(table["size"])]
        note = "SIMULATED growth, not measured" if study.condition.evidence == ("simulated",) else ""
        old = {size: [(c.family, c.representation) for c in collected.outdated if c.size == size] for size in sizes}
        pictures: dict[Path, bytes] = {}
        shown = {}
        for size in sizes:

            def board(size: str = size) -> "Figure":
                return scoreboard_figure.scoreboard_figure(
                    table, size, study.representations, note=note, outdated=old[size], ceiling=limits.get(0)
                )

            def by_order(size: str = size) -> "Figure":
                return order_figure.order_figure(table, size, limits, note=note)

            suffix = "" if size == sizes[0] else f"_{size}"
            shown[f"figure_{size}"] = drawn(f"scoreboard {size}", board, place / f"scoreboard{suffix}", pictures)
            shown[f"by_order_{size}"] = drawn(f"by order {size}", by_order, place / f"by_order{suffix}", pictures)
        metadata = {
            **shown,
            **table_metadata(Score, table),
            "not_trained": dg.MetadataValue.json([one.name for one in collected.not_trained]),
            "outdated": dg.MetadataValue.json({one.name: why for one, why in collected.outdated.items()}),
            LEFT_OUT_METADATA: dg.MetadataValue.json(_partitions(study, collected.outdated)),
        }
        version = content_hash(table, list(Score.primary_key()))
        with atomic_write_together(path, *pictures) as (temporary, *others):
            scoreboard.write(temporary, collected)
            for other, rendered in zip(others, pictures.values(), strict=True):
                other.write_bytes(rendered)
            files = dict(zip([path, *pictures], [temporary, *others], strict=True))
            made = result(path, version, metadata=metadata, files=files)
        return made

    return trained_scoreboard


def _outdated(
    study: Study, instance: dg.DagsterInstance, models: Sequence[dg.AssetsDefinition], place: Path
) -> dict[Cell, str]:
    """Cells that today's code and inputs would not give, or of which nothing is known -> why."""
    # the graph of a run holds its own assets alone, without the code versions of what these are made from
    graph = AssetGraph.from_assets([*merged_assets(study), *representation_assets(study), *models])
    baselines, *grids_of = models
    sizes = {Cell(place, BASELINES, size): (baselines.key, size) for size in study.sizes}
    grids = {
        Cell(place, layout.name_of(asset.key), size, representation): (asset.key, cell(size, representation))
        for asset in grids_of
        for size in study.sizes
        for representation in study.representations
    }
    cells = {(key, str(partition)): where for where, (key, partition) in {**sizes, **grids}.items()}
    wanted: dict[dg.AssetKey, list[str | None]] = {}
    for key, partition in cells:
        wanted.setdefault(key, []).append(partition)
    found = outdated(instance, graph, wanted, root=place.parent)
    return {cells[one.key, str(one.partition)]: one.why or str(one.state) for one in found}


def _partitions(study: Study, cells: Iterable[Cell]) -> dict[str, list[str]]:
    """Cells as the partitions of their assets: asset -> partitions."""
    found: dict[str, list[str]] = {}
    for one in cells:
        partition = str(cell(one.size, one.representation)) if one.representation else one.size
        found.setdefault(layout.key(study, "trained", one.family).to_user_string(), []).append(partition)
    return found


def assets(study: Study) -> list[dg.AssetsDefinition]:
    """Baselines, every family and the scoreboard of a study."""
    models = [_baselines(study), *(_family(study, name) for name in families.FAMILIES)]
    return [*models, _scoreboard(study, models)]
