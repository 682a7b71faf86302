"""The code location: what Dagster loads. Nothing is decided here.

`defs` is that of the study of this process, as the environment says. Several studies share one UI as several locations, each a
module of two lines that calls `of_study`, listed in a `workspace.yaml`; see docs/several_studies.md.
"""

from importlib import import_module
from pathlib import Path

import dagster as dg

from torchcell_assets import environment
from torchcell_assets.config import study as studies
from torchcell_assets.config.executors import executor
from torchcell_assets.config.layout import STEPS
from torchcell_assets.config.resources import DataRoot, GraphStore, RawFiles, of_the_environment
from torchcell_assets.config.study import Study
from torchcell_assets.config.worker_process import WorkerProcess
from torchcell_assets.orchestration import jobs
from torchcell_assets.staleness.checks import files_in_sync, schema_in_sync
from torchcell_assets.staleness.dagster_internals import BaseAssetGraph
from torchcell_assets.steps.datasets.assets import raw_files
from torchcell_assets.steps.vocabulary import KNOWN


def build_defs(
    study: Study, *, automation: bool = False, executes: dg.ExecutorDefinition | None = None
) -> dg.Definitions:
    """All assets, checks, jobs, schedules and the sensor of a study.

    automation: whether schedules and sensor run before anybody has started them. executes: how the steps of a run are executed;
        by default in the process of the run.
    """
    assets = [one for step in STEPS for one in import_module(f"torchcell_assets.steps.{step}.assets").assets(study)]
    checks = [one for step in STEPS[:4] for one in import_module(f"torchcell_assets.steps.{step}.checks").checks(study)]

    def graph() -> BaseAssetGraph:
        return made.resolve_asset_graph()

    root = DataRoot()
    rebuild = jobs.rebuild_outdated(lambda: made)
    made = dg.Definitions(
        assets=[*assets, raw_files(study)],
        asset_checks=[*checks, *(check(asset, graph) for asset in assets for check in (schema_in_sync, files_in_sync))],
        jobs=[*jobs.jobs(study), rebuild],
        schedules=jobs.schedules(rebuild, automation),
        sensors=[jobs.sensor(automation)],
        resources={
            "root": of_the_environment(root),
            "raw": of_the_environment(RawFiles(root=root)),
            "store": of_the_environment(GraphStore(root=root)),
            "worker": of_the_environment(WorkerProcess()),
        },
        executor=executes or dg.in_process_executor,
    )
    return made


def of_study(name: str, *, root: Path | str, prefix: str) -> dg.Definitions:
    """The code location of one of several studies that share a Dagster instance.

    Args:
        name: of a bundled study, or the path of a TOML file.
        root: its data root; from now on that of this process, which serves no other.
        prefix: before all its asset keys.

    Raises:
        StudyError: the study cannot be used, or the data root belongs to another.
        EnvironmentRefused: this process serves another data root already.
    """
    environment.serve(Path(root))
    study = studies.load(name, KNOWN)
    studies.remember(study.place)
    return build_defs(
        study.model_copy(update={"prefix": (prefix,)}), automation=environment.automation(), executes=executor()
    )


def _of_this_process() -> dg.Definitions:
    environment.check()
    study = studies.load(studies.chosen() or studies.DEFAULT, KNOWN)
    return build_defs(study, automation=environment.automation(), executes=executor())


def __getattr__(name: str) -> dg.Definitions:
    """`defs`, once somebody asks for it: who imports `of_study` alone loads no other study."""
    if name != "defs":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = made = _of_this_process()
    return made


def __dir__() -> list[str]:
    """Dagster looks for definitions among the names of a module."""
    return [*globals(), "defs"]
