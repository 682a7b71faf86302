"""Synthetic screens of known truth, shaped like the measured ones: few genes matter much, growth multiplies."""

import numpy as np
import polars as pl

from torchcell_assets.schema.derived import MergedFitness
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.representations.table import GeneEmbedding
from torchcell_assets.steps.trained.predictions import rows_to_predict
from torchcell_assets.steps.trained.splits import fold_of

TYPES = polars_schema(MergedFitness)


def gene_names(count: int) -> list[str]:
    chromosomes = "ABCDEFGHIJKLMNOP"
    return sorted(f"Y{chromosomes[i % 16]}L{1 + i // 16:03d}W" for i in range(count))


def screen(genotypes: int, *, genes: int = 300, seed: int = 1, noise: float = 0.03, names=None) -> pl.DataFrame:
    """A subset table: a third each of single, double and triple mutants (as far as there are genes)."""
    random = np.random.default_rng(seed)
    names = np.array(names or gene_names(genes))
    effect = np.where(random.random(len(names)) < 0.3, -random.exponential(0.3, len(names)), 0.0)
    module = random.integers(0, 12, len(names))
    rows: dict[str, float] = {}
    while len(rows) < genotypes:
        chosen = np.sort(random.choice(len(names), size=random.integers(1, 4), replace=False))
        alike = len(chosen) - len(set(module[chosen]))
        rows["+".join(names[chosen])] = float(np.exp(effect[chosen].sum()) * (1 + 0.1 * alike))
    keys = list(rows)
    value = np.array(list(rows.values())) + random.normal(0, noise, genotypes)
    error = noise * np.sqrt(random.chisquare(4, genotypes) / 4)
    return table(keys, value, error)


def table(genes: list[str], value, error=None, split=None, queries=None) -> pl.DataFrame:
    """A subset table from gene sets and values; the split is that of the platform's kind, 80/10/10 by hash.

    queries: query strain of each, or None.
    """
    bucket = fold_of(genes, 10, seed=99)
    split = split or [("validation" if b == 8 else "test" if b == 9 else "train") for b in bucket]
    columns = {
        "genotype": [" + ".join(f"{gene}:deletion:delta:haploid" for gene in name.split("+")) for name in genes],
        "genes": genes,
        "order": pl.Series([name.count("+") + 1 for name in genes], dtype=pl.UInt8),
        "query": queries or [None] * len(genes),
        "value": np.asarray(value, dtype=float),
        "standard_error": pl.Series(error, dtype=pl.Float64) if error is not None else [None] * len(genes),
        "split": split,
        "rank": pl.Series(range(len(genes)), dtype=pl.UInt32),
    }
    frame = pl.DataFrame(columns, schema_overrides={"query": pl.String})
    return frame.with_columns(pl.col(name).cast(TYPES[name]) for name in frame.columns if name in TYPES)


def rows(genotypes: int, more: int = 0, **how) -> pl.DataFrame:
    """What models predict: a screen of so many genotypes, and a test set with those of so many more of the same truth."""
    every = screen(genotypes + more, **how)
    return rows_of(every.head(genotypes), every)


def rows_of(sample: pl.DataFrame, every: pl.DataFrame | None = None) -> pl.DataFrame:
    """What models predict: a sample and the test split of `every`; by default its own."""
    return rows_to_predict(sample, (sample if every is None else every).filter(pl.col("split") == "test"))


def random_embedding(names: list[str], dimension: int, seed: int = 0) -> GeneEmbedding:
    vectors = np.random.default_rng(seed).normal(0.3, 1.0, (len(names), dimension)).astype(np.float32)
    return GeneEmbedding(f"random_{dimension}", names, vectors, {"fingerprint": "0123456789"})


def one_hot_embedding(names: list[str]) -> GeneEmbedding:
    import scipy.sparse as sp

    vectors = sp.csr_array(sp.eye_array(len(names), dtype=np.float32, format="csr"))
    return GeneEmbedding("one_hot", names, vectors, {"fingerprint": "abcdef0123"})
