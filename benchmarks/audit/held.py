"""What a data root holds against what was computed again: one line of the table after the other.

Belongs here: which columns and files are compared, and with which tolerance. Does not: either side of the comparison.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from . import genes, models, scores, stored, vectors
from .compare import Line, rows
from .pooling import CONDITION, Between, Key, Record

EXACT = 1e-12
"""Of numbers that are read, or multiplied once."""
SUMMED = 1e-9
"""Of numbers that are summed in another order."""
FREE_TEXT = {"medium", "perturbations"}
"""Columns of records that no number depends on; of perturbations identity and role are compared."""
EMPTY = {
    "fitness": ("upper_bound", "samples", "sample_unit", "replicates", "query_error", "array_error"),
    "interaction": ("query_error", "array_error"),
}
"""Kind of dataset -> columns that a publication may have nothing for."""
DRAWN = {"at_edge", "scored_on", "genotypes", *("low", "high"), *("low_queries", "high_queries")} | {
    f"{name}_{end}{unit}"
    for name in ("minus_best", "minus_additive")
    for end in ("low", "high")
    for unit in ("", "_queries")
}
"""Columns of the scoreboard that are not computed again."""
FAMILIES = {"elastic_net": 1e-3, "support_vector": 1e-4, "random_forest": 1e-9}
"""Family -> tolerance of a refit, in fitness: coordinate descent and libsvm stop at a tolerance of their own; trees do not."""
REFITTED = (("one_hot", "pert_sum"), ("codon_frequency", "pert_mean"))


def datasets(root: Path, records: Mapping[str, list[Record]]) -> Iterator[Line]:
    """Every column of every record but free text; and what is in quarantine."""
    found = {gene.gene: asdict(gene) for gene in genes.genes().values()}
    held = stored.rows(root / "datasets" / "genome.parquet", "gene")
    yield rows("datasets/genome", held, found, EXACT, unread={"description"})
    for name, of in records.items():
        kept = {r["id"]: _full(name, r) for r in of if not r.get("quarantined")}
        yield rows(f"datasets/{name}", stored.records(root, name), kept, EXACT, unread=FREE_TEXT)
        apart = {
            r["id"]: {"row": r["row"], "value": r["value"], "genes": r["genes"]} for r in of if r.get("quarantined")
        }
        if name == "viability_deutschbauer2005":  # an essential cell that says neither YES nor NO
            apart = {f"{name}:3310:essential": {"row": 3310, "genes": "YKL134C", "viable": None}}
        yield rows(f"datasets/{name}, quarantine", stored.records(root, name, quarantined=True), apart, EXACT)


def _full(dataset: str, record: Record) -> Record:
    """With the columns that stay empty where a publication has nothing for them."""
    empty = dict.fromkeys(EMPTY.get(dataset.split("_", maxsplit=1)[0], ()))
    told = {"perturbed": record["genotype"].split(" + ")}
    return empty | {name: value for name, value in record.items() if name != "quarantined"} | told


def merged(root: Path, again: Mapping[Key, Record], between: Between) -> Iterator[Line]:
    """Every column of every row of the merged table, and the variance between publications."""
    held = stored.keyed(stored.of_merged(root), ("genotype", *CONDITION))
    yield rows("merged/fitness", held, again, SUMMED, unread=("genotype", *CONDITION))
    pairs = {pair: {"variance": between(pair), "shared": len(of)} for pair, of in between.excess.items()}
    table = stored.keyed(stored.of_merged(root, "between_publications"), ("x_publication", "y_publication"))
    yield rows("merged/fitness, between publications", table, pairs, SUMMED)


def subsets(root: Path, of_all: Mapping[str, Record]) -> Iterator[Line]:
    """Rows, ranks and splits of every stored sample, the test set, the key-value stores."""
    for path in sorted((root / "merged" / "subset").glob("*.parquet")):
        held = stored.rows(path, "genotype")
        size = len(of_all) if path.stem == "all" else int(float(path.stem))
        first = {genotype: row for genotype, row in of_all.items() if row["rank"] < size}
        yield rows(f"merged/subset/{path.stem}", held, first, SUMMED, unread=("genotype",))
    test = [(genotype, row) for genotype, row in of_all.items() if row["split"] == "test"]
    again = {genotype: row | {"rank": rank} for rank, (genotype, row) in enumerate(test)}
    held = stored.rows(root / "merged" / "test_set.parquet", "genotype")
    yield rows("merged/test_set", held, again, SUMMED, unread=("genotype",))
    for path in sorted((root / "merged" / "key_value").glob("*.lmdb")):
        size = len(of_all) if path.stem == "all" else int(float(path.stem))
        told = {
            row["rank"]: {"value": row["value"], "order": row["order"]} for row in of_all.values() if row["rank"] < size
        }
        yield rows(f"merged/key_value/{path.stem}", stored.key_value(path), told, SUMMED)


def representations(root: Path) -> Iterator[Line]:
    """Every number of every stored representation."""
    for path in sorted((root / "representations" / "gene_embedding").glob("*.safetensors")):
        names, held = stored.embedding(path)
        again = vectors.of(path.stem)
        alike = held.shape == again.shape and names == vectors.names()
        distance = np.abs(held - again) if alike else np.full(1, np.inf)
        # float32: half of its last digit is 2.4e-7 at 4
        differing = int((distance > 5e-7).any(axis=1).sum()) if alike else max(len(names), len(again))
        example = "" if alike else f"{held.shape} for {again.shape}, or other genes"
        largest = float(distance.max()) if alike else 0.0
        yield Line(f"representations/{path.stem}", len(names), len(again), differing, largest, 5e-7, example)


# ---- trained -----------------------------------------------------------------------------------------------------------


SCORE = ("model", "representation", "aggregation", "kind", "size", "split", "metric", "order")
FOLDS = 3
"""Of the grid `quick`."""


def fits(root: Path, singles: Mapping[str, float]) -> Iterator[Line]:
    """Baselines, and two cells of each family with the hyper-parameters that were chosen.

    singles: gene -> its single mutant, of all sizes.
    """
    for folder in sorted((root / "trained" / "baselines").iterdir()):
        size = folder.name
        rows_of_size, predictions = stored.to_predict(root, size), stored.predictions(root, size)
        yield _baselines(size, rows_of_size, predictions, singles)
        for family, tolerance in FAMILIES.items():
            for key, aggregation in REFITTED:
                where = root / "trained" / family / size / key / "search.parquet"
                if where.is_file():
                    cell = {"model": family, "representation": key, "aggregation": aggregation}
                    chosen = _chosen(where, aggregation)
                    predicted = models.refit(rows_of_size, family, key, aggregation, chosen, FOLDS)
                    again = _keyed(rows_of_size, predicted)
                    name = f"trained/{family}/{size}/{key}, {aggregation}"
                    yield rows(name, _held(predictions, **cell), again, tolerance)


def scoreboard(root: Path) -> Line:
    """Every score of a model or baseline, its differences, spread and ceiling; not the ends of its intervals."""
    board = stored.rows(root / "trained" / "scoreboard.parquet", SCORE)
    test, again = stored.table(root / "merged" / "test_set.parquet"), {}
    for size in sorted({key[4] for key in board}):
        scored = scores.board(stored.predictions(root, size), test)
        again |= {(*key[:4], size, *key[4:]): _of_all_orders(row) for key, row in scored.items()}
    held = {key: row for key, row in board.items() if key[3] != "repeat"}
    return rows("trained/scoreboard", held, again, SUMMED, unread={*SCORE, *DRAWN, "target"})


def _of_all_orders(row: Record) -> Record:
    return row if row["genotypes"] is not None else {name: value for name, value in row.items() if name != "genotypes"}


def _keyed(rows_of_size: list[Record], predicted: np.ndarray) -> dict[object, Record]:
    return {
        (row["genotype"], row["split"]): {"predicted": float(value), "observed": row["value"]}
        for row, value in zip(rows_of_size, predicted, strict=True)
    }


def _held(predictions: list[Record], **name: object) -> dict[object, Record]:
    """Predictions of one model that was fitted on all of train."""
    wanted = {"permuted": False, "training_sample": 0, **name}
    chosen = (row for row in predictions if all(row[column] == value for column, value in wanted.items()))
    return {(row["genotype"], row["split"]): row for row in chosen}


def _baselines(size: str, rows_of_size: list[Record], predictions: list[Record], singles: Mapping[str, float]) -> Line:
    held, again = {}, {}
    for model, predicted in models.baselines(rows_of_size, singles).items():
        again |= {(model, *key): row for key, row in _keyed(rows_of_size, predicted).items()}
        held |= {(model, *key): row for key, row in _held(predictions, model=model).items()}
    # the stored ridges are solved by conjugate gradients
    return rows(f"trained/baselines/{size}, refitted", held, again, 1e-5)


def _chosen(search: Path, aggregation: str) -> dict[str, object]:
    tried = (row for row in stored.table(search) if row["aggregation"] == aggregation and row["chosen"])
    return json.loads(next(tried)["parameters"])
