"""Which study a data root serves, and whether the raw files of that study can be had.

Belongs here: what the command line asks before it makes anything. Does not: reading studies (study.py), finding a file
(sources).
"""

import os
from typing import TYPE_CHECKING

from torchcell_assets import environment, study
from torchcell_assets.terminal import console

if TYPE_CHECKING:
    from torchcell_assets.sources import Source


def choose_study() -> None:
    """The study that is named or remembered; on a fresh data root `screens` if its raw files can be had, else `starter`.

    Raises:
        EnvironmentRefused, StudyError: before anything is made, if a variable or the study cannot be used.
    """
    from torchcell_assets.vocabulary import KNOWN

    for sentence in environment.check():
        console.print(sentence, style="yellow", markup=False, soft_wrap=True)
    environment.settle()
    name = study.chosen()
    if name is None:
        from torchcell_assets.resources import DataRoot, RawFiles

        lacking = RawFiles(root=DataRoot()).sources().probe(raw_files(study.load(study.DEFAULT)), timeout=5.0)
        for source, why in lacking:
            console.print(f"[yellow]{source.name}[/]: {why}", soft_wrap=True)
        if lacking:
            console.print(
                f"The study {study.DEFAULT!r} needs these files: put them into a folder and set TORCHCELL_MIRROR to it, or "
                f"run again with network. Until then this is the study {study.FALLBACK!r}: SIMULATED growth.",
                soft_wrap=True,
            )
        name = study.FALLBACK if lacking else study.DEFAULT
    served = study.load(name, KNOWN)
    study.remember(served.place)
    os.environ[environment.STUDY] = served.place  # a path that is written out: a child process stands in another folder


def require_raw_files(wanted: study.Study) -> None:
    """Raise StudyError if files that a person has to download are not here, after naming every file that cannot be had.

    What is stored already is not asked for. Without such files the study's others come when they are needed, or that
    step says what is wrong.
    """
    from torchcell_assets.resources import DataRoot, RawFiles

    sources = RawFiles(root=DataRoot()).sources()
    needed = raw_files(wanted, stored=False)
    if not sources.absent([source for source in needed if source.landing]):
        return
    lacking = sources.probe(needed, timeout=5.0)
    for number, (_, why) in enumerate(lacking, start=1):
        console.print(f"[yellow]{number}.[/] {why}", soft_wrap=True)
    raise study.StudyError(
        f"The study {wanted.name!r} lacks {len(lacking)} raw files, named above with where to get them and where to put "
        "them: nothing was made. The same command goes on once they are there."
    )


def raw_files(wanted: study.Study, *, stored: bool = True) -> "list[Source]":
    """Every raw file that a study reads, each once; without `stored` those of datasets that have no table yet."""
    from torchcell_assets.steps.datasets import DATASETS, GENOME
    from torchcell_assets.steps.representations.recipes import RECIPES

    tables = study.data_root() / "datasets"
    datasets = [GENOME, *(dataset for dataset in DATASETS if dataset.name in wanted.datasets)]
    if not stored:
        datasets = [dataset for dataset in datasets if not (tables / f"{dataset.name}.parquet").exists()]
    files = [source for key in wanted.representations for source in RECIPES[key].files]
    return list(dict.fromkeys([source for dataset in datasets for source in dataset.sources] + files))
