"""The genome: where genes lie, their coding sequences and proteins, and which gene a retired systematic name belongs to.

Belongs here: the annotation that ships in a package, and SGD's table of features. Does not: vectors of genes (vectors.py).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from .printed import cassettes, packaged, tabbed

SYSTEMATIC = re.compile(r"Y[A-P][LR]\d{3}[WC](-[A-Z])?|Q\d{4}")
_FOLDER = "transposonmapper/data_files/"
_COMPLEMENT = str.maketrans("ACGT", "TGCA")
_CODONS = {
    **dict.fromkeys(["TTT", "TTC"], "F"),
    **dict.fromkeys(["TTA", "TTG", "CTT", "CTC", "CTA", "CTG"], "L"),
    **dict.fromkeys(["ATT", "ATC", "ATA"], "I"),
    "ATG": "M",
    **dict.fromkeys(["GTT", "GTC", "GTA", "GTG"], "V"),
    **dict.fromkeys(["TCT", "TCC", "TCA", "TCG", "AGT", "AGC"], "S"),
    **dict.fromkeys(["CCT", "CCC", "CCA", "CCG"], "P"),
    **dict.fromkeys(["ACT", "ACC", "ACA", "ACG"], "T"),
    **dict.fromkeys(["GCT", "GCC", "GCA", "GCG"], "A"),
    **dict.fromkeys(["TAT", "TAC"], "Y"),
    **dict.fromkeys(["CAT", "CAC"], "H"),
    **dict.fromkeys(["CAA", "CAG"], "Q"),
    **dict.fromkeys(["AAT", "AAC"], "N"),
    **dict.fromkeys(["AAA", "AAG"], "K"),
    **dict.fromkeys(["GAT", "GAC"], "D"),
    **dict.fromkeys(["GAA", "GAG"], "E"),
    **dict.fromkeys(["TGT", "TGC"], "C"),
    "TGG": "W",
    **dict.fromkeys(["CGT", "CGC", "CGA", "CGG", "AGA", "AGG"], "R"),
    **dict.fromkeys(["GGT", "GGC", "GGA", "GGG"], "G"),
    **dict.fromkeys(["TAA", "TAG", "TGA"], "*"),
}
_MITOCHONDRIAL = _CODONS | {"ATA": "M", "TGA": "W"} | dict.fromkeys(["CTT", "CTC", "CTA", "CTG"], "T")
"""NCBI translation tables 1 and 3."""


@dataclass(frozen=True)
class Gene:
    """start, end: 1-based, inclusive. cds: spliced, the stop codon included; protein: without it. aliases: as SGD lists them."""

    gene: str
    name: str | None
    aliases: tuple[str, ...]
    sgd_id: str | None
    qualifier: str
    chromosome: str
    start: int
    end: int
    strand: str
    cds: str
    protein: str


def _chromosomes() -> dict[str, str]:
    parts: dict[str, list[str]] = defaultdict(list)
    name = ""
    for line in packaged("transposonmapper", f"{_FOLDER}S288C_reference_sequence_R64-2-1_20150113.fsa").open():
        if line.startswith(">"):
            found = re.search(r"\[chromosome=(\w+)\]", line)
            name = found[1] if found else "mito"
        else:
            parts[name].append(line.strip().upper())
    return {name: "".join(lines) for name, lines in parts.items()}


def _features() -> list[list[str]]:
    text = packaged("transposonmapper", f"{_FOLDER}SGD_features.tab").read_text("utf-8")
    return [row for row in tabbed(text) if row[1] == "ORF"]


def _spliced(exons: list[tuple[int, int]], strand: str, chromosome: str) -> str:
    sequence = "".join(chromosome[start - 1 : end] for start, end in sorted(exons))
    return sequence[::-1].translate(_COMPLEMENT) if strand == "-" else sequence


@cache
def genes() -> dict[str, Gene]:
    """Systematic name -> the gene; 6,600 of them."""
    chromosomes = _chromosomes()
    of_sgd = {row[3]: row for row in _features()}
    places: dict[str, tuple[str, int, int, str]] = {}
    exons: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for line in packaged("transposonmapper", f"{_FOLDER}Saccharomyces_cerevisiae.R64-1-1.99.gff3").open():
        field = line.rstrip("\n").split("\t")
        if len(field) < 9:
            continue
        chromosome = "mito" if field[0] == "Mito" else field[0]
        if field[2] == "gene" and (found := re.search(r"ID=gene:([^;]+)", field[8])):
            places[found[1]] = chromosome, int(field[3]), int(field[4]), field[6]
        elif field[2] == "CDS" and (found := re.search(r"ID=CDS:([^;]+)", field[8])):
            exons[found[1]].append((int(field[3]), int(field[4])))
    made = {}
    for name, (chromosome, start, end, strand) in places.items():
        cds = _spliced(exons[name], strand, chromosomes[chromosome])
        code = _MITOCHONDRIAL if chromosome == "mito" else _CODONS
        protein = "".join(code[cds[at : at + 3]] for at in range(0, len(cds) - 3, 3))
        told = of_sgd[name]
        aliases = tuple(alias for alias in told[5].split("|") if alias)
        made[name] = Gene(
            name, told[4] or None, aliases, told[0], told[2].split("|")[0], chromosome, start, end, strand, cds, protein
        )
    return made


@cache
def _retired() -> Mapping[str, str]:
    """Retired systematic name -> the one gene of today that SGD lists it with."""
    owners = defaultdict(set)
    for gene in genes().values():
        for alias in gene.aliases:
            if SYSTEMATIC.fullmatch(alias) and alias not in genes():
                owners[alias].add(gene.gene)
    return {alias: min(of) for alias, of in owners.items() if len(of) == 1}


def _beside_another(names: set[str]) -> set[str]:
    """The retired ones of some names whose gene has another name among them, of today or retired."""
    by_gene = defaultdict(set)
    for name in names:
        by_gene[_retired().get(name, name)].add(name)
    return {name for name in names if name in _retired() and len(by_gene[_retired()[name]]) > 1}


class Today:
    """Names of today for the names that a dataset prints: `gene(name)`, and `is_part(name)` where the collection or the dataset
    has another strain of the same gene, so that a deletion of it is an allele of its own."""

    def __init__(self, names: Iterable[str]) -> None:
        collection = {row["ORF_name"].upper() for row in cassettes()}
        self._parts = _beside_another(set(names)) | _beside_another(collection)

    def gene(self, name: str) -> str:
        """The gene of today; a name that no gene has or had stays as it is."""
        return _retired().get(name, name)

    def is_part(self, name: str) -> bool:
        """Whether a deletion of it is the deletion of a part of a gene."""
        return name in self._parts
