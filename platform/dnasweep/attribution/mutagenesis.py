"""In-silico mutagenesis: every base of a sequence mutated to each of the other three.

A mutated sequence is cut into tokens anew, so where a tokenizer's tokens depend on their
surroundings the whole sequence may come out in other tokens, as it would in a mutated genome.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from dnasweep.attribution.attribution import mean_loss
from dnasweep.attribution.game import Game
from dnasweep.errors import InputError
from dnasweep.formats.bases import UNKNOWN, encode
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.encoder.forward import class_logits
from dnasweep.tokens.tokenizers import DnaTokenizer

LETTERS = "ACGT"
BASES_AT_ONCE = 1 << 21
"""Bases of mutated sequences held at once."""


def values_of(
    game: Game, tokenizer: DnaTokenizer, sequences: Sequence[str]
) -> NDArray[np.float64]:
    """Return the value of whole sequences, (sequences,), those of one token count together."""
    encoded = tokenizer.encode(list(sequences))
    counts = np.diff(encoded.offsets)
    most = capacity(game.model.config.to_dict())
    if counts.max(initial=0) > most:
        raise InputError(
            f"a mutated sequence has {counts.max()} tokens, more than the model's {most}",
            remedy="Shorten the sequences with --crop, or use a model trained on longer ones.",
        )
    values = np.empty(len(sequences))
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        flat = encoded.ids[encoded.offsets[rows][:, None] + np.arange(count)]
        ids = torch.from_numpy(flat.astype(np.int64))

        def logits(part: slice, ids: torch.Tensor = ids) -> torch.Tensor:
            return class_logits(game.model, ids[part].to(game.device), None)

        values[rows] = game.answer(len(rows), int(count), logits)
    return values


def effects_of(
    game: Game, tokenizer: DnaTokenizer, sequence: str
) -> tuple[float, NDArray[np.float64]]:
    """Return the value of a sequence, and what every mutation of a base changes.

    Returns
    -------
    full
        Value of the sequence.
    effects
        (bases, 4): value with A, C, G or T there less `full`; 0 for the base that is there, nan
        where it is none of the four.
    """
    codes = encode(sequence)
    effects = np.full((len(sequence), len(LETTERS)), np.nan)
    known = codes != UNKNOWN
    effects[known, codes[known]] = 0.0
    places = np.argwhere(known[:, None] & np.isnan(effects))
    full = float(values_of(game, tokenizer, [sequence])[0])
    for part in _parts(places, len(sequence)):
        mutated = [
            sequence[:place] + LETTERS[letter] + sequence[place + 1 :]
            for place, letter in part.tolist()
        ]
        effects[part[:, 0], part[:, 1]] = values_of(game, tokenizer, mutated) - full
    return full, effects


def token_sums(
    effects: NDArray[np.float64], starts: NDArray[np.int32], ends: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Return the mean loss of each token's bases, summed over the token, (tokens,)."""
    total = np.concatenate([[0.0], mean_loss(effects).cumsum()])
    return total[ends] - total[starts]


def _parts(places: NDArray[np.int64], width: int) -> Iterator[NDArray[np.int64]]:
    size = max(1, BASES_AT_ONCE // max(1, width))
    for start in range(0, len(places), size):
        yield places[start : start + size]
