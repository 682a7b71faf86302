"""Two targets in one study: trained, stored, scored and drawn side by side, by the code that knows one."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from torchcell_assets.config import layout
from torchcell_assets.config.study import StudyError, current, load
from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.trained import model_store, pictures, scoreboard, scores, targets, training
from torchcell_assets.steps.trained.baselines import ADDITIVE, MULTIPLYING, fit_baselines
from torchcell_assets.steps.trained.cells import BASELINES, Cell
from torchcell_assets.steps.trained.families import chosen, family
from torchcell_assets.steps.vocabulary import KNOWN
from torchcell_assets_tests.steps.trained.synthetic import gene_names, one_hot_embedding, screen
from torchcell_assets_tests.steps.trained.test_families import SMALL

NAMES = gene_names(40)
BOTH = ("fitness", "interaction")


@pytest.fixture
def root(tmp_path) -> Path:
    """A sample with a second target, which fewer genotypes have, with other values; a cell and its baselines of both."""
    cross = pl.when(pl.col("order") > 1)
    every = screen(500, genes=len(NAMES)).with_columns(
        interaction_value=cross.then((pl.col("value") - 0.9) * -3),
        interaction_standard_error=cross.then("standard_error"),
        interaction_query=pl.lit(None, dtype=pl.String),
    )
    sample = layout.subset_table(tmp_path, "1e3")
    sample.parent.mkdir(parents=True)
    every.head(375).write_parquet(sample)
    every.filter(pl.col("split") == "test").write_parquet(layout.test_set_table(tmp_path))
    folder = tmp_path / "representations" / "gene_embedding"
    folder.mkdir(parents=True)
    table.write(folder / "one_hot.safetensors", one_hot_embedding(NAMES))
    with training.training(request(tmp_path, BOTH)):
        pass
    made = [
        fit_baselines(rows, every.select(gene="genes", value="value") if name == "fitness" else None, target=name)
        for name, rows in targets.read_samples(tmp_path, "1e3", BOTH).items()
    ]
    cell = Cell(tmp_path / "trained", BASELINES, "1e3")
    cell.folder.mkdir(parents=True)
    pl.concat([one.predictions for one in made]).write_parquet(cell.predictions)
    return tmp_path


def request(root: Path, names: tuple[str, ...]) -> training.Request:
    study = current().model_copy(update={"targets": names})
    return training.request_of(study, family("elastic_net"), SMALL, root=root, size="1e3", representation="one_hot")


def test_each_target_has_its_models_and_the_numbers_of_a_cell_of_its_own(root):
    cell = request(root, BOTH).cell
    assert {path.stem for path in cell.folder.glob("*.skops")} == {
        f"{target}.{name}" for target in BOTH for name in ("pert_sum", "pert_mean", "intact_sum", "intact_mean")
    }
    both = training.stored(cell).predictions
    for target in BOTH:
        with training.training(request(root, (target,))) as alone:
            assert both.filter(target=target).equals(alone.predictions)
        name = "pert_sum.skops"
        model = model_store.read(cell.folder / name)
        assert model.manifest["target"] == target and model.manifest["inputs"]["samples"].keys() == {target}


def test_scores_and_figures_are_of_one_target_each(root):
    wanted = list(scoreboard.cells(root / "trained", [family("elastic_net")], ["1e3"], ["one_hot"]))
    by = {}
    for target in BOTH:
        test = targets.test_set(root, target)
        by[target] = scores.Yardsticks(test.select("genotype", "query"))
    found = scoreboard.collect(wanted, {}, by)
    board = found.board
    assert set(board["target"]) == set(BOTH)
    counts = board.filter(split="test", order=0).group_by("target").agg(pl.col("genotypes").unique())
    assert dict(counts.iter_rows()) == {target: [targets.test_set(root, target).height] for target in BOTH}
    models = {target: set(board.filter(target=target, kind="baseline")["model"]) for target in BOTH}
    assert models["fitness"] - models["interaction"] == set(MULTIPLYING) and ADDITIVE in models["interaction"]
    path = root / "scoreboard.parquet"
    scoreboard.write(path, found)
    rows = {target: scoreboard.summary(path, 1, target) for target in BOTH}
    assert [len(rows[target]) for target in BOTH] == [1 + 8, 1 + 4]
    study = current().model_copy(update={"targets": BOTH, "representations": ("one_hot",), "sizes": ("1e3",)})
    shown, files = pictures.of_board(study, board, by, found)
    assert {path.name for path in files if path.suffix == ".svg"} == {
        f"{kind}_{target}.svg" for kind in ("scoreboard", "by_order") for target in BOTH
    }
    assert "How well is the interaction of mutants predicted" in files[Path("scoreboard_interaction.svg")].decode()
    assert set(shown) == {f"{kind}_1e3_{target}" for kind in ("figure", "by_order") for target in BOTH}
    assert set(pictures.of_cell(training.stored(wanted[1]).own)) == {f"predicted_against_observed_{t}" for t in BOTH}
    told = scores.of_test_set(training.stored(wanted[1]).own, "aggregation")
    assert {name.split("_")[2] for name in told} == set(BOTH) and np.isfinite(list(told.values())).all()


def test_a_study_names_its_targets_and_families(tmp_path):
    text = (Path(__file__).parents[2] / "tiny.toml").read_text()

    def study(lines: str):
        path = tmp_path / "mine.toml"
        path.write_text(lines + text)
        return load(str(path), KNOWN)

    assert (study("").targets, study("").families) == (("fitness",), ())
    assert [one.name for one in chosen(study("").families)] == ["elastic_net", "support_vector", "random_forest"]
    named = study('families = ["torch_linear", "elastic_net"]\n').families
    assert [one.name for one in chosen(named)] == ["elastic_net", "torch_linear"]
    for wrong, words in [
        ('targets = ["fitnes"]\n', r"targets\[1\]: There is no target 'fitnes': did you mean fitness\?"),
        ("targets = []\n", "targets: the list is empty"),
        (
            'targets = ["fitness", "interaction"]\n',
            r"targets: no dataset of the study measures interaction: add one such as interaction_\w+$",
        ),
        ('families = ["lasso"]\n', "There is no model family 'lasso': it can be elastic_net, random_forest"),
        ('families = ["elastic_net", "elastic_net"]\n', "families: elastic_net stands there twice"),
    ]:
        with pytest.raises(StudyError, match=words):
            study(wrong)
    for name in ("screens", "starter", "published", "language_models"):
        assert load(name, KNOWN).targets == ("fitness",) and load(name, KNOWN).families == ()


def test_a_trainer_of_one_target_gets_the_genotypes_that_have_a_value_of_it(root):
    """In the split that they have for every target; with the mask ignored there would be rows without a value."""
    every = pl.read_parquet(layout.subset_table(root, "1e3"))
    samples = targets.read_samples(root, "1e3", BOTH)
    crosses, whole = samples["interaction"], samples["fitness"]
    assert set(crosses["order"]) == {2, 3} and crosses["value"].null_count() == 0 < crosses.height < whole.height
    expected = every.filter(pl.col("order") > 1).select("genotype", pl.col("interaction_value").alias("value"))
    own = crosses.filter(pl.col("split") != "test")
    assert own.select("genotype", "value").equals(expected)
    splits = whole.select("genotype", "split").join(crosses.select("genotype", other="split"), on="genotype")
    seen = splits.filter(pl.col("split") != "test", pl.col("other") != "test")
    assert seen["split"].equals(seen["other"], check_names=False) and seen.height == own.height


def test_the_order_in_which_targets_are_named_changes_no_number(root):
    one, other = (targets.read_samples(root, "1e3", names) for names in (BOTH, BOTH[::-1]))
    assert list(other) == list(BOTH[::-1]) and all(one[name].equals(other[name]) for name in BOTH)


def test_a_target_that_nobody_knows_is_one_sentence(root):
    with pytest.raises(TorchcellError, match=r"There is no target 'growth': it can be fitness, interaction\."):
        targets.read_samples(root, "1e3", ["growth"])
