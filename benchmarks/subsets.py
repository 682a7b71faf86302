"""What a sample costs: `merged/subset` and `merged/key_value` of each size, as Dagster makes them, from 13.5 million genotypes.

    PYTHONPATH=. python benchmarks/subsets.py [genotypes [sizes ...]]

The merged table is made up: gene pairs of 6,000 genes with numbers from a hash; one genotype in fifty is also derived, one
is also measured at another temperature. Every asset is made by a process of its own; CPU and memory are those of the whole
process, Dagster included.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from torchcell_assets.schema.derived import MergedFitness
from torchcell_assets.schema.vocabularies import EVIDENCES, KINDS, ZYGOSITIES

GENOTYPES = 13_500_000
SIZES = ("1e3", "1e4", "1e5", "all")
POOLINGS = list(MergedFitness.pooling.dtype.categories)


def merged_table(path: Path, genotypes: int) -> int:
    """Write a merged file of about so many genotypes; gives the number of its rows."""

    def enum(values: list[str]) -> str:
        return f"ENUM ({', '.join(repr(value) for value in values)})"

    def deleted(*genes: str) -> str:
        each = (f"{{gene: {gene}, kind: 'deletion', allele: 'delta', zygosity: 'haploid'}}" for gene in genes)
        return f"[{', '.join(each)}]"

    pairs = 6000 * 5999 // 2
    with duckdb.connect(path, config={"threads": 2, "memory_limit": "3GB"}) as connection:
        connection.execute(f"""
            CREATE TEMP TABLE gene AS
            SELECT i, 'Y' || chr(CAST(65 + i % 16 AS INTEGER)) || CASE WHEN i % 2 = 0 THEN 'L' ELSE 'R' END
                      || lpad(CAST(i // 16 AS VARCHAR), 3, '0') || 'W' AS name
            FROM range(6000) t(i);
            CREATE TABLE fitness (
                genotype VARCHAR, temperature DOUBLE, medium_class VARCHAR, assay VARCHAR,
                reference VARCHAR, evidence {enum(EVIDENCES)}, genes VARCHAR, "order" UTINYINT,
                deletions_only BOOLEAN, haploid BOOLEAN, query VARCHAR, value DOUBLE, standard_error DOUBLE, shared_error DOUBLE,
                pooling {enum(POOLINGS)}, measurements UINTEGER, laboratories UINTEGER, samples UBIGINT, heterogeneity DOUBLE,
                consistency DOUBLE, publications VARCHAR[], records VARCHAR[],
                perturbations STRUCT(gene VARCHAR, kind {enum(KINDS)}, allele VARCHAR, zygosity {enum(ZYGOSITIES)})[]);
            INSERT INTO fitness
            SELECT name || ':deletion:delta:haploid', 26.0, 'SGA plate', 'colony size', 'wild type', 'measured', name, 1, true,
                   true, NULL, 0.9, 0.01, NULL, 'single', 1, 1, 17, NULL, NULL,
                   ['10.1126/science.aaf1420'], ['fitness_costanzo2016:' || i || ':26C'], {deleted("name")}
            FROM gene;
            INSERT INTO fitness
            WITH pair AS (
                SELECT least(a.name, b.name) AS x, greatest(a.name, b.name) AS y, a.i * 6000 + b.i AS n
                FROM gene a, gene b WHERE a.i < b.i AND hash(a.i, b.i) % 1000000 < {genotypes / pairs * 1e6})
            SELECT x || ':deletion:delta:haploid + ' || y || ':deletion:delta:haploid', 26.0, 'SGA plate',
                   'colony size', 'wild type', 'measured', x || '+' || y, 2, true, true, x || '_dma',
                   0.2 + (hash(x, y) % 1000000) / 1e6, CASE WHEN n % 9 > 0 THEN (hash(y, x) % 100000) / 1e6 END, 0.01,
                   'single', 1, 1, 4, NULL, NULL,
                   ['10.1126/science.aaf1420'], ['fitness_costanzo2016:' || n || ':fitness'], {deleted("x", "y")}
            FROM pair ORDER BY 1;
            INSERT INTO fitness SELECT * REPLACE ('derived' AS evidence) FROM fitness WHERE hash(genotype) % 50 = 0;
            INSERT INTO fitness SELECT * REPLACE (30.0 AS temperature) FROM fitness WHERE hash(genotype) % 50 = 1;
        """)
        return connection.sql("SELECT count(*) FROM fitness").fetchall()[0][0]


def make(name: str, size: str, root: Path) -> None:
    """Make one partition in this process, and print what it took."""
    import dagster as dg

    from torchcell_assets.config.resources import DataRoot
    from torchcell_assets.config.study import current
    from torchcell_assets.steps.merged.assets import assets

    with dg.DagsterInstance.ephemeral() as instance:
        made = dg.materialize(
            assets(current()),
            selection=dg.AssetSelection.assets(["merged", name]),
            partition_key=size,
            instance=instance,
            resources={"root": DataRoot(path=str(root)), "store": dg.ResourceDefinition.none_resource()},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    (event,) = made.get_asset_materialization_events()
    told = event.materialization.metadata
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "rows": told["dagster/row_count"].value,
                "bytes": told["bytes"].value,
                "cpu": used.ru_utime + used.ru_stime,
                "peak": used.ru_maxrss / 1024,
                "wall": told["torchcell/seconds"].value,
            }
        )
    )


def main() -> None:
    if sys.argv[1:2] == ["--make"]:
        return make(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    genotypes = int(float(sys.argv[1])) if len(sys.argv) > 1 else GENOTYPES
    sizes = sys.argv[2:] or SIZES
    table = Table("asset", "size", "genotypes", "file, MB", "CPU-s", "us CPU a genotype", "peak RSS, MB", "wall, s")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "merged").mkdir()
        rows = merged_table(root / "merged" / "fitness.duckdb", genotypes)
        for size in sizes:
            for name in ("subset", "key_value"):
                line = [sys.executable, __file__, "--make", name, size, str(root)]
                environment = {**os.environ, "TORCHCELL_STUDY": "screens", "TORCHCELL_DATA": str(root)}
                done = subprocess.run(line, check=True, capture_output=True, text=True, env=environment)
                told = json.loads(done.stdout.splitlines()[-1])
                table.add_row(
                    f"merged/{name}",
                    size,
                    f"{told['rows']:,}",
                    f"{told['bytes'] / 1e6:,.1f}",
                    f"{told['cpu']:.1f}",
                    f"{told['cpu'] / told['rows'] * 1e6:,.1f}",
                    f"{told['peak']:,.0f}",
                    f"{told['wall']:.1f}",
                )
    Console(width=130).print(f"from {rows:,} merged rows", table)


if __name__ == "__main__":
    main()
