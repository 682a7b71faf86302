"""Vectors of a language model over yeast's proteins: packed rows beside what a user runs today, and beside the device's roof.

    python benchmarks/embed.py [shape] [every]

shape: esm2_8M (the default on a CPU), esm2_35M, esm2_150M, esm2_650M (the default on a GPU), esm2_3B, prot_t5 or nt. every: the
every-th protein by length is computed, all of them by default on a GPU and every 100th on a CPU; seconds of a part are scaled
to all by operations. Weights are random, in the real shape: speed is real, and agreement says nothing of trained weights. Needs
the extra `deep` and a data root with datasets/genome (TORCHCELL_DATA).

Rows of the table: transformers one by one in float32, eager (what a user runs today) and by scaled-dot-product attention;
transformers in batches of like lengths, padded (on a GPU in half precision); this product, as `make embed` computes. The roof
is a product of two matrices of 8,192 x 8,192 in the same type (2,048 on a CPU), measured first. On a CPU one thread computes,
and seconds are those of the CPU.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch
import transformers as hf

sys.path.insert(0, str(Path(__file__).parents[1]))

from torchcell_assets import environment
from torchcell_assets.config import layout
from torchcell_assets.steps.representations.language_models import computing, loading
from torchcell_assets.steps.representations.language_models.alphabets import ALPHABETS, Alphabet
from torchcell_assets.steps.representations.language_models.registry import MODELS, LanguageModel

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
LOW = torch.float16 if DEVICE.type == "cuda" else torch.float32
PADDED = 32_768 if DEVICE.type == "cuda" else 8_192
"""Tokens of a padded batch."""
ALONE = 330 if DEVICE.type == "cuda" else 40
"""Proteins that are computed one by one, at most."""


def random_model(model: LanguageModel, folder: Path) -> None:
    """A snapshot of random weights in the shape of a model."""
    torch.manual_seed(0)
    width = model.width
    with torch.device(DEVICE):
        if model.architecture == "t5":
            heads = 32
            config = hf.T5Config(
                vocab_size=128,
                d_model=width.hidden,
                d_ff=width.dense,
                d_kv=width.inner // heads,
                num_heads=heads,
                num_layers=width.layers,
                feed_forward_proj="relu",
            )
            made = hf.T5EncoderModel(config)
        else:
            rotary = model.alphabet == "esm"
            config = hf.EsmConfig(
                vocab_size=33 if rotary else 4105,
                hidden_size=width.hidden,
                num_hidden_layers=width.layers,
                num_attention_heads=40 if width.hidden == 2560 and rotary else 20,
                intermediate_size=width.dense,
                position_embedding_type="rotary" if rotary else "absolute",
                max_position_embeddings=1026 if rotary else 1002,
                token_dropout=True,
                pad_token_id=1,
                mask_token_id=32 if rotary else 2,
                emb_layer_norm_before=False,
                attention_probs_dropout_prob=0.0,
                hidden_dropout_prob=0.0,
            )
            made = hf.EsmModel(config, add_pooling_layer=False)
    made.save_pretrained(folder)


def theirs(model: LanguageModel, folder: Path, dtype: torch.dtype, attention: str) -> torch.nn.Module:
    cls, told = (hf.T5EncoderModel, {}) if model.architecture == "t5" else (hf.EsmModel, {"add_pooling_layer": False})
    return cls.from_pretrained(folder, dtype=dtype, attn_implementation=attention, **told).to(DEVICE).eval()


def synchronised() -> float:
    """Seconds on a GPU, once it has done all that it was asked for; CPU-seconds of one thread elsewhere."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def roof() -> float:
    """Operations a second of a product of matrices."""
    size, times = (8192, 20) if DEVICE.type == "cuda" else (2048, 4)
    left, right = (torch.randn(size, size, device=DEVICE, dtype=LOW) for _ in range(2))
    left @ right
    start = synchronised()
    for _ in range(times):
        left @ right
    return times * 2 * size**3 / (synchronised() - start)


@torch.inference_mode()
def one_by_one(module: torch.nn.Module, alphabet: Alphabet, tokens: list[np.ndarray]) -> np.ndarray:
    vectors = []
    for own in tokens:
        whole = torch.from_numpy(np.concatenate([alphabet.head, own, alphabet.tail]).astype(np.int64))[None].to(DEVICE)
        states = module(input_ids=whole, attention_mask=torch.ones_like(whole)).last_hidden_state[0]
        vectors.append(states[len(alphabet.head) :][: len(own)].float().mean(0).cpu().numpy())
    return np.stack(vectors)


@torch.inference_mode()
def padded(module: torch.nn.Module, alphabet: Alphabet, tokens: list[np.ndarray]) -> np.ndarray:
    """Batches of like lengths, filled up with padding, which a mask hides."""
    vectors = np.empty((len(tokens), module.config.hidden_size), dtype=np.float32)
    order = sorted(range(len(tokens)), key=lambda at: -len(tokens[at]))
    ends = len(alphabet.head) + len(alphabet.tail)
    while order:
        longest = len(tokens[order[0]]) + ends
        members, order = order[: max(1, PADDED // longest)], order[max(1, PADDED // longest) :]
        ids = np.full((len(members), longest), alphabet.padding)
        for row, at in enumerate(members):
            whole = np.concatenate([alphabet.head, tokens[at], alphabet.tail])
            ids[row, : len(whole)] = whole
        given = torch.from_numpy(ids).to(DEVICE)
        states = module(input_ids=given, attention_mask=(given != alphabet.padding).long()).last_hidden_state
        for row, at in enumerate(members):
            vectors[at] = states[row, len(alphabet.head) :][: len(tokens[at])].float().mean(0).cpu().numpy()
    return vectors


def off(vectors: np.ndarray, exact: np.ndarray) -> str:
    """The largest error of a vector, of its distance to the mean, and the smallest cosine about the mean."""
    mean = exact.mean(0)
    found, exact = vectors - mean, exact - mean
    error = np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1)
    cosine = (found * exact).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(exact, axis=1)
    return f"{error.max():.1e}  {cosine.min():.6f}"


def main(shape: str, every: int) -> None:
    if DEVICE.type == "cpu":
        torch.set_num_threads(1)
    model = MODELS[{"nt": "nt_5979"}.get(shape, shape)]
    alphabet = ALPHABETS[model.alphabet]
    column = "cds" if shape == "nt" else "protein"
    genes = pl.read_parquet(layout.dataset_table(environment.data_root(), "genome"))
    sequences = sorted(genes[column].drop_nulls().unique(), key=lambda one: (len(one), one))
    whole = [min(len(alphabet.tokens(one)), model.limit or 10**9) for one in sequences]
    chosen = sequences[::every]
    tokens = [alphabet.tokens(one)[: model.limit] for one in chosen]
    few = list(range(0, len(tokens), max(1, -(-len(tokens) // ALONE))))
    all_operations, top = model.width.operations(whole), roof()
    print(f"{model.title} (random weights), {DEVICE.type}, {torch.__version__}, {torch.get_num_threads()} threads")
    print(
        f"{len(sequences):,} sequences, {sum(whole):,} tokens, {all_operations:.3g} operations; roof {top / 1e12:.3g} T/s\n"
    )
    print(f"{'':<44}{'computed':>9}{'s':>8}{'all, s':>9}{'tokens/s':>11}{'of roof':>9}  off (largest, cosine)")

    def line(name: str, numbers: list[int], seconds: float, vectors: np.ndarray, exact: np.ndarray | None) -> None:
        took = seconds * all_operations / model.width.operations([len(tokens[at]) for at in numbers])
        there = {at: row for row, at in enumerate(numbers)}
        said = "" if exact is None else off(vectors[[there[at] for at in few]], exact)
        print(f"{name:<44}{len(numbers):>9,}{seconds:>8.2f}{took:>9.1f}{sum(whole) / took:>11,.0f}"
              f"{all_operations / took / top:>9.3f}  {said}", flush=True)  # fmt: skip

    def timed(compute: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
        start = synchronised()
        return compute(), synchronised() - start

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        random_model(model, folder)
        exact = None
        for attention in ("eager", "sdpa"):
            module = theirs(model, folder, torch.float32, attention)
            one_by_one(module, alphabet, [tokens[at] for at in few[:2]])
            found, seconds = timed(lambda module=module: one_by_one(module, alphabet, [tokens[at] for at in few]))
            line(f"transformers, one by one, float32, {attention}", few, seconds, found, exact)
            exact = found if exact is None else exact
        module = theirs(model, folder, LOW, "sdpa")
        padded(module, alphabet, tokens[: len(tokens) // 10 + 1])
        every_one = list(range(len(tokens)))
        found, seconds = timed(lambda: padded(module, alphabet, tokens))
        line(f"transformers, padded, {computing.NAMES[LOW]}", every_one, seconds, found, exact)
        encoder = loading.encoder(model.architecture, folder, device=DEVICE.type, dtype=LOW)

        def ours(wanted: list[str]) -> np.ndarray:
            vectors = np.empty((len(wanted), model.dimension), dtype=np.float32)

            def store(numbers: list[int], made: np.ndarray) -> None:
                vectors[list(numbers)] = made

            shape = computing.Shape(first=model.limit)
            computing.compute(wanted, alphabet, shape, load=lambda dtype: encoder, dtype=LOW, store=store)
            return vectors

        ours(chosen[:: max(1, len(chosen) // 20)])
        found, seconds = timed(lambda: ours(chosen))
        line(f"this product, {computing.NAMES[LOW]}", every_one, seconds, found, exact)


if __name__ == "__main__":
    asked = sys.argv[1:]
    on_gpu = DEVICE.type == "cuda"
    main(
        asked[0] if asked else "esm2_650M" if on_gpu else "esm2_8M",
        int(asked[1]) if len(asked) > 1 else 1 if on_gpu else 100,
    )
