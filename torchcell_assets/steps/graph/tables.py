"""Records -> node and edge tables, in the shape of `schema_config.yaml`. Pure: tables in, tables out.

Belongs here: which column of a record becomes a property, a node or an edge. Does not: files (bundle.py), the
server (load.py).
"""

from dataclasses import dataclass

import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.steps.datasets.dataset import Dataset

ON_SCREEN = ("screen", "dataset", "reference", "publication")
ON_ENVIRONMENT = ("medium", "medium_class", "temperature", "temperature_source")
BY_EDGE = ("perturbations", "genotype", "genes")
"""What the PERTURBS edges say; written on 20 million experiments, the text of a genotype is a tenth of the store."""
VALUE_SCALE = 1_000_000
"""Values are summed as integers of this many to 1: a float sum depends on the order of its terms."""


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
    return records.with_columns(_environment_id()).select(*ON_SCREEN, "environment", *ON_ENVIRONMENT).unique()


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
    publications = pl.DataFrame(
        {"id": [dataset.publication], "name": [dataset.publication], "citation": [dataset.citation]}
    )
    itself = pl.DataFrame(
        {
            "id": [dataset.name],
            "name": [dataset.name],
            "record_class": [dataset.record.__name__],
            "description": [dataset.description],
            "licence": [dataset.licence],
        }
    )
    nodes = {
        "dataset": itself,
        "publication": publications,
        "environment": screens.select(
            pl.col("environment").alias("id"), pl.col("environment").alias("name"), *ON_ENVIRONMENT
        )
        .unique()
        .sort("id"),
        "screen": screens.select(
            pl.col("screen").alias("id"),
            pl.col("screen").str.strip_prefix(f"{dataset.name}:").alias("name"),
            "dataset",
            "reference",
            "publication",
            uid=pl.concat_str(pl.lit(f"{build}/"), "screen"),
            build=pl.lit(build),
        ),
    }
    edges = {
        "contains": screens.select(source=pl.lit(dataset.name), target="screen"),
        "published_in": publications.select(source=pl.lit(dataset.name), target="id"),
        "under": screens.select(source="screen", target="environment"),
    }
    _refuse_shared_ids(dataset.name, nodes)
    return GraphTables(nodes, edges)


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


def _environment_id() -> pl.Expr:
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
    # an id is written unquoted: what would break its row becomes a space, and two that then agree are refused
    medium = pl.col("medium").str.replace_all(r'[\t\n\r"|]', " ")
    return pl.concat_str(medium, degrees, source).alias("environment")


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


def value_sum(records: pl.DataFrame) -> int:
    """Integer-scaled sum of what the experiments say, the same in the server's arithmetic.

    `floor(value * 1e6 + 0.5)` rather than `round`, because servers and libraries round halves differently.
    """
    if "viable" in records.columns:
        return int(records["viable"].sum())
    return int((records["value"].drop_nulls() * VALUE_SCALE + 0.5).floor().cast(pl.Int64).sum())
