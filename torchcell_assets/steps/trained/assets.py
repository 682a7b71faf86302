"""Baselines per SIZE, one asset per model family over SIZE x REPRESENTATION, and the scoreboard that compares them."""

import os
from pathlib import Path

import dagster as dg
import polars as pl

from torchcell_assets.partitions import GRID, SIZE, keys_of
from torchcell_assets.plots import embedded, picture
from torchcell_assets.resources import DataRoot
from torchcell_assets.schema import MergedFitness, Prediction, Score
from torchcell_assets.staleness import Policy, content_hash, result, step
from torchcell_assets.staleness.publish import as_they_are, column_lineage, table_metadata
from torchcell_assets.steps.merged import subsets
from torchcell_assets.steps.merged.assets import FITNESS_KEY, merged_path
from torchcell_assets.steps.representations import table as representation_table
from torchcell_assets.steps.trained import baselines as baseline_models
from torchcell_assets.steps.trained import ceilings, families, figures, model_store, scoreboard, scores
from torchcell_assets.steps.trained.grids import GRIDS
from torchcell_assets.steps.trained.scoreboard import BASELINES, Cell
from torchcell_assets.storage import replacing
from torchcell_assets.study import current

STUDY = current()
GRID_OF_THE_STUDY = GRIDS[STUDY.grid]
SUBSET_KEY = dg.AssetKey(["merged", "subset"])
EMBEDDING_KEY = dg.AssetKey(["representations", "gene_embedding"])
POOL = "training"
FROM_SUBSET = {
    **as_they_are(["genotype", "genes", "order", "standard_error"]),
    "observed": ["value"],
    "split": ["genes"],
    "predicted": ["genes", "value"],
}
"""Column of the predictions -> columns of the sample."""


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _write(path: Path, table: pl.DataFrame) -> None:
    with replacing(path) as temporary:
        table.write_parquet(temporary, compression="zstd")


@step(
    uses=[MergedFitness, Prediction, Score, Policy("seed", STUDY.seed)],
    deps=[SUBSET_KEY, FITNESS_KEY],
    partitions_def=SIZE,
    kinds={"scikitlearn"},
    pool=POOL,
)
def baselines(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
    """One row is what one baseline says of one genotype; without them no score is shown.

    The mean, the mean per order, the product of measured single mutants (gaps = 1), an additive log ridge and an
    additive ridge on one-hot genes.
    """
    size = context.partition_key
    subset = pl.read_parquet(root.table("merged/subset", size))
    singles = subsets.singles(merged_path(root), STUDY.condition, STUDY.seed)
    made = baseline_models.fit_baselines(subset, singles, seed=STUDY.seed)
    cell = Cell(root.place("trained"), BASELINES, size)
    limits = ceilings.ceiling(subset)
    board = scores.score(made.predictions, size, "none", limits)
    _write(cell.predictions, Prediction.validate(made.predictions, cast=True))
    _write(cell.scores, Score.validate(board, cast=True))
    limit = limits.get(("test", 0))
    return result(
        cell.predictions,
        content_hash(made.predictions, list(Prediction.primary_key())),
        metadata={
            **table_metadata(Prediction, made.predictions),
            **column_lineage((SUBSET_KEY, FROM_SUBSET), (FITNESS_KEY, {"predicted": ["genes", "value"]})),
            **_test_scores(board),
            "singles": singles.height,
            "notes": dg.MetadataValue.json(made.notes),
            **(
                {"ceiling_pearson": limit.pearson, "ceiling_from_share": limit.fraction}
                if limit and limit.pearson
                else {}
            ),
        },
        files={cell.folder: cell.folder},
    )


def _family(name: str) -> dg.AssetsDefinition:
    family = families.FAMILIES[name]
    tried = {"folds": GRID_OF_THE_STUDY.folds, "candidates": [dict(c) for c in GRID_OF_THE_STUDY.candidates[name]]}

    @step(
        name=name,
        uses=[MergedFitness, Prediction, Score, Policy("grid", tried), Policy("seed", STUDY.seed)],
        deps=[SUBSET_KEY, EMBEDDING_KEY],
        partitions_def=GRID,
        kinds={"scikitlearn"},
        pool=POOL,
        description=f"One cell is {family.title} on one sample and one representation, in four aggregations.\n\n"
        f"Hyper-parameters are searched inside the training split by {GRID_OF_THE_STUDY.folds}-fold cross-validation "
        f"(grid `{GRID_OF_THE_STUDY.name}`); the model file is skops, never a pickle. Predictions of training genotypes "
        "are out of fold.",
    )
    def build(context: dg.AssetExecutionContext, root: DataRoot) -> dg.MaterializeResult:
        size, representation = keys_of(context)
        subset = pl.read_parquet(root.table("merged/subset", size))
        embedding = representation_table.read(
            root.place("representations", "gene_embedding", f"{representation}.safetensors")
        )
        fitted = families.fit_aggregations(
            subset,
            embedding,
            name,
            GRID_OF_THE_STUDY,
            seed=STUDY.seed,
            threads=_threads(),
            tick=lambda done, total, text: context.log.debug(f"{done} of {total}: {text}"),
        )
        cell = Cell(root.place("trained"), name, size, representation)
        predictions = pl.concat([part.predictions for part in fitted])
        for part in fitted:
            model = model_store.Model(part.pipeline, model_store.manifest_of(part, embedding, size))
            model_store.write(cell.model(part.aggregation), model)
        search = pl.concat(
            [part.search.select(pl.lit(part.aggregation).alias("aggregation"), pl.all()) for part in fitted],
            how="diagonal_relaxed",
        )
        _write(cell.search, search)
        _write(cell.predictions, Prediction.validate(predictions, cast=True))
        board = scores.score(predictions, size, representation, ceilings.ceiling(subset))
        _write(cell.scores, Score.validate(board, cast=True))
        best = max(fitted, key=lambda part: _of(board, part.aggregation, "validation") or -1.0)
        shown = predictions.filter(pl.col("aggregation") == best.aggregation)
        return result(
            cell.predictions,
            content_hash(predictions, list(Prediction.primary_key())),
            metadata={
                **table_metadata(Prediction, predictions),
                **column_lineage((SUBSET_KEY, FROM_SUBSET), (EMBEDDING_KEY, {"predicted": ["gene", "vector"]})),
                **_test_scores(board),
                "chosen": dg.MetadataValue.json({part.aggregation: dict(part.parameters) for part in fitted}),
                "seconds": round(sum(part.seconds for part in fitted), 2),
                "genes_not_in_representation": len(fitted[0].missing),
                "predicted_against_observed": picture(best.aggregation, lambda: figures.predicted_vs_observed(shown)),
            },
            files={cell.folder: cell.folder},
        )

    return build


def _of(board: pl.DataFrame, aggregation: str, split: str, metric: str = "spearman") -> float | None:
    text = pl.col("split", "metric").cast(pl.String)
    rows = board.with_columns(text).filter(
        (pl.col("aggregation") == aggregation)
        & (pl.col("split") == split)
        & (pl.col("metric") == metric)
        & (pl.col("order") == 0)
    )
    return rows["value"][0] if rows.height else None


def _test_scores(board: pl.DataFrame) -> dict[str, float]:
    """Test scores over all orders as numbers, which the UI plots over time."""
    rows = board.with_columns(pl.col("split", "metric").cast(pl.String)).filter(
        (pl.col("split") == "test") & (pl.col("order") == 0) & pl.col("value").is_not_null()
    )
    return {
        f"test_{row['metric']}_{row['model'] if row['aggregation'] == 'none' else row['aggregation']}": row["value"]
        for row in rows.iter_rows(named=True)
    }


FAMILY_ASSETS = [_family(name) for name in families.FAMILIES]


@step(
    name="scoreboard",
    uses=[Score],
    deps=[baselines, *FAMILY_ASSETS],
    kinds={"matplotlib"},
)
def trained_scoreboard(root: DataRoot) -> dg.MaterializeResult:
    """One row is one score of one model, beside its baselines, its interval and its ceiling; and the figure of them all.

    A cell whose test genotypes differ from its baselines' is refused. What is not trained yet is left out and named.
    """
    place = root.place("trained")
    wanted = list(scoreboard.cells(place, list(families.FAMILIES), list(STUDY.sizes), list(STUDY.representations)))
    board, lacking = scoreboard.collect(wanted)
    table = Score.validate(board, cast=True)
    path = place / "scoreboard.parquet"
    _write(path, table)
    sizes = [size for size in STUDY.sizes if size in set(table["size"])]
    note = "SIMULATED growth, not measured" if STUDY.condition.evidence == ("simulated",) else ""
    pictures = {size: figures.scoreboard_figure(table, size, STUDY.representations, note=note) for size in sizes}
    files = {path: path}
    for size, figure in pictures.items():
        name = "scoreboard" if size == sizes[0] else f"scoreboard_{size}"
        for suffix, rendered in ((".png", figures.to_png(figure)), (".svg", figures.to_svg(figure))):
            with replacing(place / f"{name}{suffix}") as temporary:
                temporary.write_bytes(rendered if isinstance(rendered, bytes) else rendered.encode())
            files[place / f"{name}{suffix}"] = place / f"{name}{suffix}"
    return result(
        path,
        content_hash(table, list(Score.primary_key())),
        metadata={
            **{f"figure_{size}": embedded(figure, f"scoreboard {size}", dpi=65) for size, figure in pictures.items()},
            **table_metadata(Score, table),
            "not_trained": dg.MetadataValue.json([str(cell.folder.relative_to(place)) for cell in lacking]),
        },
        files=files,
    )


ASSETS = [baselines, *FAMILY_ASSETS, trained_scoreboard]
