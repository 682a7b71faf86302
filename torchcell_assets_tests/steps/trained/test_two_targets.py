"""A study of fitness and interaction, on a small made-up data root: really made, from merged tables to the figures."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

import torchcell_assets
from torchcell_assets.config import layout
from torchcell_assets.config.partitions import cell
from torchcell_assets.config.resources import DataRoot
from torchcell_assets.config.study import StudyError, current
from torchcell_assets.config.worker_process import WorkerProcess
from torchcell_assets.definitions import build_defs
from torchcell_assets.steps.merged import checks, merged_table
from torchcell_assets.steps.merged.assets import assets as merged_assets
from torchcell_assets.steps.merged.key_value_store import KeyValueStore
from torchcell_assets.steps.merged.phenotypes import FITNESS, INTERACTION, Phenotype
from torchcell_assets.steps.representations import table
from torchcell_assets.steps.representations.assets import assets as representation_assets
from torchcell_assets.steps.trained import assets
from torchcell_assets.steps.trained.baselines import BASELINES, MULTIPLYING
from torchcell_assets.steps.trained.grids import GRIDS
from torchcell_assets.storage.content import content_hash
from torchcell_assets_tests.mirror import QUIET
from torchcell_assets_tests.steps.merged.test_viability import stored
from torchcell_assets_tests.steps.trained.synthetic import gene_names, one_hot_embedding, screen
from torchcell_assets_tests.steps.trained.test_families import SMALL

NAMES = gene_names(30)
BOTH, SIZE = ("fitness", "interaction"), "6e2"
STUDY = current().model_copy(
    update={
        "targets": BOTH,
        "sizes": (SIZE,),
        "run_sizes": (SIZE,),
        "representations": ("one_hot",),
        "families": ("elastic_net",),
    }
)
CELL = cell(SIZE, "one_hot")
PLAIN = {
    "temperature": 26.0, "medium_class": "SGA plate", "assay": "colony size", "reference": "wild type", "evidence": "measured",
    "deletions_only": True, "haploid": True, "pooling": "single", "measurements": 1, "laboratories": 1, "shared_error": 0.0,
}  # fmt: skip


def merged(phenotype: Phenotype, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of a screen as a merged table of a phenotype has them."""
    deletion = pl.struct(gene=pl.element(), kind=pl.lit("deletion"), allele=pl.lit("delta"), zygosity=pl.lit("haploid"))
    one = rows.with_columns(
        **{name: pl.lit(value) for name, value in PLAIN.items()},
        perturbations=pl.col("genes").str.split("+").list.eval(deletion),
        publications=pl.concat_list(pl.lit("10.1126/science.aaf1420")),
        records=pl.concat_list("genotype"),
    )
    lacking = [pl.lit(None).alias(name) for name in phenotype.types if name not in one.columns]
    typed = one.with_columns(lacking).select(pl.col(name).cast(dtype) for name, dtype in phenotype.types.items())
    return typed.sort(phenotype.merged.primary_key())


def screens() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fitness of 800 genotypes; of three crosses in four an interaction, which has other values and two scores."""
    fitness = screen(800, genes=len(NAMES))
    crosses = fitness.filter(pl.col("order") > 1, pl.int_range(pl.len()) % 4 > 0)
    lacks = crosses["genes"].str.contains(NAMES[0])
    value = pl.Series(np.where(lacks, -0.3, 0.1) + np.random.default_rng(0).normal(0, 0.02, crosses.height))
    own = crosses.with_columns(value=value, standard_error=pl.lit(0.02), score=pl.lit("epsilon"))
    triple = own.filter(order=3).with_columns(value=pl.lit(0.7), score=pl.lit("tau"))
    return fitness, pl.concat([own, triple])


@dataclass
class Made:
    instance: dg.DagsterInstance
    root: DataRoot

    def make(self, name: str, partition: str | None = None) -> None:
        with pytest.MonkeyPatch.context() as small:
            small.setitem(GRIDS, STUDY.grid, SMALL)
            every = [*merged_assets(STUDY), *representation_assets(STUDY), *assets.assets(STUDY)]
        resources = {"root": self.root, "raw": None, "store": None, "worker": WorkerProcess()}
        selection = dg.AssetSelection.assets(name.split("/"))
        dg.materialize(every, selection=selection, instance=self.instance, partition_key=partition, run_config=QUIET,
                       resources=resources)  # fmt: skip

    def told(self, name: str) -> dict:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(name.split("/")))
        return {key: value.value for key, value in event.asset_materialization.metadata.items()}


def report(instance: dg.DagsterInstance) -> None:
    """As if what the samples and the models are made from had been made."""
    datasets = [("datasets/viability_deletion_project", None), ("datasets/viability_deutschbauer2005", None)]
    inputs = [("merged/fitness", None), ("merged/interaction", None), ("representations/gene_embedding", "one_hot")]
    for name, partition in [*datasets, *inputs]:
        tags = {"dagster/data_version": "A"}
        made = dg.AssetMaterialization(name.split("/"), partition=partition, tags=tags)
        instance.report_runless_asset_event(made)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("two_targets")
    (folder / "instance").mkdir()
    found = Made(dg.DagsterInstance.local_temp(str(folder / "instance")), DataRoot(path=str(folder / "data")))
    root = found.root.folder
    for phenotype, rows in zip((FITNESS, INTERACTION), screens(), strict=True):
        path = layout.merged_file(root, phenotype.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        merged_table.write(path, merged(phenotype, rows), phenotype)
    layout.dataset_table(root, "x").parent.mkdir()
    for name in ("viability_deletion_project", "viability_deutschbauer2005"):
        stored(layout.dataset_table(root, name), (False, [("YPR204W", "deletion", "haploid")]))
    place = layout.embedding_file(root, "one_hot")
    place.parent.mkdir(parents=True)
    table.write(place, one_hot_embedding(NAMES))
    report(found.instance)
    found.make("merged/test_set")
    for name in ("merged/subset", "merged/key_value", "trained/baselines"):
        found.make(name, SIZE)
    found.make("trained/elastic_net", CELL)
    found.make("trained/scoreboard")
    return found


def test_a_sample_holds_the_genotypes_of_the_first_target_and_the_values_of_both(made):
    sample = torchcell_assets.open(f"merged/subset/{SIZE}", made.root.folder)
    alone = current().model_copy(update={"sizes": (SIZE,), "run_sizes": (SIZE,)})
    assert alone.targets == ("fitness",)
    [subset] = [one for one in merged_assets(alone) if one.key.path[-1] == "subset"]
    with dg.DagsterInstance.ephemeral() as instance:
        other = DataRoot(path=str(made.root.folder.parent / "alone"))
        for name in ("merged", "datasets"):
            (other.folder / name).mkdir(parents=True, exist_ok=True)
        merged_table.write(layout.merged_file(other.folder, "fitness"), merged(FITNESS, screens()[0]), FITNESS)
        for path in (made.root.folder / "datasets").iterdir():
            (other.folder / "datasets" / path.name).write_bytes(path.read_bytes())
        report(instance)
        dg.materialize([subset], instance=instance, partition_key=SIZE, run_config=QUIET, resources={"root": other})
    expected = pl.read_parquet(layout.subset_table(other.folder, SIZE))
    assert sample.select(expected.columns).equals(expected) and content_hash(expected, ["rank"])
    _, interactions = screens()
    values = dict(
        interactions.sort("score")
        .unique("genotype", keep="first", maintain_order=True)["genotype", "value"]
        .iter_rows()
    )
    assert sample["interaction_value"].to_list() == [values.get(name) for name in sample["genotype"]]
    told = made.told("merged/subset")
    there = sample.filter(pl.col("interaction_value").is_not_null())
    assert told["with_interaction"] == there.height == told["interaction_score_epsilon"]  # epsilon is taken before tau
    columns = {column.name for column in told["dagster/column_schema"].columns}
    assert {"value", "interaction_value", "interaction_score"} <= columns
    lineage = told["dagster/column_lineage"].deps_by_column["interaction_value"]
    assert [(dep.asset_key.to_user_string(), dep.column_name) for dep in lineage] == [("merged/interaction", "value")]


def test_the_key_value_store_holds_both_and_the_mask(made):
    store = KeyValueStore(layout.key_value_file(made.root.folder, SIZE))
    sample = torchcell_assets.open(f"merged/subset/{SIZE}", made.root.folder)
    found = store.read(range(len(store)))
    assert store.targets == ["fitness", "interaction"]
    assert found.headers["value"][:, 0].tolist() == sample["value"].to_list()
    assert found.mask[:, 1].tolist() == sample["interaction_value"].is_not_null().to_list()
    assert found.headers["value"][found.mask[:, 1], 1].tolist() == sample["interaction_value"].drop_nulls().to_list()


def test_predictions_are_of_the_genotypes_that_have_the_target_and_their_value_of_it(made):
    sample, test = (
        torchcell_assets.open(f"merged/{name}", made.root.folder) for name in (f"subset/{SIZE}", "test_set")
    )
    for name in (f"trained/elastic_net/{SIZE}/one_hot", f"trained/baselines/{SIZE}"):
        found = torchcell_assets.open(name, made.root.folder).with_columns(pl.col("split").cast(pl.String))
        assert found["target"].unique(maintain_order=True).to_list() == list(BOTH)
        for target, column in (("fitness", "value"), ("interaction", "interaction_value")):
            rows = found.filter(target=target, training_sample=0, permuted=False)
            for split, where in (("train", sample.filter(split="train")), ("test", test)):
                expected = dict(where.drop_nulls(column)["genotype", column].iter_rows())
                own = rows.filter(split=split)
                assert dict(own["genotype", "observed"].iter_rows()) == expected and own["observed"].null_count() == 0


def test_the_board_scores_each_target_with_its_baselines_and_its_genotypes(made):
    board = torchcell_assets.open("trained/scoreboard", made.root.folder).with_columns(
        pl.col("kind", "split", "metric").cast(pl.String)
    )
    test = torchcell_assets.open("merged/test_set", made.root.folder)
    counts = {"fitness": test.height, "interaction": test["interaction_value"].count()}
    for target in BOTH:
        rows = board.filter(target=target, split="test", order=0, kind="baseline")
        wanted = set(BASELINES) - (set() if target == "fitness" else set(MULTIPLYING))
        assert set(rows["model"]) == wanted and set(rows["genotypes"]) == {counts[target]}
    # the one gene that interacts is found by the model, and was in no value of fitness
    best = board.filter(target="interaction", kind="model", split="test", metric="pearson", order=0)["value"].max()
    assert best > 0.8
    files = {path.name for path in layout.trained_folder(made.root.folder).glob("*.svg")}
    assert files == {f"{kind}_{target}.svg" for kind in ("scoreboard", "by_order") for target in BOTH}


def test_a_model_of_interactions_predicts_beside_measured_interactions(made, monkeypatch):
    from torchcell_assets.notebook import predict

    monkeypatch.setattr(predict, "_resolved", lambda home, genotypes: [sorted(one) for one in genotypes])
    name = f"elastic_net/{SIZE}/one_hot/interaction.pert_sum"
    _, interactions = screens()
    known = interactions["genes"][0]
    found = torchcell_assets.predict([known.split("+")], name, made.root.folder)
    nearest = found["nearest_measured"][0].to_list()
    assert nearest[0]["genotype"] == interactions["genotype"][0]
    assert nearest[0]["value"] in interactions.filter(genes=known)["value"].to_list()


def test_every_target_has_its_checks_and_its_parents():
    graph = build_defs(STUDY).resolve_asset_graph()
    lives = {key.asset_key.to_user_string() for key in graph.asset_check_keys if key.name == "what_is_measured_lives"}
    assert lives == {"merged/fitness", "merged/interaction"}
    parents = {
        name: {key.to_user_string() for key in graph.get(dg.AssetKey(name.split("/"))).parent_keys}
        for name in ("merged/subset", "merged/test_set", "trained/baselines", "trained/scoreboard")
    }
    assert all({"merged/fitness", "merged/interaction"} <= found for found in parents.values())


def test_an_interaction_without_an_essential_gene_is_told(made):
    root = DataRoot(path=str(made.root.folder))
    path = layout.dataset_table(root.folder, "viability_deletion_project")
    before = path.read_bytes()
    stored(path, (False, [(NAMES[0], "deletion", "haploid")]))
    key = layout.key(STUDY, "merged", "interaction")
    job = dg.Definitions(
        assets=[dg.AssetSpec(key)],
        asset_checks=[checks.what_is_measured_lives(STUDY, INTERACTION)],
        resources={"root": root},
    ).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        [found] = job.execute_in_process(
            instance=instance, run_config=QUIET, raise_on_error=False
        ).get_asset_check_evaluations()
    path.write_bytes(before)
    expected = screens()[1].filter(pl.col("genes").str.contains(NAMES[0]))["genotype"].n_unique()
    assert found.description == f"{expected} genotypes with an interaction lack a gene that is called essential"


def test_a_study_whose_datasets_do_not_measure_a_target_is_one_sentence():
    study = current().model_copy(update={"targets": BOTH, "datasets": ("fitness_sga", "viability_deletion_project")})
    with pytest.raises(StudyError, match=r"No dataset of the study screens measures its target interaction: add one\."):
        merged_assets(study)


def test_the_order_of_the_targets_of_a_study_changes_no_sample(made):
    other = STUDY.model_copy(update={"targets": BOTH[::-1]})

    def versions(study) -> dict[str, str]:
        return {one.key.to_user_string(): one.code_versions_by_key[one.key] for one in merged_assets(study)}

    assert versions(other) == versions(STUDY)
    before = Path(layout.subset_table(made.root.folder, SIZE)).read_bytes()
    [subset] = [one for one in merged_assets(other) if one.key.path[-1] == "subset"]
    with dg.DagsterInstance.ephemeral() as instance:
        report(instance)
        dg.materialize([subset], instance=instance, partition_key=SIZE, run_config=QUIET, resources={"root": made.root})
    assert Path(layout.subset_table(made.root.folder, SIZE)).read_bytes() == before
