"""What is one measurement, what pools, and what never does."""

import math
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from torchcell_assets.schema import MergedFitness
from torchcell_assets.staleness import content_hash
from torchcell_assets.steps.graph.read import SELECTION
from torchcell_assets.steps.merged import fitness, identities, runs
from torchcell_assets_tests.steps.merged import reference
from torchcell_assets_tests.steps.merged.reference import pages


def deletion(gene: str, zygosity: str = "haploid") -> list[str]:
    return [gene, "deletion", "delta", zygosity]


def measured(*perturbations: list[str], value: float | None, **other) -> dict:
    row = {
        "dataset": "d", "publication": "10.1/a", "reference": "wild type", "medium_class": "SGA plate", "temperature": 26.0,
        "evidence": "measured", "upper_bound": None, "uncertainty": 0.05, "uncertainty_type": "standard_error", "samples": 4,
    }  # fmt: skip
    return {**row, "value": value, "perturbations": list(perturbations), **other}


def selection(*rows: dict) -> pl.DataFrame:
    fields = ("gene", "kind", "allele", "zygosity")
    listed = [
        {
            **row,
            "id": f"r{at}",
            "ordinal": at,
            "perturbations": [dict(zip(fields, p, strict=True)) for p in row["perturbations"]],
        }
        for at, row in enumerate(rows)
    ]
    structs = pl.List(pl.Struct(dict.fromkeys(fields, pl.String)))
    return pl.DataFrame(listed, schema={**SELECTION, "perturbations": structs})


def merge(rows: pl.DataFrame, key: str = "genotype", threads: int = 2) -> tuple[fitness.Merged, pl.DataFrame, str]:
    """What became of the records, the merged table as it is stored, and its content hash."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fitness.duckdb"
        counts = fitness.merge(pages(Path(folder) / "pages", rows), path, key, threads=threads)
        return counts, fitness.read(path), counts.data_version


def merged(*rows: dict) -> pl.DataFrame:
    return merge(selection(*rows))[1]


A, B = deletion("YAL001C"), deletion("YBR160W")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            measured(["YBR160W", "temperature_sensitive", "cdc28-1", "haploid"], value=0.5),
            measured(["YBR160W", "temperature_sensitive", "cdc28-4", "haploid"], value=0.7),
        ),
        (measured(A, value=0.5), measured(A, value=0.7, temperature=30.0)),
        (
            measured(deletion("YAL001C", "heterozygous"), value=0.5),
            measured(deletion("YAL001C", "homozygous"), value=0.7),
        ),
        (measured(A, value=0.5), measured(A, value=0.7, reference="diploid wild type")),
        (measured(A, value=0.5), measured(A, value=0.7, medium_class="YPD liquid")),
        (measured(A, value=0.5), measured(A, value=0.7, evidence="derived")),
        (measured(A, value=0.5), measured(["YAL001C", "suppressor", "x-supp1", "haploid"], value=0.7)),
        (measured(A, value=0.5, temperature=None), measured(A, value=0.7)),
    ],
    ids=["ts alleles", "temperatures", "zygosities", "references", "media", "evidence", "suppressor", "no temperature"],
)
def test_what_differs_in_the_merge_key_never_pools(one, other):
    assert sorted(merged(one, other)["value"].to_list()) == [0.5, 0.7]


def test_reciprocal_crosses_pool():
    table = merged(measured(A, B, value=0.5), measured(B, A, value=0.7))
    assert table["measurements"].to_list() == [2]
    assert table["value"].to_list() == pytest.approx([0.6])


def test_the_same_number_under_two_strain_codes_counts_once():
    table = merged(measured(A, value=0.9), measured(A, value=0.9), measured(A, value=0.6, publication="10.1/b"))
    row = table.row(0, named=True)
    assert (row["measurements"], row["records"]) == (2, ["r0", "r1", "r2"])
    assert row["value"] == pytest.approx(0.75)


def test_equal_numbers_of_two_publications_are_two_measurements():
    assert merged(measured(A, value=0.9), measured(A, value=0.9, publication="10.1/b"))["measurements"].item() == 2


def test_pooling_is_by_inverse_variance_and_typed():
    row = merged(
        measured(A, value=0.8, uncertainty=0.1, uncertainty_type="sample_sd", samples=4),  # SE 0.05
        measured(A, value=0.6, uncertainty=0.1, uncertainty_type="bootstrap_se", samples=17),  # SE 0.1
    ).row(0, named=True)
    weights = [1 / 0.05**2, 1 / 0.1**2]
    assert row["value"] == pytest.approx((0.8 * weights[0] + 0.6 * weights[1]) / sum(weights))
    assert row["standard_error"] == pytest.approx(math.sqrt(1 / sum(weights)))
    assert row["heterogeneity"] == pytest.approx(0.1 * math.sqrt(2))
    assert (row["pooling"], row["samples"]) == ("inverse_variance", 21)


def test_without_a_standard_error_the_samples_are_the_weights_and_it_is_said():
    row = merged(
        measured(A, value=0.8, uncertainty=None, uncertainty_type="none", samples=3), measured(A, value=0.4, samples=1)
    ).row(0, named=True)
    assert row["value"] == pytest.approx(0.7)
    assert (row["pooling"], row["standard_error"]) == ("sample_weighted", None)


def test_a_standard_error_of_zero_is_not_infinite_weight():
    row = merged(measured(A, value=0.8, uncertainty=0.0), measured(A, value=0.4, uncertainty=0.1)).row(0, named=True)
    assert row["value"] == pytest.approx(0.6)
    assert row["pooling"] == "sample_weighted"


def test_a_censored_value_is_excluded_and_counted():
    result, table, _ = merge(selection(measured(A, value=None, upper_bound=0.5), measured(B, value=0.9)))
    assert table["genes"].to_list() == ["YBR160W"]
    assert result.selected == result.pooled + sum(result.excluded.values()) == 2
    assert list(result.excluded.values()) == [1]


def test_the_gene_only_policy_pools_what_the_default_keeps_apart():
    rows = selection(
        measured(["YBR160W", "temperature_sensitive", "cdc28-1", "haploid"], value=0.5),
        measured(["YBR160W", "temperature_sensitive", "cdc28-4", "haploid"], value=0.7, temperature=30.0),
    )
    assert merge(rows, "paper")[1]["measurements"].to_list() == [2]
    assert merge(rows)[1]["measurements"].to_list() == [1, 1]


ALLELES = [
    ["YAL001C", "deletion", "delta", "haploid"],
    ["YAL001C-A", "deletion", "delta", "homozygous"],
    ["YBR160W", "temperature_sensitive", "cdc28-1", "haploid"],
    ["YBR160W", "temperature_sensitive", "cdc28-4", "haploid"],
    ["YLR113W", "damp", "damp", "haploid"],
    ["YLR113W-B", "deletion", "delta", "heterozygous"],
]
records = st.builds(
    lambda alleles, **row: measured(*alleles, **row),
    st.lists(st.sampled_from(ALLELES), min_size=1, max_size=5, unique_by=tuple),
    value=st.one_of(st.none(), st.sampled_from([0.9, 1.1]), st.floats(-0.5, 5.0, allow_subnormal=False)),
    uncertainty=st.one_of(st.none(), st.sampled_from([0.0, 0.05]), st.floats(1e-4, 0.5)),
    uncertainty_type=st.sampled_from(["sample_sd", "standard_error", "bootstrap_se", "none"]),
    samples=st.one_of(st.none(), st.integers(1, 2**32 - 1)),
    publication=st.sampled_from(["10.1/a", "10.1/b", "10.1/c"]),
    temperature=st.sampled_from([None, 26.0, 30.0]),
    medium_class=st.sampled_from(["YPD plate", "minimal liquid", "SGA plate"]),
    evidence=st.sampled_from(["measured", "derived"]),
)
KEY = list(MergedFitness.primary_key())


@settings(max_examples=25, deadline=None)
@given(st.lists(records, max_size=25), st.sampled_from(fitness.KEYS), st.randoms())
def test_the_merge_is_what_the_rules_say_and_to_the_bit_the_same_whatever_order_threads_and_buckets(rows, key, random):
    table = selection(*rows)
    expected = reference.merged(table, key)
    shuffled = table[random.sample(range(table.height), table.height)]
    with pytest.MonkeyPatch.context() as patch:
        counts, found, content = merge(table, key, threads=1)
        patch.setattr(runs, "BUCKET", 3)
        patch.setattr(runs, "SAMPLED", 1)
        _, other, other_content = merge(shuffled, key, threads=4)
    reference.assert_is_merged(found, expected)
    assert_frame_equal(other, found, check_exact=True)
    assert content == other_content == content_hash(found, KEY)
    assert counts.rows == expected.height
    assert counts.pooled == expected["records"].list.len().sum()
    assert counts.selected == table.height == counts.pooled + sum(counts.excluded.values())


@settings(max_examples=20, deadline=None)
@given(st.lists(records, min_size=1, max_size=12))
def test_the_pooled_value_lies_between_its_parts_and_every_record_is_kept(rows):
    table = selection(*rows).filter(pl.col("value").is_not_null())
    pooled = merge(table)[1]
    assert sorted(pooled["records"].explode().to_list()) == sorted(table["id"].to_list())
    values = dict(zip(table["id"], table["value"], strict=True))
    for value, ids in pooled.select("value", "records").iter_rows():
        parts = [values[i] for i in ids]
        assert min(parts) - 1e-8 <= value <= max(parts) + 1e-8


def test_more_identities_than_a_key_tells_apart_are_refused(monkeypatch):
    monkeypatch.setattr(identities, "LARGEST", 1)
    with pytest.raises(fitness.MergeError, match="perturb in 2 different ways and a merge key tells 1 apart"):
        merged(measured(A, value=0.5), measured(B, value=0.5))


def test_a_record_without_perturbations_is_refused_by_name():
    table = selection(measured(A, value=0.5), measured(value=0.5))
    with pytest.raises(fitness.MergeError, match="1 selected records perturb no gene, such as r1"):
        merge(table)


def test_a_merged_file_reads_back_and_a_foreign_one_is_refused(tmp_path):
    table = merged(measured(A, value=0.5), measured(B, value=0.7))
    path = tmp_path / "fitness.duckdb"
    fitness.write(path, table)
    assert_frame_equal(fitness.read(path), table)
    assert fitness.read(path, "value > ?", [0.6])["genes"].to_list() == ["YBR160W"]
    path.write_bytes(b"not a database")
    with pytest.raises(fitness.MergeError, match="materialize merged/fitness again"):
        fitness.read(path)
    with pytest.raises(fitness.MergeError, match="materialize merged/fitness first"):
        fitness.read(tmp_path / "nothing")


def test_replicates_pair_publications_and_not_records_of_one(tmp_path):
    rows = selection(
        measured(A, value=0.5),
        measured(A, value=0.7),
        measured(A, value=0.9, publication="10.1/b", medium_class="YPD liquid"),
        measured(B, value=1.0, publication="10.1/b"),
    )
    path = tmp_path / "fitness.duckdb"
    fitness.merge(pages(tmp_path / "pages", rows), path)
    found = fitness.replicates(path)
    assert found.rows() == [("YAL001C:deletion:delta:haploid", 26.0, pytest.approx(0.6), 0.9, "10.1/a", "10.1/b")]
