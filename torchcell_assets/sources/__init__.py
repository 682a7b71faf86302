"""Raw files by name: a file inside an installed package, the cache, a mirror folder, or a pinned URL with its sha256.

Belongs here: which files there are (catalog.py) and how they are found and verified (files.py). Does not: what is in
them; knows no step.
"""

from torchcell_assets.sources.catalog import CATALOG
from torchcell_assets.sources.files import Source, Sources, SourceUnavailable

__all__ = ["CATALOG", "Source", "SourceUnavailable", "Sources"]
