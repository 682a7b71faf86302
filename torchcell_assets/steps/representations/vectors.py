"""The vectors of one key, from a request to the cache: in a process of its own, on this machine or on another.

Belongs here: the request, the sequences that are missing, the weights, what it costs, computing in shards. Does not: the models
(language_models), genes (language_model.py), Dagster (assets.py), the command line (cli/worker.py). It needs the data root, the
weights, and torch for all but UniRep.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from torchcell_assets.config import layout
from torchcell_assets.errors import TorchcellError, no_such
from torchcell_assets.sources import Source, Sources
from torchcell_assets.sources.snapshots import Snapshots
from torchcell_assets.steps.representations.language_models.cost import Estimate
from torchcell_assets.steps.representations.language_models.registry import MODELS, OVERLAP, LanguageModel
from torchcell_assets.steps.representations.recipes import RECIPES
from torchcell_assets.steps.representations.sequence_cache import SequenceCache, digest
from torchcell_assets.steps.representations.sequences import NEEDS_CHROMOSOMES, sequences

PROBE = 8
"""Sequences of each of the two batches by which the cost is measured: the first warms up, and the second is timed."""
PROBE_ON_GPU = 160
"""There so many share two rows."""
DEVICES = ("cuda", "mps", "cpu")

Tick = Callable[[int, int, str], None]
Store = Callable[[Sequence[int], np.ndarray], None]
"""Told of finished vectors, by the numbers of their sequences."""
Told = Callable[[int, int], None]
"""Told of progress: tokens done and in all."""
Compute = Callable[[Sequence[str], Store, Told], None]


class VectorsRefused(TorchcellError):
    """A request cannot be understood or answered."""


class Request(BaseModel):
    """The vectors that a key needs.

    root: the data root. key: of the representation. weights: the folder that `TORCHCELL_WEIGHTS` names; mirror: of raw files.
    device: `auto` takes the first of DEVICES that is there.
    shard: (i, n): the i-th of n parts of the sequences, by their digest, so that n processes share the work.
    estimate: say what it costs, and compute no more than the probe.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    work: Literal["embed"] = "embed"
    root: Path
    key: str
    weights: Path | None = None
    mirror: Path | None = None
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    shard: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]] = (0, 1)
    estimate: bool = False

    @classmethod
    def read(cls, text: str) -> "Request":
        """Raises VectorsRefused with every reason in one sentence."""
        try:
            request = cls.model_validate_json(text)
        except ValidationError as error:
            told = [f"{'.'.join(map(str, one['loc'])) or 'the text'}: {one['msg']}" for one in error.errors()]
            raise VectorsRefused(f"The request cannot be used: {'; '.join(told)}.") from error
        if request.shard[0] >= request.shard[1]:
            raise VectorsRefused(
                f"There is no shard {request.shard[0]} of {request.shard[1]}: they are counted from 0."
            )
        return request

    @property
    def model(self) -> LanguageModel:
        """The model of the key. Raises VectorsRefused where there is none."""
        if self.key not in RECIPES:
            raise VectorsRefused(f"{no_such('representation', self.key, RECIPES)}.")
        parameters = RECIPES[self.key].parameters
        if "model" not in parameters:
            raise VectorsRefused(f"The representation {self.key} needs no model: materialize it.")
        return MODELS[parameters["model"]]


def needs_torch(key: str) -> bool:
    """Whether a worker needs torch for the vectors of a key."""
    name = RECIPES[key].parameters.get("model")
    return name is not None and MODELS[name].architecture != "unirep"


@dataclass(frozen=True)
class Ready:
    """A model that computes.

    decides: all that decides a vector but the sequence. memory: bytes of its weights. probe: sequences by which it is timed.
    """

    compute: Compute
    decides: Mapping[str, Any]
    device: str
    memory: int
    probe: int = PROBE


def work(text: str, tick: Tick) -> dict[str, Any]:
    """Compute what is missing, as a request in JSON says; gives what was done, and where the vectors lie.

    tick: told of tokens done and in all, with a sentence; first of all of the estimate.

    Raises:
        TorchcellError: the weights, the genome or torch are not there.
    """
    request, start = Request.read(text), time.monotonic()
    model = request.model
    read = _sequences(request, model)
    with _ready(request, model) as ready:
        cache = SequenceCache.of(layout.vectors_folder(request.root), ready.decides, model.dimension)
        cache.describe(ready.decides)
        missing = _missing(read, cache, request.shard)
        estimate, left = _estimated(model, len(read), missing, cache, ready)
        tick(0, estimate.tokens, estimate.said())
        if not request.estimate and left:
            _compute(left, cache, ready, lambda done, total: tick(done, total, "tokens"))
    return {
        "cache": cache.folder.name,
        "data_version": cache.folder.name,
        "computed": len(missing) - (len(left) if request.estimate else 0),
        "device": ready.device,
        "dtype": ready.decides["dtype"],
        "estimate": estimate.as_json(),
        "seconds": round(time.monotonic() - start, 2),
    }


def _sequences(request: Request, model: LanguageModel) -> list[str]:
    """The distinct sequences that the genes of the data root have, by digest."""
    needed = ["genome", *(["chromosomes"] if model.reads in NEEDS_CHROMOSOMES else [])]
    tables = {name: layout.dataset_table(request.root, name) for name in needed}
    for name, path in tables.items():
        if not path.is_file():
            raise VectorsRefused(f"There is no {path}: materialize datasets/{name} first.")
    read = sequences(model.reads, *(pl.read_parquet(path) for path in tables.values()))
    return sorted(read["sequence"].drop_nulls().unique(), key=digest)


def _missing(read: Sequence[str], cache: SequenceCache, shard: tuple[int, int]) -> list[str]:
    """The sequences of a shard whose vectors are not in the cache."""
    known = cache.known()
    at, of = shard
    return [one for one in read if digest(one) not in known and int(digest(one)[:8], 16) % of == at]


def _compute(wanted: Sequence[str], cache: SequenceCache, ready: Ready, tick: Told = lambda done, total: None) -> None:
    def store(numbers: Sequence[int], vectors: np.ndarray) -> None:
        cache.add([digest(wanted[number]) for number in numbers], vectors)

    ready.compute(wanted, store, tick)


def _estimated(
    model: LanguageModel, sequences: int, missing: Sequence[str], cache: SequenceCache, ready: Ready
) -> tuple[Estimate, list[str]]:
    """What is missing costs so much, and what is left of it after the probe, whose vectors are kept."""
    operations = [model.width.operations([len(one)]) for one in missing]
    seconds = None
    probed: list[int] = []
    if len(missing) > 4 * ready.probe:
        by_length = np.argsort([len(one) for one in missing], kind="stable")
        first, second = (by_length[start :: len(missing) // ready.probe][: ready.probe].tolist() for start in (0, 1))
        _compute([missing[at] for at in first], cache, ready)
        start = time.perf_counter()
        _compute([missing[at] for at in second], cache, ready)
        rate = sum(operations[at] for at in second) / (time.perf_counter() - start)
        probed = [*first, *second]
        seconds = (sum(operations) - sum(operations[at] for at in probed)) / rate
    estimate = Estimate(
        sequences=sequences,
        missing=len(missing),
        tokens=sum(map(len, missing)),
        operations=sum(operations),
        seconds=seconds,
        gigabytes=len(missing) * model.dimension * 4 / 1e9,
        memory=ready.memory / 1e9,
        device=ready.device,
    )
    taken = set(probed)
    return estimate, [one for at, one in enumerate(missing) if at not in taken]


@contextmanager
def _ready(request: Request, model: LanguageModel) -> Iterator[Ready]:
    """The model with its weights, verified."""
    if isinstance(model.weights, Source):
        path = Sources(cache=request.root / "raw", mirror=request.mirror).path(model.weights)
        digests = {model.weights.name: model.weights.sha256[0]}
        decides = model.describe() | {"weights_sha256": digests, "dtype": "float32"}
        # sequences are computed by the batch here too
        probe = max(2 * PROBE, 32_768 // model.dimension)
        yield Ready(_unirep(path), decides, "cpu", path.stat().st_size, probe)
        return
    folder, digests = Snapshots(layout.weights_folder(request.root), request.weights).verified(model.weights)
    device, dtype, compute = _torch(request, model, folder)
    decides = model.describe() | {"weights_sha256": digests, "dtype": dtype}
    memory = model.width.parameters * (4 if dtype == "float32" else 2)
    yield Ready(compute, decides, device, memory, PROBE_ON_GPU if device == "cuda" else PROBE)


def _unirep(path: Path) -> Compute:
    """UniRep, in NumPy. What is computed between two savings is so much that all cores have batches of like lengths."""
    from torchcell_assets.steps.representations import unirep

    weights = unirep.read(path)
    at_once = unirep.at_once(weights)

    def compute(wanted: Sequence[str], store: Store, tick: Told) -> None:
        order = sorted(range(len(wanted)), key=lambda at: -len(wanted[at]))
        done, total = 0, sum(map(len, wanted))
        for start in range(0, len(order), at_once):
            numbers = order[start : start + at_once]
            store(numbers, unirep.vectors([wanted[at] for at in numbers], weights))
            done += sum(len(wanted[at]) for at in numbers)
            tick(done, total)

    return compute


def _torch(request: Request, model: LanguageModel, folder: Path) -> tuple[str, str, Compute]:
    """A transformer, in torch: the device, the type of its numbers, and how it computes."""
    try:
        import torch

        from torchcell_assets.steps.representations.language_models import alphabets, computing, loading
    except ModuleNotFoundError as error:
        raise VectorsRefused(
            f"The representation {request.key} needs torch and transformers, and {error.name} is not installed here: install the "
            "extra `deep`, or let TORCHCELL_DEEP_PYTHON name the interpreter of an environment that has it."
        ) from error
    device = _device(torch, request.device)
    dtype = torch.float16 if device == "cuda" else torch.float32
    alphabet = alphabets.of_snapshot(model.alphabet, folder)
    shape = computing.Shape(limit=model.limit, overlap=OVERLAP if model.limit else 0, first=model.first)

    def load(wanted: Any) -> loading.Encoder:
        return loading.encoder(model.architecture, folder, device=device, dtype=wanted, layers=model.layers)

    loaded: dict[Any, loading.Encoder] = {}

    def once(wanted: Any) -> loading.Encoder:
        if wanted not in loaded:
            loaded[wanted] = load(wanted)
        return loaded[wanted]

    def compute(wanted: Sequence[str], store: Store, tick: Told) -> None:
        computing.compute(wanted, alphabet, shape, load=once, dtype=dtype, store=store, tick=tick)

    return device, computing.NAMES[dtype], compute


def _device(torch: Any, wanted: str) -> str:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name in DEVICES if there[name])
    if not there[wanted]:
        raise VectorsRefused(f"There is no device {wanted!r} here: unset TORCHCELL_DEVICE, or set it to `cpu`.")
    return wanted
