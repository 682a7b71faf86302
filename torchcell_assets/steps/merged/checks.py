"""What must hold of the merged tables."""

import dagster as dg
import polars as pl

from torchcell_assets.config import layout
from torchcell_assets.config.resources import DataRoot
from torchcell_assets.config.study import Study
from torchcell_assets.schema.genotype import GENE_SEPARATOR
from torchcell_assets.steps.merged import measured, merged_table
from torchcell_assets.steps.merged.assets import merged_phenotypes, sampled_phenotypes
from torchcell_assets.steps.merged.essential_genes import calls
from torchcell_assets.steps.merged.identities import MergeError
from torchcell_assets.steps.merged.phenotypes import Phenotype
from torchcell_assets.steps.merged.viability import Calls
from torchcell_assets.storage.stored import listed

LISTED = 100
"""Rows that the page of a check shows at most."""


def every_record_accounted_for(study: Study, phenotype: Phenotype) -> dg.AssetChecksDefinition:
    key = layout.key(study, "merged", phenotype.name)

    @dg.asset_check(
        asset=key,
        name="every_record_accounted_for",
        blocking=True,
        description="Loaded = selected + not selected by the query; selected = pooled + excluded; what was pooled stands once "
        "behind one row, counted by its id.",
    )
    def check(context: dg.AssetCheckExecutionContext, root: DataRoot) -> dg.AssetCheckResult:
        """The counts of the last materialization add up, and those of the stored table are the same."""
        event = context.instance.get_latest_materialization_event(key)
        if event is None or event.asset_materialization is None:
            return dg.AssetCheckResult(passed=False, description="never materialized")
        values = {name: value.value for name, value in event.asset_materialization.metadata.items()}
        loaded, selected, pooled = (int(values[name]) for name in ("loaded", "selected", "pooled"))
        excluded = sum(values["excluded"].values())
        try:
            records, distinct = merged_table.records_in(layout.merged_file(root.folder, phenotype.name))
        except MergeError as error:
            return dg.AssetCheckResult(passed=False, description=str(error))
        wrong = [
            *([f"{selected:,} records are selected of {loaded:,} that were loaded"] if selected > loaded else []),
            *(
                [f"{selected:,} records are selected, {pooled:,} pooled and {excluded:,} excluded"]
                if selected != pooled + excluded
                else []
            ),
            *([f"{pooled:,} records were pooled and {records:,} are stored"] if records != pooled else []),
            *([f"{records - distinct:,} of {records:,} records stand behind two rows"] if distinct != records else []),
        ]
        return dg.AssetCheckResult(
            passed=not wrong,
            description="; ".join(wrong) or None,
            metadata={
                "selected": selected,
                "pooled": pooled,
                "excluded": excluded,
                "stored": records,
                "distinct": distinct,
            },
        )

    return check


def what_is_measured_lives(study: Study, phenotype: Phenotype) -> dg.AssetChecksDefinition:
    key = layout.key(study, "merged", phenotype.name)
    one = f"{'an' if phenotype.name[0] in 'aeiou' else 'a'} {phenotype.name}"

    @dg.asset_check(
        asset=key,
        name="what_is_measured_lives",
        description=f"No haploid deletion strain of a gene that a viability dataset calls essential has {one}, and "
        "the viability datasets agree with each other. What contradicts is listed; a condition that is `viable_only` leaves it "
        "out of samples.",
    )
    def check(root: DataRoot) -> dg.AssetCheckResult:
        """Crossed with viability: a strain that grows without an essential gene is not what it is called, or the call errs."""
        called, path = calls(study, root), layout.merged_file(root.folder, phenotype.name)
        try:
            rows = measured.without_essential_genes(path, called.essential.keys())
        except MergeError as error:
            return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description=str(error))
        told = pl.Series("viability", [_said(called, genes) for genes in rows["genes"]], dtype=pl.String)
        schema = {"gene": pl.String, "viability": pl.String}
        disputed = pl.DataFrame([(gene, called.summary(gene)) for gene in called.disputed], schema=schema, orient="row")
        genotypes = rows["genotype"].n_unique()
        found = [
            *([f"{genotypes} genotypes with {one} lack a gene that is called essential"] if genotypes else []),
            *([f"the viability datasets disagree on {disputed.height} genes"] if disputed.height else []),
        ]
        return dg.AssetCheckResult(
            passed=not found,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(found) or None,
            metadata={
                "genotypes": genotypes,
                "essential_and_measured": listed(rows.with_columns(told).head(LISTED)),
                "disputed_genes": disputed.height,
                "disputed": listed(disputed.head(LISTED)),
                "essential_genes": len(called.essential),
            },
        )

    return check


def _said(called: Calls, genes: str) -> str:
    return "; ".join(f"{gene}: {called.summary(gene)}" for gene in genes.split(GENE_SEPARATOR) if called.of(gene))


def checks(study: Study) -> list[dg.AssetChecksDefinition]:
    """The checks of the merged tables of a study; what is sampled has to live, whichever target it is of."""
    return [
        *(every_record_accounted_for(study, one) for one in merged_phenotypes(study)),
        *(what_is_measured_lives(study, one) for one in sampled_phenotypes(study)),
    ]
