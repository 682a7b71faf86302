"""Where a trained cell keeps its files.

Belongs here: paths and names of cells. Does not: which cells there are (families.py), what is in their files (training.py).
"""

from dataclasses import dataclass
from pathlib import Path

BASELINES = "baselines"


@dataclass(frozen=True)
class Cell:
    """One trained cell on disk: a folder with `predictions.parquet`, `manifest.json`, and what its trainer keeps beside them
    (`search.parquet`, a model per aggregation). root: the folder `trained` of the data root.
    """

    root: Path
    family: str
    size: str
    representation: str = ""

    @property
    def folder(self) -> Path:
        """`<root>/<family>/<size>/<representation>`; baselines have no representation."""
        return self.root / self.family / self.size / self.representation

    @property
    def name(self) -> str:
        """`family/size/representation`, as in the path and as `predict` takes it."""
        return "/".join(part for part in (self.family, self.size, self.representation) if part)

    @property
    def predictions(self) -> Path:
        """All predictions of the cell."""
        return self.folder / "predictions.parquet"

    @property
    def manifest(self) -> Path:
        """What the cell says of itself."""
        return self.folder / "manifest.json"

    @property
    def search(self) -> Path:
        """What the search over hyper-parameters tried; a trainer without one has no such file."""
        return self.folder / "search.parquet"
