"""Weight and isoelectric point, and the representation that holds them, against numbers of another program."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from torchcell_assets.steps.representations import chromosome_pathway_normalized as normalized
from torchcell_assets.steps.representations import protein_parameters as parameters
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.representations.amino_acid_composition import counted
from torchcell_assets.steps.representations.chromosome_pathway import CHROMOSOMES
from torchcell_assets.steps.representations.recipes import BIOCHEMICAL_PATHWAYS, RECIPES
from torchcell_assets_tests.steps.representations import unirep_reference

# Biopython 1.88, Bio.SeqUtils.ProtParam: molecular_weight(), isoelectric_point(). It looks for the latter from 4.05 to 12 alone.
BIOPYTHON = {
    "YJR151W-A": (1976.3858, 9.9843),  # 16
    "YDL133C-A": (3337.1099, 12.0000),  # 25
    "YAL069W": (11336.0331, 6.5179),  # 104
    "Q0130": (7759.3445, 7.9341),  # 76
    "YLR044C": (61494.6346, 5.7959),  # 563
    "YLR134W": (61911.3139, 5.9936),  # 563
    "YFL039C": (41689.1698, 5.4432),  # 375
    "YBR160W": (34061.0736, 8.5033),  # 298
    "YOR128C": (62338.5790, 6.9264),  # 571
    "YML032C": (52402.9748, 8.2196),  # 471
    "YGR192C": (35746.2337, 6.4576),  # 332
    "YDR007W": (24144.2019, 5.2601),  # 224
    "YPL153C": (91961.2533, 7.8790),  # 821
    "YER125W": (91815.0747, 6.2440),  # 809
    "YAL001C": (132106.5069, 9.3794),  # 1160
    "YDL229W": (66600.7730, 5.3187),  # 613
    "YKL182W": (228688.4280, 5.6359),  # 2051
    "Q0045": (58797.3710, 6.5838),  # 534
    "YNL088W": (164212.6951, 6.6209),  # 1428
    "YJL130C": (245037.7879, 5.5681),  # 2214
}


@pytest.fixture(scope="module")
def yeast() -> dict[str, str]:
    return dict(zip(unirep_reference.GENES, unirep_reference.sequences(), strict=True))


def points(sequences: list[str]) -> np.ndarray:
    first, last = ("".join(sequence[at] for sequence in sequences) for at in (0, -1))
    return parameters.isoelectric_points(counted(sequences)[:, :20], first, last)


def test_weights_and_isoelectric_points_of_yeast_proteins_are_those_of_biopython(yeast):
    assert yeast.keys() == BIOPYTHON.keys()
    sequences = list(yeast.values())
    weights, expected = zip(*BIOPYTHON.values(), strict=True)
    np.testing.assert_allclose(parameters.molecular_weights(counted(sequences)[:, :20]), weights, rtol=0, atol=1e-3)
    np.testing.assert_allclose(np.clip(points(sequences), 4.05, 12), expected, rtol=0, atol=1e-3)


def test_a_very_basic_protein_has_its_own_isoelectric_point(yeast):
    [point] = points([yeast["YDL133C-A"]])  # 17 of its 25 residues are K or R
    assert 12.5 < point < 13.5


@pytest.mark.parametrize(("sequence", "expected"), [("G", (7.5 + 3.55) / 2), ("M", (7.0 + 3.55) / 2), ("KD", None)])
def test_the_ends_of_a_chain_are_charged(sequence, expected):
    [point] = points([sequence])
    if expected is None:  # K, D, and ends with their own constants: the charge at the point found is zero
        charge = sum(1 / (1 + 10 ** (point - pk)) for pk in (10.0, 7.5))
        charge -= sum(1 / (1 + 10 ** (pk - point)) for pk in (4.05, 4.55))
        assert charge == pytest.approx(0, abs=1e-8)
    else:
        assert point == pytest.approx(expected, abs=1e-8)


def test_one_residue_weighs_what_the_free_amino_acid_does():
    assert parameters.molecular_weights(counted(["G", "GG"])[:, :20]).tolist() == pytest.approx([75.0666, 132.1179])


# ---- the representation -------------------------------------------------------------------------------------------------
GENES = pl.DataFrame(
    {
        "gene": ["YAL001C", "YLR044C", "Q0045", "YAL002W"],
        "name": [None, "PDC1", "COX1", None],
        "aliases": [[], [], [], []],
        "chromosome": ["I", "XII", "mito", "I"],
        "protein": ["MKK", "MDDDDDD", "MG", None],
        "start": [100, 900, 500, 300],
        "end": [200, 1000, 800, 400],
    },
    schema_overrides={"aliases": pl.List(pl.String)},
)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    path = tmp_path / "biochemical_pathways.tab"
    path.write_text("zymase\t\t\tPDC1\t\nglucose fermentation\t\t\tPDC1\t\n")
    return {BIOCHEMICAL_PATHWAYS.name: path}


def test_the_columns_stand_in_one_order_and_numbers_run_from_0_to_1(files):
    embedding = table.build(RECIPES["chromosome_pathway_normalized"], GENES, files)
    assert embedding.genes == ["YAL001C", "YLR044C", "Q0045"]
    assert embedding.manifest["genes_missing"] == ["YAL002W"]
    assert embedding.manifest["notes"]["columns"] == [
        *("length", "molecular_weight", "isoelectric_point", "start", "end"),
        *CHROMOSOMES,
        *("glucose fermentation", "zymase"),
    ]
    rows = embedding.vectors.toarray()
    assert rows.shape == (3, 5 + 17 + 2)
    np.testing.assert_allclose(rows[:, 0], [1 / 5, 1, 0])
    np.testing.assert_allclose(rows[:, 3], [0, 1, 0.5])
    np.testing.assert_allclose(rows[:, 4], [0, 1, 0.75])
    assert rows[:, 1].argmin() == 2 and rows[:, 1].argmax() == 1  # Da
    assert rows[:, 2].argmin() == 1 and rows[:, 2].argmax() == 0  # pH: aspartate is acid, lysine basic
    assert (rows[:, :5].min(axis=0) == 0).all() and (rows[:, :5].max(axis=0) == 1).all()
    assert rows[1, 5:].nonzero()[0].tolist() == [CHROMOSOMES.index("XII"), 17, 18]


def test_a_number_that_all_genes_share_is_zero(files):
    same = GENES.with_columns(start=pl.lit(7))
    rows = table.build(RECIPES["chromosome_pathway_normalized"], same, files).vectors.toarray()
    assert (rows[:, 3] == 0).all() and np.isfinite(rows).all()


def test_the_names_of_the_numbers_are_those_of_the_recipe():
    assert list(normalized.NUMBERS) == RECIPES["chromosome_pathway_normalized"].parameters["numbers"]
