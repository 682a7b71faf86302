"""Simulated growth: what is simulated, and that it is labelled so.

Of a few genes at every push, of all genes of the model among the slow tests: a minute of linear programs.
"""

import polars as pl
import pytest

from torchcell_assets.steps.datasets.publications import fitness_flux_balance
from torchcell_assets.steps.datasets.publications.fitness_flux_balance import (
    DATASET,
    LETHAL,
    METABOLIC_MODEL,
    select_genotypes,
)
from torchcell_assets.steps.datasets.raw_file import BadRawFile
from torchcell_assets_tests.steps.datasets.few_genes import DEAD


@pytest.fixture(scope="module", params=[20, pytest.param(400, marks=pytest.mark.slow)], ids=["few genes", "all genes"])
def per_order(request) -> int:
    """Genotypes of each order."""
    return request.param


@pytest.fixture(scope="module")
def kept(per_order, sources, request) -> pl.DataFrame:
    if per_order < fitness_flux_balance.PER_ORDER:
        return request.getfixturevalue("few_simulated")
    return DATASET.record.validate(DATASET.read(sources.path).records.collect(), cast=True)


def test_there_are_as_many_simulated_genotypes_of_each_order(kept, per_order):
    assert kept.height == kept["genotype"].n_unique() == 3 * per_order
    assert dict(kept["order"].value_counts().iter_rows()) == dict.fromkeys((1, 2, 3), per_order)
    assert kept["evidence"].cast(pl.String).unique().to_list() == ["simulated"]
    assert kept["temperature"].null_count() == kept.height


def test_the_published_number_of_records_is_what_all_genes_give():
    assert DATASET.published_records == 3 * fitness_flux_balance.PER_ORDER == 1_200


def test_growth_is_relative_to_the_wild_type_and_rounded(kept):
    assert kept["value"].is_between(0, 1).all()
    assert kept["value"].round(5).equals(kept["value"])


def test_known_mutants_grow_as_flux_balance_has_them(kept, per_order):
    singles = dict(kept.filter(pl.col("order") == 1).select("genes", "value").iter_rows())
    assert sum(value < LETHAL for value in singles.values()) == (146 if per_order == 400 else len(DEAD))
    assert singles["YKL211C"] == 0  # TRP3: no tryptophan
    assert singles["YOR176W"] == 0  # HEM15: heme, of which a tiny flux is needed
    assert singles["YCR012W"] == pytest.approx(0.64805, abs=2e-5)  # PGK1
    assert singles["Q0045"] == pytest.approx(0.95415, abs=2e-5)  # COX1


def test_most_genotypes_are_no_plain_wild_type(kept):
    assert kept.filter(pl.col("order") > 1, pl.col("value") == 1).is_empty()
    assert kept.filter(pl.col("order") > 1)["value"].n_unique() > kept.height / 6


def test_a_mutant_never_grows_better_than_with_fewer_deletions(kept):
    singles = dict(kept.filter(pl.col("order") == 1).select("genes", "value").iter_rows())
    pairs = kept.filter(pl.col("order") == 2).select("genes", "value").iter_rows()
    for genes, value in pairs:
        assert all(value <= singles[gene] + 2e-5 for gene in genes.split("+") if gene in singles)


def test_the_selection_is_the_same_on_every_machine():
    growth = {(f"Y{n:03}",): 0.0 if n % 7 == 0 else 0.5 if n % 5 == 0 else 1.0 for n in range(120)}
    genotypes = select_genotypes(growth)
    assert genotypes == select_genotypes(dict(reversed(growth.items())))
    assert len(set(genotypes)) == len(genotypes)
    assert all(growth[(gene,)] > 0 for genes in genotypes if len(genes) > 1 for gene in genes)


def test_a_damaged_model_is_refused(sources, tmp_path):
    text = sources.path(METABOLIC_MODEL).read_text()
    for content in ("", text[: len(text) // 2], "<sbml/>"):
        copy = tmp_path / "model.xml"
        copy.write_text(content)
        with pytest.raises(BadRawFile, match="metabolic model"):
            DATASET.read(lambda _, copy=copy: copy)
