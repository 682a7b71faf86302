"""The phenotypes that are merged: each an entry of one registry. Reading the graph, pooling, the merged assets and their figures
derive from it, and nothing else names a phenotype.

Belongs here: what a phenotype is read by (record class, query), what one merged row is (its class, whose primary key is the merge
key), how it is drawn, what is to be known of it as a target. Does not: how anything is pooled (pooling.py), the conditions of a
study (config/study.py).

A new phenotype is an entry here, a record class, a merged class and a query: see docs/add_a_phenotype.md.
"""

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl

from torchcell_assets.config.study import Condition
from torchcell_assets.config.study_fields import QUERIES
from torchcell_assets.schema.derived import Merged, MergedFitness, MergedInteraction
from torchcell_assets.schema.records import Fitness, Interaction, Quantity, polars_schema
from torchcell_assets.steps.graph.pages import on_the_wire
from torchcell_assets.steps.graph.read import Selection

_SOURCE = ("id", "dataset", "publication", "laboratory", "query")
_NUMBERS = ("value", "upper_bound", "uncertainty", "uncertainty_type", "query_error", "array_error", "samples")
"""What a merge reads of each record beside its condition, as far as its class has it."""
_SHARED = ("dataset", "publication", "laboratory", "query", "uncertainty_type")
"""Those of them that hold few values a page, as the columns of a condition do: the server groups the rows of a page by them."""


@dataclass(frozen=True)
class Phenotype:
    """What is measured of a genotype, as a number that is pooled, and that models may predict: a target of the same name.

    name: the second part of the key of its asset, `merged/<name>`; the table in its file is called so too, and so does a study
        call the target.
    row: what one merged row is, in a sentence.
    record: class of the records that are pooled. merged: class of one merged row.
    query: the Cypher query that selects the records, in a page of one build.
    of_the_study: a study chooses another query of this phenotype, by its key `query`.
    label: what a figure writes on an axis of values. neutral: the value of a genotype in which nothing is seen.
    drawn: the smallest and the largest value that a distribution is drawn of in bins; the rest is in the bins at its ends.
    title: what models predict, in the title of the scoreboard. axis: what it is and where it is measured from, beside an axis
        of predictions. multiplies: whether that of a mutant is, without interaction, the product of those of its single mutants.
    """

    name: str
    row: str
    record: type[Quantity]
    merged: type[Merged]
    query: Path
    label: str
    neutral: float
    drawn: tuple[float, float]
    title: str
    axis: str
    multiplies: bool
    of_the_study: bool = False

    @cached_property
    def types(self) -> dict[str, Any]:
        """Column of the merged table -> polars type."""
        return polars_schema(self.merged)

    @cached_property
    def condition(self) -> dict[str, Any]:
        """What a genotype is pooled within, column -> polars type: the merge key without the genotype, in its order."""
        return {name: self.types[name] for name in self.merged.primary_key() if name != "genotype"}

    @cached_property
    def undecided(self) -> tuple[str, ...]:
        """Columns of the merge key that no condition of a study decides, such as which score an interaction is: of a genotype
        that has several, a sample takes the first value that the merged class names.
        """
        return tuple(name for name in self.condition if name not in Condition.model_fields)

    @cached_property
    def columns(self) -> dict[str, Any]:
        """What a query of this phenotype has to return, column -> type on the wire."""
        own = polars_schema(self.record)
        wanted = [name for name in (*_SOURCE, *self.condition, *_NUMBERS) if name in own]
        return {"ordinal": pl.Int64, **{name: on_the_wire(own[name]) for name in wanted}}

    def selected_by(self, query: Path) -> Selection:
        """A query of this phenotype, which may be another one than its own, with what it has to return."""
        return Selection(query, self.columns, shared=(*_SHARED, *self.condition), example=self.query)


FITNESS = Phenotype(
    name="fitness",
    row="One row is one genotype at one temperature, in one class of media and one kind of assay, pooled over its measurements.",
    record=Fitness,
    merged=MergedFitness,
    query=QUERIES / "fitness.cypher",
    label="fitness (mutant / reference)",
    neutral=1.0,
    drawn=(0.0, 1.4),
    title="growth",
    axis="fitness (wild type = 1)",
    multiplies=True,
    of_the_study=True,
)
INTERACTION = Phenotype(
    name="interaction",
    row="One row is one interaction score (epsilon, tau ...) of one genotype under one condition, pooled over its measurements.",
    record=Interaction,
    merged=MergedInteraction,
    query=QUERIES / "interaction.cypher",
    label="interaction (observed - expected fitness)",
    neutral=0.0,
    drawn=(-0.2, 0.2),
    title="interaction",
    axis="interaction (observed - expected fitness)",
    multiplies=False,
)

PHENOTYPES = {phenotype.name: phenotype for phenotype in (FITNESS, INTERACTION)}
"""Name -> entry. The first of them that is a target of a study decides which genotypes are in its samples."""


def merged_by(records: Set[type[dy.Schema]]) -> list[Phenotype]:
    """The phenotypes of which there is something to merge, in the order of the registry.

    records: the record classes of the datasets of a study.
    """
    return [phenotype for phenotype in PHENOTYPES.values() if phenotype.record in records]


def query_of(phenotype: Phenotype, of_the_study: Path) -> Path:
    """The query by which a study selects the records of a phenotype. of_the_study: the query that the study names."""
    return of_the_study if phenotype.of_the_study else phenotype.query
