"""Intervals of predictions: of which genotypes the residuals are taken, and whether they hold, class by class, on known truth."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from torchcell_assets.steps.trained import intervals
from torchcell_assets.steps.trained.features import aggregate, genes_of, incidence
from torchcell_assets.steps.trained.splits import fold_of
from torchcell_assets_tests.steps.trained.fits import fit_cell
from torchcell_assets_tests.steps.trained.synthetic import gene_names, one_hot_embedding, rows_of, table
from torchcell_assets_tests.steps.trained.test_families import SMALL

FOLDS, SEED = 3, 0
FINE = replace(SMALL, candidates={"elastic_net": ({"l1_ratio": 0.1, "relative_alpha": 0.001},)})


def predictions(residual_of: dict[str, float], split: str = "train") -> pl.DataFrame:
    """Genotypes by their genes -> observed - predicted."""
    rows = [(split, genes, genes.count("+") + 1, 1.0 + residual, 1.0) for genes, residual in residual_of.items()]
    return pl.DataFrame(rows, schema=["split", "genes", "order", "observed", "predicted"], orient="row")


def test_a_gene_is_unseen_where_only_one_fold_has_it():
    """One row after the other: which genes the other folds have."""
    random = np.random.default_rng(1)
    names = gene_names(150)
    drawn = {"+".join(sorted(random.choice(names, random.integers(1, 4), replace=False))) for _ in range(220)}
    residual_of = {genes: float(random.normal()) for genes in sorted(drawn)}
    fold = dict(zip(residual_of, fold_of(residual_of, FOLDS, SEED), strict=True))
    classes: dict[str, list[float]] = {}
    for genes, residual in residual_of.items():
        others = {gene for other in residual_of if fold[other] != fold[genes] for gene in other.split("+")}
        known = "seen" if set(genes.split("+")) <= others else "unseen"
        for name in ("all", known, single := "double or more" if "+" in genes else "single", f"{known}, {single}"):
            classes.setdefault(name, []).append(residual)
    assert len(classes) == 9 and {"seen", "unseen"} <= {name for name, rows in classes.items() if len(rows) >= 50}
    test = predictions({"YAL001C": 1e6}, split="test")
    found = intervals.quantiles_by_class(pl.concat([predictions(residual_of), test]), FOLDS, SEED)
    wanted = {name: np.quantile(rows, (0.025, 0.975)) for name, rows in classes.items() if len(rows) >= 50}
    assert found.keys() == wanted.keys()
    assert all(found[name] == pytest.approx(list(ends)) for name, ends in wanted.items())


def test_a_few_genotypes_have_the_class_of_all():
    found = intervals.quantiles_by_class(predictions({"YAL001C": 0.5, "YAL002W": 0.5}), FOLDS, SEED)
    assert found == {"all": [0.5, 0.5]}
    assert intervals.limits(found, [1, 2], [True, False]).tolist() == [[0.5, 0.5]] * 2


def test_a_class_with_too_few_residuals_takes_the_wider_of_its_two_broader_ones():
    quantiles = {"all": [-9.0, 9.0], "seen": [-1.0, 1.0], "single": [-2.0, 3.0], "unseen, single": [-4.0, 4.0]}
    orders, unseen = [1, 1, 2, 3], [False, True, False, True]
    assert intervals.limits(quantiles, orders, unseen).tolist() == [[-2.0, 3.0], [-4.0, 4.0], [-1.0, 1.0], [-9.0, 9.0]]
    assert intervals.limits(quantiles | {"seen": [-5.0, 1.0]}, [1], [False]).tolist() == [[-5.0, 1.0]]


def test_training_genes_are_those_of_train_alone():
    known = pl.concat(
        [predictions({"YBL001C+YAL001C": 0.0, "YAL001C": 0.0}), predictions({"YCL001C": 0.0}, split="test")]
    )
    assert intervals.training_genes(known) == ["YAL001C", "YBL001C"]


def crosses(count: int, genes: list[str], seed: int) -> pl.DataFrame:
    """Known truth: additive effects. Half of the genotypes are crosses of 40 much used genes; the others have one of the rest,
    alone or crossed with one of those.
    """
    random = np.random.default_rng(seed)
    effect = np.random.default_rng(0).normal(0, 0.08, len(genes))
    rows: dict[str, float] = {}
    while len(rows) < count:
        used, rare = random.choice(40, random.integers(2, 4), replace=False), random.integers(40, len(genes))
        chosen = (used, [used[0], rare], [rare])[random.choice(3, p=[0.5, 0.25, 0.25])]
        rows["+".join(sorted(genes[at] for at in chosen))] = 1 + effect[chosen].sum()
    return table(list(rows), np.array(list(rows.values())) + random.normal(0, 0.02, count))


@pytest.fixture(scope="module")
def held_out() -> pl.DataFrame:
    """Genotypes that no model saw, of known truth: their class, whether the interval holds, its width."""
    genes = gene_names(1600)
    known = crosses(1500, genes, seed=1)
    embedding = one_hot_embedding(genes)
    fitted = fit_cell(rows_of(known), embedding, "elastic_net", FINE, "pert_sum", seed=SEED)
    quantiles = intervals.quantiles_by_class(fitted.predictions, FOLDS, SEED)
    others = crosses(4000, genes, seed=2).filter(~pl.col("genes").is_in(known["genes"].implode()))
    genotypes = genes_of(others["genes"].to_list())
    predicted = fitted.model.predict(aggregate(incidence(genotypes, genes), embedding, "pert_sum"))
    seen = set(intervals.training_genes(fitted.predictions))
    unseen = [not set(genotype) <= seen for genotype in genotypes]
    ends = intervals.limits(quantiles, others["order"].to_list(), unseen)
    found = pl.DataFrame({"off": others["value"].to_numpy() - predicted, "low": ends[:, 0], "high": ends[:, 1]})
    return found.select(
        holds=pl.col("off").is_between("low", "high"),
        width=pl.col("high") - pl.col("low"),
        of=pl.Series([intervals.exact_class(order, new) for order, new in zip(others["order"], unseen, strict=True)]),
    )


@pytest.mark.parametrize("name", ["unseen, single", "unseen, double or more", "seen, double or more"])
def test_in_every_class_about_95_percent_of_new_genotypes_lie_in_the_interval(held_out, name):
    one = held_out.filter(of=name)
    assert one.height > 400
    assert 0.92 < one["holds"].mean() < 0.98


def test_a_seen_cross_has_a_narrower_interval_than_one_of_an_unseen_gene(held_out):
    width = dict(held_out.group_by("of").agg(pl.col("width").mean()).iter_rows())
    assert width["seen, double or more"] < 0.6 * width["unseen, double or more"]


def test_where_seen_singles_are_too_few_their_interval_is_wide_enough(held_out):
    assert held_out.filter(of="seen, single")["holds"].mean() > 0.93
