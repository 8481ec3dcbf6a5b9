"""Null simulations of explanations and scans: p-values of elements, k-mers and peaks; bounds and bands."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
from dnasweep.attribution.bounds import look_level, lower_bound
from dnasweep.attribution.positions import AttributionTables
from dnasweep.attribution.summaries import token_table
from dnasweep.genomics.peak_overlap import enrich, shuffle
from dnasweep.motifs.enrichment import enrichment
from dnasweep.motifs.permutation_tests import (
    compare_same_kmer,
    compare_same_position,
    p_at_least,
    p_two_sided,
)
from dnasweep.sweeps.row_tests import half_width
from nulls import Check, Floats, Simulate

SEQUENCES, PLACES, WINDOW = 120, 60, 6
SHUFFLES = 199


def attributions(rng: np.random.Generator, words: np.ndarray) -> tuple[Floats, np.ndarray]:
    """Draw attributions that are correlated along a sequence and differ in size by sequence and k-mer.

    Returns
    -------
    phi, top
        Attributions, and which are among the top of their sequence, each (sequences, positions).
    """
    noise = rng.normal(size=(SEQUENCES, PLACES + 4))
    smooth = sum(noise[:, i : i + PLACES] for i in range(5)) / 5**0.5
    by_word = rng.normal(0, 0.5, words.max() + 1)[words]
    phi = (smooth + by_word) * rng.lognormal(0, 0.5, (SEQUENCES, 1))
    share = (phi[:, None, :] >= phi[:, :, None]).mean(axis=2)
    return phi, (phi > 0) & (share <= 0.1)


def places(quantity: str) -> Simulate:
    """Return the simulation of a test that compares hits with the same positions of sequences without a hit.

    Parameters
    ----------
    quantity
        `p_difference` of the attributions, or `p_enrichment` among the top of each sequence.
    """

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        found = []
        for i in range(times):
            phi, top = attributions(rng, np.zeros((SEQUENCES, PLACES), np.int64))
            hit = np.where(
                rng.random(SEQUENCES) < 0.3, rng.integers(0, WINDOW, SEQUENCES), -1
            ).astype(np.int64)
            one = compare_same_position(phi, top, hit, permutations=SHUFFLES, seed=i, name="")
            if quantity == "p_difference":
                found.append(p_two_sided(one.phi, one.null_phi))
            else:
                found.append(p_at_least(one.top, one.null_top))
        return np.array(found)

    return simulate


def words(rng: np.random.Generator, times: int) -> Floats:
    """Simulate the test that compares hits with the same k-mers at other positions."""
    found = []
    for i in range(times):
        word = rng.integers(0, 6, (SEQUENCES, PLACES))
        phi, top = attributions(rng, word)
        has = np.flatnonzero(rng.random(SEQUENCES) < 0.5)
        place = rng.integers(0, WINDOW, len(has))
        away = slice(WINDOW, PLACES)
        flat = [
            np.concatenate([values[has, place], values[:, away].ravel()])
            for values in (word, phi, top)
        ]
        in_place = np.arange(len(flat[0])) < len(has)
        one = compare_same_kmer(*flat, in_place, permutations=SHUFFLES, seed=i, name="")
        found.append(p_at_least(one.top, one.null_top))
    return np.array(found)


def words_of_a_class(rng: np.random.Generator, times: int) -> Floats:
    """Simulate k-mers that are as frequent in sequences of the class as in others."""
    with_it = rng.binomial(200, 0.3, times)
    among = rng.hypergeometric(100, 100, with_it)
    return enrichment(with_it, among, 200, 100).p_values


def anchor_bound(rng: np.random.Generator, times: int) -> Floats:
    """Simulate the lower bound of an anchor's precision at the first look."""
    num, precision = 128, 0.95
    seen = rng.binomial(num, precision, times) / num
    low = lower_bound(seen, np.full(times, look_level(1, 0.05) / num))
    return np.stack([low, np.ones(times), np.full(times, precision)], axis=1)


def token_mean(rng: np.random.Generator, times: int) -> Floats:
    """Simulate the mean of a token's attributions, which are correlated within a sequence."""
    found = []
    for _ in range(times):
        counts = rng.integers(1, 9, 60)
        owner = np.repeat(np.arange(60), counts)
        phi = rng.normal(size=60)[owner] + 0.5 * rng.normal(size=len(owner))
        tables = SimpleNamespace(
            tokens=pd.DataFrame({"token": "AC", "sequence_id": owner, "phi": phi})
        )
        table = token_table(cast(AttributionTables, tables)).iloc[0]
        half = half_width(table["standard_error"], table["num_sequences"])
        found.append((table["mean_phi"] - half, table["mean_phi"] + half, 0.0))
    return np.array(found)


def band(num: int) -> Simulate:
    """Return the simulation of the band around a mean attribution over `num` sequences."""

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        values = rng.normal(size=(times, num))
        mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / num**0.5
        half = half_width(error, np.full(times, num))
        return np.stack([mean - half, mean + half, np.zeros(times)], axis=1)

    return simulate


def peaks(rng: np.random.Generator, times: int) -> Floats:
    """Simulate the overlap of scan peaks at random positions with an annotation."""
    space = pd.DataFrame({"chrom": ["a", "b"], "start": [0, 0], "end": [200_000, 100_000]})
    found = []
    for i in range(times):
        parts = [
            pd.DataFrame({"chrom": rng.choice(["a", "b"], num, p=[2 / 3, 1 / 3])}).assign(
                start=0, end=rng.integers(200, 800, num)
            )
            for num in (60, 80)
        ]
        lying = [shuffle(one, space, rng) for one in parts]
        found.append(enrich(*lying, space, num_shuffles=39, seed=i).p)
    return np.array(found)


CHECKS = {
    "place_difference": Check(
        quantity="element compared with its position, difference (p_difference)",
        setting="120 sequences, a third with the element, correlated attributions",
        simulate=places("p_difference"),
    ),
    "place_enrichment": Check(
        quantity="element compared with its position, top tenth (p_enrichment)",
        setting="120 sequences, a third with the element, correlated attributions",
        simulate=places("p_enrichment"),
        may_be_careful=True,
    ),
    "word": Check(
        quantity="element compared with its k-mers elsewhere (p_word)",
        setting="120 sequences, half with the element, correlated attributions",
        simulate=words,
        may_be_careful=True,
    ),
    "class_words": Check(
        quantity="enrichment of k-mers and motifs in a class (p, hypergeometric)",
        setting="200 sequences, half of the class",
        simulate=words_of_a_class,
        may_be_careful=True,
    ),
    "token_mean": Check(
        quantity="mean attribution of a token (standard error of token_table)",
        setting="60 sequences with 1 to 8 tokens each",
        simulate=token_mean,
    ),
    "anchor_bound": Check(
        quantity="lower bound of an anchor's precision (lower_bound)",
        setting="128 draws, precision .95",
        simulate=anchor_bound,
        may_be_careful=True,
    ),
    **{
        f"band_{num}": Check(
            quantity="band around a mean attribution (half_width)",
            setting=f"{num} sequences",
            simulate=band(num),
        )
        for num in (3, 10)
    },
    "peaks": Check(
        quantity="peaks on an annotation (p of enrich)",
        setting="60 peaks, 80 elements, 39 shuffles",
        simulate=peaks,
        may_be_careful=True,
        quick=False,
        times=300,
    ),
}
