"""Which gene a systematic name means that is no longer in use.

Belongs here: the one place where a name that was printed becomes the gene that is stored, after a parser and before anything
else. Does not: finding a gene for a person (gene_names.py).

SGD retires a name when the annotation of a locus changes, and lists it among the aliases of the gene that the locus belongs to
now: YAL058C-A is YAL056C-A today. Publications go on printing it, and two prints of one deletion would be two mutants.

Not every alias is a new name for the same deletion. Where the old annotation had two ORFs that are one gene today (YBR075W lies
in YBR074W), the deletion collection has a strain for each: two mutants of one gene. Both are stored as deletions of the gene of
today, so that they share its features and its split; the retired name becomes the allele, which keeps the two genotypes apart.
That is done with the names of which the collection's own table has two, and with those of which a dataset has two.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from torchcell_assets.schema.genotype import PARTIAL_DELETION, with_genotype
from torchcell_assets.schema.records import PERTURBATIONS
from torchcell_assets.schema.vocabularies import GENE_NAME
from torchcell_assets.steps.datasets.deletion_collection import DELETION_PROJECT, read_cassettes
from torchcell_assets.steps.datasets.sgd_features import SGD_FEATURES, read_orfs

SOURCES = (SGD_FEATURES, DELETION_PROJECT)
"""What the table of retired names is made from; both ship in packages."""

RULE = "a retired name is the gene of today; where that has another strain, the name is the allele: " + PARTIAL_DELETION
"""What decides which gene and which allele a printed name is stored as."""

_MADE_OF_GENES = ("perturbations", "genotype", "genes", "order")


@dataclass(frozen=True)
class RetiredNames:
    """Retired systematic names.

    Attributes:
        genes: the ORFs of today.
        gene_of: retired name -> the ORF that it belongs to.
        two_loci: those of `gene_of` that the deletion collection has beside another name of the same gene.
    """

    genes: frozenset[str]
    gene_of: Mapping[str, str]
    two_loci: frozenset[str]

    @classmethod
    def read(cls, features: Path, cassettes: Path) -> "RetiredNames":
        """From the files of `SOURCES`."""
        orfs = read_orfs(features)
        aliases = orfs.select("gene", retired=pl.col("aliases").str.to_uppercase().str.split("|")).explode("retired")
        known = (
            aliases.filter(pl.col("retired").str.contains(GENE_NAME), ~pl.col("retired").is_in(orfs["gene"].implode()))
            .unique()
            .unique("retired", keep="none")  # a name of two genes of today is nobody's
        )
        gene_of = dict(known.select("retired", "gene").iter_rows())
        return cls(frozenset(orfs["gene"]), gene_of, _beside_another(gene_of, set(read_cassettes(cassettes)["orf"])))

    def of(self, records: pl.DataFrame, *, whole: bool = True) -> "Found":
        """Which retired names stand in `records`, and what becomes of each.

        Args:
            records: `perturbations`.
            whole: whether these are all records of the dataset, so that what it has two of is known.
        """
        genes = records.select(pl.col("perturbations").list.explode().struct.field("gene").unique()).to_series()
        names = set(genes.drop_nulls())
        retired = {name: self.gene_of[name] for name in sorted(names & self.gene_of.keys())}
        apart = self.two_loci | (_beside_another(retired, names) if whole else frozenset())
        return Found(
            renamed={name: gene for name, gene in retired.items() if name not in apart},
            merged={name: gene for name, gene in retired.items() if name in apart},
            outside=frozenset(n for n in names - self.genes - self.gene_of.keys() if re.search(GENE_NAME, n)),
        )


@dataclass(frozen=True)
class Found:
    """Names of a dataset that are no genes of today.

    Attributes:
        renamed: retired name -> the gene that is stored for it.
        merged: retired name -> the gene of which it is a part; a deletion of it is stored as an allele of that gene.
        outside: other systematic names that no ORF of today has; they are stored as they are.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    merged: Mapping[str, str] = field(default_factory=dict)
    outside: frozenset[str] = frozenset()

    def __or__(self, other: "Found") -> "Found":
        """Of two parts of a dataset together."""
        return Found({**self.renamed, **other.renamed}, {**self.merged, **other.merged}, self.outside | other.outside)


def resolve(records: pl.DataFrame, found: Found) -> pl.DataFrame:
    """`records` with today's genes in place of retired names, and the printed name in front of `name`.

    Args:
        records: `perturbations`, `genotype`, `genes`, `order`, and whatever else.
        found: what `RetiredNames.of` says of them.

    Returns:
        The same rows in the same order; the four columns are made anew where a name was resolved.
    """
    gene_of = {**found.renamed, **found.merged}
    if not gene_of:
        return records
    # part of a name is enough here, and fast over millions of rows
    rows = records["genes"].str.contains_any(list(gene_of)).fill_null(False).arg_true()
    if rows.is_empty():
        return records
    changed = with_genotype(
        records[rows].select(pl.col("perturbations").list.eval(_resolved(gene_of, found.merged)))
    ).collect()
    both = pl.concat([records.select(_MADE_OF_GENES), changed.select(_MADE_OF_GENES)])
    places = pl.int_range(records.height, eager=True).scatter(
        rows, pl.int_range(records.height, both.height, eager=True)
    )
    return records.with_columns(both[places])


def _resolved(gene_of: Mapping[str, str], merged: Mapping[str, str]) -> pl.Expr:
    """A perturbation with the gene of today; the printed name stands before the one that the publication gives beside it."""
    of = {name: pl.element().struct.field(name) for name in PERTURBATIONS.inner}
    given = pl.when(of["name"].str.to_uppercase() != of["gene"]).then(of["name"])
    printed = pl.concat_str(of["gene"], given, separator=", ", ignore_nulls=True)
    # an allele that is no deletion has a name of its own, by which it is told from those of the other part
    partial = of["gene"].is_in(list(merged)) & (of["kind"].cast(pl.String) == "deletion")
    changed = of | {
        "gene": of["gene"].replace(gene_of),
        "allele": pl.when(partial).then(of["gene"].str.to_lowercase()).otherwise(of["allele"]),
        "name": pl.when(of["gene"].is_in(list(gene_of))).then(printed).otherwise(of["name"]),
    }
    return pl.struct([value.alias(name) for name, value in changed.items()])


def _beside_another(gene_of: Mapping[str, str], names: set[str]) -> frozenset[str]:
    """The retired names among `names` whose gene has another name among them, of today or retired."""
    present = [name for name in gene_of if name in names]
    times = Counter(gene_of[name] for name in present)
    times.update(gene for gene in set(gene_of.values()) if gene in names)
    return frozenset(name for name in present if times[gene_of[name]] > 1)
