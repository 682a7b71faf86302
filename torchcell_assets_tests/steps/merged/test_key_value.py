"""What is stored of a genotype comes back bit by bit, from any process, and a damaged store is refused in one sentence."""

import math
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import lmdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from torchcell_assets.schema.records import EVIDENCES, KINDS, ZYGOSITIES, MergedFitness, polars_schema
from torchcell_assets.steps.merged import key_value, subsets
from torchcell_assets.steps.merged.key_value import KeyValueError
from torchcell_assets.steps.merged.key_value_store import KeyValueStore

SCHEMA = {
    name: dtype
    for name, dtype in {**polars_schema(MergedFitness), "split": pl.String, "rank": pl.UInt32}.items()
    if name in key_value.READ
}
GENES = ["YAL001C", "YBR160W", "YLR113W", "Q0045", "YAL034W-A"]


def table(rows: list[dict]) -> pl.DataFrame:
    plain = {"split": "train", "evidence": "measured", "pooling": "single", "measurements": 1, "standard_error": None}
    return pl.DataFrame([plain | {"value": 1.0, "rank": i} | row for i, row in enumerate(rows)], schema=SCHEMA)


def genotype(*perturbations: str) -> dict:
    genes = sorted({text.split(":")[0] for text in perturbations})
    return {"genotype": " + ".join(sorted(perturbations)), "genes": "+".join(genes), "order": len(genes)}


def deletions(*genes: str) -> dict:
    return genotype(*(f"{gene}:deletion:delta:haploid" for gene in genes))


def store(path: Path, rows: pl.DataFrame, batch: int = 1000) -> KeyValueStore:
    key_value.write(path, rows.iter_slices(batch), "version of the sample")
    return KeyValueStore(path)


def copied(path: Path) -> lmdb.Environment:
    """A copy, opened as LMDB opens it."""
    other = path.with_suffix(".copy")
    other.write_bytes(path.read_bytes())
    return lmdb.open(str(other), subdir=False, lock=False)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory) -> KeyValueStore:
    rows = [deletions(*sorted({GENES[i % 5], GENES[i % 3]})) | {"value": i / 1000} for i in range(1000)]
    rows = [row | {"split": subsets.SPLITS[i % 3]} for i, row in enumerate(rows)]
    return store(tmp_path_factory.mktemp("store") / "1e3.lmdb", table(rows), batch=64)


# ---- round trip -------------------------------------------------------------------------------------------------------------
perturbation = st.builds(
    lambda *parts: ":".join(parts),
    st.sampled_from(GENES),
    st.sampled_from(KINDS),
    st.sampled_from(["delta", "cdc28-1", "exo70-29/37", "ε-1", 'a"b']),
    st.sampled_from(ZYGOSITIES),
)
rows_strategy = st.lists(
    st.builds(
        lambda perturbations, **rest: genotype(*perturbations) | rest,
        st.lists(perturbation, min_size=1, max_size=4, unique=True),
        value=st.floats(-0.5, 5.0),
        standard_error=st.none() | st.floats(0.0, 5.0),
        measurements=st.integers(1, 65_535),
        split=st.sampled_from(subsets.SPLITS),
        evidence=st.sampled_from(EVIDENCES),
        pooling=st.sampled_from(key_value.POOLINGS),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(rows_strategy, st.integers(1, 5), st.data())
def test_what_was_stored_comes_back_exactly(tmp_path_factory, rows, batch, data):
    given = table(rows)
    found = store(tmp_path_factory.mktemp("store") / "any.lmdb", given, batch)
    columns = [name for name in SCHEMA if name != "genes"]
    expected = given.with_columns(pl.col("evidence", "pooling").cast(pl.String)).select(columns)
    kept = found.table().cast({"order": pl.UInt8, "measurements": pl.UInt32}).select(columns)
    assert_frame_equal(kept, expected, check_exact=True)
    ranks = data.draw(st.lists(st.integers(0, len(rows) - 1))) if rows else []
    assert found.table(ranks)["genotype"].to_list() == [rows[rank]["genotype"] for rank in ranks]
    for split in subsets.SPLITS:
        assert found.ranks(split).tolist() == given.filter(pl.col("split") == split)["rank"].to_list()


def test_a_record_is_what_the_format_says(tmp_path):
    row = deletions("YAL001C", "YBR160W") | {"value": 0.5, "standard_error": None, "measurements": 3, "split": "test"}
    found = store(tmp_path / "one.lmdb", table([deletions("YBR160W"), row]))
    with copied(found.path) as environment, environment.begin() as reading:
        record = reading.get((1).to_bytes(4, "big"))
    assert record[:8] == bytes([1, 2, 2, 2, 0, 0, 3, 0])
    assert np.frombuffer(record[8:16], "<f8")[0] == 0.5
    assert math.isnan(np.frombuffer(record[16:24], "<f8")[0])
    assert record[24:] == bytes([1, 0, 0, 0, 0, 0, 0, 0]) + bytes(8)  # YBR160W came first, so its code is 0
    assert (found.genes, found.alleles) == (["YBR160W", "YAL001C"], ["delta"])
    assert found.metadata["subset_version"] == "version of the sample"


def test_merged_by_gene_alone_a_genotype_is_its_deletions(tmp_path):
    found = store(tmp_path / "paper.lmdb", table([{**deletions("YAL001C", "YBR160W"), "genotype": "YAL001C+YBR160W"}]))
    assert found.table()["genotype"].to_list() == [deletions("YAL001C", "YBR160W")["genotype"]]


def test_a_gene_has_one_code_in_every_nested_sample(thousand, tmp_path):
    rows = thousand.table().with_columns(genes=pl.lit("G"), order=pl.lit(1))
    small = store(tmp_path / "1e1.lmdb", rows.head(10).cast(SCHEMA))
    assert thousand.genes[: len(small.genes)] == small.genes


def test_made_twice_it_is_the_same_file_whatever_the_batches(tmp_path):
    rows = table([deletions(GENES[i % 5]) | {"value": i / 300} for i in range(300)])
    one, two, other = (store(tmp_path / name, rows, size) for name, size in (("a", 64), ("b", 64), ("c", 7)))
    assert one.path.read_bytes() == two.path.read_bytes()
    assert one.content == other.content
    changed = rows.with_columns(value=pl.when(pl.col("rank") == 299).then(2.0).otherwise("value"))
    assert store(tmp_path / "d", changed, 64).content != one.content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c", "d"]  # no lock file


# ---- reading ----------------------------------------------------------------------------------------------------------------
def test_a_store_is_a_sequence(thousand):
    assert len(thousand) == 1000
    assert thousand[-1].headers["value"].tolist() == [0.999]
    assert thousand.read([3, 3, 0]).headers["value"].tolist() == [0.003, 0.003, 0.0]
    assert len(thousand.read([])) == 0
    for beyond in (1000, -1001):
        with pytest.raises(IndexError, match="holds the ranks 0 to 999"):
            thousand[beyond]


def total(store: KeyValueStore, seed: int) -> tuple[int, float]:
    """Read every genotype once, in an order of one's own."""
    ranks = np.random.default_rng(seed).permutation(len(store))
    parts = [store.read(ranks[at : at + 64]).headers["value"] for at in range(0, len(ranks), 64)]
    return len(store), round(float(np.concatenate(parts).sum()), 9)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_several_processes_read_one_store(thousand, method):
    expected = total(thousand, 0)  # open here, before the others begin
    # an executor whose processes end by themselves: a pool's are terminated, which they never are where SIGTERM is ignored
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        assert list(pool.map(total, [thousand] * 4, range(4))) == [expected] * 4
    assert total(thousand, 1) == expected


def test_a_store_refuses_to_go_on_with_a_file_that_took_the_place_of_its_own(tmp_path):
    one, other = (table([deletions("YAL001C") | {"value": value}]) for value in (0.5, 0.7))
    old = store(tmp_path / "a.lmdb", one)
    store(tmp_path / "b.lmdb", one).path.replace(old.path)  # the same again
    assert KeyValueStore(old.path)[0].headers["value"] == old[0].headers["value"] == 0.5
    store(tmp_path / "c.lmdb", other).path.replace(old.path)
    assert KeyValueStore(old.path)[0].headers["value"] == 0.7
    for asked in (old, pickle.loads(pickle.dumps(old))):
        with pytest.raises(KeyValueError, match="was replaced by another sample since it was opened: open it again"):
            asked[0]


# ---- what is refused --------------------------------------------------------------------------------------------------------
def test_a_truncated_store_is_refused_wherever_it_was_cut(thousand, tmp_path):
    whole = thousand.path.read_bytes()
    cut = tmp_path / "cut.lmdb"
    for size in (0, 100, 4096, 8192, 12_288, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:size])
        with pytest.raises(KeyValueError, match=r"(is cut off, with|is no key-value store).*: materialize"):
            KeyValueStore(cut)


def test_a_foreign_or_missing_file_is_refused(tmp_path):
    path = tmp_path / "other.lmdb"
    with pytest.raises(KeyValueError, match="is not there: materialize merged/key_value first"):
        KeyValueStore(path)
    path.write_bytes(b"PAR1" * 5000)
    with pytest.raises(KeyValueError, match="is no key-value store of genotypes: materialize merged/key_value again"):
        KeyValueStore(path)
    path.unlink()
    with lmdb.open(str(path), subdir=False, lock=False) as environment, environment.begin(write=True) as writing:
        writing.put(b"metadata", b'{"format": {"name": "other"}}')
    with pytest.raises(KeyValueError, match="is no key-value store"):
        KeyValueStore(path)


def test_another_format_and_another_count_are_refused(tmp_path, monkeypatch):
    rows = table([deletions("YAL001C"), deletions("YBR160W")])
    monkeypatch.setitem(key_value.FORMAT, "version", 2)
    with pytest.raises(KeyValueError, match="has format 2, and format 1 is read here"):
        store(tmp_path / "two.lmdb", rows)
    monkeypatch.undo()
    found = store(tmp_path / "less.lmdb", rows)
    with copied(found.path) as environment, environment.begin(write=True) as writing:
        writing.delete((1).to_bytes(4, "big"))
    with pytest.raises(KeyValueError, match="holds 1 genotypes and says 2"):
        KeyValueStore(found.path.with_suffix(".copy"))


def test_a_sample_out_of_order_and_a_number_that_does_not_fit_are_refused(tmp_path):
    rows = table([deletions("YAL001C"), deletions("YBR160W")])
    with pytest.raises(KeyValueError, match="not in the order of its ranks"):
        store(tmp_path / "a.lmdb", rows.reverse())
    with pytest.raises(KeyValueError, match="A genotype with 70,000 measurements does not fit"):
        store(tmp_path / "b.lmdb", rows.with_columns(measurements=pl.lit(70_000, dtype=pl.UInt32)))
