"""A damaged raw file is refused or quarantined; it never gives other numbers for the same record ids."""

from collections.abc import Callable
from pathlib import Path

import pytest

from torchcell_assets.errors import TorchcellError
from torchcell_assets.schema import validate
from torchcell_assets.sources import Source, Sources
from torchcell_assets.steps.datasets import Dataset
from torchcell_assets.steps.datasets.raw_file import BadRawFile
from torchcell_assets_tests.steps.datasets import damage
from torchcell_assets_tests.steps.datasets.conftest import AT_HAND, Read

NUMBERS = ("value", "upper_bound", "uncertainty", "expected", "viable", "p_value", "genotype")

CASES = [
    pytest.param(dataset, source, kind, id=f"{dataset.name}-{Path(source.name).stem[:24]}-{kind.__name__}")
    for dataset in AT_HAND
    for source in dataset.sources
    if not source.name.endswith(".xml")  # the metabolic model is no table; it has a test of its own
    for kind in damage.DAMAGES
]


@pytest.mark.parametrize(("dataset", "source", "kind"), CASES)
def test_a_damaged_raw_file_never_changes_a_number(
    dataset: Dataset,
    source: Source,
    kind: Callable[[Path, Path], None],
    sources: Sources,
    read: Callable[[Dataset], Read],
    tmp_path: Path,
):
    copy = tmp_path / Path(source.name).name
    kind(sources.path(source), copy)
    try:
        parsed = dataset.read(lambda wanted: copy if wanted == source else sources.path(wanted))
        records = parsed.records.collect()
    except BadRawFile as error:
        assert str(copy) in str(error)
        assert "\n" not in str(error)
        return
    kept, failure = validate(dataset.record, records)
    columns = [name for name in NUMBERS if name in kept.columns]
    intact = read(dataset)
    assert damage.same_numbers(kept, intact.kept, columns)
    noticed = kept.height < intact.kept.height or len(failure) > dataset.quarantine_limit
    assert noticed or kept.equals(intact.kept), "it is neither refused, nor shorter, nor quarantined, nor the same"


@pytest.mark.parametrize("kind", [damage.truncated, damage.emptied])
def test_every_refusal_of_an_unreadable_file_is_addressed_to_a_person(
    kind: Callable[[Path, Path], None], sources: Sources, tmp_path: Path
):
    for dataset in AT_HAND:
        source = dataset.sources[0]
        copy = tmp_path / f"{dataset.name}{Path(source.name).suffix}"
        kind(sources.path(source), copy)
        with pytest.raises(TorchcellError, match=r"cannot be used: .*; delete it so that it is fetched again"):
            dataset.read(lambda wanted, source=source, copy=copy: copy if wanted == source else sources.path(wanted))
