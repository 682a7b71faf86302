"""What the page of a representation shows: what it is, which genes it lacks, what lies near what, where it comes from.

Belongs here: metadata of what was made. Does not: making or storing it (assets.py), the shares (neighbourhoods.py), drawing
(figures.py). Whatever fails here fails no data, and nothing here changes them.
"""

import functools
import importlib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from torchcell_assets.sources import Source, Sources
from torchcell_assets.steps.representations import figures, known_partners, neighbourhoods, random_code, table
from torchcell_assets.steps.representations.known_partners import PARTNERS, Known
from torchcell_assets.steps.representations.language_models.registry import MODELS
from torchcell_assets.steps.representations.recipes import Recipe
from torchcell_assets.storage.figures import judged, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_GENES = {"CDC28": "YBR160W", "ADE2": "YOR128C", "RAD52": "YML032C", "CLN2": "YPL256C", "RPN11": "YFR004W"}
"""Genes that every yeast geneticist knows. CLN2 has an ohnolog, CLN1; RPN11 is in a complex of 22, of which few look like it."""
LISTED = 60
"""Genes that are named for one reason; the manifest has all."""


def of_embedding(
    recipe: Recipe, embedding: table.GeneEmbedding, genes: pl.DataFrame, sources: Sources
) -> dict[str, Any]:
    """What the page of one representation shows beside its manifest.

    genes: the table of the genome. sources: of the files by which it is judged; where one cannot be had, a sentence says so.
    """
    known = functools.cache(lambda: known_partners.known(sources))
    title = f"{recipe.key}: {embedding.dimension:,} dimension{'s' if embedding.dimension > 1 else ''}"

    def draw() -> "Figure":
        named = {gene: name for name, gene in SHOWN_GENES.items()}
        return figures.gene_map(embedding.genes, embedding.vectors, known().compartments, named, title)

    sayings: dict[str, Callable[[], str]] = {
        "genes_missing_and_why": lambda: missing(recipe, embedding, genes),
        "licence_and_citation": lambda: cited(recipe),
        "nearest_genes": lambda: nearest(embedding, genes, known()),
        "partners_among_the_nearest": lambda: shares(embedding, known()),
    }
    return {
        "representation": recipe.description or recipe.key,
        **{name: judged(name.replace("_", " ").capitalize(), say) for name, say in sayings.items()},
        "map": picture(title, draw, dpi=70),
    }


def missing(recipe: Recipe, embedding: table.GeneEmbedding, genes: pl.DataFrame) -> str:
    """The genes that are not described, by name, and why."""
    names = dict(genes.select("gene", pl.coalesce("name", "gene")).iter_rows())
    lines = [
        f"- {why} ({len(lacking):,}): {', '.join(names.get(gene, gene) for gene in lacking[:LISTED])}"
        + (f" and {len(lacking) - LISTED:,} more, which the manifest names" if len(lacking) > LISTED else "")
        for why, lacking in reasons(recipe, embedding.manifest).items()
    ]
    return "\n".join(lines) or "None: every gene is described."


def reasons(recipe: Recipe, manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """Why genes are missing -> which."""
    by_rule = manifest.get("notes", {}).get("left_out_by_rule") or {"genes": []}
    left_out = set(by_rule["genes"])
    others = [gene for gene in manifest["genes_missing"] if gene not in left_out]
    found = {why_missing(recipe): others}
    if left_out:
        found[f"left out by rule, as {by_rule['rule'].lower()} genes"] = sorted(left_out)
    return {why: lacking for why, lacking in found.items() if lacking}


def why_missing(recipe: Recipe) -> str:
    """Why a recipe cannot describe a gene: what its family states as `MISSING`, by what a model reads where it has one."""
    family = importlib.import_module(f"{__package__}.{recipe.family}")
    stated = getattr(family, "MISSING", "what the recipe needs is not known of it")
    return str(stated[MODELS[recipe.parameters["model"]].reads] if isinstance(stated, Mapping) else stated)


def cited(recipe: Recipe) -> str:
    """The raw files and weights of a recipe, under which licence, and what to cite."""
    model = MODELS.get(recipe.parameters.get("model", ""))
    read = {one.name: one for one in [*recipe.files, *([model.weights] if model else [])]}
    if not read:
        return "It is computed from the genome alone, whose own page says what to cite."
    lines = ["what it reads | licence | to be cited", "--- | --- | ---"]
    for name, one in read.items():
        doi = f", [doi:{one.doi}](https://doi.org/{one.doi})" if one.doi else ""
        lines.append(f"{name} | {one.licence} | {one.citation}{doi}")
    return "\n".join(lines)


def cost(said: Mapping[str, Any]) -> str:
    """What a worker said of its work, in words."""
    took = (
        f"{said['computed']:,} vectors were computed in {said['seconds']:,} s on {said['device']}, in {said['dtype']}."
    )
    return f"{said['estimate']['said']} {took}"


def nearest(embedding: table.GeneEmbedding, genes: pl.DataFrame, known: Known) -> str:
    """The nearest genes of SHOWN_GENES, with the cosine and what they are known to be to each other."""
    names = dict(genes.select("gene", pl.coalesce("name", "gene")).iter_rows())
    described = set(embedding.genes)
    lines = ["gene | its nearest genes (cosine)", "--- | ---"]
    for shown, gene in SHOWN_GENES.items():
        if gene not in described:
            lines.append(f"{shown} | is not described")
            continue
        of_gene = {kind: set(pairs.filter(pl.col("gene") == gene)["partner"]) for kind, pairs in known.partners.items()}
        near = [
            f"{names.get(other, other)} ({', '.join([f'{cosine:.3f}', *_are(other, of_gene)])})"
            for other, cosine in table.neighbours(embedding, gene, neighbourhoods.NEAREST)
        ]
        lines.append(f"{shown} | {', '.join(near) or 'none: all genes are equally far'}")
    return "\n".join(lines)


def _are(other: str, of_gene: Mapping[str, set[str]]) -> Iterable[str]:
    return (f"**{kind}**" for kind, partners in of_gene.items() if other in partners)


def shares(embedding: table.GeneEmbedding, known: Known) -> str:
    """How many partners are among the nearest genes, beside a random code of the same width and chance; what is lacking."""
    told = [*(f"Not looked at: {why}" for why in known.lacking)]
    if not known.partners:
        return "\n\n".join(told)
    own = neighbourhoods.shares(embedding.genes, embedding.vectors, known.partners)
    control = random_shares(embedding, known)
    lines = [
        f"partners | here | random code, {embedding.dimension:,} wide | by chance | genes looked at | pairs",
        "--- | --- | --- | --- | --- | ---",
    ]
    for kind, one in own.items():
        beside = _percent(control[kind].share) if control else "as by chance"
        cells = (_percent(one.share), beside, _percent(one.chance), f"{one.genes:,}", f"{one.pairs // 2:,}")
        lines.append(f"{kind}s | {' | '.join(cells)}")
    by = "; ".join(_by(source) for kind, (source, _) in PARTNERS.items() if kind in own)
    says = (
        f"Of the places among the {neighbourhoods.NEAREST} nearest genes (by cosine) that partners could take, so many "
        f"are theirs: 100 % where every gene has its partners first. By {by}."
    )
    return "\n\n".join(["\n".join(lines), says, *told])


def random_shares(embedding: table.GeneEmbedding, known: Known) -> dict[str, neighbourhoods.Share]:
    """The same of numbers that say nothing, as wide as the representation; of what is as wide as there are genes, nothing."""
    if embedding.dimension >= len(embedding.genes):
        return {}
    beside = Recipe(f"beside {embedding.key}", "random_code", embedding.dimension)
    code = random_code.embed(pl.DataFrame({"gene": embedding.genes}), beside, {})
    return neighbourhoods.shares(embedding.genes, code, known.partners)


def _by(source: Source) -> str:
    return f"[{source.citation}](https://doi.org/{source.doi})"


def _percent(share: float) -> str:
    return "none to look at" if math.isnan(share) else f"{100 * share:.1f} %"
