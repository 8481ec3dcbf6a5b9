"""What motifs are sought in: the attributions of jobs, base by base, split for finding and testing.

A motif that is tested on the sequences it was found in looks better than it is. So the sequences are
parted, those that are alike together: motifs are found in one part and tested in the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.attribution.positions import BaseAttributions, per_base
from dnasweep.attribution.tables import EFFECTS, Attributions
from dnasweep.data.clustering import cluster_rows, similar_pairs
from dnasweep.errors import InputError

FEWEST = 10
"""Least sequences of either class in either part."""
_SAME = ("model", "target", "value", "estimator", "attention_layers", "classes")


class _Joined(NamedTuple):
    tokens: pd.DataFrame
    sequences: pd.DataFrame
    bases: pd.DataFrame | None


@dataclass(frozen=True, kw_only=True)
class MotifData:
    """Labelled sequences with a value a base, in two parts."""

    bases: BaseAttributions
    """Values and bases, aligned at the transcription start where it is known."""
    effects: NDArray[np.float64] | None
    """What every mutation changes, (n, width, 4) in the same columns; nan where there is no base.
    None where the attributions say nothing of other bases than those that are there."""
    positive: NDArray[np.bool_]
    """(n,) sequences of the class explained."""
    discovery: NDArray[np.bool_]
    """(n,) sequences motifs are found in; the others confirm them."""
    num_clusters: int
    """Groups of sequences that are alike, none of them in both parts."""

    def part(self, *, discovery: bool, positive: bool | None = None) -> NDArray[np.int64]:
        """Return the rows of a part, all of them or those of one class."""
        chosen = self.discovery == discovery
        if positive is not None:
            chosen = chosen & (self.positive == positive)
        return np.flatnonzero(chosen)


def gather(
    jobs: Sequence[Attributions],
    *,
    tss_index: int | None = None,
    share: float = 0.5,
    identity: float = 0.8,
    seed: int = 0,
) -> MotifData:
    """Join the attributions of jobs and part their sequences.

    Parameters
    ----------
    jobs
        Attributions of one model, of one kind, to one class.
    tss_index
        See :func:`dnasweep.attribution.positions.tss_positions`.
    share
        Share of the sequences that motifs are found in.
    identity
        Sequences at least this alike, directly or through others, stay together.
    seed
        Of the parting.

    Raises
    ------
    InputError
        For attributions that do not go together, have no labels, or are too few.
    """
    settings = jobs[0].settings
    for job in jobs[1:]:
        for name in _SAME:
            if job.settings.get(name) != settings.get(name):
                raise InputError(
                    f"the attributions differ in {name}: {settings.get(name)} and "
                    f"{job.settings.get(name)}",
                    remedy="Give jobs that explain the same model in the same way.",
                )
    joined = _join(jobs)
    labels = joined.sequences["label"].to_numpy()
    if (labels < 0).any():
        raise InputError(
            f"{int((labels < 0).sum()):,} of {len(labels):,} sequences have no label, and motifs "
            "are those that sequences of the class have and others have not",
            remedy="Explain sequences with labels.",
        )
    bases = per_base(joined, tss_index=tss_index)
    classes = list(settings.get("classes") or ())
    target = settings.get("target")
    wanted = classes.index(target) if target in classes else 1
    positive = bases.sequences["label"].to_numpy() == wanted
    pairs = similar_pairs(bases.sequences["sequence"].tolist(), identity=identity, seed=seed)
    clusters = cluster_rows(len(positive), pairs)
    discovery = part_clusters(clusters, positive, share=share, seed=seed)
    for found, name in ((discovery, "to find motifs in"), (~discovery, "to confirm them in")):
        for of, word in ((positive, "of"), (~positive, "not of")):
            number = int((found & of).sum())
            if number < FEWEST:
                raise InputError(
                    f"there are {number} sequences {word} the class {target!r} {name}, at least "
                    f"{FEWEST} are needed",
                    remedy="Explain more sequences, of either class.",
                )
    return MotifData(
        bases=bases,
        effects=None if joined.bases is None else _aligned_effects(bases, joined.bases),
        positive=positive,
        discovery=discovery,
        num_clusters=int(clusters.max()) + 1,
    )


def part_clusters(
    clusters: NDArray[np.int64], positive: NDArray[np.bool_], *, share: float, seed: int
) -> NDArray[np.bool_]:
    """Return which rows motifs are found in, (n,): whole clusters, both classes alike.

    Largest clusters first, in an order drawn anew among equals, each goes where either class lacks
    most.
    """
    counts = np.stack([np.bincount(clusters, positive), np.bincount(clusters, ~positive)], axis=1)
    room = np.outer([share, 1 - share], counts.sum(0))
    drawn = np.random.default_rng(seed).permutation(len(counts))
    order = drawn[np.argsort(-counts[drawn].sum(1), kind="stable")]
    first = np.zeros(len(counts), bool)
    for cluster in order:
        lacks = (room * counts[cluster]).sum(1)
        first[cluster] = lacks[0] >= lacks[1]
        room[0 if first[cluster] else 1] -= counts[cluster]
    return first[clusters]


def _join(jobs: Sequence[Attributions]) -> _Joined:
    sequences = pd.concat([job.sequences for job in jobs], ignore_index=True)
    ids = sequences["sequence_id"]
    if ids.duplicated().any():
        raise InputError(
            f"sequence {ids[ids.duplicated()].iloc[0]!r} stands in the attributions twice",
            remedy="Give every job once, and jobs of different sequences.",
        )
    tokens = pd.concat([job.tokens for job in jobs], ignore_index=True)
    tables = [job.bases for job in jobs if job.bases is not None]
    return _Joined(tokens, sequences, pd.concat(tables, ignore_index=True) if tables else None)


def _aligned_effects(bases: BaseAttributions, table: pd.DataFrame) -> NDArray[np.float64]:
    effects = np.full((*bases.values.shape, len(EFFECTS)), np.nan)
    rows = pd.Index(bases.sequences["sequence_id"]).get_indexer(pd.Index(table["sequence_id"]))
    # Column of each sequence's first base.
    begins = (~np.isnan(bases.values)).argmax(axis=1)
    there = rows >= 0
    columns = begins[rows[there]] + table["position"].to_numpy(np.int64)[there]
    effects[rows[there], columns] = table.loc[there, list(EFFECTS)].to_numpy(np.float64)
    return effects
