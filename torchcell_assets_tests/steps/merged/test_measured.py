"""What the merged table tells of a mutant: the measured parts of it, the largest first, and no others."""

from pathlib import Path

import pytest

from torchcell_assets.steps.merged import measured
from torchcell_assets_tests.steps.merged.test_subsets import BASE, merged_file

A, B, C, D = "YAL001C", "YBR160W", "YCL001W", "YDL001W"


def row(*genes: str, **other) -> dict:
    genotype = " + ".join(f"{gene}:deletion:delta:haploid" for gene in sorted(genes))
    return BASE | {"genotype": genotype, "genes": "+".join(sorted(set(genes))), "order": len(set(genes))} | other


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    rows = [
        row(A, value=0.1),
        row(A, value=0.2, temperature=30.0),
        row(A, value=0.3, evidence="derived"),
        row(B, value=0.4, standard_error=0.01),
        row(A, B, value=0.5),
        row(A, B, C, value=0.6),
        row(A, D, value=0.7),
        row(D, value=0.8, haploid=False, genotype=f"{D}:deletion:delta:homozygous"),
        row(C, value=0.9, deletions_only=False, genotype=f"{C}:damp:c-1:haploid"),
        row(B, C, value=1.0, reference="query strain"),
        row(A, value=1.1, genotype=f"{A}:deletion:yal002w:haploid"),
    ]
    return merged_file(tmp_path_factory.mktemp("merged"), rows)


def values(path: Path, *genotypes: list[str]) -> list[list[float]]:
    return [[one["value"] for one in nearest] for nearest in measured.contained(path, genotypes).to_list()]


def test_all_measured_parts_of_a_mutant_are_told_the_largest_first(path):
    # of one overlap what was measured first, then by genotype and temperature: two strains of a gene are two genotypes
    assert values(path, [B, A]) == [[0.5, 0.1, 0.2, 1.1, 0.4, 0.3]]
    assert values(path, [A, B, C])[0][:2] == [0.6, 0.5]
    assert values(path, [B, B]) == [[0.4]]


def test_neither_diploids_nor_other_alleles_nor_values_of_another_scale_are_told(path):
    assert values(path, [C], [D], [B, C]) == [[], [], [0.4]]


def test_each_mutant_has_its_own_and_what_is_told_has_its_condition(path):
    assert values(path, [D, B], [D], [A, D]) == [[0.4], [], [0.7, 0.1, 0.2, 1.1, 0.3]]
    [[told]] = measured.contained(path, [[B]]).to_list()
    wanted = {"genotype": f"{B}:deletion:delta:haploid", "order": 1, "value": 0.4, "standard_error": 0.01}
    where = {"temperature": 26.0, "medium_class": "SGA plate", "assay": "colony size", "evidence": "measured"}
    assert told == wanted | where


def test_no_more_are_told_than_a_reader_reads(tmp_path):
    path = merged_file(tmp_path, [row(A, temperature=float(t)) for t in range(20, 40)])
    [told] = measured.contained(path, [[A]]).to_list()
    assert [one["temperature"] for one in told] == [float(t) for t in range(20, 20 + measured.MOST)]


def test_of_an_empty_table_nothing_is_told(tmp_path):
    path = merged_file(tmp_path, [])
    assert values(path, [A], [A, B]) == [[], []]
    assert measured.genes_among(path, {A}) == set()
    assert measured.without_essential_genes(path, set()).is_empty()


def test_genes_are_found_by_their_whole_name(path):
    assert measured.genes_among(path, {B, "YBR160W-A", "YBR16", "YIL168W"}) == {B}
    assert measured.genes_among(path, set()) == set()


def test_rows_of_deletions_that_lack_a_gene_alone_or_in_a_cross(path):
    assert measured.without_essential_genes(path, {B})["value"].to_list() == [0.5, 0.6, 0.4, 1.0]
    assert measured.without_essential_genes(path, {C, D})["value"].to_list() == [0.6, 0.7, 1.0]
    assert measured.without_essential_genes(path, set()).is_empty()
