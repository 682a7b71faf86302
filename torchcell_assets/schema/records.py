"""The record classes: the only description of what is stored.

Belongs here: columns with their types, rules, units and descriptions (they become the column schema in the UI, the
validator, the generated test data and the fingerprint). Does not: reading, writing, pooling, anything of a publication.

Several classes rather than one, because exactness needs them: an edit of `Interaction` must not rebuild what only
reads `Fitness`.
"""

import functools
from typing import Any

import dataframely as dy
import polars as pl

GENE_NAME = r"^(Y[A-P][LR][0-9]{3}[WC](-[A-Z])?|Q[0-9]{4})$"
"""Systematic names: nuclear (YAL001C, YAL034W-A) and mitochondrial (Q0045). Source: SGD nomenclature."""

KINDS = ["deletion", "damp", "temperature_sensitive", "suppressor"]
ZYGOSITIES = ["haploid", "heterozygous", "homozygous"]
ROLES = ["query", "array"]
P_VALUE_SIDES = ["one-sided", "two-sided", "not stated"]
EVIDENCES = ["measured", "derived", "simulated"]
TEMPERATURE_SOURCES = ["stated", "inferred", "none"]
UNCERTAINTIES = ["sample_sd", "standard_error", "bootstrap_se", "unspecified", "none"]
"""`unspecified`: printed, and no standard error of the value as far as its data show. It is kept and never used."""
INTERACTION_SCORES = ["epsilon", "tau", "epsilon_query_array"]
"""epsilon: of two genes; tau: of three, the epsilons of its pairs taken away; epsilon_query_array: of a double-mutant query and
the array gene, as a pair."""

REGISTERED = "a registered word"
"""What a publication may bring (media, assays, references, units of samples, laboratories) is a text here, and a row of a
registry: see steps/datasets/registered.py. A new word changes no class."""
DIPLOID = "diploid"
"""How the name of a reference begins that diploid mutants are held against."""


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
IDENTITIES = dy.Struct(
    {
        "gene": dy.String(),
        "kind": dy.Enum(KINDS, nullable=True),
        "allele": dy.String(nullable=True),
        "zygosity": dy.Enum(ZYGOSITIES, nullable=True),
    }
)
"""The identity of a perturbation; of a genotype that was merged by gene alone, the gene and nothing else."""


PROBLEM = "problem"
"""Column of records on their way into a table: what is wrong with the row in the published file, and null where nothing is."""
ROW_IS_READ = "row_is_read"
"""The rule that it is null; see `validate`."""
DEPENDENT = "dependent"
"""Column of records on their way into a table: why the value is no measurement of its own, and null where it is one."""
NOT_INDEPENDENT = "not_an_independent_screen"
"""The rule that it is null."""
_NOTES = (PROBLEM, DEPENDENT)


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


class Merged(dy.Schema):
    """One genotype under one condition, pooled over independent measurements; each class says what its `value` is.

    The primary key is the merge key: records that differ in any of it never pool. A p-value is not pooled: it stays with the
    records that `records` names.
    """

    genotype = dy.String(
        primary_key=True, description="genotype identity, the text of `perturbations`: schema/genotype.py"
    )
    perturbations = dy.List(
        IDENTITIES, min_length=1, description="every perturbed gene and what was done to it, sorted"
    )
    temperature = dy.Float64(
        primary_key=True, nullable=False, min=-1, max=60, description="degrees Celsius; -1 if none"
    )
    medium_class = dy.String(primary_key=True, min_length=1, description="class of media")
    assay = dy.String(primary_key=True, min_length=1, description="how growth was seen")
    reference = dy.String(primary_key=True, min_length=1, description="what the value is relative to")
    evidence = dy.Enum(EVIDENCES, primary_key=True, description="measured, derived or simulated")
    genes = dy.String(min_length=1, description="distinct perturbed genes, sorted and joined by +")
    order = dy.UInt8(min=1, description="number of distinct perturbed genes")
    deletions_only = dy.Bool(description="no allele but deletions")
    haploid = dy.Bool(description="every perturbation in a haploid strain")
    query = dy.String(nullable=True, description="query strain of the crosses, where all records have the same one")
    value: dy.Column
    standard_error = dy.Float64(
        nullable=True, min=0.0, description="of the pooled value, `shared_error` included; null where nothing states it"
    )
    shared_error = dy.Float64(
        nullable=True, min=0.0, description="the part that other crosses of the query or the array strain share"
    )
    pooling = dy.Enum(
        ["single", "random_effects", "equal_weights"],
        description="single: one measurement; random_effects: every part has a standard error; equal_weights: some has none",
    )
    measurements = dy.UInt32(min=1, description="measurements pooled (equal ones of one laboratory count once)")
    laboratories = dy.UInt32(
        min=1, description="laboratories behind them: what one of them measures twice is not independent"
    )
    heterogeneity = dy.Float64(nullable=True, min=0.0, description="sample SD between the measurements")
    consistency = dy.Float64(
        nullable=True,
        min=0.0,
        max=1.0,
        description="p-value of Cochran's Q: whether they differ by more than their kind does",
    )
    publications = dy.List(dy.String(), min_length=1, description="DOIs, sorted")
    records = dy.List(dy.String(), min_length=1, description="ids of all contributing records, sorted")


class MergedFitness(Merged):
    """The fitness of one genotype under one condition, pooled over independent measurements."""

    value = dy.Float64(min=-0.5, max=5.0, description="pooled fitness, relative to the reference")
    samples = dy.UInt64(nullable=True, description="samples behind the measurements, where all are stated")


class MergedInteraction(Merged):
    """One interaction score of one genotype under one condition, pooled over independent measurements."""

    score = dy.Enum(INTERACTION_SCORES, primary_key=True, description="which score the value is: two never pool")
    value = dy.Float64(min=-5.0, max=5.0, description="pooled observed - expected fitness")

    @dy.rule()
    def has_two_genes(cls) -> pl.Expr:
        return cls.order.col >= 2


class Embedding(dy.Schema):
    """One gene as a vector, in one representation."""

    gene = dy.String(primary_key=True, regex=GENE_NAME, description="systematic name")
    vector = dy.List(dy.Float32(), min_length=1, description="one number per dimension of the representation")


SPLITS = ["train", "validation", "test_of_size", "test"]
"""Of predictions. `train`: out of fold; `test_of_size`: the test genotypes of the sample itself; `test`: those of
merged/test_set, which are the same for every size."""


class Prediction(dy.Schema):
    """What one trained model says of one genotype."""

    genotype = dy.String(primary_key=True, description="genotype identity")
    target = dy.String(primary_key=True, min_length=1, description="what is predicted, as a study names it")
    model = dy.String(primary_key=True, min_length=1, description="model family or baseline")
    aggregation = dy.String(
        primary_key=True, description="pert_sum, pert_mean, intact_sum, intact_mean; `none`: baseline"
    )
    permuted = dy.Bool(primary_key=True, description="control: fitted on the vectors of other genes")
    training_sample = dy.UInt8(
        primary_key=True, description="0: fitted on all of train; 1 to 5: on all but one fifth of its gene sets"
    )
    split = dy.Enum(SPLITS, primary_key=True, description="`train`: out of fold; `test`: of merged/test_set")
    genes = dy.String(min_length=1, description="distinct perturbed genes, sorted and joined by +")
    order = dy.UInt8(min=1, description="number of distinct perturbed genes")
    observed = dy.Float64(description="merged value of the target")
    standard_error = dy.Float64(nullable=True, min=0.0, description="of the observed value")
    predicted = dy.Float64(description="predicted value of the target")

    @dy.rule()
    def predicted_is_finite(cls) -> pl.Expr:
        return cls.predicted.col.is_finite()


_SCORE = "null below 100 genotypes"
_QUERIES = "the same, resampled over query strains; null below five of them"


class Score(dy.Schema):
    """One number by which models are compared, with its intervals and what it is to be held against.

    `minus_best` and `minus_additive` are paired: both models saw the same resampled genotypes.
    """

    target = dy.String(primary_key=True, min_length=1, description="what was predicted, as a study names it")
    model = dy.String(primary_key=True, min_length=1, description="model family, baseline, or who measured again")
    representation = dy.String(primary_key=True, description="`none` for a baseline or a repeat")
    aggregation = dy.String(primary_key=True, description="`none` for a baseline or a repeat")
    kind = dy.Enum(
        ["baseline", "model", "permuted", "repeat"],
        primary_key=True,
        description="permuted: the same model on vectors whose gene labels are permuted; repeat: another measurement",
    )
    size = dy.String(primary_key=True, description="partition of the subset")
    split = dy.Enum(SPLITS, primary_key=True, description="`train`: out of fold (CV); `test`: of merged/test_set")
    metric = dy.Enum(["spearman", "pearson", "rmse"], primary_key=True, description="rmse in units of the target")
    order = dy.UInt8(primary_key=True, description="number of perturbed genes; 0: all orders together")
    value = dy.Float64(nullable=True, description="the score; null if undefined, as for constant predictions")
    low = dy.Float64(nullable=True, description=f"lower end of the 95 % bootstrap interval over genotypes; {_SCORE}")
    high = dy.Float64(nullable=True, description=f"upper end of the 95 % bootstrap interval over genotypes; {_SCORE}")
    low_queries = dy.Float64(nullable=True, description=f"low: {_QUERIES}")
    high_queries = dy.Float64(nullable=True, description=f"high: {_QUERIES}")
    spread = dy.Float64(nullable=True, min=0.0, description="standard error by the choice of training genotypes")
    best_baseline = dy.String(
        nullable=True, description="baseline with the least RMSE in cross-validation of this size"
    )
    minus_best = dy.Float64(nullable=True, description="the score minus that of `best_baseline`")
    minus_best_low = dy.Float64(nullable=True, description=f"lower end of its 95 % interval; {_SCORE}")
    minus_best_high = dy.Float64(nullable=True, description=f"upper end of its 95 % interval; {_SCORE}")
    minus_best_low_queries = dy.Float64(nullable=True, description=f"minus_best_low: {_QUERIES}")
    minus_best_high_queries = dy.Float64(nullable=True, description=f"minus_best_high: {_QUERIES}")
    minus_additive = dy.Float64(nullable=True, description="the score minus that of `additive_ridge`")
    minus_additive_low = dy.Float64(nullable=True, description=f"lower end of its 95 % interval; {_SCORE}")
    minus_additive_high = dy.Float64(nullable=True, description=f"upper end of its 95 % interval; {_SCORE}")
    minus_additive_low_queries = dy.Float64(nullable=True, description=f"minus_additive_low: {_QUERIES}")
    minus_additive_high_queries = dy.Float64(nullable=True, description=f"minus_additive_high: {_QUERIES}")
    ceiling_low = dy.Float64(
        nullable=True, description="Pearson that a perfect model reaches if it learns no error that crosses share"
    )
    ceiling_high = dy.Float64(
        nullable=True, description="Pearson that a perfect model reaches if it learns all error that crosses share"
    )
    at_edge = dy.String(nullable=True, description="hyper-parameters whose chosen value is the last one tried")
    genotypes = dy.UInt32(description="number of genotypes scored")
    scored_on = dy.String(min_length=1, description="hash of the genotypes scored and of their observed fitness")


RECORD_CLASSES: dict[str, type[dy.Schema]] = {
    cls.__name__: cls
    for cls in (
        *(Gene, Chromosome, Perturbation, Fitness, Interaction, Viability, Profile),
        *(MergedFitness, MergedInteraction, Embedding, Prediction, Score),
    )
}


class Read(dy.Schema):
    """What a reader of a published file says of each of its rows."""

    problem = dy.String(nullable=True, description="what is wrong with the row in the published file, in words")
    dependent = dy.String(nullable=True, description="why the value is no measurement of its own, in words")

    @dy.rule()
    def row_is_read(cls) -> pl.Expr:
        return cls.problem.col.is_null()

    @dy.rule()
    def not_an_independent_screen(cls) -> pl.Expr:
        return cls.dependent.col.is_null()


@functools.cache
def as_read(cls: type[dy.Schema]) -> type[dy.Schema]:
    """A record class with the columns `problem` and `dependent`, and the rules that they are null."""
    return type(cls.__name__, (cls, Read), {})


def validate(cls: type[dy.Schema], frame: pl.DataFrame) -> tuple[pl.DataFrame, dy.FailureInfo]:
    """The rows that keep the rules of `cls`, are read and independent, and the others with the rules that they break.

    Args:
        cls: a record class.
        frame: its columns, types as near as they come (they are cast), and maybe `problem` and `dependent`.

    Returns:
        Rows with the columns of `cls`; the failures, with `problem` and `dependent` beside these columns where the frame has
        one of them.
    """
    if not set(_NOTES) & set(frame.columns):
        return cls.filter(frame, cast=True)
    frame = frame.with_columns(
        pl.lit(None, dtype=pl.String).alias(name) for name in _NOTES if name not in frame.columns
    )
    # what cannot be cast breaks no other rule, and the problem is to be named
    uncastable = [
        name
        for name, column in cls.columns().items()
        if column.dtype.is_integer() and frame.schema.get(name, pl.Null).is_float()
    ]
    told = frame.with_columns(
        pl.when(pl.col(PROBLEM).is_null() | pl.col(name).is_not_nan()).then(name).alias(name) for name in uncastable
    )
    kept, failure = as_read(cls).filter(told, cast=True)
    return kept.drop(_NOTES), failure


def polars_schema(cls: type[dy.Schema]) -> dict[str, Any]:
    """Column name -> polars type, as stored."""
    return {name: column.dtype for name, column in cls.columns().items()}
