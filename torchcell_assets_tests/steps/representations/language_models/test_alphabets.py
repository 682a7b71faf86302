"""Tokens against the published vocabularies: fixed strings, their numbers taken from the published files by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchcell_assets.steps.representations.language_models import alphabets
from torchcell_assets.steps.representations.language_models.alphabets import CODONS, ESM, NEIGHBOURS, PROT_T5, SIX_MERS

NT = {
    # published with the model's own tokenizer
    "ATTCCGATTCCGATTCCG": [367, 367, 367],
    "AAAACCCCGGGGTTTTACGTNACGTNNNNACGTTGCAACGTACGT": [
        *(14, 2819, 1366, 4103, 4101, 4104, 4100, 4102, 4103, 4101),
        *(4104, 4104, 4104, 4104, 731, 2097, 4100, 4102, 4103, 4101),
    ],
    "ATG": [4100, 4101, 4103],
    "": [],
}


@pytest.mark.parametrize(
    ("alphabet", "sequence", "tokens"),
    [
        (ESM, "MKTAYX", [20, 15, 11, 5, 19, 24]),
        (ESM, "UZOB", [26, 27, 28, 25]),
        (ESM, "J*", [24, 24]),  # no token of their own: any residue
        (PROT_T5, "PRTEINX", [13, 8, 11, 9, 12, 17, 23]),
        (PROT_T5, "UZOBJ", [23, 23, 23, 23, 23]),
        (PROT_T5, "ALGVSREDTIPKFQNYMHWC", [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22]),
        *((SIX_MERS, sequence, tokens) for sequence, tokens in NT.items()),
        (CODONS, "AAAAATAAC", [4, 5, 6]),  # AAA, AAU, AAC begin the vocabulary, in the order A, U, C, G
        (CODONS, "ATGGGG", [4 + 0 * 16 + 1 * 4 + 3, 67]),
        (CODONS, "ATGNAATA", [11, 3]),  # an unknown base, and two that make no codon
        (NEIGHBOURS, "ACGTGC", [739]),
        (NEIGHBOURS, "ACGTGCN", [739, 1]),
        (NEIGHBOURS, "ACGTG", []),
    ],
)
def test_the_tokens_of_a_sequence(alphabet, sequence, tokens):
    assert alphabet.tokens(sequence).tolist() == tokens


def test_what_stands_before_and_after_a_sequence():
    ends = {one.name: (one.head, one.tail, one.padding) for one in alphabets.ALPHABETS.values()}
    assert ends == {
        "esm": ((0,), (2,), 1),
        "prot_t5": ((), (1,), 0),
        "six_mers": ((3,), (), 1),
        "codons": ((0,), (2,), 1),
        "neighbours": ((2,), (3,), 0),
    }


@given(st.text(alphabet="ACGTN", max_size=80))
def test_six_mers_spell_the_sequence_again(sequence):
    word = {token: text for text, token in SIX_MERS.words.items()}
    assert "".join(word[token] for token in SIX_MERS.tokens(sequence).tolist()) == sequence


def test_a_window_of_5979_bases_fills_a_model_of_1000_tokens():
    assert len(SIX_MERS.tokens("ACGTTGCAT" * 664 + "ACG")) == 999


def test_a_snapshot_that_numbers_its_tokens_otherwise_is_refused(tmp_path):
    vocabulary = tmp_path / alphabets.VOCABULARY
    words = sorted(ESM.words, key=ESM.words.__getitem__)
    vocabulary.write_text("\n".join(words))
    assert alphabets.of_snapshot("esm", tmp_path) is ESM
    vocabulary.write_text("\n".join([*words[:4], words[5], words[4], *words[6:]]))
    with pytest.raises(alphabets.VocabularyRefused, match=r"gives '.' the token .*another model"):
        alphabets.of_snapshot("esm", tmp_path)


def test_the_token_of_the_species_is_read_from_the_snapshot(tmp_path):
    with pytest.raises(alphabets.VocabularyRefused, match="which stands there"):
        alphabets.of_snapshot("neighbours", tmp_path)
    words = sorted(NEIGHBOURS.words, key=NEIGHBOURS.words.__getitem__)
    (tmp_path / alphabets.VOCABULARY).write_text("\n".join([*words, "zygosaccharomyces_rouxii", "candida_glabrata"]))
    assert alphabets.of_snapshot("neighbours", tmp_path).head == (2, 4102)
    (tmp_path / alphabets.VOCABULARY).write_text("\n".join(words))
    with pytest.raises(alphabets.VocabularyRefused, match="no token for candida_glabrata"):
        alphabets.of_snapshot("neighbours", tmp_path)
