"""What the attributions say about an element: its hits, their sign and rank, and two backgrounds.

A hit's attribution is the sum over its bases. Its rank is the share of all places of the same sequence
with an attribution at least as high. A hit is *top* when the attribution is positive and its rank at
most a chosen share: what recipes of earlier studies left open as an "accurate" hit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from dnasweep.attribution.positions import BaseAttributions
from dnasweep.attribution.summaries import ALL, groups
from dnasweep.motifs.attribution_enrichment import (
    PlaceStratum,
    WordStratum,
    p_at_least,
    p_two_sided,
    pooled_odds_ratio,
    same_place,
    same_word,
)
from dnasweep.motifs.element_hits import ElementHits, ElementSite, Integers, gather, hit_table

COLUMNS = (
    *("element", "definition", "window", "species", "label", "num_sequences"),
    *("num_hits", "num_positive", "num_top", "mean_phi"),
    *("place_phi", "difference", "p_difference", "odds_ratio", "p_enrichment"),
    *("num_elsewhere", "word_difference", "word_odds_ratio", "p_word"),
)
"""Columns of the tests, before the adjusted p-values."""

ADJUSTED = ("p_difference", "p_enrichment", "p_word")
"""P-values that have an adjusted one beside them, `<name>_adjusted`."""


@dataclass(frozen=True, kw_only=True)
class ElementEnrichmentConfig:
    """How hits are judged and tested."""

    top: float = 0.05
    """A hit is top when positive and at most this share of its sequence's places are as high."""
    permutations: int = 9_999
    """Shuffles of every test; the least p-value is 1 / (permutations + 1)."""
    seed: int = 0
    """Seeds the shuffles."""

    def __post_init__(self) -> None:
        if not 0 < self.top <= 1:
            raise ValueError(f"top is {self.top}; use a share above 0, such as 0.05")
        if self.permutations < 1:
            raise ValueError(f"permutations is {self.permutations}; use at least 1")


class ElementEnrichment(NamedTuple):
    """The account of some sites."""

    hits: pd.DataFrame
    """A row a hit, one at most a sequence and site, as
    :func:`~dnasweep.motifs.element_hits.hit_table` makes it."""
    tests: pd.DataFrame
    """A row a site, label and species (`all`: whatever the species). element, definition, window,
    species, label, num_sequences; of the hits num_hits, num_positive, num_top, mean_phi.

    Against the same places in sequences without a hit: place_phi (mean there, spread over places as
    the hits are), difference, p_difference (two-sided), odds_ratio of being top (Mantel-Haenszel
    over species and place), p_enrichment (one-sided). Against the same words elsewhere:
    num_elsewhere, word_difference, word_odds_ratio, p_word (one-sided). P-values are by permutation.
    Beside each stands one that is adjusted over single species and their labels
    (Benjamini-Hochberg); of all species together it is the same. nan where there is nothing to
    compare."""


def account(
    bases: BaseAttributions,
    sites: Sequence[ElementSite],
    config: ElementEnrichmentConfig | None = None,
) -> ElementEnrichment:
    """Find the hits of each site, judge them, and compare them with both backgrounds."""
    config = config or ElementEnrichmentConfig()
    hits, tests = [], []
    for site in sites:
        evidence = gather(bases, site, top=config.top)
        hits.append(hit_table(evidence))
        tests.append(_tests(evidence, config))
    return ElementEnrichment(
        pd.concat(hits, ignore_index=True),
        pd.concat(tests, ignore_index=True),
    )


def _tests(evidence: ElementHits, config: ElementEnrichmentConfig) -> pd.DataFrame:
    site = evidence.site
    strata: dict[tuple[str, int], tuple[PlaceStratum, WordStratum]] = {}
    whose = evidence.sequences.groupby(["species", "label"]).ngroup().to_numpy()
    for rows in (np.flatnonzero(whose == number) for number in np.unique(whose)):
        first = evidence.sequences.iloc[rows[0]]
        key = str(first["species"]), int(first["label"])
        name = f"{site.element} {site.motif.name} {site.window} {key[0]} {key[1]}"
        strata[key] = _stratum(evidence, rows, config, name=name)
    table = []
    for species, label, members in groups(evidence.sequences):
        chosen = [
            pair for key, pair in strata.items() if species in (ALL, key[0]) and label == key[1]
        ]
        table.append(
            {
                "element": site.element,
                "definition": site.motif.name,
                "window": site.window,
                "species": species,
                "label": label,
                "num_sequences": int(members.sum()),
            }
            | _against_places([places for places, _ in chosen])
            | _against_words([words for _, words in chosen])
        )
    tests = pd.DataFrame(table, columns=list(COLUMNS))
    single = (tests["species"] != ALL).to_numpy()
    for name in ADJUSTED:
        tests[f"{name}_adjusted"] = _adjusted(tests[name].to_numpy(float), single)
    return tests


def _stratum(
    evidence: ElementHits, rows: Integers, config: ElementEnrichmentConfig, *, name: str
) -> tuple[PlaceStratum, WordStratum]:
    """Compare the hits of one species and label, the sequences in these rows."""
    place, away = evidence.place[rows], evidence.elsewhere
    chance: dict[str, Any] = {
        "permutations": config.permutations,
        "seed": config.seed,
        "name": name,
    }
    places = same_place(evidence.phi[rows], evidence.top[rows], place, **chance)
    row = rows[place >= 0]
    column = evidence.starts[place[place >= 0]]
    out = np.isin(away.row, rows)
    all_rows = np.concatenate([row, away.row[out]])
    all_columns = np.concatenate([column, away.column[out]])
    words = same_word(
        evidence.word[all_rows, all_columns],
        evidence.sums[all_rows, all_columns],
        np.concatenate([evidence.top[row, place[place >= 0]], away.top[out]]),
        np.arange(len(all_rows)) < len(row),
        **chance,
    )
    return places, words


def _against_places(strata: list[PlaceStratum]) -> dict[str, Any]:
    num = sum(s.num_hits for s in strata)
    top = sum(s.top for s in strata)
    record: dict[str, Any] = {
        "num_hits": num,
        "num_positive": sum(s.positive for s in strata),
        "num_top": top,
    }
    # A stratum whose every sequence has a hit has nothing to be compared with.
    phi = sum(s.phi for s in strata)
    compared = [s for s in strata if s.num_hits and np.isfinite(s.background)]
    num_compared = sum(s.num_hits for s in compared)
    background = sum(s.background for s in compared)
    difference = sum(s.phi for s in compared) - background
    nothing = float("nan")
    return record | {
        "mean_phi": phi / num if num else nothing,
        "place_phi": background / num_compared if num_compared else nothing,
        "difference": difference / num_compared if num_compared else nothing,
        "p_difference": p_two_sided(phi, np.sum([s.null_phi for s in strata], axis=0))
        if num_compared
        else nothing,
        "odds_ratio": pooled_odds_ratio(np.concatenate([s.tables for s in strata])),
        "p_enrichment": p_at_least(top, np.sum([s.null_top for s in strata], axis=0))
        if num_compared
        else nothing,
    }


def _against_words(strata: list[WordStratum]) -> dict[str, Any]:
    num = sum(s.compared for s in strata)
    nothing = float("nan")
    difference = sum(s.compared_phi - s.background for s in strata)
    return {
        "num_elsewhere": sum(s.num for s in strata),
        "word_difference": difference / num if num else nothing,
        "word_odds_ratio": pooled_odds_ratio(np.concatenate([s.tables for s in strata])),
        "p_word": p_at_least(
            sum(s.top for s in strata), np.sum([s.null_top for s in strata], axis=0)
        )
        if num
        else nothing,
    }


def _adjusted(p_values: np.ndarray, single: np.ndarray) -> np.ndarray:
    out = p_values.copy()
    family = single & ~np.isnan(p_values)
    if family.any():
        out[family] = multipletests(p_values[family], method="fdr_bh")[1]
    return out
