"""Baselines per SIZE, one asset per model family over SIZE x REPRESENTATION, and the scoreboard that compares them."""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from torchcell_assets.config import layout
from torchcell_assets.config.partitions import cell, keys_of, partitions
from torchcell_assets.config.resources import DataRoot
from torchcell_assets.config.step_resources import TRAINING
from torchcell_assets.config.study import Study
from torchcell_assets.config.worker_process import WorkerProcess
from torchcell_assets.schema import Prediction, Score
from torchcell_assets.staleness import Policy, outdated, step
from torchcell_assets.staleness.dagster_internals import AssetGraph
from torchcell_assets.staleness.provenance import LEFT_OUT_METADATA
from torchcell_assets.staleness.step import Use
from torchcell_assets.steps.merged import sample_targets, subsets
from torchcell_assets.steps.merged.assets import assets as merged_assets
from torchcell_assets.steps.merged.assets import sampled, sampled_from, sampled_phenotypes
from torchcell_assets.steps.merged.essential_genes import left_out
from torchcell_assets.steps.representations.assets import assets as representation_assets
from torchcell_assets.steps.trained import baselines as baseline_models
from torchcell_assets.steps.trained import (
    ceilings,
    model_store,
    pictures,
    repeats,
    scoreboard,
    scores,
    targets,
    training,
)
from torchcell_assets.steps.trained.cells import BASELINES, Cell
from torchcell_assets.steps.trained.design import SAMPLES
from torchcell_assets.steps.trained.families import Family, chosen
from torchcell_assets.steps.trained.grids import GRIDS, Grid
from torchcell_assets.steps.trained.trainer import Tick
from torchcell_assets.storage.atomic import atomic_write, atomic_write_together
from torchcell_assets.storage.content import content_hash
from torchcell_assets.storage.publish import as_they_are, column_lineage, result, table_metadata

FROM_SUBSET = {
    **as_they_are(["genotype", "genes", "order", "standard_error"]),
    "observed": ["value"],
    "split": ["genes"],
    "predicted": ["genes", "value"],
}
"""Column of the predictions -> columns of the sample, and of the test set."""


def _baselines(study: Study) -> dg.AssetsDefinition:
    @step(
        prefix=study.prefix,
        # the measured single mutants come from the merged tables by the same condition and split as the sample
        uses=[
            *(one.merged for one in sampled_phenotypes(study)),
            *(Prediction, Policy("seed", study.seed), Policy("targets", study.targets)),
            *sampled(study),
            Policy("ridge", baseline_models.POLICY),
        ],
        logic="4",
        deps=[layout.key(study, "merged", "subset"), layout.key(study, "merged", "test_set"), *sampled_from(study)],
        partitions_def=partitions(study).size,
        kinds={"scikitlearn"},
        pool=TRAINING,
    )
    def baselines(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
        """One row is what one baseline says of one genotype; without them no score is shown.

        The mean; the mean per order; the mean of the query strain; that of the query strain times the single mutant of the array
        gene; the product of measured single mutants (gaps = 1), of all sizes and of this one; an additive log ridge and an
        additive ridge on one-hot genes.
        """
        where = Cell(layout.trained_folder(root.folder), BASELINES, context.partition_key)
        singles = {name: _singles(study, root, name) for name in study.targets if targets.target(name).multiplies}
        made = {
            name: baseline_models.fit_baselines(rows, singles.get(name), target=name, seed=study.seed)
            for name, rows in targets.read_samples(root.folder, where.size, study.targets).items()
        }
        table = Prediction.validate(pl.concat([one.predictions for one in made.values()]), cast=True)
        notes = {name: one.notes for name, one in made.items()}
        metadata = {
            **table_metadata(Prediction, table),
            **_lineage(
                study, *((layout.key(study, "merged", name), {"predicted": ["genes", "value"]}) for name in singles)
            ),
            **scores.of_test_set(table, "model"),
            "singles": sum(one.height for one in singles.values()),
            "notes": dg.MetadataValue.json(notes if len(notes) > 1 else notes[study.targets[0]]),
        }
        with atomic_write(where.predictions) as temporary:
            table.write_parquet(temporary, compression="zstd")
            version = content_hash(table, list(Prediction.primary_key()))
            stored = result(where.predictions, version, metadata=metadata, files={where.predictions: temporary})
        return stored

    return baselines


def _singles(study: Study, root: DataRoot, target: str) -> pl.DataFrame:
    """The measured single mutants of a target, with its value."""
    merged = layout.merged_file(root.folder, target)
    return subsets.singles(merged, study.condition, study.seed, without=left_out(study, root))


def _lineage(study: Study, *others: tuple[dg.AssetKey, dict[str, list[str]]]) -> dict[str, Any]:
    """Metadata that say which columns predictions are made from: those of the samples, and others."""
    _first, *further = sampled_phenotypes(study)
    columns = {name: list(names) for name, names in FROM_SUBSET.items()}
    for own in map(sample_targets.columns, further):
        for name in ("standard_error", "observed", "predicted"):
            columns[name].append(own["standard_error" if name == "standard_error" else "value"])
    samples = [(layout.key(study, "merged", name), columns) for name in ("subset", "test_set")]
    return column_lineage(*samples, *others)


def _declared(study: Study, family: Family, grid: Grid) -> dict[str, Any]:
    """What is declared of a family beside what it uses, wherever it is trained."""
    return {
        "prefix": study.prefix,
        "name": family.name,
        "logic": "3",
        "deps": [
            layout.key(study, "merged", "subset"),
            layout.key(study, "merged", "test_set"),
            layout.key(study, "representations", "gene_embedding"),
        ],
        "partitions_def": partitions(study).grid,
        "kinds": {family.kind},
        "pool": TRAINING,
        "description": f"One cell is {family.title} on one sample and one representation, in four aggregations.\n\n"
        f"Predicts {' and '.join(study.targets)}. "
        f"Hyper-parameters are searched inside the training split by {grid.folds}-fold cross-validation "
        f"(grid `{grid.name}`, by {grid.choose_by}); model files are skops or safetensors, never pickles. "
        "Predictions of training genotypes are out of fold. Beside them: what the same model says of the test set when it is "
        f"fitted on each of {SAMPLES} smaller samples, and on vectors whose gene labels are permuted.",
    }


def _uses(study: Study, family: Family, grid: Grid) -> list[Use]:
    candidates = [dict(c) for c in grid.candidates[family.name]]
    return [
        *(one.merged for one in sampled_phenotypes(study)),
        Prediction,
        Policy("seed", study.seed),
        Policy("targets", study.targets),
        Policy("grid", {"folds": grid.folds, "choose_by": grid.choose_by, "candidates": candidates}),
        Policy("fit", family.policy),
        Policy("prediction_interval", model_store.POLICY),
    ]


def _request(
    study: Study, family: Family, grid: Grid, context: dg.AssetExecutionContext, root: DataRoot
) -> training.Request:
    size, representation = keys_of(context)
    return training.request_of(study, family, grid, root=root.folder, size=size, representation=representation)


def _in_this_process(study: Study, family: Family, grid: Grid) -> dg.AssetsDefinition:
    @step(uses=_uses(study, family, grid), **_declared(study, family, grid))
    def build(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
        start = time.perf_counter()
        tick: Tick = lambda done, total, text: context.log.debug(f"{done} of {total}: {text}")  # noqa: E731
        with training.training(_request(study, family, grid, context, root), tick) as made:
            stored = _result(study, made, time.perf_counter() - start)
        return stored

    return build


def _in_its_own_process(study: Study, family: Family, grid: Grid) -> dg.AssetsDefinition:
    @step(uses=_uses(study, family, grid), **_declared(study, family, grid))
    def build(context: dg.AssetExecutionContext, root: DataRoot, worker: WorkerProcess) -> dg.MaterializeResult:
        request = _request(study, family, grid, context, root)
        told = worker.run(context, json.loads(request.model_dump_json()))
        made = training.stored(request.cell)
        if made.version != told["data_version"]:
            raise training.RequestError(f"Another training has replaced {made.cell.name} meanwhile: make it again.")
        return _result(study, made, told["seconds"])

    return build


def _result(study: Study, made: training.Made, seconds: float) -> dg.MaterializeResult:
    """The cell for Dagster, with its scores and a figure of the model that predicts best in validation."""
    metadata = {
        **table_metadata(Prediction, made.predictions),
        **_lineage(study, (layout.key(study, "representations", "gene_embedding"), {"predicted": ["gene", "vector"]})),
        **scores.of_test_set(made.own, "aggregation"),
        "chosen": dg.MetadataValue.json(made.manifest["chosen"]),
        "seconds": round(seconds, 2),
        "genes_not_in_representation": made.manifest["genes_not_in_representation"],
        **pictures.of_cell(made.own),
    }
    return result(made.cell.predictions, made.version, metadata=metadata, files=made.files)


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
        deps=[*models, *(layout.key(study, "merged", name) for name in ("test_set", *study.targets))],
        kinds={"matplotlib"},
    )
    def trained_scoreboard(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
        """One row is one score of one model, with its interval and its difference to the baselines; and the figures of them all.

        All models of all sizes are scored on `merged/test_set`. Where other publications measured the same genotypes, they stand
        beside. A cell that was scored on other genotypes or other observed values than its baselines is refused. What is not
        trained yet, and what is outdated, is left out and named.
        """
        place = layout.trained_folder(root.folder)
        wanted = list(scoreboard.cells(place, chosen(study.families), study.sizes, study.representations))
        yardsticks = {name: _yardsticks(root, name) for name in study.targets}
        collected = scoreboard.collect(wanted, _outdated(study, context.instance, models, place), yardsticks)
        table = Score.validate(collected.board, cast=True)
        path = layout.scoreboard_table(root.folder)
        shown, files_of_figures = pictures.of_board(study, table, yardsticks, collected)
        metadata = {
            **shown,
            **table_metadata(Score, table),
            "not_trained": dg.MetadataValue.json([one.name for one in collected.not_trained]),
            "outdated": dg.MetadataValue.json({one.name: why for one, why in collected.outdated.items()}),
            LEFT_OUT_METADATA: dg.MetadataValue.json(_partitions(study, collected.outdated)),
        }
        version = content_hash(table, list(Score.primary_key()))
        places = [path, *(place / name for name in files_of_figures)]
        with atomic_write_together(*places) as (temporary, *others):
            scoreboard.write(temporary, collected)
            for other, rendered in zip(others, files_of_figures.values(), strict=True):
                other.write_bytes(rendered)
            files = dict(zip(places, [temporary, *others], strict=True))
            made = result(path, version, metadata=metadata, files=files)
        return made

    return trained_scoreboard


def _yardsticks(root: DataRoot, target: str) -> scores.Yardsticks:
    """What scores of a target's test set are held against."""
    test_set = targets.test_set(root.folder, target)
    again = repeats.repeats(layout.merged_file(root.folder, target), test_set)
    return scores.Yardsticks(test_set.select("genotype", "query"), ceilings.ceilings(test_set), again)


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
    grid = GRIDS[study.grid]
    models = [_baselines(study)]
    for family in chosen(study.families):
        made = _in_its_own_process if family.environment else _in_this_process
        models.append(made(study, family, grid))
    return [*models, _scoreboard(study, models)]
