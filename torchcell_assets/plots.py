"""Figures inside Dagster metadata: rendered on the asset's page, not a path to a file.

Belongs here: turning a matplotlib figure into a metadata value. Does not: what is drawn (`figures.py` of each step).
"""

import base64
import io
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def embedded(figure: "Figure", title: str, dpi: int = 80) -> dg.MetadataValue:
    """The figure as a PNG inside Markdown; at 80 dpi some 20 to 60 kB, which the event log can carry."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=dpi)
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(image.getvalue()).decode()})")
