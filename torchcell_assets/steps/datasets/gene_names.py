"""Finding a gene by any of its names.

Belongs here: which name wins where several genes share one. Does not: where the names come from (genome.py).
"""

import difflib
from collections import defaultdict

import polars as pl

from torchcell_assets.errors import TorchcellError


class UnknownGeneName(TorchcellError):
    """No gene has this name."""


class AmbiguousGeneName(TorchcellError):
    """Several genes have this alias."""


class GeneNames:
    """Names of genes, whatever their case: systematic names first, then standard names, then aliases.

    genes: rows of `Gene`.
    """

    def __init__(self, genes: pl.DataFrame) -> None:
        self._spelled: dict[str, str] = {}
        self._systematic: dict[str, set[str]] = defaultdict(set)
        self._standard: dict[str, set[str]] = defaultdict(set)
        self._alias: dict[str, set[str]] = defaultdict(set)
        aliases = genes.select("gene", "aliases").explode("aliases", empty_as_null=True)
        for known, pairs in (
            (self._systematic, genes.select("gene", name="gene").rows()),
            (self._standard, genes.select("gene", "name").drop_nulls().rows()),
            (self._alias, aliases.drop_nulls().rows()),
        ):
            for gene, name in pairs:
                known[name.upper()].add(gene)
                self._spelled.setdefault(name.upper(), name)

    def resolve(self, name: str) -> str:
        """The systematic name, such as YBR160W for CDC28, cdc28 or ybr160w.

        Raises AmbiguousGeneName for an alias of several genes, UnknownGeneName for a name of none.
        """
        key = name.strip().upper()
        for known in (self._systematic, self._standard, self._alias):
            genes = sorted(known.get(key, ()))
            if len(genes) == 1:
                return genes[0]
            if genes:
                raise AmbiguousGeneName(f"{name!r} is a name of several genes: use one of {', '.join(genes)}.")
        close = [self._spelled[match] for match in difflib.get_close_matches(key, self._spelled, n=3)]
        hint = f"did you mean {' or '.join(close)}?" if close else "use a systematic name such as YBR160W."
        raise UnknownGeneName(f"No gene is called {name!r}: {hint}")
