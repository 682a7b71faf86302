"""What makes an asset out of date, and how a person can see why. Knows no step.

`step` declares what an asset depends on; `publish` stores a table with its data version; `outdated` compares what is
stored with what is deployed; `schema_in_sync` shows that in the UI.
"""

from torchcell_assets.staleness.content import ContentHash, content_hash
from torchcell_assets.staleness.outdated import Elsewhere, Outdated, Standing, State, cell_name, outdated, survey
from torchcell_assets.staleness.publish import publish, publish_batches, result
from torchcell_assets.staleness.step import Policy, step

__all__ = [
    "ContentHash",
    "Elsewhere",
    "Outdated",
    "Policy",
    "Standing",
    "State",
    "cell_name",
    "content_hash",
    "outdated",
    "publish",
    "publish_batches",
    "result",
    "step",
    "survey",
]
