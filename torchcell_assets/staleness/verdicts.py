"""What the checks say of what is stored now: their last executions, held against the last materializations.

Belongs here: reading stored evaluations, and which assets they stop. Does not: the checks themselves (checks.py of each step),
executing them (orchestration/engine.py), how they are shown (cli/status.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg

from torchcell_assets.staleness.dagster_internals import AssetCheckExecutionRecord, BaseAssetGraph


@dataclass(frozen=True)
class Verdict:
    """What one check says of its asset as it is stored now.

    passed: None where the check was not executed since its asset was last made.
    blocking: it stops what stands behind its asset, if it fails.
    error: it failed, and that is no mere warning.
    """

    key: dg.AssetCheckKey
    passed: bool | None
    blocking: bool = False
    error: bool = False
    why: str = ""

    @property
    def failed(self) -> bool:
        """Executed, and not passed."""
        return self.passed is False

    @property
    def stops(self) -> bool:
        """Blocking, and failed or not executed: what stands behind its asset is not made."""
        return self.blocking and (self.error or self.passed is None)

    def __str__(self) -> str:
        said = "failed" if self.error else "warns"
        return f"{self.key.asset_key.to_user_string()}: {self.key.name} {said}. {self.why}".rstrip()


def verdicts(instance: dg.DagsterInstance, graph: BaseAssetGraph) -> list[Verdict]:
    """The verdict of every check of every asset that is stored, upstream first; two SQL statements."""
    of_asset: dict[dg.AssetKey, list[dg.AssetCheckKey]] = {}
    for check in sorted(graph.asset_check_keys):
        of_asset.setdefault(check.asset_key, []).append(check)
    made = {
        record.asset_entry.asset_key: record.asset_entry.last_materialization_record.timestamp
        for record in instance.get_asset_records(sorted(of_asset))
        if record.asset_entry.last_materialization_record
    }
    wanted = [check for key in graph.toposorted_asset_keys if key in made for check in of_asset.get(key, [])]
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key(wanted)
    return [_verdict(check, graph, found.get(check), made[check.asset_key]) for check in wanted]


def _verdict(
    key: dg.AssetCheckKey, graph: BaseAssetGraph, last: AssetCheckExecutionRecord | None, made: float
) -> Verdict:
    blocking = graph.get(key).blocking
    said = last.evaluation if last is not None else None  # of a check that was only planned, the plan
    if last is None or last.event is None or not isinstance(said, dg.AssetCheckEvaluation):
        return Verdict(key, None, blocking)
    if last.event.timestamp < made:
        return Verdict(key, None, blocking)
    error = not said.passed and said.severity is dg.AssetCheckSeverity.ERROR
    return Verdict(key, said.passed, blocking, error, said.description or "")


def stopping(found: Iterable[Verdict]) -> dict[dg.AssetKey, Verdict]:
    """Asset -> the blocking check because of which nothing behind it is made."""
    return {verdict.key.asset_key: verdict for verdict in reversed(list(found)) if verdict.stops}
