"""What makes an asset out of date, and how a person can see why. Knows no step.

`step` declares what an asset depends on; `outdated` compares what is stored with what is deployed;
`schema_in_sync` shows that in the UI.
"""

from torchcell_assets.staleness.outdated import Elsewhere, Outdated, Standing, State, cell_name, outdated, survey
from torchcell_assets.staleness.step import Members, Policy, step

__all__ = [
    "Elsewhere",
    "Members",
    "Outdated",
    "Policy",
    "Standing",
    "State",
    "cell_name",
    "outdated",
    "step",
    "survey",
]
