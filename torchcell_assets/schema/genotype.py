"""Genotype identity: which two mutants are the same mutant, and the text that says so.

Belongs here: the decision, row by row. Does not: which kind of allele a strain code means (one table per publication, beside
its parser), which gene a retired name belongs to (steps/datasets/gene_names.py), the same text in bulk: crosses of published
strains (steps/datasets/crosses/) and packed keys (steps/merged/identities.py) are put together from
parts, and tests hold them against `with_genotype`.

A genotype is the sorted list of (gene, kind, allele, zygosity). The allele of a deletion is constant, `delta`: marker and
published name are attributes of the perturbation and do not make two deletions of one gene two genotypes. The exception is a
gene that was annotated as two ORFs when the strains were made, so that each has a strain: these are two mutants, each without a
part of the gene. One of them is named after the former ORF that it lacks (`ybr075w` of YBR074W, see
steps/datasets/retired_names.py).

A temperature-sensitive, DAmP or suppressor allele keeps its name, because alleles of one gene differ (median 0.20 in fitness at
30 C over the 220 ORFs of Costanzo 2016 that have several). It is written in lower case: publications do not agree on the case
(`PTA1_damp`, `pta1_damp`), and no two alleles differ by it alone.
"""

from collections.abc import Callable, Sequence

import polars as pl

DELETION_ALLELE = "delta"
PERTURBATION_SEPARATOR = " + "
PARTIAL_DELETION = r"^(?:y[a-p][lr][0-9]{3}[wc](?:-[a-z])?|q[0-9]{4})$"
"""Allele of a deletion of a part of a gene: the systematic name, in lower case, of the former ORF that was deleted."""
FIELD_SEPARATOR = ":"
GENE_SEPARATOR = "+"
IDENTITY = ("gene", "kind", "allele", "zygosity")
"""The fields of a perturbation that make its identity, in the order of its text."""

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_NO_NAME = "|".join(
    (
        rf"^{_MONTH}[-/ .]\d{{1,4}}\b",  # Oct-1 of OCT1, Mar-01
        rf"^\d{{1,4}}[-/ .]{_MONTH}\b",  # 1-Oct, 1-Oct-24
        r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b",  # 2024-10-01 00:00:00, 10/1/2024
        r"^[-+]?\d+(?:[.,]\d+)?(?:e[-+]?\d+)?$",  # 45931, a date as its number; 2.31E+13
        r"^(?:true|false)$",
        r"^[#=]",  # #NAME?, and a formula
    )
)
"""What a spreadsheet program makes of a gene or allele name that looks like something else to it."""


def as_name(cell: pl.Expr) -> pl.Expr:
    """A gene or allele name as printed, without space around it; null where a spreadsheet program made something else of it.

    Examples:
        >>> names = pl.Series(["OCT1", "Oct-1", "1-Oct", "45931", "2024-10-01 00:00:00", "oct1-1"])
        >>> pl.select(as_name(pl.lit(names))).to_series().to_list()
        ['OCT1', None, None, None, None, 'oct1-1']
    """
    text = cell.cast(pl.String).str.strip_chars()
    return pl.when(~text.str.contains(f"(?i){_NO_NAME}") & (text != "")).then(text)


def identity(field: Callable[[str], pl.Expr]) -> pl.Expr:
    """The text that identifies one perturbation, such as `YAL001C:deletion:delta:haploid`.

    field: gives the expression of a field of `Perturbation` by its name: `pl.col` for rows that are perturbations.
    No identity is the beginning of another, so genotypes sort as the lists of their sorted identities do.
    """
    allele = field("allele")
    whole = (field("kind").cast(pl.String) == "deletion") & ~allele.str.contains(PARTIAL_DELETION).fill_null(False)
    return pl.concat_str(
        field("gene"),
        field("kind").cast(pl.String),
        pl.when(whole).then(pl.lit(DELETION_ALLELE)).otherwise(allele),
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


def written(fields: Sequence[str]) -> str:
    """The text of one identity. fields: those of IDENTITY."""
    return FIELD_SEPARATOR.join(fields)


def parsed(text: str) -> tuple[str, str, str, str]:
    """The fields IDENTITY of one identity, such as `YAL001C:deletion:delta:haploid`: what `written` is given.

    Raises:
        ValueError: it does not have four fields.
    """
    gene, kind, allele, zygosity = text.split(FIELD_SEPARATOR)
    return gene, kind, allele, zygosity


def identities(genotype: pl.Expr) -> pl.Expr:
    """The texts of the perturbations of genotypes, as lists.

    Of a gene set (`YAL001C+YBL007C`) it is that of a haploid deletion of each gene: who merges by gene alone cannot tell more.
    """
    deleted = FIELD_SEPARATOR.join(["", "deletion", DELETION_ALLELE, "haploid"])
    by_gene = genotype.str.split(GENE_SEPARATOR).list.eval(pl.element() + deleted)
    whole = genotype.str.contains(FIELD_SEPARATOR, literal=True)
    return pl.when(whole).then(genotype.str.split(PERTURBATION_SEPARATOR)).otherwise(by_gene)


def perturbations_of(identity: pl.Series) -> pl.Series:
    """Identities as structs with the fields IDENTITY. A text that is a gene alone has null for the others."""
    parts = identity.str.split(FIELD_SEPARATOR).to_frame("parts")
    fields = [pl.col("parts").list.get(at, null_on_oob=True).alias(name) for at, name in enumerate(IDENTITY)]
    return parts.select(pl.struct(fields)).to_series()


def gene_of(identity: pl.Expr) -> pl.Expr:
    """The gene of an identity; of a text of several, that of the first."""
    return identity.str.extract(rf"^([^{FIELD_SEPARATOR}{GENE_SEPARATOR}]*)")


def genes_of(genotype: pl.Expr) -> pl.Expr:
    """The distinct genes of genotypes, sorted, as lists."""
    return identities(genotype).list.eval(gene_of(pl.element())).list.unique().list.sort()


def with_kind(kind: str) -> str:
    """What the text of a genotype contains if, and only if, one of its perturbations is of this kind."""
    return f"{FIELD_SEPARATOR}{kind}{FIELD_SEPARATOR}"


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
    """One struct with the fields of `Perturbation`, from expressions over the rows of a raw table.

    Args:
        gene: systematic name, as published.
        kind: one of `KINDS`.
        allele: its published name, for whatever is no deletion; written in lower case.
        zygosity: one of `ZYGOSITIES`.
        name: gene or allele name as published. One that a spreadsheet program made a date of is null, here and as `allele`.
        marker: see `Perturbation`.
        role: likewise.
    """

    def text(value: pl.Expr | str | None) -> pl.Expr:
        return pl.lit(value, dtype=pl.String) if value is None or isinstance(value, str) else value.cast(pl.String)

    kind_text = text(kind)
    named = pl.lit(DELETION_ALLELE) if allele is None else as_name(allele).str.to_lowercase()
    return pl.struct(
        gene=gene.cast(pl.String),
        kind=kind_text,
        allele=pl.when(kind_text == "deletion").then(pl.lit(DELETION_ALLELE)).otherwise(named),
        zygosity=text(zygosity),
        name=text(None) if name is None else as_name(name),
        marker=text(marker),
        role=text(role),
    )
