"""Long sequences in Caduceus and HyenaDNA: speed of the scan compared with the plain recurrence, and memory.

python benchmarks/long_rows.py                     # a minute on 2 cores
python benchmarks/long_rows.py --lengths 1000 10000 100000 1000000

The recurrence of Mamba is compared with `selective_scan_ref` of its authors (Gu and Dao 2023), a loop over the
tokens, and with the loop exactly as defined, in which nothing is computed in advance. The models have random
weights and the size of the smallest published model. Each length runs in a separate process; its peak memory
is reported relative to that with the model loaded.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from dnasweep.models.families.caduceus import CaduceusConfig, CaduceusForMaskedLM
from dnasweep.models.families.hyenadna import HyenaDnaConfig, HyenaDnaForCausalLM
from dnasweep.models.families.selective_scan import selective_scan
from rich.console import Console
from rich.table import Table
from torch import Tensor

SIZES = {"caduceus": {"d_model": 118, "n_layer": 4}, "hyenadna": {"d_model": 128, "n_layer": 2}}
"""Sizes of the smallest published models: caduceus-ph_seqlen-1k_d_model-118, hyenadna-tiny-1k."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    lengths: tuple[int, ...] = (1_000, 10_000, 100_000)
    """Lengths of the rows in bases."""
    tokens: int = 10_000
    """Number of tokens of the timed recurrence."""
    rounds: int = 3
    """Number of turns of each contender; the median is reported."""
    measured: str = ""
    """One measurement in this process, as MODEL:BASES; used internally."""


def reference(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Return the outputs as the authors' reference computes them."""
    decay = torch.exp(torch.einsum("btd,dn->btdn", dt, a))
    value = torch.einsum("btd,btn,btd->btdn", dt, b, x)
    state, outputs = x.new_zeros(x.shape[0], *a.shape), []
    for t in range(x.shape[1]):
        state = decay[:, t] * state + value[:, t]
        outputs.append(torch.einsum("bdn,bn->bd", state, c[:, t]))
    return torch.stack(outputs, 1) + d * x


def definition(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Return the outputs token by token, as the recurrence is defined."""
    state, outputs = x.new_zeros(x.shape[0], *a.shape), []
    for t in range(x.shape[1]):
        step = dt[:, t, :, None]
        state = torch.exp(step * a) * state + step * b[:, t, None, :] * x[:, t, :, None]
        outputs.append((state * c[:, t, None, :]).sum(-1) + d * x[:, t])
    return torch.stack(outputs, 1)


def time_scans(tokens: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Return the median seconds of each contender, and the largest difference from fp64."""
    generator = torch.Generator().manual_seed(0)
    channels, states = 2 * SIZES["caduceus"]["d_model"], 16
    x = torch.randn(1, tokens, channels, generator=generator)
    dt = 0.1 * torch.rand(1, tokens, channels, generator=generator)
    a = -torch.arange(1.0, states + 1).repeat(channels, 1)
    b, c = torch.randn(2, 1, tokens, states, generator=generator)
    inputs = (x, dt, a, b, c, torch.ones(channels))
    selective_scan(*(part[:, :64] if part.ndim == 3 else part for part in inputs))  # compiles it
    exact = definition(*(part.double() for part in inputs))
    contenders: dict[str, Callable[..., Tensor]] = {
        "dnasweep": selective_scan,
        "authors' reference": reference,
        "as defined": definition,
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    errors = {}
    for _ in range(rounds):
        for name, contender in contenders.items():
            started = time.perf_counter()
            found = contender(*inputs)
            seconds[name].append(time.perf_counter() - started)
            errors[name] = float((found - exact).abs().max() / exact.abs().max())
    return {name: (statistics.median(seconds[name]), errors[name]) for name in contenders}


def measure(model: str, bases: int) -> None:
    """Print the seconds and the peak memory above the loaded model, in MB, of one row."""
    size = SIZES[model]
    if model == "caduceus":
        built = CaduceusForMaskedLM(CaduceusConfig(vocab_size=12, **size)).eval()
    else:
        built = HyenaDnaForCausalLM(
            HyenaDnaConfig(vocab_size=12, d_inner=512, emb_dim=5, max_seq_len=bases + 2, **size)
        ).eval()
    backbone = getattr(built, built.base_model_prefix)
    ids = torch.randint(7, 11, (1, bases))
    backbone(ids[:, :64])  # compiles the loops
    before = reset_peak()
    started = time.perf_counter()
    backbone(ids)
    seconds = time.perf_counter() - started
    print(f"{seconds} {status('VmHWM') - before}")


def reset_peak() -> float:
    """Reset the peak memory that Linux records for this process, and return its current memory in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")


def status(name: str) -> float:
    """Return a memory statistic of this process from Linux, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1]) / 1e3


def main(options: Options) -> None:
    """Measure and print two tables."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.set_grad_enabled(False)
    if options.measured:
        model, bases = options.measured.split(":")
        measure(model, int(bases))
        return
    console = Console()
    found = time_scans(options.tokens, options.rounds)
    table = Table(title=f"The recurrence of Mamba over {options.tokens:,} tokens", box=None)
    for column in ("", "seconds", "times ours", "relative error"):
        table.add_column(column, justify="right" if column else "left")
    for name, (seconds, error) in found.items():
        ratio = seconds / found["dnasweep"][0]
        table.add_row(name, f"{seconds:.3f}", f"{ratio:.1f}", f"{error:.1e}")
    console.print(table)
    table = Table(title="One row without gradient", box=None)
    for column in ("model", "bases", "seconds", "peak MB", "MB per kb"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for model in SIZES:
        for bases in options.lengths:
            told = subprocess.run(
                [sys.executable, __file__, "--measured", f"{model}:{bases}"],
                check=True,
                capture_output=True,
                text=True,
            )
            seconds, memory = map(float, told.stdout.split())
            each = memory / bases * 1000
            table.add_row(model, f"{bases:,}", f"{seconds:.2f}", f"{memory:.0f}", f"{each:.2f}")
    console.print(table)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
