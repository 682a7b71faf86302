"""What a raw file is: its name, its sha256, where it comes from, its licence and what to cite.

Belongs here: the form of such a statement. Does not: the statements, which stand beside what reads the file (a publication's
module, a representation's recipe), how a file is found (files.py).
"""

from dataclasses import dataclass

from torchcell_assets.errors import TorchcellError


class SourceUnavailable(TorchcellError):
    """A raw file cannot be had, or is not the file that it should be. may_pass: its server could not give it just then."""

    def __init__(self, why: str, *, may_pass: bool = False) -> None:
        super().__init__(why)
        self.may_pass = may_pass


class WrongEntry(TorchcellError):
    """A `Source` states what cannot be: whoever wrote it has to correct it."""


@dataclass(frozen=True)
class Source:
    """A raw file.

    name: path below the cache and below a mirror folder.
    sha256: accepted digests; the first is that of `url`. More than one where the publisher's file and a re-saved copy
        of it both circulate.
    bytes: size of the file with the first digest; None where only its digest is known.
    url: pinned to a commit.
    licence: of the repository or package that the copy comes from; `none stated` where it has no licence file.
    landing: of a file without `url`, the page from which a person downloads it: its publisher gives it to people, not to
        programs.
    package, member: a file that ships inside an installed package, and its path there; such a file has no `url`.
    extra: the optional dependency of ours that brings that package, where the default installation does not.
    """

    name: str
    sha256: tuple[str, ...]
    bytes: int | None
    url: str | None
    licence: str
    citation: str
    doi: str
    package: str | None = None
    member: str | None = None
    landing: str | None = None
    extra: str | None = None

    def version(self, digest: str) -> str:
        """What a file with this digest is: every accepted copy of the pinned file is that file, and any other its own."""
        return self.sha256[0] if digest in self.sha256 else digest

    @classmethod
    def by_hand(cls, name: str, sha256: str, *, citation: str, doi: str, landing: str) -> "Source":
        """A file that a person downloads from `landing`; neither its size nor a licence is stated there."""
        return cls(name, (sha256,), None, None, "none stated", citation, doi, landing=landing)
