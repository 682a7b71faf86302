"""The classes of what is computed of records: merged genotypes, gene vectors, predictions and scores.

Belongs here: as in records.py. Does not: pooling (steps/merged), training and scoring (steps/trained).
"""

import dataframely as dy
import polars as pl

from torchcell_assets.schema.vocabularies import EVIDENCES, GENE_NAME, INTERACTION_SCORES, KINDS, SPLITS, ZYGOSITIES

IDENTITIES = dy.Struct(
    {
        "gene": dy.String(),
        "kind": dy.Enum(KINDS, nullable=True),
        "allele": dy.String(nullable=True),
        "zygosity": dy.Enum(ZYGOSITIES, nullable=True),
    }
)
"""The identity of a perturbation; of a genotype that was merged by gene alone, the gene and nothing else."""


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
