"""A picture shows data, and never fails them."""

import logging

import dagster as dg
import pytest
from matplotlib.figure import Figure

from torchcell_assets.storage.figures import colours, judged, picture


def test_a_picture_is_an_image_on_the_page():
    shown = picture("fitness", lambda: Figure(figsize=(1, 1)))
    assert isinstance(shown, dg.MarkdownMetadataValue)
    assert shown.value.startswith("![fitness](data:image/png;base64,")


def test_a_picture_that_fails_is_a_sentence_and_a_warning(caplog):
    def draw() -> Figure:
        raise ValueError("4 datasets and 3 colors")

    logging.getLogger("dagster").propagate = True
    with caplog.at_level(logging.WARNING, logger="dagster"):
        shown = picture("fitness", draw)
    assert shown.value == (
        "The picture 'fitness' could not be drawn (ValueError: 4 datasets and 3 colors); the data are stored."
    )
    assert shown.value in caplog.text


def test_a_judgement_that_cannot_be_made_is_a_sentence_and_a_warning(caplog):
    said = judged("Shares", lambda: "a | b")
    assert isinstance(said, dg.MarkdownMetadataValue) and said.value == "a | b"
    logging.getLogger("dagster").propagate = True
    with caplog.at_level(logging.WARNING, logger="dagster"):
        failed = judged("Shares", lambda: str(1 / 0))
    assert failed.value == "Shares cannot be said (ZeroDivisionError: division by zero); the data are stored."
    assert failed.value in caplog.text


@pytest.mark.parametrize("groups", [0, 1, 6, 7, 50])
def test_every_group_has_a_colour_of_its_own(groups):
    assert len(set(colours(groups))) == len(colours(groups)) == groups
