"""A printed systematic name becomes the gene of today, and the allele where it is a part of that gene."""

import dataclasses

import polars as pl
import pytest

from torchcell_assets.config.study import load
from torchcell_assets.schema import MergedFitness, Perturbation, with_genotype
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.datasets import DATASETS, REFERENCE
from torchcell_assets.steps.datasets.publications import (
    fitness_baryshnikova2010,
    fitness_costanzo2016,
    viability_deletion_project,
)
from torchcell_assets.steps.datasets.retired_names import SOURCES, Found, RetiredNames, resolve

PERTURBATIONS = pl.List(pl.Struct(polars_schema(Perturbation)))


@pytest.fixture(scope="module")
def retired(sources) -> RetiredNames:
    return RetiredNames.read(*map(sources.path, SOURCES))


def records(*genotypes: list[tuple[str, str, str | None]]) -> pl.DataFrame:
    """Rows of gene, kind and published name, as haploid perturbations."""
    rows = [
        [
            {"gene": gene, "kind": kind, "allele": "delta", "zygosity": "haploid", "name": name, "marker": "KanMX", "role": None}
            for gene, kind, name in genotype
        ]
        for genotype in genotypes
    ]  # fmt: skip
    frame = pl.DataFrame(
        {"row": range(len(rows)), "perturbations": rows}, schema_overrides={"perturbations": PERTURBATIONS}
    )
    return with_genotype(frame).collect()


def test_a_retired_name_is_the_gene_that_lists_it_as_an_alias(retired, genes):
    assert retired.gene_of["YAL058C-A"] == "YAL056C-A"
    known = dict(genes.select("gene", "aliases").explode("aliases").select("aliases", "gene").drop_nulls().iter_rows())
    assert all(known[name] == gene for name, gene in retired.gene_of.items() if name in known)
    assert not retired.gene_of.keys() & set(genes["gene"])


def test_sixty_retired_names_of_the_deletion_collection_belong_to_living_genes(read):
    found = viability_deletion_project.DATASET
    printed = read(found).kept
    assert printed.height == found.published_records
    names = read(found).names
    assert (len(names.renamed), len(names.merged), len(names.outside)) == (25, 35, 25)
    changed = printed.filter(pl.col("strain") != pl.col("genes")).select("strain", "genes").rows()
    assert dict(changed) == {**names.renamed, **names.merged}


@pytest.mark.parametrize(
    ("dataset", "renamed", "merged"),
    [
        ("fitness_baryshnikova2010", 10, 32),
        ("fitness_breslow2008", 16, 27),
        ("fitness_costanzo2016", 0, 24),
        ("fitness_deutschbauer2005", 21, 31),
        ("fitness_sga", 0, 0),
        ("viability_deletion_project", 25, 35),
        ("viability_deutschbauer2005", 16, 30),
    ],
)
def test_what_each_dataset_has_of_retired_names(read, dataset, renamed, merged):
    [found] = [read(one).names for one in DATASETS if one.name == dataset]
    assert (len(found.renamed), len(found.merged)) == (renamed, merged)


def test_a_pure_rename_is_one_genotype_in_both_publications(read):
    old = read(fitness_baryshnikova2010.DATASET).kept.filter(pl.col("genes") == "YAL056C-A")
    new = read(fitness_costanzo2016.DATASET).kept.filter(pl.col("genes") == "YAL056C-A", pl.col("temperature") == 30)
    assert (old["value"].to_list(), new["value"].to_list()) == ([0.966305], [0.96623])
    assert set(old["genotype"]) == set(new["genotype"]) == {"YAL056C-A:deletion:delta:haploid"}
    merged_by = MergedFitness.primary_key()
    assert (
        old.select(merged_by).rows() == new.select(merged_by).rows()
    )  # one row of merged/fitness, of two measurements
    [[perturbation]] = old["perturbations"]
    assert (perturbation["name"], old["strain"].item()) == ("YAL058C-A", "YAL058C-A")


def test_nine_pairs_on_plates_at_30_degrees_become_one_genotype_each(read):
    old = read(fitness_baryshnikova2010.DATASET).kept
    renamed = old.filter(pl.col("strain").is_in(list(read(fitness_baryshnikova2010.DATASET).names.renamed)))
    new = read(fitness_costanzo2016.DATASET).kept.filter(pl.col("temperature") == 30)
    assert (renamed.height, renamed.join(new, on="genotype", how="semi").height) == (10, 9)


def test_two_parts_of_one_gene_are_two_genotypes_of_it_in_every_publication(read):
    """Costanzo and Baryshnikova have strains of both, and the strains of each pool with each other."""
    for dataset in (fitness_costanzo2016.DATASET, fitness_baryshnikova2010.DATASET):
        both = read(dataset).kept.filter(pl.col("genes") == "YBR074W")
        assert set(both["genotype"]) == {"YBR074W:deletion:delta:haploid", "YBR074W:deletion:ybr075w:haploid"}
        old = both.filter(pl.col("genotype").str.contains("ybr075w"))["perturbations"].explode()
        assert old.struct.field("name").str.contains("(?i)^ybr075w").all()


def test_no_retired_name_of_a_living_gene_is_left_as_a_gene(read, retired):
    for dataset in (one for one in DATASETS if one.name in load("screens").datasets):
        assert not read(dataset).genes & retired.gene_of.keys(), dataset.name


def test_two_loci_of_the_collection_are_parts_of_one_gene_in_every_dataset(retired):
    """YBR075W lies in YBR074W today, and the deletion collection has a strain for each."""
    assert {"YBR075W", "YFL035C", "YFL035C-A"} <= retired.two_loci
    both = records([("YBR075W", "deletion", None)], [("YAL001C", "deletion", None)])
    found = retired.of(both)
    assert (found.renamed, found.merged) == ({}, {"YBR075W": "YBR074W"})


def test_two_names_of_one_gene_in_one_dataset_are_two_mutants(retired):
    alone = records([("YAL058C-A", "deletion", None)])
    both = records([("YAL058C-A", "deletion", None)], [("YAL056C-A", "deletion", None)])
    assert retired.of(alone).renamed == {"YAL058C-A": "YAL056C-A"}
    assert (retired.of(both).renamed, retired.of(both).merged) == ({}, {"YAL058C-A": "YAL056C-A"})
    # a batch does not know the others
    assert retired.of(both, whole=False).renamed == {"YAL058C-A": "YAL056C-A"}


def test_two_retired_names_of_one_gene_are_two_mutants(retired):
    names = dataclasses.replace(retired, gene_of={"YAL900W": "YAL001C", "YAL901W": "YAL001C"}, two_loci=frozenset())
    both = records([("YAL900W", "deletion", None)], [("YAL901W", "deletion", None)])
    assert (names.of(both).renamed, len(names.of(both).merged)) == ({}, 2)
    told = resolve(both, names.of(both))
    assert told["genotype"].to_list() == ["YAL001C:deletion:yal900w:haploid", "YAL001C:deletion:yal901w:haploid"]
    assert told.select("genes", "order").unique().rows() == [("YAL001C", 1)]


def test_a_part_of_a_gene_names_a_deletion_and_no_other_allele():
    rows = records(
        [("YBR075W", "deletion", None), ("YBR074W", "deletion", None)],
        [("YBR075W", "damp", "x")],
        [("YBR074W", "deletion", None)],
    )
    told = resolve(rows, Found(merged={"YBR075W": "YBR074W"}))
    assert told["genotype"].to_list() == [
        "YBR074W:deletion:delta:haploid + YBR074W:deletion:ybr075w:haploid",
        "YBR074W:damp:delta:haploid",
        "YBR074W:deletion:delta:haploid",
    ]
    assert told.select("genes", "order").unique().rows() == [("YBR074W", 1)]
    assert [p["name"] for p in told["perturbations"].explode()] == [None, "YBR075W", "YBR075W, x", None]


def test_a_name_of_no_orf_is_told_and_what_is_no_name_is_left_to_the_rules(retired):
    found = retired.of(
        records([("YAL999W", "deletion", None), ("YAL001C", "deletion", None)], [("45931", "deletion", None)])
    )
    assert found.outside == {"YAL999W"}


def test_the_printed_name_stands_in_front_of_the_one_beside_it():
    rows = records(
        [("YAL058C-A", "deletion", None)],
        [("YAL058C-A", "damp", "cne9")],
        [("YAL058C-A", "deletion", "yal058c-a")],
        [("YAL001C", "deletion", "tfc3")],
    )
    told = resolve(rows, Found(renamed={"YAL058C-A": "YAL056C-A"}))
    assert [(p["gene"], p["name"], p["marker"]) for [p] in told["perturbations"]] == [
        ("YAL056C-A", "YAL058C-A", "KanMX"),
        ("YAL056C-A", "YAL058C-A, cne9", "KanMX"),
        ("YAL056C-A", "YAL058C-A", "KanMX"),
        ("YAL001C", "tfc3", "KanMX"),
    ]


def test_rows_keep_their_order_and_all_that_is_made_of_the_gene_is_made_anew():
    rows = records(
        [("YPL153C", "deletion", None), ("YAL058C-A", "deletion", None)],
        [("YAL058C", "deletion", None), ("YAL057C", "deletion", None)],
        [("YAL056C-A", "damp", "x"), ("YAL058C-A", "deletion", None)],
    )
    told = resolve(rows, Found(renamed={"YAL058C-A": "YPR100W"}))
    assert told["row"].to_list() == [0, 1, 2]
    assert told["genes"].to_list() == ["YPL153C+YPR100W", "YAL057C+YAL058C", "YAL056C-A+YPR100W"]
    assert told.drop("perturbations").row(1) == rows.drop("perturbations").row(1)
    made = with_genotype(told.select("row", "perturbations")).collect()
    assert made.select("genotype", "genes", "order", "perturbations").equals(
        told.select("genotype", "genes", "order", "perturbations")
    )
    assert resolve(rows, Found()).equals(rows)


def test_two_alleles_of_one_gene_by_two_names_are_of_order_one():
    rows = records([("YAL058C-A", "deletion", None), ("YAL056C-A", "damp", "x")])
    told = resolve(rows, Found(renamed={"YAL058C-A": "YAL056C-A"}))
    assert told.select("genes", "order").row(0) == ("YAL056C-A", 1)


@pytest.mark.parametrize("dataset", DATASETS, ids=lambda dataset: dataset.name)
def test_every_dataset_depends_on_the_table_of_names_and_the_genome_does_not(dataset):
    assert {*SOURCES, *dataset.sources} == set(dataset.raw_files)
    assert all(one.raw_files == one.sources for one in REFERENCE)
