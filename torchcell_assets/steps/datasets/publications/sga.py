"""Double and triple mutants of the nine screens that test the trigenic SGA scoring (Kuzmin et al. 2021,
doi 10.1038/s41596-020-00456-3): fitness and interaction.

Belongs here: how the scoring pipeline's two output tables and its query standards become records, and which reference
each value has. Does not: Costanzo's strain table (fitness_costanzo2016.py), tau scores (they need screens that are not
in these files).

Nine queries were crossed to 1,203 array strains: four double-mutant queries (trigenic rows) and five single-mutant
queries that carry hoΔ (YDL227C) as a marker (digenic rows). In every row

    observed = q x (array fitness + e_score / 510.979),    expected = q x array fitness,

where q is the fitness of the query. The pipeline knew q of the double-mutant queries and took 1 for the others, so a
digenic `observed` is relative to its query, not to wild type. Such rows are multiplied by the query standard F of
`dmf_tr_150226` (observed, its SD, expected, epsilon alike) and labelled derived; without an F there is no value.
F x array fitness + score, which is sometimes used, is wrong by up to 0.0147.

The printed SD is q x e_sd / 510.979, that of four colonies: it is the error of e alone, and so that of epsilon = q x e_score /
510.979 too. The error of the array fitness is in neither: all crosses of an array strain share it, and it is kept apart
(`array_error`). That of the query is not known: none of the nine states one, and F is the single of Costanzo 2016 over 1.0107,
whose `stddev` is no standard error. The printed p-value is one-sided: none is above one half.

The "adjusted" score of the six-column table is the unadjusted difference in this subset, to its four decimals. It is
stored as what it is: epsilon of two genes (digenic), epsilon between the double-mutant query and the array gene
(trigenic), never tau.
"""

from dataclasses import replace
from pathlib import Path

import dataframely as dy
import polars as pl

from torchcell_assets.schema.genotype import perturbation
from torchcell_assets.schema.records import Fitness, Interaction
from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.as_records import as_records
from torchcell_assets.steps.datasets.crosses.strain_codes import (
    BOONE_ANDREWS,
    MARKER_GENE,
    STRAIN_CODES,
    SUPPRESSOR_IN_ALLELE,
)
from torchcell_assets.steps.datasets.crosses.strain_table import COSTANZO_2016_SINGLES, read_strains
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.raw_file import (
    ROW,
    BadRawFile,
    any_unreadable,
    is_blank,
    number,
    read_text,
    unreadable,
)
from torchcell_assets.steps.datasets.registered import Registered

_PUBLIC = "https://raw.githubusercontent.com/csbio/SGA_Public/05134938ce18b118ebc58ef575ab403e634aae2b"
_KUZMIN_2021 = "Kuzmin et al. 2021, Nature Protocols 16:1219"
SGA_SCORES = Source(
    name="sga_trigenic/scored_triple_test_small_trigenic.txt",
    sha256=("2e37b1450dbcea81c437cf0b97debe26c4f46677c4b9676d1e5f73a01f29319f",),
    bytes=725_894,
    url=f"{_PUBLIC}/test/trigenic_scoring_test/scored_triple_test_small_trigenic.txt",
    licence="none stated",
    citation=_KUZMIN_2021,
    doi="10.1038/s41596-020-00456-3",
)

SGA_DETAILS = Source(
    name="sga_trigenic/scored_triple_test_small_digenic.txt.txt",
    sha256=("f389dc9131251debfc65fe7aa257a50e5aef5ef4f41059b4f5ffc929840d3b6a",),
    bytes=1_314_874,
    url=f"{_PUBLIC}/test/trigenic_scoring_test/scored_triple_test_small_digenic.txt.txt",
    licence="none stated",
    citation=_KUZMIN_2021,
    doi="10.1038/s41596-020-00456-3",
)

SGA_DIGENIC_QUERIES = Source(
    name="sga_trigenic/dmf_tr_150226_fromSGAonly.txt",
    sha256=("9a70a7fa01f7e98aed5284d1ab0f6c1fe2373debf9d11a6a96955731b3e5a287",),
    bytes=56_258,
    url=f"{_PUBLIC}/refdata/dmf_tr_150226_fromSGAonly.txt",
    licence="none stated",
    citation="Kuzmin et al. 2018, Science 360:eaao1729",
    doi="10.1126/science.aao1729",
)

SGA_TRIGENIC_QUERIES = Source(
    name="sga_trigenic/smf_DmQueryStd_MiniArray_180208.tsv",
    sha256=("3d850bc1bd5126ba6f91255a2afd7548123864b83441eec49e38bfe87152ebd4",),
    bytes=57_428,
    url=f"{_PUBLIC}/refdata/smf_DmQueryStd_MiniArray_180208.tsv",
    licence="none stated",
    citation=_KUZMIN_2021,
    doi="10.1038/s41596-020-00456-3",
)

_REGISTERED = Registered(
    media=(("SGA selection plate", "SGA plate"),),
    references=("wild type",),
    assays=("colony size",),
    laboratories=(BOONE_ANDREWS,),
)

PIXELS_PER_FITNESS = 510.979  # the pipeline's unit of e_score: mean colony size of a wild type
COLONIES = 4  # per array strain and screen

DEPENDENT_SCREENS = {
    "YAL028W+YOR324C_tm1553": "its scores are a weighted mean of those of the three other double-mutant queries: R2 "
    "0.9999, inside their range in 1,088 of 1,088 arrays (a screen of its own: 41-53 %)"
}
"""Query -> why its screen is no measurement of its own; independence.py finds it."""

_SCORE_COLUMNS = [
    "Query Strain ID",
    "Array Strain ID",
    "Adjusted genetic interaction score (epsilon or tau)",
    "P-value",
    "Double/triple mutant fitness",
    "Double/triple mutant fitness standard deviation",
]
_NUMBERS = [
    "e_score",
    "e_sd",
    "p",
    "query_fitness",
    "query_sd",
    "array_fitness",
    "array_sd",
    "expected",
    "observed",
    "sd",
]
_DETAIL_COLUMNS = ["query", "array", *_NUMBERS]
_NOT_STORED = ("digenic", "blank", "observed", "sd", "expected", "array_error", "P-value")
_SIX_DECIMALS = 2e-6  # what rounding to six decimals leaves of an identity
_FOUR_DECIMALS = 6e-5


def read_crosses(
    scores: Path, details: Path, digenic_queries: Path, trigenic_queries: Path, strains: Path
) -> pl.DataFrame:
    """One row per cross, in the order of the six-column table, with the columns that both kinds of record share.

    observed, sd, expected, array_error: relative to wild type; null where the query's fitness is unknown.
    """
    table = _with_details(scores, details)
    factor = _factors(digenic_queries, trigenic_queries)
    genes = pl.col("query").str.extract(r"^(.+)_").str.split("+")
    table = (
        table.with_columns(query_genes=genes.list.set_difference([MARKER_GENE]))
        .with_columns(digenic=pl.col("query_genes").list.len() == 1)
        .join(factor, on=["query", "digenic"], how="left", maintain_order="left")
    )
    _require_consistency(details, trigenic_queries, table)
    scale = pl.when("digenic").then("factor").otherwise(pl.when(pl.col("factor").is_not_null()).then(1.0))
    return _with_perturbations(table, strains).select(
        ROW,
        "perturbations",
        "query",
        "digenic",
        "blank",
        "problem",
        "P-value",
        (pl.col("observed", "sd", "expected") * scale),
        array_error=pl.col("array_sd") * pl.when("digenic").then("factor").otherwise("query_fitness"),
        dependent=pl.col("query").replace_strict(DEPENDENT_SCREENS, default=None, return_dtype=pl.String),
        strain=pl.concat_str("query", pl.lit(" x "), "array"),
        **_REGISTERED.columns,
        temperature=pl.lit(26.0),
        temperature_source=pl.lit(
            "inferred"
        ),  # stated nowhere; the ts arrays agree with Costanzo 2016 at 26, not at 30
        evidence=pl.when("digenic").then(pl.lit("derived")).otherwise(pl.lit("measured")),
        publication=pl.lit(SGA_SCORES.doi),
    )


def parse_fitness(*paths: Path) -> Parsed:
    """One row per cross: the fitness of the double or triple mutant."""
    name = FITNESS.name
    crosses = read_crosses(*paths).with_columns(
        column=pl.lit("fitness"),
        screen=pl.concat_str(pl.lit(f"{name}:"), "query"),
        value=pl.col("observed"),
        uncertainty=pl.col("sd"),
        uncertainty_type=pl.lit("sample_sd"),
        samples=pl.lit(COLONIES, dtype=pl.UInt32),
        sample_unit=pl.lit("colony"),
    )
    return _parsed(crosses, Fitness, name)


def parse_interaction(*paths: Path) -> Parsed:
    """One row per cross: observed - expected, with the standard error of the mean of four colonies."""
    name = INTERACTION.name
    score = pl.col("observed") - pl.col("expected")
    error = pl.col("sd") / COLONIES**0.5
    crosses = read_crosses(*paths).with_columns(
        column=pl.lit("score"),
        screen=pl.concat_str(pl.lit(f"{name}:"), "query"),
        value=score,
        score=pl.when("digenic").then(pl.lit("epsilon")).otherwise(pl.lit("epsilon_query_array")),
        p_value="P-value",
        p_value_sides=pl.lit("one-sided"),
        uncertainty=error,
        uncertainty_type=pl.when(error.is_null()).then(pl.lit("none")).otherwise(pl.lit("standard_error")),
    )
    return _parsed(crosses, Interaction, name)


def _parsed(crosses: pl.DataFrame, cls: type[dy.Schema], name: str) -> Parsed:
    held = crosses.filter(~pl.col("blank"))
    # the array fitness is part of the fitness of a cross, and subtracted from its score
    own = "expected" if cls is Interaction else "array_error"
    records = held.select(pl.exclude(_NOT_STORED), own)
    return Parsed(as_records(records, cls, name), blank=crosses.height - held.height)


def _with_details(scores: Path, details: Path) -> pl.DataFrame:
    """The six-column table, which numbers the rows, with the columns of the twelve-column table as numbers."""
    six = read_text(scores, _SCORE_COLUMNS).rename({"Query Strain ID": "query", "Array Strain ID": "array"})
    if six.select("query", "array").is_duplicated().any() or six.filter(~pl.col("array").str.starts_with("Y")).height:
        raise BadRawFile(scores, "its second column does not hold array strains, or it holds a cross twice")
    twelve = read_text(details, _DETAIL_COLUMNS, header=False).drop(ROW)
    if twelve.select("query", "array").is_duplicated().any():
        raise BadRawFile(details, "it holds a cross twice")
    if missing := six.join(twelve, on=["query", "array"], how="anti").height:
        raise BadRawFile(details, f"it lacks {missing} of the {six.height} crosses of {scores.name}")
    return (
        six.join(twelve, on=["query", "array"], how="left", maintain_order="left")
        .with_columns(blank=is_blank("observed"), problem=any_unreadable(*map(unreadable, _NUMBERS)))
        .with_columns(number(column) for column in _NUMBERS)
    )


def _factors(digenic_queries: Path, trigenic_queries: Path) -> pl.DataFrame:
    """`query`, `digenic`, `factor`: the fitness of each query relative to wild type.

    The first file repeats the fitness of a single-mutant query where that of a double-mutant query has its SD.
    """
    digenic = read_text(digenic_queries, ["query", "factor", "again"], header=False)
    trigenic = read_text(trigenic_queries, ["query", "factor", "sd"], header=False)
    single = digenic.filter(pl.col("query").str.contains(f"+{MARKER_GENE}_", literal=True))
    if single.is_empty() or single.filter(number("factor") != number("again")).height:
        raise BadRawFile(digenic_queries, "it does not give one fitness twice for each single-mutant query")
    return pl.concat(
        table.select("query", digenic=pl.lit(kind), factor=number("factor")).unique("query", keep="none")
        for table, kind in ((single, True), (trigenic, False))
    )


def _require_consistency(details: Path, trigenic_queries: Path, table: pl.DataFrame) -> None:
    """Refuse numbers that do not obey the pipeline's own identities: columns were moved or standards belong elsewhere."""
    q = pl.when("digenic").then(1.0).otherwise("query_fitness")
    wrong = table.select(
        observed=(q * (pl.col("array_fitness") + pl.col("e_score") / PIXELS_PER_FITNESS) - pl.col("observed"))
        .abs()
        .max(),
        sd=(q * pl.col("e_sd") / PIXELS_PER_FITNESS - pl.col("sd")).abs().max(),
        expected=(q * pl.col("array_fitness") - pl.col("expected")).abs().max(),
    ).row(0, named=True)
    for column, error in wrong.items():
        if (error or 0) > _SIX_DECIMALS:
            raise BadRawFile(details, f"its {column} fitness does not follow from its other columns (by {error:.2g})")
    printed = {
        "Double/triple mutant fitness": pl.col("observed"),
        "Double/triple mutant fitness standard deviation": pl.col("sd"),
        "Adjusted genetic interaction score (epsilon or tau)": pl.col("observed") - pl.col("expected"),
        "P-value": pl.col("p"),
    }
    for column, detailed in printed.items():
        error = table.select((number(column) - detailed).abs().max()).item()
        if (error or 0) > _FOUR_DECIMALS:
            raise BadRawFile(details, f"it differs from the six-column table in {column!r} (by {error:.2g})")
    foreign = table.filter(~pl.col("digenic"), (pl.col("factor") - pl.col("query_fitness")).abs() > _SIX_DECIMALS)
    if foreign.height:
        raise BadRawFile(
            trigenic_queries, f"its fitness of the query {foreign['query'][0]} is not the one that was used"
        )


def _with_perturbations(table: pl.DataFrame, strains: Path) -> pl.DataFrame:
    """Deletions of the query genes, and the array strain's allele as Costanzo et al. 2016 name it."""
    known = read_strains(strains).select("strain", "kind", "published")
    table = (
        table.with_columns(
            array_gene=pl.col("array").str.extract(r"^(.+)_"), code=pl.col("array").str.extract(r"_([A-Za-z]+)\d+$")
        )
        .join(known, left_on="array", right_on="strain", how="left", maintain_order="left")
        .join(STRAIN_CODES.rename({"kind": "kind_of_code"}), on="code", how="left", maintain_order="left")
    )
    array = perturbation(
        pl.col("array_gene"),
        pl.coalesce("kind", "kind_of_code"),
        allele=pl.coalesce("published", pl.col("array").str.extract(r"_([^_]+)$")),
        name=pl.col("published"),
        marker=pl.col("marker"),
        role=pl.col("role"),
    )
    first, second = (
        perturbation(pl.col("query_genes").list.get(position, null_on_oob=True), "deletion", role="query")
        for position in (0, 1)
    )
    return table.with_columns(
        perturbations=pl.when("digenic")
        .then(pl.concat_list(first, array))
        .otherwise(pl.concat_list(first, second, array))
    )


_POLICIES = {
    "marker_gene": MARKER_GENE,
    "pixels_per_fitness": PIXELS_PER_FITNESS,
    "colonies": COLONIES,
    "dependent_screens": DEPENDENT_SCREENS,
    "strain_codes": STRAIN_CODES.rows(),
    "suppressor": SUPPRESSOR_IN_ALLELE,
}
_SOURCES = (SGA_SCORES, SGA_DETAILS, SGA_DIGENIC_QUERIES, SGA_TRIGENIC_QUERIES, COSTANZO_2016_SINGLES)
_LICENCE = "none stated (the repository of the copies has no licence file)"

FITNESS = Dataset(
    name="fitness_sga",
    record=Fitness,
    sources=_SOURCES,
    parse=parse_fitness,
    description=(
        "One row is the fitness of one double or triple mutant, relative to wild type: 5,826 digenic rows, derived by "
        "multiplying with the fitness of the query, and 3,457 trigenic rows as measured. Eight SGA screens at 26 °C (inferred). "
        "A ninth (1,149 trigenic rows of YAL028W+YOR324C_tm1553) is in quarantine: it is a weighted mean of the three others."
    ),
    citation=SGA_SCORES.citation,
    publication=SGA_SCORES.doi,
    licence=_LICENCE,
    registered=replace(_REGISTERED, sample_units=("colony",)),
    policies=_POLICIES,
    published_records=9_283,
    quarantine_limit=1_149,
    logic="2",
)

INTERACTION = Dataset(
    name="interaction_sga",
    record=Interaction,
    sources=_SOURCES,
    parse=parse_interaction,
    description=(
        "One row is observed minus expected fitness of one double or triple mutant: 5,826 digenic epsilons (derived) and "
        "3,457 trigenic rows (1,149 of YAL028W+YOR324C_tm1553 are in quarantine, as a mean of the three other screens). The "
        "trigenic scores are unadjusted (epsilon of double-mutant query and array gene, not tau), "
        "because the control screens for the adjustment are not in this subset."
    ),
    citation=SGA_SCORES.citation,
    publication=SGA_SCORES.doi,
    licence=_LICENCE,
    registered=_REGISTERED,
    policies=_POLICIES,
    published_records=9_283,
    quarantine_limit=1_149,
    logic="3",
)

DATASETS = (FITNESS, INTERACTION)
