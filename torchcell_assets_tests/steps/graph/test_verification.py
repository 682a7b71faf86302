"""Whatever is changed on the server is seen: every column of every node and edge, shared nodes, genes."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchcell_assets.schema import Fitness, Interaction, Perturbation, Viability
from torchcell_assets.steps.graph import bundle, checksums, load, tables, verification
from torchcell_assets_tests.steps.graph.made_up import DATABASE, dataset, fitness_rows, write_bundle, write_genes

EXPERIMENT = "MATCH (e:Experiment {id: 'fitness_made_up:2:26C'}) "
EDGE = EXPERIMENT + "MATCH (e)-[p:PERTURBS]->() "
SCREEN = "MATCH (s:Screen {build: $build}) "
EDITS = {
    "value": EXPERIMENT + "SET e.value = e.value + 1e-15",
    "samples": EXPERIMENT + "SET e.samples = 5",
    "uncertainty": EXPERIMENT + "SET e.uncertainty = 0.050000001",
    "uncertainty_type": EXPERIMENT + "SET e.uncertainty_type = 'sample_sd'",
    "upper_bound": EXPERIMENT + "SET e.upper_bound = 0.1",
    "evidence": EXPERIMENT + "SET e.evidence = 'derived'",
    "strain": EXPERIMENT + "SET e.strain = 's3'",
    "column": EXPERIMENT + "REMOVE e.column",
    "replicates": EXPERIMENT + "SET e.replicates = [0.7]",
    "id": EXPERIMENT + "SET e.id = 'fitness_made_up:2:27C'",
    "id, row, value": EXPERIMENT + "MATCH (f:Experiment {id: 'fitness_made_up:3:26C'}) WITH e, f, properties(e) AS old "
    "SET e.id = f.id, e.row = f.row, e.value = f.value SET f.id = old.id, f.row = old.row, f.value = old.value",
    "PERTURBS.kind": EDGE + "SET p.kind = 'damp'",
    "PERTURBS.allele": EDGE + "SET p.allele = 'cdc28-1'",
    "PERTURBS.zygosity": EDGE + "SET p.zygosity = 'homozygous'",
    "PERTURBS.position": EDGE + "SET p.position = 1",
    "PERTURBS.gene": EDGE
    + "MATCH (g:Gene {id: 'YLR113W'}) CREATE (e)-[q:PERTURBS]->(g) SET q = properties(p) DELETE p",
    "samples, of another type": EXPERIMENT + "SET e.samples = 'four'",
    "Screen.medium_class": SCREEN + "SET s.medium_class = 'YPD plate'",
    "Screen.temperature": SCREEN + "SET s.temperature = 30.0",
    "Screen.reference": SCREEN + "SET s.reference = 'query strain'",
    "Screen.environment": SCREEN + "MATCH (s)-[u:UNDER]->(:Environment) CREATE (v:TorchCell:Environment {uid: 'x'}) "
    "CREATE (s)-[:UNDER {build: $build}]->(v) DELETE u",
    "Environment.temperature": "MATCH (v:Environment) SET v.temperature = 30.0",
    "Environment.medium_class": "MATCH (v:Environment) SET v.medium_class = 'YPD plate'",
    "Dataset.licence": "MATCH (d:Dataset) SET d.licence = 'none'",
    "Publication.citation": "MATCH (p:Publication) SET p.citation = 'Somebody, 2026'",
    "contained 0 instead of 1": "MATCH (:Dataset)-[c:CONTAINS]->() DELETE c",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("bundle"), fitness_rows(), Fitness)


def test_whatever_is_edited_is_named_and_a_load_in_the_same_call_mends_it(empty_graph, folder):
    manifest = load.load(empty_graph, DATABASE, folder)
    for what, edit in EDITS.items():
        assert verification.differences(empty_graph, DATABASE, manifest) == [], what
        empty_graph.execute_query(edit, build=manifest.build)
        found = verification.differences(empty_graph, DATABASE, manifest)
        assert len(found) == 1 or what == "Screen.environment", found
        named = what.split(", of")[0]
        assert any(
            told == named or told.startswith((f"{named} of experiments 0 to 4", f"{named} not as")) for told in found
        ) or ("another type" in what and named in found[0]), (what, found)
        load.load(empty_graph, DATABASE, folder)
    assert verification.differences(empty_graph, DATABASE, manifest) == []
    assert load.current_build(empty_graph, DATABASE, "fitness_made_up") == manifest.build


def test_a_load_that_was_killed_and_whose_batches_were_edited_is_begun_anew(empty_graph, folder, monkeypatch):
    monkeypatch.setattr(load, "BATCH", 2)

    def killed(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load.load(empty_graph, DATABASE, folder, tick=killed)
    edited = empty_graph.execute_query(
        "MATCH (e:Experiment) WITH e LIMIT 1 SET e.samples = 5 RETURN e.ordinal AS at"
    ).records
    assert len(edited) == 1
    manifest = load.load(empty_graph, DATABASE, folder)
    assert verification.differences(empty_graph, DATABASE, manifest) == []


def test_every_stored_column_is_in_the_checksums(folder):
    manifest = bundle.read_manifest(folder)
    made = tables.record_tables(dataset(Fitness), fitness_rows(), "b@1")
    edges = {f"PERTURBS.{name}" for name in ("ordinal", "position", *Perturbation.columns())}
    assert set(manifest.columns) == {"screen", *edges, *made.nodes["fitness"].columns} - {"build"}
    assert {label.lower() for label in manifest.shared} == made.nodes.keys() - {"fitness"}


def test_the_page_of_a_change_is_named(empty_graph, tmp_path, monkeypatch):
    monkeypatch.setattr(checksums, "PAGE", 2)
    manifest = load.load(empty_graph, DATABASE, write_bundle(tmp_path, fitness_rows(), Fitness))
    assert len(manifest.pages) == 3
    empty_graph.execute_query("MATCH (e:Experiment) WHERE e.ordinal = 3 SET e.samples = 5")
    assert verification.differences(empty_graph, DATABASE, manifest) == [
        "samples of experiments 2 to 3 not as in the bundle"
    ]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 4), max_size=12), st.randoms())
def test_checksums_depend_neither_on_where_a_batch_ends_nor_on_the_order_of_a_page(sizes, random):
    rows = pl.concat([fitness_rows()] * 4).with_columns(id=pl.format("fitness_made_up:{}:x", pl.int_range(pl.len())))
    made = tables.record_tables(dataset(Fitness), rows, "b@1")
    experiments, edges = bundle._of_experiments(dataset(Fitness), made)
    ends = experiments["perturbation_count"].cum_sum().to_list()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checksums, "PAGE", 7)
        whole, parts = checksums.Pages(), checksums.Pages()
        whole.add(experiments, edges)
        at = 0
        for size in [*sizes, rows.height]:
            end = min(at + size, rows.height)
            if end > at:
                first, last = (ends[at - 1] if at else 0), ends[end - 1]
                parts.add(experiments[at:end], edges[first:last])
            at = end
        expected = whole.checksums()
        assert parts.checksums() == expected
    page = edges.with_columns(
        ordinal=pl.Series([n for n, c in enumerate(experiments["perturbation_count"]) for _ in range(c)])
    )
    shuffled = lambda table: table[random.sample(range(table.height), table.height)]  # noqa: E731
    assert checksums.of_page(shuffled(experiments), shuffled(page)) == checksums.of_page(experiments, page)


@pytest.mark.parametrize("cls", [Fitness, Interaction, Viability])
def test_no_column_of_a_bundle_travels_together_that_holds_a_list(cls):
    lists = {name for name, column in cls.columns().items() if isinstance(column.dtype, pl.List)}
    assert not lists & set(verification.SHARE)


def test_a_changed_a_lacking_and_a_left_gene_are_named(empty_graph, tmp_path):
    folder = write_genes(tmp_path, {"YAL001C": "TFC3", "YBR160W": "CDC28"}, aliases=[["TSV115"], []], start=[1, 2])
    load.load_genes(empty_graph, DATABASE, folder)

    def found() -> list[str]:
        return verification.gene_differences(empty_graph, DATABASE, folder)

    assert found() == []
    empty_graph.execute_query("MATCH (g:Gene {id: 'YAL001C'}) SET g.start = 3, g.mine = true")
    assert found() == ["Gene.start is not what the bundle says"]
    load.load_genes(empty_graph, DATABASE, folder)
    assert found() == []
    empty_graph.execute_query("MATCH (g:Gene {id: 'YAL001C'}) SET g.id = 'YAL002W', g.uid = 'YAL002W'")
    empty_graph.execute_query("CREATE (:Gene:TorchCell {id: 'YAL003W', uid: 'YAL003W', name: 'EFB1'})")
    assert found() == [
        "1 instead of 2 genes of the genome",
        "1 genes that the genome does not have and nothing perturbs",
    ]
    load.load_genes(empty_graph, DATABASE, folder)
    assert found() == []  # somebody wrote on it: it stays
