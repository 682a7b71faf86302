"""What is one measurement, what pools, and what never does."""

import math
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from torchcell_assets.schema import MergedFitness
from torchcell_assets.steps.merged import between_publications, identities, merged_table, runs
from torchcell_assets.steps.merged import merge as merging
from torchcell_assets.steps.merged.identities import MergeError
from torchcell_assets.steps.merged.phenotypes import FITNESS, Phenotype
from torchcell_assets.storage.content import content_hash
from torchcell_assets_tests.steps.merged import reference
from torchcell_assets_tests.steps.merged.reference import pages


def deletion(gene: str, zygosity: str = "haploid") -> list[str]:
    return [gene, "deletion", "delta", zygosity]


def measured(*perturbations: list[str], value: float | None, **other) -> dict:
    row = {
        "dataset": "d", "publication": "10.1/a", "laboratory": "a", "query": None, "assay": "colony size",
        "reference": "wild type", "medium_class": "SGA plate", "temperature": 26.0, "evidence": "measured",
        "upper_bound": None, "uncertainty": 0.05, "uncertainty_type": "standard_error", "query_error": None,
        "array_error": None, "samples": 4,
    }  # fmt: skip
    return {**row, "value": value, "perturbations": list(perturbations), **other}


def selection(*rows: dict, phenotype: Phenotype = FITNESS) -> pl.DataFrame:
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
    return pl.DataFrame(listed, schema={**phenotype.columns, "perturbations": structs})


def merge(rows: pl.DataFrame, key: str = "genotype", threads: int = 2) -> tuple[merging.Merged, pl.DataFrame, str]:
    """What became of the records, the merged table as it is stored, and its content hash."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fitness.duckdb"
        counts = merging.merge(pages(Path(folder) / "pages", rows), path, FITNESS, key, threads=threads)
        return counts, merged_table.read(path), counts.data_version


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
        (measured(A, value=0.5), measured(A, value=0.7, assay="culture growth")),
        (measured(A, value=0.5), measured(["YAL001C", "suppressor", "x-supp1", "haploid"], value=0.7)),
        (measured(A, value=0.5, temperature=None), measured(A, value=0.7)),
    ],
    ids=[
        "ts alleles",
        "temperatures",
        "zygosities",
        "references",
        "media",
        "evidence",
        "assays",
        "suppressor",
        "no temperature",
    ],
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


def test_conditions_of_a_genotype_stand_by_name_and_wild_type_before_any_other_reference():
    references = ["a new reference", "query strain", "wild type"]
    rows = [measured(A, value=0.9, reference=one, medium_class=medium) for medium in ("b", "a") for one in references]
    _, found, _ = merge(selection(*rows), "genotype")
    assert found.select("medium_class", "reference").rows() == [
        (medium, one) for medium in ("a", "b") for one in ("wild type", "a new reference", "query strain")
    ]


def test_equal_numbers_in_two_papers_of_one_laboratory_are_one_measurement_and_of_two_laboratories_are_two():
    again = measured(A, value=0.9, publication="10.1/b")
    one, two = merged(measured(A, value=0.9), again), merged(measured(A, value=0.9), {**again, "laboratory": "b"})
    assert (one["measurements"].item(), one["laboratories"].item(), one["pooling"].item()) == (1, 1, "single")
    assert (two["measurements"].item(), two["laboratories"].item()) == (2, 2)
    assert one["publications"].to_list() == two["publications"].to_list() == [["10.1/a", "10.1/b"]]


def test_of_records_that_are_one_measurement_the_best_is_known():
    row = merged(
        measured(A, value=0.9, uncertainty=0.1, uncertainty_type="unspecified", samples=None, publication="10.1/b"),
        measured(A, value=0.9, uncertainty=0.1, uncertainty_type="sample_sd", samples=4, array_error=0.03),
        measured(A, value=0.9, uncertainty=0.1, uncertainty_type="sample_sd", samples=16, array_error=0.02),
    ).row(0, named=True)
    assert row["standard_error"] == pytest.approx(math.hypot(0.1 / 4, 0.03))
    assert (row["samples"], row["measurements"]) == (16, 1)


PLAIN = {"uncertainty": None, "uncertainty_type": "none"}


def both(gene: int, one: float, other: float, **of_other) -> list[dict]:
    """One deletion in two publications of two laboratories."""
    mutant = deletion(f"YAL{gene:03d}C")
    return [
        measured(mutant, value=one),
        measured(mutant, value=other, publication="10.1/b", laboratory="b", **of_other),
    ]


def test_what_publications_differ_by_beyond_what_they_state_goes_into_every_weight():
    """30 genotypes differ by 0.2: the variance of the difference is 0.04 - 0.05^2 - 0.1^2, and half of it is each one's."""
    rows = [row for gene in range(30) for row in both(gene, 0.9, 0.7, uncertainty=0.1)]
    table = merged(*rows)
    between = (0.2**2 - 0.05**2 - 0.1**2) / 2
    weights = [1 / (0.05**2 + between), 1 / (0.1**2 + between)]
    value = (0.9 * weights[0] + 0.7 * weights[1]) / sum(weights)
    assert table["value"].to_list() == pytest.approx([value] * 30)
    assert set(table["pooling"]) == {"random_effects"}
    # here what is seen between two is more than the model says: |d| / 2
    assert table["standard_error"].to_list() == pytest.approx([max(math.sqrt(1 / sum(weights)), 0.1)] * 30)
    q = weights[0] * (0.9 - value) ** 2 + weights[1] * (0.7 - value) ** 2
    assert table["consistency"].to_list() == pytest.approx([math.erfc(math.sqrt(q / 2))] * 30)


@pytest.mark.parametrize(
    "plain", [PLAIN, {"uncertainty": 1e-6, "uncertainty_type": "unspecified"}, {"uncertainty": 0.0}]
)
def test_where_one_has_no_standard_error_all_weigh_alike_and_the_variance_between_holds_its_error(plain):
    rows = [
        row for gene in range(40) for row in both(gene, 0.9, 0.9 + (0.1 if gene % 2 else -0.1), **plain, samples=99)
    ]
    table = merged(*rows)
    assert table["value"].to_list() == pytest.approx([0.95 if gene % 2 else 0.85 for gene in range(40)])
    # variance of the difference 0.01, so that of the mean is 0.01 / 4
    assert table["standard_error"].to_list() == pytest.approx([0.05] * 40)
    assert set(table["pooling"]) == {"equal_weights"}
    between = (0.1**2 - 0.05**2) / 2
    q = 0.05**2 / (0.05**2 + between) + 0.05**2 / between
    assert table["consistency"].to_list() == pytest.approx([math.erfc(math.sqrt(q / 2))] * 40)


def test_a_pair_of_publications_with_fewer_than_30_shared_measurements_takes_the_variance_of_all(tmp_path):
    many = [row for gene in range(30) for row in both(gene, 0.9, 0.8, **PLAIN)]
    few = [
        {**row, "publication": row["publication"] + "2"}
        for gene in range(40, 69)
        for row in both(gene, 0.9, 0.5, **PLAIN)
    ]
    path = tmp_path / "fitness.duckdb"
    merging.merge(pages(tmp_path / "pages", selection(*many, *few)), path, FITNESS)
    table = merged_table.between_publications(path)
    own, of_all = 0.01 - 0.05**2, (30 * 0.01 + 29 * 0.16) / 59 - 0.05**2
    assert table.drop("r").rows() == [
        ("10.1/a", "10.1/b", 30, pytest.approx(own), False),
        ("10.1/a2", "10.1/b2", 29, pytest.approx(of_all), True),
    ]


def test_two_strains_in_one_paper_have_a_variance_of_their_own_and_correlate(tmp_path):
    values = [(0.5 + 0.01 * gene, 0.6 + 0.01 * gene) for gene in range(40)]
    rows = [measured(deletion(f"YAL{gene:03d}C"), value=v, **PLAIN) for gene, pair in enumerate(values) for v in pair]
    path = tmp_path / "fitness.duckdb"
    merging.merge(pages(tmp_path / "pages", selection(*rows)), path, FITNESS)
    [(_, _, shared, variance, of_all, r)] = merged_table.between_publications(path).rows()
    assert (shared, variance, of_all) == (40, pytest.approx(0.01), False)
    doubled = [pair for x, y in values for pair in ((x, y), (y, x))]
    assert r == pytest.approx(np.corrcoef(*zip(*doubled, strict=True))[0, 1])
    assert merged_table.replicates(path).is_empty()


def test_equal_values_are_consistent_however_they_are_rounded():
    rows = [measured(A, value=0.1 + 0.2, publication=p, laboratory=p, **PLAIN) for p in "abc"]
    row = merged(*rows).row(0, named=True)
    assert (row["heterogeneity"], row["consistency"], row["standard_error"], row["measurements"]) == (0.0, 1.0, 0.0, 3)


def test_what_differs_where_nothing_differs_is_inconsistent():
    rows = [row for gene in range(30) for row in both(gene, 0.9, 0.9, **PLAIN)]
    first = merged(
        *rows, measured(deletion("YBR999C"), value=0.9, **PLAIN), measured(deletion("YBR999C"), value=0.8, **PLAIN)
    )
    assert first.filter(pl.col("consistency") < 0.5)["genes"].to_list() == ["YBR999C"]


def test_what_a_standard_adds_is_shared_and_no_mean_makes_it_smaller():
    rows = [
        measured(A, B, value=0.8, uncertainty=0.03, query_error=0.03, array_error=0.04, query="q1"),
        measured(A, B, value=0.8, uncertainty=0.03, query_error=0.03, array_error=0.04, query="q1", laboratory="b"),
    ]
    alone, two = merged(rows[0]).row(0, named=True), merged(*rows).row(0, named=True)
    assert alone["shared_error"] == two["shared_error"] == pytest.approx(0.05)
    assert alone["standard_error"] == pytest.approx(math.hypot(0.03, 0.05))
    assert two["standard_error"] == pytest.approx(math.hypot(0.03 / math.sqrt(2), 0.05))
    assert alone["query"] == two["query"] == "q1"


def test_a_single_value_without_a_standard_error_has_none_whatever_it_shares():
    row = merged(measured(A, B, value=0.8, uncertainty=0.03, uncertainty_type="unspecified", array_error=0.04)).row(
        0, named=True
    )
    assert (row["standard_error"], row["shared_error"], row["consistency"]) == (None, 0.04, None)


@pytest.mark.parametrize(
    ("one", "other", "told"), [("q", "q", "q"), ("q", "r", None), ("q", None, None), (None, None, None)]
)
def test_a_query_is_told_where_all_records_have_the_same(one, other, told):
    assert merged(measured(A, value=0.5, query=one), measured(A, value=0.7, query=other))["query"].to_list() == [told]


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
    value=st.one_of(st.none(), st.sampled_from([0.9, 1.1]), st.floats(-0.5, 5.0).map(lambda v: round(v, 6))),
    uncertainty=st.one_of(st.none(), st.sampled_from([0.0, 0.05]), st.floats(1e-4, 0.5)),
    uncertainty_type=st.sampled_from(["sample_sd", "standard_error", "bootstrap_se", "unspecified", "none"]),
    samples=st.one_of(st.none(), st.integers(1, 2**32 - 1)),
    query_error=st.one_of(st.none(), st.sampled_from([0.0, 0.02])),
    array_error=st.one_of(st.none(), st.floats(1e-4, 0.1)),
    publication=st.sampled_from(["10.1/a", "10.1/b", "10.1/c"]),
    laboratory=st.sampled_from(["a", "b"]),
    query=st.sampled_from([None, "q1", "q2"]),
    assay=st.sampled_from(["colony size", "culture growth"]),
    temperature=st.sampled_from([None, 26.0, 30.0]),
    medium_class=st.sampled_from(["YPD plate", "minimal liquid", "SGA plate"]),
    reference=st.sampled_from(["wild type", "query strain", "zero dose"]),
    evidence=st.sampled_from(["measured", "derived"]),
)
KEY = list(MergedFitness.primary_key())


@settings(max_examples=25, deadline=None)
@given(st.lists(records, max_size=25), st.sampled_from(merging.KEYS), st.sampled_from([1, 3, 30]), st.randoms())
def test_the_merge_is_what_the_rules_say_and_to_the_bit_the_same_whatever_order_threads_and_buckets(
    rows, key, enough, random
):
    table = selection(*rows)
    shuffled = table[random.sample(range(table.height), table.height)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "FEW", enough)
        patch.setattr(between_publications, "ENOUGH", enough)
        expected = reference.merged(table, key)
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
    with pytest.raises(MergeError, match="perturb in 2 different ways and a merge key tells 1 apart"):
        merged(measured(A, value=0.5), measured(B, value=0.5))


def test_a_record_without_perturbations_is_refused_by_name():
    table = selection(measured(A, value=0.5), measured(value=0.5))
    with pytest.raises(MergeError, match="1 selected records perturb no gene, such as r1"):
        merge(table)


def test_a_merged_file_reads_back_and_a_foreign_one_is_refused(tmp_path):
    table = merged(measured(A, value=0.5), measured(B, value=0.7))
    path = tmp_path / "fitness.duckdb"
    merged_table.write(path, table, FITNESS)
    assert_frame_equal(merged_table.read(path), table)
    assert merged_table.read(path, "value > ?", [0.6])["genes"].to_list() == ["YBR160W"]
    path.write_bytes(b"not a database")
    with pytest.raises(MergeError, match="materialize merged/fitness again"):
        merged_table.read(path)
    with pytest.raises(MergeError, match="materialize merged/fitness first"):
        merged_table.read(tmp_path / "nothing" / "fitness.duckdb")


def test_repeats_pair_publications_under_one_condition_and_not_records_of_one(tmp_path):
    other = {"publication": "10.1/b", "laboratory": "b"}
    rows = selection(
        measured(A, value=0.5),
        measured(A, value=0.7),
        measured(A, value=0.9, **other),
        measured(B, value=0.8),
        *(
            measured(B, value=1.0, **other, **condition)
            for condition in (
                {"medium_class": "YPD liquid"},
                {"temperature": 30.0},
                {"assay": "culture growth"},
                {"evidence": "derived"},
                {"reference": "diploid wild type"},
            )
        ),
    )
    path = tmp_path / "fitness.duckdb"
    merging.merge(pages(tmp_path / "pages", rows), path, FITNESS)
    condition = (26.0, "SGA plate", "colony size", "wild type", "measured")
    [row] = merged_table.replicates(path).rows()
    assert row == ("YAL001C:deletion:delta:haploid", *condition, pytest.approx(0.6), 0.9, "10.1/a", "10.1/b")


def test_the_least_consistent_rows_come_first_and_each_rule_is_counted(tmp_path):
    rows = [row for gene in range(60) for row in both(gene, 0.9, 0.9 + (0.02 if gene % 2 else -0.02))]
    rows += [*both(100, 0.9, 0.1), *both(101, 0.9, 0.4), measured(B, value=0.5), *both(102, 0.9, 0.88, **PLAIN)]
    path = tmp_path / "fitness.duckdb"
    merging.merge(pages(tmp_path / "pages", selection(*rows)), path, FITNESS)
    assert merged_table.least_consistent(path, 2)["genotype"].str.slice(0, 7).to_list() == ["YAL100C", "YAL101C"]
    assert merged_table.rules(path) == {"single": (1, 0), "random_effects": (62, 2), "equal_weights": (1, 0)}
