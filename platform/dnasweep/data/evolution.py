"""Evolution of simulated DNA: the species tree, and Markov chains sampled and evolved along it.

Nothing here depends on labels, so the DNA between the elements contains no information about them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage

from dnasweep.data.species import distance, stand_in
from dnasweep.errors import InputError
from dnasweep.formats.bases import Codes

SUBSTITUTIONS_PER_MYR: dict[str, float] = {
    "human": 1.1e-3,
    "macaque": 1.2e-3,
    "mouse": 5.0e-3,
    "rat": 5.4e-3,
    "chicken": 1.9e-3,
    "zebrafish": 3.0e-3,
    "fruit_fly": 4.0e-3,
    "worm": 4.0e-3,
}
"""Neutral substitutions per site per million years on each lineage. With the divergence times these
give 0.07 between human and macaque (6.5 % in Rhesus Macaque Genome Consortium 2007), 0.12 between
mouse and rat (0.15-0.20, Rat Genome Consortium 2004) and 0.5 between human and mouse (0.46-0.51,
Mouse Genome Consortium 2002); between classes and phyla sites are saturated."""


class TreeNode(NamedTuple):
    """One node of the tree; parents come before their children."""

    parent: int
    """Index of the parent, -1 for the root."""
    branch: float
    """Expected substitutions per site on the branch from the parent."""
    species: str
    """The species of a leaf, empty inside the tree."""
    below: tuple[str, ...]
    """The species of the leaves below; for a leaf, the species itself."""


def species_tree(species: Sequence[str]) -> tuple[TreeNode, ...]:
    """Return the tree of some species, root first.

    The topology is the average linkage of divergence times, which already fit a tree. An inner branch has
    the mean rate of the lineages below it. A species other than the eight built-in ones has the rate of
    its :func:`~dnasweep.data.species.stand_in`.

    Parameters
    ----------
    species
        Canonical names, at least one, each once.

    Raises
    ------
    InputError
        For species whose divergence time is unknown.
    """
    names = list(species)
    children: dict[int, tuple[int, int]] = {}
    age = dict.fromkeys(range(len(names)), 0.0)
    below: dict[int, tuple[str, ...]] = {i: (name,) for i, name in enumerate(names)}
    if len(names) > 1:
        apart = [_years(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        for i, (left, right, height, _) in enumerate(linkage(np.array(apart), "average")):
            node = len(names) + i
            children[node] = (int(left), int(right))
            age[node] = float(height)
            below[node] = below[int(left)] + below[int(right)]
    nodes: list[TreeNode] = []
    waiting = [(max(age), -1, max(age))]
    while waiting:
        label, parent, parent_label = waiting.pop()
        rate = float(np.mean([SUBSTITUTIONS_PER_MYR[stand_in(s)] for s in below[label]]))
        branch = (age[parent_label] - age[label]) * rate
        leaf = names[label] if label < len(names) else ""
        nodes.append(TreeNode(parent, branch, leaf, below[label]))
        here = len(nodes) - 1
        waiting.extend((child, here, label) for child in children.get(label, ()))
    return tuple(nodes)


def _years(a: str, b: str) -> float:
    years = distance(a, b)
    if math.isnan(years):
        raise InputError(
            f"nobody has dated when {a} and {b} diverged",
            remedy="Simulate species whose distance is known.",
        )
    return years


COMPOSITION: dict[str, tuple[float, float]] = {
    "human": (0.41, 0.24),
    "macaque": (0.41, 0.24),
    "mouse": (0.42, 0.20),
    "rat": (0.42, 0.21),
    "chicken": (0.42, 0.27),
    "zebrafish": (0.37, 0.53),
    "fruit_fly": (0.42, 0.93),
    "worm": (0.36, 0.98),
}
"""G+C fraction and CpG observed over expected of each genome, rounded (the genome papers; Simmen
2008, Genomics 92:33 for CpG): depleted in vertebrates, whose genomes are methylated, most in
mammals, and not in fly and worm."""

ISLAND = (0.66, 0.82)
"""The same for a CpG island (Gardiner-Garden and Frommer 1987: above 0.5 and 0.6)."""

NEGATIVE_ISLAND = (0.66, 0.66)
"""The same for G+C-rich DNA that is not a promoter: as rich in G+C, but partly methylated, so that CpG
has begun to decay. Loci matched for G+C keep this difference in real data too."""


def dinucleotides(gc: float, cpg: float) -> NDArray[np.float64]:
    """Return the (4, 4) frequencies of neighbouring bases for a G+C fraction and a CpG ratio.

    Both strands have the same frequencies, and both bases of a pair the same marginals. Two thirds of the
    missing CpG become TpG and CpA, as by deamination, and one third CpC and GpG.
    """
    one = np.array([1 - gc, gc, gc, 1 - gc]) / 2
    pairs = np.outer(one, one)
    lost = (1 - cpg) * pairs[1, 2]
    pairs[1, 2] -= lost
    for share, (first, last, rest) in (
        (2 / 3, ((1, 0), (3, 2), (3, 0))),  # CA, TG; TA pays
        (1 / 3, ((1, 1), (2, 2), (2, 1))),  # CC, GG; GC pays
    ):
        pairs[first] += share * lost
        pairs[last] += share * lost
        pairs[rest] -= share * lost
    return pairs


def mean_composition(species: Sequence[str]) -> tuple[float, float]:
    """Return the mean G+C fraction and CpG ratio of species, used for their common ancestor."""
    gc, cpg = np.mean([COMPOSITION[stand_in(s)] for s in species], axis=0)
    return float(gc), float(cpg)


def draw(
    composition: tuple[float, float], num: int, window: int, rng: np.random.Generator
) -> Codes:
    """Return (num, window) codes sampled from the stationary chain of a composition.

    Parameters
    ----------
    composition
        G+C fraction and CpG ratio.
    num
        Number of sequences.
    window
        Bases per sequence.
    rng
        Random generator.
    """
    pairs = dinucleotides(*composition)
    cumulative = np.cumsum(pairs / pairs.sum(axis=1, keepdims=True), axis=1)[:, :3]
    dice = rng.random((window, num))
    codes = np.empty((window, num), dtype=np.uint8)
    codes[0] = np.searchsorted(np.cumsum(pairs.sum(axis=1))[:3], dice[0])
    for i in range(1, window):
        codes[i] = (dice[i][:, None] > cumulative[codes[i - 1]]).sum(axis=1)
    return np.ascontiguousarray(codes.T)


def evolve(
    codes: Codes,
    branch: float,
    composition: tuple[float, float],
    rng: np.random.Generator,
) -> Codes:
    """Return the descendants of (n, window) codes after a branch, towards a composition.

    A mutated site is redrawn given both its neighbours (Gibbs sampling, even sites before odd ones), so the
    stationary distribution is preserved exactly: sequences diverge, and CpG stays depleted.

    Parameters
    ----------
    codes
        The ancestors; not changed.
    branch
        Expected substitutions per site. A redrawn base is often unchanged, so more sites are redrawn.
    composition
        G+C fraction and CpG ratio at the end of the branch.
    rng
        Random generator.
    """
    pairs = dinucleotides(*composition)
    one = pairs.sum(axis=1)
    step = pairs / one[:, None]
    # Padding with state 4 ("no neighbour") draws the ends from the marginals.
    left = np.vstack([step, one])
    right = np.hstack([step, np.ones((4, 1))])
    weights = left[:, None, :] * right.T[None, :, :]
    cumulative = np.cumsum(weights / weights.sum(axis=2, keepdims=True), axis=2)[:, :, :3]
    hits = branch / (1 - float((one**2).sum()))
    num, window = codes.shape
    padded = np.full((num, window + 2), 4, dtype=np.uint8)
    padded[:, 1:-1] = codes
    chosen = rng.random((num, window)) < 1 - np.exp(-hits)
    for parity in (0, 1):
        rows, sites = np.nonzero(chosen[:, parity::2])
        sites = 2 * sites + parity + 1
        given = cumulative[padded[rows, sites - 1], padded[rows, sites + 1]]
        padded[rows, sites] = (rng.random(len(rows))[:, None] > given).sum(axis=1)
    return padded[:, 1:-1].copy()
