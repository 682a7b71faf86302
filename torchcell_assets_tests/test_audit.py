"""benchmarks/audit shares nothing with what it audits, agrees with a data root, and notices a number that was changed."""

import ast
import os
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest

REPOSITORY = Path(__file__).parents[1]
AUDIT = REPOSITORY / "benchmarks" / "audit"
SHARED = {"polars": {"stored.py"}, "duckdb": {"stored.py"}, "lmdb": {"stored.py"}, "safetensors": {"stored.py"}}
"""Library that the project stores with -> the modules of the audit that may read with it."""


def imported(module: Path) -> set[str]:
    """First names of all modules that a file imports, at the top or within a function; relative ones are left out."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_imports_nothing_of_the_project():
    modules = sorted(AUDIT.glob("*.py"))
    assert len(modules) > 10
    for module in modules:
        names = imported(module)
        assert not {name for name in names if name.startswith("torchcell")}, module.name
        assert not names & {"importlib", "runpy", "subprocess"} or module.name == "printed.py", module.name
        assert all(module.name in where for name, where in SHARED.items() if name in names), (module.name, names)
    assert imported(AUDIT / "stored.py") >= {"polars", "duckdb"}  # else nothing was looked at


@pytest.fixture(scope="module")
def root(tiny_made, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("audited") / "data"
    for part in ("datasets", "merged", "representations", "trained", "raw"):
        if (tiny_made.root / part).is_dir():
            shutil.copytree(tiny_made.root / part, folder / part)
    return folder


@pytest.fixture(scope="module")
def audit(root):
    """The modules of the audit, reading the raw files of this session."""
    sys.path.insert(0, str(REPOSITORY))
    try:
        from benchmarks.audit import __main__, crosses, held, pooling, printed, samples
    finally:
        sys.path.remove(str(REPOSITORY))
    mirror = os.environ.get("TORCHCELL_MIRROR")
    printed.FOLDERS[:] = [*([Path(mirror)] if mirror else []), root / "raw"]
    return {
        "main": __main__.main, "crosses": crosses, "held": held, "pooling": pooling, "samples": samples,
    }  # fmt: skip


@pytest.fixture(scope="module")
def recomputed(audit):
    """Records of the crosses, the merged table and the sample that follow from them."""
    records = audit["crosses"].fitness()
    merged, between = audit["pooling"].merged(record for record in records if not record["quarantined"])
    return records, merged, between, audit["samples"].all_of(merged)


def lines(audit, root, recomputed, part=""):
    """What the audit says of a data root, by name; of one part alone if it is asked for."""
    records, merged, between, sampled = recomputed
    held = audit["held"]
    parts = {
        "datasets": lambda: held.datasets(root, {"fitness_sga": records}),
        "merged": lambda: [*held.merged(root, merged, between), *held.subsets(root, sampled)],
        "representations": lambda: held.representations(root),
        "trained": lambda: [held.scoreboard(root)],
    }
    return {line.what: line for name, of in parts.items() if part in name for line in of()}


def test_agrees_with_a_data_root(audit, root, recomputed):
    of = lines(audit, root, recomputed)
    assert not [line for line in of.values() if not line.agrees]
    assert of["datasets/genome"].stored == 6600
    assert (of["datasets/fitness_sga"].stored, of["datasets/fitness_sga, quarantine"].stored) == (9283, 1149)
    assert of["merged/fitness"].stored == 9283
    assert {"merged/subset/1e3", "merged/test_set", "merged/key_value/1e3", "representations/random_10"} < of.keys()
    assert of["trained/scoreboard"].stored > 100


def changed(path: Path, column: str, by: float) -> str:
    """Add a little to the first number of a column that is one; returns what its row is called."""
    table = pl.read_parquet(path)
    at = table.with_row_index("at").filter(pl.col(column).is_not_null())["at"][0]
    table.with_columns(
        pl.when(pl.int_range(pl.len()) == at).then(pl.col(column) + by).otherwise(column).alias(column)
    ).write_parquet(path)
    return str(table["model" if "model" in table.columns else table.columns[0]][at])


@pytest.mark.parametrize(
    ("path", "column", "by", "what"),
    [
        ("datasets/fitness_sga.parquet", "value", 1e-9, "datasets/fitness_sga"),
        ("datasets/fitness_sga.parquet", "array_error", 1e-9, "datasets/fitness_sga"),
        ("merged/subset/1e3.parquet", "standard_error", 1e-6, "merged/subset/1e3"),
        ("merged/test_set.parquet", "value", 1e-6, "merged/test_set"),
        ("trained/scoreboard.parquet", "minus_additive", 1e-6, "trained/scoreboard"),
    ],
)
def test_a_changed_number_is_told(audit, root, recomputed, tmp_path, path, column, by, what):
    copy = shutil.copytree(root, tmp_path / "data")
    first = changed(copy / path, column, by)
    found = lines(audit, copy, recomputed, path.split("/")[0])[what]
    assert not found.agrees
    assert found.differing == 1
    assert first in found.example
    assert column in found.example


def test_a_missing_row_is_told(audit, root, recomputed, tmp_path):
    copy = shutil.copytree(root, tmp_path / "data")
    path = copy / "datasets" / "fitness_sga.parquet"
    table = pl.read_parquet(path)
    table.tail(-1).write_parquet(path)
    found = lines(audit, copy, recomputed, "datasets")["datasets/fitness_sga"]
    assert not found.agrees
    assert found.example == f"{table['id'][0]}: not stored"


def test_exit_status(audit, root, tmp_path, capsys):
    assert audit["main"]([str(root), "representations"]) == 0
    told = capsys.readouterr().out
    assert "representations/one_hot" in told
    assert "0 of 2 differ" in told
    copy = shutil.copytree(root, tmp_path / "data")
    folder = copy / "representations" / "gene_embedding"
    shutil.copy(folder / "one_hot.safetensors", folder / "random_10.safetensors")
    assert audit["main"]([str(copy), "representations"]) == 1
    assert "1 of 2 differ" in capsys.readouterr().out
    shutil.rmtree(copy / "representations")
    assert audit["main"]([str(copy), "representations"]) == 1  # nothing compared is no agreement
