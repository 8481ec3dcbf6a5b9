"""Null simulations of the p-values of variants, motifs and scan peaks."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
from dnasweep.formats.bases import UNKNOWN
from dnasweep.formats.motif_matrix import Motif
from dnasweep.genomics.binding_sites import SiteScanner
from dnasweep.genomics.peak_overlap import enrich, shuffle
from dnasweep.genomics.variant_effects import against_background
from dnasweep.motifs.motif_tests import validate
from dnasweep.motifs.patterns import Pattern
from dnasweep.motifs.tomtom import match
from nulls import Check, Floats, Simulate

TAILS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "t3": lambda rng, shape: rng.standard_t(3, shape),
    "laplace": lambda rng, shape: rng.laplace(size=shape),
    "zeros": lambda rng, shape: rng.laplace(size=shape) * (rng.random(shape) < 0.2),
}
"""Distributions of the change of log odds in shuffled contexts. Real models have heavy tails, and no change
at all at bases that they ignore."""


def variants(tails: str, num: int) -> Simulate:
    """Return the simulation of a variant's `p_value`: its own context is drawn like the shuffled ones.

    Parameters
    ----------
    tails
        Name of a distribution in `TAILS`.
    num
        Number of shuffled contexts.
    """

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        drawn = TAILS[tails](rng, (times, num + 1))
        return against_background(drawn[:, 0], drawn[:, 1:]).p_value

    return simulate


def motif_place(shortest: int, longest: int) -> Simulate:
    """Return the simulation of a motif's `p_place` in random sequences, with hits at random positions.

    Parameters
    ----------
    shortest, longest
        Minimum and maximum length of a sequence in bases.
    """

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        return np.array(
            [
                _validated(rng, rng.integers(shortest, longest + 1, 100)).p_interval
                for _ in range(times)
            ]
        )

    return simulate


def motif_enrichment(rng: np.random.Generator, times: int) -> Floats:
    """Simulate the `p` of a motif's enrichment in random sequences of both classes and many lengths."""
    return np.array(
        [_validated(rng, rng.integers(100, 801, 100), share=0.5).p_value for _ in range(times)]
    )


def _validated(rng: np.random.Generator, lengths: np.ndarray, share: float = 1.0):  # type: ignore[no-untyped-def]
    """Return the tests of a random motif in random held-out sequences, a `share` of which is positive."""
    num = len(lengths)
    codes = rng.integers(0, 4, (num, int(lengths.max()))).astype(np.uint8)
    codes[np.arange(codes.shape[1]) >= lengths[:, None]] = UNKNOWN
    matrix = rng.dirichlet(np.full(4, 0.2), 8) * 0.96 + 0.01
    starts = rng.integers(0, int(lengths.min()) - 8, num)
    pattern = Pattern(
        name="p",
        matrix=matrix,
        rows=np.arange(num),
        starts=starts,
        reverse=np.zeros(num, bool),
    )
    data = SimpleNamespace(
        bases=SimpleNamespace(codes=codes, first=0),
        positive=rng.random(num) < share,
        rows=lambda discovery: np.arange(num),
    )
    (found,) = validate([pattern], data, hit_p=2e-3)  # type: ignore[arg-type]
    return found


def sites(rng: np.random.Generator, times: int) -> Floats:
    """Simulate p-values of a match at one position of random DNA, as in `sites.parquet`."""
    found = []
    while len(found) < times:
        matrix = rng.dirichlet(np.full(4, 0.3), 8)
        scanner = SiteScanner([Motif("m", "m", matrix)], p_value=1.0 - 1e-9)
        motif = scanner.motifs[0]
        kmers = rng.integers(0, 4, (50, 8))
        scores = np.array(motif.scores)[np.arange(8), kmers].sum(1)
        found += [motif.p_value(float(score)) for score in scores]
    return np.array(found[:times])


def matches(rng: np.random.Generator, times: int) -> Floats:
    """Simulate matches of random motifs with unrelated known motifs; each is compared with one of them."""

    def drawn(number: int) -> list[Floats]:
        return [rng.dirichlet([0.5] * 4, size=rng.integers(8, 13)) for _ in range(number)]

    known = [Motif(str(i), "", matrix) for i, matrix in enumerate(drawn(100))]
    found = match([str(i) for i in range(times)], drawn(times), known, most=len(known))
    return (
        found.sample(frac=1, random_state=0).groupby("motif", sort=False)["p"].first().to_numpy()
    )


def peaks(rng: np.random.Generator, times: int) -> Floats:
    """Simulate the `p` of peaks that overlap an annotation, both at random positions."""
    space = pd.DataFrame({"chrom": ["a", "b"], "start": 0, "end": [40_000, 20_000]})
    found = []
    for _ in range(times):
        wide = pd.DataFrame({"chrom": rng.choice(["a", "b"], 40), "start": 0})
        wide["end"] = rng.integers(50, 400, 40)
        start = rng.integers(0, 19_000, 60)
        elements = pd.DataFrame({"chrom": rng.choice(["a", "b"], 60), "start": start})
        elements["end"] = start + rng.integers(50, 500, 60)
        drawn = shuffle(wide, space, rng)
        seed = int(rng.integers(1 << 31))
        found.append(enrich(drawn, elements, space, num_shuffles=19, seed=seed).p)
    return np.array(found)


CHECKS = {
    **{
        f"variant_p_{tails}_{num}": Check(
            quantity="p_value of a variant compared with shuffled contexts",
            setting=f"{num} contexts, distribution {tails}",
            simulate=variants(tails, num),
            # p is a multiple of 1 / (contexts + 1), and ties make it larger.
            may_be_careful=num < 20 or tails == "zeros",
            times=20_000,
        )
        for tails in TAILS
        for num in (5, 20, 100)
    },
    **{
        f"motif_place_{low}_{high}": Check(
            quantity="p_place of a motif",
            setting=f"100 sequences of {low} to {high} bases",
            simulate=motif_place(low, high),
            may_be_careful=True,
            times=1000,
        )
        for low, high in ((300, 300), (100, 800))
    },
    "motif_enrichment": Check(
        quantity="p of a motif's enrichment",
        setting="100 sequences of 100 to 800 bases, random classes",
        simulate=motif_enrichment,
        may_be_careful=True,
        times=1000,
    ),
    "site_p": Check(
        quantity="p of a match at one position (sites.parquet)",
        setting="random 8-mers, random motifs",
        simulate=sites,
        may_be_careful=True,
        times=20_000,
    ),
    "motif_match": Check(
        quantity="p of a motif's match with a known motif (Tomtom)",
        setting="random motifs of 8 to 12 bases, 100 known ones",
        simulate=matches,
        times=1000,
        quick=False,
    ),
    "peaks_p": Check(
        quantity="p of scan peaks that overlap an annotation (fold enrichment)",
        setting="40 random peaks, 60 elements, 19 shuffles",
        simulate=peaks,
        may_be_careful=True,
        times=100,
        quick=False,
    ),
}
