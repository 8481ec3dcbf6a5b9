"""Cost of attention biased by distance (ALiBi), compared with learned positions.

This runs training steps (forward, backward, AdamW) of two encoders that differ only in this, in
turns, and prints the ratio of their times for each length, for a batch without and with padding.

    python benchmarks/attention_bias.py
    python benchmarks/attention_bias.py --preset small --tokens 128 512 --rounds 20
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from contenders import now
from dnasweep.cli.command import run_command
from dnasweep.config import ModelConfig, TokenizerConfig
from dnasweep.devices import best_device
from dnasweep.models.architecture import build_classifier
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.precision import autocast
from dnasweep.tokens.tokenizers import fit
from rich.console import Console


@dataclass(frozen=True, kw_only=True)
class BiasOptions:
    """Options of the benchmark."""

    preset: str = "tiny"
    """Model size."""
    tokens: tuple[int, ...] = (64, 128, 256, 512)
    """Sequence lengths, in tokens."""
    rows: int = 16
    """Number of sequences per step."""
    rounds: int = 15
    """Number of steps of each model, in turns; the median is reported."""


def main(options: BiasOptions, console: Console) -> None:
    device = best_device()
    tokenizer = fit(TokenizerConfig.parse("kmer-6"), [])
    console.print(
        f"{options.preset}, {options.rows} rows, {device}, {torch.get_num_threads()} threads"
    )
    for tokens in options.tokens:
        models = {}
        for suffix in ("", "-alibi"):
            size = ModelConfig.preset(options.preset + suffix)
            model = build_classifier(
                size, tokenizer=tokenizer, num_tokens=tokens, dropout=0.0, seed=0
            )
            model.to(device)  # type: ignore[arg-type]
            models[suffix] = (model, torch.optim.AdamW(model.parameters(), fused=True))
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(5, 4000, (options.rows, tokens), generator=generator).to(device)
        lengths = torch.randint(tokens // 2, tokens + 1, (options.rows, 1), generator=generator)
        lengths[0] = tokens
        padded = (torch.arange(tokens) < lengths).to(device)
        for name, attention in (("full", None), ("padded", padded)):
            seconds: dict[str, list[float]] = {suffix: [] for suffix in models}
            for _ in range(options.rounds + 2):
                for suffix, (model, optimizer) in models.items():
                    seconds[suffix].append(step(model, optimizer, ids, attention))
            learned, biased = (statistics.median(seconds[suffix][2:]) for suffix in models)
            console.print(
                f"{tokens:5d} tokens, {name:6s}: learned {1e3 * learned:7.1f} ms, "
                f"biased {1e3 * biased:7.1f} ms, [bold]ratio {biased / learned:.2f}[/]"
            )


def step(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    ids: torch.Tensor,
    attention: torch.Tensor | None,
) -> float:
    """Return the seconds of one training step."""
    started = now()
    optimizer.zero_grad(set_to_none=True)
    with autocast(ids.device, "auto"):
        logits = class_logits(model, ids, attention)
    labels = torch.zeros(len(ids), dtype=torch.long, device=ids.device)
    F.cross_entropy(logits.float(), labels).backward()
    optimizer.step()
    return now() - started


if __name__ == "__main__":
    run_command(main, BiasOptions, doc=__doc__)
