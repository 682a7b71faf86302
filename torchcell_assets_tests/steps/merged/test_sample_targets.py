"""Further targets stand beside the first: of the same genotypes, in the same split, null where a genotype has none."""

from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from torchcell_assets.config.study import Condition
from torchcell_assets.schema.vocabularies import INTERACTION_SCORES
from torchcell_assets.steps.merged import merged_table, sample_targets, subsets
from torchcell_assets.steps.merged.phenotypes import FITNESS, INTERACTION, Phenotype
from torchcell_assets.steps.merged.sample_targets import SampleError
from torchcell_assets_tests.steps.merged.test_subsets import BASE, CONDITION, PLATE

DELETION = {"kind": "deletion", "allele": "delta", "zygosity": "haploid"}
GENES = [f"YAL{at:03d}C" for at in range(12)]
PAIRS = [(a, b) for at, a in enumerate(GENES) for b in GENES[at + 1 :]]


def row(*genes: str, **own) -> dict:
    name = "+".join(genes)
    perturbations = [{"gene": gene, **DELETION} for gene in genes]
    return BASE | {"genotype": name, "genes": name, "order": len(genes), "perturbations": perturbations} | own


def written(path: Path, phenotype: Phenotype, rows: list[dict]) -> Path:
    key = phenotype.merged.primary_key()
    table = pl.DataFrame([{name: one.get(name) for name in phenotype.types} for one in rows], schema=phenotype.types)
    merged_table.write(path, table.sort(key), phenotype)
    return path


def files(folder: Path, fitness: list[dict], interactions: list[dict]) -> tuple[Path, dict[str, Path]]:
    """A merged file of fitness, and one of interactions as a further target."""
    first = written(folder / "fitness.duckdb", FITNESS, fitness)
    return first, {"interaction": written(folder / "interaction.duckdb", INTERACTION, interactions)}


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[Path, dict[str, Path]]:
    """Singles and pairs with a fitness; of every third pair an interaction, and interactions of pairs without a fitness."""
    fitness = [row(gene, value=0.9) for gene in GENES] + [row(*pair, value=0.001 * at) for at, pair in enumerate(PAIRS)]
    found = [row(*pair, value=-0.001 * at, score="epsilon") for at, pair in enumerate(PAIRS) if at % 3 == 0]
    others = [row("YBL001C", gene, value=0.5, score="epsilon") for gene in GENES]
    return files(tmp_path_factory.mktemp("merged"), fitness, found + others)


def sample(both, **how) -> pl.DataFrame:
    path, further = both
    return pl.concat(subsets.batches(path, CONDITION, 1, further=further, **how))


def stored(folder: Path, both, **how) -> Path:
    """A sample as merged/subset stores it."""
    path, further = both
    place = folder / "subset" / "1e3.parquet"
    place.parent.mkdir(exist_ok=True)
    batches = subsets.batches(path, CONDITION, 1, further=further, **how)
    list(subsets.written(place, FITNESS, batches, sample_targets.of_targets(further)))
    return place


# ---- which genotypes ---------------------------------------------------------------------------------------------------
def test_a_further_target_changes_nothing_of_the_first(both):
    path, _ = both
    alone = subsets.table(path, CONDITION, 1)
    assert_frame_equal(sample(both).select(alone.columns), alone, check_exact=True)


def test_its_values_stand_where_it_has_them_and_are_null_elsewhere(both):
    found = sample(both)
    assert found.height == len(GENES) + len(PAIRS)
    values = {"+".join(pair): -0.001 * at for at, pair in enumerate(PAIRS) if at % 3 == 0}
    assert found["interaction_value"].to_list() == [values.get(name) for name in found["genotype"]]
    assert found.filter(pl.col("interaction_score").is_null()).height == found.height - len(values)


@pytest.mark.parametrize("limit", [1, 20, 60])
def test_samples_of_several_targets_are_nested_whatever_the_batches(both, monkeypatch, limit):
    whole = sample(both)
    monkeypatch.setattr(subsets, "ROWS", 16)
    assert_frame_equal(sample(both, limit=limit), whole.head(limit), check_exact=True)


def test_the_test_set_has_them_too(both):
    path, further = both
    found = subsets.test_set(path, CONDITION, 1, further=further)
    every = sample(both).filter(split="test")
    assert found.drop("rank").equals(every.drop("rank")) and 0 < found["interaction_value"].count() < found.height


# ---- which row of a genotype -------------------------------------------------------------------------------------------
interactions = st.lists(
    st.builds(
        lambda pair, **rest: row(*pair, **rest),
        st.sampled_from(PAIRS[:6]),
        score=st.sampled_from(INTERACTION_SCORES),
        temperature=st.sampled_from([26.0, 26.0, 30.0, 34.0]),
        assay=st.sampled_from(["colony size", "colony size", "culture growth"]),
        consistency=st.sampled_from([None, 0.0, 0.5]),
        evidence=st.sampled_from(["measured", "derived", "simulated"]),
        haploid=st.sampled_from([True, True, False]),
        value=st.floats(-1.0, 1.0),
    ),
    max_size=30,
    unique_by=lambda one: tuple(one[name] for name in INTERACTION.merged.primary_key()),
)


@settings(max_examples=15, deadline=None)
@given(interactions, st.sampled_from([(), (30.0,)]), st.sampled_from([("measured", "derived"), ("derived",)]))
def test_of_several_rows_the_one_is_taken_that_a_sample_of_that_target_alone_would_take(
    tmp_path_factory, rows, assumed, evidence
):
    condition = Condition(**PLATE, evidence=evidence, assumed_from=assumed, consistency=0.1)
    fitness = [row(*pair, evidence="derived", temperature=t) for pair in PAIRS[:6] for t in (26.0, 30.0)]
    path, further = files(tmp_path_factory.mktemp("merged"), fitness, rows)
    found = pl.concat(subsets.batches(path, condition, 1, further=further))
    temperatures = [condition.temperature, *assumed]
    best: dict[str, dict] = {}
    for one in sorted(
        rows,
        key=lambda one: (
            temperatures.index(one["temperature"]) if one["temperature"] in temperatures else 99,
            evidence.index(one["evidence"]) if one["evidence"] in evidence else 99,
            INTERACTION_SCORES.index(one["score"]),
        ),
    ):
        agrees = one["consistency"] is None or one["consistency"] >= 0.1
        at = one["temperature"] in temperatures and one["evidence"] in evidence and one["assay"] == "colony size"
        if agrees and at and one["haploid"]:
            best.setdefault(one["genotype"], one)
    names = ("value", "score", "temperature", "evidence")
    expected = [
        tuple(best[name][column] for column in names) if name in best else (None,) * 4 for name in found["genotype"]
    ]
    assert found.select(f"interaction_{name}" for name in names).rows() == expected
    assert found.height == 6


# ---- one target out of a sample ----------------------------------------------------------------------------------------
def test_the_rows_of_a_target_are_those_with_a_value_of_it_under_its_own_names(both, tmp_path):
    path = stored(tmp_path, both)
    whole = sample(both)
    found = {target: sample_targets.read(path, target) for target in ("fitness", "interaction")}
    assert_frame_equal(found["fitness"], whole, check_exact=True)
    crosses = found["interaction"]
    assert set(crosses.columns) == {*INTERACTION.types, "split", "rank"}
    alone = subsets.table(both[1]["interaction"], CONDITION, 1)
    expected = alone.filter(pl.col("genotype").is_in(whole["genotype"].implode())).sort("genotype")
    assert_frame_equal(
        crosses.select(alone.columns).drop("rank").sort("genotype"), expected.drop("rank"), check_exact=True
    )


def test_a_gene_set_is_in_one_split_whichever_target_is_asked(both, tmp_path):
    path = stored(tmp_path, both)
    for target in ("fitness", "interaction"):
        rows = sample_targets.read(path, target)
        shares = [int(sha256(f"1:{genes}".encode()).hexdigest()[32:40], 16) / 2**32 for genes in rows["genes"]]
        expected = ["test" if share < 0.1 else "validation" if share < 0.2 else "train" for share in shares]
        assert rows["split"].to_list() == expected and len(set(expected)) == 3


def test_a_file_says_which_target_its_columns_without_a_prefix_are_of(both, tmp_path):
    assert sample_targets.first_of(stored(tmp_path, both)) == FITNESS
    crosses = tmp_path / "crosses.parquet"
    list(subsets.written(crosses, INTERACTION, subsets.batches(both[1]["interaction"], CONDITION, 1)))
    assert sample_targets.first_of(crosses) == INTERACTION
    assert sample_targets.read(crosses, "interaction")["score"].null_count() == 0
    with pytest.raises(SampleError, match="has no column 'fitness_value': materialize merged/subset and"):
        sample_targets.read(crosses, "fitness")
    old = tmp_path / "old.parquet"  # made when fitness was the only target
    subsets.table(both[0], CONDITION, 1).write_parquet(old)
    assert sample_targets.first_of(old) == FITNESS
    with pytest.raises(SampleError, match="has no column 'interaction_value': materialize merged/subset and"):
        sample_targets.read(old, "interaction")


def test_targets_stand_in_the_order_of_the_registry_whichever_is_named_first():
    assert sample_targets.of_targets(["interaction", "fitness"]) == [FITNESS, INTERACTION]
    assert subsets.types(FITNESS, [INTERACTION])["interaction_value"] == pl.Float64


def test_a_merged_file_that_is_not_there_or_none_is_refused_by_its_name(both, tmp_path):
    gone = {"interaction": tmp_path / "interaction.duckdb"}
    with pytest.raises(SampleError, match=r"interaction\.duckdb is not there: materialize merged/interaction first\."):
        next(subsets.batches(both[0], CONDITION, 1, further=gone))
    gone["interaction"].write_bytes(b"nothing")
    with pytest.raises(SampleError, match=r"is no merged table .*: materialize merged/interaction again\."):
        next(subsets.batches(both[0], CONDITION, 1, further=gone))
    with pytest.raises(SampleError, match=r"There is no .*: materialize merged/subset of size 1e3 first\."):
        sample_targets.read(tmp_path / "subset" / "1e3.parquet", "fitness")


def test_of_several_scores_the_first_is_taken_that_the_class_names(tmp_path):
    """`tau` before `epsilon_query_array`, which is not their order in the alphabet; what is near the condition goes first."""
    scores = {PAIRS[0]: INTERACTION_SCORES, PAIRS[1]: ["epsilon_query_array", "tau"], PAIRS[2]: ["epsilon_query_array"]}
    rows = [row(*pair, value=0.1, score=score) for pair, named in scores.items() for score in named]
    rows += [row(*PAIRS[2], value=0.2, score="epsilon", evidence="derived")]
    found = sample(files(tmp_path, [row(*pair) for pair in PAIRS[:3]], rows))
    taken = dict(found["genotype", "interaction_score"].cast(pl.String).iter_rows())
    expected = ["epsilon", "tau", "epsilon_query_array"]
    assert [taken["+".join(pair)] for pair in PAIRS[:3]] == expected
    alone = subsets.table(tmp_path / "interaction.duckdb", CONDITION, 1).sort("genotype")
    assert alone["score"].cast(pl.String).to_list() == expected  # in a sample of interactions alone, too
    first = pl.concat(subsets.batches(tmp_path / "interaction.duckdb", CONDITION, 1, limit=3)).sort("genotype")
    assert first.drop("rank").equals(alone.drop("rank"))
