import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.derived import Prediction
from torchcell_assets.steps.representations.permuted import permuted
from torchcell_assets.steps.representations.table import GeneEmbedding
from torchcell_assets.steps.trained import design, families, features
from torchcell_assets.steps.trained.baselines import fit_baselines
from torchcell_assets.steps.trained.estimators import alpha_max
from torchcell_assets.steps.trained.families import chosen
from torchcell_assets.steps.trained.families import family as family_of
from torchcell_assets.steps.trained.grids import GRIDS, Grid
from torchcell_assets.steps.trained.predictions import prediction_table, rmse, rows_to_predict, spearman, split_mask
from torchcell_assets.steps.trained.splits import fold_of
from torchcell_assets_tests.steps.trained.fits import TARGET, fit_aggregations, fit_cell
from torchcell_assets_tests.steps.trained.synthetic import (
    gene_names,
    one_hot_embedding,
    random_embedding,
    rows,
    rows_of,
    screen,
    table,
)

NAMES = gene_names(300)
FAMILIES = [family.name for family in chosen()]
SMALL = Grid(
    "small",
    folds=3,
    candidates={
        "elastic_net": tuple({"l1_ratio": 0.5, "relative_alpha": a} for a in (0.3, 0.03)),
        "support_vector": tuple({"kernel": "rbf", "relative_gamma": 0.5, "C": c, "epsilon": 0.03} for c in (0.1, 1.0)),
        "random_forest": ({"n_estimators": 20, "max_features": "sqrt", "min_samples_leaf": 2},),
    },
    description="",
)


STEPS = 3 * 1 + 1 + design.SAMPLES
"""Of one aggregation of an elastic net: folds, the fit on all, the smaller samples."""


def correlation(table: pl.DataFrame, split: str) -> float | None:
    part = table.filter(pl.col("split").cast(pl.String) == split)
    return spearman(part["predicted"].to_numpy(), part["observed"].to_numpy())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("embedding", [random_embedding(NAMES, 8), one_hot_embedding(NAMES)], ids=lambda e: e.key)
def test_a_cell_predicts_every_genotype_once(family, embedding):
    subset = rows(200)
    fitted = fit_cell(subset, embedding, family, SMALL, "pert_sum", seed=1)
    Prediction.validate(fitted.predictions)
    assert fitted.predictions["genotype"].to_list() == subset["genotype"].to_list()
    assert fitted.search["chosen"].sum() == 1
    chosen = json.loads(fitted.search.filter("chosen")["parameters"][0])
    assert chosen == fitted.parameters and chosen in SMALL.candidates[family]
    assert (fitted.missing, fitted.genotypes_with_missing) == ([], 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_result_is_the_same_at_one_and_two_threads(family):
    subset, embedding = rows(200), random_embedding(NAMES, 8)
    one, two = (fit_cell(subset, embedding, family, SMALL, "pert_mean", seed=1, threads=n) for n in (1, 2))
    assert one.predictions.equals(two.predictions)
    assert one.search.equals(two.search)


@pytest.mark.parametrize("family", ["elastic_net", "support_vector"])
@pytest.mark.parametrize("wide", [False, True], ids=["dense", "sparse"])
def test_the_alias_predicts_what_fitting_intact_sum_predicts(family, wide):
    subset = rows(250)
    embedding = one_hot_embedding(NAMES) if wide else random_embedding(NAMES, 8)
    fitted = {f.aggregation: f for f in fit_aggregations(subset, embedding, family, SMALL, seed=1)}
    assert list(fitted) == list(features.AGGREGATIONS)
    alias = fitted["intact_sum"]
    assert alias.features == "pert_sum" and set(alias.search["alias_of"]) == {"pert_sum"}
    assert set(alias.predictions["aggregation"]) == {"intact_sum"}
    really = fit_cell(subset, embedding, family, SMALL, "intact_sum", seed=1)
    assert really.features == "intact_sum" and really.search["alias_of"].null_count() == really.search.height
    # libsvm stops at a tolerance of 1e-3
    tolerance = 1e-9 if family == "elastic_net" else 2e-3
    np.testing.assert_allclose(alias.predictions["predicted"], really.predictions["predicted"], atol=tolerance)


def test_forests_are_fitted_on_every_aggregation():
    fitted = fit_aggregations(rows(150), random_embedding(NAMES, 3), "random_forest", SMALL)
    assert [f.features for f in fitted] == [f.aggregation for f in fitted] == list(features.AGGREGATIONS)


def test_progress_is_told_to_the_end():
    seen = []
    fit_aggregations(rows(150), random_embedding(NAMES, 3), "elastic_net", SMALL, tick=lambda *step: seen.append(step))
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert all(done <= total for done, total, _ in seen)
    assert "elastic_net on random_3, pert_sum" in seen[0][2]
    # intact_sum is an alias and takes no time: the last step of intact_mean is the end
    assert seen[-1][0] == seen[-1][1] == 4 * STEPS
    assert len(seen) == 3 * STEPS and [text.split(", ")[1] for _, _, text in seen][::STEPS] == [
        "pert_sum", "pert_mean", "intact_mean",
    ]  # fmt: skip


def test_the_published_elastic_net_grid_knows_no_gene_on_one_hot_genes():
    names = gene_names(3000)
    subset, embedding = rows(800, names=names), one_hot_embedding(names)
    fitted = fit_cell(subset, embedding, "elastic_net", "paper", "pert_sum")
    assert not fitted.model["model"].coef_[:-1].any()  # at most the number of deletions is left
    assert fitted.search["spearman"].null_count() >= 8
    assert "degenerate" in fitted.search["warning"][0]
    assert fit_cell(subset, embedding, "elastic_net", "quick", "pert_sum").model["model"].coef_[:-1].any()


def test_alpha_max_is_the_smallest_alpha_of_an_empty_net():
    from sklearn.linear_model import ElasticNet

    random = np.random.default_rng(0)
    X, y = random.normal(size=(50, 5)), random.normal(size=50)
    X -= X.mean(axis=0)
    top = alpha_max(X, y, 0.5)
    assert not ElasticNet(alpha=top * 1.001, l1_ratio=0.5).fit(X, y).coef_.any()
    assert ElasticNet(alpha=top * 0.99, l1_ratio=0.5, tol=1e-12).fit(X, y).coef_.any()


def test_grids_name_every_family_and_quick_is_quick():
    for grid in GRIDS.values():
        assert grid.candidates.keys() == families.FAMILIES.keys()
    assert [len(GRIDS["quick"].candidates[family]) for family in FAMILIES] == [14, 50, 5]
    assert [len(GRIDS["paper"].candidates[family]) for family in FAMILIES] == [9, 36, 27]


def test_shuffled_labels_are_not_predicted():
    subset = rows(1200, seed=3)
    shuffled = subset.with_columns(value=pl.Series(np.random.default_rng(7).permutation(subset["value"].to_numpy())))
    embeddings = [random_embedding(NAMES, 8), one_hot_embedding(NAMES)]
    found = [
        abs(correlation(fit_cell(shuffled, e, family, SMALL, "pert_mean", seed=1).predictions, split) or 0.0)
        for e in embeddings
        for family in FAMILIES
        for split in ("train", "validation", "test")
    ]
    assert np.mean(found) < 0.1


def test_one_hot_knows_nothing_of_genes_it_has_never_seen():
    seen, unseen = screen(500, names=NAMES[:200], seed=4), screen(300, names=NAMES[200:], seed=5)
    parts = [seen.with_columns(split=pl.lit("train")), unseen[:50].with_columns(split=pl.lit("validation"))]
    subset = rows_of(pl.concat([*parts, unseen[50:].with_columns(split=pl.lit("test"))]))
    alone = subset.filter((pl.col("order") == 1) & (pl.col("split") == "train")).select(gene="genes", value="value")
    baselines = fit_baselines(subset, alone, target=TARGET)
    per_order = correlation(baselines.predictions.filter(model="mean_per_order"), "test")
    assert per_order is not None
    for family in FAMILIES:
        fitted = fit_cell(subset, one_hot_embedding(NAMES), family, SMALL, "pert_sum", seed=1)
        score = correlation(fitted.predictions, "test")
        assert score is None or score < per_order + 0.05
        assert (correlation(fitted.predictions, "train") or 0.0) > 0.3  # while it does learn those that it sees


@pytest.mark.parametrize("family", FAMILIES)
def test_models_learn_what_is_there(family):
    fitted = fit_cell(rows(600, genes=60), one_hot_embedding(gene_names(60)), family, "quick", "pert_sum", seed=1)
    assert (correlation(fitted.predictions, "test") or 0.0) > 0.6


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("place", [0, 1])
def test_a_candidate_that_can_learn_wins_over_one_that_cannot_wherever_it_stands(family, place):
    """The other one has no freedom left: it predicts next to a constant."""
    pairs = {
        "elastic_net": ({"l1_ratio": 0.5, "relative_alpha": 0.01}, {"l1_ratio": 0.5, "relative_alpha": 0.98}),
        "support_vector": (
            {"kernel": "rbf", "relative_gamma": 0.5, "C": 1.0, "epsilon": 0.03},
            {"kernel": "rbf", "relative_gamma": 0.5, "C": 1e-6, "epsilon": 0.6},
        ),
        "random_forest": (
            {"n_estimators": 20, "max_features": 1.0, "min_samples_leaf": 2},
            {"n_estimators": 1, "max_features": 1, "min_samples_leaf": 150},
        ),
    }
    good, bad = pairs[family]
    grid = Grid("pair", 2, {family: (good, bad) if place == 0 else (bad, good)}, "")
    fitted = fit_cell(rows(400, genes=30), one_hot_embedding(gene_names(30)), family, grid, "pert_sum", seed=1)
    assert fitted.parameters == good
    scores = fitted.search["rmse"].to_list()
    assert scores[place] < 0.9 * scores[1 - place]
    # the predictions of train are those of the winner, out of fold
    train = fitted.predictions.filter(pl.col("split").cast(pl.String) == "train")
    folds = fold_of(train["genes"].to_list(), 2, 1)
    of_folds = [rmse(*(train.filter(folds == f)[c].to_numpy() for c in ("predicted", "observed"))) for f in (0, 1)]
    assert np.mean(of_folds) == pytest.approx(scores[place])


def test_what_cannot_be_trained_is_refused_in_a_sentence():
    embedding = random_embedding(NAMES, 3)
    with pytest.raises(TorchcellError, match=r"There is no model family 'elastic_nett': did you mean elastic_net\?\."):
        family_of("elastic_nett")
    tiny = rows_of(table(NAMES[:4], [1, 1, 1, 1], split=["train", "validation", "test", "test"]))
    with pytest.raises(TorchcellError, match="1 training genotypes are too few"):
        fit_cell(tiny, embedding, "elastic_net", "quick", "pert_sum")


def test_genes_without_a_vector_are_counted():
    subset, gone = rows(200), NAMES[50:80]
    fitted = fit_cell(subset, random_embedding(sorted(set(NAMES) - set(gone)), 5), "elastic_net", SMALL, "pert_sum")
    hit = [set(genes.split("+")) & set(gone) for genes in subset["genes"]]
    assert fitted.missing == sorted(set().union(*hit)) and fitted.genotypes_with_missing == sum(map(bool, hit)) > 0


def test_training_on_threads_leaves_the_warning_filters_as_they_were(recwarn):
    import warnings

    before = list(warnings.filters)
    fit_cell(rows(200), random_embedding(NAMES, 8), "random_forest", SMALL, "pert_sum", threads=4)
    assert warnings.filters == before
    assert not [str(w.message) for w in recwarn if "sklearn.utils.parallel" in str(w.message)]


# ---- controls ------------------------------------------------------------------------------------------------------
def described(dimension: int = 6) -> GeneEmbedding:
    """Vectors that would have a control, under the key of a representation that says something of genes."""
    return replace(random_embedding(NAMES, dimension), key="codon_frequency")


def refitted(
    family: str, subset: pl.DataFrame, embedding: GeneEmbedding, parameters: dict, part: np.ndarray
) -> np.ndarray:
    """What a model says of every row that was fitted on these rows alone, by the plain parts of this module."""
    X = features.aggregate(
        features.incidence(features.genes_of(subset["genes"].to_list()), embedding.genes), embedding, "pert_mean"
    )
    return family_of(family).trainer.fit_one(parameters, X[part], subset["value"].to_numpy()[part], 1, 1).predict(X)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_controls_are_the_chosen_candidate_on_four_fifths_of_train_and_on_permuted_vectors(family):
    subset, embedding = rows(220, more=150), described()
    fitted = fit_cell(subset, embedding, family, SMALL, "pert_mean", seed=1)
    Prediction.validate(pl.concat([fitted.predictions, fitted.controls]))
    train, test = split_mask(subset, "train"), split_mask(subset, "test")
    fifth = fold_of(subset["genes"], design.SAMPLES, 1)
    samples = fitted.controls.filter(~pl.col("permuted"))
    assert samples["training_sample"].unique().sort().to_list() == [1, 2, 3, 4, 5]
    for number in range(1, 6):
        expected = refitted(family, subset, embedding, fitted.parameters, train & (fifth != number - 1))[test]
        found = samples.filter(training_sample=number)
        assert found["genotype"].to_list() == subset.filter(test)["genotype"].to_list()
        np.testing.assert_allclose(found["predicted"], expected, atol=1e-9)
    expected = refitted(family, subset, permuted(embedding, 1), fitted.parameters, train)[~train]
    control = fitted.controls.filter("permuted")
    assert set(control["training_sample"]) == {0}
    assert control["split"].cast(pl.String).to_list() == subset.filter(~train)["split"].to_list()
    np.testing.assert_allclose(control["predicted"], expected, atol=1e-9)


def test_codes_that_only_tell_genes_apart_have_no_control():
    for embedding in (random_embedding(NAMES, 6), one_hot_embedding(NAMES)):
        assert not fit_cell(rows(150), embedding, "elastic_net", SMALL, "pert_sum").controls["permuted"].any()


def test_an_alias_hands_over_its_controls_under_its_name():
    fitted = {f.aggregation: f for f in fit_aggregations(rows(150), described(), "elastic_net", SMALL)}
    assert set(fitted["intact_sum"].controls["aggregation"]) == {"intact_sum"}
    assert fitted["intact_sum"].controls["predicted"].equals(fitted["pert_sum"].controls["predicted"])


# ---- which rows are predicted --------------------------------------------------------------------------------------
def test_the_sample_is_predicted_with_its_own_test_genotypes_and_those_of_the_test_set():
    every = screen(400)
    found = rows_of(every.head(200), every)
    counts = dict(found["split"].value_counts().iter_rows())
    own = dict(every.head(200)["split"].value_counts().iter_rows())
    assert counts["train"] == own["train"] and counts["validation"] == own["validation"]
    assert counts["test_of_size"] == own["test"] < counts["test"] == (every["split"] == "test").sum()
    both = prediction_table(found, np.zeros(found.height), "m", target=TARGET)
    Prediction.validate(both)  # one genotype may stand in both


def test_rows_that_cannot_be_predicted_are_refused_by_name():
    every = screen(200)
    test = every.filter(pl.col("split") == "test")
    for sample, tested, words in [
        (every.drop("query"), test, "merged/subset has no column 'query'"),
        (every, test.drop("value"), "merged/test_set has no column 'value'"),
        (pl.concat([every, every]), test, "merged/subset has a genotype twice"),
        (every, pl.concat([test, test]), "merged/test_set has a genotype twice"),
        (every, test.clear(), "none in the split 'test'"),
        (every.filter(pl.col("split") != "validation"), test, "none in the split 'validation'"),
        (
            every,
            pl.concat([test, every.filter(pl.col("split") == "train").head(2)]),
            "and 1 more of merged/test_set are trained",
        ),
        (every, every.filter(pl.col("split") == "validation"), "of merged/test_set are trained on"),
    ]:
        with pytest.raises(TorchcellError, match=words):
            rows_to_predict(sample, tested)
