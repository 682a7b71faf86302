"""Jobs by name, for people, schedules and the command line.

One job per step, cut where the partitions differ, in the order of the flow; `verify` runs the checks alone.
"""

import dagster as dg

FLOW = ("datasets", "graph", "merged", "representations", "baselines", "trained", "scoreboard")
"""The jobs that make everything, upstream first."""

_BASELINES = dg.AssetSelection.assets(["trained", "baselines"])
_SCOREBOARD = dg.AssetSelection.assets(["trained", "scoreboard"])
_SELECTIONS = {
    "datasets": (dg.AssetSelection.groups("datasets"), "Raw files -> validated records."),
    "graph": (dg.AssetSelection.groups("graph"), "Records -> bundles -> Neo4j."),
    "merged": (dg.AssetSelection.groups("merged"), "Cypher -> de-duplicated table -> one sample."),
    "representations": (dg.AssetSelection.groups("representations"), "Genes -> vectors, one representation."),
    "baselines": (_BASELINES, "What every model has to beat, on one sample."),
    "trained": (
        dg.AssetSelection.groups("trained") - _BASELINES - _SCOREBOARD,
        "Every model family on one sample and one representation.",
    ),
    "scoreboard": (_SCOREBOARD, "All scores in one table and one figure."),
}

JOBS = [
    *(
        dg.define_asset_job(name, selection=selection, description=description)
        for name, (selection, description) in _SELECTIONS.items()
    ),
    dg.define_asset_job(
        "verify",
        selection=dg.AssetSelection.all_asset_checks(),
        description="Checks only: counts as published, stores in sync, schema in sync.",
    ),
]
