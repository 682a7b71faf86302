"""The pair-wise files of Costanzo 2016, on the published rows that circulate and on rows in exactly that layout."""

from pathlib import Path

import polars as pl
import pytest

from torchcell_assets.schema import Fitness, Interaction, validate
from torchcell_assets.steps.datasets import raw_file
from torchcell_assets.steps.datasets.publications import costanzo2016_pairs as pairs
from torchcell_assets.steps.datasets.raw_file import BadRawFile

FILES = ("NxN", "ExN_NxE", "ExE")


@pytest.fixture(scope="module")
def singles(sources) -> Path:
    return sources.path(pairs.COSTANZO_2016_SINGLES)


@pytest.fixture(scope="module")
def samples(singles, tmp_path_factory) -> list[Path]:
    """150 rows as published, under the names of the published files."""
    import os
    import shutil

    folder = tmp_path_factory.mktemp("costanzo2016")
    mirror = Path(os.environ["TORCHCELL_MIRROR"]) / "costanzo2016"
    return [Path(shutil.copy(mirror / f"SGA_{name}.sample.txt", folder / f"SGA_{name}.txt")) for name in FILES]


def read(cls, singles: Path, *files: Path) -> tuple[pl.DataFrame, int, dict]:
    parts = list(pairs.parse(cls, "made", singles, *files))
    kept, failure = cls.filter(pl.concat([part.records.collect() for part in parts]), cast=True)
    return kept, sum(part.blank for part in parts), failure.counts()


@pytest.fixture
def one_file(tmp_path):
    def write(*rows: tuple) -> Path:
        path = tmp_path / "SGA_ExE.txt"
        path.write_text("\n".join("\t".join(map(str, row)) for row in (pairs.COLUMNS, *rows)) + "\n")
        return path

    return write


def row(
    query="YOR106W_sn514", allele="vam3", array="YAL031C_dma25", plate="DMA30", query_smf="0.721", fitness="0.7399"
):
    return (query, allele, array, "gip4", plate, "0.0168", "0.325", query_smf, "1.0028", fitness, "0.0248")


def test_the_published_rows_are_records_with_both_perturbations(singles, samples):
    records, blank, broken = read(Fitness, singles, *samples)
    assert (records.height, blank, broken) == (150, 0, {})
    first = records.row(0, named=True)
    assert first["id"] == "made:1:SGA_NxN"
    assert first["screen"] == "made:YOR106W_sn514:DMA30"
    assert first["genotype"] == "YAL031C:deletion:delta:haploid + YOR106W:deletion:delta:haploid"
    assert (first["value"], first["uncertainty"], first["uncertainty_type"]) == (0.7399, 0.0248, "sample_sd")
    assert (first["samples"], first["sample_unit"], first["temperature"]) == (4, "colony", 30.0)
    assert [(p["gene"], p["marker"], p["role"]) for p in first["perturbations"]] == [
        ("YAL031C", "KanMX", "array"),
        ("YOR106W", "NatMX", "query"),
    ]
    assert records["id"].n_unique() == 150
    assert set(records["temperature"]) == {26.0, 30.0}


def test_epsilon_is_observed_minus_expected_also_where_the_query_fitness_is_blank(singles, samples):
    fitness, _, _ = read(Fitness, singles, *samples)
    interaction, _, broken = read(Interaction, singles, *samples)
    assert broken == {}
    assert interaction["expected"].null_count() == 0
    assert ((fitness["value"] - interaction["expected"] - interaction["value"]).abs() < 1e-9).all()
    raw = pl.concat(pl.read_csv(path, separator="\t", infer_schema=False) for path in samples)
    query, array = (raw[name].cast(pl.Float64, strict=False) for name in pairs.COLUMNS[7:9])
    assert query.null_count() == 17
    assert ((query.fill_null(1.0) * array - interaction["expected"]).abs() < 1.01e-4).all()
    assert (query.is_null() == (fitness["reference"].cast(pl.String) == "query strain")).all()


def test_the_standard_deviation_is_that_of_the_fitness_and_never_of_epsilon(singles, samples):
    fitness, _, _ = read(Fitness, singles, *samples)
    interaction, _, _ = read(Interaction, singles, *samples)
    assert fitness["uncertainty"].null_count() == 0
    assert set(fitness["uncertainty_type"].cast(pl.String)) == {"sample_sd"}
    assert interaction["uncertainty"].null_count() == interaction.height == 150
    assert set(interaction["uncertainty_type"].cast(pl.String)) == {"none"}


@pytest.mark.parametrize(
    ("cls", "at", "column"),
    [
        (Fitness, 9, "value"), (Fitness, 10, "uncertainty"), (Interaction, 5, "value"), (Interaction, 6, "p_value"),
        (Interaction, 9, pairs.COLUMNS[9]),
    ],
)  # fmt: skip
def test_a_cell_that_is_no_number_is_quarantined_with_its_text_whatever_its_column(singles, one_file, cls, at, column):
    bad = list(row("YAL031C_sn3000", "gip4", "YOR106W_dma4000"))
    bad[at] = "<1e-16"
    [part] = pairs.parse(cls, "made", singles, one_file(row(), bad))
    kept, failure = validate(cls, part.records.collect())
    assert kept["row"].to_list() == [1]
    assert failure.invalid()["problem"].to_list() == [f"{column} reads '<1e-16'"]


def test_a_suppressor_is_told_by_its_allele_and_a_ts_allele_by_the_strain_table(singles, samples):
    records, _, _ = read(Fitness, singles, *samples)
    by_strain = {
        p["gene"] + "/" + (p["name"] or ""): (p["kind"], p["allele"]) for row in records["perturbations"] for p in row
    }
    assert by_strain["YBR282W/mrpl27-supp1"] == ("suppressor", "mrpl27-supp1")
    kinds = {kind for kind, _ in by_strain.values()}
    assert kinds == {"deletion", "suppressor", "temperature_sensitive"}
    assert all(allele == "delta" for kind, allele in by_strain.values() if kind == "deletion")


def test_reciprocal_crosses_are_one_genotype_in_two_screens(singles, one_file):
    path = one_file(row("YOR106W_sn514", "vam3", "YAL031C_dma25"), row("YAL031C_sn3000", "gip4", "YOR106W_dma4000"))
    records, _, broken = read(Fitness, singles, path)
    assert broken == {}
    assert records["genotype"].n_unique() == 1
    assert records["screen"].n_unique() == 2


def test_a_strain_that_the_table_lacks_keeps_the_allele_of_the_pair_file(singles, one_file):
    path = one_file(row("YAL001C_tsq99999", "tfc3-new"), row("YAL001C_sn99998", "tfc3-supp9"))
    records, _, broken = read(Fitness, singles, path)
    assert broken == {}
    found = [next(p for p in entry if p["gene"] == "YAL001C") for entry in records["perturbations"]]
    assert [(p["kind"], p["allele"]) for p in found] == [
        ("temperature_sensitive", "tfc3-new"),
        ("suppressor", "tfc3-supp9"),
    ]


def test_a_strain_of_an_unknown_kind_is_quarantined_and_counted(singles, one_file):
    records, blank, broken = read(Fitness, singles, one_file(row("YAL001C_zzz1", "?"), row(), row(fitness="NaN")))
    assert (records.height, blank) == (1, 1)
    assert sum(broken.values()) >= 1


def test_two_mutations_of_one_gene_are_one_gene(singles, one_file):
    records, _, _ = read(Fitness, singles, one_file(row("YAL031C_sn99997", "gip4")))
    assert records.select("genes", "order").row(0) == ("YAL031C", 1)


def test_rows_are_numbered_through_the_file_whatever_the_batch(singles, samples, monkeypatch):
    whole, _, _ = read(Fitness, singles, *samples)
    monkeypatch.setattr(raw_file, "BLOCK", 700)
    parts, _, _ = read(Fitness, singles, *samples)
    assert len(list(pairs.parse(Fitness, "made", singles, *samples))) > 10
    assert parts.equals(whole)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[:-30], "ends in the middle of a line"),
        (lambda text: text.replace("Array SMF", "SMF"), "column 9 is headed"),
        (lambda text: "\n".join(line.rsplit("\t", 1)[0] for line in text.splitlines()) + "\n", "10 columns, not 11"),
        (lambda text: text.splitlines()[0] + "\n", "no data rows"),
        (lambda text: "", "1 columns, not 11"),
        (lambda text: text + "a\tb\n", "some of its lines have fewer than 11 columns"),
    ],
)
def test_a_damaged_file_is_refused_with_one_sentence(singles, samples, tmp_path, damage, said):
    path = tmp_path / "SGA_NxN.txt"
    path.write_text(damage(samples[0].read_text()))
    with pytest.raises(BadRawFile, match=said) as refusal:
        list(pairs.parse(Fitness, "made", singles, path))
    assert str(path) in str(refusal.value)
