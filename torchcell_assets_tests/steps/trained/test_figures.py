import struct
import subprocess
import sys

import polars as pl
import pytest

from torchcell_assets.steps.trained import figures
from torchcell_assets.steps.trained.baselines import fit_baselines
from torchcell_assets.steps.trained.families import fit_aggregations
from torchcell_assets.steps.trained.scores import ceiling, score, scoreboard
from torchcell_assets_tests.steps.trained.synthetic import gene_names, one_hot_embedding, random_embedding, screen
from torchcell_assets_tests.steps.trained.test_baselines import singles_of
from torchcell_assets_tests.steps.trained.test_families import SMALL

PACKAGE = "torchcell_assets.steps"
MODULES = [
    *(
        f"{PACKAGE}.representations.{name}"
        for name in ("recipes", "table", "one_hot", "codon_frequency", "random_code")
    ),
    f"{PACKAGE}.representations.chromosome_pathway",
    *(f"{PACKAGE}.trained.{name}" for name in ("splits", "features", "grids", "predictions", "estimators", "families")),
    *(f"{PACKAGE}.trained.{name}" for name in ("baselines", "ceilings", "scores", "model_store", "figures")),
]


@pytest.fixture(scope="module")
def predictions() -> dict[str, pl.DataFrame]:
    subset, names = screen(250), gene_names(300)
    cells = {"none": fit_baselines(subset, singles_of(subset)).predictions}
    for embedding in (one_hot_embedding(names), random_embedding(names, 10)):
        fitted = fit_aggregations(subset, embedding, "elastic_net", SMALL)
        cells[embedding.key] = pl.concat([f.predictions for f in fitted])
    return cells


@pytest.fixture(scope="module")
def board(predictions) -> pl.DataFrame:
    limits = ceiling(screen(250))
    return scoreboard([score(table, "1e3", key, limits, draws=100) for key, table in predictions.items()])


def texts(figure) -> str:
    from matplotlib.text import Text

    return "\n".join(found.get_text() for found in figure.findobj(Text))


def test_the_scoreboard_shows_baselines_ceiling_and_what_is_missing(board):
    figure = figures.scoreboard_figure(board, "1e3", note="simulated growth")
    said = texts(figure)
    for words in ("additive ridge", "product of singles", "noise ceiling: at most", "one_hot", "random_10"):
        assert words in said
    assert "simulated growth" in said
    assert "Not trained, left out: support vector regression on all; random forest on all." in said
    assert len(figure.axes) == 2  # one family, Spearman and Pearson


def test_a_representation_that_is_not_trained_is_named(board):
    said = texts(figures.scoreboard_figure(board, "1e3", representations=["one_hot", "codon_frequency"]))
    assert "elastic net on codon_frequency" in said and "random_10" not in said


def test_the_png_is_1600_pixels_wide_and_the_same_every_time(board):
    one, two = (figures.to_png(figures.scoreboard_figure(board, "1e3")) for _ in range(2))
    assert one == two and one.startswith(b"\x89PNG")
    assert struct.unpack(">II", one[16:24]) == (1600, 940)


def test_an_empty_board_and_a_constant_model_can_be_drawn(board, predictions):
    only = board.filter(pl.col("representation") == "none")
    assert figures.to_png(figures.scoreboard_figure(only, "1e3"))
    assert figures.to_png(figures.scoreboard_figure(board.clear(), "1e3"))
    mean = predictions["none"].filter(model="mean")
    assert "Spearman undefined" in texts(figures.predicted_vs_observed(mean))


def test_predicted_against_observed_is_coloured_by_order(predictions):
    cell = predictions["one_hot"].filter(aggregation="pert_sum")
    figure = figures.predicted_vs_observed(cell)
    said = texts(figure)
    assert "1 deletion (" in said and "3 deletions (" in said and "Elastic net, pert_sum" in said
    assert b"<svg" in figures.to_svg(figure)
    assert "cross-validation within train" in texts(figures.predicted_vs_observed(cell, split="train"))


def test_importing_the_rooms_is_cheap():
    heavy = "{'sklearn', 'matplotlib', 'skops', 'torch', 'dagster', 'joblib'}"
    code = f"import sys, {', '.join(MODULES)}; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
