"""The three files by which representations are judged: what is read of them, by hand and of the published ones."""

import gzip
import os
import struct
from pathlib import Path

import polars as pl
import pytest

from torchcell_assets.sources import Sources
from torchcell_assets.steps.representations import known_partners, r_data
from torchcell_assets.steps.representations.known_partners import AnnotationError
from torchcell_assets.steps.representations.r_data import RDataError
from torchcell_assets.steps.representations.raw_files import COMPLEXES, GO_SLIM, OHNOLOGS

COMPLEXES_TEXT = (
    "ORF\tName\tComplex\tPubMed_id\tMethod\tGO_id\tGO_term\tJaccard_Index\n"
    'YAL001C\tTFC3\tTFIIIC\t1\t"Affinity Capture-Western,Affinity Capture-MS"\tGO:1\tTFIIIC\t1\n'
    "YBR123C\tTFC1\tTFIIIC\nYDR362C\tTFC6\tTFIIIC\nYAL001C\tTFC3\tother\nYBR123C\tTFC1\tother\nYKL000C\tX\talone\n"
)
SLIM_TEXT = (
    "YAL001C\tTFC3\tS1\tC\tcytoplasm\tGO:1\tORF|Verified\nYAL001C\tTFC3\tS1\tC\tnucleus\tGO:2\tORF|Verified\n"
    "YAL001C\tTFC3\tS1\tP\tribosome\tGO:3\tORF|Verified\nYAL002W\tVPS8\tS2\tC\tother\tGO:4\tORF|Verified\n"
)


def letters(text: str | None) -> bytes:
    return struct.pack(">ii", 9, -1) if text is None else struct.pack(">ii", 9, len(text)) + text.encode()


def texts(values: list[str | None]) -> bytes:
    return struct.pack(">ii", 16, len(values)) + b"".join(map(letters, values))


def saved(columns: dict[str, bytes], version: int = 2) -> bytes:
    """What `saveRDS` writes of a data frame."""
    names = struct.pack(">i", 0x402) + struct.pack(">i", 1) + letters("names") + texts(list(columns))
    encoding = struct.pack(">i", 5) + b"UTF-8" if version == 3 else b""
    table = struct.pack(">ii", 0x313, len(columns)) + b"".join(columns.values()) + names + struct.pack(">i", 254)
    return b"X\n" + struct.pack(">iii", version, 0, 0) + encoding + table


PAIRS = {"ORF.id": texts(["YAL007C", "YOR016C", None]), "dup.orf": texts(["YOR016C", "YAL007C", "YAL001C"])}


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    for source, data in (
        (COMPLEXES, COMPLEXES_TEXT.encode()),
        (OHNOLOGS, gzip.compress(saved(PAIRS))),
        (GO_SLIM, SLIM_TEXT.encode()),
    ):
        path = tmp_path / source.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return tmp_path


def test_members_of_a_complex_are_partners_in_both_directions_once(annotations):
    found = known_partners.complex_partners(annotations / COMPLEXES.name)
    both = {("YAL001C", "YBR123C"), ("YAL001C", "YDR362C"), ("YBR123C", "YDR362C")}
    assert sorted(found.rows()) == sorted([*both, *((other, one) for one, other in both)])


@pytest.mark.parametrize("version", [2, 3])
def test_ohnologs_are_read_of_a_table_that_r_saved(tmp_path, version):
    path = tmp_path / "pairs.rds"
    path.write_bytes(gzip.compress(saved(PAIRS, version)))
    assert known_partners.ohnologs(path).rows() == [("YAL007C", "YOR016C"), ("YOR016C", "YAL007C")]


def test_a_gene_of_several_compartments_is_of_the_narrower_one(annotations):
    assert known_partners.compartments(annotations / GO_SLIM.name).rows() == [("YAL001C", "nucleus")]


CLOSURE = struct.pack(">ii", 3, 0)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (saved(PAIRS)[:-9], "it ends too early"),
        (saved(PAIRS) + b"more", "a list in format 2 or 3 was expected"),
        (saved({**PAIRS, "dup.orf": CLOSURE}), "R's type 3, which is no vector"),
        (saved({"ORF.id": PAIRS["ORF.id"]}), "dup.orf"),
        (saved({**PAIRS, "dup.orf": struct.pack(">iii", 13, 1, 7)}), "holds no text"),
        (b"RDX3\nX\n", "does not begin"),
        (struct.pack(">i", 16), "does not begin"),
    ],
)
def test_what_is_no_such_table_is_refused_with_one_sentence(tmp_path, data, why):
    path = tmp_path / "pairs.rds"
    path.write_bytes(gzip.compress(data))
    with pytest.raises(RDataError, match=why) as refused:
        r_data.text_columns(path, ["ORF.id", "dup.orf"])
    assert str(path) in str(refused.value) and str(refused.value).endswith("fetch the file again.")
    path.write_bytes(b"no gzip")
    with pytest.raises(RDataError, match="fetch the file again"):
        r_data.text_columns(path, ["ORF.id"])


@pytest.mark.parametrize("text", ["", "gene\tcomplex\nYAL001C\tone\n", "YAL001C\n"])
def test_a_file_that_holds_something_else_is_refused(tmp_path, text):
    path = tmp_path / "other.tab"
    path.write_text(text)
    for read in (known_partners.complex_partners, known_partners.compartments):
        with pytest.raises(AnnotationError, match=r"fetch the file again\.$"):
            read(path)


def test_what_cannot_be_had_is_said_and_the_rest_is_there(annotations):
    nowhere = Sources(
        cache=annotations / "cache", mirror=annotations, offline=True
    )  # its files are others than the pinned ones
    found = known_partners.known(nowhere)
    assert (found.partners, found.compartments) == ({}, None)
    assert [source.name in why for source, why in zip((COMPLEXES, OHNOLOGS, GO_SLIM), found.lacking, strict=True)] == [
        True
    ] * 3


def test_the_published_files_have_the_sizes_that_their_publications_state(raw_files, tmp_path):
    mirror = os.environ.get("TORCHCELL_MIRROR")
    found = known_partners.known(Sources(cache=tmp_path, mirror=Path(mirror) if mirror else None))
    assert found.lacking == []
    members, ohnologs = found.partners["complex partner"], found.partners["ohnolog"]
    assert members["gene"].n_unique() == 1627 and members.height == 2 * 11_255
    assert ohnologs.height == ohnologs["gene"].n_unique() == 2 * 547
    for table in found.partners.values():
        assert table.equals(table.select(gene="partner", partner="gene").sort("gene", "partner"))
    counts = dict(found.compartments["compartment"].value_counts().rows())
    assert counts.keys() == known_partners.COMPARTMENTS.keys() and min(counts.values()) > 300
    of = dict(found.compartments.rows())
    assert [of[gene] for gene in ("YDR225W", "YOR063W", "Q0045")] == ["nucleus", "ribosome", "mitochondrion"]
    assert ohnologs.filter(pl.col("gene") == "YPL256C")["partner"].to_list() == ["YMR199W"]
