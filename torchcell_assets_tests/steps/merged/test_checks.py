"""The check of the merged table counts every record, by its id, in what is stored."""

import dagster as dg
import duckdb
import pytest

from torchcell_assets.config import layout
from torchcell_assets.config.resources import DataRoot
from torchcell_assets.config.study import current
from torchcell_assets.steps.merged import merge as merging
from torchcell_assets.steps.merged import merged_table, subsets
from torchcell_assets.steps.merged.checks import every_record_accounted_for, what_is_measured_lives
from torchcell_assets.steps.merged.essential_genes import left_out
from torchcell_assets.steps.merged.phenotypes import FITNESS
from torchcell_assets_tests.mirror import QUIET
from torchcell_assets_tests.steps.merged.reference import pages
from torchcell_assets_tests.steps.merged.test_fitness import A, B, measured, selection
from torchcell_assets_tests.steps.merged.test_viability import stored

COUNTS = {"loaded": 4, "selected": 4, "pooled": 3, "excluded": dg.MetadataValue.json({"censored": 1})}
ACCOUNTED = every_record_accounted_for(current(), FITNESS)


@pytest.fixture
def root(tmp_path) -> DataRoot:
    """Three records in two rows, and a fourth that is censored."""
    root = DataRoot(path=str(tmp_path))
    rows = [measured(A, value=0.5), measured(A, value=0.7), measured(B, value=0.9), measured(B, value=None)]
    layout.merged_file(root.folder, "fitness").parent.mkdir()
    merging.merge(pages(tmp_path / "pages", selection(*rows)), layout.merged_file(root.folder, "fitness"), FITNESS)
    return root


def evaluated(root: DataRoot, check: dg.AssetChecksDefinition = ACCOUNTED, **counts: object) -> dg.AssetCheckEvaluation:
    job = dg.Definitions(
        assets=[dg.AssetSpec(layout.key(current(), "merged", "fitness"))],
        asset_checks=[check],
        resources={"root": root},
    ).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(layout.key(current(), "merged", "fitness"), metadata={**COUNTS, **counts})
        )
        result = job.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False)
    [found] = result.get_asset_check_evaluations()
    return found


def test_a_whole_table_passes_and_tells_its_counts(root):
    found = evaluated(root)
    assert found.passed
    assert {name: value.value for name, value in found.metadata.items()} == {
        "selected": 4, "pooled": 3, "excluded": 1, "stored": 3, "distinct": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"loaded": 3}, "4 records are selected of 3 that were loaded"),
        ({"selected": 3, "loaded": 3}, "3 records are selected, 3 pooled and 1 excluded"),
        ({"selected": 5, "loaded": 5, "pooled": 4}, "4 records were pooled and 3 are stored"),
    ],
)
def test_counts_that_do_not_add_up_are_told(root, counts, told):
    found = evaluated(root, **counts)
    assert (found.passed, found.description) == (False, told)


def test_a_record_behind_two_rows_is_told(root):
    with duckdb.connect(layout.merged_file(root.folder, "fitness")) as opened:
        opened.execute("UPDATE fitness SET records = ['r0'] WHERE records = ['r2']")
    assert merged_table.records_in(layout.merged_file(root.folder, "fitness")) == (3, 2)
    assert evaluated(root).description == "1 of 3 records stand behind two rows"


def test_a_table_that_is_gone_fails(root):
    layout.merged_file(root.folder, "fitness").unlink()
    assert "is not there: materialize merged/fitness first" in evaluated(root).description


def call(root: DataRoot, dataset: str, viable: bool) -> None:
    path = root.table("datasets", dataset)
    path.parent.mkdir(exist_ok=True)
    stored(path, (viable, [("YAL001C", "deletion", "haploid")]))


def test_a_fitness_without_an_essential_gene_is_listed_and_blocks_nothing(root):
    assert evaluated(root, what_is_measured_lives(current(), FITNESS)).passed  # no dataset says anything
    call(root, "viability_deletion_project", viable=True)
    assert evaluated(root, what_is_measured_lives(current(), FITNESS)).passed
    call(root, "viability_deutschbauer2005", viable=False)
    found = evaluated(root, what_is_measured_lives(current(), FITNESS))
    assert (found.passed, found.severity, found.blocking) == (False, dg.AssetCheckSeverity.WARN, False)
    assert found.description == (
        "1 genotypes with a fitness lack a gene that is called essential; the viability datasets disagree on 1 genes"
    )
    shown = found.metadata["essential_and_measured"].value  # long texts are cut
    assert "YAL001C:deletion:delta:haploid" in shown and "YBR160W" not in shown
    assert "YAL001C: essential in viability_deutschbauer2005" in shown
    assert "YAL001C | essential in viability_deutschbauer2005" in found.metadata["disputed"].value


def test_what_does_not_live_is_in_no_sample_and_without_records_of_it_there_is_none(root):
    with pytest.raises(subsets.SubsetError, match="is `viable_only`, and no dataset says which genes are essential"):
        left_out(current(), root)
    call(root, "viability_deletion_project", viable=False)
    assert left_out(current(), root) == {"YAL001C"}
