"""Check that a GPU gives the same results as the CPU, and measure its speed; at most ten minutes.

python benchmarks/gpu_check.py           # everything on a GPU; without one, only the part for a CPU
python benchmarks/gpu_check.py --cpu     # only the part for a CPU

First come the checks: predictions and published models in fp32 and bf16, a training run, batches without
padding, a resumed training run, no wait in a step, an attribution job, a scan, and two actors that share the device. Then a
table compares tokens per second in training (with dnasweep's defaults, in bf16 if the device supports it)
with the HuggingFace Trainer, and sequences explained per second with the shap library at its budget of 500
evaluations. It also has the fraction of the measured speed of matrix products in the same precision, and
the peak memory. Sizes for which no time is left are listed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from card_checks import CHECKS, Bed
from contenders import CLASSES, now, write_classifier
from dnasweep import devices
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.config import TrainingConfig
from dnasweep.devices import best_device, is_accelerator, peak_memory, reset_peak_memory
from dnasweep.models.encoder.precision import precision_on_device
from dnasweep.models.pretrained.checkpoint import load_classifier
from dnasweep.models.training.trained_weights import num_trained
from rich.console import Console
from rich.table import Table
from shap_speed import flops_a_row, their_explainer
from train import matmul_peak, step_flops_per_base
from training_sides import Options as TrainingOptions
from training_sides import make_bench, our_rate, trainer_rate

SIZES = ("tiny", "small", "base", "16x768")
"""Model sizes on a GPU; the last has 117 M parameters."""
WINDOW = 300
DEFAULT_BUDGET = 500
GOALS = "goals: 45 % of the matrix rate in training at base, 60 % in attribution, 2x and 20x at 117 M parameters"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to check."""

    cpu: bool = False
    """Check the CPU even if there is a GPU."""
    presets: tuple[str, ...] = ()
    """Model sizes of the table. Default: tiny, small, base and 16x768 (117 M parameters); on a CPU tiny."""
    minutes: float = 10.0
    """Total time in minutes; sizes for which no time is left are not measured."""
    table: bool = True
    """Also measure the speed."""
    ray: bool = True
    """Start Ray, for two actors on one device."""
    steps: int = 0
    """Number of timed training steps. Default: 60 on a GPU, 4 on a CPU."""
    explained: int = 0
    """Number of sequences to explain. Default: 512 on a GPU, 4 on a CPU."""


def check(options: Options, folder: Path, console: Console) -> int:
    """Run every check, print a line for each, and return how many fail."""
    bench = make_bench(_training(options, 200, 4), "2x64", folder / "tokenizer")
    bed, failed = Bed(folder), 0
    for name, run in CHECKS.items():
        if name == "two actors on one device" and not options.ray:
            continue
        started = time.monotonic()
        try:
            said = run(bed, bench)
            mark = "–" if said.startswith("left out") else "✓"
        except Exception as error:
            # Any error on a device is a finding; the other checks are still worth running.
            failed, mark, said = failed + 1, "✗", f"{type(error).__name__}: {error}"
        console.print(
            f"{mark} {name}: {said} ({time.monotonic() - started:.0f} s)", highlight=False
        )
    return failed


def _training(options: Options, sequences: int, steps: int) -> TrainingOptions:
    return TrainingOptions(sequences=sequences, window=WINDOW, steps=steps)


def training_rows(
    options: Options, preset: str, folder: Path, precision: str
) -> Iterator[list[str]]:
    """Yield the cells of one size in training; on a GPU also with compiled steps."""
    steps = options.steps or (60 if is_accelerator(best_device()) else 4)
    batch = TrainingConfig().batch_size
    bench = make_bench(_training(options, max(600, 4 * batch), steps), preset, folder / preset)
    tokens = float(bench.corpus.num_tokens().mean()) / WINDOW
    size = num_trained(bench.model())[0] / 1e6
    theirs = trainer_rate(bench, None) * tokens
    compiled = (False, True) if is_accelerator(best_device()) else (False,)
    for compile in compiled:
        what = "training, compiled" if compile else "training"
        reset_peak_memory(best_device())
        ours = our_rate(bench, batch, precision, compile=compile)  # type: ignore[arg-type]
        share = ours * step_flops_per_base(bench) / matmul_peak(precision)
        yield _cells(preset, size, what, ours * tokens, theirs, share, _memory(), "tokens")


def attribution_row(options: Options, preset: str, folder: Path, precision: str) -> list[str]:
    """Return the cells of one size in attribution, with the default budget of the shap library."""
    number = options.explained or (512 if is_accelerator(best_device()) else 4)
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), WINDOW)) for _ in range(number)]
    directory = folder / f"classifier-{preset}"
    tokens = write_classifier(directory, preset, "kmer-6", "".join(sequences[:50]), WINDOW)
    config = ExplainConfig(
        target=CLASSES[1],
        estimator="permutation",
        max_evals=DEFAULT_BUDGET,
        precision=precision,  # type: ignore[arg-type]
    )
    explainer = Explainer(directory, config)
    explainer.explain(sequences[: max(2, number // 8)])
    reset_peak_memory(best_device())
    seconds, found = _timed(lambda: explainer.explain(sequences))
    memory, ours = _memory(), number / seconds
    library: Any = their_explainer(directory)
    library(sequences[:1], silent=True)
    seconds, _ = _timed(lambda: library(sequences[1:2], silent=True))
    model = load_classifier(directory)
    rows = float(np.mean([one.num_evals for one in found]))
    share = ours * rows * flops_a_row(model, tokens) / matmul_peak(precision)
    size = num_trained(model)[0] / 1e6
    return _cells(preset, size, "attribution", ours, 1 / seconds, share, memory, "sequences")


def _cells(
    preset: str,
    size: float,
    what: str,
    ours: float,
    theirs: float,
    share: float,
    memory: str,
    unit: str,
) -> list[str]:
    digits = 0 if theirs >= 10 else 3
    rates = [f"{rate:,.{digits}f} {unit}/s" for rate in (ours, theirs)]
    return [preset, f"{size:.1f} M", what, *rates, f"{ours / theirs:.1f}", f"{share:.0%}", memory]


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = now()
    result = work()
    return now() - started, result


def _memory() -> str:
    if not is_accelerator(best_device()):
        return ""
    return f"{peak_memory(best_device()) / 1e9:.1f} GB"


def measure(options: Options, folder: Path, console: Console, deadline: float) -> None:
    """Print the table for as many sizes as the time allows."""
    device = best_device()
    precision = precision_on_device("auto", device)
    table = Table(
        "", "parameters", "", "ours", "theirs", "ratio", f"of {precision} peak", "memory"
    )
    sizes = options.presets or (SIZES if is_accelerator(device) else SIZES[:1])
    spent, left_out = 0.0, []
    for preset in sizes:
        # The next size takes about three times as long.
        if time.monotonic() + 3 * spent > deadline:
            left_out.append(preset)
            continue
        started = time.monotonic()
        for row in training_rows(options, preset, folder, precision):
            table.add_row(*row)
        table.add_row(*attribution_row(options, preset, folder, precision))
        spent = time.monotonic() - started
    console.print(
        f"matrix products: {matmul_peak(precision) / 1e12:,.2f} TFLOP/s in {precision}, "
        f"{matmul_peak('fp32') / 1e12:,.2f} in fp32"
    )
    console.print(table)
    if left_out:
        console.print(
            f"no time was left for {', '.join(left_out)}: --presets {' '.join(left_out)}"
        )
    if is_accelerator(device):
        console.print(GOALS)


def main(options: Options) -> int:
    """Check and measure; return 1 if a check has failed."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    deadline = time.monotonic() + 60 * options.minutes
    if options.cpu:
        devices.ACCELERATORS.clear()
    device, console = best_device(), Console(width=140)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    console.print(f"{name}, torch {torch.__version__}", highlight=False)
    if not is_accelerator(device):
        console.print(
            "No GPU is used, so this shows the CPU's part alone: nothing of bf16 by default, of waits, of memory, "
            "or of the speed of a GPU."
        )
    with tempfile.TemporaryDirectory(prefix="dnasweep-gpu-check-") as scratch:
        folder = Path(scratch)
        (folder / "tokenizer").mkdir()
        failed = check(options, folder, console)
        if options.table and not failed:
            measure(options, folder, console, deadline)
    if failed:
        console.print(f"{failed} of {len(CHECKS)} checks failed", style="bold red")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__)))
