"""Records of a dataset that does not exist, small enough to be read, and their bundle."""

from dataclasses import replace

import polars as pl

from torchcell_assets.schema import Fitness
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.graph import bundle, tables

DATABASE = "neo4j"


def dataset(cls) -> Dataset:
    return Dataset(
        name="fitness_made_up",
        record=cls,
        sources=(),
        parse=lambda: Parsed(pl.LazyFrame()),
        description='Made up: π "q"',
        citation="Nobody, 2026",
        publication="10.1/made.up",
        licence="CC0-1.0",
        published_records=0,
    )


def write_bundle(folder, table: pl.DataFrame, cls, version: str = "v1"):
    made = tables.record_tables(dataset(cls), table, bundle.build_of(dataset(cls), version))
    return bundle.write(folder, made, bundle.manifest_of(dataset(cls), made, version, folder / "t.parquet"))


def fitness_rows() -> pl.DataFrame:
    """Ten records a biologist would recognise: singles, a double, a triple."""
    from torchcell_assets.schema import with_genotype
    from torchcell_assets.schema.records import polars_schema

    genes = [["YAL001C"], ["YBR160W"], ["YLR113W"], ["YAL001C", "YLR113W"], ["YAL001C", "YBR160W", "YLR113W"]]
    rows = [
        {
            "id": f"fitness_made_up:{at}:26C",
            "dataset": "fitness_made_up",
            "row": at,
            "column": "26C",
            "screen": "made up 26",
            "strain": f"s{at}",
            "query": None,
            "assay": "colony size",
            "medium": "SGA",
            "medium_class": "SGA plate",
            "temperature": 26.0,
            "temperature_source": "stated",
            "reference": "wild type",
            "evidence": "measured",
            "publication": "10.1/made.up",
            "laboratory": "Nobody",
            "value": 0.5 + at / 10,
            "upper_bound": None,
            "uncertainty": 0.05,
            "uncertainty_type": "bootstrap_se",
            "query_error": None,
            "array_error": None,
            "samples": 4,
            "sample_unit": "colony",
            "replicates": None,
            "perturbations": [
                {
                    "gene": g,
                    "kind": "deletion",
                    "allele": "delta",
                    "zygosity": "haploid",
                    "name": None,
                    "marker": None,
                    "role": None,
                }
                for g in group
            ],
        }
        for at, group in enumerate(genes, 1)
    ]
    schema = polars_schema(Fitness)
    frame = with_genotype(pl.DataFrame(rows, schema={name: schema[name] for name in rows[0]})).collect()
    return Fitness.validate(frame.select(list(schema)), cast=True)


def as_another(table: pl.DataFrame, name: str, **screen) -> pl.DataFrame:
    """The same records as those of another dataset, under other conditions where `screen` says so."""
    renamed = table.with_columns(
        dataset=pl.lit(name),
        id=pl.col("id").str.replace("^[^:]*", name),
        screen=pl.concat_str(pl.lit(f"{name}:"), "screen"),
        **{column: pl.lit(value, dtype=table.schema[column]) for column, value in screen.items()},
    )
    return Fitness.validate(renamed)


def write_another(folder, table: pl.DataFrame, name: str, version: str = "v1", **declared):
    """The bundle of records of another dataset; declared: what its declaration says otherwise, such as `citation`."""
    made_up = replace(dataset(Fitness), name=name, **declared)
    made = tables.record_tables(made_up, table, bundle.build_of(made_up, version))
    return bundle.write(folder, made, bundle.manifest_of(made_up, made, version, folder / "t.parquet"))


def write_genes(folder, names: dict[str, str], version: str = "v1", **columns):
    """The bundle of a genome of these genes (systematic name -> standard name)."""
    nodes = pl.DataFrame({"id": list(names), "uid": list(names), "name": list(names.values()), **columns})
    manifest = bundle.gene_manifest("genome", version, len(names), folder / "genome.parquet")
    return bundle.write(folder, tables.GraphTables({"gene": nodes}, {}), manifest)
