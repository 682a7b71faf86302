"""Which figures stand on the page of an asset, and under which names they are stored.

Belongs here: the figure of a cell, the figures of the board for every target and size. Does not: how they are drawn (figures.py,
scoreboard_figure.py, order_figure.py), how a figure becomes metadata (storage/figures.py).
"""

import itertools
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from torchcell_assets.config.study import Study
from torchcell_assets.steps.trained import figures, scores, targets
from torchcell_assets.steps.trained.families import chosen
from torchcell_assets.steps.trained.order_figure import order_figure
from torchcell_assets.steps.trained.scoreboard import Collected
from torchcell_assets.steps.trained.scoreboard_figure import scoreboard_figure
from torchcell_assets.storage.figures import drawn, picture


def of_cell(own: pl.DataFrame) -> dict[str, Any]:
    """Predicted against observed, of the aggregation of each target that predicts best in validation: as metadata.

    own: predictions of the models of a cell, without those of their controls.
    """
    found = {}
    for (target,), rows in own.group_by("target", maintain_order=True):
        parts = rows.partition_by("aggregation", maintain_order=True)
        best = min(parts, key=lambda part: scores.error(part, "validation"))
        name = "predicted_against_observed" + (f"_{target}" if own["target"].n_unique() > 1 else "")
        draw = partial(figures.predicted_vs_observed, best, targets.target(str(target)).axis)
        found[name] = picture(best["aggregation"][0], draw)
    return found


def of_board(
    study: Study, board: pl.DataFrame, yardsticks: Mapping[str, scores.Yardsticks], collected: Collected
) -> tuple[dict[str, Any], dict[Path, bytes]]:
    """The figures of every target and size: as metadata, and name -> file.

    The names of the first size have no size in them; those of a study with one target, no target.
    """
    sizes = [size for size in study.sizes if size in set(board["size"])]
    note = "SIMULATED growth, not measured" if study.condition.evidence == ("simulated",) else ""
    how: dict[str, Any] = {"note": note, "families": chosen(study.families)}
    shown: dict[str, Any] = {}
    files: dict[Path, bytes] = {}
    for target, size in itertools.product(study.targets, sizes):
        scored, limits = board.filter(target=target), yardsticks[target].ceilings
        old = [(cell.family, cell.representation) for cell in collected.outdated if cell.size == size]
        more: dict[str, Any] = {"representations": study.representations, "outdated": old, "ceiling": limits.get(0)}
        whole = partial(scoreboard_figure, scored, size, targets.target(target).title, **more, **how)
        by_order = partial(order_figure, scored, size, limits, **how)
        of = "" if len(study.targets) == 1 else f"_{target}"
        suffix = of + ("" if size == sizes[0] else f"_{size}")
        shown[f"figure_{size}{of}"] = drawn(f"scoreboard {size}", whole, Path(f"scoreboard{suffix}"), files)
        shown[f"by_order_{size}{of}"] = drawn(f"by order {size}", by_order, Path(f"by_order{suffix}"), files)
    return shown, files
