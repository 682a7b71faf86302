from pathlib import Path

import polars as pl
import pytest

from torchcell_assets.schema.derived import MergedFitness
from torchcell_assets.schema.records import polars_schema
from torchcell_assets.steps.merged import merged_table
from torchcell_assets.steps.merged.phenotypes import FITNESS, INTERACTION
from torchcell_assets.steps.trained import repeats

TYPES = polars_schema(MergedFitness)
COSTANZO, BARYSHNIKOVA, BRESLOW = "10.1126/science.aaf1420", "10.1038/nmeth.1534", "10.1038/nmeth.1234"
GENES = [f"YAL{i:03d}W" for i in range(1, 61)]


def merged(genes, value, publications, **change) -> pl.DataFrame:
    columns = {
        "genotype": [f"{gene}:deletion:delta:haploid" for gene in genes], "genes": genes, "value": value,
        "publications": [publications] * len(genes), "records": [["r"]] * len(genes), "order": 1, "temperature": 26.0,
        "medium_class": "SGA plate", "assay": "colony size", "reference": "wild type", "evidence": "measured",
        "deletions_only": True, "haploid": True, "pooling": "single", "measurements": 1, "laboratories": 1, **change,
    }  # fmt: skip
    frame = pl.DataFrame(columns)
    lacking = [pl.lit(None).alias(name) for name in TYPES if name not in frame.columns]
    return frame.with_columns(lacking).select(pl.col(name).cast(dtype) for name, dtype in TYPES.items())


LIQUID = {"medium_class": "YPD liquid", "assay": "culture growth", "temperature": 30.0}
TEST = merged(GENES, [i / 100 for i in range(60)], [COSTANZO])


@pytest.fixture
def stored(tmp_path) -> Path:
    """Test genotypes, and what others say of them: 40 in another assay, 29 by a third; and what is no other measurement."""
    path = tmp_path / "fitness.duckdb"
    merged_table.write(path, pl.concat([
        TEST,
        merged(GENES[:40], [i / 50 for i in range(40)], [BRESLOW], **LIQUID),
        merged(GENES[:29], [0.1] * 29, [BARYSHNIKOVA], temperature=30.0),
        merged(GENES, [0.2] * 60, [COSTANZO], temperature=30.0),
        merged(GENES, [0.3] * 60, [BRESLOW, COSTANZO], medium_class="minimal liquid"),
        merged(GENES, [0.4] * 60, [BRESLOW], medium_class="YPD plate", reference="diploid wild type"),
        merged([g.replace("YAL", "YBL") for g in GENES], [0.5] * 60, [BRESLOW]),
    ]), FITNESS)  # fmt: skip
    return path


def test_another_measurement_comes_from_other_publications_alone_and_has_thirty_genotypes(stored):
    found = repeats.repeats(stored, TEST)
    assert set(found["who"]) == {"Breslow 2008, YPD liquid, culture growth, 30 °C"}
    assert found.height == 40 and found["genotype"].is_unique().all()
    assert (found["repeated"] - 2 * found["observed"]).abs().max() < 1e-12
    fewer = repeats.repeats(stored, TEST.head(29))
    assert fewer.height == 0 and fewer.columns == found.columns


def test_two_publications_behind_one_value_are_held_against_each_other(stored, monkeypatch):
    both = TEST.with_columns(publications=pl.Series([[BARYSHNIKOVA, COSTANZO]] * 60))
    pairs = pl.DataFrame({
        "genotype": [*TEST["genotype"], *TEST["genotype"]], "temperature": [26.0] * 60 + [30.0] * 60,
        "x": [0.7] * 60 + [0.1] * 60, "y": [0.8] * 60 + [0.2] * 60,
        "x_publication": BARYSHNIKOVA, "y_publication": COSTANZO, "reference": "wild type",
        "evidence": "measured",
    })  # fmt: skip
    other = pairs.with_columns(y_publication=pl.lit(BRESLOW))  # one of them is not behind the value
    monkeypatch.setattr(repeats.merged_table, "replicates", lambda path: pl.concat([pairs[::-1], other]))
    found = repeats.repeats(stored, both).filter(pl.col("who").str.contains("against"))
    assert set(found["who"]) == {"Baryshnikova 2010 against Costanzo 2016"}
    # those nearest in temperature, each genotype once
    assert found.select("observed", "repeated").unique().rows() == [(0.7, 0.8)] and found.height == 60
    # of a temperature that nobody stated it is not known which is nearest
    monkeypatch.setattr(repeats.merged_table, "replicates", lambda path: pairs.head(60).with_columns(temperature=None))
    assert repeats.repeats(stored, both).filter(pl.col("who").str.contains("against")).height == 60
    # of other references nothing is taken
    monkeypatch.setattr(
        repeats.merged_table, "replicates", lambda path: pairs.with_columns(reference=pl.lit("diploid wild type"))
    )
    assert not repeats.repeats(stored, both)["who"].str.contains("against").any()


def test_publications_have_short_names():
    assert repeats.short_names()[COSTANZO] == "Costanzo 2016"
    assert repeats.short_names()[BRESLOW] == "Breslow 2008"


def test_another_score_of_an_interaction_is_no_other_measurement_of_it(tmp_path):
    def scored(score: str, value: float, publication: str, **change) -> pl.DataFrame:
        own = merged(GENES, [value] * 60, [publication], **change).with_columns(score=pl.lit(score), order=pl.lit(2))
        return own.select(pl.col(name).cast(dtype) for name, dtype in INTERACTION.types.items())

    path, test = tmp_path / "interaction.duckdb", scored("epsilon", 0.1, COSTANZO)
    rows = [test, scored("tau", 0.2, BRESLOW), scored("epsilon", 0.3, BRESLOW, **LIQUID)]
    merged_table.write(path, pl.concat(rows).sort(INTERACTION.merged.primary_key()), INTERACTION)
    assert set(repeats.repeats(path, test)["repeated"]) == {0.3}
