"""Check that planted cooperation of two motifs is found, with its position and strength.

The labels of simulated sequences are drawn with known log odds: each motif adds a constant, and both add more
at one spacing and orientation. A small model is trained on them. Marginalisation must find the spacing, the
orientation and the strength, and the strongest interactions of tokens must be at the motifs. With --real, a
model is trained on real promoters, and the effect of TATA box and initiator is measured by spacing.

    python benchmarks/syntax.py
    python benchmarks/syntax.py --real ../shared/data/gue/prom_300_tata --tss-index 249
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
from dnasweep.formats.bases import decode
from rich.console import Console
from rich.table import Table

BASES = 60
MOTIF, OTHER = "CCGGAAGT", "AGATAAGG"
SPACING = 9
BASE, EACH, TOGETHER = -2.0, 0.75, 3.0
"""Log odds without motifs, and what each motif and both at the spacing, in their given orientations, add."""
MOST = 24
"""Largest spacing."""
FIRST = 8
"""First base of the leftmost pair; pairs begin at up to 12 bases more."""
ROWS, HELD_OUT = 20_000, 2_000
INITIATOR = -2
"""First base of the initiator's consensus YYANWYY, from the transcription start."""


def simulate(num: int, *, seed: int) -> pd.DataFrame:
    """Return sequences with labels; most have both motifs, two in five of them at the spacing `SPACING`.

    Parameters
    ----------
    num
        Number of sequences.
    seed
        Seed of all draws.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(num):
        bases = decode(rng.integers(0, 4, BASES).astype(np.uint8))
        has = rng.random(2) < 0.85
        together = rng.random() < 0.4
        spacing = SPACING if together else int(rng.integers(0, MOST + 1))
        start = int(rng.integers(0, 13)) + FIRST
        second = start + len(MOTIF) + spacing
        for put, at, motif in ((has[0], start, MOTIF), (has[1], second, OTHER)):
            if put:
                bases = bases[:at] + motif + bases[at + len(motif) :]
        log_odds = BASE + EACH * has.sum() + TOGETHER * (has.all() and spacing == SPACING)
        rows.append((f"s{number}", bases, int(rng.random() < 1 / (1 + np.exp(-log_odds)))))
    return pd.DataFrame(rows, columns=["id", "sequence", "label"])


def planted(storage: str, console: Console) -> None:
    """Train on simulated sequences, and print the findings of each method with the truth."""
    model = dnasweep.train(
        simulate(ROWS, seed=1),
        tokenizer="kmer-6-overlap",
        pretrain="none",
        preset="tiny",
        learning_rate=1e-3,
        finetune_epochs=6.0,
        batch_size=64,
        storage=storage,
        progress=False,
    )
    started = time.monotonic()
    found = dnasweep.marginalize(
        model,
        MOTIF,
        OTHER,
        length=BASES,
        positions=FIRST + 6,
        spacings=range(MOST + 1),
        storage=storage,
    )
    taken = time.monotonic() - started
    pairs = found.spacings
    best = pairs.iloc[int(pairs["interaction"].abs().to_numpy().argmax())]
    table = Table("what", "truth", "found", title="Planted cooperation")
    table.add_row("spacing, bases", f"{SPACING}", f"{best['spacing']}")
    table.add_row("orientation", "FF", str(best["orientation"]))
    size = f"{best['interaction']:.2f} ({best['low']:.2f} to {best['high']:.2f})"
    table.add_row("beyond the sum, log odds", f"{TOGETHER:.2f}", size)
    others = pairs[pairs["orientation"] != "FF"]["interaction"].abs().max()
    table.add_row("the same, other orientations, most", "0", f"{others:.2f}")
    test = simulate(HELD_OUT, seed=2)
    both = test[test["sequence"].str.contains(f"{MOTIF}.{{{SPACING}}}{OTHER}")].head(24)
    strongest = dnasweep.explain(model, both, interactions=1, progress=False).interactions
    at = both.set_index("id")["sequence"].str.find(MOTIF).loc[strongest["id"]].to_numpy()
    first = (strongest["first_start"] < at + len(MOTIF)) & (strongest["first_end"] > at)
    behind = at + len(MOTIF) + SPACING
    second = (strongest["second_start"] < behind + len(OTHER)) & (strongest["second_end"] > behind)
    hits = int((first & second & (strongest["interaction"] > 0)).sum())
    table.add_row("strongest pair of tokens lies in both motifs", f"{len(both)}", f"{hits}")
    console.print(table)
    console.print(f"{len(found.outputs):,} evaluations of the marginalisation in {taken:.0f} s")


def real(folder: Path, tss_index: int, storage: str, console: Console) -> None:
    """Train on real promoters, and print the effect of TATA box and initiator by their spacing."""
    model = dnasweep.train(
        folder,
        tokenizer="kmer-6-overlap",
        pretrain="none",
        preset="tiny",
        leaks="drop",
        learning_rate=1e-3,
        finetune_epochs=6.0,
        storage=storage,
        progress=False,
    )
    rows = dnasweep.read_data(folder, progress=False)
    rows = rows[(rows["label"] == 1) & rows["sequence"].str.fullmatch("[ACGT]+")]
    found = dnasweep.marginalize(
        model,
        "TATAWAWR",
        "YYANWYY",
        sequences=rows.sample(200, random_state=0)[["id", "sequence"]],
        spacings=range(8, 41),
        held="other",
        positions=tss_index + INITIATOR,
        storage=storage,
    )
    pairs = found.spacings[found.spacings["orientation"] == "FF"]
    table = Table(
        "bases between", "TATA box begins at", "TATA box", "both", "beyond the sum", "95 %"
    )
    for row in pairs.to_dict("records"):
        table.add_row(
            f"{row['spacing']}",
            f"{row['motif_start'] - tss_index:+d}",
            *(f"{row[name]:+.2f}" for name in ("motif_alone", "both", "interaction")),
            f"{row['low']:+.2f} to {row['high']:+.2f}",
        )
    console.print(table)
    console.print(found.finding)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--storage", default="runs/benchmarks", help="storage root")
    parser.add_argument("--real", type=Path, help="folder of promoters with labels")
    parser.add_argument(
        "--tss-index", type=int, default=249, help="first transcribed base, from 0"
    )
    asked = parser.parse_args()
    console = Console()
    if asked.real is None:
        planted(asked.storage, console)
    else:
        real(asked.real, asked.tss_index, asked.storage, console)


if __name__ == "__main__":
    main()
