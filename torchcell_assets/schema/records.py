"""The record classes of what is published: the only description of what is stored.

Belongs here: columns with their types, rules, units and descriptions (they become the column schema in the UI, the
validator, the generated test data and the fingerprint). Does not: their words (vocabularies.py), what is computed of records
(derived.py), validation (validation.py); reading, writing, pooling, anything of a publication.

Several classes rather than one, because exactness needs them: an edit of `Interaction` must not rebuild what only
reads `Fitness`.
"""

from typing import Any

import dataframely as dy
import polars as pl

from torchcell_assets.schema.vocabularies import (
    DIPLOID,
    EVIDENCES,
    GENE_NAME,
    INTERACTION_SCORES,
    KINDS,
    P_VALUE_SIDES,
    REGISTERED,
    ROLES,
    TEMPERATURE_SOURCES,
    UNCERTAINTIES,
    ZYGOSITIES,
)


class Perturbation(dy.Schema):
    """What was done to one gene of a strain."""

    gene = dy.String(regex=GENE_NAME, description="systematic name of the perturbed gene")
    kind = dy.Enum(KINDS, description="what was done to it")
    allele = dy.String(
        regex=r"^[^:+|\t\n\p{Lu}]+$",
        description="allele as published, in lower case; of a deletion `delta`, or the former ORF that is a part of the gene",
    )
    zygosity = dy.Enum(ZYGOSITIES, description="copies perturbed: of one (haploid), one of two, two of two")
    name = dy.String(nullable=True, description="gene or allele name as published; no part of the identity")
    marker = dy.String(nullable=True, description="selectable marker (KanMX, NatMX ...); no part of the identity")
    role = dy.Enum(ROLES, nullable=True, description="parent strain in an SGA cross; no part of the identity")


PERTURBATIONS = dy.Struct(dict(Perturbation.columns()))


class Record(dy.Schema):
    """What every measured, derived or simulated record says, whatever the phenotype."""

    id = dy.String(primary_key=True, description="dataset:row:column of the published file; never a hash of content")
    dataset = dy.String(min_length=1, description="name of the dataset: the second part of its asset key")
    row = dy.UInt32(description="row of the published table, the first data row being 1")
    column = dy.String(min_length=1, description="column of the published table that holds the value")
    screen = dy.String(
        min_length=1, description="what its experiments share: one query strain, or one column of singles"
    )
    strain = dy.String(min_length=1, description="published strain id; of a cross, `query x array`")
    perturbations = dy.List(PERTURBATIONS, min_length=1, description="every perturbed gene, sorted")
    genotype = dy.String(min_length=1, description="genotype identity: see schema/genotype.py")
    genes = dy.String(min_length=1, description="distinct perturbed genes, sorted and joined by +")
    order = dy.UInt8(min=1, description="number of distinct perturbed genes")
    query = dy.String(nullable=True, min_length=1, description="strain id of the query of an SGA cross; null elsewhere")
    assay = dy.String(min_length=1, description=f"how growth was seen, {REGISTERED}; numbers of two assays never pool")
    medium = dy.String(min_length=1, description="medium as published")
    medium_class = dy.String(min_length=1, description=f"class of media within which fitness is pooled, {REGISTERED}")
    temperature = dy.Float64(nullable=True, min=0, max=60, description="degrees Celsius")
    temperature_source = dy.Enum(TEMPERATURE_SOURCES, description="stated by the publication, inferred, or none")
    reference = dy.String(min_length=1, description=f"what the value is relative to, {REGISTERED}")
    evidence = dy.Enum(EVIDENCES, description="measured, derived from measurements, or simulated")
    publication = dy.String(min_length=1, description="DOI")
    laboratory = dy.String(
        min_length=1, description="who measured: numbers of one laboratory are not independent of each other"
    )

    @dy.rule()
    def temperature_has_a_source(cls) -> pl.Expr:
        return cls.temperature.col.is_null() == (cls.temperature_source.col.cast(pl.String) == "none")

    @dy.rule()
    def zygosity_fits_reference(cls) -> pl.Expr:
        haploid = cls.genotype.col.str.contains(":haploid", literal=True)
        return haploid != cls.reference.col.str.starts_with(DIPLOID)

    @dy.rule()
    def order_is_number_of_genes(cls) -> pl.Expr:
        return cls.order.col == cls.genes.col.str.count_matches("+", literal=True) + 1


class Quantity(Record):
    """A record whose phenotype is a number with an uncertainty; each class says what its `value` is."""

    value: dy.Column
    uncertainty = dy.Float64(nullable=True, min=0.0, description="as published, in units of the value")
    uncertainty_type = dy.Enum(UNCERTAINTIES, description="what `uncertainty` is")
    query_error = dy.Float64(
        nullable=True, min=0.0, description="standard error of the query standard, shared by all crosses of the screen"
    )
    array_error = dy.Float64(
        nullable=True, min=0.0, description="standard error of the array standard, shared by all crosses of the strain"
    )

    @dy.rule()
    def value_is_finite(cls) -> pl.Expr:
        return cls.value.col.is_finite()

    @dy.rule()
    def uncertainty_has_a_type(cls) -> pl.Expr:
        return cls.uncertainty.col.is_null() == (cls.uncertainty_type.col.cast(pl.String) == "none")


class Fitness(Quantity):
    """Growth of a mutant relative to its reference."""

    value = dy.Float64(nullable=True, min=-0.5, max=5.0, description="mutant / reference; null where censored")
    upper_bound = dy.Float64(
        nullable=True, min=0.0, description="a censored value is below this, relative to reference"
    )
    samples = dy.UInt32(nullable=True, min=1, description="number of samples behind the value")
    sample_unit = dy.String(nullable=True, min_length=1, description=f"what one sample is, {REGISTERED}")
    replicates = dy.List(dy.Float64(), nullable=True, min_length=1, description="single measurements, where published")

    @dy.rule()
    def sample_sd_has_samples(cls) -> pl.Expr:
        return (cls.uncertainty_type.col.cast(pl.String) != "sample_sd") | cls.samples.col.is_not_null()

    @dy.rule()
    def has_value_or_bound(cls) -> pl.Expr:
        return cls.value.col.is_not_null() != cls.upper_bound.col.is_not_null()


class Interaction(Quantity):
    """Deviation of a double or triple mutant from what its parts predict."""

    value = dy.Float64(
        min=-5.0, max=5.0, description="observed - expected fitness: epsilon (2 genes), tau or epsilon (3)"
    )
    expected = dy.Float64(nullable=True, description="fitness expected without interaction")
    score = dy.Enum(INTERACTION_SCORES, description="which score the value is")
    p_value = dy.Float64(nullable=True, min=0.0, max=1.0, description="as published")
    p_value_sides = dy.Enum(P_VALUE_SIDES, nullable=True, description="which hypothesis the p-value is of")

    @dy.rule()
    def sample_sd_has_samples(cls) -> pl.Expr:
        return cls.uncertainty_type.col.cast(pl.String) != "sample_sd"  # no class of interactions states samples

    @dy.rule()
    def one_sided_p_value_is_at_most_half(cls) -> pl.Expr:
        one_sided = cls.p_value_sides.col.cast(pl.String) == "one-sided"
        return cls.p_value.col.is_null() | ~one_sided.fill_null(False) | (cls.p_value.col <= 0.5)

    @dy.rule()
    def p_value_has_sides(cls) -> pl.Expr:
        return cls.p_value.col.is_null() | cls.p_value_sides.col.is_not_null()

    @dy.rule()
    def has_two_genes(cls) -> pl.Expr:
        return cls.order.col >= 2


class Viability(Record):
    """Whether a mutant lives. Never turned into a fitness of 0."""

    viable = dy.Bool(description="false: the gene is essential under these conditions")


class Profile(Record):
    """Many numbers of one mutant, such as the expression of every gene: a row of an array file beside the table."""

    quantity = dy.String(min_length=1, description="what one number is, such as log2(mutant / reference)")
    array = dy.String(min_length=1, description="name of the array file beside the table: see storage/arrays.py")
    array_row = dy.UInt32(description="row of the array file that holds the numbers, the first being 0")


class Gene(dy.Schema):
    """One protein-coding gene of the reference strain S288C."""

    gene = dy.String(primary_key=True, regex=GENE_NAME, description="systematic name")
    name = dy.String(nullable=True, description="standard name, such as CDC28")
    aliases = dy.List(dy.String(), description="other names, as recorded by SGD")
    sgd_id = dy.String(nullable=True, regex=r"^S[0-9]{9}$", description="SGD identifier")
    qualifier = dy.Enum(["Verified", "Uncharacterized", "Dubious"], description="SGD's judgement of the ORF")
    chromosome = dy.String(min_length=1, description="I to XVI, or mito")
    start = dy.UInt32(min=1, description="first base on the chromosome, 1-based")
    end = dy.UInt32(min=1, description="last base on the chromosome, 1-based, inclusive")
    strand = dy.Enum(["+", "-"], description="coding strand")
    description = dy.String(nullable=True, description="SGD's one-line description")
    cds = dy.String(regex=r"^([ACGT]{3})+$", description="spliced coding sequence with its stop codon")
    protein = dy.String(regex=r"^[ACDEFGHIKLMNPQRSTVWY]+$", description="translation of the CDS, without the stop")

    @dy.rule()
    def protein_is_as_long_as_cds(cls) -> pl.Expr:
        return cls.cds.col.str.len_bytes() == 3 * (cls.protein.col.str.len_bytes() + 1)


class Chromosome(dy.Schema):
    """One chromosome of the reference strain S288C, or its mitochondrial DNA."""

    chromosome = dy.String(primary_key=True, min_length=1, description="I to XVI, or mito")
    sequence = dy.String(regex=r"^[ACGT]+$", description="its bases on the strand called +")
    length = dy.UInt32(min=1, description="bases")
    circular = dy.Bool(description="it has no ends")
    sha256 = dy.String(regex=r"^[0-9a-f]{64}$", description="of the sequence, as ASCII text")

    @dy.rule()
    def length_is_that_of_sequence(cls) -> pl.Expr:
        return cls.length.col == cls.sequence.col.str.len_bytes()


def polars_schema(cls: type[dy.Schema]) -> dict[str, Any]:
    """Column name -> polars type, as stored."""
    return {name: column.dtype for name, column in cls.columns().items()}
