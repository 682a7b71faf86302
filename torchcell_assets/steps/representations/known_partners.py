"""What is known of genes beside their sequences, by which a representation is judged: complexes, ohnologs, compartments.

Belongs here: reading the three raw files. Does not: representations, which read none of them; what is made of the tables
(neighbourhoods.py, figures.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.sources import Source, Sources
from torchcell_assets.steps.representations.r_data import text_columns
from torchcell_assets.steps.representations.raw_files import COMPLEXES, GO_SLIM, OHNOLOGS

COMPARTMENTS: dict[str, tuple[str, ...]] = {
    "ribosome": ("ribosome",),
    "mitochondrion": ("mitochondrion", "mitochondrial envelope"),
    "endomembranes": (
        *("endoplasmic reticulum", "Golgi apparatus", "vacuole", "peroxisome", "endomembrane system"),
        "cytoplasmic membrane-bounded vesicle",
    ),
    "cell surface": ("plasma membrane", "cell wall", "extracellular region"),
    "nucleus": ("nucleus", "nucleolus", "chromosome"),
    "cytoplasm": ("cytoplasm", "cytoskeleton", "cell cortex", "site of polarized growth", "cellular bud"),
}
"""Compartment -> the GO slim components that count as it. A gene of several is of the first: the narrower stand before those in
which most proteins are seen now and then."""


class AnnotationError(TorchcellError):
    """A file of annotations is not what was published."""


def complex_partners(path: Path) -> pl.DataFrame:
    """`gene` and `partner`: two members of one complex of CYC2008 (Pu et al. 2009), each pair in both directions, once."""
    members = _read(path, {"gene": "ORF", "complex": "Complex"}, has_header=True)
    both = members.join(members.rename({"gene": "partner"}), on="complex")
    return both.filter(pl.col("gene") != pl.col("partner")).select("gene", "partner").unique().sort("gene", "partner")


def ohnologs(path: Path) -> pl.DataFrame:
    """`gene` and `partner`: two copies that the duplication of the whole genome left, in both directions, each once."""
    columns = text_columns(path, ["ORF.id", "dup.orf"])
    pairs = pl.DataFrame({"gene": columns["ORF.id"], "partner": columns["dup.orf"]}, schema_overrides=_TEXT)
    turned = pairs.select(gene="partner", partner="gene")
    both = pl.concat([pairs, turned]).drop_nulls().filter(pl.col("gene") != pl.col("partner"))
    return _some(path, both.unique().sort("gene", "partner"))


def compartments(path: Path) -> pl.DataFrame:
    """`gene` and `compartment`, one of COMPARTMENTS, by SGD's mapping to GO slim; genes of none of them are not in it."""
    terms = _read(path, {"gene": 0, "aspect": 3, "term": 4}, has_header=False)
    order = {term: at for at, named in enumerate(COMPARTMENTS.values()) for term in named}
    ranked = terms.filter(pl.col("aspect") == "C").select("gene", at=pl.col("term").replace_strict(order, default=None))
    first = _some(path, ranked.drop_nulls()).group_by("gene").agg(pl.col("at").min()).sort("gene")
    return first.select("gene", compartment=pl.col("at").replace_strict(dict(enumerate(COMPARTMENTS))))


PATIENCE = 5.0
"""Seconds that a server gets for a file without which everything works."""
_TEXT = {"gene": pl.String, "partner": pl.String}


@dataclass(frozen=True)
class Known:
    """partners: by kind, of the kinds that can be had. compartments: None where the file cannot be had.

    lacking: why something is not there, a sentence each.
    """

    partners: dict[str, pl.DataFrame]
    compartments: pl.DataFrame | None
    lacking: list[str]


PARTNERS: dict[str, tuple[Source, Callable[[Path], pl.DataFrame]]] = {
    "complex partner": (COMPLEXES, complex_partners),
    "ohnolog": (OHNOLOGS, ohnologs),
}
"""Kind of partners -> the file that lists them, and how it is read."""


def known(sources: Sources) -> Known:
    """What can be had of the three files, now. It asks each server once, and never raises because of one that cannot be had."""
    asked = replace(sources, retries=0, timeout=PATIENCE)
    lacking: list[str] = []

    def read(source: Source, how: Callable[[Path], pl.DataFrame]) -> pl.DataFrame | None:
        try:
            return how(asked.path(source))
        except (TorchcellError, OSError) as error:
            lacking.append(str(error))
            return None

    tables = {kind: read(*one) for kind, one in PARTNERS.items()}
    found = {kind: table for kind, table in tables.items() if table is not None}
    return Known(found, read(GO_SLIM, compartments), lacking)


def _read(path: Path, columns: dict[str, str | int], *, has_header: bool) -> pl.DataFrame:
    """Columns of a table of tabs, in which a line may end early; rows with all of them.

    columns: new name -> the name in the header, or the place from 0 on where there is none.
    """
    try:
        table = pl.read_csv(
            path,
            separator="\t",
            has_header=has_header,
            infer_schema=False,
            quote_char=None,
            truncate_ragged_lines=True,
        )
        wanted = {name: pl.col(at) if isinstance(at, str) else pl.nth(at) for name, at in columns.items()}
        found = table.select(column.str.strip_chars().alias(name) for name, column in wanted.items()).drop_nulls()
    except (pl.exceptions.PolarsError, OSError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise AnnotationError(f"{path} cannot be read as annotations ({why}): fetch the file again.") from error
    return _some(path, found)


def _some(path: Path, found: pl.DataFrame) -> pl.DataFrame:
    if found.is_empty():
        raise AnnotationError(f"{path} holds no annotation of a gene: fetch the file again.")
    return found
