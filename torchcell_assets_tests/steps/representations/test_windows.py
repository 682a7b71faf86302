"""Windows against sequences that were cut by hand, from the lines of the published GFF and FASTA."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchcell_assets.sources import Sources
from torchcell_assets.steps.datasets import CHROMOSOME_SEQUENCES
from torchcell_assets.steps.datasets.genome import GENOME_ANNOTATION, GENOME_SEQUENCE
from torchcell_assets.steps.representations import windows

TURNED = {"A": "T", "C": "G", "G": "C", "T": "A"}


def turned(bases: str) -> str:
    return "".join(TURNED[base] for base in reversed(bases))


@pytest.fixture(scope="module")
def chromosomes(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    sources = Sources(cache=tmp_path_factory.mktemp("raw"), offline=True)
    return CHROMOSOME_SEQUENCES.read(sources.path).records.collect()


@pytest.fixture(scope="module")
def fasta(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """NC number -> bases, read line by line."""
    path = Sources(cache=tmp_path_factory.mktemp("raw"), offline=True).path(GENOME_SEQUENCE)
    found: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if line.startswith(">"):
            name = line.split("|")[1]
            found[name] = ""
        else:
            found[name] += line
    return found


# gene -> chromosome here and in the FASTA, and start, end and strand as its line of the GFF says
FIVE = {
    "YBR160W": ("II", "NC_001134", 560078, 560974, "+"),  # CDC28
    "YFL039C": ("VI", "NC_001138", 53260, 54696, "-"),  # ACT1, with an intron
    "YAL069W": ("I", "NC_001133", 335, 649, "+"),  # 334 bases from the end of its chromosome
    "YPR204W": ("XVI", "NC_001148", 944603, 947701, "+"),  # 365 bases from the other end of its chromosome
    "Q0045": ("mito", "NC_001224", 13818, 26701, "+"),  # COX1, with introns; longer than the window about it
}


@pytest.fixture
def genes() -> pl.DataFrame:
    rows = [(gene, name, start, end, strand) for gene, (name, _, start, end, strand) in FIVE.items()]
    columns = {"gene": pl.String, "chromosome": pl.String, "start": pl.UInt32, "end": pl.UInt32, "strand": pl.String}
    return pl.DataFrame(rows, schema=columns, orient="row")


def test_the_five_stand_in_the_gff_as_they_are_written_here(tmp_path):
    lines = Sources(cache=tmp_path, offline=True).path(GENOME_ANNOTATION).read_text().splitlines()
    for gene, (name, _, start, end, strand) in FIVE.items():
        [line] = [line.split("\t") for line in lines if f"ID=gene:{gene};" in line]
        assert (line[0].replace("Mito", "mito"), int(line[3]), int(line[4]), line[6]) == (name, start, end, strand)


def test_five_genes_have_the_windows_that_a_hand_cuts(genes, chromosomes, fasta):
    of = {
        kind: dict(zip(FIVE, made(genes, chromosomes), strict=True))
        for kind, made in {
            "5'": windows.five_prime,
            "3'": windows.three_prime,
            "gene": windows.about_gene,
        }.items()
    }
    two, six, one = fasta["NC_001134"], fasta["NC_001138"], fasta["NC_001133"]
    sixteen, mito = fasta["NC_001148"], fasta["NC_001224"]

    assert of["5'"]["YBR160W"] == two[559077:560080] and of["5'"]["YBR160W"].endswith("ATG")
    assert of["3'"]["YBR160W"] == two[560971:561271] and of["3'"]["YBR160W"][:3] in {"TAA", "TAG", "TGA"}
    # 5,979 - 897 = 5,082 bases beside it, 2,541 on each side
    assert of["gene"]["YBR160W"] == two[557536:563515]

    assert of["5'"]["YFL039C"] == turned(six[54693:55696]) and of["5'"]["YFL039C"].endswith("ATG")
    assert of["3'"]["YFL039C"] == turned(six[52962:53262]) and of["3'"]["YFL039C"].startswith("TAA")
    # 5,979 - 1,437 = 4,542 bases beside it, 2,271 on each side
    assert of["gene"]["YFL039C"] == turned(six[50988:56967])

    assert of["5'"]["YAL069W"] == one[0:337] and of["5'"]["YAL069W"].endswith("ATG")
    assert of["3'"]["YAL069W"] == one[646:946]
    assert of["gene"]["YAL069W"] == one[0:983]  # 334 bases on each side

    assert of["5'"]["YPR204W"] == sixteen[943602:944605]
    assert of["3'"]["YPR204W"] == sixteen[947698:947998]
    assert len(sixteen) - 947701 == 365
    assert of["gene"]["YPR204W"] == sixteen[944602 - 365 : 947701 + 365]

    assert of["5'"]["Q0045"] == mito[12817:13820] and of["5'"]["Q0045"].endswith("ATG")
    assert of["3'"]["Q0045"] == mito[26698:26998]
    # 12,884 - 5,979 = 6,905 bases too long, 3,452 of them before the window
    assert of["gene"]["Q0045"] == mito[17269:23248]


CIRCLE = pl.DataFrame({"chromosome": ["mito"], "sequence": ["AACCGGTTAC"], "circular": [True]})
LINE = CIRCLE.with_columns(circular=False)


def at(start: int, end: int, strand: str, chromosome: str = "mito") -> pl.DataFrame:
    return pl.DataFrame({"chromosome": [chromosome], "start": [start], "end": [end], "strand": [strand]})


def test_windows_go_on_beyond_the_origin_of_a_circle():
    of = at(1, 4, "+")
    assert windows.five_prime(of, CIRCLE, 7).to_list() == ["TTACAAC"]
    assert windows.three_prime(at(4, 9, "+"), CIRCLE, 7).to_list() == ["TTACAAC"]
    assert windows.about_gene(of, CIRCLE, 8).to_list() == ["ACAACCGG"]


def test_and_so_they_do_on_the_other_strand():
    of = at(1, 4, "-")
    assert windows.five_prime(at(6, 9, "-"), CIRCLE, 7).to_list() == [turned("TTACAAC")]
    assert windows.three_prime(of, CIRCLE, 7).to_list() == [turned("TTACAAC")]
    assert windows.about_gene(of, CIRCLE, 8).to_list() == [turned("ACAACCGG")]


def test_the_same_windows_end_with_a_line():
    assert windows.five_prime(at(1, 4, "+"), LINE, 7).to_list() == ["AAC"]
    assert windows.three_prime(at(4, 9, "+"), LINE, 7).to_list() == ["TTAC"]
    assert windows.about_gene(at(2, 4, "+"), LINE, 8).to_list() == ["AACCG"]
    assert windows.about_gene(at(2, 4, "-"), LINE, 8).to_list() == ["CGGTT"]


def test_the_base_left_over_is_taken_on_the_five_prime_side():
    assert windows.about_gene(at(4, 6, "+"), LINE, 6).to_list() == ["ACCGGT"]
    assert windows.about_gene(at(4, 6, "-"), LINE, 6).to_list() == [turned("CCGGTT")]


def test_a_gene_on_an_unknown_chromosome_has_no_window():
    assert windows.five_prime(at(4, 6, "+", "2-micron"), LINE).to_list() == [None]


@given(st.integers(0, 30), st.integers(1, 40), st.sampled_from("+-"), st.text("ACGT", min_size=75, max_size=120))
def test_both_strands_of_one_gene_have_turned_windows(start, length, strand, bases):
    length -= length % 3 - 3
    line = pl.DataFrame({"chromosome": ["I"], "sequence": [bases], "circular": [False]})
    other = line.with_columns(sequence=pl.lit(turned(bases)))
    end = start + length
    here = at(start + 1, end, strand, "I")
    there = at(len(bases) - end + 1, len(bases) - start, "-" if strand == "+" else "+", "I")
    for made in (windows.five_prime, windows.three_prime, windows.about_gene):
        assert made(here, line, 50).equals(made(there, other, 50))
