"""Samples are nested, the same on every machine, and no gene set straddles two splits."""

from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from torchcell_assets.config.study import Condition
from torchcell_assets.schema import MergedFitness
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.merged import merged_table, subsets
from torchcell_assets.steps.merged.identities import MergeError
from torchcell_assets.steps.merged.phenotypes import FITNESS

PLATE = {"medium_class": "SGA plate", "assay": "colony size", "temperature": 26.0, "reference": "wild type"}
CONDITION = Condition(**PLATE, evidence=("measured", "derived"))
PINNED = [("g0120", "validation"), ("g0121", "validation"), ("g0598", "train")]
BASE = {
    **PLATE, "evidence": "measured", "order": 1, "deletions_only": True, "haploid": True, "query": None, "value": 0.5,
    "standard_error": None, "shared_error": None, "pooling": "single", "measurements": 1, "laboratories": 1,
    "samples": None, "heterogeneity": None, "consistency": None, "publications": ["10.1/a"], "records": ["r"],
}  # fmt: skip


def merged_file(folder: Path, rows: list[dict]) -> Path:
    path = folder / "fitness.duckdb"
    merged_table.write(path, pl.DataFrame(rows, schema=polars_schema(MergedFitness)), FITNESS)
    return path


@pytest.fixture(scope="module")
def merged(tmp_path_factory) -> Path:
    rows = [BASE | {"genotype": f"g{i:04d}", "genes": f"G{i // 2:04d}"} for i in range(2000)]
    return merged_file(tmp_path_factory.mktemp("merged"), rows)


def sample(path: Path, size: str, seed: int = 1) -> pl.DataFrame:
    limit = subsets.wanted(size, subsets.available(path, CONDITION), "the big screen")
    return pl.concat(subsets.batches(path, CONDITION, seed, limit=limit))


# ---- beside the same thing, said plainly: everything in memory, one row after the other ------------------------------------
def plainly(rows: list[dict], condition: Condition, seed: int) -> pl.DataFrame:
    wanted = {name: getattr(condition, name) for name in ("medium_class", "assay", "reference")}
    wanted |= {"haploid": True, "deletions_only": True}
    temperatures = [condition.temperature, *condition.assumed_from]

    def preference(row: dict) -> tuple:
        return temperatures.index(row["temperature"]), condition.evidence.index(row["evidence"])

    def allowed(row: dict) -> bool:
        agrees = row["consistency"] is None or row["consistency"] >= condition.consistency
        known = row["evidence"] in condition.evidence and row["temperature"] in temperatures
        return known and agrees and wanted.items() <= row.items()

    best: dict[str, dict] = {}
    for row in sorted(filter(allowed, rows), key=preference):
        best.setdefault(row["genotype"], row)
    digests = {row["genes"]: sha256(f"{seed}:{row['genes']}".encode()).hexdigest() for row in best.values()}
    table = pl.DataFrame(
        sorted(best.values(), key=lambda row: (digests[row["genes"]], row["genotype"])),
        schema=polars_schema(MergedFitness),
    )
    shares = [int(digests[genes][32:40], 16) / 2**32 for genes in table["genes"]]
    split = ["test" if share < 0.1 else "validation" if share < 0.2 else "train" for share in shares]
    return table.with_columns(
        split=pl.Series(split, dtype=pl.String), rank=pl.Series(range(len(split)), dtype=pl.UInt32)
    )


rows_strategy = st.lists(
    st.builds(
        lambda genes, allele, **rest: BASE | rest | {"genes": genes, "genotype": genes + allele},
        st.sampled_from("ABCDEFGH"),
        st.sampled_from(["", "-1", "-2"]),
        temperature=st.sampled_from([26.0, 26.0, 30.0, 34.0]),
        assay=st.sampled_from(["colony size", "colony size", "culture growth"]),
        consistency=st.sampled_from([None, 0.0, 0.01, 0.5]),
        evidence=st.sampled_from(["measured", "derived", "simulated"]),
        haploid=st.sampled_from([True, True, False]),
        deletions_only=st.sampled_from([True, True, False]),
        value=st.floats(0.0, 1.5),
    ),
    max_size=40,
    unique_by=lambda row: (row["genotype"], row["temperature"], row["assay"], row["evidence"]),
)


@settings(max_examples=15, deadline=None)
@given(
    rows_strategy,
    st.sampled_from([1, 7]),
    st.builds(
        lambda **drawn: Condition(**PLATE, **drawn),
        evidence=st.sampled_from([("measured", "derived"), ("derived",)]),
        assumed_from=st.sampled_from([(), (30.0,), (34.0, 30.0)]),
        consistency=st.sampled_from([0.0, 0.01, 0.1]),
    ),
    st.data(),
)
def test_a_sample_is_what_it_would_be_if_it_were_taken_in_memory(tmp_path_factory, rows, seed, condition, data):
    path = merged_file(tmp_path_factory.mktemp("merged"), rows)
    whole = plainly(rows, condition, seed)
    assert subsets.available(path, condition) == whole.height
    assert_frame_equal(subsets.table(path, condition, seed), whole, check_exact=True)
    limit = data.draw(st.integers(0, whole.height))
    assert_frame_equal(
        pl.concat(subsets.batches(path, condition, seed, limit=limit)), whole.head(limit), check_exact=True
    )
    train = whole.filter((pl.col("order") == 1) & (pl.col("split") == "train"))
    singles = train.group_by(gene="genes", maintain_order=True).agg(pl.col("value").mean())
    assert_frame_equal(subsets.singles(path, condition, seed), singles, check_exact=True)


def test_deletions_of_some_genes_are_left_out_alone_and_in_crosses_and_other_alleles_stay(tmp_path):
    rows = [
        BASE | {"genotype": "a", "genes": "YAL001C"},
        BASE | {"genotype": "b", "genes": "YAL001C-A"},
        BASE | {"genotype": "c", "genes": "YAL001C+YBR160W", "order": 2},
        BASE | {"genotype": "d", "genes": "YBR160W"},
        BASE | {"genotype": "e", "genes": "YAL001C", "deletions_only": False},
    ]
    path, without = merged_file(tmp_path, rows), frozenset({"YAL001C", "YPR204W"})
    assert subsets.available(path, CONDITION, without=without) == 2
    assert set(subsets.table(path, CONDITION, 1, without=without)["genotype"]) == {"b", "d"}
    every = subsets.table(path, CONDITION, 1, without=without, deletions_only=False)
    assert set(every["genotype"]) == {"b", "d", "e"}
    assert pl.concat(subsets.batches(path, CONDITION, 1, without=without, limit=2)).height == 2
    assert set(subsets.table(path, CONDITION, 1)["genotype"]) == {*"abcd"}


def test_the_test_set_and_the_singles_lack_them_too(merged):
    gone = {f"G{at:04d}" for at in range(500)}
    kept = subsets.table(merged, CONDITION, 1).filter(~pl.col("genes").is_in(gone))
    test = subsets.test_set(merged, CONDITION, 1, without=gone)
    assert test["genotype"].to_list() == kept.filter(split="test")["genotype"].to_list()
    assert set(subsets.singles(merged, CONDITION, 1, without=gone)["gene"]) == set(kept.filter(split="train")["genes"])


def test_a_gene_with_two_strains_has_one_single_their_mean(tmp_path):
    rows = [BASE | {"genotype": f"{g}-{n}", "genes": g, "value": n} for g in "ABCDEFGHIJ" for n in (0.2, 0.4)]
    found = subsets.singles(merged_file(tmp_path, rows), CONDITION, 1)
    assert found.height == found["gene"].n_unique() > 3
    assert found["value"].to_list() == pytest.approx([0.3] * found.height)


# ---- what follows from it --------------------------------------------------------------------------------------------------
def test_alleles_of_one_gene_set_share_a_split_and_stand_together(merged):
    table = subsets.table(merged, CONDITION, 1)
    assert table.group_by("genes").agg(pl.col("split").n_unique())["split"].max() == 1
    assert (table["genes"].rle_id().max() or 0) + 1 == table["genes"].n_unique()


def test_samples_are_nested_and_every_sample_has_all_splits(merged):
    small, large, whole = (sample(merged, size) for size in ("1e2", "1e3", "all"))
    assert large.head(100).equals(small)
    assert whole.head(1000).equals(large)
    assert dict(small["split"].value_counts(normalize=True).iter_rows())["train"] == pytest.approx(0.8, abs=0.12)
    assert set(small["split"]) == set(subsets.SPLITS)
    assert dict(whole["split"].value_counts(normalize=True).iter_rows())["test"] == pytest.approx(0.1, abs=0.03)


def test_the_sample_is_the_same_on_every_machine(merged):
    assert subsets.table(merged, CONDITION, 1).head(3).select("genotype", "split").rows() == PINNED


def test_another_seed_is_another_sample(merged):
    assert not sample(merged, "1e2", seed=1).equals(sample(merged, "1e2", seed=2))


def test_a_size_that_cannot_be_filled_says_how_many_there_are_and_what_would_add_more(merged):
    with pytest.raises(subsets.SubsetError) as refusal:
        sample(merged, "1e4")
    assert str(refusal.value) == (
        "A subset of 1e4 needs 10,000 genotypes and the merged table holds 2,000 at the standard condition: take a "
        "smaller size, or add the big screen."
    )


def test_one_row_per_genotype_at_the_standard_condition_measured_before_derived(tmp_path):
    rows = [
        {"genotype": "a", "genes": "a", "value": 0.1, "evidence": "derived"},
        {"genotype": "a", "genes": "a", "value": 0.2},
        {"genotype": "b", "genes": "b", "value": 0.3, "evidence": "derived"},
        {"genotype": "c", "genes": "c", "temperature": 30.0},
        {"genotype": "d", "genes": "d", "haploid": False},
        {"genotype": "e", "genes": "e", "deletions_only": False},
        {"genotype": "f", "genes": "f", "evidence": "simulated"},
        {"genotype": "g", "genes": "g", "medium_class": "YPD liquid"},
        {"genotype": "h", "genes": "h", "assay": "culture growth"},
    ]
    path = merged_file(tmp_path, [BASE | row for row in rows])
    table = subsets.table(path, CONDITION, 1).sort("genotype")
    assert table.select("genotype", "value").rows() == [("a", 0.2), ("b", 0.3)]
    with_alleles = subsets.table(path, CONDITION, 1, deletions_only=False)
    assert sorted(with_alleles["genotype"]) == ["a", "b", "e"]


def test_what_was_measured_elsewhere_is_assumed_only_where_nothing_is_known_and_no_allele_is_conditional(tmp_path):
    sensitive = {"genotype": "c:temperature_sensitive:c-1:haploid", "genes": "c", "deletions_only": False}
    rows = [
        {"genotype": "a", "genes": "a", "value": 0.1, "evidence": "derived"},
        {"genotype": "a", "genes": "a", "value": 0.2, "temperature": 30.0},
        {"genotype": "b", "genes": "b", "value": 0.3, "temperature": 34.0},
        {"genotype": "b", "genes": "b", "value": 0.4, "temperature": 30.0, "evidence": "derived"},
        {"genotype": "b", "genes": "b", "value": 0.5, "temperature": 30.0},
        {**sensitive, "temperature": 30.0},
        {**sensitive, "genotype": "d:temperature_sensitive:d-1:haploid", "genes": "d", "value": 0.6},
        {
            "genotype": "e:suppressor:e-1:haploid",
            "genes": "e",
            "deletions_only": False,
            "value": 0.7,
            "temperature": 30.0,
        },
        {"genotype": "f", "genes": "f", "temperature": 38.0},
    ]
    path = merged_file(tmp_path, [BASE | row for row in rows])
    condition = CONDITION.model_copy(update={"assumed_from": (30.0, 34.0)})
    table = subsets.table(path, condition, 1, deletions_only=False).sort("genes")
    assert table.select("genes", "value", "temperature").rows() == [
        ("a", 0.1, 26.0), ("b", 0.5, 30.0), ("d", 0.6, 26.0), ("e", 0.7, 30.0),
    ]  # fmt: skip
    assert subsets.available(path, condition) == 2


def test_what_does_not_agree_with_itself_is_left_out_and_another_row_may_take_its_place(tmp_path):
    rows = [
        {"genotype": "a", "genes": "a", "consistency": 0.009},
        {"genotype": "b", "genes": "b", "consistency": 0.01},
        {"genotype": "c", "genes": "c"},
        {"genotype": "d", "genes": "d", "consistency": 0.009},
        {"genotype": "d", "genes": "d", "evidence": "derived"},
    ]
    path = merged_file(tmp_path, [BASE | row for row in rows])
    strict = CONDITION.model_copy(update={"consistency": 0.01})
    assert sorted(subsets.table(path, strict, 1)["genotype"]) == ["b", "c", "d"]
    assert sorted(subsets.table(path, CONDITION, 1)["genotype"]) == ["a", "b", "c", "d"]


# ---- batches -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("limit", [None, 0, 1, 64, 65, 128, 500])
def test_batches_are_full_numbered_and_written_whole(merged, tmp_path, monkeypatch, limit):
    whole = subsets.table(merged, CONDITION, 1)
    monkeypatch.setattr(subsets, "ROWS", 64)
    path = tmp_path / "sample.parquet"
    handed = list(subsets.written(path, FITNESS, subsets.batches(merged, CONDITION, 1, limit=limit)))
    expected = whole if limit is None else whole.head(limit)
    assert [batch.height for batch in handed[:-1]] == [64] * (len(handed) - 1)
    assert (handed[-1].height > 0) == (expected.height > 0)
    assert_frame_equal(pl.read_parquet(path), expected, check_exact=True)


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "fitness.duckdb"
    with pytest.raises(MergeError, match="materialize merged/fitness first"):
        subsets.available(path, CONDITION)
    path.write_bytes(b"not a database")
    with pytest.raises(MergeError, match="materialize merged/fitness again"):
        subsets.table(path, CONDITION, 1)


def test_the_test_set_holds_the_test_split_of_all_and_nothing_of_what_any_size_trains_on(merged, monkeypatch):
    path = merged
    every = subsets.table(path, CONDITION, 1)
    found = subsets.test_set(path, CONDITION, 1)
    expected = every.filter(pl.col("split") == "test")
    assert found["genotype"].to_list() == expected["genotype"].to_list() and found.height > 100
    assert found["rank"].to_list() == list(range(found.height)) and found.schema == every.schema
    assert not set(found["genes"]) & set(every.filter(pl.col("split") != "test")["genes"])
    # bounded, the first in the order of all; whatever the batches
    monkeypatch.setattr(subsets, "TEST_GENOTYPES", 50)
    monkeypatch.setattr(subsets, "ROWS", 256)
    assert subsets.test_set(path, CONDITION, 1)["genotype"].to_list() == expected["genotype"].head(50).to_list()
