"""A merged file as it is read: whole, in part, spread out, by sample; and what is said where it cannot be read."""

from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from torchcell_assets.schema import MergedFitness
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.merged import merge as merging
from torchcell_assets.steps.merged import merged_table, subsets
from torchcell_assets.steps.merged.identities import MergeError
from torchcell_assets.steps.merged.phenotypes import FITNESS
from torchcell_assets.storage.content import content_hash
from torchcell_assets_tests.steps.merged.reference import pages
from torchcell_assets_tests.steps.merged.test_fitness import A, B, measured, selection
from torchcell_assets_tests.steps.merged.test_subsets import BASE, CONDITION, merged_file

ROWS = 100


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    rows = [
        {"genotype": f"g{at:03d}", "genes": f"G{at:03d}", "value": at / ROWS, "order": 1 + at % 3} for at in range(ROWS)
    ]
    rows = [BASE | row | {"records": [f"r{at}", f"s{at}"]} for at, row in enumerate(rows)]
    return merged_file(tmp_path_factory.mktemp("merged"), rows)


def refusal(make) -> str:
    with pytest.raises((MergeError, subsets.SubsetError)) as refused:
        make()
    return str(refused.value)


# ---- fitness ---------------------------------------------------------------------------------------------------------
def test_every_column_of_the_table_has_columns_that_decide_it():
    assert merging.columns_from(FITNESS).keys() == MergedFitness.columns().keys()
    known = {*FITNESS.columns, "perturbations", "genotype", "genes", "order"}
    assert {column for columns in merging.columns_from(FITNESS).values() for column in columns} <= known


def test_the_file_holds_the_tables_that_are_documented(tmp_path):
    out = tmp_path / "fitness.duckdb"
    merging.merge(pages(tmp_path / "pages", selection(measured(A, value=0.5))), out, FITNESS)
    with duckdb.connect(out, read_only=True) as connection:
        assert {"fitness", "replicates"} <= {name for (name,) in connection.sql("SHOW TABLES").fetchall()}


def test_a_table_without_rows_has_the_hash_of_its_columns(tmp_path):
    rows = selection(measured(A, value=None, upper_bound=0.4))
    counts = merging.merge(pages(tmp_path / "pages", rows), tmp_path / "fitness.duckdb", FITNESS)
    empty = pl.DataFrame(schema=polars_schema(MergedFitness))
    assert (counts.rows, counts.data_version) == (0, content_hash(empty, MergedFitness.primary_key()))


def test_a_file_is_written_within_bounds_and_compressed_by_one_codec(tmp_path):
    with merged_table.created(tmp_path / "fitness.duckdb", FITNESS, 3, "300MB") as connection:
        names = ("threads", "memory_limit", "force_compression")
        listed = ", ".join(f"current_setting('{name}')" for name in names)
        threads, memory, codec = connection.sql(f"SELECT {listed}").fetchall()[0]
    assert (threads, memory, codec.lower()) == (3, "286.1 MiB", "zstd")


@pytest.mark.parametrize("opened", [merged_table.opened, lambda at: subsets._opened(at, None)])
def test_a_file_is_opened_for_reading_alone_so_that_several_may(path, opened):
    with opened(path) as (connection, _), pytest.raises(duckdb.InvalidInputException, match="read-only"):
        connection.execute("CREATE TABLE mine (a INTEGER)")


def test_columns_and_rows_are_read_that_are_asked_for_with_the_types_of_the_class(path):
    whole = merged_table.read(path)
    assert whole.schema == polars_schema(MergedFitness) and whole["genotype"].is_sorted() and whole.height == ROWS
    part = merged_table.read(path, 'value >= ? AND "order" = ?', [0.5, 2], ["order", "genotype"])
    assert part.schema == {"order": pl.UInt8, "genotype": pl.String}
    assert part["genotype"].to_list() == [f"g{at:03d}" for at in range(50, ROWS) if at % 3 == 1]


@pytest.mark.parametrize(
    ("wanted", "every", "found"), [(10, 10, 10), (30, 3, 30), (51, 1, 51), (100, 1, 100), (1000, 1, 100)]
)
def test_rows_are_spread_evenly_over_the_file(path, wanted, every, found):
    rows = merged_table.spread(path, wanted)
    assert rows["genotype"].to_list() == [f"g{at:03d}" for at in range(0, ROWS, every)][:found]


def test_records_are_counted_and_told_apart(path, tmp_path):
    assert merged_table.records_in(path) == (200, 200)
    twice = [BASE | {"genotype": name, "genes": name, "records": ["r0", name]} for name in "ab"]
    assert merged_table.records_in(merged_file(tmp_path, twice)) == (4, 3)


def test_what_became_of_the_records_is_counted(tmp_path):
    rows = [measured(A, value=0.5), measured(A, value=0.7), measured(B, value=None, upper_bound=0.4)]
    counts = merging.merge(pages(tmp_path / "pages", selection(*rows)), tmp_path / "fitness.duckdb", FITNESS)
    assert (counts.rows, counts.selected, counts.pooled) == (1, 3, 2)
    assert counts.excluded == {"censored (below a bound, no value)": 1}


def test_a_file_that_is_there_gives_way_and_nothing_stays_beside_it(path, tmp_path):
    other = tmp_path / "merged" / "fitness.duckdb"
    other.parent.mkdir()
    other.write_bytes(b"what was there")
    merging.merge(pages(tmp_path / "pages", selection(measured(A, value=0.5))), other, FITNESS)
    assert merged_table.read(other)["value"].to_list() == [0.5]
    assert [one.name for one in other.parent.iterdir()] == ["fitness.duckdb"]


def test_what_cannot_be_merged_or_read_is_said_in_a_sentence(tmp_path):
    out = tmp_path / "fitness.duckdb"
    (tmp_path / "pages").mkdir()
    assert refusal(lambda: merging.merge(tmp_path / "pages", out, FITNESS, "gene")) == (
        "There is no merge key 'gene': set `merge_key` of the study to one of genotype, paper."
    )
    assert refusal(lambda: merging.merge(tmp_path / "pages", out, FITNESS)) == (
        f"There is nothing to merge in {tmp_path / 'pages'}: no experiments were read from the graph."
    )
    readers = (
        merged_table.read,
        merged_table.records_in,
        merged_table.replicates,
        lambda at: merged_table.spread(at, 5),
    )
    samples = (lambda at: subsets.available(at, CONDITION), lambda at: subsets.table(at, CONDITION, 1))
    for reader in (*readers, *samples):
        assert refusal(lambda read=reader: read(out)) == f"{out} is not there: materialize merged/fitness first."
    out.write_bytes(b"PAR1" * 5000)
    empty = tmp_path / "empty" / "fitness.duckdb"
    empty.parent.mkdir()
    with duckdb.connect(empty):
        pass
    for foreign in (out, empty):
        for reader in (*readers, *samples):
            said = refusal(lambda read=reader, at=foreign: read(at))
            assert said.startswith(f"{foreign} is no merged table (")
            assert said.endswith("): materialize merged/fitness again.")


# ---- samples ---------------------------------------------------------------------------------------------------------
def test_a_size_is_a_number_that_is_there_or_all():
    assert [subsets.wanted(size, 1000, "x") for size in ("all", "1e2", "1e3")] == [1000, 100, 1000]
    assert refusal(lambda: subsets.wanted("1e3", 999, "the big screen")) == (
        "A subset of 1e3 needs 1,000 genotypes and the merged table holds 999 at the standard condition: take a "
        "smaller size, or add the big screen."
    )


def test_genotypes_of_one_order_are_asked_for_by_it(path):
    assert set(subsets.table(path, CONDITION, 1, order=2)["genotype"]) == {f"g{at:03d}" for at in range(1, ROWS, 3)}
    singles = subsets.singles(path, CONDITION, 1)
    assert singles.columns == ["gene", "value"]
    assert set(singles["gene"]) <= {f"G{at:03d}" for at in range(0, ROWS, 3)} and 20 <= singles.height < 34


@pytest.mark.parametrize("evidence", [("measured", "derived"), ("derived", "measured"), ("derived",)])
def test_a_genotype_counts_once_whatever_is_known_of_it_and_the_preferred_evidence_is_taken(tmp_path, evidence):
    rows = [
        BASE | {"genotype": "a", "genes": "a", "evidence": one, "value": value}
        for one, value in (("derived", 0.1), ("measured", 0.2))
    ]
    path = merged_file(tmp_path, [*rows, BASE | {"genotype": "b", "genes": "b", "evidence": "derived", "value": 0.3}])
    condition = CONDITION.model_copy(update={"evidence": evidence})
    assert subsets.available(path, condition) == 2
    expected = {"a": 0.2 if evidence[0] == "measured" else 0.1, "b": 0.3}
    for limit in (None, 2):
        found = pl.concat(subsets.batches(path, condition, 1, limit=limit))
        assert dict(found.select("genotype", "value").iter_rows()) == expected


def test_a_condition_names_every_part_of_it(tmp_path):
    others = [
        {"temperature": 30.0},
        {"medium_class": "YPD liquid"},
        {"reference": "diploid wild type"},
        {"haploid": False},
    ]
    rows = [BASE | {"genotype": str(at), "genes": str(at)} | other for at, other in enumerate([{}, *others])]
    path = merged_file(tmp_path, rows)
    assert subsets.table(path, CONDITION, 1)["genotype"].to_list() == ["0"] and subsets.available(path, CONDITION) == 1


def test_a_sample_is_stored_with_its_schema_in_row_groups_and_what_does_not_fit_goes_to_the_folder_it_is_given(
    path, tmp_path, monkeypatch
):
    monkeypatch.setattr(subsets, "ROWS", 40)
    (tmp_path / "scratch").mkdir()
    batches = subsets.batches(path, CONDITION, 1, scratch=tmp_path / "scratch")
    handed = list(subsets.written(tmp_path / "all.parquet", FITNESS, batches))
    assert [part.height for part in handed] == [40, 40, 20]
    assert [part["rank"][0] for part in handed] == [0, 40, 80]
    file = pq.ParquetFile(tmp_path / "all.parquet")
    assert file.num_row_groups == 3
    columns = [file.metadata.row_group(0).column(at) for at in range(file.metadata.num_columns)]
    assert [one.path_in_schema for one in columns if one.statistics is not None] == ["rank"]  # by which rows are found
    stored = pl.read_parquet(tmp_path / "all.parquet")
    assert stored.schema == subsets.types(FITNESS) and stored["rank"].to_list() == list(range(ROWS))


def test_a_sort_has_a_bound_of_memory_and_the_folder_that_it_is_given(path, tmp_path):
    with subsets._opened(path, tmp_path) as (connection, _):
        asked = "SELECT current_setting('threads'), current_setting('memory_limit'), current_setting('temp_directory')"
        assert connection.sql(asked).fetchall() == [(2, "953.6 MiB", str(tmp_path))]


def test_shares_and_sizes_are_as_they_are_told():
    assert subsets.SHARES == {"test": 0.1, "validation": 0.1}
    assert (subsets.SPLITS, subsets.ROWS) == (("train", "validation", "test"), 131_072)


def test_a_genotype_whose_rows_are_parted_by_the_end_of_a_batch_counts_once():
    names = ["a", "a", "a", "b", "b", "c"]
    rows = pl.DataFrame(
        [BASE | {"genotype": name, "genes": name} for name in names], schema=polars_schema(MergedFitness)
    )
    rows = rows.with_columns(digest=pl.lit("f" * 64))
    for size in (1, 2, 4, 6):
        found = pl.concat(subsets._one_per_genotype(iter([*rows.iter_slices(size), rows.clear()]), FITNESS.types))
        assert found["genotype"].to_list() == ["a", "b", "c"]
