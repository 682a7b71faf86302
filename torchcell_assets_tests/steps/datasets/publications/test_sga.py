"""The SGA test screens, as the real files give them."""

import polars as pl
import pytest

from torchcell_assets.schema import Fitness, validate
from torchcell_assets.steps.datasets.publications.sga import (
    FITNESS,
    INTERACTION,
    SGA_DETAILS,
    SGA_DIGENIC_QUERIES,
    SGA_SCORES,
    SGA_TRIGENIC_QUERIES,
)

TM461 = "YAL015C+YDL227C_tm461"
DEPENDENT = "YAL028W+YOR324C_tm1553"
FACTORS = {
    "YAL015C+YDL227C_tm461": 1.0235,
    "YAL028W+YDL227C_tm1860": 0.9715,
    "YAL034C+YDL227C_tm552": 0.9917,
    "YAL051W+YDL227C_tm1861": 0.9665,
    "YAL056W+YDL227C_tm1888": 1.0348,
    "YAL015C+YOL043C_tm72": 1.0133,
    "YAL034C+YOR338W_tm75": 0.976,
    "YAL051W+YOR363C_tm1554": 1.008,
}
"""Fitness of each query strain, as printed."""
ONLY_DELETIONS = (
    pl.col("perturbations").list.eval(pl.element().struct.field("kind").cast(pl.String) == "deletion").list.all()
)


@pytest.mark.parametrize("dataset", [FITNESS, INTERACTION], ids=lambda dataset: dataset.name)
def test_every_row_is_a_record(read, dataset):
    found = read(dataset)
    assert found.kept.height == dataset.published_records == 10_432 - 1_149
    assert found.blank == 0
    assert found.quarantined.height == dataset.quarantine_limit == 1_149
    counts = found.kept.group_by("order", pl.col("evidence").cast(pl.String)).len()
    assert set(counts.iter_rows()) == {(2, "derived", 5_826), (3, "measured", 3_457)}
    assert found.kept["genotype"].n_unique() == 9_283
    assert found.kept["screen"].n_unique() == 8


@pytest.mark.parametrize(
    ("array", "fitness", "sd", "expected", "epsilon", "genotype"),
    [
        ("YBL007C_dma91", 1.001740, 0.024560, 0.984607, 0.017133, "YBL007C:deletion:delta:haploid"),
        ("YOR232W_tsa505", 0.700657, 0.117276, 0.807542, -0.106884, "YOR232W:temperature_sensitive:mge1-100:haploid"),
    ],
)
def test_a_digenic_row_is_scaled_by_the_fitness_of_its_query(read, array, fitness, sd, expected, epsilon, genotype):
    strain = pl.col("strain") == f"{TM461} x {array}"
    [measured] = read(FITNESS).kept.filter(strain).to_dicts()
    [scored] = read(INTERACTION).kept.filter(strain).to_dicts()
    assert measured["value"] == pytest.approx(fitness, abs=1e-6)
    assert measured["uncertainty"] == pytest.approx(sd, abs=1e-6)
    assert scored["expected"] == pytest.approx(expected, abs=1e-6)
    assert scored["value"] == pytest.approx(epsilon, abs=1e-6)
    assert measured["genotype"] == f"YAL015C:deletion:delta:haploid + {genotype}"


def test_rows_are_numbered_as_in_the_six_column_file(read):
    first = read(FITNESS).kept.filter(pl.col("row") <= 2).sort("row")
    assert first["strain"].to_list() == [f"{TM461} x YBL007C_dma91", f"{TM461} x YBL008W_dma90"]
    assert first["id"].to_list() == ["fitness_sga:1:fitness", "fitness_sga:2:fitness"]


def test_a_trigenic_row_is_as_measured(read):
    strain = "YAL015C+YOL043C_tm72 x "
    [row] = read(FITNESS).kept.filter(pl.col("strain").str.starts_with(strain)).sort("row").head(1).to_dicts()
    assert [p["role"] for p in row["perturbations"]].count("query") == 2
    assert {p["gene"] for p in row["perturbations"]} >= {"YAL015C", "YOL043C"}
    assert (row["samples"], row["sample_unit"], row["uncertainty_type"]) == (4, "colony", "sample_sd")
    assert (row["temperature"], row["temperature_source"]) == (26.0, "inferred")


def test_the_marker_of_the_query_is_no_perturbation(read):
    assert "YDL227C" not in read(FITNESS).genes


def test_a_trigenic_score_is_never_called_tau(read):
    scores = read(INTERACTION).kept.group_by("order", pl.col("score").cast(pl.String)).len()
    assert set(scores.iter_rows()) == {(2, "epsilon", 5_826), (3, "epsilon_query_array", 3_457)}


def test_deletions_only(read):
    deletions = read(FITNESS).kept.filter(ONLY_DELETIONS)
    assert dict(deletions["order"].value_counts().iter_rows()) == {2: 4_879, 3: 2_892}


def test_every_gene_is_in_the_annotation(read, genes):
    assert read(FITNESS).genes <= set(genes["gene"])


@pytest.mark.parametrize("dataset", [FITNESS, INTERACTION], ids=lambda dataset: dataset.name)
@pytest.mark.parametrize(
    ("standard", "query", "evidence"),
    [
        (SGA_DIGENIC_QUERIES, TM461, "derived"),
        (SGA_TRIGENIC_QUERIES, "YAL015C+YOL043C_tm72", "measured"),
    ],
    ids=["digenic", "trigenic"],
)
def test_without_the_fitness_of_its_query_no_row_becomes_a_record(
    sources, read, tmp_path, dataset, standard, query, evidence
):
    lines = sources.path(standard).read_text().splitlines()
    copy = tmp_path / "standard.txt"
    copy.write_text("".join(f"{query}\tNaN\tNaN\n" if line.startswith(f"{query}\t") else f"{line}\n" for line in lines))
    found = dataset.read(lambda wanted: copy if wanted == standard else sources.path(wanted))
    kept, failure = validate(dataset.record, found.records.collect())
    assert not kept["strain"].str.starts_with(query).any()
    assert kept.height + found.blank + len(failure) == 10_432
    assert set(failure.invalid()["query"]) == {query, DEPENDENT}
    assert (
        read(dataset).kept.filter(pl.col("strain").str.starts_with(query))["evidence"].cast(pl.String).unique().item()
        == evidence
    )


def test_contradictory_standards_of_a_query_are_none(sources, tmp_path):
    """A query whose fitness stands twice has no fitness, and its rows go to the quarantine."""
    text = sources.path(SGA_DIGENIC_QUERIES).read_text()
    copy = tmp_path / "standard.txt"
    copy.write_text(f"{text}{TM461}\t0.5\t0.5\n")
    assert f"{TM461}\t" in text
    found = FITNESS.read(lambda wanted: copy if wanted == SGA_DIGENIC_QUERIES else sources.path(wanted))
    kept, failure = validate(Fitness, found.records.collect())
    assert set(failure.invalid()["query"]) == {TM461, DEPENDENT}
    assert not kept["strain"].str.starts_with(TM461).any()


def test_the_screen_that_is_a_mean_of_the_others_is_in_quarantine_with_the_reason(read):
    for dataset in (FITNESS, INTERACTION):
        held = read(dataset).quarantined
        assert set(held["query"]) == {DEPENDENT}
        assert held["dependent"].str.contains("weighted mean").all()
        assert held["problem"].null_count() == held.height


def test_the_error_of_a_score_is_that_of_its_colonies_and_not_the_deviation_of_the_fitness(read):
    fitness, score = (read(dataset).kept.sort("strain") for dataset in (FITNESS, INTERACTION))
    assert set(fitness["uncertainty_type"].cast(pl.String)) == {"sample_sd"}
    assert set(score["uncertainty_type"].cast(pl.String)) == {"standard_error"}
    assert (score["uncertainty"] - fitness["uncertainty"] / 2).abs().max() < 1e-12  # of four colonies


def test_the_error_of_the_array_standard_is_kept_apart_and_shared_by_all_crosses_of_the_strain(read):
    held = read(FITNESS).kept.with_columns(array=pl.col("strain").str.split(" x ").list.get(1))
    factor = pl.col("query").replace_strict(FACTORS, return_dtype=pl.Float64)
    of_the_array = held.group_by("array").agg(
        spread=(pl.col("array_error") / factor).max() - (pl.col("array_error") / factor).min()
    )
    assert of_the_array["spread"].max() < 1e-9
    assert held["query_error"].null_count() == held.height  # no query of the nine states one
    [row] = held.filter(pl.col("strain") == "YAL015C+YOL043C_tm72 x YDR006C_dma836").to_dicts()
    assert row["array_error"] == pytest.approx(1.0133 * 0.004)
    assert read(INTERACTION).kept["array_error"].null_count() == held.height  # it is subtracted


def test_a_p_value_is_one_sided(read):
    held = read(INTERACTION).kept
    assert set(held["p_value_sides"].cast(pl.String)) == {"one-sided"}
    assert 0.49 < held["p_value"].max() < 0.5


@pytest.mark.parametrize(
    ("dataset", "column"), [(FITNESS, "observed"), (INTERACTION, "observed"), (INTERACTION, "p_value")]
)
def test_a_cell_that_is_no_number_is_quarantined_with_its_text(sources, tmp_path, dataset, column):
    source, place = (SGA_SCORES, 3) if column == "p_value" else (SGA_DETAILS, 10)
    lines = sources.path(source).read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"{TM461}\tYBL007C_dma91\t"))
    cells = lines[at].split("\t")
    cells[place] = "n.s."
    copy = tmp_path / "copy.txt"
    copy.write_text("\n".join([*lines[:at], "\t".join(cells), *lines[at + 1 :]]) + "\n")
    found = dataset.read(lambda wanted: copy if wanted == source else sources.path(wanted))
    kept, failure = validate(dataset.record, found.records.collect())
    assert (kept.height, failure.invalid()["problem"].drop_nulls().to_list()) == (9_282, [f"{column} reads 'n.s.'"])
