"""Which study a data root serves, and whether the raw files of that study can be had.

Belongs here: what the command line asks before it makes anything. Does not: reading studies (config/study.py), finding a file
(sources).
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from torchcell_assets import environment
from torchcell_assets.cli.console import say, unbroken
from torchcell_assets.config import layout, study

if TYPE_CHECKING:
    from torchcell_assets.sources import Source, Sources


def choose_study() -> None:
    """The study that is named or remembered; on a fresh data root `screens` if its raw files can be had, else `starter`.

    Raises:
        EnvironmentRefused, StudyError: before anything is made, if a variable or the study cannot be used.
    """
    from torchcell_assets.steps.vocabulary import KNOWN

    for sentence in environment.check():
        say(sentence, "yellow")
    environment.settle()
    name = study.chosen()
    if name is None:
        from torchcell_assets.config.resources import DataRoot, RawFiles

        sources = RawFiles(root=DataRoot()).sources()
        lacking = sources.probe(raw_files(study.load(study.DEFAULT, KNOWN)), timeout=5.0)
        if lacking:
            _name_files(study.DEFAULT, lacking, sources)
            say(
                f"Now runs the study {study.FALLBACK!r}, SIMULATED growth; once the files are there, the measured one is made by "
                f"{environment.STUDY}={study.DEFAULT} in a data root of its own ({environment.DATA})."
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
    from torchcell_assets.config.resources import DataRoot, RawFiles

    sources = RawFiles(root=DataRoot()).sources()
    needed = raw_files(wanted, stored=False)
    if not sources.absent([source for source in needed if source.landing]):
        return
    lacking = sources.probe(needed, timeout=5.0)
    _name_files(wanted.name, lacking, sources)
    raise study.StudyError(
        f"The study {wanted.name!r} lacks {len(lacking)} raw files, named above with where to get them and where to put "
        "them: nothing was made. The same command goes on once they are there."
    )


def _name_files(name: str, lacking: "Sequence[tuple[Source, str]]", sources: "Sources") -> None:
    """One sentence, and one table of the files: what, from where, to where."""
    from rich.table import Column, Table

    many = "a raw file" if len(lacking) == 1 else f"{len(lacking)} raw files"
    reasons = dict.fromkeys(_reason(source, why) for source, why in lacking)
    mirror = f"in {sources.mirror}" if sources.mirror else f"in a folder that {environment.MIRROR} names"
    say(
        f"The study {name!r} needs {many} that cannot be had ({'; '.join(reasons)}): download each and put it where the table "
        f"says, or {mirror}, under whatever name; a zip may stay as it is."
    )
    table = Table(*(Column(head, no_wrap=True) for head in ("file", "from", "to")), box=None, padding=(0, 2, 0, 0))
    for source, _ in lacking:
        origin = source.url or source.landing or f"package {source.package}"
        table.add_row(source.name, origin, str(sources.cache / source.name))
    say(f"\n{unbroken(table)}\n")


def _reason(source: "Source", why: str) -> str:
    """Why a file cannot be had, without its own names, so that the same reason is told once."""
    if source.url is None:
        return "a person has to download them" if source.landing else why
    return why.replace(source.url, urlsplit(source.url).hostname or source.url)


def raw_files(wanted: study.Study, *, stored: bool = True) -> "list[Source]":
    """Every raw file that a study reads, each once; without `stored` those of datasets that have no table yet."""
    from torchcell_assets.steps.datasets import DATASETS, REFERENCE
    from torchcell_assets.steps.representations.recipes import RECIPES

    datasets = [*REFERENCE, *(dataset for dataset in DATASETS if dataset.name in wanted.datasets)]
    if not stored:
        datasets = [
            dataset for dataset in datasets if not layout.dataset_table(study.data_root(), dataset.name).exists()
        ]
    files = [source for key in wanted.run_representations or wanted.representations for source in RECIPES[key].files]
    return list(dict.fromkeys([source for dataset in datasets for source in dataset.raw_files] + files))
