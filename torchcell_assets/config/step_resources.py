"""What heavy steps ask of the machine that executes them, by the pool in which they wait for each other.

Belongs here: the pools and their requests, once. Does not: which step stands in which pool (the steps), how many of a pool run at
a time (the instance, dagster.yaml).

A request is a tag on a step: whoever executes steps where a scheduler places them (TORCHCELL_EXECUTOR=k8s) reads it; where all
run on one machine, nobody does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TRAINING, GPU, NEO4J_WRITE = "training", "gpu", "neo4j_write"


@dataclass(frozen=True)
class Request:
    """Of one step. cpus: cores; memory_gb: GB of 10^9 bytes, beyond which a step is killed; gpus: whole ones."""

    cpus: int
    memory_gb: int
    gpus: int = 0


REQUESTS: Mapping[str, Request] = {
    TRAINING: Request(
        cpus=2, memory_gb=4
    ),  # a cell's budget is 2 GB (docs/performance.md), that of its pod twice as much
    GPU: Request(cpus=4, memory_gb=16, gpus=1),
    NEO4J_WRITE: Request(cpus=1, memory_gb=4),  # the published size takes 2.6 GB at most
}
"""Pool -> what each of its steps asks for."""


def op_tags(pool: str | None) -> dict[str, Any]:
    """The tags by which a step of a pool asks for its resources; none outside the pools."""
    if pool is None or pool not in REQUESTS:
        return {}
    asked = REQUESTS[pool]
    gpus = {"nvidia.com/gpu": str(asked.gpus)} if asked.gpus else {}
    requests = {"cpu": str(asked.cpus), "memory": f"{asked.memory_gb}G", **gpus}
    limits = {"memory": requests["memory"], **gpus}
    return {"dagster-k8s/config": {"container_config": {"resources": {"requests": requests, "limits": limits}}}}
