"""What a report of motifs says in words."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dnasweep.motifs.discovery import DiscoveredMotifs
from dnasweep.motifs.enriched_kmers import TIMES_MINIMUM
from dnasweep.motifs.motif_data import MotifConfig
from dnasweep.motifs.tomtom import FEW_TARGETS
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.wording import ALPHA, minus, p_text

MAX_MATCHED, MAX_PLACED = 8, 5
"""Motifs that a sentence names."""


def warnings(
    found: DiscoveredMotifs, *, num_known: int, signed: bool, config: MotifConfig
) -> list[str]:
    """Return what a reader has to know before anything else.

    Parameters
    ----------
    found
        What discovery came to.
    num_known
        Known motifs they were compared with.
    signed
        Whether the attributions have a sign.
    config
        How motifs were sought.
    """
    told = []
    if not found.data.bases.tss.known:
        told.append(
            "Where transcription starts is not known for windows of this length, so positions count "
            "from the first base. Give --tss-index."
        )
    if num_known < FEW_TARGETS:
        told.append(
            f"The file of known motifs has {num_known}. Tomtom's p-values rest on all columns of "
            f"such a file; with fewer than {FEW_TARGETS} motifs they depend much on which they are."
        )
    if config.method == "modisco" and found.data.effects is None:
        told.append(
            "TF-MoDISco compares seqlets by what each of the four bases would contribute. These "
            "attributions know only the base that is there; the others were given 0. Attributions "
            "by in_silico_mutagenesis know all four."
        )
    if not signed:
        told.append(
            "Attention says where the model looks, not which class that speaks for: a motif found by "
            "it may belong to either class."
        )
    return told


def motif_findings(found: DiscoveredMotifs, *, target: str) -> Findings:
    """Return the sentences and the claims that were tested; `target` names the class."""
    data, table = found.data, found.table()
    sizes = [int(part.sum()) for part in (data.discovery, ~data.discovery)]
    parts = (
        f"Sequences: motifs were found in {sizes[0]:,} sequences and tested in {sizes[1]:,} others; "
        f"sequences that are alike stayed together ({data.num_clusters:,} groups)."
    )
    if table.empty:
        none = (
            "Motifs: none was found. There may be too few sequences, or nothing that stretches of "
            "high values share."
        )
        return Findings([none, parts], [])
    enriched, placed = int((table["q"] < ALPHA).sum()), int((table["q_place"] < ALPHA).sum())
    first = (
        f"Motifs: {len(table):,} found; in sequences they were not found in, {enriched:,} are "
        f"enriched in {target} (adjusted p below {ALPHA}) and {placed:,} keep their place."
    )
    verdicts = [
        Verdict(
            f"{row['motif']} in more sequences of {target} than in others",
            "difference of shares",
            row["num_positive"] / row["of_positive"] - row["num_negative"] / row["of_negative"],
            row["q"],
        )
        for _, row in table.iterrows()
    ]
    return Findings([first, _matches(table), *_places(table), parts], verdicts)


def _matches(table: pd.DataFrame) -> str:
    matched = table[table["match_q"] < ALPHA].sort_values("match_p")
    if matched.empty:
        return f"Known motifs: none is like one that was found (adjusted p below {ALPHA})."
    told = [
        f"{row['motif']} is like {row['match_name']} ({row['match']}, p = {row['match_p']:.1e}, "
        f"q = {row['match_q']:.1e}; {row['num_positive']:,} of {row['of_positive']:,} against "
        f"{row['num_negative']:,} of {row['of_negative']:,}, adjusted {p_text(row['q'])})"
        for _, row in matched.head(MAX_MATCHED).iterrows()
    ]
    more = len(matched) - len(told)
    return f"Known motifs: {'; '.join(told)}" + (f"; and {more:,} more." if more else ".")


def _places(table: pd.DataFrame) -> Iterator[str]:
    placed = table[table["q_place"] < ALPHA].sort_values("p_place").head(MAX_PLACED)
    told = []
    for _, row in placed.iterrows():
        like = ""
        if row["match"]:
            like = f"; most like {row['match_name']}, {row['match']}, q = {row['match_q']:.2g}"
        told.append(
            f"{row['motif']} ({place(row)}, {row['num_in_place']:,} of {row['num_positive']:,} hits, "
            f"adjusted {p_text(row['q_place'])}{like})"
        )
    if told:
        yield f"Places: {'; '.join(told)}."


def place(row: pd.Series) -> str:
    """Return the place that most instances of a motif have."""
    return minus(f"{row['place_first']:+d} to {row['place_last']:+d}")


def method(config: MotifConfig, *, signed: bool) -> list[str]:
    """Return how motifs were sought, a paragraph each."""
    if config.method == "modisco":
        how = (
            "TF-MoDISco (Shrikumar et al. 2018, modisco-lite) over the sequences of the class in the "
            "discovery part: seqlets of high attribution, clustered and aligned on either strand. "
            "Patterns that speak against the class are left out."
        )
    else:
        rule = (
            "positive and a standard deviation above the mean of their sequence"
            if signed
            else f"above the mean of their sequence and {TIMES_MINIMUM:g} times its least value"
        )
        kept = (
            f"kept where enriched there (hypergeometric, adjusted p at most {config.discovery_q:g})"
            if config.discovery_q < 1
            else "kept whether enriched there or not"
        )
        how = (
            "DNABERT's find_motifs (Ji et al. 2021) over the discovery part: stretches of at least "
            f"{config.min_length} bases whose values are {rule}, in sequences of the class; their "
            f"k-mers are {kept}, merged by alignment without gaps, and their places cut to "
            f"{config.window} bases. Motifs of fewer than {config.min_instances} instances are left "
            "out."
        )
    return [
        how,
        "Nothing that is tested here was found in the sequences it is tested in. A hit of a motif is "
        f"a place that k-mers of random DNA would match as well with probability {config.hit_p:g} at "
        "most, by the columns of its core: the stretch that tells most.",
        "Others differ from sequences of the class in what they are made of as well, GC content for "
        "one. Enrichment alone does not say that a protein binds.",
    ]
