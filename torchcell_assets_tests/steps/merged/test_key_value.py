"""What is stored of a genotype comes back bit by bit, from any process, and a damaged store is refused in one sentence."""

import json
import math
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path

import lmdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from torchcell_assets.schema.derived import MergedFitness
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.schema.vocabularies import EVIDENCES, KINDS, ZYGOSITIES
from torchcell_assets.steps.merged import key_value, subsets
from torchcell_assets.steps.merged.key_value import KeyValueError
from torchcell_assets.steps.merged.key_value_store import KeyValueStore

SCHEMA = {
    name: dtype
    for name, dtype in {**polars_schema(MergedFitness), "split": pl.String, "rank": pl.UInt32}.items()
    if name in key_value.READ
}
FITNESS = {"fitness": "fitness (mutant / reference)"}
BOTH = {**FITNESS, "interaction": "interaction (observed - expected fitness)"}
GENES = ["YAL001C", "YBR160W", "YLR113W", "Q0045", "YAL034W-A"]


def table(rows: list[dict]) -> pl.DataFrame:
    plain = {"split": "train", "evidence": "measured", "pooling": "single", "measurements": 1, "standard_error": None}
    return pl.DataFrame([plain | {"value": 1.0, "rank": i} | row for i, row in enumerate(rows)], schema=SCHEMA)


def genotype(*perturbations: str) -> dict:
    genes = sorted({text.split(":")[0] for text in perturbations})
    return {"genotype": " + ".join(sorted(perturbations)), "genes": "+".join(genes), "order": len(genes)}


def deletions(*genes: str) -> dict:
    return genotype(*(f"{gene}:deletion:delta:haploid" for gene in genes))


def store(path: Path, rows: pl.DataFrame, batch: int = 1000, targets: dict[str, str] = FITNESS) -> KeyValueStore:
    key_value.write(path, rows.iter_slices(batch), "version of the sample", targets)
    return KeyValueStore(path)


def with_interactions(rows: pl.DataFrame, values: list, errors: list | None = None) -> pl.DataFrame:
    """A sample with a second target beside the first, which some of its genotypes lack."""
    return rows.with_columns(
        interaction_value=pl.Series(values, dtype=pl.Float64),
        interaction_standard_error=pl.Series(errors or [None] * rows.height, dtype=pl.Float64),
    )


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
    assert record[:8] == bytes([2, 2, 2, 2, 0, 0, 3, 0])
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


# ---- several targets --------------------------------------------------------------------------------------------------------
def test_every_target_has_a_value_and_an_error_of_its_own_and_what_a_genotype_lacks_is_masked(tmp_path):
    rows = table([deletions(gene) | {"value": 0.1 * at} for at, gene in enumerate(GENES)])
    given = with_interactions(rows, [None, -0.2, None, 0.0, 0.3], [None, 0.01, None, None, 0.03])
    found = store(tmp_path / "both.lmdb", given, 2, BOTH)
    assert found.targets == ["fitness", "interaction"]
    assert found.metadata["targets"] == [{"name": name, "label": label} for name, label in BOTH.items()]
    taken = found.read([4, 0, 1])
    assert taken.headers["value"].shape == taken.headers["standard_error"].shape == taken.mask.shape == (3, 2)
    assert taken.mask.tolist() == [[True, True], [True, False], [True, True]]
    assert taken.headers["value"][:, 0].tolist() == [0.4, 0.0, 0.1]
    assert taken.headers["value"][taken.mask[:, 1], 1].tolist() == [0.3, -0.2]
    assert math.isnan(taken.headers["value"][1, 1]) and taken.headers["standard_error"][[0, 2], 1].tolist() == [
        0.03,
        0.01,
    ]
    columns = ["genotype", "value", "standard_error", "interaction_value", "interaction_standard_error", "rank"]
    assert_frame_equal(found.table().select(columns), given.select(columns), check_exact=True)
    assert store(tmp_path / "one.lmdb", given).content != found.content


def test_the_record_of_two_targets_is_what_the_format_says(tmp_path):
    rows = table([deletions("YAL001C") | {"value": 0.5, "standard_error": 0.25}])
    found = store(tmp_path / "both.lmdb", with_interactions(rows, [-0.125], [0.0625]), targets=BOTH)
    with copied(found.path) as environment, environment.begin() as reading:
        record = reading.get(bytes(4))
    assert np.frombuffer(record[8:40], "<f8").tolist() == [0.5, -0.125, 0.25, 0.0625] and len(record) == 40 + 8


def test_a_sample_that_knows_nothing_of_a_target_is_refused(tmp_path):
    table([deletions("YAL001C")]).write_parquet(tmp_path / "1e3.parquet")
    with pytest.raises(KeyValueError, match=r"has no column interaction_value: materialize merged/subset again\."):
        list(key_value.batches_of(tmp_path / "1e3.parquet", BOTH))


# ---- reading ----------------------------------------------------------------------------------------------------------------
def test_a_store_is_a_sequence(thousand):
    assert len(thousand) == 1000
    assert thousand[-1].headers["value"].tolist() == [[0.999]]
    assert thousand.read([3, 3, 0]).headers["value"].tolist() == [[0.003], [0.003], [0.0]]
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
    monkeypatch.setitem(key_value.FORMAT, "version", 1)
    with pytest.raises(
        KeyValueError, match="has format 1, and format 2 is read here: materialize merged/key_value again"
    ):
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


# ---- to the letter ----------------------------------------------------------------------------------------------------------
def refusal(make, kind=KeyValueError) -> str:
    with pytest.raises(kind) as refused:
        make()
    return str(refused.value)


def test_what_is_written_is_told_and_what_codes_stand_for_lies_beside_it(tmp_path):
    rows = table(
        [genotype("YBR160W:damp:b:haploid"), genotype("YAL001C:deletion:delta:haploid", "YBR160W:damp:a:haploid")]
    )
    told = key_value.write(tmp_path / "a.lmdb", [rows], "V", FITNESS)
    found = KeyValueStore(tmp_path / "a.lmdb")
    assert (told.records, told.version, told.genes, told.alleles) == (2, found.content, 2, 3)
    assert len(told.version) == 16 and int(told.version, 16)
    assert found.metadata == {
        "format": {
            "name": "torchcell genotypes",
            "version": 2,
            "key": ">u4",
            "header": ["version u1", "order u1", "perturbations u1", "split u1", "evidence u1", "pooling u1", "measurements <u2"],
            "targets": ["value <f8", "standard_error <f8"],
            "perturbation": ["gene <u2", "kind u1", "zygosity u1", "allele <u4"],
        },
        "records": 2, "subset_version": "V", "content": told.version,
        "targets": [{"name": "fitness", "label": "fitness (mutant / reference)"}],
        "splits": ["train", "validation", "test"], "evidences": EVIDENCES, "poolings": key_value.POOLINGS, "kinds": KINDS,
        "zygosities": ZYGOSITIES, "genes": ["YBR160W", "YAL001C"], "alleles": ["b", "delta", "a"],
    }  # fmt: skip
    assert (found.genes, found.alleles, found.splits) == (
        ["YBR160W", "YAL001C"],
        ["b", "delta", "a"],
        [*subsets.SPLITS],
    )
    assert (found.path, len(found)) == (tmp_path / "a.lmdb", 2)


def test_the_hash_is_taken_of_the_records_and_of_what_codes_stand_for(tmp_path):
    rows = [deletions("YAL001C", "YBR160W"), genotype("YBR160W:damp:a:haploid")]
    found = store(tmp_path / "a.lmdb", table(rows), 1)
    with copied(found.path) as environment, environment.begin() as reading:
        records = b"".join(reading.get(rank.to_bytes(4, "big")) for rank in (0, 1))
        told = json.loads(reading.get(b"metadata"))
        assert {split: reading.get(f"ranks {split}".encode()) for split in subsets.SPLITS} == {
            "train": np.array([0, 1], "<u4").tobytes(), "validation": b"", "test": b"",
        }  # fmt: skip
    beside = {name: said for name, said in told.items() if name != "content"} | {"subset_version": ""}
    assert told["content"] == sha256(records + json.dumps(beside, sort_keys=True).encode()).hexdigest()[:16]


def test_every_field_of_a_record_comes_from_columns_of_the_sample():
    fields = {name for name, *_ in key_value.ABOUT_FIELDS + key_value.TARGET_FIELDS + key_value.PERTURBATION_FIELDS}
    of_one, of_both = (key_value.columns_from(targets) for targets in (FITNESS, BOTH))
    assert of_one.keys() == of_both.keys() == fields - {"version"}
    assert {column for columns in of_one.values() for column in columns} <= set(key_value.READ)
    assert of_both["value"] == ["value", "interaction_value"]


def test_the_hash_of_the_content_follows_codes_and_records_and_not_the_version_of_the_sample(tmp_path):
    rows = [table([deletions(gene)]) for gene in ("YAL001C", "YBR160W")]
    versions = [
        key_value.write(tmp_path / f"{at}.lmdb", [rows[which]], version, FITNESS).version
        for at, (which, version) in enumerate([(0, "a"), (0, "b"), (1, "a")])  # both records are the same bytes
    ]
    assert versions[0] == versions[1] != versions[2]


def test_records_take_as_much_room_as_they_need(tmp_path):
    plain = table([deletions("YAL001C", "YBR160W", "YLR113W")])
    count = 160_000
    rows = pl.concat([plain] * count).with_columns(rank=pl.int_range(pl.len(), dtype=pl.UInt32))
    found = store(tmp_path / "many.lmdb", rows, count)
    assert len(found) == count and len(found.ranks("train")) == count
    assert found.path.stat().st_size > 10 * 2**20, "more than the room that LMDB gives by itself"


def test_a_stored_sample_is_read_in_batches_of_what_is_encoded(tmp_path, monkeypatch):
    monkeypatch.setattr(key_value, "_ROWS", 4)
    rows = table([deletions(GENES[i % 5]) for i in range(10)])
    rows.with_columns(samples=pl.lit(1)).write_parquet(tmp_path / "sample.parquet")
    found = list(key_value.batches_of(tmp_path / "sample.parquet", FITNESS))
    assert [part.height for part in found] == [4, 4, 2]
    assert set(found[0].columns) == set(key_value.READ)
    assert_frame_equal(pl.concat(found).select(rows.columns), rows, check_column_order=False)


def test_the_largest_numbers_fit_and_one_more_is_refused_by_name(tmp_path):
    rows = table([deletions("YAL001C")])
    most = rows.with_columns(measurements=pl.lit(65_535, dtype=pl.UInt32))
    assert store(tmp_path / "a.lmdb", most)[0].headers["measurements"] == 65_535
    more = rows.with_columns(measurements=pl.lit(65_536, dtype=pl.UInt32))
    assert refusal(lambda: store(tmp_path / "b.lmdb", more)) == (
        "A genotype with 65,536 measurements does not fit into a record of the key-value store."
    )
    many = [f"YAL001C:damp:{at:03d}:haploid" for at in range(256)]
    assert len(store(tmp_path / "c.lmdb", table([genotype(*many[:255])]))[0].perturbations) == 255
    assert refusal(lambda: store(tmp_path / "d.lmdb", table([genotype(*many)]))) == (
        "A genotype with 256 perturbations does not fit into a record of the key-value store."
    )


def test_a_store_has_codes_for_so_many_genes_and_names_the_one_that_is_too_many():
    codes = key_value.Codes(genes={f"G{at}": at for at in range(65_535)})
    word = codes.encode(pl.Series(["LAST:deletion:delta:haploid"])).view(key_value.PERTURBATION)
    assert word["gene"].tolist() == [65_535]
    assert refusal(lambda: codes.encode(pl.Series(["MORE:deletion:delta:haploid"]))) == (
        "The key-value store has codes for 65,536 genes, and MORE is one more."
    )


def test_every_refusal_is_one_sentence_that_says_what_to_do(thousand, tmp_path):
    rows = table([deletions("YAL001C"), deletions("YBR160W")])
    out_of_order = "The sample is not in the order of its ranks: materialize merged/subset again."
    assert refusal(lambda: store(tmp_path / "a.lmdb", rows.reverse())) == out_of_order
    assert refusal(lambda: store(tmp_path / "b.lmdb", rows.tail(1))) == out_of_order
    assert refusal(lambda: thousand.ranks("all")) == "There is no split 'all': use one of train, validation, test."
    assert refusal(lambda: thousand.read([5, 1000]), IndexError) == f"{thousand.path} holds the ranks 0 to 999."
    assert refusal(lambda: thousand.read([5, -1]), IndexError) == f"{thousand.path} holds the ranks 0 to 999."
    path = tmp_path / "c.lmdb"
    assert refusal(lambda: KeyValueStore(path)) == f"{path} is not there: materialize merged/key_value first."
    whole = thousand.path.read_bytes()
    path.write_bytes(whole[:-1])
    assert refusal(lambda: KeyValueStore(path)) == (
        f"{path} is cut off, with {len(whole) - 1:,} of {len(whole):,} bytes: materialize merged/key_value again."
    )
    path.write_bytes(whole[:8191])
    assert refusal(lambda: KeyValueStore(path)) == (
        f"{path} is no key-value store of genotypes: materialize merged/key_value again."
    )


def edited(path: Path, key: bytes, value: bytes | None) -> Path:
    """A copy of a store in which one record is another, or gone."""
    with copied(path) as environment, environment.begin(write=True) as writing:
        writing.delete(key) if value is None else writing.put(key, value)
    return path.with_suffix(".copy")


def test_a_record_of_another_format_is_refused_when_it_is_read(tmp_path):
    found = store(tmp_path / "a.lmdb", table([deletions("YAL001C"), deletions("YBR160W")]))
    with copied(found.path) as environment, environment.begin() as reading:
        record = reading.get((1).to_bytes(4, "big"))
    other = KeyValueStore(edited(found.path, (1).to_bytes(4, "big"), b"\x01" + record[1:]))
    assert len(other[0]) == 1
    told = f"{other.path} holds a record that is not of format 2: materialize merged/key_value again."
    assert refusal(lambda: other[1]) == refusal(lambda: other.read([0, 1])) == told


def test_a_store_that_lacks_a_genotype_and_holds_another_in_its_place_is_refused_when_it_is_read(tmp_path):
    found = store(tmp_path / "a.lmdb", table([deletions("YAL001C"), deletions("YBR160W")]))
    edited(found.path, (1).to_bytes(4, "big"), None)
    path = found.path.with_suffix(".copy")
    with lmdb.open(str(path), subdir=False, lock=False) as environment, environment.begin(write=True) as writing:
        writing.put((7).to_bytes(4, "big"), writing.get((0).to_bytes(4, "big")))
    other = KeyValueStore(path)
    assert refusal(lambda: other.read([0, 1])) == f"{path} lacks a genotype: materialize merged/key_value again."


@pytest.mark.parametrize("text", [None, b"{", b"[]", b"{}", b'{"format": {"name": "torchcell genotypes"}}'])
def test_a_store_without_metadata_is_none(thousand, tmp_path, text):
    path = tmp_path / "a.lmdb"
    path.write_bytes(thousand.path.read_bytes())
    other = edited(path, b"metadata", text)
    assert refusal(lambda: KeyValueStore(other)) == (
        f"{other} is no key-value store of genotypes: materialize merged/key_value again."
    )
    # nothing of it stays open: once it is whole again it is read
    other.write_bytes(path.read_bytes())
    assert len(KeyValueStore(other)) == 1000


def test_genotypes_are_taken_apart_by_their_offsets(tmp_path):
    rows = [deletions("YAL001C"), deletions("YAL001C", "YBR160W", "YLR113W"), deletions("YBR160W", "YLR113W")]
    found = store(tmp_path / "a.lmdb", table(rows)).read(np.array([2, 1, 0, 2]))
    assert len(found) == 4 and found.rank.tolist() == [2, 1, 0, 2]
    assert found.offsets.tolist() == [0, 2, 5, 6, 8] and found.offsets.dtype == np.int64
    assert found.perturbations["gene"].tolist() == [1, 2, 0, 1, 2, 0, 1, 2]
    assert found.headers["perturbations"].tolist() == [2, 3, 1, 2]


def test_a_store_is_opened_for_reading_alone_and_fetches_no_neighbours(thousand):
    flags = thousand._held.environment.flags()
    assert (flags["readonly"], flags["lock"], flags["readahead"]) == (True, False, False)


def test_all_stores_of_one_file_read_through_one_opening_until_it_is_closed(thousand, tmp_path):
    path = tmp_path / "a.lmdb"
    path.write_bytes(thousand.path.read_bytes())
    one, other = KeyValueStore(path), KeyValueStore(path)
    assert one._held is other._held
    (link := tmp_path / "link.lmdb").symlink_to(path)
    assert KeyValueStore(link)._held is one._held
    one.close()
    assert other[5].headers["value"] == one[5].headers["value"] == 0.005  # opened again
    assert other._held is one._held
    back = pickle.loads(pickle.dumps(one))
    assert back._held is None and back[5].headers["value"] == 0.005
    back.close(), pickle.loads(pickle.dumps(one)).close()  # one that never read has nothing to let go of
