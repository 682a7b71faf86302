"""The linear model in torch: what it learns, what stops it, and that a kill changes nothing. `make test-deep`."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
import torch

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.trained import families, model_store, torch_linear
from torchcell_assets.steps.trained.checkpoints import FOLDER, Checkpoints
from torchcell_assets.steps.trained.cross_validation import ALIASES
from torchcell_assets.steps.trained.torch_linear import Rows, Settings, fit
from torchcell_assets.steps.trained.trainer import Inputs
from torchcell_assets.steps.trained.training import Request, stored, training
from torchcell_assets.storage.atomic import TEMPORARY_PREFIX
from torchcell_assets_tests.steps.trained.fits import config
from torchcell_assets_tests.steps.trained.synthetic import gene_names, one_hot_embedding, random_embedding, rows, screen
from torchcell_assets_tests.steps.trained.test_families import described

NAMES = gene_names(40)
EPOCHS = 120


def problem(count: int = 200, width: int = 8, noise: float = 0.1, seed: int = 0) -> Rows:
    random = np.random.default_rng(seed)
    X = random.normal(size=(count, width))
    return Rows(X, X @ np.linspace(-0.5, 0.5, width) + 1.0 + random.normal(0, noise, count))


def error(model, of: Rows) -> float:
    return float(np.sqrt(np.square(model.predict(of.X) - of.y).mean()))


# ---- the descent ---------------------------------------------------------------------------------------------------
def test_full_batches_end_at_the_ridge():
    data = problem()
    settings = Settings(weight_decay=0.1, epochs=4000, patience=4000)
    found = fit(data, data, Settings(epochs=4000, patience=4000), seed=0, device="cpu")
    X = np.hstack([data.X, np.ones((len(data.y), 1))])
    exact = np.linalg.lstsq(X, data.y, rcond=None)[0]
    np.testing.assert_allclose([*found.weight, found.intercept], exact, atol=1e-3)
    shrunk = fit(data, problem(noise=0.0, seed=9), settings, seed=0, device="cpu")
    assert np.abs(shrunk.weight).sum() < 0.98 * np.abs(found.weight).sum()


def test_it_stops_by_validation_and_keeps_the_weights_that_were_best_there():
    few, validation = problem(30, 60, noise=1.0), problem(200, 60, noise=1.0, seed=1)
    until_the_end = fit(few, few, Settings(epochs=2000, patience=2000), seed=0, device="cpu")
    stopped = fit(few, validation, Settings(epochs=2000, patience=20), seed=0, device="cpu")
    assert error(stopped, validation) < 0.9 * error(until_the_end, validation)
    assert error(until_the_end, few) < 0.5 * error(stopped, few)


def test_it_stops_patience_epochs_after_the_best_one(tmp_path):
    few, validation = problem(30, 60, noise=1.0), problem(200, 60, noise=1.0, seed=1)
    fit(few, validation, Settings(epochs=2000, patience=20), seed=0, device="cpu", checkpoints=Checkpoints(tmp_path))
    from safetensors.numpy import load_file

    saved = load_file(tmp_path / "fit.safetensors")
    assert saved["waited"] == 20 and saved["done"] < 2000
    best = torch_linear.LinearModel(saved["best"][:-1], float(saved["best"][-1]))
    assert error(best, validation) == pytest.approx(float(saved["least"]), abs=1e-12)


def test_the_seed_decides_the_order_of_mini_batches_and_nothing_else():
    data, settings = problem(), Settings(batch_size=16, epochs=5)
    one, again, other = (fit(data, data, settings, seed=seed, device="cpu") for seed in (1, 1, 2))
    assert one.content == again.content != other.content
    whole = [fit(data, data, Settings(epochs=5), seed=seed, device="cpu") for seed in (1, 2)]
    assert whole[0].content == whole[1].content


class Cut(Exception):
    pass


@pytest.mark.parametrize("batch_size", [0, 16])
@pytest.mark.parametrize("at", [0, 129, 200])
def test_a_fit_that_was_cut_goes_on_to_the_very_weights_of_one_that_was_not(tmp_path, monkeypatch, batch_size, at):
    monkeypatch.setattr(torch_linear, "EVERY", 20)
    data, settings = problem(), Settings(batch_size=batch_size, epochs=300, patience=300)
    whole = fit(data, data, settings, seed=1, device="cpu")
    epoch, begun, kept = torch_linear._Descent.epoch, [], Checkpoints(tmp_path)

    def cut(self) -> None:
        begun.append(self.done)
        if len(begun) == at + 1:
            raise Cut
        epoch(self)

    monkeypatch.setattr(torch_linear._Descent, "epoch", cut)
    with pytest.raises(Cut):
        fit(data, data, settings, seed=1, device="cpu", checkpoints=kept)
    after = fit(data, data, settings, seed=1, device="cpu", checkpoints=kept)
    assert begun[at + 1] == at // 20 * 20
    assert after.content == whole.content


def test_a_device_that_is_not_there_is_one_sentence():
    if torch.cuda.is_available():
        pytest.skip("here is one")
    with pytest.raises(TorchcellError, match=r"There is no device 'cuda' here: ask for `auto`, which is cpu\."):
        fit(problem(), problem(), Settings(), seed=0, device="cuda")
    assert torch_linear.device_of("auto") == "cpu"


# ---- the trainer ---------------------------------------------------------------------------------------------------
def fitted(embedding, count: int = 300, **how):
    subset = rows(count, genes=len(NAMES))
    trainer = families.family("torch_linear").trainer
    return subset, trainer.fit(
        {"fitness": subset}, Inputs(embedding), config("torch_linear", "smallest", **how), Checkpoints()
    )


@pytest.mark.parametrize("embedding", [one_hot_embedding(NAMES), random_embedding(NAMES, 6)], ids=lambda e: e.key)
def test_what_is_stored_predicts_without_torch_what_was_predicted(tmp_path, embedding):
    _, made = fitted(embedding)
    for name in ("pert_sum", "pert_mean", "intact_sum", "intact_mean"):
        path = tmp_path / f"{name}.safetensors"
        made.artefact[path.name](path)
        model = model_store.read(model_store.find(tmp_path, name))
        test = made.predictions.filter(
            pl.col("training_sample") == 0, ~pl.col("permuted"), split="test", aggregation=name
        )
        found = model_store.predict(model, embedding, [genes.split("+") for genes in test["genes"]])
        np.testing.assert_allclose(found["predicted"], test["predicted"], atol=1e-12)
        assert model.manifest["inputs"] == made.manifest["inputs"] and model.manifest["target"] == "fitness"
    with pytest.raises(TorchcellError, match="The model was trained on"):
        model_store.predict(model, random_embedding(NAMES, 6, seed=9), [[NAMES[0]]])


@pytest.mark.parametrize("embedding", [one_hot_embedding(NAMES), random_embedding(NAMES, 6)], ids=lambda e: e.key)
def test_the_alias_predicts_what_fitting_intact_sum_predicts(embedding, monkeypatch):
    _, made = fitted(embedding)
    monkeypatch.setitem(ALIASES, "intact_sum", "nothing")
    _, really = fitted(embedding)
    one, other = (part.predictions.filter(aggregation="intact_sum")["predicted"] for part in (made, really))
    np.testing.assert_allclose(one, other, atol=1e-7)


def test_it_learns_and_has_controls():
    _, made = fitted(one_hot_embedding(NAMES), 600)
    own = made.predictions.filter(pl.col("training_sample") == 0, split="test", aggregation="pert_sum")
    y = own["observed"].to_numpy()
    assert np.corrcoef(own["predicted"], y)[0, 1] > 0.8
    assert set(made.predictions["training_sample"]) == {0, 1, 2, 3, 4, 5}
    trainer = families.family("torch_linear").trainer
    small = rows(200)
    told = trainer.fit({"fitness": small}, Inputs(described()), config("torch_linear", "smallest"), Checkpoints())
    assert told.predictions.filter("permuted").height > 0


# ---- a worker that is killed ---------------------------------------------------------------------------------------
@pytest.fixture
def root(tmp_path) -> Path:
    """A data root with one sample and one representation."""
    every = screen(500, genes=len(NAMES))
    (tmp_path / "merged" / "subset").mkdir(parents=True)
    every.head(300).write_parquet(tmp_path / "merged" / "subset" / "1e3.parquet")
    every.filter(pl.col("split") == "test").write_parquet(tmp_path / "merged" / "test_set.parquet")
    folder = tmp_path / "representations" / "gene_embedding"
    folder.mkdir(parents=True)
    table.write(folder / "random_10.safetensors", random_embedding(NAMES, 10))
    return tmp_path


def request(root: Path, **change) -> str:
    candidate = {"weight_decay": 0.001, "batch_size": 128, "epochs": EPOCHS, "patience": EPOCHS}
    asked = {
        **{"root": str(root), "family": "torch_linear", "size": "1e3", "representation": "random_10", "seed": 3},
        **{"targets": ["fitness"], "candidates": [candidate], "folds": 2, "device": "cpu"},
    }
    return json.dumps(asked | change)


def worker(asked: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "torchcell_assets", "worker", str(asked)], stdout=subprocess.PIPE)


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in (root / "trained").rglob("*") if path.is_file()}


def test_a_worker_that_was_killed_leaves_nothing_behind_and_goes_on_to_the_same_bytes(root, tmp_path_factory):
    asked = tmp_path_factory.mktemp("asked") / "request.json"
    asked.write_text(request(root))
    assert worker(asked).wait() == 0
    whole = files(root)
    assert {Path(name).suffix for name in whole} == {".parquet", ".json", ".safetensors"}
    cell = Request.read(asked.read_text()).cell
    for path in cell.folder.iterdir():
        path.unlink()
    process = worker(asked)
    while len(list((root / "trained" / FOLDER).glob("*/*/*/*/*.safetensors"))) < 5 and process.poll() is None:
        time.sleep(0.002)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert list(cell.folder.iterdir()) == []
    assert worker(asked).wait() == 0
    assert files(root) == whole
    assert not [path for path in root.rglob("*") if path.name.startswith((TEMPORARY_PREFIX, FOLDER))]
    assert stored(cell).predictions.height > 0


def test_a_checkpoint_of_another_training_is_not_gone_on_from(root):
    asked = Request.read(request(root))
    other = Request.read(request(root, seed=4))
    for one in (asked, other):
        with pytest.raises(Cut), training(one):
            raise Cut  # all is fitted, and nothing stored
    kept = {path.parent.name for path in (root / "trained" / FOLDER).rglob("*.safetensors")}
    assert len(kept) == 2
    with training(asked):
        pass
    assert not (root / "trained" / FOLDER).exists()


# ---- the asset -----------------------------------------------------------------------------------------------------
def test_the_asset_of_a_study_that_names_it_trains_in_a_process_of_its_own_and_tells_of_it(root, tmp_path_factory):
    from torchcell_assets.config.partitions import cell
    from torchcell_assets.config.resources import DataRoot
    from torchcell_assets.config.study import current
    from torchcell_assets.config.worker_process import WorkerProcess
    from torchcell_assets.steps.trained.assets import assets
    from torchcell_assets_tests.mirror import QUIET

    study = current().model_copy(update={"families": ("torch_linear",), "grid": "smallest"})
    of_study = {asset.key.path[-1]: asset for asset in assets(study)}
    assert "elastic_net" not in of_study
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance"))) as instance:
        for key, partition in (("subset", "1e3"), ("test_set", None), ("gene_embedding", "random_10")):
            path = ["representations" if partition == "random_10" else "merged", key]
            made = dg.AssetMaterialization(path, partition=partition, tags={"dagster/data_version": "A"})
            instance.report_runless_asset_event(made)
        done = dg.materialize(
            [of_study["torch_linear"]],
            instance=instance,
            partition_key=cell("1e3", "random_10"),
            run_config=QUIET,
            resources={"root": DataRoot(path=str(root)), "worker": WorkerProcess()},
        )
        [event] = done.get_asset_materialization_events()
        told = {name: value.value for name, value in event.materialization.metadata.items()}
    assert told["seconds"] > 0
    assert told["chosen"]["pert_sum"] == {"weight_decay": 0.001, "epochs": 100}
    assert told["test_rmse_pert_sum"] > 0 and told["predicted_against_observed"].startswith("![")
