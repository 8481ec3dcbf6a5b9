"""Attention as an attribution: the share of the first token's attention that each token gets.

Attention is not a Shapley value: it is never negative, is the same for every class, and tokens with high
attention do not necessarily decide the call. Special tokens also get attention, so the values of the other
tokens sum to less than 1.
"""

from __future__ import annotations

import numpy as np
import torch

from dnasweep.attribution.block import Block, Estimates, Generators, values_of_whole
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.devices import to_device
from dnasweep.errors import InputError
from dnasweep.models.encoder.attention import first_token_attention, max_rows
from dnasweep.models.encoder.capacity import tokens_at_once


def attention(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    """Return the attention of [CLS] to the tokens, over the layers in `config.attention_layers`.

    See :func:`dnasweep.models.encoder.attention.first_token_attention`.

    Parameters
    ----------
    block, config, generators
        Arguments of every estimator, see :mod:`dnasweep.attribution.estimators`.

    Raises
    ------
    InputError
        For sequences that the model reads in windows, and models that do not return their attention.
    """
    model, tokens = block.model, block.ids.shape[1]
    if tokens > tokens_at_once(model.classifier.config.to_dict()):
        raise InputError(
            "attention does not reach across the windows of a sequence longer than the model",
            remedy="Use another estimator than attention, or shorter sequences.",
        )
    phi = np.empty((block.num_sequences, block.num_tokens))

    def compute(part: slice) -> None:
        there = to_device(torch.from_numpy(block.ids[part]), model.device)
        shares = first_token_attention(model.classifier, there, None, config.attention_layers)
        phi[part] = shares[:, 1:-1].double().cpu().numpy()

    limit = max_rows(model.classifier, tokens, config.attention_layers)
    model.run_in_batches(len(phi), tokens, compute, max_rows=limit)
    return Estimates(
        phi,
        standard_error=np.full(phi.shape, np.nan),
        prediction=values_of_whole(block),
        base_value=np.full(len(phi), np.nan),
        num_evals=np.full(len(phi), 2),
    )
