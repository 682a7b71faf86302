"""Raw files by name: in an installed package, the cache, a mirror folder, a zip, or at a pinned URL with its sha256.

Belongs here: which files there are (catalog.py) and how they are found and verified (files.py, archives.py). Does not:
what is in them; knows no step.
"""

from torchcell_assets.sources.catalog import CATALOG
from torchcell_assets.sources.files import Source, Sources, SourceUnavailable

__all__ = ["CATALOG", "Source", "SourceUnavailable", "Sources"]
