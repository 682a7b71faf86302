"""Pictures of one representation. Each function draws one figure from what it is given; writes nothing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from torchcell_assets.storage.figures import colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ELSEWHERE = "other or not known"


def place(vectors: Any) -> tuple[np.ndarray, np.ndarray]:
    """Genes on the two axes along which they differ most (principal components), and the share of the variance on each.

    vectors: genes x dimension, dense or CSR; not changed. Of one dimension, or of genes that are all alike, the second axis is
    zero. A component has no sign: scikit-learn gives the one whose entry of largest modulus is positive.
    """
    from sklearn.decomposition import PCA

    axes = min(2, vectors.shape[1], vectors.shape[0] - 1)
    if axes < 2:
        rest = np.asarray(vectors[:, [0]].toarray() if sp.issparse(vectors) else vectors[:, [0]], dtype=np.float64)
        rest = rest - rest.mean(axis=0)
        return np.hstack([rest, np.zeros_like(rest)]), np.array([1.0, 0.0])
    if sp.issparse(vectors):
        few = min(vectors.shape) <= axes
        solver, matrix = ("full", vectors.toarray()) if few else ("arpack", vectors.astype(np.float64))
    else:
        solver, matrix = "full" if min(vectors.shape) <= axes else "randomized", vectors
    found = PCA(axes, svd_solver=solver, random_state=0)
    return found.fit_transform(matrix), found.explained_variance_ratio_


def gene_map(
    genes: list[str], vectors: Any, compartments: pl.DataFrame | None, named: Mapping[str, str], title: str
) -> "Figure":
    """Every gene as a point, on the two axes along which they differ most.

    compartments: `gene` and `compartment`, by which points are coloured, the most frequent first; None: one colour.
    named: gene -> the name by which it is marked.
    """
    from matplotlib.figure import Figure

    points, explained = place(vectors)
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for group, colour, rows in _groups(genes, compartments):
        axes.scatter(
            points[rows, 0],
            points[rows, 1],
            s=4,
            color=colour,
            linewidths=0,
            alpha=0.6,
            label=f"{group} ({len(rows):,})",
        )
    for row, gene in enumerate(genes):
        if gene in named:
            axes.annotate(named[gene], points[row], (4, 3), textcoords="offset points", fontsize=8, fontweight="bold")
            axes.plot(*points[row], marker="o", markersize=5, markerfacecolor="none", color="black")
    axes.set_xlabel(f"first principal component ({explained[0]:.0%} of the variance)")
    axes.set_ylabel(f"second ({explained[1]:.0%})")
    axes.set_title(f"{title}, {len(genes):,} genes", fontsize=10)
    if compartments is not None:
        axes.legend(frameon=False, fontsize=8, markerscale=3, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _groups(genes: list[str], compartments: pl.DataFrame | None) -> list[tuple[str, str, np.ndarray]]:
    """Name, colour and rows of each group; those of no known compartment first, so that the others lie above."""
    if compartments is None:
        return [("genes", colours(1)[0], np.arange(len(genes)))]
    table = pl.DataFrame({"gene": genes}, schema={"gene": pl.String})
    group = table.join(compartments, on="gene", how="left", maintain_order="left")["compartment"].fill_null(ELSEWHERE)
    known = group.filter(group != ELSEWHERE)
    names = known.unique(maintain_order=False).sort().to_list()
    names.sort(key=lambda name: -int((known == name).sum()))
    named = [(ELSEWHERE, "#bbbbbb"), *zip(names, colours(len(names)), strict=True)]
    return [(name, colour, np.flatnonzero((group == name).to_numpy())) for name, colour in named]
