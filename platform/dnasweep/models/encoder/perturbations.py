"""The forward pass of a classifier over many perturbations of the same sequences.

A perturbation of a sequence replaces some of its tokens by the mask token or by those of a
reference. The logits equal those of the model's own forward pass, which all models except RoBERTa
run. For a RoBERTa, work shared by perturbations is done once, and results that are not used are
not computed:

- a position of the input has few possible tokens (its own, or a reference's), so the embeddings and
  the first layer's query, key and value are computed once for each position and token, and gathered;
- the last layer is computed at [CLS] alone; there its key and value projections move to the other
  side of the attention, since q . (W x) = (W' q) . x and the weighted mean of W x is W of the
  weighted mean. What a key's bias adds is the same for every token, so softmax cancels it;
- all rows have the same number of tokens, so there is no padding and no attention mask;
- on a CPU, what follows the attention is computed for some tokens at a time, so that its widest
  tensor stays in the caches and its memory is reused instead of allocated for every batch.
"""

from __future__ import annotations

from typing import NamedTuple, TypeGuard, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel, RobertaForSequenceClassification
from transformers.models.roberta.modeling_roberta import RobertaLayer

from dnasweep.models.encoder.bases import Places, Spans, place_logits
from dnasweep.models.encoder.forward import class_logits, pool_of
from dnasweep.models.encoder.roberta import after_attention, embed

CPU_TOKENS = 3072
"""Number of tokens per batch on a CPU: enough for full speed, small enough for the caches."""
CPU_TOKENS_AT_ONCE = 1024
"""Number of tokens that are processed together by the feed-forward part on a CPU."""


def perturbed_forward(model: PreTrainedModel) -> RobertaPerturbedForward | PlainPerturbedForward:
    """Return the fastest way to run a classifier, in evaluation mode, over perturbed sequences."""
    if is_plain_roberta(model):
        return RobertaPerturbedForward(model)
    return PlainPerturbedForward(model)


def is_plain_roberta(model: PreTrainedModel) -> TypeGuard[RobertaForSequenceClassification]:
    """Return whether a model is a RoBERTa with positions that never reads in windows."""
    return type(model) is RobertaForSequenceClassification and pool_of(model) is None


class PlainPerturbedForward:
    """Any classifier; perturbations use its own forward pass."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model

    def tables(self, ids: Tensor) -> Tensor:
        """Return the token for every row of :meth:`RobertaPerturbedForward.tables`."""
        return ids.flatten()

    def logits(self, tables: Tensor, rows: Tensor) -> Tensor:
        """Return class logits as :meth:`RobertaPerturbedForward.logits` does."""
        return class_logits(self.model, tables[rows], None)

    def places(self, tables: Tensor, rows: Tensor, spans: Spans) -> Places:
        """Return the logits of the bases or bins of perturbed rows, for a classifier of bases.

        Parameters
        ----------
        tables, rows
            As for :meth:`logits`.
        spans
            Base intervals of the tokens, which are those of the original sequence.
        """
        return place_logits(self.model, tables[rows], None, spans)


class Tables(NamedTuple):
    """First-layer inputs of every token that may be at a position."""

    embedded: Tensor
    """(sequences * choices * tokens, hidden)."""
    projected: Tensor
    """Query, key and value of the first layer, (sequences * choices * tokens, 3 hidden)."""


class RobertaPerturbedForward:
    """A RoBERTa classifier, ready to run over perturbed sequences.

    Parameters
    ----------
    model
        Model in evaluation mode, on its device; its weights are not changed.
    """

    def __init__(self, model: RobertaForSequenceClassification) -> None:
        self.model = model
        self.layers = cast(list[RobertaLayer], list(model.roberta.encoder.layer))
        self.num_heads = int(model.config.num_attention_heads)
        self.projections = [_projection(layer) for layer in self.layers]

    def tables(self, ids: Tensor) -> Tables:
        """Return the tables of token ids, (sequences, choices, tokens); choice 0 is the original."""
        embedded = embed(self.model.roberta, ids.flatten(0, 1)).flatten(0, 1)
        if len(self.layers) == 1:
            return Tables(embedded, embedded)
        return Tables(embedded, F.linear(embedded, *self.projections[0]))

    def logits(self, tables: Tables, rows: Tensor) -> Tensor:
        """Return class logits, (perturbations, classes).

        Parameters
        ----------
        tables
            Tables returned by :meth:`tables`.
        rows
            Row of the tables at each position, (perturbations, tokens).
        """
        one_layer = len(self.layers) == 1
        return self._above(tables.embedded[rows], None if one_layer else tables.projected[rows])

    def _above(self, x: Tensor, projected: Tensor | None) -> Tensor:
        """Return class logits of inputs; `projected` is their first layer's query, key and value."""
        if projected is not None:
            x = self._after_attention(0, self._attend(projected), x)
        for i in range(1, len(self.layers) - 1):
            x = self._after_attention(i, self._attend(F.linear(x, *self.projections[i])), x)
        first = self._after_attention(len(self.layers) - 1, self._attend_first(x), x[:, 0])
        return self.model.classifier(first.unsqueeze(1))

    def _attend(self, projected: Tensor) -> Tensor:
        query, key, value = (
            projected.unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        )
        context = F.scaled_dot_product_attention(query, key, value)
        return context.transpose(1, 2).flatten(2)

    def _attend_first(self, x: Tensor) -> Tensor:
        """Return the last layer's attention output at [CLS], (perturbations, hidden)."""
        weight, bias = self.projections[-1]
        hidden = x.shape[-1]
        query_weight, key_weight, value_weight = weight.view(3, hidden, hidden).unbind(0)
        query_bias, _, value_bias = bias.view(3, hidden).unbind(0)
        heads = (self.num_heads, hidden // self.num_heads)
        query = F.linear(x[:, 0], query_weight, query_bias).unflatten(-1, heads)
        towards = torch.einsum("rhd,hdk->rhk", query, key_weight.view(*heads, hidden))
        scores = towards @ x.transpose(1, 2) * heads[1] ** -0.5
        mean = scores.softmax(-1).to(x.dtype) @ x
        value = torch.einsum("rhk,hdk->rhd", mean, value_weight.view(*heads, hidden))
        return value.flatten(1) + value_bias

    def _after_attention(self, i: int, context: Tensor, residual: Tensor) -> Tensor:
        """Return the output of layer `i` after its attention, some tokens at a time on a CPU."""
        layer = self.layers[i]
        if context.device.type != "cpu" or context[..., 0].numel() <= CPU_TOKENS_AT_ONCE:
            return after_attention(layer, context, residual)
        parts = zip(
            context.flatten(0, -2).split(CPU_TOKENS_AT_ONCE),
            residual.flatten(0, -2).split(CPU_TOKENS_AT_ONCE),
            strict=True,
        )
        return torch.cat([after_attention(layer, *part) for part in parts]).view(context.shape)


def _projection(layer: RobertaLayer) -> tuple[Tensor, Tensor]:
    """Return weight (3 hidden, hidden) and bias of query, key and value together."""
    parts: list[nn.Linear] = [getattr(layer.attention.self, n) for n in ("query", "key", "value")]
    return (
        torch.cat([part.weight for part in parts]).detach(),
        torch.cat([part.bias for part in parts]).detach(),
    )
