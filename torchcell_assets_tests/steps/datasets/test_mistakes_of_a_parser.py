"""Every deliberate mistake of docs/add_a_dataset.md, made on its example: refused or quarantined with its sentence."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema import Fitness, Interaction, validate
from torchcell_assets.schema.genotype import perturbation
from torchcell_assets.schema.validation import PROBLEM
from torchcell_assets.sources import Source, Sources
from torchcell_assets.steps.datasets import raw_file
from torchcell_assets.steps.datasets.as_records import as_records
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.plausibility import ParserMistake
from torchcell_assets.steps.datasets.registered import NotRegistered, Registered
from torchcell_assets_tests.steps.datasets.test_documented_example import blocks

[TABLE] = blocks("csv")


@pytest.fixture
def page(tmp_path: Path, registry: Callable[[str], None]) -> dict:
    """The names that the page defines; its words are registered."""
    registry(blocks("toml")[0])
    source, module, _ = blocks("python")
    found: dict = {}
    exec(source, found)
    exec(module, found)
    return found


@pytest.fixture
def read(page: dict, tmp_path: Path) -> Callable[..., Parsed]:
    """Parse a table by the documented parser, with text replaced in the module or in the table."""

    def parsed(table: str = TABLE, *edits: tuple[str, str], **declared: object) -> Parsed:
        module = blocks("python")[1]
        for old, new in edits:
            assert module.count(old) == 1, old
            module = module.replace(old, new)
        exec(module, page)
        path = tmp_path / "doe2020" / "table.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(table)
        source = replace(
            page["DOE_2020"], sha256=(hashlib.sha256(table.encode()).hexdigest(),), bytes=declared.pop("bytes", None)
        )
        dataset: Dataset = replace(page["DATASET"], sources=(source,), **declared)
        return dataset.read(Sources(cache=tmp_path / "raw", mirror=tmp_path).path)

    return parsed


def quarantined(parsed: Parsed, cls=Fitness) -> tuple[pl.DataFrame, dict[str, int]]:
    _, failure = validate(cls, parsed.records.collect())
    return failure.invalid(), failure.counts()


def listed(sentence: str) -> bool:
    """Whether the page has the sentence among its code, up to its ellipses."""
    page = (Path(__file__).parents[3] / "docs" / "add_a_dataset.md").read_text()
    spans = [span for line in page.splitlines() if line.startswith("|") for span in re.findall(r"`([^`]+)`", line)]
    plain = sentence.replace("`", "")
    return any(all(part.strip(" .") in plain for part in span.split("...")) for span in spans if " " in span)


def test_a_misspelt_column_is_refused_with_the_right_one(read):
    with pytest.raises(ParserMistake) as refusal:
        read(TABLE, ('samples="n"', 'sampels="n"'))
    assert str(refusal.value) == (
        "The parser gives a column 'sampels', which is no column of Fitness: did you mean 'samples'?"
    )
    assert listed(str(refusal.value))


def test_raw_columns_left_in_the_frame_are_refused(read):
    with pytest.raises(ParserMistake, match="gives a column 'orf', which is no column of Fitness") as refusal:
        read(
            TABLE, ("cells = table.select(", "cells = table.with_columns("), ('        "row",\n        "strain",\n', "")
        )
    assert listed(str(refusal.value))


@pytest.mark.parametrize("made", ["id", "dataset"])
def test_a_column_that_is_made_cannot_be_given(made):
    with pytest.raises(ParserMistake, match=f"gives a column '{made}', which is made of the other columns"):
        as_records(pl.DataFrame({"row": [1], made: ["x"]}), Fitness, "fitness_doe2020")


def test_wrong_bytes_of_a_source_are_refused_wherever_the_file_is_looked_for(read):
    with pytest.raises(TorchcellError) as refusal:
        read(bytes=95)
    assert "doe2020/table.csv is said to have 95 bytes" in str(refusal.value)
    assert str(refusal.value).endswith("which has its sha256, has 94: correct `bytes`.")
    assert listed(str(refusal.value))
    assert read(bytes=94).blank == 1


def test_the_size_is_that_of_the_file_with_the_first_digest(tmp_path):
    digests = [hashlib.sha256(content).hexdigest() for content in (b"first", b"second one")]
    source = Source("a/b.txt", tuple(digests), 5, None, "none", "none", "10.0/x")
    (tmp_path / "a").mkdir()
    for content in (b"first", b"second one"):
        (tmp_path / "a" / "b.txt").write_bytes(content)
        assert Sources(cache=tmp_path).path(source).read_bytes() == content


def test_a_word_that_is_not_registered_is_refused_with_the_nearest_one(read):
    misspelt = (
        "        **REGISTERED.columns,\n",
        '        **REGISTERED.columns | {"assay": pl.lit("culture growht")},\n',
    )
    with pytest.raises(NotRegistered) as refusal:
        read(TABLE, misspelt)
    assert str(refusal.value) == (
        "There is no assay 'culture growht': did you mean culture growth; fitness_doe2020 names it, and a new one is a row of "
        "`assays` in registered.toml."
    )
    assert listed(str(refusal.value))
    with pytest.raises(NotRegistered) as declared:
        read(TABLE, ('assays=("culture growth",)', 'assays=("culture growht",)'))
    assert str(declared.value) == str(refusal.value)


def test_a_word_that_the_dataset_does_not_declare_is_refused(read):
    other = (
        "        **REGISTERED.columns,\n",
        '        **REGISTERED.columns | {"medium_class": pl.lit("YPD plate")},\n',
    )
    with pytest.raises(NotRegistered) as refusal:
        read(TABLE, other)
    assert str(refusal.value) == (
        "The records of fitness_doe2020 name the medium 'YPD, YPD plate', which its `registered` does not: add it to "
        "`media` there."
    )
    assert listed(str(refusal.value))


@pytest.mark.parametrize(
    ("values", "median"),
    [(("-0.494", "0.028"), "-0.233"), (("71", "102"), "86.5")],
    ids=["logarithms", "percent"],
)
def test_logarithms_and_percent_are_refused(read, values, median):
    table = TABLE.replace("0.71", values[0]).replace("1.02", values[1])
    with pytest.raises(ParserMistake) as refusal:
        read(table)
    assert str(refusal.value) == (
        f"The median of fitness_doe2020 is {median}: fitness is mutant / reference, near 1 for most strains: "
        "logarithms and percent have to be converted."
    )
    assert median != "-0.233" or listed(str(refusal.value))


def test_fitness_in_the_place_of_a_score_is_refused(read):
    double = (
        'pl.concat_list(perturbation(pl.col("orf"), "deletion", marker="KanMX"))',
        'pl.concat_list(perturbation(pl.col("orf"), "deletion"), perturbation(pl.lit("YAL002W"), "deletion"))',
    )
    as_score = ('        sample_unit=pl.lit("culture"),\n', '        score=pl.lit("epsilon"),\n')
    none = ('uncertainty="sd",', ""), ('        samples="n",\n', "")
    type_none = ('pl.when(is_blank("sd")).then(pl.lit("none")).otherwise(pl.lit("sample_sd"))', 'pl.lit("none")')
    record = ("as_records(held, Fitness, NAME)", "as_records(held, Interaction, NAME)")
    edits = (double, as_score, *none, type_none, record, ("import Fitness", "import Fitness, Interaction"))
    with pytest.raises(ParserMistake) as refusal:
        read(TABLE, *edits, record=Interaction, name="interaction_doe2020")
    assert "The median of interaction_doe2020 is 0.865: a score is observed - expected" in str(refusal.value)
    assert listed(str(refusal.value))
    scores = read(TABLE.replace("0.71", "-0.05").replace("1.02", "0.01"), *edits, record=Interaction)
    assert quarantined(scores, Interaction)[0].is_empty()


def test_genes_that_are_none_of_s288c_are_refused_beyond_the_declared_number(read):
    table = TABLE.replace("YPL153C", "YPL999W")
    with pytest.raises(ParserMistake) as refusal:
        read(table)
    assert str(refusal.value) == (
        "1 perturbed genes of fitness_doe2020 are no ORFs of S288C (YPL999W), and it declares 0: "
        "correct the column that they are read from, or `genes_outside`."
    )
    assert listed(str(refusal.value).replace("YPL999W", "YZZ999W"))
    assert read(table, genes_outside=1).names.outside == {"YPL999W"}


@pytest.mark.parametrize("cell", ["0,04", "<0.1", "n.s.", "#DIV/0!", "true", "2024-10-01 00:00:00", "=A1/B1", "inf"])
@pytest.mark.parametrize(("column", "printed"), [("value", "0.71"), ("uncertainty", "0.04"), ("samples", "8")])
def test_a_cell_that_is_no_number_is_quarantined_with_its_text_and_column(read, cell, column, printed):
    if "," in cell:  # the table is separated by commas
        edits = [('"n"], separator=",")', '"n"], separator=";")')]
        table = TABLE.replace(",", ";").replace(f";{printed}", f";{cell}", 1)
    else:
        edits, table = [], TABLE.replace(f",{printed}", f",{cell}", 1)
    rows, rules = quarantined(read(table, *edits))
    assert rows["row"].to_list() == [1]
    assert rows[PROBLEM].to_list() == [f"{column} reads '{cell}'"]
    assert rules["row_is_read"] == 1
    assert listed("uncertainty reads '0,04'")


def test_a_fraction_of_a_sample_is_quarantined_and_not_cut(read):
    assert quarantined(read(TABLE.replace(",8\n", ",8.5\n", 1)))[0][PROBLEM].to_list() == ["samples reads '8.5'"]
    assert read(TABLE.replace(",8\n", ",8.0\n", 1)).records.collect()["samples"].to_list() == [8, 8]


def test_a_replicate_that_is_no_number_is_quarantined_with_its_text(read):
    with_replicates = (
        "        sample_unit=",
        '        replicates=pl.concat_list("fitness", "sd"),\n        sample_unit=',
    )
    rows, rules = quarantined(read(TABLE.replace("0.04", "ND", 1), with_replicates))
    assert rows[PROBLEM].to_list() == ["uncertainty reads 'ND'; replicates reads 'ND'"]
    assert rules["row_is_read"] == 1


def test_a_class_alone_refuses_such_a_cell_too(read):
    """Whoever validates without `validate` loses the text, and never the fault."""
    for column, printed in (("value", "0.71"), ("uncertainty", "0.04"), ("samples", "8")):
        records = read(TABLE.replace(f",{printed}", ",n.s.", 1)).records.collect()
        kept, failure = Fitness.filter(records, cast=True)
        assert (kept["row"].to_list(), len(failure)) == ([3], 1), column


def test_a_strain_that_stands_twice_with_two_values_is_quarantined_and_one_that_repeats_itself_is_not(read):
    contradicted = TABLE + "doe1,YAL001C,0.72,0.04,8\n"
    rows, rules = quarantined(read(contradicted))
    assert rows["row"].to_list() == [1, 4]
    assert set(rows[PROBLEM]) == {"its strain stands in this column with another number too"}
    assert rules == {"row_is_read": 2}
    assert listed("its strain stands in this column with another number too")
    assert quarantined(read(TABLE + "doe1,YAL001C,0.71,0.04,8\n"))[0].is_empty()


def test_a_standard_deviation_without_samples_is_quarantined(read):
    rows, rules = quarantined(read(TABLE.replace("0.71,0.04,8", "0.71,0.04,")))
    assert (rows["row"].to_list(), rules) == ([1], {"sample_sd_has_samples": 1})
    assert quarantined(read(TABLE.replace("0.71,0.04,8", "0.71,,")))[0].is_empty()


def test_a_forgotten_zygosity_is_quarantined(read):
    diploid = ('references=("wild type",)', 'references=("diploid wild type",)')
    rows, rules = quarantined(read(TABLE, diploid))
    assert (rows.height, rules) == (2, {"zygosity_fits_reference": 2})
    said = ('"deletion", marker', '"deletion", zygosity="homozygous", marker')
    assert quarantined(read(TABLE, diploid, said))[0].is_empty()
    assert quarantined(read(TABLE, said))[1] == {"zygosity_fits_reference": 2}


def test_an_uncertainty_without_its_type_is_quarantined(read):
    forgotten = ('pl.when(is_blank("sd")).then(pl.lit("none")).otherwise(pl.lit("sample_sd"))', 'pl.lit("none")')
    assert quarantined(read(TABLE, forgotten))[1] == {"uncertainty_has_a_type": 2}


ALLELES = ('"deletion", marker', '"temperature_sensitive", allele=pl.col("strain"), marker')


@pytest.mark.parametrize("mangled", ["Oct-1", "1-Oct", "45931", "2024-10-01 00:00:00", "Mar-01", "10/1/2024"])
def test_an_allele_that_is_a_date_is_quarantined(read, mangled):
    rows, _ = quarantined(read(TABLE.replace("doe1", mangled), ALLELES))
    assert rows["row"].to_list() == [1]
    assert rows["strain"].to_list() == [mangled]


def test_alleles_are_one_whatever_their_case(read):
    table = TABLE.replace("doe1", "PTA1_damp") + "pta1_damp,YAL001C,0.73,0.04,8\n"
    records, _ = validate(Fitness, read(table, ALLELES).records.collect())
    first, second = records.filter(pl.col("genes") == "YAL001C")["genotype"]
    assert first == second == "YAL001C:temperature_sensitive:pta1_damp:haploid"
    made = as_records(
        pl.DataFrame({"row": [1], "orf": ["YAL001C"]}).select(
            "row",
            perturbations=pl.concat_list(
                perturbation(pl.col("orf"), "damp", allele=pl.lit("x")).struct.with_fields(allele=pl.lit("PTA1_damp"))
            ),
            column=pl.lit("fitness"),
        ),
        Fitness,
        "fitness_doe2020",
    )
    assert any("allele" in rule and "regex" in rule for rule in validate(Fitness, made.collect())[1].counts())


def test_a_stream_is_held_against_the_same_at_its_end(page, tmp_path):
    def batches(path: Path):
        for row, orf in enumerate(["YAL001C", "YPL998W", "YPL999W"], start=1):
            table = pl.DataFrame({"row": [row], "strain": [f"s{row}"], "orf": [orf]})
            cells = table.select(
                "row", "strain",
                perturbations=pl.concat_list(perturbation(pl.col("orf"), "deletion")),
                column=pl.lit("fitness"), value=pl.lit(-0.2), screen=pl.lit("s"), **assay.columns,
            )  # fmt: skip
            yield Parsed(as_records(cells, Fitness, "fitness_doe2020"))

    assay = Registered(assays=("colony size",))
    dataset = replace(page["DATASET"], sources=(), parse=lambda: batches(tmp_path), genes_outside=1, registered=assay)
    parts = dataset.read(Sources(cache=tmp_path).path)
    assert [next(parts).names.outside for _ in range(3)] == [set(), {"YPL998W"}, {"YPL999W"}]
    with pytest.raises(ParserMistake, match="2 perturbed genes of fitness_doe2020 are no ORFs of S288C"):
        next(parts)
    known = replace(dataset, genes_outside=2).read(Sources(cache=tmp_path).path)
    with pytest.raises(ParserMistake, match=r"The median of fitness_doe2020 is -0\.2:"):
        list(known)


def test_every_row_of_the_list_has_a_test_here():
    page = (Path(__file__).parents[3] / "docs" / "add_a_dataset.md").read_text()
    [table] = re.findall(r"\| mistake \|.*?\n\n|\| mistake \|.*\Z", page, flags=re.DOTALL)
    rules = set(re.findall(r"rule `(\w+)`", table))
    here = Path(__file__).read_text()
    assert {rule for rule in rules if f'"{rule}"' not in here} == set()
    assert rules <= {*Fitness._validation_rules(with_cast=False), "row_is_read"}


def test_a_number_has_no_other_spelling():
    cells = pl.DataFrame({"cell": ["1e-16", " 1.5 ", "1_000", "1,5", "0x10", "", None, "NaN", "ND", "5%"]})
    told = cells.select(raw_file.number("cell")).to_series()
    assert told.to_list()[:2] == [1e-16, 1.5]
    assert told.is_nan().to_list()[2:5] == [True, True, True]
    assert told.to_list()[5:8] == [None, None, None]
    assert told.is_nan().to_list()[8:] == [True, True]
