"""Input of motif discovery: settings, and attributions per base split into two sets of sequences.

A motif tested on the sequences in which it was found looks better than it is. Motifs are therefore found
in the discovery set and tested in the held-out set; similar sequences are never in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.attribution.positions import TSS_INDEX_KEY, BaseAttributions, per_base
from dnasweep.attribution.tables import EFFECTS, StoredAttributions
from dnasweep.config.ranges import MANY, Between, Checked, NotNone, Range, Seed
from dnasweep.data.clustering import cluster_rows, similar_pairs
from dnasweep.errors import InputError

MIN_SEQUENCES = 10
"""Minimum number of sequences of either class in either set."""
Method = Literal["enrichment", "modisco"]
Contrast = Literal["labels", "output"]
_SAME = (
    *("model", "target", "against", "value", "estimator", "attention_layers", "reference"),
    *("classes", TSS_INDEX_KEY),
)


@dataclass(frozen=True, kw_only=True)
class MotifConfig(Checked):
    """Settings of motif discovery."""

    method: Method = "enrichment"
    """DNABERT's enriched k-mers of high attention, or TF-MoDISco."""
    min_length: Annotated[int, Range(2, MANY)] = 5
    """Minimum length in bases of a region of high values."""
    discovery_q: NotNone = 0.005
    """Maximum adjusted p-value of the enrichment of a k-mer in the discovery set. The default is
    DNABERT's, for thousands of sequences; with hundreds, few k-mers reach it, and 1 keeps all."""
    window: Annotated[int, Range(8, MANY)] = 24
    """Length in bases to which instances are trimmed or widened."""
    min_instances: Annotated[int, Range(2, MANY)] = 3
    """Motifs with fewer instances are left out."""
    hit_p: Between = 1e-4
    """p-value of a hit: the probability that a k-mer of random DNA scores as high."""
    seed: Seed = 0
    """Seed of the split into two sets."""


@dataclass(frozen=True, kw_only=True)
class MotifData:
    """Labelled sequences with one value per base, in two sets."""

    bases: BaseAttributions
    """Values and bases, aligned at the transcription start if it is known."""
    effects: NDArray[np.float64] | None
    """Effect of mutating each base to A, C, G and T, (n, width, 4), in the same columns; nan beyond
    the ends of a sequence. None if only the observed bases have attributions."""
    positive: NDArray[np.bool_]
    """Whether each sequence is of the explained class, (n,); if sequences have no classes, whether it is in
    the half with the higher output."""
    discovery: NDArray[np.bool_]
    """Whether each sequence is in the discovery set, (n,); the others are held out."""
    num_clusters: int
    """Number of clusters of similar sequences; no cluster is in both sets."""
    contrast: Contrast = "labels"
    """Whether `positive` is defined by labels or by the model's output."""

    def rows(self, *, discovery: bool, positive: bool | None = None) -> NDArray[np.int64]:
        """Return the rows of the discovery or held-out set, for both classes or one of them."""
        chosen = self.discovery == discovery
        if positive is not None:
            chosen = chosen & (self.positive == positive)
        return np.flatnonzero(chosen)


def load_motif_data(
    jobs: Sequence[StoredAttributions],
    *,
    tss_index: int | None = None,
    share: float = 0.5,
    identity: float = 0.8,
    seed: int = 0,
    contrast: Contrast | None = None,
) -> MotifData:
    """Join the attributions of jobs and split their sequences.

    Motifs distinguish two groups of sequences: by labels, the explained class and the other classes; by
    output, the half with the higher and the half with the lower model output.

    Parameters
    ----------
    jobs
        Attributions from one model, one estimator and one target.
    tss_index
        See :func:`dnasweep.attribution.positions.tss_positions`.
    share
        Fraction of the sequences in the discovery set.
    identity
        Sequences with at least this identity, directly or through others, are kept in one set.
    seed
        Seed of the split.
    contrast
        Whether the two groups are defined by labels or by the output. None: by labels, or by the output
        if labels are not classes of sequences.

    Raises
    ------
    InputError
        If attributions are inconsistent, have no labels, or are too few.
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
    if contrast is None:
        contrast = "output" if settings.get("unit") or settings.get("task") else "labels"
    bases = per_base(joined, tss_index=tss_index)
    target = settings.get("target")
    if contrast == "labels":
        positive = _of_the_class(bases, settings)
        groups = f"of the class {target!r}", f"not of the class {target!r}"
    else:
        output = bases.sequences["full"].to_numpy(float)
        positive = output > np.median(output)
        groups = f"of higher {target}", f"of lower {target}"
    pairs = similar_pairs(bases.sequences["sequence"].tolist(), identity=identity, seed=seed)
    clusters = cluster_rows(len(positive), pairs)
    discovery = split_clusters(clusters, positive, share=share, seed=seed)
    for found, name in ((discovery, "to find motifs in"), (~discovery, "to confirm them in")):
        for members, which in zip((positive, ~positive), groups, strict=True):
            number = int((found & members).sum())
            if number < MIN_SEQUENCES:
                raise InputError(
                    f"there are {number} sequences {which} {name}, at least {MIN_SEQUENCES} are needed",
                    remedy="Explain more sequences, of either kind.",
                )
    return MotifData(
        bases=bases,
        effects=None if joined.bases is None else _aligned_effects(bases, joined.bases),
        positive=positive,
        discovery=discovery,
        num_clusters=int(clusters.max()) + 1,
        contrast=contrast,
    )


def _of_the_class(bases: BaseAttributions, settings: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Return whether each sequence is of the explained class, by its label."""
    labels = bases.sequences["label"].to_numpy()
    if (labels < 0).any():
        raise InputError(
            f"{int((labels < 0).sum()):,} of {len(labels):,} sequences have no label, and motifs "
            "are those that sequences of the class have and others have not",
            remedy="Explain sequences with labels, or compare those of which the model says more with "
            "the others: --contrast output.",
        )
    classes, target = list(settings.get("classes") or ()), settings.get("target")
    return np.asarray(labels == (classes.index(target) if target in classes else 1))


def split_clusters(
    clusters: NDArray[np.int64], positive: NDArray[np.bool_], *, share: float, seed: int
) -> NDArray[np.bool_]:
    """Return which rows are in the discovery set, (n,): whole clusters, with both classes balanced.

    Clusters are assigned from the largest to the smallest, in random order for equal sizes, each to the
    set that lacks most sequences of its classes.

    Parameters
    ----------
    clusters
        Cluster of each row, (n,).
    positive
        Whether each row is of the explained class, (n,).
    share
        Fraction of the sequences in the discovery set.
    seed
        Seed of the order.
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


def _join(jobs: Sequence[StoredAttributions]) -> StoredAttributions:
    sequences = pd.concat([job.sequences for job in jobs], ignore_index=True)
    ids = sequences["sequence_id"]
    if ids.duplicated().any():
        raise InputError(
            f"sequence {ids[ids.duplicated()].iloc[0]!r} stands in the attributions twice",
            remedy="Give every job once, and jobs of different sequences.",
        )
    tokens = pd.concat([job.tokens for job in jobs], ignore_index=True)
    tables = [job.bases for job in jobs if job.bases is not None]
    bases = pd.concat(tables, ignore_index=True) if tables else None
    return StoredAttributions(tokens, sequences, jobs[0].settings, bases)


def _aligned_effects(bases: BaseAttributions, table: pd.DataFrame) -> NDArray[np.float64]:
    effects = np.full((*bases.values.shape, len(EFFECTS)), np.nan)
    rows = pd.Index(bases.sequences["sequence_id"]).get_indexer(pd.Index(table["sequence_id"]))
    # Column of the first base of each sequence.
    begins = (~np.isnan(bases.values)).argmax(axis=1)
    there = rows >= 0
    columns = begins[rows[there]] + table["position"].to_numpy(np.int64)[there]
    effects[rows[there], columns] = table.loc[there, list(EFFECTS)].to_numpy(np.float64)
    return effects
