"""What a person reads of a quarantine: the rule in words, what the rows hold, what is allowed, and where they are."""

import polars as pl
import pytest

from torchcell_assets.schema import Fitness
from torchcell_assets.schema.vocabularies import GENE_NAME
from torchcell_assets.steps.datasets import quarantine
from torchcell_assets.storage.publish import publish
from torchcell_assets_tests.steps.graph.made_up import fitness_rows

FIRST = pl.int_range(pl.len()) == 0
FIRST_THREE = pl.int_range(pl.len()) < 3


def given(where: pl.Expr, **columns: object) -> pl.DataFrame:
    """The made-up records, of which those that `where` names hold something else."""
    rows = fitness_rows()
    return rows.with_columns(
        pl.when(where).then(pl.lit(value)).otherwise(pl.col(n).cast(pl.String) if isinstance(value, str) else pl.col(n)).alias(n)
        for n, value in columns.items()
    )  # fmt: skip


def with_field(where: pl.Expr, field: str, value: str | None) -> pl.DataFrame:
    """The made-up records with another value in a field of their perturbations."""
    fields = {name: pl.element().struct.field(name).cast(pl.String) for name in ("gene", "kind", "zygosity", "role")}
    changed = pl.element().struct.with_fields(**{**fields, field: pl.lit(value, dtype=pl.String)})
    plain = pl.element().struct.with_fields(**fields)
    both = pl.when(where).then(pl.col("perturbations").list.eval(changed))
    return fitness_rows().with_columns(perturbations=both.otherwise(pl.col("perturbations").list.eval(plain)))


@pytest.fixture
def broken(tmp_path):
    def of(records: pl.DataFrame) -> list[tuple[str, str, int, dict]]:
        publish(tmp_path / "made_up.parquet", Fitness, records)
        found = quarantine.broken_rules(tmp_path / "made_up.quarantine.parquet", Fitness)
        return [(one.rule, one.words, one.rows, one.values) for one in found]

    return of


@pytest.mark.parametrize(
    ("records", "rule", "words", "values"),
    [
        (
            given(FIRST_THREE, evidence="guessed"),
            "evidence|dtype",
            "evidence is one of measured, derived, simulated",
            {"guessed": 3},
        ),
        (given(FIRST_THREE, value=17.5), "value|max", "value is at most 5.0", {"17.5": 3}),
        (given(FIRST_THREE, temperature=-4.0), "temperature|min", "temperature is at least 0", {"-4.0": 3}),
        (given(FIRST_THREE, samples=0), "samples|min", "samples is at least 1", {"0": 3}),
        (given(FIRST_THREE, medium=""), "medium|min_length", "medium has a length of at least 1", {"": 3}),
        (given(FIRST_THREE, publication=None), "publication|nullability", "publication is not empty", {"nothing": 3}),
        (given(FIRST_THREE, value=float("nan")), "value|nan", "value is a number", {"NaN": 3}),
        (given(FIRST_THREE, temperature="warm"), "temperature|dtype", "temperature is a number", {"warm": 3}),
    ],
)
def test_a_rule_of_a_column_is_told_with_what_the_rows_hold(broken, records, rule, words, values):
    assert (rule, words, 3, values) in broken(records)


def test_of_the_perturbations_the_field_and_the_value_that_is_wrong_are_told(broken):
    assert broken(with_field(FIRST, "zygosity", "Haploid")) == [
        (
            "perturbations|inner_inner_zygosity_nullability",
            "perturbations.zygosity is one of haploid, heterozygous, homozygous",
            1,
            {"Haploid": 1},
        )
    ]
    assert broken(with_field(FIRST, "gene", "CDC28")) == [
        ("perturbations|inner_inner_gene_regex", f"perturbations.gene looks like {GENE_NAME}", 1, {"CDC28": 1})
    ]
    assert broken(with_field(FIRST, "kind", None)) == [
        (
            "perturbations|inner_inner_kind_nullability",
            "perturbations.kind is one of deletion, damp, temperature_sensitive, suppressor",
            1,
            {"nothing": 1},
        )
    ]


def test_a_rule_over_several_columns_tells_them_all(broken):
    assert broken(given(FIRST_THREE, upper_bound=0.5)) == [
        (
            "has_value_or_bound",
            "has value or bound",
            3,
            {f"value {value}, upper_bound 0.5": 1 for value in ("0.6", "0.7", "0.8")},
        )
    ]
    twice = pl.concat([fitness_rows(), fitness_rows().head(1)])
    assert broken(twice) == [("primary_key", "each is there once", 2, {"id fitness_made_up:1:26C": 2})]


def test_the_commonest_rule_comes_first_and_only_the_commonest_are_told(broken, tmp_path):
    rows = given(FIRST_THREE, evidence="guessed", samples=0, medium="").with_columns(
        value=pl.when(pl.int_range(pl.len()) < 4).then(9.0).otherwise("value"),
        publication=pl.when(FIRST).then(pl.lit("")).otherwise("publication"),
    )
    # the type of one column is wrong, so the rules of these rows are told once they hold the right one
    assert [(rule, count) for rule, _, count, _ in broken(rows)] == [("evidence|dtype", 3), ("value|max", 1)]
    right = rows.with_columns(evidence=pl.lit("measured"))
    assert [(rule, count) for rule, _, count, _ in broken(right)] == [
        ("value|max", 4),
        ("medium|min_length", 3),
        ("samples|min", 3),
        ("publication|min_length", 1),
    ]
    said = quarantine.summary(tmp_path / "made_up.quarantine.parquet", Fitness)
    assert said.startswith("4 break the rule 'value|max': value is at most 5.0; they hold 9.0 (4 x). 3 break the rule ")
    assert "1 other rules are broken too. " in said
    assert said.endswith(str(tmp_path / "made_up.quarantine.parquet"))


def test_a_row_that_cannot_be_read_is_told_with_the_text_of_its_cell(broken):
    records = fitness_rows().with_columns(problem=pl.when(FIRST).then(pl.lit("uncertainty reads '0,04'")))
    assert broken(records) == [("row_is_read", "the published row can be read", 1, {"uncertainty reads '0,04'": 1})]
