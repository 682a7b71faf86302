"""When has a record class changed? A description, a fingerprint and a readable difference of a dataframely class.

Covers names, types, nullability, constraints, nested classes and the syntax of every rule. Ignores what cannot change
stored data: docstrings, descriptions, comments, layout, field order. A description is stored with every materialization,
so that a person can later be told *which field* made an asset old.
"""

import ast
import functools
import hashlib
import inspect
import io
import json
import textwrap
import tokenize
from collections.abc import Callable
from typing import Any

import dataframely as dy
from dataframely._rule import RuleFactory  # private: the one place that knows; a test pins it

_IGNORED = {"_schema", "_name", "metadata", "description", "alias"}
_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}

_DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

Description = dict[str, dict[str, Any]]


def describe(cls: type[dy.Schema]) -> Description:
    """`{"columns": {name: {...}}, "rules": {name: digest}}` of a class and all that it inherits; JSON-able."""
    rules = {
        name: _code(attribute.validation_fn)
        for parent in reversed(cls.__mro__)
        for name, attribute in vars(parent).items()
        if isinstance(attribute, RuleFactory)
    }
    columns = {name: _column(column) for name, column in sorted(cls.columns().items())}
    return {"columns": columns, "rules": dict(sorted(rules.items()))}


def fingerprint(cls: type[dy.Schema]) -> str:
    """Ten hex digits that change when stored data may change, and only then."""
    return digest(describe(cls))


def digest(content: Any) -> str:
    """Ten hex digits of any JSON-able content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]


def difference(old: Description, new: Description) -> list[str]:
    """Lines such as `+replicate`, `-sd`, `uncertainty: type Float64 -> Float32`, `rule has_value changed`."""
    lines = _differences("", old["columns"], new["columns"])
    for name in sorted(old["rules"].keys() | new["rules"].keys()):
        before, after = old["rules"].get(name), new["rules"].get(name)
        if before != after:
            lines.append(f"rule {name} {'added' if before is None else 'removed' if after is None else 'changed'}")
    return lines


def _differences(path: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Between two columns, or two tables of them; a field of a nested struct reads `perturbations.zygosity`."""
    lines = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        inside = path if name == "inner" else f"{path}.{name}".lstrip(".")
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            lines += _differences(inside, before, after)
        elif isinstance(before or after, dict):
            lines.append(f"+{inside}" if before is None else f"-{inside}")
        elif isinstance(before, list) and isinstance(after, list):
            told = [f"+{v}" for v in after if v not in before] + [f"-{v}" for v in before if v not in after]
            lines.append(f"{path}: {name} {', '.join(told) or 'in another order'}")
        else:
            lines.append(f"{path}: {name} {before} -> {after}")
    return lines


def _column(column: dy.Column) -> dict[str, Any]:
    # `not in (None, False)` would drop a constraint of 0.0, which equals False
    constraints = {
        k: _value(v) for k, v in vars(column).items() if k not in _IGNORED and v is not None and v is not False
    }
    return {"type": type(column).__name__, **dict(sorted(constraints.items()))}


def _value(value: Any) -> Any:
    if isinstance(value, dy.Column):
        return _column(value)
    if isinstance(value, type) and issubclass(value, dy.Schema):
        return describe(value)
    if isinstance(value, dict):
        return {str(k): _value(v) for k, v in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [_value(v) for v in value]
    if callable(value):
        return _code(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)


@functools.cache  # every class asks for the rules that it inherits
def _code(function: Callable[..., Any]) -> str:
    source = textwrap.dedent(inspect.getsource(function))
    try:
        return digest(syntax(ast.parse(source)))
    except SyntaxError:  # a lambda in the middle of a call: its lines are no statement
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        return digest([token.string for token in tokens if token.type not in _LAYOUT])


def syntax(node: ast.AST) -> list[Any]:
    """What a piece of Python does, as JSON-able lists: its syntax tree without docstrings; comments and layout are not in it.

    The same in every Python that this project runs on: fields that hold nothing are left out, as newer versions add some.

    Args:
        node: as `ast.parse` gives it, or any part of that.

    Returns:
        `[name of the node, [field, content], ...]`.
    """
    body = getattr(node, "body", None)
    if isinstance(node, _DEFINITIONS) and body and _is_text(body[0]):
        node = type(node)(**{**dict(ast.iter_fields(node)), "body": body[1:]})
    fields = [[name, _content(value)] for name, value in ast.iter_fields(node) if value not in (None, [])]
    return [type(node).__name__, *fields]


def _content(value: Any) -> Any:
    if isinstance(value, ast.AST):
        return syntax(value)
    return [_content(one) for one in value] if isinstance(value, list) else repr(value)


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
