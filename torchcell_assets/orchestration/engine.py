"""The engine: what is wanted of a code location and is not in sync is made, batch by batch, upstream first.

Belongs here: which batch comes next and which checks are executed when. Does not: which standing an asset has (staleness), how a
batch is executed (execution.py), what a command wants of it (waves.py), the plan that a person sees (plan.py).

After each batch the question is put anew, so a result that did not change stops the wave.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from torchcell_assets.config import layout
from torchcell_assets.orchestration.execution import Executed, Executor
from torchcell_assets.orchestration.graph_server import graph_elsewhere, needs_graph
from torchcell_assets.orchestration.plan import ancestors
from torchcell_assets.staleness import Standing, survey
from torchcell_assets.staleness.checks import RAW_FILES_AS_PINNED, SCHEMA_IN_SYNC, WHOLE_ASSET
from torchcell_assets.staleness.dagster_internals import BaseAssetGraph
from torchcell_assets.staleness.verdicts import Verdict, stopping, verdicts

Cell = tuple[dg.AssetKey, str | None]


@dataclass(frozen=True)
class Stage:
    """What is made before the next stage begins: asset -> its partitions that are wanted, and who executes them."""

    name: str
    wanted: Mapping[dg.AssetKey, Sequence[str | None]]
    executor: Executor


@dataclass(frozen=True)
class Progress:
    """How far a stage is, in cells. batch: what is about to be made; empty once nothing is left to do."""

    stage: str
    done: int
    total: int
    batch: Sequence[Standing] = ()


@dataclass(frozen=True)
class Wave:
    """What one command wants to be made, and who is told of it.

    Attributes:
        checker: executes checks alone.
        never_made: what was never made is wanted too, and not only what is stored and outdated.
        serve: called once, before something is made that needs the graph server, or is held against it.
        moves: called before each batch, and at the end of a stage that has made something.
        fails: called with each check that fails, once.

    """

    instance: dg.DagsterInstance
    graph: BaseAssetGraph
    stages: Sequence[Stage]
    checker: Executor
    never_made: bool
    serve: Callable[[], None] = lambda: None
    moves: Callable[[Progress], None] = lambda progress: None
    fails: Callable[[Verdict], None] = lambda verdict: None


@dataclass
class Outcome:
    """What came of a wave: cells made, failures by cell, what was left, checks that failed.

    left: what stands behind a failed check, and which, or behind a failed cell (None).
    """

    made: list[Cell] = field(default_factory=list)
    failed: dict[Cell, str] = field(default_factory=dict)
    left: dict[Standing, Verdict | None] = field(default_factory=dict)
    checks: list[Verdict] = field(default_factory=list)


def execute(wave: Wave) -> Outcome:
    """Make what a wave wants, stage by stage, with the checks before, within and after it.

    What stands behind a failed blocking check, or behind a cell that failed, is not made. An executor may raise instead of
    collecting what fails; that ends the wave.
    """
    return _Execution(wave).run()


class _Execution:
    """One wave under way: what has come of it so far, and what has been told."""

    def __init__(self, wave: Wave) -> None:
        self.wave = wave
        self.outcome = Outcome()
        self.reported: set[Verdict] = set()
        self.broken: list[Verdict] = []
        self.serves = False

    def run(self) -> Outcome:
        self.check(open_checks(verdicts(self.wave.instance, self.wave.graph)))  # not told yet: it may be taken back
        for number, stage in enumerate(self.wave.stages):
            self.serve_ahead(self.wave.stages[number:])
            self.make(stage)
        now = self.check(last_checks(self.verdicts(), bool(self.outcome.made)))
        made: set[dg.AssetKey | None] = {key for key, _ in self.outcome.made}
        found = [v for v in now if v.failed and (v.error or v.key.asset_key in made)]
        self.outcome.checks = [*found, *self.broken]
        return self.outcome

    def verdicts(self) -> list[Verdict]:
        """What the checks say now; each that fails is told once."""
        now = verdicts(self.wave.instance, self.wave.graph)
        for verdict in (*now, *self.broken):
            if verdict.failed and verdict not in self.reported:
                self.reported.add(verdict)
                self.wave.fails(verdict)
        return now

    def check(self, checks: Collection[dg.AssetCheckKey]) -> list[Verdict]:
        """Execute checks; what all say then."""
        self.broken += execute_checks(self.wave.checker, checks)
        return self.verdicts()

    def make(self, stage: Stage) -> None:
        """Batch after batch of a stage, until nothing is left but what stands behind a failure."""
        before = len(self.outcome.made)
        while True:
            stops = self.stops()
            outdated = self.outdated(stage)
            left = {s: stops[stop] for s in outdated if (stop := self.stop_of(s.key, stops)) is not None}
            todo = [standing for standing in outdated if standing not in left]
            batch = _next_batch(todo, self.wave.graph)
            done = len(self.outcome.made) - before
            if batch or done:
                self.wave.moves(Progress(stage.name, done, done + len(todo), batch))
            if not batch:
                self.outcome.left |= left
                return
            self.serve(todo)
            self.note(batch, stage.executor.make(batch))

    def stops(self) -> dict[dg.AssetKey, Verdict | None]:
        """What nothing behind it is made of: an asset that failed, or whose blocking check has, and that check."""
        failed: dict[dg.AssetKey, Verdict | None] = {key: None for key, _ in self.outcome.failed}
        return {**failed, **stopping(self.verdicts())}

    def stop_of(self, key: dg.AssetKey, stops: Collection[dg.AssetKey]) -> dg.AssetKey | None:
        """The first of `stops` behind which an asset stands."""
        before = ancestors(self.wave.graph, key)
        return next((stop for stop in stops if stop in before), None)

    def outdated(self, stage: Stage) -> list[Standing]:
        """What the stage wants and is not in sync; each cell once: what is outdated again right after it was made would go on
        for ever.
        """
        graph = any(layout.step_of(key) == "graph" for key in stage.wanted)
        elsewhere = graph_elsewhere(self.wave.instance, self.wave.graph) if graph else None
        found = survey(self.wave.instance, self.wave.graph, stage.wanted, elsewhere=elsewhere)
        tried = {*self.outcome.made, *self.outcome.failed}
        return [s for s in found if self.wants(s) and (s.key, s.partition) not in tried]

    def wants(self, standing: Standing) -> bool:
        return standing.stale or (self.wave.never_made and standing.never_made)

    def note(self, batch: Sequence[Standing], result: Executed) -> None:
        """What a run made and what failed in it; what it has not reached, because a check ended it, comes into another."""
        made = [(s.key, s.partition) for s in batch if s.key in result.made]
        failed = [s for s in batch if s.key not in result.made and (result.fails(s.key) or not made)]
        self.outcome.made += made
        self.outcome.failed |= {(s.key, s.partition): result.why(s.key) for s in failed}

    def serve(self, todo: Sequence[Standing]) -> None:
        """Let the graph server run if one of these needs it."""
        if not self.serves and needs_graph(standing.key for standing in todo):
            self.serves = True
            self.wave.serve()

    def serve_ahead(self, stages: Sequence[Stage]) -> None:
        """Serve before the graph is looked at if this stage or a later one needs it, so that what the server lacks is loaded."""
        if not self.serves and any(layout.step_of(key) == "graph" for key in stages[0].wanted):
            wanted = {key: partitions for stage in stages for key, partitions in stage.wanted.items()}
            self.serve([s for s in survey(self.wave.instance, self.wave.graph, wanted) if self.wants(s)])


def _next_batch(todo: Sequence[Standing], graph: BaseAssetGraph) -> list[Standing]:
    """What has nothing to do before it: all unpartitioned assets together, else all of one partition key."""
    waits = {standing.key for standing in todo}
    ready = {key for key in waits if not ancestors(graph, key) & waits}
    first = [standing for standing in todo if standing.key in ready]
    whole = [standing for standing in first if standing.partition is None]
    return whole or [standing for standing in first if standing.partition == first[0].partition]


def open_checks(found: Sequence[Verdict]) -> set[dg.AssetCheckKey]:
    """What to execute before anything is made, so that nothing follows what is wrong, and no mistake that was taken back
    stops anything: blocking checks that were not executed since their asset was made, and what failed.
    """
    return {
        v.key
        for v in found
        if (v.blocking and v.passed is None)
        or (v.failed and v.key.name not in (*WHOLE_ASSET, RAW_FILES_AS_PINNED))  # the last may have failed at the URL
    }


def last_checks(found: Sequence[Verdict], made: bool) -> set[dg.AssetCheckKey]:
    """What to execute after everything was made: what was not executed since, what found a partition wrong that may have been
    mended, and whether stored partitions are in sync.

    made: whether anything was made, which may have outdated partitions of any asset.
    """
    return {
        v.key
        for v in found
        if v.passed is None or (v.failed and v.key.name in WHOLE_ASSET) or (made and v.key.name == SCHEMA_IN_SYNC)
    }


def execute_checks(executor: Executor, checks: Collection[dg.AssetCheckKey]) -> list[Verdict]:
    """One run of checks alone; none where there are none. What they find is stored: see `verdicts`.

    Returns those that found nothing, because the check itself could not be executed.
    """
    if not checks:
        return []
    done = executor.check(checks)
    return [
        Verdict(check, False, error=True, why=f"It could not be executed: {done.why(check)}")
        for check in sorted(set(checks) - done.checked)
    ]
