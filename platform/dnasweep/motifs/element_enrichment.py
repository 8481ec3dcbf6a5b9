"""Enrichment of an element's hits among high attributions, against two backgrounds.

The attribution of a hit is the sum over its bases. Its rank is the fraction of all starts in the same
sequence with an attribution at least as high. A hit is *top* if its attribution is positive and its rank is
at most a given fraction: this defines the "accurate" hits that earlier studies did not define.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from dnasweep.attribution.positions import BaseAttributions
from dnasweep.attribution.summaries import ALL, groups
from dnasweep.config.ranges import Checked, Count, NotNone, Seed
from dnasweep.motifs.element_hits import (
    ElementHits,
    ElementSite,
    Integers,
    find_element_hits,
    hit_table,
)
from dnasweep.motifs.permutation_tests import (
    KmerStratum,
    PositionStratum,
    compare_same_kmer,
    compare_same_position,
    p_at_least,
    p_two_sided,
    pooled_odds_ratio,
)
from dnasweep.tasks.multiple_tests import benjamini_hochberg

COLUMNS = (
    *("element", "definition", "window", "species", "label", "num_sequences"),
    *("num_hits", "num_positive", "num_top", "mean_phi"),
    *("place_phi", "difference", "p_difference", "odds_ratio", "p_enrichment"),
    *("num_elsewhere", "word_difference", "word_odds_ratio", "p_word"),
)
"""Columns of the tests, before the adjusted p-values."""

ADJUSTED = ("p_difference", "p_enrichment", "p_word")
"""P-values with an additional adjusted column, `<name>_adjusted`."""


@dataclass(frozen=True, kw_only=True)
class ElementEnrichmentConfig(Checked):
    """Settings of the ranking and tests of hits."""

    top: NotNone = 0.05
    """A hit is top if it is positive and at most this fraction of the starts in its sequence are as high."""
    permutations: Count = 9_999
    """Number of shuffles in every test; the smallest p-value is 1 / (permutations + 1)."""
    seed: Seed = 0
    """Seed of the shuffles."""


class ElementEnrichment(NamedTuple):
    """Hits and tests of sites."""

    hits: pd.DataFrame
    """One row per hit, at most one per sequence and site; see
    :func:`~dnasweep.motifs.element_hits.hit_table`."""
    tests: pd.DataFrame
    """One row per site, label and species (`all` for any species). element, definition, window,
    species, label, num_sequences; for the hits num_hits, num_positive, num_top, mean_phi.

    Against the same positions in sequences without a hit: place_phi (mean there, with positions
    weighted as the hits are), difference, p_difference (two-sided), odds_ratio of being top
    (Mantel-Haenszel over species and position), p_enrichment (one-sided). Against the same k-mers
    elsewhere: num_elsewhere, word_difference, word_odds_ratio, p_word (one-sided). P-values are by
    permutation. Each has an additional column, adjusted over the single species and their labels
    (Benjamini-Hochberg); for all species together the two are equal. nan if there is nothing to
    compare."""


def enrichment_of_elements(
    bases: BaseAttributions,
    sites: Sequence[ElementSite],
    config: ElementEnrichmentConfig | None = None,
) -> ElementEnrichment:
    """Find the hits of each site, and compare their attributions with both backgrounds.

    Parameters
    ----------
    bases
        Attribution of each base.
    sites
        Elements to find, and their positions.
    config
        Settings of the ranking and tests of hits. Default: `ElementEnrichmentConfig()`.
    """
    config = config or ElementEnrichmentConfig()
    found = [find_element_hits(bases, site, top=config.top) for site in sites]
    return ElementEnrichment(
        pd.concat(map(hit_table, found), ignore_index=True),
        pd.concat([_tests(hits, config) for hits in found], ignore_index=True),
    )


def _tests(hits: ElementHits, config: ElementEnrichmentConfig) -> pd.DataFrame:
    site = hits.site
    strata: dict[tuple[str, int], tuple[PositionStratum, KmerStratum]] = {}
    stratum_of = hits.sequences.groupby(["species", "label"]).ngroup().to_numpy()
    for rows in (np.flatnonzero(stratum_of == number) for number in np.unique(stratum_of)):
        first = hits.sequences.iloc[rows[0]]
        species, label = str(first["species"]), int(first["label"])
        name = f"{site.element} {site.motif.name} {site.window} {species} {label}"
        strata[species, label] = _stratum(hits, rows, config, name=name)
    table = []
    for species, label, members in groups(hits.sequences):
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
            | _against_positions([positions for positions, _ in chosen])
            | _against_kmers([kmers for _, kmers in chosen])
        )
    tests = pd.DataFrame(table, columns=list(COLUMNS))
    for name in ADJUSTED:
        p_values = tests[name].to_numpy(float, copy=True)
        single = (tests["species"] != ALL).to_numpy()
        p_values[single] = benjamini_hochberg(p_values[single])
        tests[f"{name}_adjusted"] = p_values
    return tests


def _stratum(
    hits: ElementHits, rows: Integers, config: ElementEnrichmentConfig, *, name: str
) -> tuple[PositionStratum, KmerStratum]:
    """Compare the hits of one species and label, the sequences in these rows."""
    how: dict[str, Any] = {
        "permutations": config.permutations,
        "seed": config.seed,
        "name": name,
    }
    position, elsewhere = hits.position[rows], hits.elsewhere
    positions = compare_same_position(hits.phi[rows], hits.top[rows], position, **how)
    has = position >= 0
    others = np.isin(elsewhere.row, rows)
    all_rows = np.concatenate([rows[has], elsewhere.row[others]])
    all_columns = np.concatenate([hits.starts[position[has]], elsewhere.column[others]])
    kmers = compare_same_kmer(
        hits.kmer[all_rows, all_columns],
        hits.sums[all_rows, all_columns],
        np.concatenate([hits.top[rows[has], position[has]], elsewhere.top[others]]),
        np.arange(len(all_rows)) < np.count_nonzero(has),
        **how,
    )
    return positions, kmers


def _against_positions(strata: list[PositionStratum]) -> dict[str, Any]:
    num = sum(s.num_hits for s in strata)
    top = sum(s.top for s in strata)
    phi = sum(s.phi for s in strata)
    # A stratum in which every sequence has a hit cannot be compared.
    compared = [s for s in strata if s.num_hits and np.isfinite(s.background)]
    num_compared = sum(s.num_hits for s in compared)
    background = sum(s.background for s in compared)
    unknown = ("mean_phi", "place_phi", "difference", "p_difference", "p_enrichment")
    record = dict.fromkeys(unknown, float("nan")) | {
        "num_hits": num,
        "num_positive": sum(s.positive for s in strata),
        "num_top": top,
        "odds_ratio": pooled_odds_ratio(np.concatenate([s.tables for s in strata])),
    }
    if num:
        record["mean_phi"] = phi / num
    if num_compared:
        difference = sum(s.phi for s in compared) - background
        null_phi = np.sum([s.null_phi for s in strata], axis=0)
        null_top = np.sum([s.null_top for s in strata], axis=0)
        record |= {
            "place_phi": background / num_compared,
            "difference": difference / num_compared,
            "p_difference": p_two_sided(phi, null_phi),
            "p_enrichment": p_at_least(top, null_top),
        }
    return record


def _against_kmers(strata: list[KmerStratum]) -> dict[str, Any]:
    num = sum(s.compared for s in strata)
    difference = sum(s.phi - s.background for s in strata)
    null_top = np.sum([s.null_top for s in strata], axis=0)
    return {
        "num_elsewhere": sum(s.num for s in strata),
        "word_difference": difference / num if num else float("nan"),
        "word_odds_ratio": pooled_odds_ratio(np.concatenate([s.tables for s in strata])),
        "p_word": p_at_least(sum(s.top for s in strata), null_top) if num else float("nan"),
    }
