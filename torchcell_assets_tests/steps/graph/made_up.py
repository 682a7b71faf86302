"""Records of a dataset that does not exist, small enough to be read, and their bundle."""

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
    return bundle.write(folder, made, bundle.manifest_of(dataset(cls), table, made, version, folder / "t.parquet"))


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
            "medium": "SGA",
            "medium_class": "SGA plate",
            "temperature": 26.0,
            "temperature_source": "stated",
            "reference": "wild type",
            "evidence": "measured",
            "publication": "10.1/made.up",
            "value": 0.5 + at / 10,
            "upper_bound": None,
            "uncertainty": 0.05,
            "uncertainty_type": "bootstrap_se",
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
