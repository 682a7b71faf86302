"""Raw files by name: in an installed package, the cache, a mirror folder, a zip, or at a pinned URL with its sha256.

Belongs here: what a raw file is (source.py), and how one is found and verified (files.py, archives.py). Does not: which files
there are (beside what reads them, in the steps), what is in them; knows no step.
"""

from torchcell_assets.sources.files import Sources
from torchcell_assets.sources.snapshots import Snapshot, Snapshots
from torchcell_assets.sources.source import Source, SourceUnavailable

__all__ = ["Snapshot", "Snapshots", "Source", "SourceUnavailable", "Sources"]
