"""Figures inside Dagster metadata: rendered on the asset's page, not a path to a file.

Belongs here: turning a matplotlib figure, and a judgement that may fail, into metadata values; colours for any number of groups.
Does not: what is drawn (`figures.py` of each step) or said.
"""

import base64
import io
from collections.abc import Callable
from pathlib import Path
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


def judged(title: str, judge: Callable[[], str]) -> dg.MetadataValue:
    """What `judge` says of the data, in Markdown; where it cannot, the sentence that says so, and a warning in the log.

    A judgement never fails the data that it judges.
    """
    try:
        return dg.MetadataValue.md(judge())
    except Exception as error:
        why = f"{title} cannot be said ({type(error).__name__}: {error}); the data are stored."
        dg.get_dagster_logger().warning(why, exc_info=True)
        return dg.MetadataValue.text(why)


def drawn(title: str, draw: Callable[[], "Figure"], place: Path, files: dict[Path, bytes]) -> dg.MetadataValue:
    """The figure for an asset's page; as PNG and SVG it joins `files`, to be stored at `place` under either suffix.

    Where it cannot be drawn, the sentence that says so takes its place in the files too: what lay there shows other data.
    """

    def draw_and_keep() -> "Figure":
        figure = draw()
        files.update({place.with_suffix(".png"): to_png(figure), place.with_suffix(".svg"): to_svg(figure)})
        return figure

    shown = picture(title, draw_and_keep, dpi=65)
    if place.with_suffix(".svg") not in files:
        instead = sentence(str(shown.value))
        files.update({place.with_suffix(".png"): to_png(instead), place.with_suffix(".svg"): to_svg(instead)})
    return shown


def sentence(text: str) -> "Figure":
    """A figure that holds one sentence: what stands in the place of a picture that could not be drawn."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2))
    figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True, parse_math=False)
    return figure


def embedded(figure: "Figure", title: str, dpi: int = 80) -> dg.MetadataValue:
    """The figure as a PNG inside Markdown; at 80 dpi some 20 to 60 kB, which the event log can carry."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=dpi)
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(image.getvalue()).decode()})")


def to_png(figure: "Figure") -> bytes:
    """The figure as PNG; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def to_svg(figure: "Figure") -> bytes:
    """The figure as SVG, for print."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    return buffer.getvalue()
