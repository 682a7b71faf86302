"""What a description of genes is worth: on genotypes of genes that were seen in training, and of genes that were not.

    python benchmarks/unseen_genes.py [size] [key ...]

size: of the stored sample (1e3 by default). key: stored representations, all of them by default. Reads the data root that
TORCHCELL_DATA names, and prints two tables; nothing is stored.

One model for all: ridge regression on the sum of the vectors of a genotype's genes and its order, alpha by leave-one-out over
training genotypes alone. Beside each description stands its control: the same vectors, each given to another gene
(permuted.py). A description that says no more than which gene it is does as well permuted, and cannot do well on genes that
were not in training.

`seen`: the split of the sample, by gene set; most genes of a test genotype are in training, in other genotypes.
`unseen`: five folds of genes by SHA-256; a fold is predicted from genotypes with none of its genes. Of several genes one is
unseen at least.
Scores are Pearson correlations within orders (values and predictions about their mean of the order), pooled over folds, with the
difference to the control and its 95 % interval by a paired bootstrap over query strains, or genes where there is none (1,000
samples): genotypes of one query share its errors.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).parents[1]))

from torchcell_assets import environment
from torchcell_assets.config import layout
from torchcell_assets.steps.representations import permuted, table

FOLDS, SAMPLES, SEED = 5, 1000, 1
PERMUTATIONS = 5
ALPHAS = np.logspace(-2, 5, 15)


def fold_of(gene: str) -> int:
    return int(hashlib.sha256(f"unseen:{SEED}:{gene}".encode()).hexdigest()[:8], 16) % FOLDS


def features(members: list[list[str]], embedding: table.GeneEmbedding) -> np.ndarray:
    """Sum of the vectors of a genotype's genes, (genotypes, dimension); a gene without a vector adds nothing."""
    at = {gene: row for row, gene in enumerate(embedding.genes)}
    pairs = [(row, at[gene]) for row, genes in enumerate(members) for gene in genes if gene in at]
    rows, columns = np.array(pairs).T
    count = sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(members), len(at)))
    summed = count @ embedding.vectors
    return np.asarray(summed.todense() if sp.issparse(summed) else summed, dtype=np.float64)


def predicted(X: np.ndarray, y: np.ndarray, orders: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """What ridge regression on vectors and order says of the test genotypes."""
    scaled = StandardScaler().fit(X[train])
    indicators = (orders[:, None] == np.unique(orders)).astype(float)
    design = np.hstack([scaled.transform(X), indicators])
    return RidgeCV(ALPHAS).fit(design[train], y[train]).predict(design[test])


def within(values: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """About the mean of their order."""
    centred = values.copy()
    for order in np.unique(orders):
        centred[orders == order] -= values[orders == order].mean()
    return centred


def pearson(left: np.ndarray, right: np.ndarray, orders: np.ndarray) -> float:
    left, right = within(left, orders), within(right, orders)
    scale = np.linalg.norm(left) * np.linalg.norm(right)
    return float(left @ right / scale) if scale > 1e-9 else 0.0


def difference(observed, own, controls, orders) -> float:
    """Of a correlation to the mean of those of its controls."""
    return pearson(observed, own, orders) - float(np.mean([pearson(observed, one, orders) for one in controls]))


def interval(observed, own, controls, orders, groups) -> tuple[float, float]:
    """Of that difference, by a paired bootstrap over groups."""
    random = np.random.default_rng(SEED)
    _, number = np.unique(groups, return_inverse=True)
    order = np.argsort(number, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(number))[:-1])
    found = []
    for _ in range(SAMPLES):
        rows = np.concatenate([members[at] for at in random.integers(0, len(members), len(members))])
        found.append(difference(observed[rows], own[rows], [one[rows] for one in controls], orders[rows]))
    return tuple(np.quantile(found, [0.025, 0.975]))


def versions(embedding: table.GeneEmbedding) -> list[table.GeneEmbedding]:
    """The vectors as they are, and permuted."""
    return [embedding, *(permuted.permuted(embedding, SEED + at) for at in range(PERMUTATIONS))]


def both(
    X: np.ndarray, y: np.ndarray, orders: np.ndarray, held: np.ndarray, folds: np.ndarray
) -> dict[str, np.ndarray]:
    """Predictions of the test split, and of all genotypes from those without their genes.

    A genotype of several folds is predicted in each of them, and the first is taken.
    """
    unseen = np.full(len(y), np.nan)
    for fold in range(FOLDS):
        test = (folds == fold).any(axis=1)
        unseen[test] = np.where(np.isnan(unseen[test]), predicted(X, y, orders, ~test, test), unseen[test])
    return {"seen": predicted(X, y, orders, ~held, held), "unseen": unseen}


def main(size: str, keys: list[str]) -> None:
    root = environment.data_root()
    sample = pl.read_parquet(layout.subset_table(root, size))
    members = sample["genes"].str.split("+").to_list()
    y, orders = sample["value"].to_numpy(), sample["order"].to_numpy().astype(int)
    groups = sample["query"].fill_null(sample["genes"]).to_numpy()
    folds = np.array([[fold_of(gene) for gene in genes] + [-1] * (3 - len(genes)) for genes in members])
    held = sample["split"].to_numpy() == "test"
    stored = sorted(path.stem for path in layout.embedding_file(root, "x").parent.glob("*.safetensors"))
    distinct = len({gene for genes in members for gene in genes})
    print(f"{sample.height:,} genotypes ({size}) of {distinct:,} genes; {held.sum():,} in the test split")
    found: dict[str, list[tuple]] = {"seen": [], "unseen": []}
    for key in keys or stored:
        embedding = table.read(layout.embedding_file(root, key))
        made = [both(features(members, one), y, orders, held, folds) for one in versions(embedding)]
        for split, rows in (("seen", held), ("unseen", np.ones(len(y), dtype=bool))):
            own, *controls = (one[split] for one in made)
            scores = pearson(y[rows], own, orders[rows]), difference(y[rows], own, controls, orders[rows])
            limits = interval(y[rows], own, controls, orders[rows], groups[rows])
            found[split].append((key, embedding.dimension, *scores, *limits))
    for split, lines in found.items():
        print(
            f"\ngenes {split} in training\n{'':<30}{'width':>6}{'Pearson':>9}{'permuted':>10}{'difference':>12}   95 % interval"
        )
        for key, width, own, beyond, low, high in sorted(lines, key=lambda one: -one[2]):
            print(f"{key:<30}{width:>6}{own:>9.3f}{own - beyond:>10.3f}{beyond:>+12.3f}   {low:+.3f} to {high:+.3f}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "1e3", sys.argv[2:])
