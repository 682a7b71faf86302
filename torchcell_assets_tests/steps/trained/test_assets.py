"""Real runs of the trained assets on a small made-up data root: what stands on the board, and what a kill leaves of a cell."""

import io
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from torchcell_assets.partitions import cell
from torchcell_assets.resources import DataRoot
from torchcell_assets.schema import MergedFitness
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.staleness import outdated
from torchcell_assets.steps.merged import fitness
from torchcell_assets.steps.merged.assets import ASSETS as MERGED
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.representations.assets import ASSETS as REPRESENTATIONS
from torchcell_assets.steps.trained import assets, families, model_store, scoreboard
from torchcell_assets_tests.mirror import QUIET
from torchcell_assets_tests.steps.trained.synthetic import gene_names, one_hot_embedding, random_embedding, screen
from torchcell_assets_tests.steps.trained.test_families import SMALL

NAMES = gene_names(40)
SUBSET, EMBEDDING = ("merged/subset", "1e3"), ("representations/gene_embedding", "one_hot")
ALL = [*MERGED, *REPRESENTATIONS, *assets.ASSETS]


@dataclass
class Root:
    instance: dg.DagsterInstance
    root: DataRoot

    @property
    def trained(self) -> Path:
        return self.root.place("trained")

    def stored(self, key: str, partition: str | None, version: str) -> None:
        """As if an upstream asset had been made with this data version."""
        tags = {"dagster/data_version": version}
        made = dg.AssetMaterialization(key.split("/"), partition=partition, tags=tags)
        self.instance.report_runless_asset_event(made)

    def make(self, name: str, partition: str | None = None) -> None:
        selection = dg.AssetSelection.assets(name.split("/"))
        dg.materialize(ALL, selection=selection, instance=self.instance, partition_key=partition, run_config=QUIET,
                       resources={"root": self.root, "raw": None, "store": None})  # fmt: skip

    def told(self, name: str) -> dict:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(name.split("/")))
        return {key: value.value for key, value in event.asset_materialization.metadata.items()}

    def standing(self, name: str) -> list[str]:
        graph = AssetGraph.from_assets(ALL)
        return [one.why for one in outdated(self.instance, graph, {dg.AssetKey(name.split("/")): [None]})]


@pytest.fixture(autouse=True)
def small_grid(monkeypatch):
    monkeypatch.setattr(assets, "GRID_OF_THE_STUDY", SMALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A sample and two representations, as if they had been made; baselines and two cells, really made."""
    folder = tmp_path_factory.mktemp("trained")
    made = opened(folder)
    path = made.root.table("merged/subset", "1e3")
    path.parent.mkdir(parents=True)
    screen(200, genes=len(NAMES)).write_parquet(path)
    fitness.write(made.root.place("merged", "fitness.duckdb"), pl.DataFrame(schema=polars_schema(MergedFitness)))
    made.stored(*SUBSET, "A")
    for embedding in (one_hot_embedding(NAMES), random_embedding(NAMES, 10)):
        table.write(made.root.place("representations", "gene_embedding", f"{embedding.key}.safetensors"), embedding)
        made.stored(EMBEDDING[0], embedding.key, "A")
    made.make("trained/baselines", "1e3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assets, "GRID_OF_THE_STUDY", SMALL)
        for representation in ("one_hot", "random_10"):
            made.make("trained/elastic_net", cell("1e3", representation))
    return folder


def opened(folder: Path) -> Root:
    (folder / "instance").mkdir(exist_ok=True)
    return Root(dg.DagsterInstance.local_temp(str(folder / "instance")), DataRoot(path=str(folder / "data")))


@pytest.fixture
def root(made, tmp_path) -> Root:
    """A copy that a test may change."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return opened(tmp_path)


def test_an_outdated_cell_is_left_out_of_the_board_named_and_taken_once_it_is_made_again(root, capsys):
    root.make("trained/scoreboard")
    shown = root.trained / "scoreboard.parquet"
    assert set(pl.read_parquet(shown)["representation"]) == {"none", "one_hot", "random_10"}
    assert (root.told("trained/scoreboard")["outdated"], scoreboard.left_out(shown)) == ({}, {})
    assert root.standing("trained/scoreboard") == []
    root.stored(*EMBEDDING, "B")  # other vectors: the cell on them is outdated
    root.make("trained/scoreboard")
    assert set(pl.read_parquet(shown)["representation"]) == {"none", "random_10"}
    expected = {"elastic_net/1e3/one_hot": "representations/gene_embedding has other data"}
    assert root.told("trained/scoreboard")["outdated"] == scoreboard.left_out(shown) == expected
    assert "elastic_net/1e3/one_hot" not in root.told("trained/scoreboard")["not_trained"]
    svg = (root.trained / "scoreboard.svg").read_text()
    assert "Outdated, left out: elastic net on one_hot." in svg
    assert "elastic net on codon_frequency" in svg  # not trained
    # the cell is made again with the very same predictions: the board knows that it lacks it
    assert root.standing("trained/scoreboard") == ["trained/elastic_net has new: one_hot|1e3"]
    root.make("trained/elastic_net", cell("1e3", "one_hot"))
    assert root.standing("trained/scoreboard") == ["trained/elastic_net has new: one_hot|1e3"]
    root.make("trained/scoreboard")
    assert set(pl.read_parquet(shown)["representation"]) == {"none", "one_hot", "random_10"}
    assert root.standing("trained/scoreboard") == []


def test_a_board_of_outdated_cells_alone_is_refused_and_the_one_before_stays(root):
    root.make("trained/scoreboard")
    before = (root.trained / "scoreboard.parquet").read_bytes()
    root.stored(*SUBSET, "B")
    with pytest.raises(
        Exception, match=r"All 3 trained cells are outdated.*`make rebuild`.*The first is baselines/1e3: "
    ):
        root.make("trained/scoreboard")
    assert (root.trained / "scoreboard.parquet").read_bytes() == before


def test_all_files_of_a_cell_are_replaced_as_one(root, monkeypatch):
    """Interrupted at the second of seven new files: all old ones are back."""
    folder = root.trained / "elastic_net" / "1e3" / "one_hot"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {"predictions.parquet", "scores.parquet", "search.parquet"} | {
        f"{name}.skops" for name in ("pert_sum", "pert_mean", "intact_sum", "intact_mean")
    }
    moves = []
    really = Path.rename

    def killed(self: Path, target: Path) -> Path:
        moves.append(target)
        if len(moves) == 9:  # the seven old parts are gone, and one new one has come
            raise KeyboardInterrupt
        return really(self, target)

    monkeypatch.setattr(Path, "rename", killed)
    root.root.table("merged/subset", "1e3").write_bytes(_other_sample())
    with pytest.raises(KeyboardInterrupt):
        root.make("trained/elastic_net", cell("1e3", "one_hot"))
    monkeypatch.undo()
    assert len(moves) > 9
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def _other_sample() -> bytes:
    file = io.BytesIO()
    screen(200, genes=len(NAMES), seed=2).write_parquet(file)
    return file.getvalue()


def test_a_figure_that_cannot_be_drawn_leaves_the_cell_as_it_was(root, monkeypatch):
    folder = root.trained / "elastic_net" / "1e3" / "one_hot"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(assets.figures, "predicted_vs_observed", lambda *_: 1 / 0)
    root.root.table("merged/subset", "1e3").write_bytes(_other_sample())
    with pytest.raises(ZeroDivisionError):
        root.make("trained/elastic_net", cell("1e3", "one_hot"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_cell_with_the_best_validation_is_pictured_and_the_test_scores_are_told(root):
    told = root.told("trained/elastic_net")
    folder = root.trained / "elastic_net" / "1e3" / "random_10"
    scores = pl.read_parquet(folder / "scores.parquet").with_columns(pl.col("split", "metric").cast(pl.String))
    of_all = scores.filter(order=0, metric="spearman")
    best = of_all.filter(split="validation").sort("value", descending=True)
    alike = best.filter(pl.col("value") == best["value"][0])["aggregation"]
    assert any(told["predicted_against_observed"].startswith(f"![{name}]") for name in alike)
    for row in of_all.filter(split="test").iter_rows(named=True):
        assert told[f"test_spearman_{row['aggregation']}"] == row["value"]
    search = pl.read_parquet(folder / "search.parquet").filter("chosen")
    assert dict(search.select("aggregation", "parameters").iter_rows()).keys() == told["chosen"].keys()
    for name in ("pert_sum", "intact_mean"):
        assert model_store.read(folder / f"{name}.skops").manifest["parameters"] == told["chosen"][name]


def test_cells_are_collected_with_their_baselines_and_none_without(tmp_path):
    wanted = list(scoreboard.cells(tmp_path, ["elastic_net"], ["1e3", "1e4"], ["one_hot"]))
    assert [one.name for one in wanted] == [
        "baselines/1e3", "elastic_net/1e3/one_hot", "baselines/1e4", "elastic_net/1e4/one_hot",
    ]  # fmt: skip
    assert families.FAMILIES.keys() >= {"elastic_net"}
    assert replace(wanted[1], representation="x").name == "elastic_net/1e3/x"
