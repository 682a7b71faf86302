"""What the generators of benchmarks/ write has the published layout, and their truth is what is printed."""

import importlib
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from torchcell_assets.schema import validate
from torchcell_assets.sources import Sources
from torchcell_assets.steps.datasets.crosses import tau
from torchcell_assets.steps.datasets.crosses.strain_table import COSTANZO_2016_SINGLES
from torchcell_assets.steps.datasets.publications import kuzmin2018, kuzmin2020

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
EPSILON = "Genetic interaction score (ε)"


@pytest.fixture
def generator(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module
    for name in ("generate_published", "generate_trigenic"):
        sys.modules.pop(name, None)


@pytest.fixture
def strains(raw_files, tmp_path, monkeypatch) -> Path:
    import os

    mirror = os.environ.get("TORCHCELL_MIRROR")
    return Sources(cache=tmp_path / "raw", mirror=Path(mirror) if mirror else None).path(COSTANZO_2016_SINGLES)


def identity(side: str) -> pl.Expr:
    """gene:kind:allele:zygosity of a printed strain, by the rules of the publication, written a second time."""
    strain, allele = pl.col(f"{side} Strain ID"), pl.col(f"{side} allele name")
    code = strain.str.extract(r"_([A-Za-z]+)\d+$")
    kinds = {"dma": "deletion", "sn": "deletion", "tsa": "temperature_sensitive", "tsq": "temperature_sensitive"}
    suppressor = allele.str.contains("-supp", literal=True) | (code == "S")
    kind = pl.when(suppressor).then(pl.lit("suppressor")).otherwise(code.replace_strict(kinds, default="damp"))
    named = pl.when(kind == "deletion").then(pl.lit("delta")).otherwise(allele)
    return pl.concat_str(strain.str.extract(r"^(.+)_"), kind, named, pl.lit("haploid"), separator=":").alias(side)


def test_the_truth_of_the_pairs_is_what_is_printed(generator, strains, tmp_path):
    generator("generate_published").write_costanzo(tmp_path, strains, rows=20_000, seed=7)
    folder = tmp_path / "costanzo2016"
    names = ["SGA_NxN.txt", "SGA_ExN_NxE.txt", "SGA_ExE.txt", "SGA_DAmP.txt"]
    printed = pl.concat([pl.read_csv(folder / n, separator="\t", infer_schema=False, quote_char=None) for n in names])
    assert printed.height == 20_000
    number = {name: pl.col(name).cast(pl.Float64) for name in printed.columns[-4:]}
    query, array, double, sd = number.values()
    off = query.fill_null(1.0) * array + pl.col(EPSILON).cast(pl.Float64) - double
    assert printed.select(off.abs().max()).item() < 1e-4
    parts = pl.concat_list(identity("Query"), identity("Array")).list.sort()
    reading = pl.struct((double * 1e4).round().cast(pl.Int64).alias("value"), sd.alias("sd"))
    counted = printed.group_by(
        first=parts.list.first(),
        second=parts.list.last(),
        temperature=pl.col("Arraytype/Temp").str.extract(r"(\d+)$").cast(pl.UInt8),
        relative_to_query=query.is_null(),
    ).agg(rows=pl.len(), measurements=reading.n_unique(), total=reading.unique().struct.field("value").sum())
    alleles = pl.read_parquet(folder / "alleles.parquet")["identity"]
    truth = pl.read_parquet(folder / "truth.parquet")
    named = truth.with_columns(alleles.gather(truth[side]).alias(side) for side in ("first", "second"))
    keys = ["first", "second", "temperature", "relative_to_query"]
    both = named.drop("weighted_mean").join(counted, on=keys, how="full", suffix="_printed")
    assert both.height == truth.height
    assert both.select((pl.col(n) == pl.col(f"{n}_printed")).all() for n in ("rows", "measurements", "total")).row(
        0
    ) == (
        True,
        True,
        True,
    )
    assert truth["rows"].max() > 1 and truth["relative_to_query"].any()


@pytest.mark.parametrize(("publication", "year"), [(kuzmin2018, 2018), (kuzmin2020, 2020)], ids=["2018", "2020"])
def test_tau_of_the_generated_tables_follows_from_their_records(generator, strains, tmp_path, publication, year):
    write = getattr(generator("generate_trigenic"), f"write_{year}")
    rows = write(tmp_path, strains, 6_000, np.random.default_rng(3))
    kept = {}
    for dataset in (publication.FITNESS, publication.INTERACTION, publication.QUERIES):
        paths = [strains if s == COSTANZO_2016_SINGLES else tmp_path / s.name for s in dataset.sources]
        kept[dataset.name], failure = validate(dataset.record, dataset.parse(*paths).records.collect())
        assert len(failure) == 0
    assert kept[publication.FITNESS.name].height == kept[publication.INTERACTION.name].height == rows
    found = tau.agreement(tau.recompute(kept[publication.INTERACTION.name], kept[publication.QUERIES.name]))
    assert found.complete > 0.5 * found.scores > 0
    assert found.identical == 1.0
