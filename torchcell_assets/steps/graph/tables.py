"""Records -> node and edge tables, in the shape of `schema_config.yaml`. Pure: tables in, tables out.

Belongs here: which column of a record becomes a property, a node or an edge. Does not: files (bundle.py), the
server (load.py).
"""

from dataclasses import dataclass

import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.fingerprint import digest
from torchcell_assets.steps.datasets.dataset import Dataset

ON_SCREEN = ("screen", "dataset", "query", "assay", "reference", "publication", "laboratory")
ON_ENVIRONMENT = ("medium", "medium_class", "temperature", "temperature_source")
BY_EDGE = ("perturbations", "genotype", "genes")
"""What the PERTURBS edges say; written on 20 million experiments, the text of a genotype is a tenth of the store."""


class BundleError(TorchcellError):
    """Records that cannot become a graph."""


@dataclass(frozen=True)
class GraphTables:
    """Nodes by input label (first column `id`) and edges by input label (first columns `source`, `target`)."""

    nodes: dict[str, pl.DataFrame]
    edges: dict[str, pl.DataFrame]


def gene_tables(genes: pl.DataFrame) -> GraphTables:
    """The genes of the genome; `name` is the standard name where there is one."""
    nodes = genes.select(
        pl.col("gene").alias("id"),
        pl.col("gene").alias("uid"),
        pl.coalesce("name", "gene").alias("name"),
        pl.col("name").alias("standard_name"),
        pl.exclude("gene", "name"),
    )
    return GraphTables({"gene": nodes}, {})


def record_tables(dataset: Dataset, records: pl.DataFrame, build: str) -> GraphTables:
    """One dataset that is held at once: all that `shared_tables` and `experiment_tables` give."""
    experiments, shared = experiment_tables(dataset, records, build), shared_tables(dataset, screens_of(records), build)
    _refuse_shared_ids(dataset.name, {**shared.nodes, **experiments.nodes})
    return GraphTables({**shared.nodes, **experiments.nodes}, {**shared.edges, **experiments.edges})


def screens_of(records: pl.DataFrame) -> pl.DataFrame:
    """What the screens of some records carry: one row a screen, unless the records disagree."""
    return records.select(*ON_SCREEN, *ON_ENVIRONMENT).unique()


def shared_tables(dataset: Dataset, screens: pl.DataFrame, build: str) -> GraphTables:
    """The dataset itself, its publication, its screens and environments, and the edges between them.

    screens: what `screens_of` gives of all records; build: the name of the build that they belong to.
    Raises BundleError if the experiments of one screen do not share what a screen carries, or if one id names two
    nodes (BioCypher would silently drop the second).
    """
    screens = screens.unique().sort("screen")
    if screens["screen"].n_unique() != screens.height:
        torn = screens.filter(pl.col("screen").is_duplicated())["screen"].unique().to_list()
        raise BundleError(
            f"{dataset.name}: the experiments of screen {torn[0]!r} differ in medium, reference or publication."
        )
    publications = pl.DataFrame({"name": [dataset.publication], "citation": [dataset.citation]})
    itself = pl.DataFrame(
        {
            "id": [dataset.name],
            "uid": [dataset.name],
            "name": [dataset.name],
            "record_class": [dataset.record.__name__],
            "description": [dataset.description],
            "licence": [dataset.licence],
        }
    )
    environments = screens.select(_environment_name(), *ON_ENVIRONMENT).unique().sort(*ON_ENVIRONMENT)
    nodes = {
        "dataset": itself,
        "publication": _identified("publication", publications),
        "environment": _identified("environment", environments),
        "screen": screens.select(
            pl.col("screen").alias("id"),
            pl.col("screen").str.strip_prefix(f"{dataset.name}:").alias("name"),
            *ON_SCREEN[1:],
            *ON_ENVIRONMENT,
            uid=pl.concat_str(pl.lit(f"{build}/"), "screen"),
            build=pl.lit(build),
        ),
    }
    of_the_build = {"build": pl.lit(build)}
    under = screens.join(nodes["environment"], on=ON_ENVIRONMENT, nulls_equal=True).sort("screen")
    edges = {
        "contains": screens.select(source=pl.lit(dataset.name), target="screen", **of_the_build),
        "published_in": nodes["publication"].select(source=pl.lit(dataset.name), target="id", **of_the_build),
        "under": under.select(source="screen", target="id", **of_the_build),
    }
    _refuse_shared_ids(dataset.name, nodes)
    return GraphTables(nodes, edges)


def _identified(label: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of a node that several datasets may share, each named by a hash of all that it says.

    What two datasets say alike is one node; what differs in anything is two, so that no load rewrites another's.
    """
    named = [f"{label}:{digest(row)}" for row in rows.iter_rows(named=True)]
    return rows.select(pl.Series("id", named, pl.String), pl.Series("uid", named, pl.String), pl.all())


def experiment_tables(dataset: Dataset, records: pl.DataFrame, build: str, first: int = 0) -> GraphTables:
    """Some experiments, and their edges to screens and genes.

    records: in the order in which they are stored; build: the name of their build; first: the number of the first of
    them, by which pages are read.
    """
    rows = records.with_row_index("ordinal", offset=first)
    label = dataset.record.__name__.lower()
    experiments = rows.select(
        "id",
        _caption(),
        "ordinal",
        pl.col("perturbations").list.len().alias("perturbation_count"),
        pl.exclude("id", "ordinal", *ON_SCREEN, *ON_ENVIRONMENT, *BY_EDGE),
        build=pl.lit(build),
    )
    _refuse_shared_ids(dataset.name, {label: experiments, "screen": rows.select(pl.col("screen").unique().alias("id"))})
    edges = {"measured": rows.select(source="screen", target="id"), "perturbs": _perturbs(rows)}
    return GraphTables({label: experiments}, edges)


def _environment_name() -> pl.Expr:
    """What the Neo4j Browser writes on an environment: `YPD, 30.0 C (inferred)`."""
    degrees = (
        pl.when(pl.col("temperature").is_null())
        .then(pl.lit(""))
        .otherwise(pl.format(", {} C", pl.col("temperature").round(1)))
    )
    source = (
        pl.when(pl.col("temperature_source").cast(pl.String) == "inferred")
        .then(pl.lit(" (inferred)"))
        .otherwise(pl.lit(""))
    )
    return pl.concat_str("medium", degrees, source).alias("name")


def _caption() -> pl.Expr:
    """What the Neo4j Browser writes on an experiment: `vps8Δ`, `ntg1Δ sla1Δ`, `cdc28-1`."""
    field = pl.element().struct.field
    shown = pl.coalesce(
        field("name"),
        pl.when(field("kind").cast(pl.String) == "deletion").then(field("gene")).otherwise(field("allele")),
    )
    delta = (
        pl.when((field("kind").cast(pl.String) == "deletion") & ~shown.str.ends_with("Δ"))
        .then(pl.lit("Δ"))
        .otherwise(pl.lit(""))
    )
    return pl.col("perturbations").list.eval(pl.concat_str(shown, delta)).list.join(" ").alias("name")


def _perturbs(rows: pl.DataFrame) -> pl.DataFrame:
    numbered = rows.select("id", "perturbations", position=pl.int_ranges(0, pl.col("perturbations").list.len()))
    return numbered.explode("perturbations", "position").select(
        pl.col("id").alias("source"),
        pl.col("perturbations").struct.field("gene").alias("target"),
        "position",
        *(
            pl.col("perturbations").struct.field(name)
            for name in ("kind", "allele", "zygosity", "name", "marker", "role")
        ),
    )


def _refuse_shared_ids(dataset: str, nodes: dict[str, pl.DataFrame]) -> None:
    ids = pl.concat([table.select("id") for table in nodes.values()])
    shared = ids.filter(ids["id"].is_duplicated())["id"]
    if len(shared):
        raise BundleError(f"{dataset}: the id {shared[0]!r} names two nodes; ids must differ over all labels.")
    spoiled = ids.filter(pl.col("id").str.contains(r'[\t\n\r"|]'))["id"]
    if len(spoiled):
        raise BundleError(
            f"{dataset}: the id {spoiled[0]!r} holds a tab, newline, quote or bar; BioCypher writes ids unquoted."
        )
