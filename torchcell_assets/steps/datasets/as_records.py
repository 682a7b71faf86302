"""From a parser's columns to the columns of a record class.

Belongs here: what is alike in every dataset: the id, the genotype, the numbers out of their cells, the columns that a
publication has nothing for. Does not: what is in a raw file (one module per publication), what only the whole table shows
(dataset.py), the rules of a record class (schema).
"""

import difflib

import dataframely as dy
import polars as pl

from torchcell_assets.schema.genotype import with_genotype
from torchcell_assets.schema.validation import DEPENDENT, PROBLEM
from torchcell_assets.steps.datasets.plausibility import ParserMistake
from torchcell_assets.steps.datasets.raw_file import any_unreadable, number, unreadable

_MADE = ("id", "dataset")


def as_records(frame: pl.LazyFrame | pl.DataFrame, cls: type[dy.Schema], dataset: str) -> pl.LazyFrame:
    """The columns of `cls` in order, `problem` and `dependent`; absent columns are null. Made are `id` (dataset:row:column) and
    the genotype.

    Args:
        frame: columns of `cls`, of them at least `row`, `column`, `perturbations` and what the class demands beside the columns
            made here, and no other. A number may be given as the text of its cell: an empty one is null, and one that is no
            number is a problem of its row, told with its column and its text. Where the frame has a `genotype` (with `genes`
            and `order`), those stand: see trigenic.py, which makes them strain by strain. `problem`, if given, says what else
            is wrong with a row, and `dependent` why its value is no measurement of its own.
        cls: `Fitness`, `Interaction` or `Viability`.
        dataset: its name.

    Returns:
        One row per row of `frame`, in its order. `schema.validate` quarantines a row that has a problem or is dependent.

    Raises:
        ParserMistake: `frame` has a column that `cls` does not have.
    """
    lazy = frame.lazy()
    schema = lazy.collect_schema()
    _refuse_unknown(schema.names(), cls)
    given = lazy.with_columns(
        pl.lit(dataset).alias("dataset"),
        pl.concat_str(pl.lit(dataset), "row", "column", separator=":").alias("id"),
    )
    if "genotype" not in schema:
        given = with_genotype(given)
    columns = cls.columns()
    cells = {name: columns[name].dtype for name, dtype in schema.items() if _is_cell(columns.get(name), dtype)}
    problems = [pl.col(PROBLEM)] if PROBLEM in schema else [pl.lit(None, dtype=pl.String)]
    dependent = pl.col(DEPENDENT) if DEPENDENT in schema else pl.lit(None, dtype=pl.String).alias(DEPENDENT)
    problems += [_unreadable(name, dtype) for name, dtype in cells.items()]
    present = given.collect_schema().names()
    read = given.with_columns(any_unreadable(*problems).alias(PROBLEM)).with_columns(
        *(_numbers(name, dtype) for name, dtype in cells.items()),
        *(pl.lit(None, dtype=column.dtype).alias(name) for name, column in columns.items() if name not in present),
    )
    return read.select(*columns, PROBLEM, dependent)


def _refuse_unknown(given: list[str], cls: type[dy.Schema]) -> None:
    known = [*cls.columns(), PROBLEM, DEPENDENT]
    for name in given:
        if name not in known or name in _MADE:
            why = "made of the other columns" if name in _MADE else f"no column of {cls.__name__}"
            near = [] if name in _MADE else difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "give its columns alone (`select`, not `with_columns`)."
            raise ParserMistake(f"The parser gives a column {name!r}, which is {why}: {hint}")


def _is_cell(column: dy.Column | None, given: pl.DataType) -> bool:
    """Whether a parser gives the text of a cell, or of several, where the class has a number."""
    if column is None or given not in (pl.String, pl.List(pl.String)):
        return False
    return column.dtype.is_numeric() or column.dtype == pl.List(pl.Float64)


def _numbers(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.List):
        return pl.col(name).list.eval(number(pl.element()))
    return number(name, whole=dtype.is_integer())


def _unreadable(name: str, dtype: pl.DataType) -> pl.Expr:
    if not isinstance(dtype, pl.List):
        return unreadable(name, whole=dtype.is_integer())
    bad = pl.col(name).list.eval(pl.element().filter(number(pl.element()).is_nan())).list.join("', '")
    return pl.when(bad != "").then(pl.format("{} reads '{}'", pl.lit(name), bad))
