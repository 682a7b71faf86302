import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from torchcell_assets.sources import Sources
from torchcell_assets.steps.datasets import GENOME
from torchcell_assets.steps.representations import network_proximity, table
from torchcell_assets.steps.representations.raw_files import STRING_PHYSICAL
from torchcell_assets.steps.representations.recipes import RECIPES, Recipe

HEAD = "protein1 protein2 homology experiments combined_score\n"
NAMES = [f"YAL{at:03d}W" for at in range(1, 12)]
TWO = Recipe("two", "network_proximity", 2, files=(STRING_PHYSICAL,))


def written(path: Path, edges: list[tuple[str, str, int]], head: str = HEAD) -> dict[str, Path]:
    both = [*edges, *((other, one, score) for one, other, score in edges)]
    lines = "".join(f"4932.{one} 4932.{other} 0 0 {score}\n" for one, other, score in sorted(both))
    path.write_bytes(gzip.compress((head + lines).encode()))
    return {STRING_PHYSICAL.name: path}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Two cliques of four, joined by one weak edge; a pair of their own; one protein that is no gene of the list."""
    cliques = [[NAMES[at] for at in range(4)], [NAMES[at] for at in range(4, 8)]]
    edges = [(one, other, 900) for clique in cliques for at, one in enumerate(clique) for other in clique[at + 1 :]]
    edges.remove((NAMES[6], NAMES[7], 900))
    edges.append((NAMES[6], NAMES[7], 400))  # else an eigenvector has two largest entries, and no sign
    return written(
        tmp_path / "links.txt.gz",
        [*edges, (NAMES[3], NAMES[4], 150), (NAMES[8], NAMES[9], 999), (NAMES[0], "YXX999W", 500)],
    )


GENES = pl.DataFrame({"gene": NAMES})


def test_cliques_lie_together_and_apart_from_each_other(files):
    embedding = table.build(TWO, GENES, files)
    assert embedding.genes == NAMES[:8]
    second = embedding.vectors[:, 1]
    assert len(set(np.sign(second[:4]))) == len(set(np.sign(second[4:]))) == 1
    assert np.sign(second[0]) != np.sign(second[4])
    np.testing.assert_allclose((embedding.vectors**2).mean(axis=0), 1, atol=2e-4)


def test_genes_without_a_place_in_the_largest_component_are_listed(files):
    manifest = table.build(TWO, GENES, files).manifest
    assert manifest["genes_missing"] == NAMES[8:]
    assert manifest["notes"] == {"interactions": 14, "genes_in_smaller_components": 2, "proteins_unknown": 1}
    assert manifest["files"].keys() == {STRING_PHYSICAL.name}


def test_each_pair_counts_once_and_its_weight_is_the_combined_score(files):
    edges = network_proximity.interactions(files[STRING_PHYSICAL.name])
    assert edges.height == 15 and edges["weight"].max() == 0.999
    network = network_proximity.adjacency(edges, NAMES)
    assert network[0, 1] == network[1, 0] == 0.9 and network[3, 4] == 0.15 and network.trace() == 0


def test_values_are_the_leading_eigenvectors_and_their_largest_entry_is_positive(files):
    network = network_proximity.adjacency(network_proximity.interactions(files[STRING_PHYSICAL.name]), NAMES)[:8][:, :8]
    found = network_proximity.spectral(network, 2)
    dense = network.toarray()
    degree = dense.sum(axis=0)
    scale = 1 / np.sqrt(degree + degree.mean())
    _, vectors = np.linalg.eigh(scale[:, None] * dense * scale)
    for at in range(2):
        expected = vectors[:, -1 - at] * np.sqrt(8)
        expected *= np.sign(expected[np.abs(expected).argmax()])
        np.testing.assert_allclose(found[:, at], expected, atol=2e-4)
        assert found[np.abs(found[:, at]).argmax(), at] > 0


def test_the_order_of_the_file_and_of_the_genes_decides_nothing(files, tmp_path):
    first = table.build(TWO, GENES, files)
    lines = gzip.decompress(files[STRING_PHYSICAL.name].read_bytes()).decode().splitlines(keepends=True)
    turned = tmp_path / "turned.txt.gz"
    turned.write_bytes(gzip.compress("".join([lines[0], *lines[:0:-1]]).encode()))
    again = table.build(TWO, GENES[::-1], {STRING_PHYSICAL.name: turned})
    assert again.genes == first.genes[::-1]
    np.testing.assert_allclose(again.vectors[::-1], first.vectors, atol=2e-4)


@pytest.mark.parametrize(
    ("head", "edges"),
    [
        ("protein1 protein2 homology experiments score\n", [("YAL001W", "YAL002W", 900)]),
        (HEAD, []),
        (HEAD, [("YAL001W", "YAL002W", 1001)]),
        (HEAD, [("YAL001W", "YAL002W", 0)]),
    ],
)
def test_a_foreign_file_is_refused_with_one_sentence(tmp_path, head, edges):
    foreign = written(tmp_path / "links.txt.gz", edges, head)
    with pytest.raises(network_proximity.NetworkFileError, match=r"^[^\n]+fetch the file again\.$"):
        table.build(TWO, GENES, foreign)


def test_a_truncated_file_is_refused(files):
    path = files[STRING_PHYSICAL.name]
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(network_proximity.NetworkFileError, match="fetch the file again"):
        table.build(TWO, GENES, files)


def test_a_network_too_small_for_its_dimensions_is_refused(files):
    with pytest.raises(Exception, match=r"wants 64 dimensions of a network of 8 connected genes"):
        table.build(RECIPES["network_proximity"], GENES, files)


# ---- the real network ---------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def real(raw_files: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[pl.DataFrame, dict[str, Path]]:
    mirror = os.environ.get("TORCHCELL_MIRROR")
    sources = Sources(cache=tmp_path_factory.mktemp("raw"), mirror=Path(mirror) if mirror else None)
    genes = GENOME.read(sources.path).records.collect().select("gene")
    return genes, {STRING_PHYSICAL.name: sources.path(STRING_PHYSICAL)}


def test_the_real_network_has_its_published_size_and_puts_complexes_together(real):
    genes, files = real
    edges = network_proximity.interactions(files[STRING_PHYSICAL.name])
    assert edges.height == 352_606 // 2
    embedding = table.build(RECIPES["network_proximity"], genes, files)
    assert embedding.dimension == 64 and np.isfinite(embedding.vectors).all()
    missing = embedding.manifest["genes_missing"]
    assert len(embedding.genes) + len(missing) == 6600 and len(missing) < 800
    near = [gene for gene, _ in table.neighbours(embedding, "YBL041W", 10)]  # PRE7, of the core of the proteasome
    core = {
        "YGL011C",
        "YML092C",
        "YGR135W",
        "YGR253C",
        "YMR314W",
        "YOL038W",
        "YOR362C",
        "YJL001W",
        "YOR157C",
        "YER094C",
    }
    core |= {"YER012W", "YPR103W", "YFR050C", "YBL041W"}
    assert len(core.intersection(near)) >= 5
    assert not sp.issparse(embedding.vectors)


def test_another_process_with_one_thread_gives_the_same_bytes(real):
    genes, files = real
    here = table.content_hash(table.build(RECIPES["network_proximity"], genes, files))
    script = (
        "import sys, polars as pl\n"
        "from pathlib import Path\n"
        "from torchcell_assets.steps.representations import table\n"
        "from torchcell_assets.steps.representations.recipes import RECIPES\n"
        f"files = {{{STRING_PHYSICAL.name!r}: Path({str(files[STRING_PHYSICAL.name])!r})}}\n"
        "genes = pl.DataFrame({'gene': sys.stdin.read().split()})\n"
        "print(table.content_hash(table.build(RECIPES['network_proximity'], genes, files)))\n"
    )
    one = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    found = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=one,
        input=" ".join(genes["gene"]),
    )
    assert found.stdout.strip() == here
