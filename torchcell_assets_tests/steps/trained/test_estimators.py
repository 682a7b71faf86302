"""One candidate and several at once: the same pipelines with the parameters that they were given, and the same predictions."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.spatial.distance import cdist

from torchcell_assets.steps.trained import estimators
from torchcell_assets.steps.trained.estimators import (
    alpha_max,
    by,
    elastic_net_fit,
    elastic_net_scan,
    random_forest_fit,
    random_forest_scan,
    scaler,
    singly,
    squared_distances,
    support_vector_fit,
    support_vector_scan,
    total_variance,
)

RANDOM = np.random.default_rng(5)
DENSE = np.hstack([RANDOM.normal(3.0, [1.0, 4.0, 0.2, 2.0], (60, 4)), RANDOM.integers(1, 4, (60, 1))])
WIDE = np.where(RANDOM.random((60, 5)) < 0.4, RANDOM.normal(0.0, 3.0, (60, 5)), 0.0)
FORMS = {"dense": DENSE, "sparse": sp.csr_array(WIDE)}
Y = DENSE[:, 0] - 0.3 * DENSE[:, 1] + 0.8 * DENSE[:, 3] + WIDE[:, 3] + RANDOM.normal(0.0, 0.1, 60)
NETS = [{"l1_ratio": 0.5, "relative_alpha": a} for a in (0.02, 0.5)] + [{"l1_ratio": 0.9, "alpha": 0.1}]
MACHINES = [{"kernel": "rbf", "relative_gamma": 0.5, "C": c, "epsilon": e} for c, e in ((0.1, 0.03), (9.0, 0.4))]


@pytest.fixture(params=FORMS)
def form(request):
    """Rows to fit on and rows to predict, dense or sparse."""
    X = FORMS[request.param]
    return X[:45], X[45:]


def scaled(X):
    return (X - X.mean(axis=0)) / X.std(axis=0) if not sp.issparse(X) else X.toarray() / abs(X).max(axis=0).toarray()


def test_dense_features_are_standardised_and_sparse_ones_divided_by_their_largest(form):
    X, _ = form
    found = scaler(X).fit_transform(X)
    assert sp.issparse(found) == sp.issparse(X)
    np.testing.assert_allclose(found.toarray() if sp.issparse(X) else found, scaled(X), atol=1e-12)
    assert estimators.POLICY == {
        "scalers": {"dense": "StandardScaler", "sparse": "MaxAbsScaler"},
        "elastic_net": {"max_iter": 3000, "tol": 1e-3},
        "precomputed_up_to": 6000,
    }


# ---- elastic net -----------------------------------------------------------------------------------------------------
def test_alpha_is_relative_to_that_at_which_no_coefficient_but_that_of_the_number_of_genes_is_left(form):
    X, _ = form
    net = elastic_net_fit({"l1_ratio": 0.8, "relative_alpha": 0.25}, X, Y[:45], seed=0, threads=1)["model"]
    values = scaled(X)[:, :-1]
    expected = 0.25 * np.abs(values.T @ (Y[:45] - Y[:45].mean())).max() / (45 * 0.8)
    assert net.alpha == pytest.approx(expected, rel=1e-12)
    assert (net.l1_ratio, net.max_iter, net.tol) == (0.8, 3000, 1e-3)
    assert elastic_net_fit({"l1_ratio": 0.8, "alpha": 0.3}, X, Y[:45], seed=0, threads=1)["model"].alpha == 0.3


def test_alpha_max_of_few_rows_by_hand():
    X, y = np.array([[1.0, 0.0], [3.0, 8.0]]), np.array([1.0, 2.0])
    assert alpha_max(X, y, 0.5) == pytest.approx(4.0 / (2 * 0.5))  # |0 * -0.5 + 8 * 0.5|
    assert alpha_max(-X, y, 1.0) == pytest.approx(2.0)


def test_where_nothing_varies_alpha_is_as_small_as_it_gets_and_not_zero():
    X = np.hstack([np.zeros((8, 2)), np.ones((8, 1))])
    assert elastic_net_fit({"l1_ratio": 1.0, "relative_alpha": 0.5}, X, Y[:8], 0, 1)["model"].alpha == 0.5e-9


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1]])
def test_the_path_of_elastic_nets_gives_what_each_gives_alone(form, order, monkeypatch):
    monkeypatch.setitem(estimators.ELASTIC_NET, "tol", 1e-10)
    X, held = form
    nets = [net | {"l1_ratio": 0.5} for net in NETS]  # what is scanned at once shares it
    found = elastic_net_scan([nets[at] for at in order], X, Y[:45], held, seed=0)
    assert found.shape == (15, len(order))
    for column, at in enumerate(order):
        alone = elastic_net_fit(nets[at], X, Y[:45], seed=0, threads=1).predict(held)
        np.testing.assert_allclose(found[:, column], alone, atol=1e-6)


def test_a_path_goes_from_the_largest_alpha_to_the_smallest_and_on_from_where_it_was(monkeypatch):
    from sklearn.linear_model import ElasticNet

    seen, fit = [], ElasticNet.fit
    monkeypatch.setattr(
        ElasticNet, "fit", lambda self, *a, **k: (seen.append((self.alpha, self.warm_start)), fit(self, *a, **k))[1]
    )
    nets = [{"l1_ratio": 0.5, "alpha": alpha} for alpha in (0.02, 0.4, 0.1)]
    elastic_net_scan(nets, DENSE, Y, DENSE, seed=0)
    assert seen == [(0.4, True), (0.1, True), (0.02, True)]


# ---- support vector regression ---------------------------------------------------------------------------------------
def test_total_variance_is_half_the_mean_squared_distance_of_two_rows(form):
    X, _ = form
    rows = X.toarray() if sp.issparse(X) else X
    assert total_variance(X) == pytest.approx(rows.var(axis=0).sum(), rel=1e-10)
    assert total_variance(X) == pytest.approx(cdist(rows, rows, "sqeuclidean").mean() / 2, rel=1e-10)
    assert total_variance(np.ones((3, 2))) == 1e-12


def test_squared_distances_are_those_of_scipy_and_never_negative(form):
    X, held = form
    dense = [M.toarray() if sp.issparse(M) else M for M in (X, held)]
    found = squared_distances(X, held)
    assert isinstance(found, np.ndarray) and found.shape == (45, 15)
    np.testing.assert_allclose(found, cdist(*dense, "sqeuclidean"), atol=1e-9)
    far = 1e6 + RANDOM.random((30, 4))
    assert squared_distances(far, far).min() == 0.0


def test_a_machine_has_the_gamma_c_and_epsilon_of_its_candidate(form):
    X, _ = form
    machine = support_vector_fit(MACHINES[1], X, Y[:45], seed=0, threads=1)["model"]
    assert (machine.kernel, machine.C, machine.epsilon) == ("rbf", 9.0, 0.4)
    assert machine.gamma == pytest.approx(0.5 / scaled(X).var(axis=0).sum(), rel=1e-9)
    plain = {"kernel": "linear", "gamma": 0.7, "C": 1.0, "epsilon": 0.1}
    assert support_vector_fit(plain, X, Y[:45], seed=0, threads=1)["model"].gamma == 0.7
    assert support_vector_fit(plain, X, Y[:45], seed=0, threads=1)["model"].kernel == "linear"


@pytest.mark.parametrize("rows", [44, 45])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_machines_that_share_a_kernel_give_what_each_gives_alone(form, kernel, rows, monkeypatch):
    """Up to so many rows by a kernel that is computed once, beyond by libsvm's own."""
    monkeypatch.setattr(estimators, "PRECOMPUTED_UP_TO", rows)
    X, held = form
    candidates = [machine | {"kernel": kernel} for machine in MACHINES]
    made = []
    build = estimators._support_vector
    monkeypatch.setattr(estimators, "_support_vector", lambda c, k, g: (made.append(k), build(c, k, g))[1])
    found = support_vector_scan(candidates, X, Y[:45], held, seed=0)
    assert made[:2] == (["precomputed"] * 2 if kernel == "rbf" and rows == 45 else [kernel] * 2)
    assert found.shape == (15, 2)
    np.testing.assert_array_equal(support_vector_scan(candidates[:1], X, Y[:45], held, seed=0)[:, 0], found[:, 0])
    for column, candidate in enumerate(candidates):
        alone = support_vector_fit(candidate, X, Y[:45], seed=0, threads=1).predict(held)
        np.testing.assert_allclose(found[:, column], alone, atol=5e-3)  # libsvm stops at a tolerance of 1e-3


# ---- random forest ---------------------------------------------------------------------------------------------------
FOREST = {"n_estimators": 7, "max_features": 0.5, "min_samples_leaf": 2}


def test_a_forest_follows_its_seed_and_predicts_on_one_thread(form):
    X, held = form
    one, same, other = (random_forest_fit(FOREST, X, Y[:45], seed, threads=2) for seed in (3, 3, 4))
    assert (one["model"].n_jobs, one["model"].random_state, one["model"].n_estimators) == (1, 3, 7)
    assert (one["model"].max_features, one["model"].min_samples_leaf) == (0.5, 2)
    np.testing.assert_array_equal(one.predict(held), same.predict(held))
    assert (one.predict(held) != other.predict(held)).any()


def test_its_trees_are_grown_on_as_many_threads_as_it_is_given(monkeypatch):
    from sklearn.ensemble import RandomForestRegressor

    seen, fit = [], RandomForestRegressor.fit
    monkeypatch.setattr(
        RandomForestRegressor, "fit", lambda self, *a, **k: (seen.append(self.n_jobs), fit(self, *a, **k))[1]
    )
    random_forest_fit(FOREST, DENSE, Y, 3, threads=2)
    random_forest_scan([FOREST], DENSE, Y, DENSE, 3)
    assert seen == [2, 1]


def test_of_sparse_features_what_no_training_genotype_has_is_left_out(form):
    X, _ = form
    if sp.issparse(X):
        X = sp.csr_array(sp.hstack([X, sp.csr_array((45, 2))]))
    steps = random_forest_fit(FOREST, X, Y[:45], 3, 1).steps
    assert [name for name, _ in steps] == (["seen", "scale", "model"] if sp.issparse(X) else ["scale", "model"])
    assert steps[-1][1].n_features_in_ == 5


def test_forests_side_by_side_give_what_each_gives_alone(form):
    X, held = form
    candidates = [FOREST, FOREST | {"min_samples_leaf": 9}]
    found = random_forest_scan(candidates, X, Y[:45], held, 3)
    alone = [random_forest_fit(candidate, X, Y[:45], 3, 1).predict(held) for candidate in candidates]
    np.testing.assert_array_equal(found, np.column_stack(alone))


# ---- groups ----------------------------------------------------------------------------------------------------------
def test_candidates_are_grouped_by_what_they_share_wherever_they_stand():
    candidates = [{"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2}, {"b": 1}, {"a": 1, "b": 1}]
    assert by("a")(candidates) == [[0, 2, 4], [1], [3]]
    assert by("a", "b")(candidates) == [[0, 4], [2], [1], [3]]
    assert singly(candidates) == [[0], [1], [2], [3], [4]]
