"""Known truth through the merge: how often the 95 % interval of a pooled value holds what was measured."""

import numpy as np
import polars as pl
import pytest

from torchcell_assets.steps.merged import merge as merging
from torchcell_assets.steps.merged import merged_table
from torchcell_assets.steps.merged.phenotypes import FITNESS
from torchcell_assets_tests.steps.merged.reference import pages
from torchcell_assets_tests.steps.merged.test_fitness import measured

GENOTYPES = 4_000
ALIKE, UNLIKE = (0.035, 0.04, 0.03), (0.02, 0.05, 0.03)
"""SD of what each publication adds of its own to a genotype, beyond its standard error."""
SILENT = {ALIKE: 0.05, UNLIKE: 0.1}
"""SD of the whole error of a publication that states none."""


def simulated(between: tuple[float, ...], publications: int, unspecified: bool) -> tuple[pl.DataFrame, np.ndarray]:
    """Records of GENOTYPES deletions, and their true fitness.

    unspecified: the first publication prints numbers that say nothing of its error.
    """
    random = np.random.default_rng(publications + 10 * unspecified)
    truth = random.uniform(0.4, 1.1, GENOTYPES)
    mutants = [
        [{"gene": f"Y{number:06d}", "kind": "deletion", "allele": "delta", "zygosity": "haploid"}]
        for number in range(GENOTYPES)
    ]
    rows = []
    for at in range(publications):
        stated = random.uniform(0.01, 0.05, GENOTYPES)
        silent = unspecified and at == 0
        error = random.normal(0, SILENT[between] if silent else np.hypot(stated, between[at]), GENOTYPES)
        kind = "unspecified" if silent else "bootstrap_se"
        paper = measured(value=None, publication=f"10.1/{at}", laboratory=f"{at}", uncertainty_type=kind)
        rows += [
            {**paper, "perturbations": mutant, "value": value, "uncertainty": uncertainty}
            for mutant, value, uncertainty in zip(mutants, truth + error, stated, strict=True)
        ]
    table = pl.DataFrame(rows).with_row_index("ordinal").with_columns(id=pl.format("r{}", "ordinal"))
    return table.with_columns(pl.col(name).cast(dtype) for name, dtype in FITNESS.columns.items()), truth


@pytest.mark.parametrize("publications", [2, 3])
@pytest.mark.parametrize("unspecified", [False, True], ids=["all state errors", "one is unspecified"])
@pytest.mark.parametrize(("between", "most"), [(ALIKE, 0.97), (UNLIKE, 0.99)], ids=["alike", "unlike"])
def test_the_interval_of_a_pooled_value_holds_the_truth_in_95_of_100(
    tmp_path, publications, unspecified, between, most
):
    """Where publications err by unlike amounts, the bound by heterogeneity errs on the safe side."""
    records, truth = simulated(between, publications, unspecified)
    path = tmp_path / "fitness.duckdb"
    merging.merge(pages(tmp_path / "pages", records, page=5_000), path, FITNESS)
    table = merged_table.read(path).sort("genes")
    assert table["pooling"].unique().to_list() == ["equal_weights" if unspecified else "random_effects"]
    apart = np.abs(table["value"].to_numpy() - truth) / table["standard_error"].to_numpy()
    assert 0.93 < np.mean(apart < 1.96) < most
    if between == ALIKE:  # and the test of consistency is one: as many p-values lie below a number as it says
        for level in (0.05, 0.5):
            assert table.select((pl.col("consistency") < level).mean()).item() == pytest.approx(level, abs=0.03)
