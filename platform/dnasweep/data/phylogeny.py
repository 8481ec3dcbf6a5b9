"""The tree that relates the species, built from their divergence times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import linkage

from dnasweep.data.species import distance

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
"""Neutral substitutions a site in a million years on each lineage. With the divergence times these
give 0.07 between human and macaque (6.5 % in Rhesus Macaque Genome Consortium 2007), 0.12 between
mouse and rat (0.15-0.20, Rat Genome Consortium 2004) and 0.5 between human and mouse (0.46-0.51,
Mouse Genome Consortium 2002); between classes and phyla sites are saturated."""


class TreeNode(NamedTuple):
    """One node of the tree; parents stand before their children."""

    parent: int
    """Index of the parent, -1 for the root."""
    branch: float
    """Expected substitutions a site on the branch from the parent."""
    species: str
    """The species of a leaf, empty inside the tree."""
    below: tuple[str, ...]
    """The species of the leaves below, of a leaf itself."""


def species_tree(species: Sequence[str]) -> tuple[TreeNode, ...]:
    """Return the tree of some species, root first.

    The topology is the average linkage of divergence times, which are those of a tree already. An
    inner branch has the mean rate of the lineages below it.

    Parameters
    ----------
    species
        Canonical names, at least one, each once.
    """
    names = list(species)
    children: dict[int, tuple[int, int]] = {}
    age = dict.fromkeys(range(len(names)), 0.0)
    below: dict[int, tuple[str, ...]] = {i: (name,) for i, name in enumerate(names)}
    if len(names) > 1:
        apart = [distance(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        for i, (left, right, height, _) in enumerate(linkage(np.array(apart), "average")):
            node = len(names) + i
            children[node] = (int(left), int(right))
            age[node] = float(height)
            below[node] = below[int(left)] + below[int(right)]
    nodes: list[TreeNode] = []
    waiting = [(max(age), -1, max(age))]
    while waiting:
        label, parent, parent_label = waiting.pop()
        rate = float(np.mean([SUBSTITUTIONS_PER_MYR[s] for s in below[label]]))
        branch = (age[parent_label] - age[label]) * rate
        leaf = names[label] if label < len(names) else ""
        nodes.append(TreeNode(parent, branch, leaf, below[label]))
        here = len(nodes) - 1
        waiting.extend((child, here, label) for child in children.get(label, ()))
    return tuple(nodes)
