"""DNABERT-2 and DNABERT-S: BERT without position embeddings, with attention biased by distance (ALiBi).

Query, key and value come from one linear layer, and the feed-forward layer is gated: the first half of
its width passes through GELU and gates the second. After Zhou et al. (2024), "DNABERT-2", ICLR, and MosaicBERT
(Portes et al. 2023).
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertPreTrainedModel,
)
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.bert.modeling_bert import BertPooler, BertPredictionHeadTransform

from dnasweep.models.families.arguments import refuse
from dnasweep.models.families.distance_bias import bias_of
from dnasweep.models.families.registry import DNABERT2

_STORED_UNUSED = [r"embeddings\.position_embeddings\."]
"""Unused weights stored by trainers that start from a BERT; positions enter through the attention bias."""
_STORED_WITHOUT_CLASSES = [*_STORED_UNUSED, r"^bert\.pooler\."]
"""The same for a masked language model, which does not use a pooler either."""
HEAD_EPS = 1e-12
"""Epsilon of the normalisation in the language model head, independent of the encoder."""


class DnaBert2Config(BertConfig):
    """BERT's configuration; `max_position_embeddings` has no effect."""

    model_type = DNABERT2.model_type

    # The authors' code ties the head to the embeddings, whatever the settings say.
    always_tied: ClassVar[bool] = True
    alibi_starting_size: int = 512
    # From the tokenizer; config.json does not contain it.
    pad_token_id: int | None = 3

    def __post_init__(self, **others: Any) -> None:
        self.tie_word_embeddings = True
        super().__post_init__(**others)


class _Embeddings(nn.Module):
    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(
            config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id
        )
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.word_embeddings(ids) + self.token_type_embeddings.weight[0]
        return self.dropout(self.LayerNorm(x))


class _Heads(nn.Module):
    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.Wqkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.num_heads = config.num_attention_heads
        self.dropout = config.attention_probs_dropout_prob

    def forward(
        self, x: Tensor, bias: Tensor, queries: slice, weights: list[Tensor] | None
    ) -> Tensor:
        parts = self.Wqkv(x).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        query, mask = query[:, :, queries], bias[:, :, queries].to(query.dtype)
        if weights is not None:
            # Fused attention does not return them.
            scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 + mask
            weights.append(scores.float().softmax(-1))
        context = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return context.transpose(1, 2).flatten(2)


class _MixerOutput(nn.Module):
    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, context: Tensor, residual: Tensor) -> Tensor:
        return self.LayerNorm(self.dropout(self.dense(context)) + residual)


class _Mixer(nn.Module):
    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.self = _Heads(config)
        self.output = _MixerOutput(config)


class _GatedFeedForward(nn.Module):
    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        width = config.intermediate_size
        self.gated_layers = nn.Linear(config.hidden_size, 2 * width, bias=False)
        self.wo = nn.Linear(width, config.hidden_size)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.gated_layers(x).chunk(2, dim=-1)
        return self.layernorm(self.wo(self.dropout(F.gelu(gate) * value)) + x)


class _Layer(nn.Module):
    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.attention = _Mixer(config)
        self.mlp = _GatedFeedForward(config)

    def forward(
        self,
        x: Tensor,
        bias: Tensor,
        queries: slice = slice(None),
        weights: list[Tensor] | None = None,
    ) -> Tensor:
        context = self.attention.self(x, bias, queries, weights)
        return self.mlp(self.attention.output(context, x[:, queries]))


class _Encoder(nn.Module):
    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.layer = nn.ModuleList([_Layer(config) for _ in range(config.num_hidden_layers)])


class DnaBert2Model(BertPreTrainedModel):
    """The encoder. Hidden states of padding are zero."""

    config: DnaBert2Config
    config_class = DnaBert2Config
    _can_record_outputs: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]
    _keys_to_ignore_on_load_unexpected = _STORED_UNUSED

    def __init__(self, config: DnaBert2Config, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = _Embeddings(config)
        self.encoder = _Encoder(config)
        self.pooler = BertPooler(config) if add_pooling_layer else None
        self._bias: Tensor | None = None
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the table of token embeddings."""
        return self.embeddings.word_embeddings

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the table of token embeddings."""
        self.embeddings.word_embeddings = value  # type: ignore[assignment]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        first_only: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        **others: Any,
    ) -> BaseModelOutputWithPooling:
        """Return the last hidden states, (rows, tokens, hidden), and the pooled first token.

        Parameters
        ----------
        input_ids
            Token ids, shape (rows, tokens).
        attention_mask
            1 at real tokens, (rows, tokens); None when nothing is padded.
        first_only
            Whether the last layer is computed only at the first token, which is then the only one returned.
        output_hidden_states
            Whether the states after the embeddings and after each layer are also returned.
        output_attentions
            Whether the attention weights of each layer are also returned, (rows, heads, tokens, tokens).
        **others
            Further arguments; refused if they would change the result.
        """
        refuse(others)
        assert input_ids is not None
        x = self.embeddings(input_ids)
        real = None if attention_mask is None else attention_mask.bool()
        bias = self._distance_bias(x.shape[1], x.device)
        if real is not None:
            bias = bias.masked_fill(~real[:, None, None, :], torch.finfo(bias.dtype).min)
        states = [x]
        weights: list[Tensor] | None = [] if output_attentions else None
        for i, layer in enumerate(self.encoder.layer, start=1):
            last = i == len(self.encoder.layer)
            queries = slice(0, 1) if first_only and last else slice(None)
            x = layer(x, bias, queries, weights)
            states.append(x)
        if real is not None:
            x = x.masked_fill(~real[:, : x.shape[1], None], 0.0)
        return BaseModelOutputWithPooling(
            last_hidden_state=x,
            pooler_output=None if self.pooler is None else self.pooler(x),
            hidden_states=tuple(states) if output_hidden_states else None,
            attentions=None if weights is None else tuple(weights),
        )

    def _distance_bias(self, tokens: int, device: torch.device) -> Tensor:
        """Return the bias for `tokens` tokens; the longest bias computed so far is cached."""
        kept = self._bias
        if kept is None or kept.device != device or kept.shape[-1] < tokens:
            # A tensor made in inference mode could not be used in training afterwards.
            with torch.inference_mode(False), torch.no_grad():
                kept = bias_of(self.config.num_attention_heads, tokens, device)
            self._bias = kept
        return kept[:, :, :tokens, :tokens]


class _Predictions(nn.Module):
    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        # The activation of the encoder is always GELU, whatever the settings say.
        self.transform = BertPredictionHeadTransform(config)
        self.transform.LayerNorm.eps = HEAD_EPS
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)


class _Head(nn.Module):
    def __init__(self, config: DnaBert2Config) -> None:
        super().__init__()
        self.predictions = _Predictions(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.predictions.decoder(self.predictions.transform(x))


class DnaBert2ForMaskedLM(BertForMaskedLM):
    """The masked language model."""

    config: DnaBert2Config
    config_class = DnaBert2Config
    _keys_to_ignore_on_load_unexpected = _STORED_WITHOUT_CLASSES
    _tied_weights_keys: ClassVar[dict[str, str]] = {  # type: ignore[misc]
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight"
    }

    def __init__(self, config: DnaBert2Config) -> None:
        # Skip the parent's constructor, which would create a BERT first.
        super(BertForMaskedLM, self).__init__(config)
        self.bert = DnaBert2Model(config, add_pooling_layer=False)  # type: ignore[assignment]
        self.cls = _Head(config)  # type: ignore[assignment]
        self.post_init()


class DnaBert2ForSequenceClassification(BertForSequenceClassification):
    """The classifier, which reads the pooled first token."""

    config: DnaBert2Config
    config_class = DnaBert2Config
    _keys_to_ignore_on_load_unexpected = _STORED_UNUSED

    def __init__(self, config: DnaBert2Config) -> None:
        super(BertForSequenceClassification, self).__init__(config)
        self.num_labels = config.num_labels
        self.bert = DnaBert2Model(config)  # type: ignore[assignment]
        chosen = config.classifier_dropout
        self.dropout = nn.Dropout(config.hidden_dropout_prob if chosen is None else chosen)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)  # type: ignore[arg-type]
        self.post_init()

    def forward(self, *arguments: Any, **named: Any) -> Any:
        """Return the class logits, (rows, classes), as `.logits`.

        Parameters
        ----------
        *arguments, **named
            As for :class:`DnaBert2Model`; the last layer is computed only at the first token, unless
            its attention is requested.
        """
        return super().forward(*arguments, **named, first_only=not named.get("output_attentions"))
