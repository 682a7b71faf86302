"""What a training that was killed had reached: small files by name, kept until its cell is stored.

Belongs here: where they lie, whose they are, that each is whole. Does not: what is in them (the trainer that wrote it).

They lie beside the cells, never in one, and under a name that is a hash of everything that decides the training: another sample,
other vectors or another setting never goes on from here.
"""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torchcell_assets.storage.atomic import atomic_write

FOLDER = ".checkpoints"


@dataclass(frozen=True)
class Checkpoints:
    """Files of one training. folder: where they lie; None keeps nothing."""

    folder: Path | None = None

    @classmethod
    def of(cls, root: Path, cell: str, key: str) -> "Checkpoints":
        """Those of one cell under `root`. cell: `family/size/representation`. key: hash of what decides the training."""
        return cls(root / FOLDER / cell / key)

    def found(self, name: str) -> Path | None:
        """The file of that name; None where nothing was saved under it."""
        path = self.folder / name if self.folder else None
        return path if path and path.is_file() else None

    def save(self, name: str, write: Callable[[Path], None]) -> None:
        """Keep what `write` writes to the path that it is given, in the place of what was there; a kill leaves one of the two."""
        if self.folder:
            with atomic_write(self.folder / name) as temporary:
                write(temporary)

    def clear(self) -> None:
        """Remove all of the cell, also those of trainings that nobody will go on with."""
        if self.folder:
            shutil.rmtree(self.folder.parent, ignore_errors=True)
            with contextlib.suppress(OSError):  # others are still there
                for above in list(self.folder.parents)[1:4]:
                    above.rmdir()
