"""Which code computes an asset, and a record of it: what to do when it has changed.

    python -m torchcell_assets_tests.staleness.code_of_assets

writes the record, code_of_assets.json, anew. An asset whose code has changed and whose `logic` has not is named: that says
that nothing which is stored may differ.

The code of an asset is its function and all definitions (functions, classes, constants) that these name, one after the
other, in the modules of the steps and in SHARED; of each, its syntax without comments, docstrings and layout. Read from the
source text: a definition that is only reached by a string is not found. What `uses` shows by itself is not followed (record
classes, sources, query files), nor is what decides no stored number: see ELSEWHERE.
"""

import ast
import functools
import importlib
import importlib.util
import inspect
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchcell_assets.schema.fingerprint import digest, syntax

PACKAGE = "torchcell_assets"
STEPS = f"{PACKAGE}.steps."
SHARED = (f"{PACKAGE}.schema.genotype", f"{PACKAGE}.storage.content")
"""Modules outside of the steps that decide what is stored: which mutants are one, and when a table is another."""
_HANDS_ON = (f"{PACKAGE}.schema",)
ELSEWHERE = (
    "figures",
    "pictures",
    "page",
    "order_figure",
    "scoreboard_figure",
    "checks",
    "verification",
    "offline",
)
"""Modules of the steps that decide no stored number: pictures and pages, checks, the server and the way into it."""
DECLARED = ("assets", "checks", "GRIDS", "RECIPES", "MODELS", "DATASETS", "GENOME", "CHROMOSOME_SEQUENCES", "REFERENCE")
"""Definitions that are not followed: lists of assets and datasets, and what assets declare in `uses` or as recipes."""
RECORD = Path(__file__).with_suffix(".json")
COMMAND = f"python -m {PACKAGE}_tests.staleness.code_of_assets"

Name = tuple[str, str]
"""Module and top-level name of a definition."""


class Module:
    """The definitions at the top of a module, by name, and what its imports stand for."""

    def __init__(self, name: str) -> None:
        self.name = name
        tree = ast.parse(_source(name).read_text())
        self.definitions: dict[str, list[ast.stmt]] = {}
        self.imports: dict[str, Name | str] = {}
        for node in tree.body:
            for defined in _defined(node):
                self.definitions.setdefault(defined, []).append(node)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    known = _is_module(whole)
                    self.imports[alias.asname or alias.name] = whole if known else (str(node.module), alias.name)

    def said(self, name: str) -> list[Any]:
        """The syntax of a definition; what a decorator declares (`uses`, `deps`) is not part of it."""
        return [syntax(_without_decorators(node)) for node in self.definitions[name]]

    def named(self, name: str) -> Iterator[Name]:
        """Definitions that one definition names."""
        for node in self.definitions[name]:
            for found in ast.walk(_without_decorators(node)):
                if isinstance(found, ast.Name):
                    yield from self._of(found.id)
                elif isinstance(found, ast.Attribute) and isinstance(found.value, ast.Name):
                    module = self.imports.get(found.value.id)
                    if isinstance(module, str):
                        yield module, found.attr

    def _of(self, name: str) -> Iterator[Name]:
        target = self.imports.get(name)
        if isinstance(target, tuple):
            yield target
        elif name in self.definitions:
            yield self.name, name


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if _is_one_target(node) else []
    return [found.id for target in targets for found in ast.walk(target) if isinstance(found, ast.Name)]


def _is_one_target(node: ast.stmt) -> bool:
    return isinstance(node, (ast.AnnAssign, ast.AugAssign))


def _without_decorators(node: ast.stmt) -> ast.stmt:
    """A copy in which no function is decorated, nor one inside of it."""

    class Bare(ast.NodeTransformer):
        def visit_FunctionDef(self, inner: ast.FunctionDef) -> ast.AST:
            self.generic_visit(inner)
            inner.decorator_list = []
            return inner

    return Bare().visit(ast.parse(ast.unparse(node)).body[0])


def _source(name: str) -> Path:
    """The file of a module, which is not imported: some need what only a worker has."""
    spec = importlib.util.find_spec(name)
    return Path(str(spec and spec.origin))


@functools.cache
def _is_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None if _importable(name) else False


def _importable(name: str) -> bool:
    parent = importlib.util.find_spec(name.rpartition(".")[0])
    return parent is not None and parent.submodule_search_locations is not None


module = functools.cache(Module)


def reached(starts: Iterable[Name], others: Iterable[Name] = ()) -> set[Name]:
    """All definitions that these lead to, themselves among them; others: of other assets, which are not followed."""
    found: set[Name] = set()
    todo, closed = list(starts), set(others)
    while todo:
        where, name = todo.pop()
        if (where, name) in found or (where, name) in closed or name in DECLARED or not _counts(where):
            continue
        if name not in module(where).definitions:
            target = module(where).imports.get(name)  # handed on by a package
            todo += [target] if isinstance(target, tuple) else []
            continue
        found.add((where, name))
        todo += module(where).named(name)
    return found


def _counts(name: str) -> bool:
    return name in (*SHARED, *_HANDS_ON) or (name.startswith(STEPS) and name.rpartition(".")[2] not in ELSEWHERE)


@dataclass(frozen=True)
class Computed:
    """An asset, or a part of one that has a `logic` of its own: where its code begins."""

    logic: str
    starts: tuple[Name, ...]


def assets() -> dict[str, Computed]:
    """Every asset by name. Datasets are all there are, also those that no study here names; recipes stand by themselves."""
    from torchcell_assets.config import layout
    from torchcell_assets.definitions import defs
    from torchcell_assets.steps.datasets import DATASETS, GENOME, REFERENCE
    from torchcell_assets.steps.representations.recipes import RECIPES

    found = {}
    storing = ()
    for asset in defs.assets:
        if all(map(layout.is_raw, asset.keys)):
            continue
        step, name = asset.key.path
        start = _start(inspect.unwrap(asset.op.compute_fn.decorated_fn))
        code_version = asset.specs_by_key[asset.key].code_version
        computed = Computed(str(code_version).rsplit("-", 1)[0], (start,))
        if step == "graph" and name != GENOME.name:
            name = "<dataset>"  # one factory makes them all
        if step == "datasets":
            storing = computed.starts
        else:
            found[f"{step}/{name}"] = computed
    for dataset in (*REFERENCE, *DATASETS):
        found[f"datasets/{dataset.name}"] = Computed(dataset.logic, (*storing, _start(dataset.parse)))
    whole = found.pop("representations/gene_embedding")
    for key, recipe in RECIPES.items():
        family = f"{STEPS}representations.{recipe.family}"
        parts = tuple((family, name) for name in ("embed", "notes") if name in module(family).definitions)
        if "model" in recipe.parameters:  # a worker computes it
            parts = (*parts, (f"{STEPS}representations.vectors", "work"))
        logic = f"{whole.logic}, recipe {recipe.logic}"
        found[f"representations/gene_embedding [{key}]"] = Computed(logic, (*whole.starts, *parts))
    return dict(sorted(found.items()))


def _start(function: Any) -> Name:
    return function.__module__, function.__qualname__.split(".")[0]


def described() -> dict[str, dict[str, Any]]:
    """Asset -> its `logic`, and of each module that takes part the digest of the definitions that do."""
    known = assets()
    every = {start for one in known.values() for start in one.starts}
    said: dict[str, dict[str, Any]] = {}
    for key, one in known.items():
        code: dict[str, list[Any]] = {}
        for where, name in sorted(reached(one.starts, every - set(one.starts))):
            code.setdefault(where.removeprefix(f"{PACKAGE}."), []).append([name, module(where).said(name)])
        said[key] = {"logic": one.logic, "code": {where: digest(parts) for where, parts in code.items()}}
    return said


def recorded() -> dict[str, dict[str, Any]]:
    """What the record holds; nothing where there is none."""
    return json.loads(RECORD.read_text()) if RECORD.exists() else {}


def changes(before: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> list[str]:
    """A line for each asset whose record is another: what has changed of it, and what that says."""
    lines = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if old == new:
            continue
        if old is None or new is None:
            lines.append(f"{key}: {'new' if old is None else 'gone'}")
            continue
        code = [name for name in sorted(old["code"].keys() | new["code"].keys())
                if old["code"].get(name) != new["code"].get(name)]  # fmt: skip
        where = f"other code in {', '.join(code)}" if code else "the same code"
        raised = old["logic"] != new["logic"]
        lines.append(f"{key}: {where}, " + (f"logic {old['logic']} -> {new['logic']}" if raised
                     else f"logic still {new['logic']}: that says that nothing which is stored may differ"))  # fmt: skip
    return lines


def main() -> None:
    """Write the record anew and say what it now says."""
    os.environ.setdefault("TORCHCELL_STUDY", "screens")
    now = described()
    lines = changes(recorded(), now)
    RECORD.write_text(json.dumps(now, indent=1) + "\n")
    print("\n".join(lines or ["The record holds already."]))


if __name__ == "__main__":
    main()
