"""Built-in data: promoters of related species with elements at known positions, and negatives.

Families of orthologous sequences evolve down the species tree. Half are promoters, with elements at
their correct positions; half are negatives of the same composition, including CpG islands, which contain the
same elements less often and at any other position. Therefore k-mer counts separate the classes partly, and
positions of elements separate them better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from dnasweep.data.dataset_config import DECOY_RATE
from dnasweep.data.evolution import (
    ISLAND,
    NEGATIVE_ISLAND,
    TreeNode,
    draw,
    evolve,
    mean_composition,
    species_tree,
)
from dnasweep.data.planted_elements import ELEMENTS, ISLAND_NAME, Element, island_frequency
from dnasweep.data.species import SPECIES, resolve
from dnasweep.data.table import make_table
from dnasweep.errors import InputError
from dnasweep.formats.bases import Codes, decode_rows

CONSERVED = 0.25
"""Substitution rate in elements, as a fraction of the neutral rate."""
TURNOVER = 0.5
"""Rate of loss and gain of elements: presence correlates by exp(-TURNOVER x branch)."""
SHORTEST_WINDOW = 60
"""Minimum window in bases, with room for the core promoter from the TATA box to the initiator."""

_ISLAND_WIDTH = 200


class Simulation(NamedTuple):
    """Simulated sequences with their elements and families."""

    table: pd.DataFrame
    """The sequences, label 1 for promoters and 0 for negatives, as
    :mod:`dnasweep.data.table` defines them."""
    elements: pd.DataFrame
    """True elements of the promoters: id, element, start, end (0-based, half-open, in the
    sequence), strand."""
    decoys: pd.DataFrame
    """The same for elements in the negatives, which are all at other positions."""
    families: NDArray[np.int64]
    """(rows,) family of each row; rows of the same family are orthologous."""


def tss_index(window: int) -> int:
    """Return the 0-based index of the first transcribed base (+1): 249 in a window of 300 bases.

    Examples
    --------
    >>> tss_index(300), tss_index(60)
    (249, 49)
    """
    return window * 5 // 6 - 1


def simulate(
    *,
    sequences_per_species: int = 300,
    window: int = 300,
    seed: int = 0,
    species: Sequence[str] = tuple(SPECIES),
    decoy_rate: float = DECOY_RATE,
) -> Simulation:
    """Return simulated promoters and negatives of several species, the same for the same arguments.

    Parameters
    ----------
    sequences_per_species
        Number of sequences, half promoters and half negatives.
    window
        Bases per sequence; five sixths are upstream of the transcription start.
    seed
        Seed of all random choices.
    species
        Species with known distances, by any name. A species other than the eight built-in ones has the
        rates, composition and elements of the nearest of them, see
        :func:`~dnasweep.data.species.stand_in`.
    decoy_rate
        Frequency of elements in negatives, relative to promoters: with 0, k-mer counts separate the
        classes; with 1, only positions do.

    Raises
    ------
    InputError
        For a window, number, rate or species that cannot be simulated.
    """
    names = tuple(dict.fromkeys(resolve(s) for s in species))
    for name, value, fits, remedy in (
        ("species", species, len(names) > 0, "Name at least one species."),
        ("sequences_per_species", sequences_per_species, sequences_per_species >= 2, "Use 2 or more."),
        ("window", window, window >= SHORTEST_WINDOW, f"Use at least {SHORTEST_WINDOW} bases."),
        ("decoy_rate", decoy_rate, 0 <= decoy_rate <= 1, "Use a fraction."),
    ):  # fmt: skip
        if not fits:
            raise InputError(f"{name} is {value!r}", remedy=remedy)
    rng = np.random.default_rng(seed)
    tree = species_tree(names)
    num_promoters = (sequences_per_species + 1) // 2
    promoter = np.arange(sequences_per_species) < num_promoters
    made = _Made(_backgrounds(tree, sequences_per_species, window, rng), [])
    _lay_islands(made, tree, promoter, window, rng)
    for element in ELEMENTS:
        _lay_element(made, tree, element, promoter, window, decoy_rate, rng)
    features = pd.concat(made.features, ignore_index=True)
    return _assemble(names, made.codes, promoter, features)


class _Made(NamedTuple):
    """Sequences and elements simulated so far."""

    codes: dict[str, Codes]
    """Codes by species, (families, bases)."""
    features: list[pd.DataFrame]
    """The elements in the sequences."""

    def lay(
        self,
        species: str,
        element: str,
        rows: NDArray[np.int64],
        starts: NDArray[np.int64],
        bases: Codes,
        strand: str | NDArray[np.str_],
    ) -> None:
        """Write the bases of an element into some rows of a species."""
        width = bases.shape[1]
        self.codes[species][rows[:, None], starts[:, None] + np.arange(width)] = bases
        places = {"family": rows, "start": starts, "end": starts + width, "strand": strand}
        self.features.append(pd.DataFrame({"species": species, "element": element, **places}))


def _backgrounds(
    tree: Sequence[TreeNode], num: int, window: int, rng: np.random.Generator
) -> dict[str, Codes]:
    """Return (num, window) codes of each species, evolved from one ancestor."""
    at: list[Codes] = []
    for node in tree:
        composition = mean_composition(node.below)
        if node.parent < 0:
            at.append(draw(composition, num, window, rng))
        else:
            at.append(evolve(at[node.parent], node.branch, composition, rng))
    return {node.species: codes for node, codes in zip(tree, at, strict=True) if node.species}


def _lay_islands(
    made: _Made,
    tree: Sequence[TreeNode],
    promoter: NDArray[np.bool_],
    window: int,
    rng: np.random.Generator,
) -> None:
    """Add CpG islands to both classes equally often, over the transcription start in promoters."""
    num = len(promoter)
    width = min(_ISLAND_WIDTH, window)
    at_start = np.clip(tss_index(window) - width * 3 // 4, 0, window - width)
    starts = np.where(promoter, at_start, rng.integers(0, window - width + 1, num))
    at: list[Codes] = []
    kinds = ((promoter, ISLAND), (~promoter, NEGATIVE_ISLAND))
    for node in tree:
        here = np.empty((num, width), dtype=np.uint8)
        for rows, composition in kinds:
            here[rows] = (
                draw(composition, int(rows.sum()), width, rng)
                if node.parent < 0
                else evolve(at[node.parent][rows], node.branch, composition, rng)
            )
        at.append(here)
    latent = _latent(tree, num, rng)
    for leaf, node in enumerate(tree):
        if node.species:
            inside = np.flatnonzero(latent[leaf] < ndtri(island_frequency(node.species)))
            made.lay(node.species, ISLAND_NAME, inside, starts[inside], at[leaf][inside], ".")


def _lay_element(
    made: _Made,
    tree: Sequence[TreeNode],
    element: Element,
    promoter: NDArray[np.bool_],
    window: int,
    decoy_rate: float,
    rng: np.random.Generator,
) -> None:
    """Add one kind of element to the sequences of every species."""
    num, width, tss = len(promoter), element.width, tss_index(window)
    first = max(0, tss + element.first)
    last = min(window - width, tss + element.last)
    proper = rng.integers(first, max(first, last) + 1, num)
    # A decoy may be anywhere except at the correct positions of the element.
    elsewhere = (
        rng.integers(0, window - width + 1 - (last - first + 1), num) if last >= first else 0
    )
    starts = np.where(promoter, proper, elsewhere + (elsewhere >= first) * (last - first + 1))
    minus = rng.random(num) < (0.5 if element.either_strand else 0.0)
    probabilities = element.probabilities()
    at: list[Codes] = []
    for node in tree:
        drawn = (
            rng.random((num, width))[..., None] > np.cumsum(probabilities, axis=1)[:, :3]
        ).sum(axis=2, dtype=np.uint8)
        if node.parent >= 0:
            # Felsenstein 1981 with the base frequencies of the element at each site, at a reduced rate.
            hit = rng.random((num, width)) < 1 - np.exp(-CONSERVED * node.branch)
            drawn = np.where(hit, drawn, at[node.parent]).astype(np.uint8)
        at.append(drawn)
    latent = _latent(tree, num, rng)
    for leaf, node in enumerate(tree):
        if not node.species or last < first:
            continue
        frequency = element.frequency_in(node.species)
        threshold = np.where(promoter, ndtri(frequency), ndtri(frequency * decoy_rate))
        rows = np.flatnonzero(latent[leaf] < threshold)
        bases = at[leaf][rows]
        bases = np.where(minus[rows, None], 3 - bases[:, ::-1], bases).astype(np.uint8)
        strands = np.where(minus[rows], "-", "+")
        made.lay(node.species, element.name, rows, starts[rows], bases, strands)


def _latent(
    tree: Sequence[TreeNode], num: int, rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Return standard normal values at every node, correlated between relatives; a threshold on
    them decides which elements are present."""
    at: list[NDArray[np.float64]] = []
    for node in tree:
        fresh = rng.standard_normal(num)
        if node.parent < 0:
            at.append(fresh)
        else:
            kept = np.exp(-TURNOVER * node.branch)
            at.append(kept * at[node.parent] + np.sqrt(1 - kept**2) * fresh)
    return at


def _assemble(
    names: Sequence[str],
    codes: dict[str, Codes],
    promoter: NDArray[np.bool_],
    features: pd.DataFrame,
) -> Simulation:
    num = len(promoter)
    kinds = np.where(promoter, "promoter", "negative")
    within = [f"{kind}-{family:05d}" for family, kind in enumerate(kinds)]
    table = make_table(
        {
            "id": [f"{name}:{rest}" for name in names for rest in within],
            "sequence": [s for name in names for s in decode_rows(codes[name])],
            "label": np.tile(promoter.astype(np.int8), len(names)),
            "species": np.repeat(names, num),
        }
    )
    family = features["family"].to_numpy()
    features["id"] = features["species"] + ":" + pd.Series(within).iloc[family].to_numpy()
    features = features.sort_values(["id", "start", "element"], kind="stable")
    columns = ["id", "element", "start", "end", "strand"]
    true = promoter[features["family"].to_numpy()]
    return Simulation(
        table,
        features.loc[true, columns].reset_index(drop=True),
        features.loc[~true, columns].reset_index(drop=True),
        np.tile(np.arange(num, dtype=np.int64), len(names)),
    )
