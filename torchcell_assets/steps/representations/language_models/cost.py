"""What computing vectors costs, before it is begun: operations, seconds on this device, gigabytes.

Belongs here: the arithmetic, and the probe. Does not: asking a person (cli/embed.py).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Width:
    """What a layer multiplies. hidden: dimension of the stream; inner: heads times their width; dense: of the dense layers.

    gated: the dense layers are three, one of them a gate.
    """

    layers: int
    hidden: int
    inner: int
    dense: int
    gated: bool = False

    def operations(self, lengths: Sequence[int]) -> float:
        """Multiplications and additions of a forward pass over sequences of these many tokens, nothing padded.

        Of n tokens in each layer: 2 n for every weight of the four matrices of attention and the two (gated: three) dense ones,
        and 4 n^2 for every number of the heads (scores, and their mix).
        """
        weights = 4 * self.hidden * self.inner + (3 if self.gated else 2) * self.hidden * self.dense
        linear = 2.0 * weights * sum(lengths)
        return self.layers * (linear + 4.0 * self.inner * sum(length * length for length in lengths))

    @property
    def parameters(self) -> int:
        """Weights of the layers, without embeddings."""
        return self.layers * (4 * self.hidden * self.inner + (3 if self.gated else 2) * self.hidden * self.dense)


@dataclass(frozen=True)
class Estimate:
    """What is missing and what it takes. operations: of all that is missing; seconds: by the probe, None where there was none.

    gigabytes: of the vectors that are added to the cache. memory: of the weights, while it runs.
    """

    sequences: int
    missing: int
    tokens: int
    operations: float
    seconds: float | None
    gigabytes: float
    memory: float
    device: str

    def said(self) -> str:
        """One sentence for a person."""
        if not self.missing:
            return f"All {self.sequences:,} sequences are in the cache: nothing is computed."
        took = "" if self.seconds is None else f", about {_time(self.seconds)}"
        return (
            f"{self.missing:,} of {self.sequences:,} sequences ({self.tokens:,} tokens) are computed on {self.device}: "
            f"{self.operations:.2g} operations{took}; {self.memory:.2g} GB of memory, {self.gigabytes:.2g} GB on the disk."
        )

    def as_json(self) -> dict[str, Any]:
        """For a report."""
        return asdict(self) | {"said": self.said()}


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
