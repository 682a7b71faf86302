"""What the pages of the merged assets show: counts, figures, previews, where columns come from.

Belongs here: metadata of what was written. Does not: writing it (assets.py), drawing (figures.py).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dataframely as dy
import polars as pl

from torchcell_assets.config import layout
from torchcell_assets.config.study import Study
from torchcell_assets.steps.datasets.assets import of_the_study
from torchcell_assets.steps.datasets.dataset import Dataset
from torchcell_assets.steps.merged import figures, merged_table, sample_targets, subsets
from torchcell_assets.steps.merged.merge import Merged, columns_from
from torchcell_assets.steps.merged.phenotypes import Phenotype
from torchcell_assets.storage.figures import picture
from torchcell_assets.storage.publish import as_they_are, column_lineage, column_schema, table_metadata
from torchcell_assets.storage.stored import PREVIEW_ROWS, listed, preview

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LISTED = 20
"""Rows whose measurements agree least, on the page."""
DRAWN = ["order", "haploid", "deletions_only", "value"]


def datasets_of(study: Study, record: type[dy.Schema]) -> tuple[Dataset, ...]:
    """The datasets of a study whose rows are of one record class."""
    return tuple(dataset for dataset in of_the_study(study) if dataset.record is record)


def of_merged(study: Study, phenotype: Phenotype, merged: Merged, path: Path, loaded: int) -> dict[str, Any]:
    """What the page of a merged asset shows. path: of the written file; loaded: experiments in the graph."""
    pairs, datasets = merged_table.replicates(path), datasets_of(study, phenotype.record)
    names = {dataset.publication: dataset.name.split("_", 1)[1] for dataset in datasets}
    rules = merged_table.rules(path)
    several = {rule: counts for rule, counts in rules.items() if rule != "single"}
    tested = sum(rows for rows, _ in several.values())
    columns = columns_from(phenotype)

    def by_order() -> "Figure":
        drawn = merged_table.read(path, "haploid AND deletions_only", columns=DRAWN)
        return figures.by_order(drawn, phenotype)

    return {
        **table_metadata(phenotype.merged, merged_table.spread(path, PREVIEW_ROWS), merged.rows),
        **column_lineage(*((layout.key(study, "graph", one.name), columns) for one in datasets)),
        "loaded": loaded,
        "selected": merged.selected,
        "not_selected_by_the_query": loaded - merged.selected,
        "pooled": merged.pooled,
        "excluded": merged.excluded,
        "by_order": picture(f"{phenotype.name} by order", by_order),
        "replicates": picture("replicates", lambda: figures.replicate_scatter(pairs, names, phenotype)),
        "agreement_of_publications": listed(figures.agreement(pairs)),
        "between_publications": listed(merged_table.between_publications(path)),
        **{f"rows_{rule}": rows for rule, (rows, _) in rules.items()},
        "share_of_pooled_with_p_below_0.05": sum(apart for _, apart in several.values()) / tested if tested else 0.0,
        "least_consistent": listed(merged_table.least_consistent(path, LISTED)),
    }


def of_sample(
    study: Study, phenotypes: Sequence[Phenotype], path: Path, count: pl.DataFrame, available: int | None
) -> dict[str, Any]:
    """What the page of a sample shows. phenotypes: its targets, the first decides which genotypes it holds; path: of the written
    file; count: rows by order and split; available: None for all.
    """
    phenotype, *further = phenotypes
    rows = int(count["len"].sum())

    def by_order() -> "Figure":
        return figures.by_order(pl.read_parquet(path, columns=DRAWN), phenotype)

    return {
        "dagster/row_count": rows,
        "preview": preview(_spread(path, rows)),
        **as_merged(study, phenotypes),
        **of_further(pl.scan_parquet(path), further),
        "available": rows if available is None else available,
        **{f"order_{order}": number for order, number in _sums(count, "order").items()},
        **{split: _sums(count, "split").get(split, 0) for split in subsets.SPLITS},
        "by_order": picture(f"{phenotype.name} by order", by_order),
    }


def as_merged(study: Study, phenotypes: Sequence[Phenotype]) -> dict[str, Any]:
    """The columns of a sample and their lineage: they are those of the merged tables of its targets."""
    first, *further = phenotypes
    beside = {one.name: sample_targets.columns(one) for one in further}
    origins = {one: {called: [name] for name, called in names.items()} for one, names in beside.items()}
    origins = {first.name: as_they_are(first.merged.columns()), **origins}
    return {
        "dagster/column_schema": column_schema(first.merged, *((one.merged, beside[one.name]) for one in further)),
        **column_lineage(*((layout.key(study, "merged", one), columns) for one, columns in origins.items())),
    }


def of_further(sample: pl.LazyFrame, further: Sequence[Phenotype]) -> dict[str, Any]:
    """How many genotypes of a sample have a value of each further target; where it is one of several, of which (`tau` ...)."""
    told: dict[str, Any] = {}
    for phenotype in further:
        columns = sample_targets.columns(phenotype)
        there = sample.filter(pl.col(columns["value"]).is_not_null())
        told[f"with_{phenotype.name}"] = there.select(pl.len()).collect().item()
        for name in phenotype.undecided:
            counts = there.group_by(pl.col(columns[name]).cast(pl.String)).len().sort(columns[name]).collect()
            told |= {f"{phenotype.name}_{name}_{value}": number for value, number in counts.iter_rows()}
    return told


def _sums(count: pl.DataFrame, name: str) -> dict[Any, int]:
    return dict(count.group_by(name).agg(pl.col("len").sum()).sort(name).iter_rows())


def _spread(path: Path, rows: int) -> pl.DataFrame:
    """A few rows from all over a file, of which only their row groups are read."""
    every = max(1, rows // PREVIEW_ROWS)
    return pl.concat(pl.scan_parquet(path).slice(at, 1).collect() for at in range(0, max(1, rows), every))
