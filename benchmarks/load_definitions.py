"""CPU-seconds to load the code location, beside Dagster alone: what every step process pays before it does anything."""

import resource
import subprocess
import sys

from rich.console import Console
from rich.table import Table

CASES = {
    "python": "pass",
    "dagster": "import dagster",
    "code location": "from torchcell_assets.definitions import defs",
}
HEAVY = ("torch", "transformers", "neo4j", "biocypher", "sklearn", "matplotlib", "cobra")


def cpu_seconds(statement: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    table = Table("loaded", "CPU-s, least of 5", title="Loading the code location")
    for name, statement in CASES.items():
        table.add_row(name, f"{min(cpu_seconds(statement) for _ in range(5)):.2f}")
    script = f"import sys; {CASES['code location']}; print([m for m in {HEAVY} if m in sys.modules] or 'nothing')"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    Console().print(table, f"of {', '.join(HEAVY)} it imports {found}")
