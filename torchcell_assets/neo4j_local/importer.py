"""Bundles into an empty home by `neo4j-admin database import`, strict: one bad row fails it.

Belongs here: its arguments, the files that bundles share, its progress, the reason why it failed. Does not: what becomes of the
new store (offline.py).
"""

import contextlib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import polars as pl

from torchcell_assets.neo4j_local import supervisor
from torchcell_assets.neo4j_local.jars import GraphUnavailable, fetch_jars
from torchcell_assets.neo4j_local.server_home import LARGE, admin_command, configure, environment, new_entry, reason
from torchcell_assets.neo4j_local.supervisor import write_entry

SHARED = ("Dataset", "Publication", "Environment")
"""Labels of which several bundles may hold the same node."""
TOLD_EVERY = 10.0  # seconds between two lines of progress
ENDS_WITHIN = 5.0  # seconds; an importer that is asked to end does so at once, and leaves its folder half-written
_PROGRESS = re.compile(r"\[\*(Nodes|Relationships):.*\]\s*([\d.]+[KMG]?)\s")

_NOT_STORED = {
    "preferred_id": "preferred_id:IGNORE"
}  # BioCypher's, the same on every node; a live load leaves it out too
_SIGNS = ("original error", "data source", "Detected field")  # by which the importer tells of a bad row

BARE_GENES = ":ID\tuid\tname\tid\t:LABEL\n"
"""Header of genes that are perturbed, where the genome has no bundle yet; its own load adds what it knows of them."""


class ImportFailed(GraphUnavailable):
    """The bundles did not become a store; the old one still serves."""


def run(
    home: Path,
    bundles: Sequence[Path],
    *,
    labels: Callable[[str], str],
    password: str | None,
    tell: Callable[[str], None],
) -> None:
    """Import `bundles` into `home`, which does not exist yet.

    Args:
        home: folder of the new store; what a failed import leaves in it is for the caller to remove.
        bundles: one folder a dataset.
        labels: name of a table of nodes -> the labels that its nodes get beside their own, joined by colons.
        password: that the new store will be served with; a new one by default.
        tell: gets the progress, a line every TOLD_EVERY seconds.

    Raises:
        ImportFailed: with the importer's reason: a bad row and where it stands, or that it cannot start.

    """
    jars = fetch_jars()
    (home / "logs").mkdir(parents=True)
    entry = new_entry(home)
    write_entry(home, {**entry, "password": password or entry["password"]})
    configure(home, 7687, None, LARGE)
    staged = home / "import"
    arguments = _arguments(bundles, _stage(staged, bundles), home, labels)
    java = admin_command(home, jars, ["database", "import", "full", "neo4j", *arguments])
    log = home / "logs" / "import.log"
    with log.open("w") as written, _running(home, java) as process:
        _listen(process, written, tell)
    if process.returncode:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
        found = [line for sign in _SIGNS for line in dict.fromkeys(lines) if line.startswith(sign)]
        why = "; ".join(found) or reason("\n".join(lines))
        raise ImportFailed(f"The import of the bundles failed: {why}. The old store stays.")
    shutil.rmtree(staged)


@contextlib.contextmanager
def _running(home: Path, java: list[str]) -> "Iterator[subprocess.Popen[str]]":
    """The importer, under a supervisor: it ends with this process, however that ends, and at once if the block is left."""
    command = [sys.executable, "-I", supervisor.__file__, str(home), *java]
    streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, **streams, cwd=home, env=environment(home), text=True) as process:
        try:
            yield process
        except BaseException:  # in here: on its way out, Popen waits for a process that nobody has stopped
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(ENDS_WITHIN)
            process.kill()  # the kernel ends Java with its supervisor
            raise


def _listen(process: "subprocess.Popen[str]", log: IO[str], tell: Callable[[str], None]) -> None:
    """Write down what the importer says until it ends, and tell how far it is."""
    assert process.stdout is not None
    told = time.monotonic()
    for line in process.stdout:
        log.write(line)
        if time.monotonic() - told > TOLD_EVERY and (progress := _PROGRESS.match(line)):
            told = time.monotonic()
            tell(f"import: {progress[2]} {progress[1].lower()}")


def _arguments(bundles: Sequence[Path], staged: Path, home: Path, labels: Callable[[str], str]) -> list[str]:
    """Strict: one bad row fails the import. The pattern of the parts is a regular expression of Java."""
    headers = staged / "headers"
    headers.mkdir()
    listed = []
    for number, folder in enumerate([*bundles, staged]):
        for header in sorted(folder.glob("*-header.csv")):
            name = header.name.removesuffix("-header.csv")
            if folder is not staged and name in (*SHARED, "Gene"):
                continue  # each once, from the staged files
            is_edge = ":START_ID" in (text := header.read_text())
            label = "" if is_edge else f"={labels(name)}"
            read = headers / f"{number}-{header.name}"
            read.write_text("\t".join(_NOT_STORED.get(entry, entry) for entry in text.split("\t")))
            listed.append(f"--{'relationships' if is_edge else 'nodes'}{label}={read},{folder}/{name}-part.*")
    return [
        "--overwrite-destination=true",
        "--delimiter=\\t",
        "--array-delimiter=|",
        '--quote="',
        "--id-type=string",
        "--skip-bad-relationships=false",
        "--skip-duplicate-nodes=false",
        "--bad-tolerance=0",
        f"--report-file={home / 'logs' / 'import.report'}",
        "--verbose",  # else neither the line nor the reason of a bad row is told
        *listed,
    ]


def _stage(folder: Path, bundles: Sequence[Path]) -> Path:
    """Files of what bundles share, each node once, and of genes that are perturbed and not in the genome."""
    folder.mkdir()
    for name in (*SHARED, "Gene"):
        holding = [one for one in bundles if (one / f"{name}-header.csv").is_file()]
        if not holding and name != "Gene":
            continue
        headers = {(one / f"{name}-header.csv").read_text() for one in holding} or {BARE_GENES}
        if len(headers) > 1:
            raise ImportFailed(f"The bundles' headers of {name} differ: materialize the graph assets again.")
        (folder / f"{name}-header.csv").write_text(header := headers.pop())
        lines = [line for one in holding for part in parts_of(one, name) for line in _lines(part)]
        nodes = {line.split("\t", 1)[0]: line for line in lines}
        if other := next((line for line in lines if nodes[line.split("\t", 1)[0]] != line), None):
            raise ImportFailed(
                f"Two bundles say different things of the {name.lower()} {other.split(chr(9), 1)[0]!r}: materialize the graph "
                "assets again. The old store stays."
            )
        if name == "Gene":
            nodes |= {gene: _bare_gene(gene, header) for gene in _perturbed(bundles) if gene not in nodes}
        (folder / f"{name}-part000.csv").write_text("".join(f"{line}\n" for line in nodes.values()))
    return folder


def parts_of(folder: Path, name: str) -> list[Path]:
    """The files of one table of a bundle, in their order; large ones are compressed."""
    return sorted(folder.glob(f"{name}-part*"), key=lambda part: (len(part.name), part.name))


def _lines(part: Path) -> list[str]:
    return part.read_text().split("\n")[:-1]


def _bare_gene(gene: str, header: str) -> str:
    """A retired ORF becomes a gene with its name alone, so that its measurement is kept."""
    given = {":ID": gene, **dict.fromkeys(("uid", "name", "id"), f'"{gene}"'), ":LABEL": '"Gene"'}
    entries = header.strip().split("\t")
    return "\t".join(given.get(entry if entry.startswith(":") else entry.split(":")[0], "") for entry in entries)


def _perturbed(bundles: Sequence[Path]) -> list[str]:
    genes: set[str] = set()
    for folder in bundles:
        header = folder / "PERTURBS-header.csv"
        if header.is_file():
            column = header.read_text().rstrip("\n").split("\t").index(":END_ID")
            for part in parts_of(folder, "PERTURBS"):
                read = pl.scan_csv(part, separator="\t", has_header=False, infer_schema=False, quote_char=None)
                genes |= set(read.select(pl.nth(column).unique()).collect(engine="streaming").to_series())
    return sorted(genes)
