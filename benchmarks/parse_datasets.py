"""Rows per CPU-second of parsing and validating each dataset, beside a row-by-row baseline on one of them.

    python benchmarks/parse_datasets.py [--generated FOLDER] [name ...]

Raw files come from TORCHCELL_MIRROR or are downloaded to a temporary folder. The simulated dataset is left out unless it
is named: its time is that of the linear programs. A dataset whose files only a person may download is left out where they
are not here; FOLDER holds files of their layout (generate_trigenic.py), which are taken as they are.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from row_by_row import KINDS, Record

from torchcell_assets.sources import Source, Sources
from torchcell_assets.steps.datasets import DATASETS, GENOME, Dataset
from torchcell_assets.steps.datasets.crosses.strain_table import COSTANZO_2016_SINGLES

SIMULATED = "fitness_flux_balance"
BASELINE = "fitness_costanzo2016"


def measure(work: Callable[[], int]) -> tuple[int, float]:
    """Rows and CPU seconds; the best of three, the first of which also imports."""
    times = []
    for _ in range(3):
        start = time.process_time()
        rows = work()
        times.append(time.process_time() - start)
    return rows, min(times)


def vectorised(dataset: Dataset, path_of: Callable[[Source], Path]) -> int:
    """Parse and validate as the platform does; rows read."""
    kept, failure = dataset.record.filter(dataset.read(path_of).records.collect(), cast=True)
    return kept.height + len(failure)


def row_by_row(sources: Sources) -> int:
    """The same sheet with one dictionary and one validated object per record, as is often done; rows read."""
    import fastexcel

    table = fastexcel.read_excel(sources.path(COSTANZO_2016_SINGLES)).load_sheet(0).to_polars()
    records = []
    for number, row in enumerate(table.iter_rows(), start=1):
        strain, gene, allele, *cells = row
        code = strain.rsplit("_", 1)[1].rstrip("0123456789")
        kind = "suppressor" if "-supp" in allele or code == "S" else KINDS.get(code, "damp")
        for temperature, value, sd in ((26, *cells[:2]), (30, *cells[2:])):
            if value != value:
                continue
            perturbation = {
                "gene": gene,
                "kind": kind,
                "allele": "delta" if kind == "deletion" else allele,
                "role": "array" if code in ("dma", "tsa") else "query",
            }
            genotype = ":".join((gene, kind, perturbation["allele"], "haploid"))
            records.append(
                Record.model_validate(
                    {
                        "id": f"{BASELINE}:{number}:{temperature}C",
                        "dataset": BASELINE,
                        "row": number,
                        "column": f"{temperature}C",
                        "strain": strain,
                        "perturbations": [perturbation],
                        "genotype": genotype,
                        "genes": gene,
                        "order": 1,
                        "temperature": temperature,
                        "value": value,
                        "uncertainty": sd,
                        "samples": 350 if code in ("dma", "tsa") else 17,
                    }
                )
            )
    return len(records)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--generated", type=Path)
    options = parser.parse_args()
    wanted, generated = options.names, options.generated
    mirror = os.environ.get("TORCHCELL_MIRROR")
    with tempfile.TemporaryDirectory() as cache:
        sources = Sources(cache=Path(cache), mirror=Path(mirror) if mirror else None)

        def path_of(source: Source) -> Path:
            stand_in = generated / source.name if generated and source.landing else None
            return stand_in if stand_in and stand_in.is_file() else sources.path(source)

        def is_here(source: Source) -> bool:
            return bool(generated and (generated / source.name).is_file()) or not sources.absent([source])

        table = Table("dataset", "rows", "CPU s", "rows per CPU-s", title="parse and validate")
        for column in table.columns[1:]:
            column.justify = "right"
        for dataset in (GENOME, *DATASETS):
            if dataset.name in wanted or (not wanted and dataset.name != SIMULATED):
                if not all(is_here(source) for source in dataset.sources if source.landing):
                    continue
                rows, seconds = measure(lambda dataset=dataset: vectorised(dataset, path_of))
                table.add_row(dataset.name, f"{rows:,}", f"{seconds:.2f}", f"{rows / seconds:,.0f}")
        if not wanted or BASELINE in wanted:
            rows, seconds = measure(lambda: row_by_row(sources))
            table.add_row(f"{BASELINE}, row by row", f"{rows:,}", f"{seconds:.2f}", f"{rows / seconds:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
