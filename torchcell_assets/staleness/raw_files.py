"""Raw files in the lineage: external assets whose data version is the sha256 with which each was last seen.

Belongs here: their declaration, and the event by which whoever has seen a file says so. Does not: finding a file (sources),
what is outdated (outdated.py): for that a raw file is what is pinned, whatever its publisher gives today.

They are declared as observable, so that Dagster takes observations for their versions: it ignores those of other external assets
and would then call all that follows them stale for ever.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from torchcell_assets.config import layout
from torchcell_assets.config.resources import RawFiles
from torchcell_assets.sources import Source, Sources
from torchcell_assets.staleness.dagster_internals import DATA_VERSION_TAG, forget_input


def declared(prefix: Sequence[str], sources: Sequence[Source]) -> dg.AssetsDefinition:
    """All raw files of a study, which a person can have observed in the UI.

    prefix: of the study. sources: each once.

    Raises:
        ValueError: two of them would have one key.
    """
    of_key = {layout.raw_key(prefix, source.name): source for source in sources}
    if len(of_key) < len(sources):
        raise ValueError(f"Of {len(sources)} raw files, some have names that differ in signs alone: rename them.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # pinned by the version, driven by a test

        @dg.multi_observable_source_asset(
            name="raw_files", specs=[_spec(key, source) for key, source in of_key.items()], can_subset=True
        )
        def observe(context: dg.AssetExecutionContext, raw: RawFiles) -> Iterator[dg.ObserveResult]:
            for key in sorted(context.selected_asset_keys):
                yield dg.ObserveResult(key, data_version=dg.DataVersion(_seen_now(raw.sources(), of_key[key])))

    return observe


def _spec(key: dg.AssetKey, source: Source) -> dg.AssetSpec:
    place = source.url or source.landing
    metadata: Mapping[str, object] = {
        "file": source.name,
        "sha256": ", ".join(source.sha256),
        "licence": source.licence,
        "citation": source.citation,
        "publication": dg.MetadataValue.url(f"https://doi.org/{source.doi}"),
        **({"published_at": dg.MetadataValue.url(place)} if place else {"package": source.package}),
    }
    description = (
        f"The raw file `{source.name}`, as it was last seen.\n\nNothing is taken over of a new file of its publisher "
        "until its sha256 is pinned."
    )
    return dg.AssetSpec(key, description=description, group_name=layout.RAW, metadata=metadata, kinds={"file"})


def _seen_now(here: Sources, source: Source) -> str:
    """The version of what its URL gives; of a file without one, of what lies here. Raises SourceUnavailable with what to do."""
    if source.url is not None:
        return source.version(here.digest_at_url(source))
    here.verify(source)
    return source.sha256[0]


def seen(context: dg.OpExecutionContext, prefix: Sequence[str], source: Source, digest: str) -> None:
    """Record that a raw file was seen with this digest, in the step that has seen it, and as an input of that step.

    prefix: of the study.
    """
    key = layout.raw_key(prefix, source.name)
    context.log_event(dg.AssetObservation(key, tags={DATA_VERSION_TAG: source.version(digest)}))
    forget_input(context, key)
