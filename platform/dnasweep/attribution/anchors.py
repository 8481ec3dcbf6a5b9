"""Anchors of the sequences of a block, searched for side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.anchor import Anchor, AnchorConfig
from dnasweep.attribution.anchor_search import Search, find_anchor
from dnasweep.attribution.game import Block


class AnchorEstimates(NamedTuple):
    """Anchors of a block, and membership as an attribution."""

    phi: NDArray[np.float64]
    """(sequences, players) what the token added to the precision when it joined the anchor, negative
    where the sequence is not called the class explained; 0 outside of the anchor."""
    error: NDArray[np.float64]
    """(sequences, players) standard error of it; nan outside of the anchor."""
    num_draws: NDArray[np.int64]
    """(sequences,) draws."""
    anchors: list[Anchor]
    """One a sequence."""


def search_anchors(
    block: Block, config: AnchorConfig, generators: Sequence[np.random.Generator]
) -> AnchorEstimates:
    """Find an anchor for the call of each sequence.

    The searches run side by side: what all of them want to know in a round is one batch.

    Parameters
    ----------
    block
        The sequences.
    config
        What an anchor is to fulfil.
    generators
        One a sequence.
    """
    every = np.arange(block.num_sequences)
    called = block.called(every, np.ones((len(every), block.num_players), bool))
    searches: list[Search] = [find_anchor(block.num_players, rng, config) for rng in generators]
    asked = {i: next(search) for i, search in enumerate(searches)}
    found: dict[int, Anchor] = {}
    while asked:
        rows = np.array(list(asked))
        counts = [len(masks) for masks in asked.values()]
        alike = block.called(np.repeat(rows, counts), np.concatenate(list(asked.values())))
        alike = alike == np.repeat(called[rows], counts)
        parts = np.split(alike, np.cumsum(counts)[:-1])
        asked = {}
        for i, part in zip(rows.tolist(), parts, strict=True):
            try:
                asked[i] = searches[i].send(part)
            except StopIteration as end:
                found[i] = end.value
    phi = np.zeros((block.num_sequences, block.num_players))
    error = np.full_like(phi, np.nan)
    anchors = [found[i]._replace(called=bool(called[i])) for i in range(block.num_sequences)]
    for i, anchor in enumerate(anchors):
        members = list(anchor.tokens)
        phi[i, members] = np.array(anchor.gains) * (1 if called[i] else -1)
        error[i, members] = anchor.errors
    return AnchorEstimates(phi, error, np.array([one.num_draws for one in anchors]), anchors)
