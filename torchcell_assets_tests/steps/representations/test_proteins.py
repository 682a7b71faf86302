import numpy as np
import polars as pl
import pytest

from torchcell_assets.steps.representations import amino_acid_composition, proteins
from torchcell_assets.steps.representations.recipes import RECIPES


def genes(*sequences: str | None) -> pl.DataFrame:
    names = [f"YAL{row:03d}W" for row in range(len(sequences))]
    return pl.DataFrame({"gene": names, "protein": sequences}, schema={"gene": pl.String, "protein": pl.String})


def test_a_protein_is_upper_case_and_has_no_stop():
    found = proteins.proteins(genes("MKV*", "mkv", " MKV ", "MUOBZJX"))
    assert found.columns == ["gene", "protein"]
    assert found["protein"].to_list() == ["MKV", "MKV", "MKV", "MUOBZJX"]


@pytest.mark.parametrize("sequence", [None, "", "*", "MK*V", "MK**", "MK-V", "MK1", "MÄ"])
def test_what_is_no_protein_is_none(sequence):
    found = proteins.proteins(genes("MK", sequence))
    assert found["protein"].to_list() == ["MK", None] and found["gene"].to_list() == ["YAL000W", "YAL001W"]


def composition(*sequences: str | None) -> np.ndarray:
    return amino_acid_composition.embed(genes(*sequences), RECIPES["amino_acid_composition"], {})


def test_composition_is_the_share_of_each_amino_acid_and_the_length():
    row = dict(zip([*proteins.AMINO_ACIDS, "length"], composition("MKVK" * 25)[0].tolist(), strict=True))
    assert {name: value for name, value in row.items() if value} == pytest.approx(
        {"M": 0.25, "K": 0.5, "V": 0.25, "length": 0.2}
    )


def test_other_letters_count_for_the_length_alone():
    row = composition("MKXXUUBBZZ")[0]
    assert row[:20].sum() == pytest.approx(1.0) and row[proteins.AMINO_ACIDS.index("M")] == 0.5
    assert row[20] == pytest.approx(0.1)


def test_a_gene_without_a_usable_protein_has_no_composition():
    found = composition(None, "XX", "MK", "M*K")
    assert np.isnan(found).any(axis=1).tolist() == [True, True, False, True]


def test_residues_of_neighbours_are_not_counted_together():
    found = composition("AAAA", None, "CC", "D")
    assert (
        found[0, :3].tolist() == [1, 0, 0] and found[2, :3].tolist() == [0, 1, 0] and found[3, :3].tolist() == [0, 0, 1]
    )
