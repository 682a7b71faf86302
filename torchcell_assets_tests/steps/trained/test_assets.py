"""Real runs of the trained assets on a small made-up data root: what stands on the board, and what a kill leaves of a cell."""

import ast
import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from torchcell_assets.config.partitions import cell
from torchcell_assets.config.resources import DataRoot
from torchcell_assets.config.study import current
from torchcell_assets.config.worker_process import WorkerProcess
from torchcell_assets.schema import MergedFitness
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.staleness import outdated
from torchcell_assets.steps.merged import merged_table
from torchcell_assets.steps.merged.assets import assets as merged_assets
from torchcell_assets.steps.merged.phenotypes import FITNESS
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.representations.assets import assets as representation_assets
from torchcell_assets.steps.trained import (
    assets,
    baselines,
    families,
    model_store,
    pictures,
    scoreboard,
    scores,
    training,
)
from torchcell_assets.steps.trained.grids import GRIDS
from torchcell_assets.storage.atomic import atomic_write
from torchcell_assets_tests.mirror import QUIET
from torchcell_assets_tests.steps.merged.test_viability import stored
from torchcell_assets_tests.steps.trained.synthetic import gene_names, one_hot_embedding, random_embedding, screen
from torchcell_assets_tests.steps.trained.test_families import SMALL

NAMES = gene_names(40)
SUBSET, EMBEDDING = ("merged/subset", "1e3"), ("representations/gene_embedding", "one_hot")
with pytest.MonkeyPatch.context() as small:
    small.setitem(GRIDS, current().grid, SMALL)
    ALL = [*merged_assets(current()), *representation_assets(current()), *assets.assets(current())]


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

    def make(self, name: str, partition: str | None = None, among=None) -> None:
        selection = dg.AssetSelection.assets(name.split("/"))
        resources = {"root": self.root, "raw": None, "store": None, "worker": WorkerProcess()}
        dg.materialize(among or ALL, selection=selection, instance=self.instance, partition_key=partition, run_config=QUIET,
                       resources=resources)  # fmt: skip

    def told(self, name: str) -> dict:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(name.split("/")))
        return {key: value.value for key, value in event.asset_materialization.metadata.items()}

    def standing(self, name: str, partition: str | None = None) -> list[str]:
        graph = AssetGraph.from_assets(ALL)
        found = outdated(self.instance, graph, {dg.AssetKey(name.split("/")): [partition]}, root=self.root.folder)
        return [one.why for one in found]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A sample and two representations, as if they had been made; baselines and two cells, really made."""
    folder = tmp_path_factory.mktemp("trained")
    made = opened(folder)
    path = made.root.table("merged/subset", "1e3")
    path.parent.mkdir(parents=True)
    every = screen(500, genes=len(NAMES)).with_columns(
        shared_error=pl.lit(0.0), reference=pl.lit("wild type"), evidence=pl.lit("measured"), temperature=pl.lit(26.0),
        publications=pl.Series([["10.1126/science.aaf1420"]] * 500),
    )  # fmt: skip
    types = polars_schema(MergedFitness)
    every = every.with_columns(pl.col(name).cast(types[name]) for name in every.columns if name in types)
    every.head(200).write_parquet(path)
    every.filter(pl.col("split") == "test").write_parquet(made.root.place("merged", "test_set.parquet"))
    made.stored("merged/test_set", None, "A")
    merged_table.write(
        made.root.place("merged", "fitness.duckdb"), pl.DataFrame(schema=polars_schema(MergedFitness)), FITNESS
    )
    made.stored(*SUBSET, "A")
    made.stored("merged/fitness", None, "A")
    made.root.table("datasets", "x").parent.mkdir()
    for name in ("viability_deletion_project", "viability_deutschbauer2005"):
        stored(made.root.table("datasets", name), (False, [("YPR204W", "deletion", "haploid")]))
        made.stored(f"datasets/{name}", None, "A")
    for embedding in (one_hot_embedding(NAMES), random_embedding(NAMES, 10)):
        with atomic_write(
            made.root.place("representations", "gene_embedding", f"{embedding.key}.safetensors")
        ) as temporary:
            table.write(temporary, embedding)
        made.stored(EMBEDDING[0], embedding.key, "A")
    made.make("trained/baselines", "1e3")
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
    assert set(before) == {"predictions.parquet", "manifest.json", "search.parquet"} | {
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


def test_a_figure_that_cannot_be_drawn_fails_no_scoreboard_and_leaves_no_figure_of_another_table(root, monkeypatch):
    root.make("trained/scoreboard")
    before = {suffix: (root.trained / f"scoreboard.{suffix}").read_bytes() for suffix in ("png", "svg")}
    monkeypatch.setattr(pictures, "scoreboard_figure", lambda *_, **__: 1 / 0)
    root.make("trained/scoreboard")
    why = "The picture 'scoreboard 1e3' could not be drawn (ZeroDivisionError: division by zero); the data are stored."
    assert root.told("trained/scoreboard")["figure_1e3"] == why
    for suffix, old in before.items():
        assert (root.trained / f"scoreboard.{suffix}").read_bytes() != old
    assert "could not be drawn" in (root.trained / "scoreboard.svg").read_text()
    assert root.told("trained/scoreboard")["by_order_1e3"].startswith("![by order 1e3]")
    assert "could not be drawn" not in (root.trained / "by_order.svg").read_text()


def test_a_figure_that_cannot_be_drawn_fails_no_cell(root, monkeypatch):
    monkeypatch.setattr(pictures.figures, "predicted_vs_observed", lambda *_: 1 / 0)
    root.make("trained/elastic_net", cell("1e3", "one_hot"))
    assert "could not be drawn" in root.told("trained/elastic_net")["predicted_against_observed"]


def test_the_cell_with_the_best_validation_is_pictured_and_the_test_scores_are_told(root):
    told = root.told("trained/elastic_net")
    folder = root.trained / "elastic_net" / "1e3" / "random_10"
    own = pl.read_parquet(folder / "predictions.parquet").filter(pl.col("training_sample") == 0, ~pl.col("permuted"))
    by_name = {name: part for (name,), part in own.group_by("aggregation")}
    errors = {name: scores.error(part, "validation") for name, part in by_name.items()}
    alike = [name for name, error in errors.items() if error == min(errors.values())]
    assert any(told["predicted_against_observed"].startswith(f"![{name}]") for name in alike)
    for name, part in by_name.items():
        assert told[f"test_rmse_{name}"] == scores.error(part, "test")
    search = pl.read_parquet(folder / "search.parquet").filter("chosen")
    assert dict(search.select("aggregation", "parameters").iter_rows()).keys() == told["chosen"].keys()
    for name in ("pert_sum", "intact_mean"):
        assert model_store.read(folder / f"{name}.skops").manifest["parameters"] == told["chosen"][name]


def test_all_sizes_are_scored_on_the_one_test_set(root):
    root.make("trained/scoreboard")
    board = pl.read_parquet(root.trained / "scoreboard.parquet").with_columns(pl.col("split", "kind").cast(pl.String))
    test_set = pl.read_parquet(root.root.place("merged", "test_set.parquet"))
    counts = board.filter(order=0).group_by("split").agg(pl.col("genotypes").unique())
    sizes = dict(counts.select("split", pl.col("genotypes").list.get(0)).iter_rows())
    assert counts["genotypes"].list.len().to_list() == [1] * 4
    assert sizes["test"] == test_set.height > 2 * sizes["test_of_size"] > 0
    # SMALL tries two values of every parameter, of which none can be an edge
    assert board["at_edge"].null_count() == board.height


def test_a_winner_at_the_edge_of_its_grid_is_told_on_the_board(root):
    """Of the models on one_hot; neither the baselines nor other representations."""
    wanted = list(scoreboard.cells(root.trained, [families.family("elastic_net")], ["1e3"], ["one_hot", "random_10"]))
    search = pl.read_parquet(wanted[1].search)
    search.with_columns(at_edge=pl.when(pl.col("chosen")).then(pl.lit("C"))).write_parquet(wanted[1].search)
    test_set = pl.read_parquet(root.root.place("merged", "test_set.parquet"))
    by = scores.Yardsticks(test_set.select("genotype", "query"))
    edges = scoreboard.collect(wanted, {}, {"fitness": by}).board.filter(pl.col("at_edge") == "C")
    assert set(edges.select("kind", "model", "representation").cast(pl.String).iter_rows()) == {
        ("model", "elastic_net", "one_hot")
    }
    assert set(edges["aggregation"]) == {"pert_sum", "pert_mean", "intact_sum", "intact_mean"}


def test_another_test_set_outdates_cells_and_baselines_alike(root):
    assert root.standing("trained/elastic_net", cell("1e3", "one_hot")) == []
    root.stored("merged/test_set", None, "B")
    why = ["merged/test_set has other data"]
    assert root.standing("trained/elastic_net", cell("1e3", "one_hot")) == why
    assert root.standing("trained/baselines", "1e3") == why


def test_the_terminal_shows_the_best_by_cross_validation_and_every_baseline(root):
    root.make("trained/scoreboard")
    lines = scoreboard.summary(root.trained / "scoreboard.parquet", rows=1, target="fitness")
    assert {len(line) for line in lines} == {len(scoreboard.SUMMARY_COLUMNS)}
    [model] = [line for line in lines if line[1] != "(baseline)"]
    board = pl.read_parquet(root.trained / "scoreboard.parquet").filter(
        order=0, model=model[0], representation=model[1].split(", ")[0], aggregation=model[1].split(", ")[1]
    )
    value = {(r["split"], r["metric"]): r for r in board.iter_rows(named=True) if r["kind"] == "model"}
    assert model[2] == f"{value['train', 'rmse']['value']:.3f}"
    models = pl.read_parquet(root.trained / "scoreboard.parquet").filter(
        order=0, kind="model", split="train", metric="rmse"
    )
    assert value["train", "rmse"]["value"] == models["value"].min()
    row = value["test", "spearman"]
    assert model[3].startswith(f"{row['value']:.2f}") and model[4].startswith(f"{row['minus_additive']:+.2f}")
    assert model[5] == f"{row['spread']:.3f}" and model[6] == f"{value['test', 'rmse']['value']:.3f}"
    assert sorted(line[0] for line in lines if line[1] == "(baseline)") == sorted(baselines.BASELINES)
    assert [line[4] for line in lines if line[0] == "additive_ridge"] == [""]


def test_cells_are_collected_with_their_baselines_and_none_without(tmp_path):
    wanted = list(scoreboard.cells(tmp_path, [families.family("elastic_net")], ["1e3", "1e4"], ["one_hot"]))
    assert [one.name for one in wanted] == [
        "baselines/1e3", "elastic_net/1e3/one_hot", "baselines/1e4", "elastic_net/1e4/one_hot",
    ]  # fmt: skip
    assert replace(wanted[1], representation="x").name == "elastic_net/1e3/x"


# ---- the same cell in another process ---------------------------------------------------------------------------------
def request(root: Root, **change) -> dict:
    """What the asset of an elastic net asks for."""
    where = {"root": root.root.folder, "size": "1e3", "representation": "one_hot"}
    asked = training.request_of(current(), families.family("elastic_net"), SMALL, **where)
    return {**json.loads(asked.model_dump_json()), **change}


WITHOUT_DAGSTER = (
    "import sys; sys.modules['dagster'] = None; from torchcell_assets.cli.main import main; sys.exit(main(['worker']))"
)


def shell(asked: str, code: str = WITHOUT_DAGSTER) -> subprocess.CompletedProcess:
    """A worker as a shell starts it: no variable of ours, and no Dagster to import."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("TORCHCELL", "DAGSTER"))}
    return subprocess.run(
        [sys.executable, "-c", code], input=asked, capture_output=True, text=True, env=variables, check=False
    )


def test_a_worker_of_a_shell_writes_the_very_files_of_the_asset(root):
    folder = root.trained / "elastic_net" / "1e3" / "one_hot"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    version = root.told("trained/elastic_net")  # of the other cell, made last
    shutil.rmtree(folder)
    done = shell(json.dumps(request(root)))
    assert done.returncode == 0, done.stderr
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} <= {
        name for name in after if name.endswith(".skops")
    }
    for name in ("pert_sum", "intact_mean"):  # a skops file holds the time at which it was written
        assert model_store.read_manifest(folder / f"{name}.skops")["family"] == "elastic_net"
    said = json.loads(done.stdout)
    assert said["cell"] == "elastic_net/1e3/one_hot" and said["files"] == 7
    assert said["rows"] == version["dagster/row_count"]
    assert not (root.trained / ".checkpoints").exists()


def test_a_worker_imports_nothing_heavy_before_it_is_asked():
    code = (
        "import sys; from torchcell_assets.cli.main import commands; commands.get_command(None, 'worker'); "
        "print(sorted(sys.modules))"
    )
    heavy = {"dagster", "dagster_pipes", "pydantic", "polars", "numpy", "torch", "sklearn"}
    assert not heavy & set(ast.literal_eval(shell("", code).stdout))


def test_what_a_worker_cannot_do_is_one_sentence_and_leaves_the_cell_as_it_was(root):
    folder = root.trained / "elastic_net" / "1e3" / "one_hot"
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    for asked, words in [
        ("{", "The request cannot be used: the text: invalid JSON"),
        (request(root, folds=1, colour="red"), "folds: input should be greater than or equal to 2; colour: extra"),
        (request(root, family="elastic_nett"), "no model family 'elastic_nett': did you mean elastic_net?"),
        (request(root, targets=["fitnes"]), "There is no target 'fitnes': did you mean fitness?"),
        (request(root, size="1e4"), "1e4.parquet: materialize merged/subset of size 1e4"),
        (request(root, size="../1e3"), "size: string should match pattern"),
        (request(root, representation="nothing"), "There is no gene embedding at"),
    ]:
        done = shell(asked if isinstance(asked, str) else json.dumps(asked))
        assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr, done.stderr
        assert done.stdout == ""
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def elsewhere(**change) -> list[dg.AssetsDefinition]:
    """All assets, with an elastic net that trains in a process of its own."""
    family = replace(families.family("elastic_net"), environment="deep", **change)
    with pytest.MonkeyPatch.context() as small:
        small.setitem(GRIDS, current().grid, SMALL)
        small.setitem(families.FAMILIES, "elastic_net", family)
        trained = assets.assets(current().model_copy(update={"families": ("elastic_net",)}))
    return [*merged_assets(current()), *representation_assets(current()), *trained]


def test_a_cell_of_another_process_is_told_as_one_of_this_process_is(root):
    partition = cell("1e3", "random_10")
    here = root.told("trained/elastic_net")
    before = root.instance.get_latest_data_version_record(
        dg.AssetKey(["trained", "elastic_net"]), partition_key=partition
    )
    root.make("trained/elastic_net", partition, elsewhere())
    there = root.told("trained/elastic_net")
    after = root.instance.get_latest_data_version_record(
        dg.AssetKey(["trained", "elastic_net"]), partition_key=partition
    )
    tags = [record.asset_materialization.tags["dagster/data_version"] for record in (before, after)]
    assert tags[0] == tags[1] and before.storage_id < after.storage_id
    assert there.keys() == here.keys()
    alike = [name for name in here if name.startswith(("test_", "chosen", "genes_", "dagster/row"))]
    assert len(alike) > 12 and {name: there[name] for name in alike} == {name: here[name] for name in alike}
    assert there["predicted_against_observed"].startswith("![") and there["seconds"] > 0
    assert root.standing("trained/elastic_net", partition) == []


def test_why_a_worker_refused_is_what_the_step_fails_with(root):
    root.root.place("representations", "gene_embedding", "random_10.safetensors").write_text("nothing")
    with pytest.raises(Exception, match=r"random_10\.safetensors is truncated or no safetensors file"):
        root.make("trained/elastic_net", cell("1e3", "random_10"), elsewhere())


def test_an_interpreter_that_is_none_is_one_sentence(root, monkeypatch):
    monkeypatch.setenv("TORCHCELL_DEEP_PYTHON", "/nowhere/python")
    with pytest.raises(Exception, match=r"TORCHCELL_DEEP_PYTHON=/nowhere/python is no program: name the python of"):
        root.make("trained/elastic_net", cell("1e3", "random_10"), elsewhere())
