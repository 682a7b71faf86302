"""Records on their way into a table: which rows keep the rules, and why the others do not.

Belongs here: what a reader says of each row of a published file, as rules beside those of the class. Does not: what becomes of
the others (steps/datasets/quarantine.py).
"""

import functools

import dataframely as dy
import polars as pl

PROBLEM = "problem"
"""Column of records on their way into a table: what is wrong with the row in the published file, and null where nothing is."""
ROW_IS_READ = "row_is_read"
"""The rule that it is null; see `validate`."""
DEPENDENT = "dependent"
"""Column of records on their way into a table: why the value is no measurement of its own, and null where it is one."""
NOT_INDEPENDENT = "not_an_independent_screen"
"""The rule that it is null."""
_NOTES = (PROBLEM, DEPENDENT)


class Read(dy.Schema):
    """What a reader of a published file says of each of its rows."""

    problem = dy.String(nullable=True, description="what is wrong with the row in the published file, in words")
    dependent = dy.String(nullable=True, description="why the value is no measurement of its own, in words")

    @dy.rule()
    def row_is_read(cls) -> pl.Expr:
        return cls.problem.col.is_null()

    @dy.rule()
    def not_an_independent_screen(cls) -> pl.Expr:
        return cls.dependent.col.is_null()


@functools.cache
def as_read(cls: type[dy.Schema]) -> type[dy.Schema]:
    """A record class with the columns `problem` and `dependent`, and the rules that they are null."""
    return type(cls.__name__, (cls, Read), {})


def validate(cls: type[dy.Schema], frame: pl.DataFrame) -> tuple[pl.DataFrame, dy.FailureInfo]:
    """The rows that keep the rules of `cls`, are read and independent, and the others with the rules that they break.

    Args:
        cls: a record class.
        frame: its columns, types as near as they come (they are cast), and maybe `problem` and `dependent`.

    Returns:
        Rows with the columns of `cls`; the failures, with `problem` and `dependent` beside these columns where the frame has
        one of them.
    """
    if not set(_NOTES) & set(frame.columns):
        return cls.filter(frame, cast=True)
    frame = frame.with_columns(
        pl.lit(None, dtype=pl.String).alias(name) for name in _NOTES if name not in frame.columns
    )
    # what cannot be cast breaks no other rule, and the problem is to be named
    uncastable = [
        name
        for name, column in cls.columns().items()
        if column.dtype.is_integer() and frame.schema.get(name, pl.Null).is_float()
    ]
    told = frame.with_columns(
        pl.when(pl.col(PROBLEM).is_null() | pl.col(name).is_not_nan()).then(name).alias(name) for name in uncastable
    )
    kept, failure = as_read(cls).filter(told, cast=True)
    return kept.drop(_NOTES), failure
