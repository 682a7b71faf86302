"""Kuzmin et al. 2018 and 2020: every trap of the tables, on small files in their layout, and on real rows in it."""

import datetime
from pathlib import Path

import dagster as dg
import openpyxl
import polars as pl
import pytest

from torchcell_assets.config.resources import DataRoot
from torchcell_assets.config.study import current
from torchcell_assets.schema import validate
from torchcell_assets.schema.genotype import with_genotype
from torchcell_assets.schema.records import Fitness, Interaction
from torchcell_assets.sources.catalog import (
    COSTANZO_2016_SINGLES,
    KUZMIN_2018_CROSSES,
    KUZMIN_2018_QUERIES,
    KUZMIN_2020_MAIN,
    KUZMIN_2020_QUERIES,
)
from torchcell_assets.steps.datasets.checks import tau_as_published
from torchcell_assets.steps.datasets.crosses import tau, trigenic
from torchcell_assets.steps.datasets.publications import kuzmin2018, kuzmin2020, sga
from torchcell_assets.steps.datasets.publications.fitness_costanzo2016 import read_strains
from torchcell_assets.steps.datasets.raw_file import BadRawFile, read_text
from torchcell_assets.steps.graph.tables import record_tables
from torchcell_assets_tests.mirror import QUIET
from torchcell_assets_tests.steps.datasets import damage

BOTH = [kuzmin2018, kuzmin2020]
PUBLICATIONS = pytest.mark.parametrize("publication", BOTH, ids=["2018", "2020"])
NTG1, NTG2 = "YAL015C:deletion:delta:haploid", "YOL043C:deletion:delta:haploid"


def of(records: pl.DataFrame, strain: str) -> dict:
    """The one record of a strain; in 2020, that of Table S1."""
    [row] = records.filter(pl.col("strain") == strain, pl.col("column") != "S3").to_dicts()
    return row


@PUBLICATIONS
def test_every_row_is_a_record(read, publication):
    again = 4 if publication is kuzmin2020 else 0
    for dataset in (publication.FITNESS, publication.INTERACTION):
        found = read(dataset)
        assert (found.kept.height, found.quarantined.height, found.blank) == (14 + again, 0, 0)
        assert found.kept.filter(pl.col("order") == 3).height == 3
        assert set(found.kept["temperature"]) == {26.0}


@PUBLICATIONS
def test_the_marker_of_the_query_is_no_perturbation_wherever_it_stands(read, publication):
    kept = read(publication.FITNESS).kept
    assert of(kept, "YAL015C+YDL227C_tm461 x YBL007C_dma91")["genes"] == "YAL015C+YBL007C"
    assert of(kept, "YDL227C+YOL043C_tm62 x YBL007C_dma91")["genes"] == "YBL007C+YOL043C"
    assert of(kept, "YAL015C+YDL227C_tm461 x YDL227C_dma797")["genes"] == "YAL015C+YDL227C"


@PUBLICATIONS
@pytest.mark.parametrize(
    ("strain", "allele"),
    [
        ("YAL015C+YDL227C_tm461 x YBL023C_tsa111", "YBL023C:temperature_sensitive:mcm2-1:haploid"),
        ("YAL015C+YDL227C_tm461 x YER116C_dma1413", "YER116C:suppressor:slx8-supp1:haploid"),
        ("YAL015C+YDL227C_tm461 x YIL154C_dma2383", "YIL154C:deletion:delta:haploid"),
        ("YBR160W+YDL227C_tm900 x YBL007C_dma91", "YBR160W:temperature_sensitive:cdc28-4:haploid"),
        ("YDL164C+YDL227C_tm901 x YBL023C_tsa111", "YDL164C:suppressor:cdc9-1-supp1:haploid"),
    ],
)
def test_what_an_allele_is_follows_from_the_strain_table(read, publication, strain, allele):
    assert allele in of(read(publication.FITNESS).kept, strain)["genotype"].split(" + ")


@PUBLICATIONS
def test_names_are_kept_as_published_without_delta(read, publication):
    row = of(read(publication.FITNESS).kept, "YAL015C+YDL227C_tm461 x YIL154C_dma2383")
    told = [(p["name"], p["marker"], p["role"]) for p in row["perturbations"]]
    assert told == [("ntg1", None, "query"), ("imp2'", "KanMX", "array")]


@PUBLICATIONS
def test_without_a_query_fitness_a_cross_is_relative_to_its_query(read, publication):
    kept = read(publication.FITNESS).kept
    unknown = of(kept, "YAL028W+YDL227C_tm1860 x YBL007C_dma91")
    assert (unknown["value"], unknown["reference"]) == (0.8822, "query strain")
    others = kept.filter(~pl.col("strain").str.starts_with("YAL028W"))
    assert set(others["reference"].cast(pl.String)) == {"wild type"}


def test_a_query_whose_fitness_is_blank_in_some_rows_has_a_screen_for_each_reference(sources, tmp_path):
    def blank_once(rows):
        return [
            rows[0],
            (*rows[1][:8], "", rows[1][9], f"{float(rows[1][9]) + float(rows[1][5]):.4f}", rows[1][11]),
            *rows[2:],
        ]

    copy = changed(sources.path(KUZMIN_2018_CROSSES), tmp_path / "copy.tsv", blank_once)
    records = kuzmin2018.parse_fitness(copy, sources.path(COSTANZO_2016_SINGLES)).records.collect()
    screens = records.filter(pl.col("strain").str.contains("_tm461 ")).select("screen", "reference").unique()
    assert screens.height == 2
    assert screens["screen"].is_unique().all()


@PUBLICATIONS
def test_a_standard_deviation_of_zero_is_stored(read, publication):
    row = of(read(publication.FITNESS).kept, "YAL015C+YDL227C_tm461 x YBL023C_tsa111")
    assert (row["uncertainty"], row["uncertainty_type"], row["samples"], row["sample_unit"]) == (
        0,
        "sample_sd",
        4,
        "colony",
    )


@PUBLICATIONS
def test_scores_are_epsilon_or_tau_and_the_rest_is_expected(read, publication):
    kept = read(publication.INTERACTION).kept
    digenic = of(kept, "YDL227C+YOL043C_tm62 x YBL007C_dma91")
    assert (digenic["score"], digenic["value"], digenic["p_value"]) == ("epsilon", -0.1, 0.3166)
    assert digenic["expected"] == pytest.approx(0.9 * 0.8322, abs=1e-4)
    triple = of(kept, "YAL015C+YOL043C_tm72 x YBL007C_dma91")
    assert (triple["score"], triple["value"], triple["order"]) == ("tau", -0.15, 3)
    assert triple["genotype"] == f"{NTG1} + YBL007C:deletion:delta:haploid + {NTG2}"


@PUBLICATIONS
def test_genotypes_are_those_that_the_schema_makes_row_by_row(read, publication):
    kept = read(publication.FITNESS).kept
    made = with_genotype(kept.select("id", "perturbations")).collect()
    columns = ["perturbations", "genotype", "genes", "order"]
    assert made.select(columns).equals(kept.select(columns))


def test_rows_of_both_tables_of_2020_stand_apart_with_the_spelling_of_the_first(read):
    kept = read(kuzmin2020.FITNESS).kept
    strain = "YAL015C+YDL227C_tm461 x YBL007C_dma91"
    both = kept.filter(pl.col("strain") == strain).sort("column")
    assert both["id"].to_list() == ["fitness_kuzmin2020:1:S1", "fitness_kuzmin2020:1:S3"]
    assert both["screen"].n_unique() == 2
    assert both["genotype"].n_unique() == 1
    assert [row[1]["name"] for row in both["perturbations"]] == ["sla1", "sla1"]


@PUBLICATIONS
def test_query_strains_are_records_of_their_own(read, publication):
    found = read(publication.QUERIES)
    told = {row["strain"].split("_")[1]: (row["genotype"], row["value"]) for row in found.kept.to_dicts()}
    assert told.items() >= {
        ("tm461", (NTG1, 1.0235)),
        ("tm62", (NTG2, 0.9)),
        ("tm72", (f"{NTG1} + {NTG2}", 0.95)),
    }
    assert found.quarantined.is_empty()
    assert found.kept["screen"].is_unique().all()
    assert found.blank == (2 if publication is kuzmin2018 else 1)


@PUBLICATIONS
def test_a_single_query_mutant_is_derived_because_it_was_measured_elsewhere(read, publication):
    told = read(publication.QUERIES).kept.select("order", pl.col("evidence").cast(pl.String)).unique()
    assert set(told.iter_rows()) == {(1, "derived"), (2, "measured")}


def test_a_query_strain_without_an_uncertainty_has_none(read):
    row = of(read(kuzmin2018.QUERIES).kept, "YBR160W+YDL227C_tm900")
    assert (row["uncertainty"], row["uncertainty_type"]) == (None, "none")


@PUBLICATIONS
def test_tau_follows_from_the_stored_records(read, publication):
    recomputed = tau.recompute(read(publication.INTERACTION).kept, read(publication.QUERIES).kept)
    found = tau.agreement(recomputed)
    assert (found.scores, found.complete, found.identical) == (3, 3, 1.0)
    assert found.pearson == pytest.approx(1, abs=1e-4)
    assert found.unadjusted == 0


@PUBLICATIONS
def test_the_graph_takes_the_records(read, publication):
    for dataset in (publication.FITNESS, publication.INTERACTION, publication.QUERIES):
        made = record_tables(dataset, read(dataset).kept, "build")
        assert made.nodes["screen"]["id"].is_unique().all()


def test_tau_by_hand():
    parts = {
        "triple": 0.5, "double_query": 0.8, "array": 0.9, "epsilon_ik": 0.1, "single_j": 0.7, "epsilon_jk": -0.2, "single_i": 0.6,
    }  # fmt: skip
    # 0.5 - 0.8 x 0.9 - 0.1 x 0.7 + 0.2 x 0.6
    assert pl.select(tau.tau(**{name: pl.lit(part) for name, part in parts.items()})).item() == pytest.approx(-0.17)


@PUBLICATIONS
def test_the_check_of_tau_says_how_well_it_follows(read, tmp_path, publication):
    pair = (publication.INTERACTION, publication.QUERIES)
    specs = [dg.AssetSpec(["datasets", dataset.name]) for dataset in pair]
    job = dg.Definitions(
        assets=specs,
        asset_checks=[tau_as_published(current(), *pair)],
        resources={"root": DataRoot(path=str(tmp_path))},
    ).resolve_implicit_global_asset_job_def()
    [before] = job.execute_in_process(run_config=QUIET).get_asset_check_evaluations()
    assert not before.passed and "never materialized" in before.description
    (tmp_path / "datasets").mkdir()
    for dataset in pair:
        read(dataset).kept.write_parquet(tmp_path / "datasets" / f"{dataset.name}.parquet")
    [found] = job.execute_in_process(run_config=QUIET).get_asset_check_evaluations()
    assert found.passed
    assert {name: found.metadata[name].value for name in ("scores", "complete", "identical")} == {
        "scores": 3,
        "complete": 3,
        "identical": 1.0,
    }
    read(publication.QUERIES).kept.with_columns(value=1.0).write_parquet(
        tmp_path / "datasets" / f"{publication.QUERIES.name}.parquet"
    )
    [worse] = job.execute_in_process(run_config=QUIET).get_asset_check_evaluations()
    assert worse.metadata["identical"].value < 1


@pytest.fixture(scope="session")
def real_rows(sources, raw_files) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The SGA test screens in the layout of Table S1, and the strain table."""
    path = sources.mirror / "sga_trigenic" / "derived_kuzmin_12col_layout.tsv" if sources.mirror else None
    if path is None or not path.exists():
        pytest.skip("the mirror does not hold the test screens in this layout")
    table = trigenic.with_short_names(read_text(path, trigenic.columns("Double/triple mutant")), path)
    return table.with_columns(column=pl.lit("S1")), read_strains(sources.path(COSTANZO_2016_SINGLES))


def test_real_rows_give_the_genotypes_of_the_test_screens(real_rows, read):
    parsed = trigenic.fitness_records(*real_rows, "fitness_real", "10.0/real")
    kept, failure = Fitness.filter(parsed.records.collect(), cast=True)
    assert (kept.height, len(failure), parsed.blank) == (10_432, 0, 0)
    assert dict(kept["order"].value_counts().iter_rows()) == {2: 5_826, 3: 4_606}
    known = pl.concat(
        table.select("strain", "genotype") for table in (read(sga.FITNESS).kept, read(sga.FITNESS).quarantined)
    )
    assert kept.sort("strain")["genotype"].equals(known.sort("strain")["genotype"])
    relative = kept.group_by("order", pl.col("reference").cast(pl.String)).len()
    assert set(relative.iter_rows()) == {(2, "query strain", 5_826), (3, "wild type", 4_606)}


def test_the_scores_of_the_test_screens_are_unadjusted(real_rows):
    table, strains = real_rows
    parsed = trigenic.interaction_records(table, strains, "interaction_real", "10.0/real")
    kept, _ = Interaction.filter(parsed.records.collect(), cast=True)
    queries = table.filter(pl.col("type") == "trigenic").select(strain="query", value="query_fitness").unique("strain")
    found = tau.agreement(tau.recompute(kept, queries))
    assert found.unadjusted > 0.999
    assert (found.scores, found.complete) == (4_606, 0)  # the fitness of the single queries is not in the table


def changed(path: Path, copy: Path, change) -> Path:
    copy.write_text(damage._changed_text(path.read_text(), change))
    return copy


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: [row[:-1] for row in rows], "it has 11 columns, not 12"),
        (lambda rows: [("Query", *rows[0][1:]), *rows[1:]], "its column 1 is headed 'Query', not 'Query strain ID'"),
        (lambda rows: [rows[0], *((*row[:4], "triple", *row[5:]) for row in rows[1:])], "neither digenic nor trigenic"),
        (lambda rows: [rows[0], *((*row[:-2], row[-1], row[-2]) for row in rows[1:])], "does not follow"),
    ],
    ids=["few columns", "another header", "another type", "columns swapped"],
)
def test_another_table_is_refused_with_one_sentence(sources, tmp_path, change, said):
    copy = changed(sources.path(KUZMIN_2018_CROSSES), tmp_path / "copy.tsv", change)
    with pytest.raises(BadRawFile, match=said) as refusal:
        kuzmin2018.parse_fitness(copy, sources.path(COSTANZO_2016_SINGLES))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("source", [KUZMIN_2018_QUERIES, KUZMIN_2020_QUERIES], ids=["S4", "S5"])
def test_a_table_of_queries_without_fitness_is_refused(sources, tmp_path, source):
    sheets = damage.read_workbook(sources.path(source))
    copy = tmp_path / "copy.xlsx"
    damage.write_workbook(
        copy, {n: [tuple("Growth" if c == "Fitness" else c for c in r) for r in rows] for n, rows in sheets.items()}
    )
    dataset = kuzmin2018.QUERIES if source == KUZMIN_2018_QUERIES else kuzmin2020.QUERIES
    with pytest.raises(BadRawFile, match=r"its first sheet, '[^']+', has no column headed 'Fitness'"):
        dataset.read(lambda wanted: copy if wanted == source else sources.path(wanted))


def test_a_query_that_contradicts_its_type_is_quarantined(sources, tmp_path):
    def as_trigenic(rows):
        return [rows[0], (*rows[1][:4], "trigenic", *rows[1][5:]), *rows[2:]]

    copy = changed(sources.path(KUZMIN_2018_CROSSES), tmp_path / "copy.tsv", as_trigenic)
    records = kuzmin2018.parse_fitness(copy, sources.path(COSTANZO_2016_SINGLES)).records.collect()
    kept, failure = Fitness.filter(records, cast=True)
    assert (kept.height, failure.invalid()["row"].to_list()) == (13, [1])


def test_the_title_of_a_spreadsheet_is_no_header(sources, tmp_path):
    sheets = damage.read_workbook(sources.path(KUZMIN_2020_MAIN))
    copy = tmp_path / "copy.xlsx"
    damage.write_workbook(copy, {name: rows[1:] for name, rows in sheets.items()})
    with pytest.raises(BadRawFile, match="in its sheet 'Table S1', column 1 is headed"):
        kuzmin2020.FITNESS.read(lambda wanted: copy if wanted == KUZMIN_2020_MAIN else sources.path(wanted))


def test_every_kind_of_cell_in_a_workbook_is_stored_as_what_it_holds_or_quarantined(sources, tmp_path):
    """Table S1 written by a spreadsheet writer, with one odd cell in each row."""
    [title, header, *published] = damage.read_workbook(sources.path(KUZMIN_2020_MAIN))["Table S1"]
    p, fitness, sd = (header.index(name) for name in header if name in ("P-value", *header[-2:]))
    odd = [
        (p, 2.672e-42), (p, 1 / 3), (p, "<1e-16"), (p, "0,03"), (p, "n.s."), (p, "#DIV/0!"), (p, "=A1/0"), (p, True),
        (p, datetime.date(2024, 10, 1)), (p, None), (sd, "#N/A"), (fitness, "=B2"), (fitness, "n.d."),
    ]  # fmt: skip
    book = openpyxl.Workbook()
    book.active.append(title)
    book.active.append(header)
    for cells, (at, value) in zip(published, odd, strict=False):
        numbers = [float(cell) if n > 4 and cell else cell for n, cell in enumerate(cells)]
        book.active.append([*numbers[:at], value, *numbers[at + 1 :]])
    copy = tmp_path / "copy.xlsx"
    book.save(copy)

    def of(dataset):
        found = dataset.read(lambda wanted: copy if wanted == KUZMIN_2020_MAIN else sources.path(wanted))
        kept, failure = validate(dataset.record, found.records.filter(pl.col("column") == "S1").collect())
        return kept.sort("row"), dict(failure.invalid().select("row", "problem").iter_rows()), found.blank

    kept, wrong, blank = of(kuzmin2020.INTERACTION)
    assert kept.select("row", "p_value").rows()[:3] == [(1, 2.672e-42), (2, 1 / 3), (10, None)]
    texts = ["<1e-16", "0,03", "n.s.", "#DIV/0!", "=A1/0", "true", "2024-10-01 00:00:00"]
    assert wrong == {
        **{row: f"p_value reads '{text}'" for row, text in enumerate(texts, start=3)},
        11: "sd reads '#N/A'",
        12: "fitness reads '=B2'",
        13: "fitness reads 'n.d.'",
    }
    assert blank == 0
    kept, wrong, blank = of(kuzmin2020.FITNESS)
    assert kept["row"].to_list() == list(range(1, 11))
    assert wrong == {11: "sd reads '#N/A'", 12: "fitness reads '=B2'", 13: "fitness reads 'n.d.'"}
    assert blank == 0


def test_a_cross_that_stands_twice_with_two_fitnesses_is_quarantined(sources, tmp_path):
    def twice(rows):
        return [*rows, (*rows[1][:10], f"{float(rows[1][10]) + 0.1:.4f}", rows[1][11]), rows[2]]

    copy = changed(sources.path(KUZMIN_2018_CROSSES), tmp_path / "copy.tsv", twice)
    found = kuzmin2018.FITNESS.read(lambda wanted: copy if wanted == KUZMIN_2018_CROSSES else sources.path(wanted))
    kept, failure = validate(Fitness, found.records.collect())
    assert failure.invalid()["row"].to_list() == [1, 15]
    assert kept["row"].to_list()[-1] == 16  # the same row again says nothing new, and nothing false
