"""How the steps of a run are executed: in its process, in one process each, or in one Kubernetes pod each.

Belongs here: the choice, which the environment makes (`TORCHCELL_EXECUTOR`). Does not: where a run is started, which the
run launcher of Dagster's instance decides (dagster.yaml).
"""

from importlib.util import find_spec

import dagster as dg

from torchcell_assets import environment


def executor() -> dg.ExecutorDefinition:
    """The executor that the environment names; by default steps are executed in the process of their run.

    Raises:
        EnvironmentRefused: it names none, or one whose package is not installed.
    """
    name = environment.executor()
    if name == "in_process":
        return dg.in_process_executor
    if name == "multiprocess":
        return dg.multiprocess_executor
    if find_spec("dagster_k8s") is None:
        raise environment.EnvironmentRefused(
            f"{environment.EXECUTOR}=k8s needs dagster-k8s, which is not installed: install the extra `k8s`, or unset it."
        )
    from dagster_k8s import k8s_job_executor

    return k8s_job_executor
