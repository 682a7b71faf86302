"""Fitness of mutants that nobody may have made, beside what is known of them: `torchcell_assets.predict`.

Belongs here: names -> genes, the choice of a model, what is told beside a prediction. Does not: the prediction itself
(steps/trained/model_store.py).
"""

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from torchcell_assets.config import layout
from torchcell_assets.errors import TorchcellError
from torchcell_assets.notebook.tables import NotThere, genome_of, home_of


class NotGenotypes(TorchcellError):
    """What was given as genotypes is no list of lists."""


def predict(
    genotypes: Sequence[Sequence[str]], model: str | None = None, root: Path | str | None = None
) -> pl.DataFrame:
    """Fitness of haploid mutants that nobody may have made, relative to wild type, beside what is known of them.

    Args:
        genotypes: the deleted genes of each mutant, by any name: `[["SWI4", "CLN3"], ["RAD52"]]`.
        model: family/size/representation/aggregation of a trained cell, or .../target.aggregation where the study has several
            targets; by default the one of the scoreboard that is best in cross-validation on the largest size that was trained,
            of fitness where a study has that target.
        root: the data root; by default that of this process.

    Returns:
        One row per mutant, with the columns
        `genes`, `order`: systematic names, sorted and joined by +; how many there are.
        `predicted`, `low`, `high`: fitness, and its 95 % interval by the out-of-fold residuals of like genotypes. They hold
            little of true fitness below 0.5.
        `genes_unseen`: genes that no training genotype of the model lacks: of these it knows no more than their vector tells.
        `genes_unknown`: genes that the representation lacks; they count as the mean gene.
        `essential`, `essential_source`: whether the deletion of some of the genes is lethal, and which datasets say so or
            otherwise; null where none is known to be and some gene stands in no dataset. One that datasets disagree on counts.
        `reason`: why there is no prediction (an essential gene: such a strain has no growth), and null where there is one.
        `nearest_measured`: measured genotypes that the mutant contains, itself among them, the largest first, with their
            values of what the model predicts; null where the data root has no merged table.
        `model`: which one was asked.

    Raises:
        NotThere: `model` names no cell, or none is named and none stands on a scoreboard.
        NotGenotypes: `genotypes` is a list of names and not of mutants.
        ModelFileError: the cell is not trained, or was trained on other vectors than those of the data root.
        UnknownGeneName, AmbiguousGeneName: as `gene` does; a systematic name that stands in the merged table is known too.
    """
    from torchcell_assets.steps.merged import viability
    from torchcell_assets.steps.representations import table
    from torchcell_assets.steps.trained import model_store, mutants

    home = home_of(root)
    genotypes = _lists(genotypes)
    model = _default_model(home) if model is None else model
    parts = model.split("/")
    if len(parts) != 4:
        raise NotThere(f"{model!r} names no model: give family/size/representation/aggregation.")
    resolved = _resolved(home, genotypes)
    fitted = model_store.read(model_store.find(layout.trained_folder(home).joinpath(*parts[:3]), parts[3]))
    embedding = table.read(layout.embedding_file(home, parts[2]))
    predicted = model_store.predict(fitted, embedding, resolved)
    calls = viability.read(_viability_tables(home))
    merged = layout.merged_file(home, fitted.manifest["target"])
    known = mutants.with_what_is_known(predicted, resolved, calls, merged)
    return known.with_columns(model=pl.lit(model))


def _default_model(home: Path) -> str:
    from torchcell_assets.steps.merged.phenotypes import PHENOTYPES
    from torchcell_assets.steps.trained import mutants, scoreboard

    path = layout.scoreboard_table(home)
    board = scoreboard.read_board(path) if path.is_file() else None
    found = (mutants.best_model(board, target) for target in PHENOTYPES) if board is not None else ()
    best = next(filter(None, found), None)
    if best is None:
        raise NotThere(
            f"No model stands on a scoreboard in {layout.trained_folder(home)}: run `make run`, or name a trained one: "
            "family/size/representation/aggregation."
        )
    return best


def _viability_tables(home: Path) -> dict[str, Path]:
    """Dataset -> its stored table, of those that say which mutants live."""
    from torchcell_assets.schema import Viability
    from torchcell_assets.steps.datasets import DATASETS

    named = {
        dataset.name: layout.dataset_table(home, dataset.name) for dataset in DATASETS if dataset.record is Viability
    }
    return {name: path for name, path in named.items() if path.is_file()}


def _resolved(home: Path, genotypes: Sequence[Sequence[str]]) -> list[list[str]]:
    """Systematic names of the deleted genes. One that is no ORF of today is itself where the merged table has it."""
    from torchcell_assets.schema.vocabularies import GENE_NAME
    from torchcell_assets.steps.merged import measured
    from torchcell_assets.steps.merged.phenotypes import PHENOTYPES

    genes, names = genome_of(home)
    given = {name.strip().upper() for genotype in genotypes for name in genotype}
    others = {name for name in given if re.fullmatch(GENE_NAME, name)} - set(genes["gene"])
    files = [path for name in PHENOTYPES if (path := layout.merged_file(home, name)).is_file()]
    kept = set().union(*(measured.genes_among(path, others) for path in files))

    def resolve(name: str) -> str:
        key = name.strip().upper()
        return key if key in kept else names.resolve(name)

    return [[resolve(name) for name in genotype] for genotype in genotypes]


def _lists(genotypes: Sequence[Sequence[str]] | str) -> Sequence[Sequence[str]]:
    """What `predict` was given, unless it is a name or has one in it, which would be taken apart into letters."""
    given = [genotypes] if isinstance(genotypes, str) else list(genotypes)
    names = [one for one in given if isinstance(one, str)]
    if names:
        apart = f" is one mutant, {[[name] for name in names]} are {len(names)}" if len(names) > 1 else ""
        raise NotGenotypes(
            f"{names[0]!r} stands where a mutant should: give a list of lists, one list per mutant: {[names]}{apart}."
        )
    return given
