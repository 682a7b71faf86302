"""Every phenotype is pooled by the same rules, within what it tells apart; interactions are the second one."""

from pathlib import Path

import polars as pl
import pytest

import torchcell_assets
from torchcell_assets.config.study import load
from torchcell_assets.config.study_fields import QUERIES
from torchcell_assets.schema import Fitness, Interaction, Viability
from torchcell_assets.schema.records import Quantity, polars_schema
from torchcell_assets.schema.vocabularies import INTERACTION_SCORES
from torchcell_assets.steps.graph import load as loading
from torchcell_assets.steps.graph import read
from torchcell_assets.steps.merged import figures, merge, merged_table, subsets
from torchcell_assets.steps.merged.phenotypes import FITNESS, INTERACTION, PHENOTYPES, merged_by, query_of
from torchcell_assets.storage.content import content_hash
from torchcell_assets_tests.steps.graph.made_up import DATABASE, fitness_rows, write_bundle
from torchcell_assets_tests.steps.merged import reference
from torchcell_assets_tests.steps.merged.test_fitness import A, B, deletion, measured, selection

C = deletion("YLR113W")


def scored(*perturbations: list[str], value: float, score: str = "epsilon", **other) -> dict:
    """A record of an interaction, with what no such record has taken away."""
    row = measured(*perturbations, value=value, score=score, query="q", **other)
    return {name: given for name, given in row.items() if name not in ("upper_bound", "samples")}


def interactions(*rows: dict) -> pl.DataFrame:
    return selection(*rows, phenotype=INTERACTION)


def merged(tmp_path: Path, *rows: dict, key: str = "genotype") -> tuple[merge.Merged, pl.DataFrame]:
    path = tmp_path / "interaction.duckdb"
    counts = merge.merge(reference.pages(tmp_path / "pages", interactions(*rows)), path, INTERACTION, key)
    return counts, merged_table.read(path)


# ---- the registry ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("phenotype", PHENOTYPES.values(), ids=PHENOTYPES)
def test_an_entry_fits_its_classes_and_its_query(phenotype):
    assert issubclass(phenotype.record, Quantity)
    assert phenotype.query == QUERIES / f"{phenotype.name}.cypher" and phenotype.query.is_file()
    assert "value" in phenotype.types and phenotype.title and phenotype.axis
    assert set(phenotype.undecided) <= set(phenotype.condition)
    assert set(phenotype.condition) <= set(phenotype.record.columns())
    low, high = phenotype.drawn
    assert low < phenotype.neutral < high
    known = {*phenotype.columns, "perturbations", "genotype", "genes", "order"}
    columns = merge.columns_from(phenotype)
    assert columns.keys() == phenotype.merged.columns().keys()
    assert all(columns.values()) and {name for names in columns.values() for name in names} <= known


def test_a_study_merges_the_phenotypes_of_which_it_has_records():
    assert merged_by({Viability, Interaction, Fitness}) == [FITNESS, INTERACTION]
    assert merged_by({Viability, Fitness}) == [FITNESS]
    assert merged_by({Viability}) == []


def test_a_study_chooses_the_query_of_fitness_and_of_nothing_else():
    chosen = load("starter").query
    assert query_of(FITNESS, chosen) == QUERIES / "simulated_fitness.cypher"
    assert query_of(INTERACTION, chosen) == QUERIES / "interaction.cypher"


# ---- pooling ---------------------------------------------------------------------------------------------------------
def test_two_scores_of_one_genotype_never_pool_and_two_of_one_kind_do(tmp_path):
    other = {"publication": "10.1/b", "laboratory": "b"}
    counts, table = merged(
        tmp_path,
        scored(A, B, C, value=0.1, score="epsilon_query_array"),
        scored(A, B, C, value=-0.2, score="tau"),
        scored(B, C, A, value=-0.4, score="tau", **other),
    )
    # in the order in which the class names the scores
    assert table.select("score", "measurements", "pooling").rows() == [
        ("tau", 2, "random_effects"),
        ("epsilon_query_array", 1, "single"),
    ]
    assert table["value"].to_list() == pytest.approx([-0.3, 0.1])
    assert (counts.selected, counts.pooled, counts.rows) == (3, 3, 2)


def test_scores_stay_apart_where_all_else_is_mixed(tmp_path):
    rows = [
        scored(A, B, value=0.1),
        scored(A, ["YBR160W", "temperature_sensitive", "cdc28-1", "haploid"], value=0.3, temperature=30.0),
        scored(A, B, value=0.2, score="tau"),
    ]
    _, table = merged(tmp_path, *rows, key="paper")
    assert table.select("genotype", "score", "measurements").rows() == [
        ("YAL001C+YBR160W", "epsilon", 2),
        ("YAL001C+YBR160W", "tau", 1),
    ]


def test_the_merged_interactions_are_what_the_reference_makes_of_their_records(tmp_path):
    rows = [
        scored(
            *pair,
            value=0.01 * at - 0.2,
            score=INTERACTION_SCORES[at % 3],
            publication=f"10.1/{'abc'[at % 5 % 3]}",
            laboratory="ab"[at % 2],
            **({"uncertainty": None, "uncertainty_type": "none"} if at % 7 == 0 else {"query_error": 0.02}),
        )
        for at in range(60)
        for pair in [[A, B], [A, C], [B, C]][at % 4 % 3 :][:1]
    ]
    counts, table = merged(tmp_path, *rows)
    assert counts.data_version == content_hash(table, INTERACTION.merged.primary_key())
    reference.assert_is_merged(table, reference.merged(interactions(*rows), phenotype=INTERACTION))


def test_a_file_says_itself_what_it_holds(tmp_path):
    merged(tmp_path, scored(A, B, value=-0.1))
    table = merged_table.read(tmp_path / "interaction.duckdb", columns=["value", "score"])
    assert table.schema == {"value": pl.Float64, "score": pl.Enum(INTERACTION_SCORES)}
    with pytest.raises(merge.MergeError, match="materialize merged/interaction first"):
        merged_table.read(tmp_path / "elsewhere" / "interaction.duckdb")


@pytest.mark.parametrize("phenotype", PHENOTYPES.values(), ids=PHENOTYPES)
def test_a_notebook_opens_it_by_its_asset_key(tmp_path, phenotype):
    (tmp_path / "merged").mkdir()
    merged_table.write(
        tmp_path / "merged" / f"{phenotype.name}.duckdb", pl.DataFrame(schema=phenotype.types), phenotype
    )
    assert torchcell_assets.open(f"merged/{phenotype.name}", tmp_path).schema == phenotype.types


def test_of_a_genotype_with_several_scores_a_sample_holds_the_first_that_the_class_names(tmp_path):
    """Three triple mutants, each with every score of either evidence at two temperatures: twelve rows of one genotype."""
    rows = [
        scored(A, B, deletion(f"YLR{at}13W"), value=0.1, score=score, evidence=evidence, temperature=temperature)
        for at in range(3)
        for score in reversed(INTERACTION_SCORES)
        for evidence in ("derived", "measured")
        for temperature in (26.0, 30.0)
    ]
    merged(tmp_path, *rows)
    path, condition = tmp_path / "interaction.duckdb", load("screens").condition
    assert subsets.available(path, condition) == 3
    for limit, found in ((None, 3), (2, 2)):
        sample = pl.concat(subsets.batches(path, condition, 1, limit=limit))
        told = sample.select("score", "evidence", "temperature").rows()
        assert told == [("epsilon", "measured", condition.temperature)] * found
        assert sample.schema == subsets.types(INTERACTION)


# ---- figures ---------------------------------------------------------------------------------------------------------
def test_a_panel_of_replicates_says_which_score_and_shows_negative_values(tmp_path):
    pairs = [(deletion(f"YBL{at:03d}C"), -0.9 + 0.1 * at) for at in range(4)]
    rows = [
        scored(A, gene, value=value + shift, score=score, publication=publication, laboratory=publication)
        for gene, value in pairs
        for score, shift in (("epsilon", 0.0), ("tau", 0.3))
        for publication in ("10.1/a", "10.1/b")
        for value in [value + 0.01 * (publication == "10.1/b")]
    ]
    merged(tmp_path, *rows)
    repeats = merged_table.replicates(tmp_path / "interaction.duckdb")
    drawn = figures.replicate_scatter(repeats, {}, INTERACTION).axes
    assert [axes.get_title().split("\n")[1] for axes in drawn if axes.collections] == [
        f"wild type, measured, {score}" for score in ("epsilon", "tau")
    ]
    low, high = drawn[0].get_xlim()
    assert low <= -0.9 and high >= INTERACTION.drawn[1]


# ---- from the graph --------------------------------------------------------------------------------------------------
def interaction_rows() -> pl.DataFrame:
    """The doubles and the triple among the made-up records of fitness, as interactions."""
    types = polars_schema(Interaction)
    own = {
        "expected": pl.lit(0.9), "score": pl.lit("epsilon"), "p_value": pl.lit(0.01), "p_value_sides": pl.lit("one-sided"),
    }  # fmt: skip
    rows = fitness_rows().filter(pl.col("order") >= 2).with_columns(**own, value=pl.col("value") - 0.9)
    return Interaction.validate(rows.select(pl.col(name).cast(dtype) for name, dtype in types.items()))


def test_interactions_are_read_from_the_graph_along_their_edges_and_merged(empty_graph, tmp_path):
    table = interaction_rows()
    manifest = loading.load(empty_graph, DATABASE, write_bundle(tmp_path, table, Interaction))
    chosen = INTERACTION.selected_by(INTERACTION.query)
    assert read.select(empty_graph, DATABASE, chosen, [(manifest.build, 2)], tmp_path / "pages", page=1) == 2
    found = pl.concat(pl.read_parquet(rows) for rows, _ in read.pages_in(tmp_path / "pages"))
    texts = [name for name, dtype in found.schema.items() if dtype == pl.String]
    expected = table.with_columns(pl.col(texts).cast(pl.String)).with_row_index("ordinal").select(found.columns)
    assert found.rows() == expected.rows()
    merge.merge(tmp_path / "pages", tmp_path / "interaction.duckdb", INTERACTION)
    stored = merged_table.read(tmp_path / "interaction.duckdb").sort("order")
    assert stored["value"].to_list() == table.sort("order")["value"].to_list()
    empty_graph.execute_query(
        "MATCH (:Experiment {id: $id})-[p:PERTURBS]->(:Gene {id: 'YLR113W'}) DELETE p", id=table["id"][0]
    )
    assert read.select(empty_graph, DATABASE, chosen, [(manifest.build, 2)], tmp_path / "torn") == 1


def test_a_query_that_lacks_a_column_of_its_phenotype_is_refused_by_name(empty_graph, tmp_path):
    query = tmp_path / "mine.cypher"
    query.write_text(INTERACTION.query.read_text().replace("e.score AS score,", ""))
    with pytest.raises(read.QueryError, match=r"does not return score: compare it with queries/interaction\.cypher"):
        read.select(empty_graph, DATABASE, INTERACTION.selected_by(query), [("x", 1)], tmp_path / "pages")
