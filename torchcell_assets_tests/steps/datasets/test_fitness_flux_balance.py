"""Simulated growth: what is simulated, and that it is labelled so."""

import polars as pl
import pytest

from torchcell_assets.sources.catalog import METABOLIC_MODEL
from torchcell_assets.steps.datasets.fitness_flux_balance import DATASET, LETHAL, select_genotypes
from torchcell_assets.steps.datasets.raw_file import BadRawFile


@pytest.fixture(scope="module")
def kept(read) -> pl.DataFrame:
    return read(DATASET).kept


def test_there_are_1200_simulated_genotypes_of_each_order_alike(read, kept):
    assert kept.height == DATASET.published_records == 1_200
    assert read(DATASET).quarantined.is_empty()
    assert kept["genotype"].n_unique() == 1_200
    assert dict(kept["order"].value_counts().iter_rows()) == {1: 400, 2: 400, 3: 400}
    assert kept["evidence"].cast(pl.String).unique().to_list() == ["simulated"]
    assert kept["temperature"].null_count() == 1_200


def test_growth_is_relative_to_the_wild_type_and_rounded(kept):
    assert kept["value"].is_between(0, 1).all()
    assert kept["value"].round(5).equals(kept["value"])


def test_known_mutants_grow_as_flux_balance_has_them(kept):
    singles = dict(kept.filter(pl.col("order") == 1).select("genes", "value").iter_rows())
    assert sum(value < LETHAL for value in singles.values()) == 146
    assert singles["YKL211C"] == 0  # TRP3: no tryptophan
    assert singles["YOR176W"] == 0  # HEM15: heme, of which a tiny flux is needed
    assert singles["YCR012W"] == pytest.approx(0.64805, abs=2e-5)  # PGK1
    assert singles["Q0045"] == pytest.approx(0.95415, abs=2e-5)  # COX1


def test_most_genotypes_are_no_plain_wild_type(kept):
    assert kept.filter(pl.col("order") > 1, pl.col("value") == 1).is_empty()
    assert kept.filter(pl.col("order") > 1)["value"].n_unique() > 200


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
