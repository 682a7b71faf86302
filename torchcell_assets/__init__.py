"""Published yeast gene-deletion screens as Dagster data assets; this is what a notebook imports.

    import torchcell_assets as tc
    tc.open("merged/fitness")                       # a stored table, by asset key
    tc.gene("cdc28")                                # a gene, by any of its names
    tc.predict([["SWI4", "CLN3"], ["RAD52"]])       # fitness of mutants, with an interval
    tc.dataset("merged/key_value/1e3", "train")     # genotypes for torch
    tc.embedding("unirep_256")                      # genes, and their vectors
    tc.neighbours("CDC28", "unirep_256")            # the genes whose vectors are nearest

Importing the package is cheap: nothing is read and nothing heavy is imported before one of these is called.
"""

from typing import Any

__all__ = ["dataset", "embedding", "gene", "neighbours", "open", "predict"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "predict":
        from torchcell_assets.notebook.predict import predict

        return predict
    if name in ("embedding", "neighbours"):
        from torchcell_assets.notebook import vectors

        return getattr(vectors, name)
    from torchcell_assets.notebook import tables

    return getattr(tables, "open_table" if name == "open" else name)
