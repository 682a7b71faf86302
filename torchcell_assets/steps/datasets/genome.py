"""The protein-coding genes of the reference strain S288C: 6,600 rows, each with its coding sequence and its protein.

Belongs here: how sequence (SGD R64-2-1), annotation (Ensembl GFF3 of R64-1-1, same coordinates) and SGD's table of
features become `Gene` rows. Does not: finding a gene by one of its names (gene_names.py), any phenotype.
"""

from pathlib import Path

import numpy as np
import polars as pl

from torchcell_assets.schema.records import Gene
from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.raw_file import BadRawFile, read_text
from torchcell_assets.steps.datasets.sgd_features import SGD_FEATURES, read_orfs

GENOME_SEQUENCE = Source(
    name="transposonmapper/S288C_reference_sequence_R64-2-1_20150113.fsa",
    sha256=("dbf065ffc3f5bbaa7554ef53c6861399eecc597fe058df5f81ba557944e3f86b",),
    bytes=12_361_395,
    url=None,
    licence="Apache-2.0",
    citation="Engel et al. 2014, G3 4:389",
    doi="10.1534/g3.113.008995",
    package="transposonmapper",
    member="transposonmapper/data_files/S288C_reference_sequence_R64-2-1_20150113.fsa",
)

GENOME_ANNOTATION = Source(
    name="transposonmapper/Saccharomyces_cerevisiae.R64-1-1.99.gff3",
    sha256=("6cd2175c2015d3a81c8993a3bd66385b89a4d2fe81975416b3b2fc130361cf33",),
    bytes=5_702_882,
    url=None,
    licence="Apache-2.0",
    citation="Ensembl Fungi, annotation of R64-1-1",
    doi="10.1534/g3.113.008995",
    package="transposonmapper",
    member="transposonmapper/data_files/Saccharomyces_cerevisiae.R64-1-1.99.gff3",
)

MITOCHONDRION = "mito"

BASES = "TCAG"
STANDARD_CODE = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
"""Amino acid of each codon in the order of BASES; NCBI translation table 1."""
YEAST_MITOCHONDRIAL_CODE = "FFLLSSSSYY**CCWWTTTTPPPPHHQQRRRRIIMMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
"""NCBI translation table 3: CTN is threonine, ATA methionine, TGA tryptophan."""

_GFF_COLUMNS = ["chromosome", "source", "type", "start", "end", "score", "strand", "phase", "attributes"]
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


def parse(sequence: Path, annotation: Path, features: Path) -> Parsed:
    """One row per gene of the annotation, with SGD's names, qualifier and description."""
    chromosomes = read_chromosomes(sequence)
    lines = _annotation(annotation, chromosomes)
    genes = lines.filter(pl.col("type") == "gene").select(
        "chromosome",
        pl.col("start").cast(pl.UInt32),
        pl.col("end").cast(pl.UInt32),
        "strand",
        gene=pl.col("attributes").str.extract(r"(?:^|;)ID=gene:([^;]+)"),
    )
    orf = _orf_features(features)
    table = (
        genes.join(_coding_sequences(lines, chromosomes), on="gene", how="left")
        .with_columns(protein=_proteins(pl.col("chromosome"), pl.col("cds")))
        .join(orf, on="gene", how="left")
        .select(list(Gene.columns()))
        .sort("gene")
    )
    return Parsed(table.lazy())


def read_chromosomes(path: Path) -> dict[str, str]:
    """Chromosome ("I" to "XVI", "mito") -> its sequence, in upper case."""
    parts = path.read_text(encoding="ascii").split(">")[1:]
    heads = [part.partition("\n") for part in parts]
    names = [head.partition("[chromosome=")[2].partition("]")[0] or MITOCHONDRION for head, _, _ in heads]
    if len(set(names)) != 17:
        raise BadRawFile(path, f"it holds {len(set(names))} chromosomes, not 17")
    return {name: body.replace("\n", "").upper() for name, (_, _, body) in zip(names, heads, strict=True)}


def translate(sequences: list[str], code: str = STANDARD_CODE) -> list[str]:
    """Proteins of coding sequences (upper-case ACGT, a multiple of three long); `*` for a stop, `X` for anything else."""
    rank = np.full(256, 64, dtype=np.uint8)
    rank[list(BASES.encode())] = range(4)
    letters = np.frombuffer(code.encode() + b"X" * 256, dtype=np.uint8)
    bases = rank[np.frombuffer("".join(sequences).encode(), dtype=np.uint8)].astype(np.int64).reshape(-1, 3)
    index = np.where((bases < 4).all(axis=1), bases @ np.array([16, 4, 1]), 64)
    text = letters[index].tobytes().decode()
    ends = np.cumsum([len(sequence) // 3 for sequence in sequences]).tolist()
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _annotation(path: Path, chromosomes: dict[str, str]) -> pl.DataFrame:
    lines = read_text(path, _GFF_COLUMNS, header=False, comment="#").with_columns(
        pl.col("chromosome").replace("Mito", MITOCHONDRION)
    )
    with path.open("rb") as file:
        file.seek(-4, 2)
        if file.read() != b"###\n":  # the mark of GFF3 that nothing of the last gene is still to come
            raise BadRawFile(path, "it ends in the middle of a gene")
    whole = dict(
        lines.filter(pl.col("type") == "chromosome").select("chromosome", pl.col("end").cast(pl.Int64)).iter_rows()
    )
    if wrong := sorted(
        name for name, sequence in chromosomes.items() if whole.get(name, len(sequence)) != len(sequence)
    ):
        raise BadRawFile(path, f"the genome sequence has another length than its chromosome {wrong[0]}")
    return lines


def _coding_sequences(lines: pl.DataFrame, chromosomes: dict[str, str]) -> pl.DataFrame:
    """`gene`, `cds`: the exons' coding parts joined, read on the coding strand."""
    parts = (
        lines.filter(pl.col("type") == "CDS")
        .select(
            "chromosome",
            "strand",
            pl.col("start").cast(pl.Int64),
            pl.col("end").cast(pl.Int64),
            gene=pl.col("attributes").str.extract(r"(?:^|;)ID=CDS:([^;]+)"),
        )
        .sort("gene", "start")
    )
    cut = [
        chromosomes[chromosome][start - 1 : end]
        for chromosome, start, end in parts.select("chromosome", "start", "end").iter_rows()
    ]
    joined = (
        parts.with_columns(part=pl.Series(cut, dtype=pl.String))
        .group_by("gene", maintain_order=True)
        .agg(pl.col("strand").first(), pl.col("part").str.join())
    )
    cds = [
        sequence if strand == "+" else sequence.translate(_COMPLEMENT)[::-1]
        for strand, sequence in joined.select("strand", "part").iter_rows()
    ]
    return joined.select("gene", cds=pl.Series(cds, dtype=pl.String))


def _proteins(chromosome: pl.Expr, cds: pl.Expr) -> pl.Expr:
    """Translations without the stop; what lacks a stop keeps a length that the rule of `Gene` refuses."""

    def of_code(code: str) -> pl.Expr:
        return cds.map_batches(lambda s: pl.Series(translate(_whole_codons(s), code)), return_dtype=pl.String)

    protein = (
        pl.when(chromosome == MITOCHONDRION).then(of_code(YEAST_MITOCHONDRIAL_CODE)).otherwise(of_code(STANDARD_CODE))
    )
    return protein.str.strip_suffix("*")


def _whole_codons(sequences: pl.Series) -> list[str]:
    return [sequence[: len(sequence) // 3 * 3] for sequence in sequences.fill_null("")]


def _orf_features(path: Path) -> pl.DataFrame:
    def given(column: str) -> pl.Expr:
        return pl.when(pl.col(column) != "").then(pl.col(column))

    return read_orfs(path).select(
        "gene",
        "sgd_id",
        name=given("name"),
        aliases=given("aliases").str.split("|").fill_null(pl.lit([], dtype=pl.List(pl.String))),
        qualifier=pl.col("qualifier").str.split("|").list.first(),  # `Verified|silenced_gene`
        description=given("description"),
    )


GENOME = Dataset(
    name="genome",
    record=Gene,
    sources=(GENOME_SEQUENCE, GENOME_ANNOTATION, SGD_FEATURES),
    parse=parse,
    description=(
        "One row is one protein-coding gene of S288C with its names, its position, its coding sequence and its protein. "
        "Sequence of SGD R64-2-1, annotation of Ensembl, names and qualifiers of SGD; mitochondrial genes are "
        "translated with NCBI table 3."
    ),
    citation="Engel et al. 2014, G3 4:389; Saccharomyces Genome Database",
    publication="10.1534/g3.113.008995",
    licence="Apache-2.0 (the package that ships the files)",
    policies={"code": STANDARD_CODE, "mitochondrial_code": YEAST_MITOCHONDRIAL_CODE},
    published_records=6_600,
)
