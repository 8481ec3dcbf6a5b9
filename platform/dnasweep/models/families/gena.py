"""GENA-LM: transformers' BERT with layer normalisation before attention and feed-forward layers.

x = x + Attention(pre_attention_ln(x)), then x = x + FeedForward(post_attention_ln(x)), and after the last
layer `last_layer_ln` if the configuration says so. After Fishman et al. (2025), "GENA-LM", Nucleic Acids
Research 53.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, BertModel
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast
from transformers.models.bert.modeling_bert import (
    BertIntermediate,
    BertLayer,
    BertOnlyMLMHead,
    BertSelfAttention,
)

from dnasweep.models.families.registry import GENA

_STORED_UNUSED = [r"cls\.seq_relationship\.", r"^bert\.pooler\."]
"""Patterns of weights of the next-sentence task, which a masked language model does not use."""


_OF_DECODERS = (
    "encoder_hidden_states",
    "encoder_attention_mask",
    "past_key_values",
    "use_cache",
    "position_ids",
)
"""Arguments that a BERT passes to its encoder, and that only decoders read."""


class GenaConfig(BertConfig):
    """BERT's configuration with the positions of layer normalisation."""

    model_type = GENA.model_type

    pre_layer_norm: bool = True
    last_layer_norm: bool | None = None

    def __post_init__(self, **others: Any) -> None:
        if self.last_layer_norm is None:
            self.last_layer_norm = self.pre_layer_norm
        if self.last_layer_norm and not self.pre_layer_norm:
            raise ValueError("last_layer_norm is true, but pre_layer_norm is false")
        super().__post_init__(**others)


class _Dense(nn.Module):
    """A linear layer with dropout, whose weights are named `dense`."""

    def __init__(self, width: int, config: GenaConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(width, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.dense(x))


class _Mixer(nn.Module):
    def __init__(self, config: GenaConfig, index: int) -> None:
        super().__init__()
        self.self = BertSelfAttention(config, layer_idx=index)
        self.output = _Dense(config.hidden_size, config)


class GenaLayer(GradientCheckpointingLayer):
    """A layer with normalisation before attention and feed-forward."""

    def __init__(self, config: GenaConfig, index: int) -> None:
        super().__init__()
        self.pre_attention_ln = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = _Mixer(config, index)
        self.post_attention_ln = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.intermediate = BertIntermediate(config)
        self.output = _Dense(config.intermediate_size, config)

    def forward(
        self,
        x: Tensor,
        attention_mask: Tensor | None = None,
        *,
        first_only: bool = False,
        **others: Any,
    ) -> Tensor:
        """Return the output of the layer, (rows, tokens, hidden).

        Parameters
        ----------
        x
            Input, shape (rows, tokens, hidden).
        attention_mask
            Attention mask in the form expected by transformers' attention.
        first_only
            Whether to compute only the first token, which is then the only one returned.
        **others
            Further arguments, passed on to attention.
        """
        normal = self.pre_attention_ln(x)
        if first_only:
            context, x = _first_context(self.attention.self, normal, attention_mask), x[:, :1]
        else:
            context, _ = self.attention.self(normal, attention_mask, **others)
        x = x + self.attention.output(context)
        return x + self.output(self.intermediate(self.post_attention_ln(x)))


def _first_context(part: BertSelfAttention, x: Tensor, mask: Tensor | None) -> Tensor:
    """Return the attention output of the first token, (rows, 1, hidden)."""
    heads = (part.num_attention_heads, part.attention_head_size)
    context = F.scaled_dot_product_attention(
        part.query(x[:, :1]).unflatten(-1, heads).transpose(1, 2),
        part.key(x).unflatten(-1, heads).transpose(1, 2),
        part.value(x).unflatten(-1, heads).transpose(1, 2),
        attn_mask=None if mask is None else mask[:, :, :1],
        dropout_p=part.dropout.p if part.training else 0.0,
    )
    return context.transpose(1, 2).flatten(2)


class _Encoder(nn.Module):
    def __init__(self, config: GenaConfig) -> None:
        super().__init__()
        if config.pre_layer_norm:
            layers: list[nn.Module] = [
                GenaLayer(config, i) for i in range(config.num_hidden_layers)
            ]
        else:
            layers = [BertLayer(config, i) for i in range(config.num_hidden_layers)]
        self.layer = nn.ModuleList(layers)
        self.last_layer_ln = (
            nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
            if config.last_layer_norm
            else None
        )

    def forward(
        self, x: Tensor, attention_mask: Tensor | None = None, **others: Any
    ) -> BaseModelOutputWithPast:
        for name in _OF_DECODERS:
            others.pop(name, None)
        first_only = others.pop("first_only", False)
        for layer in self.layer[:-1]:
            x = layer(x, attention_mask, **others)
        if first_only and isinstance(self.layer[-1], GenaLayer):
            others["first_only"] = True
        x = self.layer[-1](x, attention_mask, **others)
        if self.last_layer_ln is not None:
            x = self.last_layer_ln(x)
        return BaseModelOutputWithPast(last_hidden_state=x)


class GenaModel(BertModel):
    """The encoder."""

    config: GenaConfig
    config_class = GenaConfig
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [  # type: ignore[misc]
        r"cls\.seq_relationship\."
    ]
    _can_record_outputs: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "hidden_states": [GenaLayer, BertLayer],
        "attentions": BertSelfAttention,
    }

    def __init__(self, config: GenaConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config, add_pooling_layer=add_pooling_layer)
        self.encoder = _Encoder(config)  # type: ignore[assignment]
        self.post_init()


class GenaForMaskedLM(BertForMaskedLM):
    """The masked language model."""

    config: GenaConfig
    config_class = GenaConfig
    _keys_to_ignore_on_load_unexpected = _STORED_UNUSED

    def __init__(self, config: GenaConfig) -> None:
        # Skip the parent's constructor, which would create a BERT first.
        super(BertForMaskedLM, self).__init__(config)
        self.bert = GenaModel(config, add_pooling_layer=False)
        self.cls = BertOnlyMLMHead(config)
        self.post_init()


class GenaForSequenceClassification(BertForSequenceClassification):
    """The classifier, which reads the pooled first token."""

    config: GenaConfig
    config_class = GenaConfig

    def __init__(self, config: GenaConfig) -> None:
        super(BertForSequenceClassification, self).__init__(config)
        self.num_labels = config.num_labels
        self.bert = GenaModel(config)
        chosen = config.classifier_dropout
        self.dropout = nn.Dropout(config.hidden_dropout_prob if chosen is None else chosen)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)  # type: ignore[arg-type]
        self.post_init()

    def forward(self, *arguments: Any, **named: Any) -> Any:
        """Return the class logits, (rows, classes), as `.logits`.

        Parameters
        ----------
        *arguments, **named
            As for a BERT; the last layer is computed only at the first token, unless states or attention of
            all tokens are requested.
        """
        all_tokens = named.get("output_attentions") or named.get("output_hidden_states")
        return super().forward(*arguments, **named, first_only=not all_tokens)
