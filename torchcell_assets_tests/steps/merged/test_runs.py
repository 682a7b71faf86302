"""Runs and buckets: every record with a value once, in the order of its key, in parts of bounded size."""

import duckdb
import numpy as np
import polars as pl
import pytest

from torchcell_assets.steps.graph.read import pages_in
from torchcell_assets.steps.merged import runs
from torchcell_assets.steps.merged.identities import MergeError
from torchcell_assets.steps.merged.phenotypes import FITNESS
from torchcell_assets_tests.steps.merged.reference import pages
from torchcell_assets_tests.steps.merged.test_fitness import deletion, measured, selection

GENES = [f"YAL{number:03d}C" for number in range(1, 41)]
# the first record of a gene is under its second condition
MANY = selection(
    *(
        measured(deletion(GENES[at * 7 % 40]), value=at / 100, temperature=30.0 if at < 40 else 26.0)
        for at in range(100)
    )
)


@pytest.fixture
def surveyed(tmp_path):
    def of(rows: pl.DataFrame, page: int = 30, genes_only: bool = False):
        found = pages_in(pages(tmp_path / "pages", rows, page))
        return found, runs.survey(found, FITNESS, genes_only, duckdb.connect())

    return of


def test_what_decides_memory_is_as_large_as_it_was_measured_with():
    assert (runs.BUCKET, runs.ROW_GROUP, runs.SAMPLED) == (1_000_000, 16_384, 64)


def test_a_survey_counts_what_was_selected_and_numbers_conditions_and_publications_in_their_order(surveyed):
    rows = selection(
        measured(deletion("YAL001C"), value=1.0, temperature=30.0, publication="10.1/b"),
        measured(deletion("YAL001C"), value=None, upper_bound=0.5),
        measured(deletion("YAL002W"), value=1.0, temperature=None, evidence="derived"),
        measured(deletion("YAL002W"), value=1.0),
    )
    _, known = surveyed(rows, page=3)
    assert (known.selected, known.censored) == (4, 1)
    assert known.publications.to_list() == ["10.1/a", "10.1/b"]
    assert known.conditions.select("temperature", "evidence").rows() == [
        (-1.0, "derived"),
        (26.0, "measured"),
        (30.0, "measured"),
    ]


def test_merged_by_gene_alone_there_is_one_condition(surveyed):
    rows = selection(
        measured(deletion("YAL001C"), value=1.0, temperature=30.0, medium_class="YPD liquid", evidence="derived")
    )
    _, known = surveyed(rows, genes_only=True)
    assert known.identities.genes_only
    assert known.conditions.select("temperature", "medium_class", "reference", "evidence").rows() == [
        (-1.0, "SGA plate", "wild type", "measured")
    ]


def test_runs_hold_every_record_with_a_value_sorted_and_every_so_many_th_key_is_kept(surveyed, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "BUCKET", 50)
    monkeypatch.setattr(runs, "SAMPLED", 16)
    censored = pl.when(pl.col("ordinal") % 10 == 9).then(None).otherwise("value").alias("value")
    paths, known = surveyed(MANY.with_columns(censored))
    found = runs.write(paths, known, tmp_path)
    assert [path.name for path in found.files] == ["000000.parquet", "000001.parquet"]
    tables = [pl.read_parquet(path) for path in found.files]
    assert [table.height for table in tables] == [54, 36] and found.rows == 90  # pages of 27 until there are 50
    assert all(table["key"].is_sorted() for table in tables)
    assert {int(name[1:]) for table in tables for name in table["id"]} == {at for at in range(100) if at % 10 != 9}
    expected = [key for table in tables for key in table["key"].to_list()[::16]]
    np.testing.assert_array_equal(found.samples, expected)
    numbers = {gene: at + 1 for at, gene in enumerate(sorted(GENES))}
    for table in tables:
        for key, name in table.select("key", "id").iter_rows():
            assert key == numbers[GENES[int(name[1:]) * 7 % 40]] << 42


@pytest.mark.parametrize("genes_only", [False, True])
def test_the_number_of_a_condition_is_its_place_in_the_survey(surveyed, tmp_path, genes_only):
    temperatures = (30.0, None, 26.0)
    rows = selection(*(measured(deletion("YAL001C"), value=1.0, temperature=one) for one in temperatures))
    paths, known = surveyed(rows, genes_only=genes_only)
    (path,) = runs.write(paths, known, tmp_path).files
    found = dict(pl.read_parquet(path).select("id", "condition").iter_rows())
    assert found == dict(zip(("r0", "r1", "r2"), (0, 0, 0) if genes_only else (2, 0, 1), strict=True))


def test_a_run_is_read_in_small_parts(surveyed, tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr(runs, "ROW_GROUP", 20)
    paths, known = surveyed(MANY)
    (path,) = runs.write(paths, known, tmp_path).files
    file = pq.ParquetFile(path)
    assert file.num_row_groups == 5
    assert file.metadata.row_group(0).column(0).compression.startswith("LZ4")


@pytest.mark.parametrize(("bucket", "count"), [(1000, 1), (100, 1), (99, 2), (50, 2), (34, 3), (10, 10)])
def test_buckets_are_the_sorted_rows_in_parts_of_about_that_size_and_no_key_straddles_two(
    surveyed, tmp_path, monkeypatch, bucket, count
):
    paths, known = surveyed(MANY)
    monkeypatch.setattr(runs, "SAMPLED", 1)
    found = runs.write(paths, known, tmp_path)
    monkeypatch.setattr(runs, "BUCKET", bucket)
    parts = list(runs.buckets(found))
    assert len(parts) == count
    assert max(part.height for part in parts) <= 100 / count + 5  # a key has two or three rows
    assert min(part.height for part in parts) >= 100 / count - 5
    whole = pl.concat(parts)
    assert sorted(whole["id"]) == sorted(MANY["id"])
    assert whole.equals(whole.sort("key", "condition", "id"))
    seen = [set(part["key"]) for part in parts]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 40


def test_without_records_there_is_no_bucket(surveyed, tmp_path):
    paths, known = surveyed(selection(measured(deletion("YAL001C"), value=None, upper_bound=0.5)))
    found = runs.write(paths, known, tmp_path)
    assert (found.rows, found.files, found.samples.tolist(), found.samples.dtype) == (0, [], [], np.int64)
    assert list(runs.buckets(found)) == []


def test_records_that_perturb_nothing_are_counted_and_the_first_is_named(surveyed, tmp_path):
    rows = selection(measured(deletion("YAL001C"), value=0.5), *(measured(value=0.5) for _ in range(1200)))
    paths, known = surveyed(rows, page=5000)
    with pytest.raises(MergeError) as refused:
        runs.write(paths, known, tmp_path)
    assert str(refused.value) == "1,200 selected records perturb no gene, such as r1."
