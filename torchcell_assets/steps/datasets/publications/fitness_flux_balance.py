"""Simulated growth of 1,200 deletion mutants by flux balance analysis of ecYeastGEM 8.1.3. Simulated, never measured.

Belongs here: which genotypes are simulated, and how. Does not: measured growth; against it such simulations are weak
(Pearson 0.08 with Costanzo 2016 for viable single deletions; Matthews 0.36 for essentiality).

The selection is no sample of the genome: most deletions change nothing in this model, and data that are all 1.0 teach
nothing. It prefers genes that matter: all lethal and all slow single deletions, filled up with others; pairs and triples
that contain one slow gene at least, and no lethal one. Use it to try the platform out, not to judge a model.
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema.genotype import perturbation
from torchcell_assets.schema.records import Fitness
from torchcell_assets.sources import Source
from torchcell_assets.steps.datasets.as_records import as_records
from torchcell_assets.steps.datasets.dataset import Dataset, Parsed
from torchcell_assets.steps.datasets.raw_file import ROW, BadRawFile
from torchcell_assets.steps.datasets.registered import Registered

METABOLIC_MODEL = Source(
    name="geckopy/ecYeastGEM_single-pool.xml",
    sha256=("2f06a650e58c967f8531fd7a76091bca916bddbccaa59eccfa39cd442906eec8",),
    bytes=6_408_016,
    url=None,
    licence="CC-BY-4.0",
    citation="ecYeastGEM 8.1.3; Sánchez et al. 2017, Molecular Systems Biology 13:935",
    doi="10.15252/msb.20167411",
    package="geckopy",
    member="geckopy/data_files/ecYeastGEM_single-pool.xml",
)

_REGISTERED = Registered(
    media=(("minimal glucose medium of the model", "in silico minimal"),),
    references=("in silico wild type",),
    assays=("model",),
    sample_units=("model",),
    laboratories=("Yeast8 model, simulated here",),
)

NAME = "fitness_flux_balance"

SEED = 1
PER_ORDER = 400
LETHAL = 0.005  # relative growth below which a deletion is lethal; the smallest growth of a living one is 0.016
SLOW = 0.995  # relative growth below which a living deletion is slow: 52 genes; no gene lies within 0.0001 of it
DECIMALS = 5  # what is stored: GLPK and HiGHS agree to 2e-7
TOLERANCE = 1e-9  # of the linear programs, in units of flux (mmol per g dry weight and hour)
NO_FLUX = 1e-12
ITERATIONS = 10_000
"""Of one linear program, which takes some hundred; a cycling one is then solved afresh. No limit of time: where that ends a
program, the optimum found next, and so the numbers, would depend on how busy the machine is."""

_POLICIES = {
    "sample": {"seed": SEED, "per_order": PER_ORDER, "lethal": LETHAL, "slow": SLOW},
    "linear_programs": {"tolerance": TOLERANCE, "no_flux": NO_FLUX, "iterations": ITERATIONS, "decimals": DECIMALS},
}

Genes = tuple[str, ...]


class NoGrowth(TorchcellError):
    """The metabolic model's wild type does not grow, or the growth of a mutant cannot be computed."""


def parse(path: Path) -> Parsed:
    """One row per genotype of one to three deletions; growth relative to that of the undeleted model."""
    growth = _RelativeGrowth(_read_model(path))
    singles: dict[Genes, float] = {(gene,): growth((gene,)) for gene in growth.genes}
    genotypes = select_genotypes(singles)
    values = [singles.get(genes) if len(genes) == 1 else growth(genes) for genes in genotypes]
    table = pl.DataFrame(
        {"deleted": [list(genes) for genes in genotypes], "value": values},
        schema={"deleted": pl.List(pl.String), "value": pl.Float64},
    ).with_row_index(ROW, offset=1)
    cells = table.select(
        ROW,
        "value",
        strain=pl.col("deleted").list.join("+"),
        perturbations=pl.col("deleted").list.eval(perturbation(pl.element(), "deletion")),
        column=pl.lit("growth"),
        screen=pl.lit(f"{NAME}:growth"),
        **_REGISTERED.columns,
        temperature_source=pl.lit("none"),
        evidence=pl.lit("simulated"),
        publication=pl.lit(METABOLIC_MODEL.doi),
        uncertainty_type=pl.lit("none"),
        samples=pl.lit(1, dtype=pl.UInt32),
        sample_unit=pl.lit("model"),
    )
    return Parsed(as_records(cells, Fitness, NAME))


def select_genotypes(singles: dict[Genes, float]) -> list[Genes]:
    """400 genotypes of each order, from the relative growth of all single deletions; the same on every machine."""
    lethal = [genes[0] for genes, value in singles.items() if value < LETHAL]
    slow = [genes[0] for genes, value in singles.items() if LETHAL <= value < SLOW]
    viable = sorted(gene for (gene,) in singles if gene not in lethal)
    others = _shuffled((gene,) for (gene,) in singles if gene not in lethal and gene not in slow)
    ones = [*((gene,) for gene in sorted([*lethal, *slow])), *others][:PER_ORDER]
    both_slow = _shuffled(itertools.combinations(sorted(slow), 2))
    one_slow = _shuffled({_sorted(a, b) for a in slow for b in viable if b not in slow})
    twos = [*both_slow[: PER_ORDER // 2], *one_slow[: PER_ORDER // 2]]
    threes: list[Genes] = []
    for pool in (slow, viable):  # half of the triples get a third slow gene, half any
        thirds = (_sorted(*pair, _third(pair, pool)) for pair in both_slow)
        new = [genes for genes in dict.fromkeys(thirds) if genes not in threes]
        threes += new[: PER_ORDER // 2]
    return [*sorted(ones), *sorted(twos), *sorted(threes)]


def _third(pair: Genes, pool: Iterable[str]) -> str:
    return _shuffled((*pair, gene) for gene in pool if gene not in pair)[0][-1]


def _shuffled(items: Iterable[Genes]) -> list[Genes]:
    # by hash and not by a random generator, whose numbers may change between versions
    return sorted(items, key=lambda genes: hashlib.sha256(f"{SEED}:{'+'.join(genes)}".encode()).digest())


def _sorted(*genes: str) -> Genes:
    return tuple(sorted(genes))


def _read_model(path: Path) -> Any:
    import logging

    import swiglpk
    from cobra.io import read_sbml_model
    from cobra.io.sbml import CobraSBMLError

    logging.getLogger("cobra").setLevel(logging.ERROR)  # thousands of lines about bounds that the format writes twice
    try:
        model = read_sbml_model(str(path))
    except (CobraSBMLError, OSError, ValueError, AttributeError, KeyError) as error:
        raise BadRawFile(path, f"it is no readable metabolic model ({type(error).__name__})") from error
    if not model.genes:
        raise BadRawFile(path, "its metabolic model has no genes")
    model.solver = "glpk"
    # the coefficients span twelve orders of magnitude; unscaled, growth is off by 7e-6 and depends on what was solved before
    swiglpk.glp_term_out(swiglpk.GLP_OFF)
    swiglpk.glp_scale_prob(model.solver.problem, swiglpk.GLP_SF_AUTO)
    model.tolerance = TOLERANCE
    model.solver.configuration._smcp.it_lim = ITERATIONS  # optlang has no name for it
    return model


class _RelativeGrowth:
    """Growth rate of the model without some genes, relative to the whole model, rounded.

    Most linear programs need not be solved: where the optimum of a mutant that lacks fewer genes does not use what the
    further deletions take away, it is the optimum of this mutant too.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.genes: Sequence[str] = sorted(gene.id for gene in model.genes)
        self._wild_type = self._optimum(())
        if not self._wild_type > 0:
            raise NoGrowth("The metabolic model does not grow without deletions: its file is not the published one.")
        self._known: dict[Genes, tuple[float, set[str]]] = {(): (self._wild_type, self._used())}

    def __call__(self, genes: Genes) -> float:
        from cobra.manipulation import knock_out_model_genes

        with self._model as model:
            lost = {reaction.id for reaction in knock_out_model_genes(model, list(genes))}
            rate = self._rate_of_fewer(genes, lost)
            if rate is None:
                rate = self._optimum(genes)
                if rate > 0:
                    self._known[genes] = (rate, self._used())
        return round(max(rate, 0.0) / self._wild_type, DECIMALS) + 0.0

    def _optimum(self, genes: Genes) -> float:
        """Growth rate; 0 where the program is infeasible: not even maintenance is possible."""
        rate = self._model.slim_optimize(error_value=0.0)
        if self._model.solver.status not in ("optimal", "infeasible"):  # and that is no growth of 0
            raise NoGrowth(
                f"The growth without {'+'.join(genes) or 'deletions'} was not found in {ITERATIONS:,} steps."
            )
        return rate

    def _rate_of_fewer(self, genes: Genes, lost: set[str]) -> float | None:
        for size in range(len(genes)):
            for fewer in itertools.combinations(genes, size):
                if fewer in self._known and lost.isdisjoint(self._known[fewer][1]):
                    return self._known[fewer][0]
        return None

    def _used(self) -> set[str]:
        """Reactions with a flux in the optimum just found."""
        flux = self._model.solver.primal_values
        return {
            reaction.id
            for reaction in self._model.reactions
            if abs(flux[reaction.id]) > NO_FLUX or abs(flux[reaction.reverse_id]) > NO_FLUX
        }


DATASET = Dataset(
    name=NAME,
    record=Fitness,
    sources=(METABOLIC_MODEL,),
    parse=parse,
    description=(
        "One row is the simulated growth of one mutant with one to three gene deletions, relative to the undeleted metabolic "
        "model (ecYeastGEM 8.1.3, flux balance analysis, minimal glucose medium). Not measured; genes that matter in the model "
        "are preferred."
    ),
    citation=METABOLIC_MODEL.citation,
    publication=METABOLIC_MODEL.doi,
    licence=METABOLIC_MODEL.licence,
    registered=_REGISTERED,
    policies=_POLICIES,
    published_records=3 * PER_ORDER,
    genes_outside=2,  # YAR069W-A and YHR214W-F of the model
)

DATASETS = (DATASET,)
