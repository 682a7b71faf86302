"""Does a test die when a line is wrong? One change at a time in one module, and the tests that belong to it.

    python -m torchcell_assets_tests.mutants MODULE.py TESTS.py [--most 100 | --at 3 17] [options of pytest]

The changes are those of mutmut and a few more. Each is compiled in memory, in a process forked from one that has imported what
is dear and nothing of ours: no file is changed. `--most 100` makes an even sample, `--at 3 17` these alone.
"""

import argparse
import difflib
import gc
import importlib
import linecache
import os
import resource
import signal
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import Phase, settings
from libcst.metadata import MetadataWrapper
from mutmut.mutation import file_mutation, mutators

DEAR = """polars.testing.parametric duckdb scipy.stats dataframely pyarrow.parquet lmdb dagster sklearn.ensemble sklearn.svm
    skops.io neo4j _hypothesis_pytestplugin xdist.plugin syrupy anyio.pytest_plugin filelock safetensors"""
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "first": "last", "head": "tail"}
IN_BRACKETS = {"lpar": [cst.LeftParen()], "rpar": [cst.RightParen()]}
MORE = [
    (cst.Name, lambda node: [node.with_changes(value=SWAPPED[node.value])] if node.value in SWAPPED else []),
    (
        cst.If,
        lambda node: [node.with_changes(test=cst.UnaryOperation(cst.Not(), node.test.with_changes(**IN_BRACKETS)))],
    ),
    (cst.Return, lambda node: [node.with_changes(value=cst.Name("None"))] if node.value else []),
    (cst.Raise, lambda _: [cst.Pass()]),
    (cst.Expr, lambda node: [] if isinstance(node.value, cst.SimpleString) else [cst.Pass()]),
]


class Changes(file_mutation.MutationVisitor):
    """Also in decorated functions, where mutmut's own way to run them cannot go; of a text and of an argument one is enough."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        return not isinstance(node, cst.FunctionDef) and super()._skip_node_and_children(node)

    def _create_mutations(self, node: cst.CSTNode) -> None:
        before = len(self.mutations)
        super()._create_mutations(node)
        several = isinstance(node, cst.Call) and len(node.args) > 1  # arguments: each as None, and then each left out
        first = -len(node.args) if several else before
        self.mutations[before:] = self.mutations[first : before + 1 if isinstance(node, cst.SimpleString) else None]


def changed(text: str) -> list[str]:
    """The text of a module with one thing changed, for each thing that can be."""
    wrapper = MetadataWrapper(cst.parse_module(text))
    visitor = Changes([*mutators.mutation_operators, *MORE], file_mutation.IgnoredCode(set(), set(), set()))
    module = wrapper.visit(visitor)
    return [module.deep_replace(one.original_node, one.mutated_node).code for one in visitor.mutations]


class Impatient:
    def pytest_collection(self) -> None:
        """The first example that fails is enough, and none is kept for the next change."""
        settings.register_profile("impatient", settings(), phases=[Phase.explicit, Phase.generate], database=None)
        settings.load_profile("impatient")


def tested(path: Path, code: str, tests: list[str], seconds: int) -> int:
    """What pytest ends with in a process of its own, in which the module at `path` is this code. seconds: of CPU."""
    if pid := os.fork():
        return abs(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    signal.alarm(20 * seconds)  # for one that waits for ever
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    plain = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, name: str):
        return compile(code, str(path), "exec") if Path(loader.path) == path else plain(loader, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    linecache.cache[str(path)] = (len(code), None, code.splitlines(keepends=True), str(path))  # what `inspect` reads
    ended = 1
    try:
        ended = int(pytest.main(["-x", "-q", "-n0", "--assert=plain", *tests], plugins=[Impatient()]))
    finally:
        os._exit(ended)


def main() -> None:
    """Print the survivors of a module as differences, and how many there are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", type=lambda text: Path(text).resolve())
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--at", type=int, nargs="*")
    parser.add_argument("--most", type=int, default=10**9)
    asked, options = parser.parse_known_args()
    tests, text = asked.tests + options, asked.module.read_text()
    for name in DEAR.split():
        importlib.import_module(name)
    gc.freeze()  # pytest collects garbage twice a run
    sys.dont_write_bytecode = False
    if ended := tested(asked.module, text, tests, 600):
        sys.exit(f"The tests fail as it is ({ended}).")
    seconds = 5 + int(4 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime)  # a loop that never ends is noticed
    codes = changed(text)
    chosen = asked.at or range(0, len(codes), max(1, round(len(codes) / asked.most)))
    survived = [at for at in chosen if tested(asked.module, codes[at], tests, seconds) == 0]
    for at in survived:
        lines = difflib.unified_diff(text.splitlines(), codes[at].splitlines(), lineterm="", n=1)
        print(f"--- {at}", *list(lines)[2:], sep="\n")
    print(f"{asked.module.name}: {len(codes)} changes, {len(chosen)} tried, {len(survived)} survived: {survived}")


if __name__ == "__main__":
    main()
