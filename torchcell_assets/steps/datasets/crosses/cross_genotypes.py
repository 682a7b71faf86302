"""Which alleles a query and an array strain of the trigenic screens carry, and the genotype of each cross of them.

Belongs here: reading strain ids and allele names, strain by strain, and putting crosses together from numbers of
alleles. Does not: values and records (trigenic.py), the text of a genotype in general (schema/genotype.py).
"""

import numpy as np
import polars as pl

from torchcell_assets.schema.genotype import GENE_SEPARATOR, PERTURBATION_SEPARATOR, identity, perturbation
from torchcell_assets.schema.records import PERTURBATIONS
from torchcell_assets.steps.datasets.crosses.strain_codes import MARKER_GENE, STRAIN_CODES, SUPPRESSOR_IN_ALLELE

DELTA = "Δ"
GENES_OF_QUERY = {"digenic": 1, "trigenic": 2}
"""Type of a cross -> perturbed genes of its query, the marker left out."""

_NONE = np.iinfo(np.int64).max


def query_alleles(queries: pl.DataFrame, strains: pl.DataFrame) -> pl.DataFrame:
    """`query`, `query_allele`, `perturbations` (a list): what each query strain carries beside the marker.

    queries: `query` such as YAL015C+YDL227C_tm461 and `query_allele` such as ntg1Δ+hoΔ. strains: Costanzo's table.
    """
    printed = pl.col("allele").str.strip_chars(DELTA + " ")
    known = strains.select(
        "gene", folded=pl.col("published").str.to_lowercase(), known_kind="kind", known_allele="published"
    ).unique(["gene", "folded"], keep="first", maintain_order=True)
    alleles = (
        queries.select("query", "query_allele")
        .unique(maintain_order=True)
        .with_columns(
            gene=pl.col("query").str.extract(r"^(.+)_[^_]+$").str.split(GENE_SEPARATOR),
            allele=pl.col("query_allele").str.split("+"),
        )
        # a name that does not say one allele per gene says nothing of any
        .filter(pl.col("gene").list.len() == pl.col("allele").list.len())
        .explode("gene", "allele")
        .filter(pl.col("gene") != MARKER_GENE)
        .with_columns(folded=printed.str.to_lowercase())
        .join(known, on=["gene", "folded"], how="left", maintain_order="left")
        .with_columns(
            kind=pl.when(pl.col("allele").str.contains(SUPPRESSOR_IN_ALLELE, literal=True))
            .then(pl.lit("suppressor"))
            .when(pl.col("allele").str.contains(DELTA, literal=True))
            .then(pl.lit("deletion"))
            .when(pl.col("allele").str.contains("_damp", literal=True))
            .then(pl.lit("damp"))
            .otherwise(pl.coalesce("known_kind", pl.lit("temperature_sensitive")))
        )
    )
    named = pl.coalesce("known_allele", printed)
    made = perturbation(pl.col("gene"), pl.col("kind"), allele=named, name=printed, role="query")
    return alleles.group_by("query", "query_allele", maintain_order=True).agg(perturbations=made)


def array_alleles(arrays: pl.DataFrame, strains: pl.DataFrame) -> pl.DataFrame:
    """`array`, `perturbations` (a list of one): the allele of each array strain, by its id in Costanzo's table.

    arrays: `array` such as YBL023C_tsa111 and `array_allele` such as mcm2-1; the first spelling of a strain counts.
    """
    printed = pl.col("array_allele").str.strip_chars(DELTA + " ")
    found = (
        arrays.select("array", "array_allele")
        .unique("array", keep="first", maintain_order=True)
        .with_columns(
            gene=pl.col("array").str.extract(r"^(.+)_[^_]+$"), code=pl.col("array").str.extract(r"_([A-Za-z]+)\d+$")
        )
        .join(strains.select("strain", "published", known="kind"), left_on="array", right_on="strain", how="left")
        .join(STRAIN_CODES, on="code", how="left", maintain_order="left")
    )
    kind = (
        pl.when(pl.col("array_allele").str.contains(SUPPRESSOR_IN_ALLELE, literal=True))
        .then(pl.lit("suppressor"))
        .otherwise(pl.coalesce("known", "kind"))
    )
    made = perturbation(
        pl.col("gene"),
        kind,
        allele=pl.coalesce("published", printed),
        name=printed,
        marker=pl.col("marker"),
        role="array",
    )
    return found.select("array", perturbations=pl.concat_list(made))


def with_genotypes(table: pl.DataFrame, strains: pl.DataFrame) -> pl.DataFrame:
    """Add `perturbations`, `genotype`, `genes`, `order` as `schema.with_genotype` would, row by row, to crosses.

    They are put together from numbers of alleles: sorting half a million lists of structs takes minutes. A row whose
    query does not carry as many mutations as its type says has no perturbations, and breaks a rule.
    """
    queries, arrays = query_alleles(table, strains), array_alleles(table, strains)
    known = pl.concat([queries["perturbations"], arrays["perturbations"]]).explode().struct.unnest().unique()
    known = known.with_columns(identity=identity(pl.col)).sort("identity", *known.columns).with_row_index("number")
    of_query = _numbers(queries, known, ["query", "query_allele"], 2)
    of_array = _numbers(arrays, known, ["array"], 1)
    joined = (
        table.select("query", "query_allele", "array", "type")
        .join(of_query, on=["query", "query_allele"], how="left", maintain_order="left")
        .join(of_array, on="array", how="left", maintain_order="left", suffix="_array")
    )
    numbers = joined.select("number_0", "number_1", "number_0_array").fill_null(_NONE).to_numpy()
    claimed = joined["type"].replace_strict(GENES_OF_QUERY, return_dtype=pl.Int64).to_numpy()
    contradictory = ((numbers[:, :2] != _NONE).sum(axis=1) != claimed) | (numbers[:, 2] == _NONE)
    numbers = np.sort(np.where(contradictory[:, None], _NONE, numbers), axis=1)
    names, rank = np.unique(known["gene"].fill_null("").to_numpy(), return_inverse=True)
    genes = np.sort(np.where(numbers == _NONE, _NONE, np.append(rank, _NONE)[np.minimum(numbers, len(rank))]), axis=1)
    genes[:, 1:][genes[:, 1:] == genes[:, :-1]] = _NONE  # two alleles of one gene
    genes = np.sort(genes, axis=1)
    missing = pl.Series(contradictory)
    typed = known.select(pl.col(name).cast(column.dtype) for name, column in PERTURBATIONS.inner.items())
    lists = as_lists(typed.to_struct(), numbers)
    return table.with_columns(
        perturbations=pl.select(pl.when(~missing).then(lists)).to_series(),
        genotype=_joined(known["identity"], numbers, PERTURBATION_SEPARATOR),
        genes=_joined(pl.Series(names), genes, GENE_SEPARATOR),
        order=pl.Series((genes != _NONE).sum(axis=1), dtype=pl.UInt8),
    )


def as_lists(values: pl.Series, numbers: np.ndarray) -> pl.Series:
    """One list per row of `numbers` (indices into `values`; the largest integer: none), made of its buffers."""
    import pyarrow as pa

    there = numbers != _NONE
    offsets = np.append(0, there.sum(axis=1).cumsum())
    # `pa.array` would import pandas, which takes longer than half a million crosses
    buffer = pa.Array.from_buffers(pa.int64(), len(offsets), [None, pa.py_buffer(offsets.astype(np.int64))])
    items = values.gather(numbers[there]).to_arrow(compat_level=pl.CompatLevel.newest())
    lists = pl.from_arrow(pa.LargeListArray.from_arrays(buffer, items))
    assert isinstance(lists, pl.Series)
    return lists


def _numbers(strains: pl.DataFrame, known: pl.DataFrame, key: list[str], most: int) -> pl.DataFrame:
    """`key`, `number_0` ... : the numbers of each strain's alleles; null where it has fewer."""
    fields = [name for name in known.columns if name not in ("number", "identity")]
    number_of = strains.explode("perturbations").unnest("perturbations")
    number_of = number_of.join(known, on=fields, how="left", nulls_equal=True, maintain_order="left")
    lists = number_of.group_by(key, maintain_order=True).agg(pl.col("number").cast(pl.Int64))
    return lists.select(
        *key, *(pl.col("number").list.get(n, null_on_oob=True).alias(f"number_{n}") for n in range(most))
    )


def _joined(texts: pl.Series, numbers: np.ndarray, separator: str) -> pl.Series:
    """The texts of each row's numbers with `separator` between them; null where there are none."""
    padded = pl.concat([texts, pl.Series([None], dtype=pl.String)])
    parts = [padded.gather(np.minimum(column, len(texts))) for column in numbers.T]
    frame = pl.DataFrame(parts, schema=["0", "1", "2"])
    joined = frame.select(pl.concat_str("0", "1", "2", separator=separator, ignore_nulls=True)).to_series()
    return joined.replace("", None)
