"""Attention as an attribution: what share of the first token's attention each token gets.

It is no Shapley value: never negative, the same whatever the class, and nothing says that what is
attended to is what decides. Special tokens get their part too, so the tokens add up to less than 1.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from dnasweep.attribution.game import Game
from dnasweep.attribution.settings import AttentionLayers
from dnasweep.errors import InputError
from dnasweep.models.encoder.attention import first_token_attention, max_rows
from dnasweep.models.encoder.capacity import tokens_at_once


def attended(game: Game, ids: NDArray[np.int64], layers: AttentionLayers) -> NDArray[np.float64]:
    """Return the attention of [CLS] to the tokens between [CLS] and [SEP], (rows, players).

    Parameters
    ----------
    game
        The model and how it is run.
    ids
        Token ids with [CLS] and [SEP], (rows, tokens), nothing padded.
    layers
        See :func:`dnasweep.models.encoder.attention.first_token_attention`.

    Raises
    ------
    InputError
        For sequences that the model reads in windows, and models that do not tell their attention.
    """
    tokens = ids.shape[1]
    if tokens > tokens_at_once(game.model.config.to_dict()):
        raise InputError(
            "attention does not reach across the windows of a sequence longer than the model",
            remedy="Use another estimator than attention, or shorter sequences.",
        )
    found = np.empty((len(ids), tokens - 2))

    def attend(part: slice) -> None:
        there = torch.from_numpy(ids[part]).to(game.device)
        shares = first_token_attention(game.model, there, None, layers)
        found[part] = shares[:, 1:-1].double().cpu().numpy()

    game.run(len(ids), tokens, attend, most_rows=max_rows(game.model, tokens, layers))
    return found
