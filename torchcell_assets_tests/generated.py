"""Records made up from the classes themselves: hypothesis strategies for tables of each record class.

Belongs here: tables that keep every rule of a class and hold what a real one rarely does (quotes, Greek letters,
extreme floats, nulls). Does not: expectations.
"""

import dataframely as dy
import polars as pl
from hypothesis import strategies as st

from torchcell_assets.schema import Fitness, Interaction, Perturbation, Profile, Viability, with_genotype
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.datasets.registered import words

GENES = ["YAL001C", "YBR160W", "YLR113W", "Q0045", "YAL034W-A", "YDL227C"]
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8).map(
    lambda t: t.strip() or "x"
)
REGISTERED = ("assay", "medium_class", "reference")
ALLELE = st.sampled_from(["cdc28-1", "tfc3-g349e", "dur1,2", "imp2'", 'a"b', "exo70-29/37", "ε-1"])


def _column(column: dy.Column) -> st.SearchStrategy:
    if isinstance(column, dy.Enum):
        values: st.SearchStrategy = st.sampled_from(list(column.dtype.categories))
    elif isinstance(column, dy.Bool):
        values = st.booleans()
    elif isinstance(column, dy.String):
        values = TEXT
    elif isinstance(column, dy.List):
        values = st.lists(_column(column.inner), min_size=column.min_length or 0, max_size=3)
    elif column.dtype.is_float():
        low, high = getattr(column, "min", None), getattr(column, "max", None)
        values = st.floats(-9.0 if low is None else low, 9.0 if high is None else high, allow_nan=False)
    else:
        values = st.integers(1, 60_000)
    return st.one_of(st.none(), values) if column.nullable else values


@st.composite
def perturbations(draw: st.DrawFn, minimum: int = 1) -> list[dict]:
    """One to three perturbations of distinct genes."""
    genes = draw(st.lists(st.sampled_from(GENES), min_size=minimum, max_size=3, unique=True))
    fields = {
        name: _column(column) for name, column in Perturbation.columns().items() if name not in ("gene", "allele")
    }
    rows = [{"gene": gene, "allele": draw(ALLELE), **draw(st.fixed_dictionaries(fields))} for gene in genes]
    return [{**row, "allele": "delta" if row["kind"] == "deletion" else row["allele"]} for row in rows]


@st.composite
def records(draw: st.DrawFn, cls: type[dy.Schema], dataset: str = "fitness_made_up", max_size: int = 6) -> pl.DataFrame:
    """A valid table of a class of LOADED, all of one dataset in at most two screens."""
    derived = (
        "id",
        "dataset",
        "row",
        "screen",
        "perturbations",
        "genotype",
        "genes",
        "order",
        "publication",
        "laboratory",
    )
    plain = {name: _column(column) for name, column in cls.columns().items() if name not in derived}
    plain |= {name: st.sampled_from(words(name)) for name in REGISTERED if name in plain}
    if "sample_unit" in plain:
        plain["sample_unit"] = st.one_of(st.none(), st.sampled_from(words("sample_unit")))
    shared_names = ("query", "assay", "medium", "medium_class", "temperature", "temperature_source", "reference")
    screens = [draw(st.fixed_dictionaries({name: plain[name] for name in shared_names})) for _ in range(2)]
    rows = []
    for at in range(draw(st.integers(1, max_size))):
        screen = draw(st.integers(0, 1))
        row = draw(st.fixed_dictionaries(plain)) | screens[screen]
        row |= {
            "row": at + 1,
            "id": f"{dataset}:{at + 1}:v",
            "dataset": dataset,
            "screen": f"{dataset}/screen {screen}",
        }
        row |= {"publication": "10.1/made.up", "laboratory": "Nobody"}
        row |= {"perturbations": draw(perturbations(2 if cls is Interaction else 1))}
        rows.append(_coherent(row))
    schema = polars_schema(cls)
    given = {name: schema[name] for name in rows[0] if name in schema}
    frame = with_genotype(pl.DataFrame(rows, schema=given)).collect()
    table = frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
    return cls.validate(table).sort("row", "id")


def _coherent(row: dict) -> dict:
    """Settle what the rules of the classes tie together."""
    row["temperature_source"] = "none" if row["temperature"] is None else "inferred"
    if "uncertainty" in row:
        some = "sample_sd" if row.get("samples") else "standard_error"
        row["uncertainty_type"] = "none" if row["uncertainty"] is None else some
    diploid = row["reference"] == "diploid wild type"
    for one in row["perturbations"]:
        haploid = one["zygosity"] == "haploid"
        one["zygosity"] = ("homozygous" if haploid else one["zygosity"]) if diploid else "haploid"
    if "p_value" in row:
        row["p_value_sides"] = row["p_value_sides"] or "not stated"
        row["p_value"] = min(row["p_value"], 0.5) if row["p_value"] is not None else None
    if "upper_bound" in row:
        row["upper_bound"] = 0.5 if row["value"] is None else None
    return row


LOADED = {"fitness": Fitness, "interaction": Interaction, "viability": Viability, "profile": Profile}
