"""Records of the double and triple mutants of the SGA test screens: fitness and interaction.

Belongs here: the pipeline's two tables, the standards of the queries, which screen is none. Does not: singles (singles.py).
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache

import numpy as np

from .printed import number, table
from .singles import TORONTO, Record, blank, strains, with_genotypes

MARKER = "YDL227C"
"""ho, deleted in a query by a marker: no perturbation there."""


@dataclass(frozen=True)
class Cross:
    """factor: what the printed numbers are multiplied by to be relative to wild type. array_error: of the array's standard.

    query_fitness: of the query, as the pipeline took it.
    """

    row: int
    query: str
    array: str
    digenic: bool
    factor: float
    score: float
    p_value: float
    query_fitness: float
    array_error: float
    expected: float
    observed: float
    deviation: float


@cache
def crosses() -> list[Cross]:
    """All rows, numbered as in the table of six columns."""
    detailed = {(row[0], row[1]): row for row in table("sga_trigenic/scored_triple_test_small_digenic.txt.txt")}
    of_query = {row[0]: number(row[1]) for row in table("sga_trigenic/dmf_tr_150226_fromSGAonly.txt")}
    of_standard = {row[0]: number(row[1]) for row in table("sga_trigenic/smf_DmQueryStd_MiniArray_180208.tsv")}
    read = []
    for row, cells in enumerate(table("sga_trigenic/scored_triple_test_small_trigenic.txt")[1:], start=1):
        query, array = cells[0], cells[1]
        numbers = [number(cell) for cell in detailed[query, array][2:]]
        digenic = MARKER in query
        # a digenic row was computed with query fitness 1; a trigenic one stands relative to wild type as it is
        factor, q = (of_query[query], 1.0) if digenic else (1.0, of_standard[query])
        cross = Cross(
            **{"row": row, "query": query, "array": array, "digenic": digenic, "factor": factor, "query_fitness": q},
            **{"score": numbers[0], "p_value": number(cells[3]), "array_error": numbers[6]},
            **{"expected": numbers[7], "observed": numbers[8], "deviation": numbers[9]},
        )
        read.append(cross)
    return read


@cache
def dependent() -> frozenset[str]:
    """Double-mutant screens of which each score lies within those of the other three: a mean of them, and no screen.

    A screen of its own lies there in about half of the arrays; only arrays that all four have are asked.
    """
    scores = defaultdict(dict)
    for cross in crosses():
        if not cross.digenic:
            scores[cross.array][cross.query] = cross.score
    queries = sorted({cross.query for cross in crosses() if not cross.digenic})
    complete = np.array([[of[query] for query in queries] for of in scores.values() if len(of) == len(queries)])
    found = set()
    for at, query in enumerate(queries):
        others = np.delete(complete, at, axis=1)
        inside = (others.min(axis=1) <= complete[:, at]) & (complete[:, at] <= others.max(axis=1))
        weights, *_ = np.linalg.lstsq(others, complete[:, at], rcond=None)
        rest = complete[:, at] - others @ weights
        if inside.all() and rest.var() < 0.01 * complete[:, at].var():
            found.add(query)
    return frozenset(found)


def _array(strain: str) -> tuple[str, str, str, str]:
    """Gene, kind, allele and role; a strain that Costanzo 2016 does not know is a deletion where its code says so."""
    if strain in strains():
        return strains()[strain][:4]
    gene, code = strain.split("_")
    if not code.startswith("dma"):
        raise KeyError(f"the allele of {strain} is not known")
    return gene, "deletion", "delta", "array"


def _record(cross: Cross, dataset: str, column: str) -> Record:
    genes = [gene for gene in cross.query.split("_")[0].split("+") if gene != MARKER]
    gene, kind, allele, role = _array(cross.array)
    perturbed = [(name, "deletion", "delta", "haploid", "query") for name in genes]
    return blank(dataset, cross.row, column, [*perturbed, (gene, kind, allele, "haploid", role)]) | {
        **{"screen": f"{dataset}:{cross.query}", "strain": f"{cross.query} x {cross.array}", "query": cross.query},
        **{"evidence": "derived" if cross.digenic else "measured", "reference": "wild type", "assay": "colony size"},
        **{"medium_class": "SGA plate", "temperature": 26.0, "temperature_source": "inferred", "laboratory": TORONTO},
        **{"publication": "10.1038/s41596-020-00456-3", "quarantined": cross.query in dependent()},
        **{"query_error": None},
    }


def fitness() -> list[Record]:
    """One record per cross: observed fitness relative to wild type, its SD of four colonies, the array's share of the error."""
    return with_genotypes(
        [
            _record(cross, "fitness_sga", "fitness")
            | {"value": cross.factor * cross.observed, "uncertainty": cross.factor * cross.deviation}
            | {"uncertainty_type": "sample_sd", "samples": 4, "sample_unit": "colony"}
            | {"array_error": cross.factor * cross.query_fitness * cross.array_error}
            for cross in crosses()
        ]
    )


def interaction() -> list[Record]:
    """One record per cross: observed - expected, with the standard error of the mean of four colonies."""
    return with_genotypes(
        [
            _record(cross, "interaction_sga", "score")
            | {"value": cross.factor * (cross.observed - cross.expected), "expected": cross.factor * cross.expected}
            | {"uncertainty": cross.factor * cross.deviation / 2, "uncertainty_type": "standard_error"}
            | {"score": "epsilon" if cross.digenic else "epsilon_query_array", "p_value": cross.p_value}
            | {"p_value_sides": "one-sided", "array_error": None}
            for cross in crosses()
        ]
    )
