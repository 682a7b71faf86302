"""The trigenic interaction score tau, recomputed from stored records and held against the published one.

Belongs here: the formula, with its source, and which stored records are its parts. Does not: reading files, the asset
check around it (checks.py).
"""

from dataclasses import dataclass

import polars as pl

CLOSE = 1e-3
"""Two scores are one if they differ by less: each part is printed to four decimals, and nine of them are combined."""


def tau(
    *,
    triple: pl.Expr,
    double_query: pl.Expr,
    array: pl.Expr,
    epsilon_ik: pl.Expr,
    single_j: pl.Expr,
    epsilon_jk: pl.Expr,
    single_i: pl.Expr,
) -> pl.Expr:
    """The trigenic interaction of query genes i, j and array gene k, in units of fitness relative to wild type.

        tau_ijk = epsilon_ij,k - epsilon_ik f_j - epsilon_jk f_i,   epsilon_ij,k = f_ijk - f_ij f_k

    Source: Kuzmin et al. 2018 (doi 10.1126/science.aao1729). It is f_ijk - f_i f_j f_k - epsilon_ij f_k - epsilon_ik f_j -
    epsilon_jk f_i with f_ij = f_i f_j + epsilon_ij. Null where a part is null.

    triple, double_query, array, single_i, single_j: f_ijk, f_ij, f_k, f_i, f_j. epsilon_ik, epsilon_jk: digenic scores of
    the screens of i and of j with the same array strain.
    """
    return triple - double_query * array - epsilon_ik * single_j - epsilon_jk * single_i


@dataclass(frozen=True)
class Agreement:
    """How published trigenic scores compare with those recomputed.

    scores: published trigenic scores. complete: those of which every part is stored. identical: share of the complete
    ones that agree within `CLOSE`. pearson: correlation over the complete ones; None for fewer than two.
    unadjusted: share of all scores whose f_ij and f_k are known that equal epsilon_ij,k, which is no tau.
    """

    scores: int
    complete: int
    identical: float | None
    pearson: float | None
    unadjusted: float | None


def agreement(recomputed: pl.DataFrame) -> Agreement:
    """What `recompute` gives, in one line of numbers."""
    whole = recomputed.drop_nulls("recomputed")
    same = (pl.col("published") - pl.col("recomputed")).abs() < CLOSE
    raw = (pl.col("published") - pl.col("unadjusted")).abs() < CLOSE
    return Agreement(
        scores=recomputed.height,
        complete=whole.height,
        identical=whole.select(same.mean()).item(),
        pearson=whole.select(pl.corr("published", "recomputed")).item() if whole.height > 1 else None,
        unadjusted=recomputed.select(raw.mean()).item(),
    )


def recompute(interactions: pl.DataFrame, queries: pl.DataFrame) -> pl.DataFrame:
    """One row per trigenic record: `id`, `published`, `recomputed` (tau) and `unadjusted` (epsilon_ij,k).

    interactions: `Interaction` records of one publication. queries: `Fitness` records of its query strains, as they
    grew in the same screens: pooled with other publications, the identity is lost.

    The parts: f_ijk = value + expected of the trigenic record; f_ij, f_i, f_j = fitness of the query strains; f_k from
    the expected fitness f_i f_k of digenic records of the array strain (the median over its queries); epsilon_ik from
    the digenic records of the query that carries the same allele as gene i of the double mutant, in the same table;
    where several queries carry it, their mean. A digenic record relative to its query is multiplied by f_i.
    """
    number = r"([^_]+)$"  # of a query strain: what its id says beside it is the same gene names, not always as spelled
    fitness = queries.select(pl.col("strain").str.extract(number).alias("number"), f_query="value")
    fitness = fitness.unique("number", keep="none")
    query = pl.col("strain").str.extract(r"^(.+) x ")
    crosses = interactions.select(
        "id",
        "value",
        "expected",
        trigenic=pl.col("score").cast(pl.String) == "tau",
        table="column",
        relative=pl.col("reference").cast(pl.String) == "query strain",
        query=query,
        number=query.str.extract(number),
        array=pl.col("strain").str.extract(r" x (.+)$"),
    ).join(fitness, on="number", how="left", maintain_order="left")
    carried = _carried(interactions, crosses)
    digenic = (
        crosses.filter(~pl.col("trigenic"))
        .with_columns(
            epsilon=pl.col("value") * pl.when("relative").then("f_query").otherwise(1.0),
            f_array=pl.col("expected") / pl.when("relative").then(1.0).otherwise("f_query"),
        )
        .join(carried, on="query")
    )
    arrays = digenic.group_by("table", "array").agg(pl.col("f_array").median())
    controls = digenic.group_by("table", "array", "allele").agg(
        pl.col("epsilon").mean(), single=pl.col("f_query").mean()
    )
    both = carried.group_by("query").agg(pl.col("allele").sort()).filter(pl.col("allele").list.len() == 2)
    alleles = both.select("query", i=pl.col("allele").list.first(), j=pl.col("allele").list.last())
    parts = (
        crosses.filter("trigenic")
        .join(alleles, on="query", how="left", maintain_order="left")
        .join(arrays, on=["table", "array"], how="left", maintain_order="left")
    )
    for gene in ("i", "j"):
        control = controls.rename({"allele": gene, "epsilon": f"epsilon_{gene}k", "single": f"f_{gene}"})
        parts = parts.join(control, on=["table", "array", gene], how="left", maintain_order="left")
    triple = pl.col("value") + pl.col("expected")
    return parts.select(
        "id",
        published="value",
        recomputed=tau(
            triple=triple,
            double_query=pl.col("f_query"),
            array=pl.col("f_array"),
            epsilon_ik=pl.col("epsilon_ik"),
            single_j=pl.col("f_j"),
            epsilon_jk=pl.col("epsilon_jk"),
            single_i=pl.col("f_i"),
        ),
        unadjusted=triple - pl.col("f_query") * pl.col("f_array"),
    )


def _carried(interactions: pl.DataFrame, crosses: pl.DataFrame) -> pl.DataFrame:
    """`query`, `allele`: what each query strain carries, one row per allele."""
    field = pl.col("perturbations").struct.field
    return (
        interactions.select("perturbations")
        .with_columns(query=crosses["query"])
        .unique("query")
        .explode("perturbations")
        .filter(field("role").cast(pl.String) == "query")
        .select(
            "query", allele=pl.concat_str(field("gene"), field("kind").cast(pl.String), field("allele"), separator=":")
        )
    )
