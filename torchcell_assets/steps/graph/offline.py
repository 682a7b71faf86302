"""All bundles into a new store at once, beside the one that serves; then the two change places.

Belongs here: the import of `neo4j-admin`, strict; what the files do not say (labels, builds, retired genes); verification; the
switch, and the way back. Does not: the server itself (local_server.py), one dataset into a live graph (load.py).

    home            the store that serves                home.next       the one that is being made
    home.previous   the one before it, for a way back

A killed import leaves `home.next`, which the next one deletes; the serving store is touched by two renames only.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from torchcell_assets.steps.graph import bundle, load, local_server, verification
from torchcell_assets.steps.graph.jars import GraphUnavailable, fetch_jars
from torchcell_assets.steps.graph.server_home import LARGE, admin_command, configure, environment, new_entry, reason
from torchcell_assets.steps.graph.supervisor import read_entry, write_entry

if TYPE_CHECKING:
    from neo4j import Driver

ONLINE_RECORDS = 1_000_000
"""Datasets up to this many records are loaded into the live graph; to delete a larger old build takes longer than an import."""

_SHARED = ("Dataset", "Publication", "Environment")  # bundles may hold the same one
_NOT_STORED = {
    "preferred_id": "preferred_id:IGNORE"
}  # BioCypher's, the same on every node; a live load leaves it out too
_SIGNS = ("original error", "data source", "Detected field")  # by which the importer tells of a bad row

BARE_GENES = ":ID\tname\tid\t:LABEL\n"
"""Header of genes that are perturbed, where the genome has no bundle yet; its own load adds what it knows of them."""

SET_BUILD = """
MERGE (b:Build {id: $build})
SET b.dataset = $dataset, b.expected = $expected, b.record_class = $record_class, b.status = 'live'
WITH b MATCH (d:Dataset {id: $dataset}) SET d.current = b.id
"""


class ImportFailed(GraphUnavailable):
    """The bundles did not become a store; the old one still serves."""


def rebuild(
    home: Path,
    bundles: Sequence[Path],
    *,
    keep_previous: bool = True,
    tell: Callable[[str], None] = print,
) -> list[bundle.Manifest]:
    """Import `bundles` into a new store, verify it, and let it take the place of the one in `home`.

    bundles: one folder a dataset, that of the genes among them. tell: gets a line for each stage and the importer's progress.
    Raises ImportFailed with one sentence; the old store then still serves, if it did before.
    """
    home = home.expanduser().resolve()
    following = _beside(home, "next")
    shutil.rmtree(following, ignore_errors=True)
    manifests = [bundle.read_manifest(folder) for folder in bundles]
    tell("import")
    try:
        _import(following, bundles, password=read_entry(home).get("password"), tell=tell)
        tell("constraints, indexes and verification")
        with local_server.serving(following) as here, _driver(here) as driver:
            load.prepare(driver, here.database, patience=3600)
            for manifest in manifests:
                _make_current(driver, here.database, manifest)
            if wrong := differences(driver, here.database, manifests):
                raise ImportFailed(
                    f"The imported store does not hold its bundles: {'; '.join(wrong)}. The old one stays."
                )
    except BaseException:
        shutil.rmtree(following, ignore_errors=True)
        raise
    tell("switch")
    _switch(home, following, keep_previous=keep_previous)
    return manifests


def roll_back(home: Path) -> None:
    """Let the store before the last rebuild serve again; what served until now becomes the previous one."""
    home = home.expanduser().resolve()
    previous = _beside(home, "previous")
    if not (previous / "data").is_dir():
        raise GraphUnavailable(f"There is no previous store at {previous}: nothing to go back to.")
    following = _beside(home, "next")
    shutil.rmtree(following, ignore_errors=True)
    previous.rename(following)
    _switch(home, following, keep_previous=True)


def differences(driver: "Driver", database: str, manifests: Sequence[bundle.Manifest]) -> list[str]:
    """What the store holds otherwise than its manifests say: counts per label and type, and the sums of the values."""
    wrong = []
    for name, expected in _expected(manifests).items():
        pattern = f"(n:{name})" if name[1].islower() else f"()-[n:{name}]->()"
        found = driver.execute_query(f"MATCH {pattern} RETURN count(n) AS n", database_=database).records[0]["n"]
        wrong += [f"{found} instead of {expected} {name}"] if found != expected else []
    return wrong + [
        f"{manifest.dataset}: {what}"
        for manifest in manifests
        if manifest.record_class != "Gene"
        for what in verification.differences(driver, database, manifest)
    ]


def _expected(manifests: Sequence[bundle.Manifest]) -> Mapping[str, int]:
    """Rows by label and type over all bundles; what they may share is not counted."""
    found: dict[str, int] = {}
    for manifest in manifests:
        for name, rows in {**manifest.nodes, **manifest.edges}.items():
            if name not in (*_SHARED, "Gene"):
                found[name] = found.get(name, 0) + rows
    return found


def _import(home: Path, bundles: Sequence[Path], *, password: str | None, tell: Callable[[str], None]) -> None:
    jars = fetch_jars()
    (home / "logs").mkdir(parents=True)
    entry = new_entry(home)
    write_entry(home, {**entry, "password": password or entry["password"]})
    configure(home, 7687, None, LARGE)
    staged = home / "import"
    arguments = _arguments(bundles, _stage(staged, bundles), home)
    command = admin_command(home, jars, ["database", "import", "full", "neo4j", *arguments])
    log = home / "logs" / "import.log"
    with log.open("w") as written:
        process = subprocess.Popen(
            command, cwd=home, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            written.write(line)
            if re.match(r"\(\d/\d\)|Estimated|IMPORT DONE", line.strip()):
                tell(line.strip())
    if process.wait():
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
        found = [line for sign in _SIGNS for line in dict.fromkeys(lines) if line.startswith(sign)]
        why = "; ".join(found) or reason("\n".join(lines))
        raise ImportFailed(f"The import of the bundles failed: {why}. The old store stays.")
    shutil.rmtree(staged)


def _arguments(bundles: Sequence[Path], staged: Path, home: Path) -> list[str]:
    """Strict: one bad row fails the import. The pattern of the parts is a regular expression of Java."""
    headers = staged / "headers"
    headers.mkdir()
    listed = []
    for number, folder in enumerate([*bundles, staged]):
        for header in sorted(folder.glob("*-header.csv")):
            name = header.name.removesuffix("-header.csv")
            if folder is not staged and name in (*_SHARED, "Gene"):
                continue  # each once, from the staged files
            is_edge = ":START_ID" in (text := header.read_text())
            label = "=Experiment" if not is_edge and name in bundle.RECORD_LABELS else ""
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
    for name in (*_SHARED, "Gene"):
        holding = [one for one in bundles if (one / f"{name}-header.csv").is_file()]
        if not holding and name != "Gene":
            continue
        headers = {(one / f"{name}-header.csv").read_text() for one in holding} or {BARE_GENES}
        if len(headers) > 1:
            raise ImportFailed(f"The bundles' headers of {name} differ: materialize the graph assets again.")
        (folder / f"{name}-header.csv").write_text(header := headers.pop())
        lines = [line for one in holding for part in bundle.parts_of(one, name) for line in _lines(part)]
        nodes = {line.split("\t", 1)[0]: line for line in lines}
        if name == "Gene":
            nodes |= {gene: _bare_gene(gene, header) for gene in _perturbed(bundles) if gene not in nodes}
        (folder / f"{name}-part000.csv").write_text("".join(f"{line}\n" for line in nodes.values()))
    return folder


def _lines(part: Path) -> list[str]:
    return part.read_text().split("\n")[:-1]


def _bare_gene(gene: str, header: str) -> str:
    """A retired ORF becomes a gene with its name alone, so that its measurement is kept."""
    given = {":ID": gene, "name": f'"{gene}"', "id": f'"{gene}"', ":LABEL": '"Gene"'}
    entries = header.strip().split("\t")
    return "\t".join(given.get(entry if entry.startswith(":") else entry.split(":")[0], "") for entry in entries)


def _perturbed(bundles: Sequence[Path]) -> list[str]:
    genes: set[str] = set()
    for folder in bundles:
        header = folder / "PERTURBS-header.csv"
        if header.is_file():
            column = header.read_text().rstrip("\n").split("\t").index(":END_ID")
            for part in bundle.parts_of(folder, "PERTURBS"):
                read = pl.scan_csv(part, separator="\t", has_header=False, infer_schema=False, quote_char=None)
                genes |= set(read.select(pl.nth(column).unique()).collect(engine="streaming").to_series())
    return sorted(genes)


def _make_current(driver: "Driver", database: str, manifest: bundle.Manifest) -> None:
    if manifest.record_class == "Gene":
        return
    driver.execute_query(
        SET_BUILD,
        build=manifest.build,
        dataset=manifest.dataset,
        expected=manifest.nodes[manifest.record_class],
        record_class=manifest.record_class,
        database_=database,
    )


def _switch(home: Path, following: Path, *, keep_previous: bool) -> None:
    """Two renames while no server runs in either; a server that ran starts again."""
    running = local_server.connection(home)
    browser = bool(running and running.http)
    persistent = bool(read_entry(home).get("persistent"))
    local_server.stop(home)
    previous = _beside(home, "previous")
    shutil.rmtree(previous, ignore_errors=True)
    if home.exists():
        if (home / "users.lock").exists():  # who holds it goes on to be a user
            (home / "users.lock").replace(following / "users.lock")
        home.rename(previous)
    following.rename(home)
    if not keep_previous:
        shutil.rmtree(previous, ignore_errors=True)
    if running:
        local_server.start(home, browser=browser, persistent=persistent)


def _beside(home: Path, what: str) -> Path:
    return home.with_name(f"{home.name}.{what}")


def _driver(here: local_server.Connection) -> "Driver":
    import neo4j

    return neo4j.GraphDatabase.driver(here.uri, auth=(here.username, here.password), notifications_min_severity="OFF")
