"""How letters become tokens: the vocabularies of the models, as tables.

Belongs here: which letters are which token, what stands before and after a sequence. Does not: where a sequence is cut
(packing.py).

A table of 256 entries gives the tokens of a proteome in 0.07 CPU-s, for which the tokenizers of transformers take 12.7. Where a
snapshot brings its own vocabulary, that decides: `of_snapshot` refuses a table that says otherwise.
"""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from torchcell_assets.errors import TorchcellError

VOCABULARY = "vocab.txt"
"""Of a snapshot: one token a line, its number the number of the line."""


class VocabularyRefused(TorchcellError):
    """A snapshot's vocabulary is another one than that by which sequences are read."""


@dataclass(frozen=True)
class Alphabet:
    """How one family of models reads.

    words: token by its text, as in the model's own vocabulary. read: from a sequence to tokens, without special ones.
    head, tail: special tokens before and after a sequence. padding: the token that fills a row.
    """

    name: str
    words: Mapping[str, int]
    read: Callable[[str], np.ndarray]
    head: tuple[int, ...]
    tail: tuple[int, ...]
    padding: int

    def tokens(self, sequence: str) -> np.ndarray:
        """(n), int64: the tokens of a sequence alone."""
        return self.read(sequence)


def _by_letter(words: Mapping[str, int], other: int) -> Callable[[str], np.ndarray]:
    """Each letter is a token; letters without one are `other`."""
    table = np.full(256, other, dtype=np.int64)
    for word, token in words.items():
        if len(word) == 1:
            table[ord(word)] = token
    return lambda sequence: table[np.frombuffer(sequence.encode("latin-1", "replace"), dtype=np.uint8)]


def _numbered(words: Sequence[str], first: int = 0) -> dict[str, int]:
    return {word: first + at for at, word in enumerate(words)}


def _products(bases: str, length: int) -> list[str]:
    return ["".join(letters) for letters in itertools.product(bases, repeat=length)]


# Lin et al. 2023, vocab.txt of facebook/esm2_*; ESM-C has the same but for the two before the last
_ESM_WORDS = _numbered([
    *("<cls>", "<pad>", "<eos>", "<unk>"),
    *"LAGVSERTIDPKQNFYMHWCXBUZO.-",
    *("<null_1>", "<mask>"),
])  # fmt: skip
ESM = Alphabet("esm", _ESM_WORDS, _by_letter(_ESM_WORDS, _ESM_WORDS["X"]), (0,), (2,), 1)

# ProtTrans (Elnaggar et al. 2022): U, Z, O and B are read as X, as its authors do, though the vocabulary has them
_T5_WORDS = _numbered(["<pad>", "</s>", "<unk>", *"ALGVSREDTIPKFQNYMHWCX"])
PROT_T5 = Alphabet("prot_t5", _T5_WORDS, _by_letter(_T5_WORDS, _T5_WORDS["X"]), (), (1,), 0)

# Dalla-Torre et al. 2024, vocab.txt of the first Nucleotide Transformer
_SIX = 6
_NT_WORDS = {
    **_numbered(["<unk>", "<pad>", "<mask>", "<cls>"]),
    **_numbered(_products("ATCG", _SIX), 4),
    **_numbered("ATCGN", 4 + 4**_SIX),
}
_BASE = _by_letter(_numbered("ATCG"), 4)
_POWERS = 4 ** np.arange(_SIX - 1, -1, -1)
_SINGLE = _by_letter({base: _NT_WORDS[base] for base in "ATCGN"}, _NT_WORDS["<unk>"])


def _six_mers(sequence: str) -> np.ndarray:
    """From the left, six bases a token; what is left before an N or the end, and the N, one base a token; then anew."""
    parts = []
    for found in re.finditer(r"[ATCG]+|[^ATCG]+", sequence):
        run = found.group()
        whole = len(run) - len(run) % _SIX if run[0] in "ATCG" else 0
        parts += [4 + _BASE(run[:whole]).reshape(-1, _SIX) @ _POWERS, _SINGLE(run[whole:])]
    return np.concatenate([*parts, np.empty(0, dtype=np.int64)]).astype(np.int64)


SIX_MERS = Alphabet("six_mers", _NT_WORDS, _six_mers, (3,), (), 1)

# Outeiral and Deane 2024, alphabet.py of oxpig/CaLM
_CODON = 3
_CALM_WORDS = {
    **_numbered(["<cls>", "<pad>", "<eos>", "<unk>"]),
    **_numbered(_products("AUCG", _CODON), 4),
    "<mask>": 4 + 4**_CODON,
}
_CODON_POWERS = 4 ** np.arange(_CODON - 1, -1, -1)


def _codons(sequence: str) -> np.ndarray:
    """Three bases a token, from the first; a codon with what is no base is unknown, bases after the last one are left out."""
    bases = _BASE(sequence[: len(sequence) - len(sequence) % _CODON].replace("U", "T")).reshape(-1, _CODON)
    return np.where((bases < 4).all(1), 4 + bases @ _CODON_POWERS, _CALM_WORDS["<unk>"])


CODONS = Alphabet("codons", _CALM_WORDS, _codons, (0,), (2,), 1)

# Karollus et al. 2024, tokenizer of gagneurlab/SpeciesLM: every six neighbours, behind the token of a species
_SPECIES_WORDS = {**_numbered(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]), **_numbered(_products("ATCG", _SIX), 5)}
SPECIES = "candida_glabrata"
"""S. cerevisiae was held out when the model was trained: the authors read it as its nearest relative that was not."""


def _neighbours(sequence: str) -> np.ndarray:
    """Every six neighbouring bases are a token; unknown where one of them is no base."""
    if len(sequence) < _SIX:
        return np.empty(0, dtype=np.int64)
    bases = np.lib.stride_tricks.sliding_window_view(_BASE(sequence), _SIX)
    return np.where((bases < 4).all(1), 5 + bases @ _POWERS, _SPECIES_WORDS["[UNK]"])


NEIGHBOURS = Alphabet("neighbours", _SPECIES_WORDS, _neighbours, (2,), (3,), 0)

ALPHABETS = {one.name: one for one in (ESM, PROT_T5, SIX_MERS, CODONS, NEIGHBOURS)}


def of_snapshot(name: str, folder: Path) -> Alphabet:
    """An alphabet as a snapshot has it: its vocabulary, where it brings one, has to give the same tokens.

    The token of the species, which stands behind the six-mers of SpeciesLM's vocabulary, is read from there.

    Raises:
        VocabularyRefused: a token has another number there, or the species has none.
    """
    alphabet, place = ALPHABETS[name], folder / VOCABULARY
    if not place.is_file():
        if alphabet is NEIGHBOURS:
            raise VocabularyRefused(
                f"There is no {place}: SpeciesLM reads behind the token of a species, which stands there."
            )
        return alphabet
    found = _numbered(place.read_text().splitlines())
    other = [word for word, token in alphabet.words.items() if found.get(word, token) != token]
    if other:
        raise VocabularyRefused(
            f"{place} gives {other[0]!r} the token {found[other[0]]}, and sequences are read with "
            f"{alphabet.words[other[0]]}: this is another model than the pinned one."
        )
    if alphabet is NEIGHBOURS:
        if SPECIES not in found:
            raise VocabularyRefused(f"{place} has no token for {SPECIES}: this is another model than the pinned one.")
        return replace(alphabet, head=(*alphabet.head, found[SPECIES]))
    return alphabet
