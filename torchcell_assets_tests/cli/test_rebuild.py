"""What `status` and `rebuild` print and ask, over the real graph of assets; what is printed is data, and never markup."""

import ast
import io
from pathlib import Path

import pytest

import torchcell_assets
from torchcell_assets import __main__ as command_line
from torchcell_assets import definitions
from torchcell_assets.cli import console
from torchcell_assets.sources import progress
from torchcell_assets_tests.orchestration.test_jobs import edit

EMBEDDING = "representations/gene_embedding"
HOSTILE = "/tmp/[old]/[/data] [bold]YAL001C:x:haploid[/] {task.x} 1e3"
PACKAGE = Path(torchcell_assets.__file__).parent


@pytest.fixture
def command(mirror, monkeypatch, capfd):
    """Runs a command over the mirror; its exit code and what it printed. answer: what a person types."""
    monkeypatch.setenv("DAGSTER_HOME", str(mirror.folder))
    monkeypatch.setenv("TORCHCELL_DATA", str(mirror.folder / "[data]"))
    monkeypatch.setenv("NEO4J_URI", "bolt://nowhere.invalid:7687")  # the bodies of the mirror need none
    (mirror.folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    def run(*arguments: str, answer: str = "") -> tuple[int, list[str]]:
        monkeypatch.setattr(definitions, "defs", mirror.definitions)
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        code = command_line.main(arguments)
        said = capfd.readouterr()
        return code, [" ".join(line.split()) for line in (said.out + said.err).splitlines() if line.strip()]

    return run


def runs(mirror) -> int:
    return mirror.instance.get_runs_count()


def test_status_names_the_data_root_what_is_not_in_sync_and_why(mirror, command, tmp_path):
    edit(mirror, "Gene", tmp_path)
    code, said = command("status")
    assert code == 0
    assert said[0] == f"Data root {mirror.folder / '[data]'}"
    assert said[1] == "asset state partitions why"
    assert "datasets/genome outdated Gene: +note" in said
    assert f"{EMBEDDING} outdated 2: one_hot ... Gene: +note" in said
    assert any(line.startswith("trained/baselines never made") and line.endswith("never made") for line in said)
    assert not any(line.startswith("merged/fitness") for line in said)
    assert said[-1].endswith("assets and partitions are in sync.")


def test_of_one_partition_status_gives_the_name_alone(mirror, command):
    mirror.broken = {("merged/subset", "1e3")}
    mirror.run([("merged/subset", "1e3")])
    _, said = command("status")
    assert any(line.startswith("merged/subset failed since 1: 1e3 the last attempt failed") for line in said)


def test_where_nothing_is_outdated_a_rebuild_says_so_and_asks_nothing(mirror, command):
    before = runs(mirror)
    assert command("rebuild") == (0, ["Nothing that was made is gone, changed or outdated."])
    assert runs(mirror) == before


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_who_answers_no_has_read_the_plan_and_nothing_is_made(mirror, command, tmp_path, answer):
    edit(mirror, "Gene", tmp_path)
    before, outdated = runs(mirror), mirror.outdated()
    code, said = command("rebuild", answer=answer)
    assert code == 1
    assert said[:2] == ["To be made again, in this order", "asset partitions last took why"]
    assert said[2] == "datasets/genome 0 s Gene: +note"
    assert f"{EMBEDDING} 2: one_hot ... 0 s Gene: +note" in said
    assert "trained/scoreboard 0 s only if what is before it gets other data" in said
    assert said[-1].startswith("Make it again? [y/n] (n):")
    assert (runs(mirror), mirror.outdated()) == (before, outdated)


@pytest.mark.parametrize(("options", "answer"), [((), "y\n"), (("--yes",), "")])
def test_who_answers_yes_reads_each_cell_by_name_and_what_came_of_it(mirror, command, tmp_path, options, answer):
    edit(mirror, "Gene", tmp_path)
    mirror.data |= {EMBEDDING: "B", "trained/random_forest": "B"}
    mirror.broken = {("trained/elastic_net", "one_hot|1e3")}
    code, said = command("rebuild", *options, answer=answer)
    assert code == 1
    assert f"{EMBEDDING} (one_hot): Gene: +note" in said
    assert "trained/elastic_net (one_hot|1e3): boom" in said
    assert any(line.startswith("left, because something before it failed: trained/scoreboard: ") for line in said)
    assert any(line.endswith("1 failed, 1 left.") for line in said)
    assert mirror.outdated() == {("trained/elastic_net", "one_hot|1e3"), ("trained/scoreboard", None)}


def test_what_is_printed_comes_out_as_it_is(capfd):
    console.say(HOSTILE, "bold red")
    console.output().print(HOSTILE, soft_wrap=True)
    with progress.spinner(HOSTILE):
        pass
    said = capfd.readouterr()
    assert (said.err, said.out) == (HOSTILE + "\n", HOSTILE + "\n")


def test_a_bar_shows_data_as_they_are():
    from rich.progress import Progress

    console = progress.said_beside()
    bar = Progress(progress.text_column("{task.description}"), console=console)
    bar.add_task(HOSTILE)
    with console.capture() as shown:
        console.print(bar.get_renderable(), soft_wrap=True)
    assert HOSTILE in shown.get()


def test_consoles_and_columns_that_read_markup_are_made_nowhere():
    reads_markup = {"Console", "TextColumn", "from_markup", "RichHandler"}
    found = []
    for path in PACKAGE.rglob("*.py"):
        if path in (Path(console.__file__), Path(progress.__file__)):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            named = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else set()
            called = {node.attr} if isinstance(node, ast.Attribute) else set()
            turned_on = isinstance(node, ast.keyword) and node.arg == "markup"
            if (named | called) & reads_markup or turned_on:
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert found == []
