"""What makes an asset out of date, and how a person can see why. Knows no step.

`step` declares what an asset depends on; `publish` stores a table with its data version; `outdated` compares what is
stored with what is deployed; `schema_in_sync` shows that in the UI.
"""

from torchcell_assets.staleness.content import columns_hash, content_hash
from torchcell_assets.staleness.outdated import Outdated, Standing, State, outdated, survey
from torchcell_assets.staleness.publish import publish, result
from torchcell_assets.staleness.step import Policy, step

__all__ = [
    "Outdated",
    "Policy",
    "Standing",
    "State",
    "columns_hash",
    "content_hash",
    "outdated",
    "publish",
    "result",
    "step",
    "survey",
]
