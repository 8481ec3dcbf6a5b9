"""Training bases per second of the platform and of the HuggingFace Trainer, measured in turns.

python benchmarks/train.py                       # tiny, under a minute or two on 2 cores
python benchmarks/train.py --presets tiny small  # both

Masked language modelling on random DNA. Both sides train the same model from the same weights on
the same pre-tokenised rows on the same device, in turns, and the medians are compared:

equal batch   the same batch size in fp32; dnasweep with its default micro-batches, the Trainer with its
              own collator and dynamic padding
defaults      each with its default batch size and precision (of the Trainer: batches of 8, fp32)
same loss     the Trainer with dnasweep's masked batches, optimizer and schedule must give the same losses
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import tyro
from contenders import now
from dnasweep.config import ModelConfig, TrainingConfig
from dnasweep.devices import best_device
from dnasweep.models.encoder.precision import precision_on_device
from dnasweep.models.training.trained_weights import num_trained
from rich.console import Console
from rich.table import Table
from training_sides import Bench, Options, loss_curves, make_bench, our_rate, trainer_rate

TARGETS = {"equal batch": 1.4, "defaults": 2.0}


def matmul_peak(precision: str) -> float:
    """Return the best rate of a square matrix product on this device, in FLOP/s."""
    device = best_device()
    size = 8192 if device.type == "cuda" else 1024
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a = torch.randn(size, size, device=device, dtype=dtype)
    best = 0.0
    for _ in range(12):
        start = now()
        a @ a
        best = max(best, 2 * size**3 / (now() - start))
    return best


def step_flops_per_base(bench: Bench) -> float:
    """Return the matrix FLOPs per base of our forward and backward pass of the loss."""
    config = ModelConfig.preset(bench.preset)
    tokens = float(bench.corpus.num_tokens().mean())
    masked = 0.15 * (tokens - 2)
    width, inner = config.hidden, config.intermediate
    attention = 2 * 2 * tokens * tokens * width
    layer = 2 * tokens * (4 * width * width + 2 * width * inner) + attention
    last = 2 * tokens * 3 * width * width + attention
    last += 2 * masked * (width * width + 2 * width * inner)
    head = 2 * masked * (width * width + width * bench.tokenizer.vocab_size)
    return 3 * ((config.layers - 1) * layer + last + head) / bench.options.window


def measure(options: Options, preset: str, console: Console) -> None:
    """Measure one model size and print its table."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    defaults = TrainingConfig()
    with tempfile.TemporaryDirectory() as folder:
        bench = make_bench(options, preset, Path(folder))
        ours, theirs = loss_curves(bench)
        sides: dict[str, tuple[Callable[[], float], Callable[[], float]]] = {
            "equal batch": (
                lambda: trainer_rate(bench, options.batch_size),
                lambda: our_rate(bench, options.batch_size, "fp32"),
            ),
            "defaults": (
                lambda: trainer_rate(bench, None),
                lambda: our_rate(
                    bench, defaults.batch_size, precision_on_device("auto", best_device())
                ),
            ),
        }
        rates: dict[tuple[str, int], list[float]] = {(n, i): [] for n in sides for i in (0, 1)}
        for _ in range(options.rounds):
            for name, pair in sides.items():
                for i, rate in enumerate(pair):
                    rates[name, i].append(rate())
    tokens = bench.corpus.num_tokens()
    console.print(
        f"{preset}: {num_trained(bench.model())[0] / 1e6:.2f} M parameters, "
        f"{tokens.min()} to {tokens.max()} tokens per row, {best_device()}, "
        f"{torch.get_num_threads()} threads"
    )
    table = Table("", "Trainer, bases/s", "ours, bases/s", "ratio", "target")
    for name in sides:
        them, us = (statistics.median(rates[name, i]) for i in (0, 1))
        table.add_row(name, f"{them:,.0f}", f"{us:,.0f}", f"{us / them:.2f}", str(TARGETS[name]))
    console.print(table)
    peak = matmul_peak("fp32")
    us = statistics.median(rates["equal batch", 1])
    reached = us * step_flops_per_base(bench)
    console.print(
        f"matrix product peak {peak / 1e9:,.0f} GFLOP/s fp32; our step does "
        f"{reached / 1e9:,.0f} ({reached / peak:.0%})"
    )
    apart = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    console.print(
        f"loss on the same batches over {len(ours)} steps: {ours[0]:.4f} to {ours[-1]:.4f}, "
        f"largest difference from the Trainer {apart:.1e}"
    )


def main(options: Options) -> None:
    """Measure every requested preset."""
    if options.threads:
        torch.set_num_threads(options.threads)
    console = Console()
    for preset in options.presets:
        measure(options, preset, console)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
