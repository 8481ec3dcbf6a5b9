"""The forward pass of a classifier over very many rows on a CPU, such as the windows of a genome.

The logits equal those of the model's own forward pass, up to rounding. All rows consist of a few
thousand different tokens, so the query, key and value of the first layer need no matrix product
per row. The layer's input is the normalised sum of a token's embedding a and a position's b; with
the norm's weight multiplied into W, the product is

    (W a + W b - mean(a + b) W 1) / deviation(a + b) + constant,

where W a is computed once for each token and W b once for each position. The last layer is
computed only at [CLS], as in :mod:`dnasweep.models.encoder.perturbations`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedModel, RobertaForSequenceClassification

from dnasweep.devices import is_accelerator, total_memory
from dnasweep.models.encoder.batch_memory import SHARE, rows_within
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.perturbations import (
    CPU_TOKENS,
    RobertaPerturbedForward,
    is_plain_roberta,
)
from dnasweep.models.encoder.precision import Precision

MAX_BYTES = 1 << 26
"""Maximum size of the table of tokens; looking up values in a larger one costs as much as it
saves."""
ACCELERATOR_TOKENS = 1 << 16
"""Maximum number of tokens per batch on an accelerator: enough for full speed."""


def forward_of(
    model: PreTrainedModel, precision: Precision
) -> Callable[[Tensor, Tensor | None], Tensor]:
    """Return the fastest function with the arguments ids and attention of `class_logits`.

    Parameters
    ----------
    model
        A classifier in evaluation mode, on its device.
    precision
        Precision of the forward pass.
    """
    plain = partial(class_logits, model)
    if is_accelerator(model.device) or precision == "bf16":
        return plain
    if not is_plain_roberta(model) or _table_bytes(model) > MAX_BYTES:
        return plain
    unpadded = ManyRows(model)
    return lambda ids, attention: unpadded(ids) if attention is None else plain(ids, attention)


def rows_per_batch(num_tokens: int, device: torch.device, config: Mapping[str, Any]) -> int:
    """Return how many rows of `num_tokens` tokens make up a batch.

    The number is the same at every call, so values do not depend on other uses of the device.

    Parameters
    ----------
    num_tokens
        Number of tokens per row.
    device
        Device of the model.
    config
        Content of its `config.json`.
    """
    if not is_accelerator(device):
        return max(1, CPU_TOKENS // num_tokens)
    fit = rows_within(SHARE * total_memory(device), config, num_tokens)
    return min(fit, max(1, ACCELERATOR_TOKENS // num_tokens))


def _table_bytes(model: PreTrainedModel) -> int:
    return 4 * 3 * int(model.config.hidden_size) * int(model.config.vocab_size)


class ManyRows(RobertaPerturbedForward):
    """A RoBERTa classifier, ready to run over rows that all have the same number of tokens.

    Parameters
    ----------
    model
        Model in evaluation mode and fp32; its weights are not changed.
    """

    @torch.inference_mode()
    def __init__(self, model: RobertaForSequenceClassification) -> None:
        super().__init__(model)
        part = model.roberta.embeddings
        self._norm = part.LayerNorm
        self._tokens = part.word_embeddings.weight
        self._positions = (
            part.position_embeddings.weight[part.padding_idx + 1 :]
            + part.token_type_embeddings.weight[0]
        )
        if len(self.layers) == 1:
            return
        weight, bias = self.projections[0]
        scaled = weight * self._norm.weight
        self._projected_tokens = self._tokens @ scaled.T
        self._projected_positions = self._positions @ scaled.T
        self._projected_ones = scaled.sum(1)
        self._constant = weight @ self._norm.bias + bias

    def __call__(self, ids: Tensor) -> Tensor:
        """Return the class logits of token ids without padding, (rows, classes)."""
        tokens = ids.shape[1]
        x, mean, scale = torch.native_layer_norm(
            F.embedding(ids, self._tokens) + self._positions[:tokens],
            self._norm.normalized_shape,
            self._norm.weight,
            self._norm.bias,
            self._norm.eps,
        )
        if len(self.layers) == 1:
            return self._above(x, None)
        projected = F.embedding(ids, self._projected_tokens)
        projected += self._projected_positions[:tokens]
        projected.addcmul_(mean, self._projected_ones, value=-1)
        projected *= scale
        projected += self._constant
        return self._above(x, projected)
