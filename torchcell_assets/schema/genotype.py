"""Genotype identity: which two mutants are the same mutant. The only place where that is decided.

Belongs here: the text form of a genotype, computed once in `datasets` and carried by every later table.
Does not: which kind of allele a strain code means (one table per publication, beside its parser).

A genotype is the sorted list of (gene, kind, allele, zygosity). The allele of a deletion is constant: marker and
published name are attributes of the perturbation and do not make two deletions of one gene two genotypes. A
temperature-sensitive, DAmP or suppressor allele keeps its name, because alleles of one gene differ (median 0.20 in
fitness at 30 C over the 220 ORFs of Costanzo 2016 that have several).
"""

from collections.abc import Callable

import polars as pl

DELETION_ALLELE = "delta"
PERTURBATION_SEPARATOR = " + "
FIELD_SEPARATOR = ":"
GENE_SEPARATOR = "+"


def identity(field: Callable[[str], pl.Expr]) -> pl.Expr:
    """The text that identifies one perturbation, such as `YAL001C:deletion:delta:haploid`.

    field: gives the expression of a field of `Perturbation` by its name: `pl.col` for rows that are perturbations.
    No identity is the beginning of another, so genotypes sort as the lists of their sorted identities do.
    """
    is_deletion = field("kind").cast(pl.String) == "deletion"
    return pl.concat_str(
        field("gene"),
        field("kind").cast(pl.String),
        pl.when(is_deletion).then(pl.lit(DELETION_ALLELE)).otherwise(field("allele")),
        field("zygosity").cast(pl.String),
        separator=FIELD_SEPARATOR,
    )


def with_genotype(frame: pl.LazyFrame | pl.DataFrame) -> pl.LazyFrame:
    """Add `genotype`, `genes` and `order` to rows that have `perturbations`, and sort each row's perturbations.

    `perturbations` is a list of structs with the fields of `Perturbation`. `genotype` reads like
    `YAL001C:temperature_sensitive:tfc3-g349e:haploid + YBL007C:deletion:delta:haploid`; `genes` like
    `YAL001C+YBL007C` (distinct, sorted: the split and the sample follow it, so that alleles of one gene never
    straddle two splits); `order` is the number of distinct perturbed genes.
    """
    field = pl.element().struct.field
    perturbed = identity(field)
    perturbations = pl.col("perturbations")
    genes = perturbations.list.eval(field("gene")).list.unique().list.sort()
    return (
        frame.lazy()
        .with_columns(perturbations.list.eval(pl.element().sort_by(perturbed)))
        .with_columns(
            genotype=perturbations.list.eval(perturbed).list.sort().list.join(PERTURBATION_SEPARATOR),
            genes=genes.list.join(GENE_SEPARATOR),
            order=genes.list.len().cast(pl.UInt8),
        )
    )


def perturbation(
    gene: pl.Expr,
    kind: pl.Expr | str,
    *,
    allele: pl.Expr | None = None,
    zygosity: str = "haploid",
    name: pl.Expr | None = None,
    marker: pl.Expr | str | None = None,
    role: pl.Expr | str | None = None,
) -> pl.Expr:
    """One struct with the fields of `Perturbation`, from expressions over the rows of a raw table."""

    def text(value: pl.Expr | str | None) -> pl.Expr:
        return pl.lit(value, dtype=pl.String) if value is None or isinstance(value, str) else value.cast(pl.String)

    kind_text = text(kind)
    named = pl.lit(DELETION_ALLELE) if allele is None else allele.cast(pl.String)
    return pl.struct(
        gene=gene.cast(pl.String),
        kind=kind_text,
        allele=pl.when(kind_text == "deletion").then(pl.lit(DELETION_ALLELE)).otherwise(named),
        zygosity=text(zygosity),
        name=text(name),
        marker=text(marker),
        role=text(role),
    )
