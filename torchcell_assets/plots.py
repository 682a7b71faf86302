"""Figures inside Dagster metadata: rendered on the asset's page, not a path to a file.

Belongs here: turning a matplotlib figure into a metadata value, colours for any number of groups. Does not: what is drawn
(`figures.py` of each step).
"""

import base64
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#4477aa", "#ccbb44", "#aa3377", "#228833", "#ee6677", "#66ccee")
"""Told apart by colour-blind readers too (Paul Tol's bright scheme)."""


def colours(groups: int) -> list[str]:
    """A colour for each of so many groups: the first six by name, from seven on all from one scale."""
    if groups <= len(COLOURS):
        return list(COLOURS[:groups])
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["turbo"](at / (groups - 1))) for at in range(groups)]


def picture(title: str, draw: Callable[[], "Figure"], dpi: int = 80) -> dg.MetadataValue:
    """What `draw` draws, for an asset's page; where that fails, the sentence that says so, and a warning in the log.

    A picture never fails the data that it shows.
    """
    try:
        return embedded(draw(), title, dpi)
    except Exception as error:
        why = f"The picture {title!r} could not be drawn ({type(error).__name__}: {error}); the data are stored."
        dg.get_dagster_logger().warning(why, exc_info=True)
        return dg.MetadataValue.text(why)


def embedded(figure: "Figure", title: str, dpi: int = 80) -> dg.MetadataValue:
    """The figure as a PNG inside Markdown; at 80 dpi some 20 to 60 kB, which the event log can carry."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=dpi)
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(image.getvalue()).decode()})")
