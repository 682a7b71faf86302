"""Whether a server holds what a bundle says: counts and integer-scaled sums, page by page.

Belongs here: comparing a build in the store with its manifest. Does not: what is then done about it (load.py, offline.py,
checks.py).
"""

from typing import TYPE_CHECKING

from torchcell_assets.steps.graph.bundle import Manifest
from torchcell_assets.steps.graph.tables import VALUE_SCALE

if TYPE_CHECKING:
    from neo4j import Driver

PAGE = 500_000  # experiments that are summed in one transaction: 20 million at once would not fit a heap of 1 GB

# The number of edges of a node stands in the store, so that no edge is walked. Ordinals go from 0 up without a gap: that their
# sum is right beside their count is as good as counting distinct ones, and needs no memory.
EXPERIMENTS = """
MATCH (e:Experiment:{label} {{build: $build}}) WHERE $lo <= e.ordinal AND e.ordinal < $hi
RETURN count(e) AS experiments, sum(e.ordinal) AS ordinals, sum({value}) AS value_sum,
       sum(COUNT {{ (e)-[:PERTURBS]->() }}) AS perturbs, sum(COUNT {{ (e)<-[:MEASURED]-() }}) AS measured
"""
SCREENS = "MATCH (s:Screen {build: $build}) RETURN count(s) AS screens"


def differences(driver: "Driver", database: str, manifest: Manifest) -> list[str]:
    """What the server holds otherwise than the manifest says, as `name found instead of expected`; [] if nothing.

    Some 3 µs of the server's CPU an experiment.
    """
    experiments = manifest.nodes[manifest.record_class]
    expected = {
        "experiments": experiments,
        "ordinals": experiments * (experiments - 1) // 2,
        "value_sum": manifest.value_sum,
        "perturbs": manifest.edges["PERTURBS"],
        "measured": experiments,
        "screens": manifest.nodes["Screen"],
    }
    found = dict.fromkeys(expected, 0)
    statement = EXPERIMENTS.format(label=manifest.record_class, value=_summed(manifest.record_class))
    pages = [(lo, min(lo + PAGE, experiments)) for lo in range(0, experiments, PAGE)]
    for lo, hi in [*pages, (experiments, 2**62)]:  # the last: what no bundle of so many experiments holds
        bounds = {"build": manifest.build, "lo": lo, "hi": hi}
        [row] = driver.execute_query(statement, bounds, database_=database).records
        found |= {name: found[name] + value for name, value in row.items()}
    [row] = driver.execute_query(SCREENS, {"build": manifest.build}, database_=database).records
    found |= dict(row)
    return [f"{name} {found[name]} instead of {value}" for name, value in expected.items() if found[name] != value]


def _summed(record_class: str) -> str:
    if record_class == "Viability":
        return "toInteger(e.viable)"
    return f"toInteger(floor(e.value * {VALUE_SCALE} + 0.5))"
