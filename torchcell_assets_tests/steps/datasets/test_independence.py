"""Screens that were computed from others: the known one, and made-up ones with known truth."""

import numpy as np
import polars as pl
import pytest

from torchcell_assets.steps.datasets import independence
from torchcell_assets.steps.datasets.publications.sga import FITNESS, INTERACTION

MEAN = "YAL028W+YOR324C_tm1553"
PARTS = {"YAL015C+YOL043C_tm72", "YAL034C+YOR338W_tm75", "YAL051W+YOR363C_tm1554"}


@pytest.mark.parametrize("dataset", [FITNESS, INTERACTION], ids=lambda dataset: dataset.name)
def test_what_is_stored_of_the_test_screens_is_independent(read, tmp_path, dataset):
    read(dataset).kept.write_parquet(tmp_path / "kept.parquet")
    assert independence.combinations(tmp_path / "kept.parquet") == ([], 8)


@pytest.mark.parametrize("dataset", [FITNESS, INTERACTION], ids=lambda dataset: dataset.name)
def test_the_mean_of_three_screens_is_found_with_its_weights(read, tmp_path, dataset):
    found = read(dataset)
    published = pl.concat([found.kept, found.quarantined.select(found.kept.columns).cast(dict(found.kept.schema))])
    published.write_parquet(tmp_path / "published.parquet")
    [first, *others], compared = independence.combinations(tmp_path / "published.parquet")
    assert compared == 9
    assert first.screen == f"{dataset.name}:{MEAN}"
    assert first.is_mean
    large = {screen.split(":")[1]: weight for screen, weight in first.weights.items() if weight > 0.1}
    assert set(large) == PARTS
    assert first.left < 0.02
    # its parts follow from it, with weights that are no mean
    assert {one.screen.split(":")[1] for one in others} <= PARTS
    assert not any(one.is_mean for one in others)


def _table(path, values: np.ndarray) -> None:
    """values: strains x screens."""
    strains, screens = values.shape
    rows = [
        {"screen": f"s{k}", "query": f"q{k}", "strain": f"q{k} x a{i}", "value": float(values[i, k])}
        for k in range(screens)
        for i in range(strains)
        if not np.isnan(values[i, k])
    ]
    pl.DataFrame(rows, schema_overrides={"query": pl.String}).write_parquet(path)


def _screens(strains: int, screens: int, seed: int = 0) -> np.ndarray:
    """Fitness of crosses as the pipeline makes it: what the array strain grows like, and noise of each screen."""
    draw = np.random.default_rng(seed)
    return 1 - 0.15 * draw.random((strains, 1)) + 0.03 * draw.standard_normal((strains, screens))


def test_screens_with_noise_of_their_own_are_independent_however_alike_the_strains_make_them(tmp_path):
    _table(tmp_path / "t.parquet", _screens(400, 30))
    assert independence.combinations(tmp_path / "t.parquet") == ([], 30)


@pytest.mark.parametrize("weights", [[1.0], [0.5, 0.5], [0.2, 0.3, 0.5]], ids=["copy", "mean of two", "mean of three"])
def test_a_copy_and_a_weighted_mean_among_many_screens_are_found(tmp_path, weights):
    values = _screens(400, 30, seed=1)
    values[:, 7] = values[:, 10 : 10 + len(weights)] @ np.array(weights) + 1e-3 * np.random.default_rng(
        2
    ).standard_normal(400)
    values[::9, 11] = np.nan  # screens are not complete
    _table(tmp_path / "t.parquet", values)
    found, compared = independence.combinations(tmp_path / "t.parquet")
    assert compared == 30
    assert "s7" in {one.screen for one in found if one.is_mean}


def test_few_screens_and_few_strains_are_not_judged(tmp_path):
    _table(tmp_path / "few.parquet", np.repeat(_screens(400, 1), 3, axis=1))
    assert independence.combinations(tmp_path / "few.parquet") == ([], 0)
    _table(tmp_path / "short.parquet", np.repeat(_screens(30, 1), 6, axis=1))
    assert independence.combinations(tmp_path / "short.parquet") == ([], 0)
