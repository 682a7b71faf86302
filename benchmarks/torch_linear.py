"""The linear model in torch on a CPU and on a GPU: whether they agree, and what each costs.

    python benchmarks/torch_linear.py [genotypes] [features]

Generated data: growth that few of the features decide, with noise; a fifth of it stops the descent. Needs torch, numpy and
safetensors. Says so and measures the CPU alone where there is no GPU. Ends with 1 if predictions differ by more than 1e-4.
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from torchcell_assets.steps.trained.torch_linear import Rows, Settings, fit, import_torch

AGREE = 1e-4
CASES = {
    "all rows a step": Settings(weight_decay=1e-3, epochs=300, patience=300),
    "mini-batches of 1,024": Settings(weight_decay=1e-3, batch_size=1024, epochs=30, patience=30),
}


def generated(genotypes: int, features: int) -> tuple[Rows, Rows]:
    random = np.random.default_rng(0)
    X = random.normal(size=(genotypes, features))
    effect = np.where(random.random(features) < 0.1, random.normal(0, 0.05, features), 0.0)
    y = 1.0 + X @ effect + random.normal(0, 0.05, genotypes)
    cut = genotypes // 5
    return Rows(X[cut:], y[cut:]), Rows(X[:cut], y[:cut])


def main(genotypes: int = 50_000, features: int = 1_280) -> int:
    torch = import_torch()
    train, validation = generated(genotypes, features)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    if "cuda" in devices:
        fit(train, validation, Settings(epochs=1), seed=0, device="cuda")  # the context of the GPU, once
        print(torch.cuda.get_device_name(0))
    else:
        print("no GPU here: the CPU alone")
    print(f"{genotypes:,} genotypes x {features:,} features, float64, torch {torch.__version__}\n")
    print(f"{'steps':<24}{'device':<8}{'wall s':>9}{'CPU s':>9}{'RMSE':>10}  predictions")
    apart = 0.0
    for name, settings in CASES.items():
        first = None
        for device in devices:
            wall, cpu = time.perf_counter(), time.process_time()
            predicted = fit(train, validation, settings, seed=1, device=device).predict(validation.X)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            rmse = float(np.sqrt(np.square(predicted - validation.y).mean()))
            differ = 0.0 if first is None else float(np.abs(predicted - first).max())
            first = predicted if first is None else first
            apart = max(apart, differ)
            told = (
                "" if device == "cpu" else f"differ by {differ:.1e}: {'agree' if differ <= AGREE else 'DO NOT AGREE'}"
            )
            print(f"{name:<24}{device:<8}{wall:>9.2f}{cpu:>9.2f}{rmse:>10.5f}  {told}")
    return int(apart > AGREE)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
