import itertools
import struct
import subprocess
import sys

import polars as pl
import pytest

from torchcell_assets.steps.trained import figures
from torchcell_assets.steps.trained import scoreboard_figure as boards
from torchcell_assets.steps.trained.baselines import fit_baselines
from torchcell_assets.steps.trained.ceilings import Ceiling
from torchcell_assets.steps.trained.families import family
from torchcell_assets.steps.trained.order_figure import order_figure
from torchcell_assets.steps.trained.scores import Yardsticks, score
from torchcell_assets.storage.figures import to_png, to_svg
from torchcell_assets_tests.steps.trained.fits import TARGET, fit_aggregations
from torchcell_assets_tests.steps.trained.synthetic import gene_names, one_hot_embedding, rows
from torchcell_assets_tests.steps.trained.test_baselines import singles_of
from torchcell_assets_tests.steps.trained.test_families import SMALL, described

PACKAGE = "torchcell_assets.steps"
AXIS = "fitness (wild type = 1)"


def scoreboard_figure(table, size, **how):
    return boards.scoreboard_figure(table, size, "growth", **how)


MODULES = [
    *(
        f"{PACKAGE}.representations.{name}"
        for name in ("recipes", "table", "one_hot", "codon_frequency", "random_code")
    ),
    f"{PACKAGE}.representations.chromosome_pathway",
    *(f"{PACKAGE}.trained.{name}" for name in ("figures", "scoreboard_figure", "order_figure")),
    *(
        f"{PACKAGE}.trained.{name}"
        for name in ("splits", "features", "grids", "predictions", "estimators", "families", "trainer", "training")
    ),
    *(f"{PACKAGE}.trained.{name}" for name in ("baselines", "ceilings", "scores", "scoreboard", "model_store")),
]


@pytest.fixture(scope="module")
def predictions() -> dict[str, pl.DataFrame]:
    subset = rows(400, more=900)
    cells = {"none": fit_baselines(subset, singles_of(subset), target=TARGET).predictions}
    for embedding in (one_hot_embedding(gene_names(300)), described()):
        fitted = fit_aggregations(subset, embedding, "elastic_net", SMALL)
        cells[embedding.key] = pl.concat([part for f in fitted for part in (f.predictions, f.controls)])
    return cells


@pytest.fixture(scope="module")
def board(predictions) -> pl.DataFrame:
    kind = pl.when("permuted").then(pl.lit("permuted")).otherwise(pl.lit("model"))
    every = pl.concat(
        table.with_columns(kind=pl.lit("baseline") if key == "none" else kind, representation=pl.lit(key))
        for key, table in predictions.items()
    )
    test = every.filter((pl.col("split") == "test") & (pl.col("model") == "mean"))
    again = test.filter(pl.col("order") == 1).select(
        "genotype",
        "order",
        "observed",
        who=pl.lit("Doe 2020, YPD"),
        repeated=pl.col("observed") + pl.col("observed").hash(1) % 7,
    )
    by = Yardsticks(test.select("genotype", query=pl.lit(None, dtype=pl.String)), {0: Ceiling(0.81, 0.93, 1.0)}, again)
    made = score(every, "1e3", by, draws=60)
    edge = (pl.col("kind") == "model") & (pl.col("representation") == "one_hot")
    return made.with_columns(at_edge=pl.when(edge).then(pl.lit("C")))


def texts(figure) -> str:
    from matplotlib.text import Text

    return "\n".join(found.get_text() for found in figure.findobj(Text))


def test_the_scoreboard_shows_baselines_band_and_what_is_missing(board):
    figure = scoreboard_figure(board, "1e3", note="simulated growth")
    said = texts(figure)
    for words in (
        "additive ridge",
        "product of all singles",
        "product of own singles",
        "query x single",
        "0.81 to 0.93",
        "one_hot",
    ):
        assert words in said
    assert "simulated growth" in said
    assert "Random split: genes and queries are shared with the training mutants" in said
    assert "Not trained, left out: support vector regression on all; random forest on all." in said
    assert len(figure.axes) == 2  # one family, Spearman and Pearson


def test_the_best_baseline_of_cross_validation_is_the_bold_one(board):
    from matplotlib.text import Text

    found = {
        t.get_text() for t in scoreboard_figure(board, "1e3").axes[0].findobj(Text) if t.get_fontweight() == "bold"
    }
    name = figures.BASELINE_NAMES[board["best_baseline"].drop_nulls()[0]]
    assert [text.split(":")[0] for text in found if ": " in text] == [name]


def bars(board) -> list[float]:
    from matplotlib.patches import Rectangle

    return [p.get_height() for p in scoreboard_figure(board, "1e3").axes[0].patches if isinstance(p, Rectangle)]


def test_there_is_a_bar_for_every_model_that_is_not_provably_another(board):
    text = board.with_columns(pl.col("kind", "split", "metric").cast(pl.String))
    test = text.filter(kind="model", split="test", metric="spearman", order=0).drop_nulls("value")
    assert sorted(bars(board)) == sorted(test.filter(pl.col("aggregation") != "intact_sum")["value"])
    assert family("support_vector").drawn == ["pert_sum", "pert_mean", "intact_mean"]
    assert len(family("random_forest").drawn) == 4


def test_permuted_labels_and_edges_of_a_grid_are_marked(board):
    def marks(table: pl.DataFrame) -> tuple[int, int]:
        axes = scoreboard_figure(table, "1e3").axes[0]
        red = [
            c for c in axes.collections if c.get_edgecolor().shape[0] and c.get_edgecolor()[0][0] == pytest.approx(0.8)
        ]
        crosses = [float(y) for c in axes.collections if len(c.get_offsets()) for y in c.get_offsets()[:, 1]].count(
            0.02
        )
        return sum(len(c.get_segments()) for c in red if hasattr(c, "get_segments")), crosses

    with_all, without = marks(board), marks(board.filter(pl.col("kind") != "permuted").with_columns(at_edge=None))
    assert with_all[0] == 3 and without[0] == 0
    assert with_all[1] - without[1] == 3


def test_without_a_band_the_figure_says_why(board):
    bare = board.with_columns(ceiling_low=None, ceiling_high=None)
    assert "No band for noise: 41% of the test genotypes" in texts(
        scoreboard_figure(bare, "1e3", ceiling=Ceiling(None, None, 0.41))
    )
    assert "Grey: a perfect model" in texts(scoreboard_figure(board, "1e3"))


def test_a_representation_that_is_not_trained_is_named(board):
    said = texts(
        scoreboard_figure(
            board, "1e3", representations=["one_hot", "random_10"], outdated=[("elastic_net", "random_10")]
        )
    )
    assert "Outdated, left out: elastic net on random_10." in said and "codon_frequency" not in said


def test_the_scores_of_each_order_stand_beside_another_measurement_where_there_is_one(board):
    figure = order_figure(board, "1e3", {1: Ceiling(0.8, 0.9, 1.0), 2: Ceiling(None, None, 0.2)})
    one, two, three = ("\n".join(t.get_text() for t in axes.texts) for axes in figure.axes)
    assert "1 deletion (" in one and "Doe 2020, YPD" in one and "0.80 to 0.90" in one
    assert "no independent repeat" in two and "no ceiling: 20% have a standard error" in two
    assert "3 deletions (" in three and "ceiling" not in three
    assert "Random split" in texts(figure)


def test_each_cell_is_shown_by_the_aggregation_that_cross_validation_prefers(board):
    text = board.with_columns(pl.col("kind", "split", "metric").cast(pl.String))
    cv = text.filter(kind="model", split="train", metric="rmse", order=0).sort(
        "value", "aggregation", descending=[False, True]
    )
    labels = [t.get_text() for t in order_figure(board, "1e3").axes[0].get_yticklabels()]
    for key in ("one_hot", "codon_frequency"):
        assert f"{key} ({cv.filter(representation=key)['aggregation'][0]})" in labels
    assert "query x single" in labels and "mean per order" not in labels  # within an order, that is a constant
    assert len(labels) == len(set(labels)) == 6 + 2


def test_the_png_is_1600_pixels_wide_and_the_same_every_time(board):
    for draw, height in ((scoreboard_figure, 940), (order_figure, 504)):
        one, two = (to_png(draw(board, "1e3")) for _ in range(2))
        assert one == two and one.startswith(b"\x89PNG")
        assert struct.unpack(">II", one[16:24]) == (1600, height)


def test_an_empty_board_and_a_constant_model_can_be_drawn(board, predictions):
    only = board.filter(pl.col("representation") == "none")
    for table, draw in itertools.product((only, board.clear()), (scoreboard_figure, order_figure)):
        assert to_png(draw(table, "1e3"))
    mean = predictions["none"].filter(model="mean")
    assert "Spearman undefined" in texts(figures.predicted_vs_observed(mean, AXIS))


def test_predicted_against_observed_is_coloured_by_order(predictions):
    cell = predictions["one_hot"].filter(aggregation="pert_sum", training_sample=0)
    figure = figures.predicted_vs_observed(cell, AXIS)
    said = texts(figure)
    assert "1 deletion (" in said and "3 deletions (" in said and "Elastic net, pert_sum" in said
    assert "observed fitness (wild type = 1)" in said
    assert b"<svg" in to_svg(figure)
    assert "cross-validation within train" in texts(figures.predicted_vs_observed(cell, AXIS, split="train"))


def test_importing_the_rooms_is_cheap():
    heavy = "{'sklearn', 'matplotlib', 'skops', 'torch', 'dagster', 'joblib'}"
    code = f"import sys, {', '.join(MODULES)}; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
