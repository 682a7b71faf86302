"""What is rendered by columns is what BioCypher's own writer makes of the same rows, field by field; batches are the whole."""

import gzip
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchcell_assets.schema import Fitness
from torchcell_assets.steps.graph import bundle, tables, writer
from torchcell_assets.steps.graph.bulk import Bulk
from torchcell_assets_tests.generated import LOADED, records
from torchcell_assets_tests.steps.graph.made_up import dataset, fitness_rows, write_bundle

few = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
DIRTY = pl.DataFrame(
    {
        "id": [f"fitness_made_up:{n}:x" for n in range(7)],
        "name": ['a "quoted" name', "tab\there", "line\nbreak", "Δ µ π ’", "", None, "back\\slash ; , '"],
        "ordinal": range(7),
        "value": [1e-7, 1e300, -0.0, 0.1 + 0.2, None, float("nan"), float("inf")],
        "samples": [0, 2**40, None, 1, 2, 3, 4],
        "replicates": [[1.5, 1e-7], [], None, [0.1 + 0.2], [1.0], [2.0], [3.0]],
    }
)


def files(folder: Path, made: tables.GraphTables, by_columns: bool) -> dict[str, list[list[str]]]:
    """File -> rows -> cells."""
    with writer.writing(folder) as opened:
        for label, table in made.nodes.items():
            rows = writer.writable(table)
            if by_columns:
                Bulk(opened.biocypher).nodes(label, rows)
            else:
                assert opened.biocypher.write_nodes(writer.node_rows(label, _all_properties(label, rows)))
        for label, table in made.edges.items():
            rows = writer.writable(table)
            if by_columns:
                Bulk(opened.biocypher).edges(label, rows)
            else:
                assert opened.biocypher.write_edges(writer.edge_rows(label, rows))
    return {path.name.removesuffix(".gz"): _cells(path) for path in sorted(folder.glob("*.csv*"))}


def _cells(path: Path) -> list[list[str]]:
    written = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [line.split("\t") for line in written.decode().split("\n")[:-1]]


def _all_properties(label: str, rows: pl.DataFrame) -> pl.DataFrame:
    (entry,) = writer.schema_entries(label).values()
    return rows.with_columns(pl.lit(None).alias(name) for name in entry["properties"] if name not in rows.columns)


def same(one: str, other: str) -> bool:
    """The same field; numbers may be spelled differently (`1e-07`, `1e-7`)."""
    if one == other:
        return True
    parts = [text.strip('"').split("|") for text in (one, other)]
    return len(parts[0]) == len(parts[1]) and all(float(a) == float(b) for a, b in zip(*parts, strict=True))


def assert_same_fields(folder: Path, made: tables.GraphTables) -> None:
    (folder / "columns").mkdir()
    (folder / "rows").mkdir()
    ours, theirs = files(folder / "columns", made, True), files(folder / "rows", made, False)
    assert ours.keys() == theirs.keys()
    for name, rows in ours.items():
        assert len(rows) == len(theirs[name]), name
        for row, expected in zip(rows, theirs[name], strict=True):
            assert len(row) == len(expected)
            assert all(same(a, b) for a, b in zip(row, expected, strict=True)), (name, row, expected)


def test_dirty_fields_are_those_of_biocypher(tmp_path):
    assert_same_fields(tmp_path, tables.GraphTables({"fitness": DIRTY}, {}))


@pytest.mark.parametrize("label", LOADED)
@few
@given(data=st.data())
def test_records_are_written_as_biocypher_writes_them(label, data, tmp_path_factory):
    table = data.draw(records(LOADED[label]))
    made = tables.record_tables(dataset(LOADED[label]), table, "b@1")
    assert_same_fields(tmp_path_factory.mktemp("both"), made)


def test_two_mutations_of_one_gene_are_two_edges(tmp_path):
    rows = fitness_rows().head(1)
    twice = rows.with_columns(perturbations=pl.concat_list("perturbations", "perturbations"))
    made = tables.record_tables(dataset(Fitness), twice, "b@1")
    manifest = bundle.manifest_of(dataset(Fitness), made, "v1", tmp_path / "t.parquet")
    folder = bundle.write(tmp_path / "bundle", made, manifest)  # BioCypher itself keeps one edge of each pair of nodes
    assert bundle.read_table(folder, "PERTURBS").height == 2


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_bundle_that_is_written_in_batches_is_the_one_of_all_records(tmp_path, monkeypatch, size):
    rows = fitness_rows()
    table = tmp_path / "t.parquet"
    rows.write_parquet(table)
    monkeypatch.setattr(bundle, "BATCH", size)
    batches = bundle.write_records(tmp_path / "batches", dataset(Fitness), "v1", table)
    whole = write_bundle(tmp_path, rows, Fitness)
    assert bundle.read_manifest(batches) == bundle.read_manifest(whole)
    for name in ("Fitness", "Screen", "Environment", "Dataset", "MEASURED", "PERTURBS", "UNDER", "CONTAINS"):
        assert bundle.read_table(batches, name).equals(bundle.read_table(whole, name)), name


def test_screens_that_disagree_across_batches_are_refused(tmp_path, monkeypatch):
    rows = fitness_rows()
    torn = rows.with_columns(
        temperature=pl.when(pl.int_range(pl.len()) == rows.height - 1).then(30.0).otherwise("temperature")
    )
    torn.write_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(bundle, "BATCH", 1)
    with pytest.raises(tables.BundleError, match="the experiments of screen 'made up 26' differ"):
        bundle.write_records(tmp_path / "bundle", dataset(Fitness), "v1", tmp_path / "t.parquet")
    assert list((tmp_path / "bundle").iterdir()) == []
