"""The forward passes against transformers' own, one sequence at a time, in float32. `make test-deep`."""

import functools
import itertools
import json
import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from torchcell_assets.steps.representations.language_models import calm, computing, esm, loading, packing
from torchcell_assets.steps.representations.language_models.alphabets import ALPHABETS
from torchcell_assets.steps.representations.language_models.attention import Placed
from torchcell_assets.steps.representations.language_models.t5 import T5Encoder
from torchcell_assets.steps.representations.language_models.transformers_encoder import TransformersEncoder
from torchcell_assets_tests.steps.representations.language_models import tiny

FLOAT = torch.float32
CPU = torch.device("cpu")
LETTERS = {"esm": "LAGVSERTIDPKQNFYMHWC", "prot_t5": "LAGVSERTIDPKQNFYMHWC", "six_mers": "ACGT", "neighbours": "ACGT"}
UNKNOWN = {"esm": "X", "prot_t5": "X", "six_mers": "N", "neighbours": "N"}


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """Name -> folder."""
    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("snapshots")
    for name, make in tiny.MADE.items():
        make(place / name)
    return place


@functools.cache
def loaded(name, folder, dtype=FLOAT):
    return loading.encoder(tiny.ARCHITECTURE[name], folder, device="cpu", dtype=dtype, layers=tiny.LAYERS.get(name))


def text(name, length, seed=0, unknown=False):
    alphabet = tiny.ALPHABET[name]
    letters = LETTERS[alphabet] + (UNKNOWN[alphabet] if unknown else "")
    return "".join(np.random.default_rng(seed).choice(list(letters), length))


def packed(name, folder, sequences, length=None, dtype=FLOAT):
    """Vectors of sequences that share one row."""
    alphabet = ALPHABETS[tiny.ALPHABET[name]]
    parts = [alphabet.tokens(one) for one in sequences]
    placed = Placed.on(CPU, packing.row(parts, alphabet.head, alphabet.tail, length=length, padding=alphabet.padding))
    return placed.means(loaded(name, folder, dtype).hidden(placed)).numpy()


def one_by_one(name, folder, sequences):
    alphabet = ALPHABETS[tiny.ALPHABET[name]]
    return np.stack([tiny.alone(name, folder, alphabet.tokens(one), alphabet.head, alphabet.tail) for one in sequences])


@pytest.mark.parametrize("name", tiny.MADE)
def test_packed_and_padded_rows_give_what_transformers_gives_one_by_one(name, snapshots):
    sequences = [text(name, length, seed=length, unknown=True) for length in (7, 8, 40, 131, 300)]
    found = packed(name, snapshots / name, sequences, length=700)
    np.testing.assert_allclose(found, one_by_one(name, snapshots / name, sequences), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "length"),
    [
        *itertools.product(("esm2", "t5"), (1, 1022, 1023, 4910)),
        *itertools.product(("esmc",), (1, 1022, 1023, 2046)),  # beyond that it is read in windows
    ],
)
def test_proteins_of_every_length_are_read_to_their_end(name, snapshots, length):
    sequence = text(name, length)
    np.testing.assert_allclose(
        packed(name, snapshots / name, [sequence]), one_by_one(name, snapshots / name, [sequence]), atol=1e-5
    )


@pytest.mark.parametrize("name", tiny.MADE)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_neighbours_their_order_and_padding_change_nothing(name, snapshots, data):
    lengths = data.draw(st.lists(st.integers(6, 60), min_size=2, max_size=6))
    padding = data.draw(st.integers(0, 90))
    sequences = [text(name, length, seed=at) for at, length in enumerate(lengths)]
    alone = np.concatenate([packed(name, snapshots / name, [one]) for one in sequences])
    order = data.draw(st.permutations(range(len(sequences))))
    together = packed(name, snapshots / name, [sequences[at] for at in order], length=sum(lengths) + 40 + padding)
    np.testing.assert_allclose(together, alone[list(order)], atol=2e-5)


@pytest.mark.parametrize("name", tiny.MADE)
def test_bfloat16_points_the_same_way(name, snapshots):
    sequences = [text(name, length, seed=length) for length in (30, 80, 200)]
    exact = packed(name, snapshots / name, sequences)
    rounded = packed(name, snapshots / name, sequences, dtype=torch.bfloat16)
    # about the mean of the three: of vectors as they are, even a wrong one has a cosine near 1
    exact, rounded = exact - exact.mean(0), rounded - exact.mean(0)
    cosines = (exact * rounded).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rounded, axis=1)
    assert cosines.min() > 0.999
    whole = packed(name, snapshots / name, sequences), packed(name, snapshots / name, sequences, dtype=torch.bfloat16)
    assert (
        (whole[0] * whole[1]).sum(1) / np.linalg.norm(whole[0], axis=1) / np.linalg.norm(whole[1], axis=1)
    ).min() > 0.9999


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flexible_attention_gives_what_the_written_out_bias_gives(snapshots):
    alphabet = ALPHABETS["prot_t5"]
    module = loaded("t5", snapshots / "t5").module
    for lengths in ((3, 200, 77, 250), (511,), (127, 128)):
        parts = [alphabet.tokens(text("t5", length)) for length in lengths]
        placed = Placed.on(CPU, packing.row(parts, (), (1,), length=640, padding=0))
        written = placed.means(T5Encoder(module).hidden(placed))
        torch.testing.assert_close(
            placed.means(T5Encoder(module, flex=True).hidden(placed)), written, atol=1e-5, rtol=0
        )


def test_a_model_of_another_kind_is_not_taken_for_t5(snapshots):
    module = loaded("t5", snapshots / "t5").module
    module.config.is_gated_act = True
    try:
        with pytest.raises(ValueError, match="relu, as ProtT5"):
            T5Encoder(module)
    finally:
        module.config.is_gated_act = False


# ---- weights ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", tiny.MADE)
def test_a_tensor_that_is_missing_is_refused_and_never_random(name, snapshots, tmp_path):
    whole = load_file(snapshots / name / "model.safetensors")
    gone = sorted(one for one in whole if re.search(r"layer.*weight|block.*weight", one))[3]
    (tmp_path / "config.json").write_text((snapshots / name / "config.json").read_text())
    save_file(
        {one: tensor for one, tensor in whole.items() if one != gone}, tmp_path / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(loading.WeightsRefused, match=r"would be random numbers"):
        loading.encoder(tiny.ARCHITECTURE[name], tmp_path, device="cpu", dtype=FLOAT)


def test_a_truncated_file_is_refused_in_a_sentence(snapshots, tmp_path):
    (tmp_path / "config.json").write_text((snapshots / "esm2" / "config.json").read_text())
    (tmp_path / "model.safetensors").write_bytes((snapshots / "esm2" / "model.safetensors").read_bytes()[:-100])
    with pytest.raises(loading.WeightsRefused, match=r"cannot be loaded.*fetched again"):
        loading.encoder("esm", tmp_path, device="cpu", dtype=FLOAT)


def test_code_of_a_snapshot_is_never_run(snapshots, tmp_path):
    """`trust_remote_code` would import this file, and the marker would be there."""
    for one in (snapshots / "esm2").iterdir():
        (tmp_path / one.name).write_bytes(one.read_bytes())
    config = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace("{", '{"auto_map": {"AutoModel": "own.Own"},', 1))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    loading.encoder("esm", tmp_path, device="cpu", dtype=FLOAT)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_rotary_angles_stay_float32_whatever_the_type_of_the_weights(snapshots, dtype):
    exact = 1.0 / 10_000.0 ** (torch.arange(0, 16, 2, dtype=torch.float64) / 16)
    encoder = loaded("esm2", snapshots / "esm2", dtype)
    assert encoder.frequencies.dtype == torch.float32
    torch.testing.assert_close(encoder.frequencies.double(), exact, rtol=1e-6, atol=0)
    halved = esm.EsmEncoder(loading._module("esm", snapshots / "esm2", FLOAT).half())
    torch.testing.assert_close(halved.frequencies.double(), exact, rtol=1e-6, atol=0)


def test_a_model_whose_angles_were_rounded_is_refused(snapshots):
    module = loading._module("esmc", snapshots / "esmc", FLOAT).half()
    for buffer in ("inv_freq", "original_inv_freq"):
        setattr(module.rotary_emb, buffer, getattr(module.rotary_emb, buffer).half())
    with pytest.raises(ValueError, match=r"is rounded to torch\.float16"):
        TransformersEncoder(module)


# ---- CaLM ----------------------------------------------------------------------------------------------------------------
def calm_state(width=48, dense=96, layers=2, heads=4):
    random = torch.Generator().manual_seed(3)

    def made(*shape):
        return torch.randn(*shape, generator=random) / math.sqrt(shape[-1])

    state = {"embed_tokens.weight": made(69, width), "lm_head.weight": made(69, width)}
    state |= {"emb_layer_norm_after.weight": 1 + made(width), "emb_layer_norm_after.bias": made(width)}
    for at in range(layers):
        own = {f"self_attn.{one}_proj": (width, width) for one in "qkv"} | {"self_attn.out_proj": (width, width)}
        own |= {"fc1": (dense, width), "fc2": (width, dense)}
        for name, shape in own.items():
            state |= {f"layers.{at}.{name}.weight": made(*shape), f"layers.{at}.{name}.bias": made(shape[0])}
        for name in ("self_attn_layer_norm", "final_layer_norm"):
            state |= {f"layers.{at}.{name}.weight": 1 + made(width), f"layers.{at}.{name}.bias": made(width)}
        state[f"layers.{at}.self_attn.rope.freqs"] = 1.0 / 10_000 ** (
            torch.arange(0, width // heads, 2) / (width // heads)
        )
    return state


def as_published(state, tokens, layers=2, heads=4):
    """CaLM as its authors' code computes it: pre-norm, query scaled, rotary positions on neighbouring numbers. (n, width)."""
    linear = lambda x, name: torch.nn.functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])  # noqa: E731
    normed = lambda x, name: torch.nn.functional.layer_norm(  # noqa: E731
        x, (x.shape[-1],), state[f"{name}.weight"], state[f"{name}.bias"], 1e-5
    )

    def turned(x, frequencies):
        angles = torch.arange(len(x))[:, None] * frequencies
        even, odd = x[..., 0::2], x[..., 1::2]
        cosine, sine = angles.cos()[:, None], angles.sin()[:, None]
        return torch.stack([even * cosine - odd * sine, odd * cosine + even * sine], -1).flatten(-2)

    x = state["embed_tokens.weight"][tokens]
    for at in range(layers):
        before = normed(x, f"layers.{at}.self_attn_layer_norm")
        q, k, v = (linear(before, f"layers.{at}.self_attn.{one}_proj").view(len(x), heads, -1) for one in "qkv")
        frequencies = state[f"layers.{at}.self_attn.rope.freqs"]
        q, k = turned(q * q.shape[-1] ** -0.5, frequencies), turned(k, frequencies)
        mixed = torch.einsum("hqk,khd->qhd", torch.einsum("qhd,khd->hqk", q, k).softmax(-1), v)
        x = x + linear(mixed.reshape(len(x), -1), f"layers.{at}.self_attn.out_proj")
        after = normed(x, f"layers.{at}.final_layer_norm")
        x = x + linear(torch.nn.functional.gelu(linear(after, f"layers.{at}.fc1")), f"layers.{at}.fc2")
    return normed(x, "emb_layer_norm_after")


def test_calm_read_as_esm_is_calm(tmp_path):
    state = calm_state()
    small = calm.CONFIG | {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
    (tmp_path / "config.json").write_text(json.dumps(small))
    prefixed = {f"model.{name}": tensor for name, tensor in state.items()}
    ours = {name: tensor.contiguous() for name, tensor in calm.as_esm(prefixed, heads=4).items()}
    save_file(ours, tmp_path / "model.safetensors", {"format": "pt"})
    encoder = loading.encoder("esm", tmp_path, device="cpu", dtype=FLOAT)
    alphabet = ALPHABETS["codons"]
    tokens = alphabet.tokens(text("nt", 240))
    placed = Placed.on(CPU, packing.row([tokens], alphabet.head, alphabet.tail))
    published = as_published(state, torch.from_numpy(np.concatenate([[0], tokens, [2]])))
    torch.testing.assert_close(encoder.hidden(placed), published, atol=1e-5, rtol=0)


# ---- from sequences to vectors --------------------------------------------------------------------------------------------
def computed(name, folder, sequences, shape=None, **told):
    found = {}

    def store(numbers, vectors):
        found.update(zip(numbers, vectors, strict=True))

    load = functools.partial(loaded, name, folder)
    shape = shape or computing.Shape()
    computing.compute(sequences, ALPHABETS[tiny.ALPHABET[name]], shape, load=load, dtype=FLOAT, store=store, **told)
    return np.stack([found[at] for at in range(len(sequences))])


def test_computing_gives_each_sequence_its_vector_and_tells_how_far_it_is(snapshots):
    sequences = [text("esm2", length, seed=length) for length in (9, 300, 41, 2)]
    told = []
    found = computed("esm2", snapshots / "esm2", sequences, tick=lambda done, total: told.append((done, total)))
    np.testing.assert_allclose(found, one_by_one("esm2", snapshots / "esm2", sequences), atol=1e-5)
    assert told[-1] == (352, 352) and [done for done, _ in told] == sorted(done for done, _ in told)


def test_windows_are_weighted_by_their_residues(snapshots):
    sequence = text("esm2", 250)
    found = computed("esm2", snapshots / "esm2", [sequence], computing.Shape(limit=100, overlap=20))
    windows = [sequence[start : start + 100] for start in (0, 80, 150)]
    np.testing.assert_allclose(found[0], one_by_one("esm2", snapshots / "esm2", windows).mean(0), atol=1e-5)


def test_of_a_model_that_reads_the_beginning_the_rest_changes_nothing(snapshots):
    sequence = text("nt", 600)
    first = computed("nt", snapshots / "nt", [sequence, sequence[:60]], computing.Shape(first=10))
    np.testing.assert_allclose(first[0], first[1], atol=1e-6)


def test_numbers_that_overflow_in_half_precision_are_computed_again_in_bfloat16(snapshots):
    class Overflows:
        device = CPU

        def hidden(self, placed):
            return torch.full((len(placed.tokens), 64), float("inf"))

    asked = []

    def load(dtype):
        asked.append(dtype)
        return Overflows() if dtype == torch.float16 else loaded("esm2", snapshots / "esm2", dtype)

    found = {}
    store = lambda numbers, vectors: found.update(zip(numbers, vectors, strict=True))  # noqa: E731
    read = (["MKTAYIAK", "MW"], ALPHABETS["esm"], computing.Shape())
    computing.compute(*read, load=load, dtype=torch.float16, store=store)
    assert asked == [torch.float16, torch.bfloat16]
    assert all(np.isfinite(one).all() for one in found.values()) and len(found) == 2


def test_memory_that_is_not_enough_halves_the_row_and_loses_nothing(snapshots, monkeypatch):
    rows = []

    class Small:
        """On a device that says it is a GPU, with memory for 4,096 tokens."""

        device = type("Device", (), {"type": "cuda"})()

        def hidden(self, placed):
            rows.append(len(placed.tokens))
            if len(placed.tokens) > 4096:
                raise torch.cuda.OutOfMemoryError("as a GPU says it")
            return loaded("esm2", snapshots / "esm2").hidden(placed)

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(Placed, "on", classmethod(lambda cls, device, row, on=Placed.on: on(CPU, row)))
    sequences = [text("esm2", 200, seed=at) for at in range(40)]
    found = {}
    store = lambda numbers, vectors: found.update(zip(numbers, vectors, strict=True))  # noqa: E731
    read = (sequences, ALPHABETS["esm"], computing.Shape())
    computing.compute(*read, load=lambda dtype: Small(), dtype=FLOAT, store=store, row=16_384)
    assert rows[:3] == [16_384, 8_192, 4_096] and sorted(found) == list(range(40))
    np.testing.assert_allclose(found[7], one_by_one("esm2", snapshots / "esm2", [sequences[7]])[0], atol=1e-5)
