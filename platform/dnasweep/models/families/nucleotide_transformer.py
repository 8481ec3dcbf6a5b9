"""The Nucleotide Transformer v2: transformers' ESM with rotary positions and a gated feed-forward layer.

The feed-forward layer computes twice its width; the first half passes through SiLU and gates the second.
After Dalla-Torre et al. (2025), "Nucleotide Transformer", Nature Methods 22.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from transformers import EsmConfig, EsmForMaskedLM, EsmForSequenceClassification, EsmModel
from transformers.models.esm.modeling_esm import EsmClassificationHead, EsmLMHead

from dnasweep.models.families.registry import NUCLEOTIDE_TRANSFORMER

_STORED_UNUSED = [
    r"position_embeddings\.weight$",
    r"rotary_embeddings\.inv_freq$",
    r"contact_head\.",
]
"""Patterns of weights stored by the authors' code that this platform does not use."""
_MADE_UNUSED = [r"contact_head\.", r"rotary_embeddings\.inv_freq$"]


class NucleotideTransformerConfig(EsmConfig):
    """ESM's configuration, with a setting for biases of the feed-forward layer.

    Absent settings have the values that the authors' code gives them; published models set `add_bias_fnn` to false
    and `position_embedding_type` to `rotary`.
    """

    model_type = NUCLEOTIDE_TRANSFORMER.model_type

    add_bias_fnn: bool = True


class _Gate(nn.Module):
    def __init__(self, config: NucleotideTransformerConfig) -> None:
        super().__init__()
        width = 2 * config.intermediate_size
        self.dense = nn.Linear(config.hidden_size, width, bias=config.add_bias_fnn)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.dense(x).chunk(2, dim=-1)
        return F.silu(gate) * value


class _Output(nn.Module):
    def __init__(self, config: NucleotideTransformerConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(
            config.intermediate_size, config.hidden_size, bias=config.add_bias_fnn
        )
        self.dropout = nn.Dropout(config.hidden_dropout_prob or 0.0)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        return residual + self.dropout(self.dense(x))


class NucleotideTransformerModel(EsmModel):
    """The encoder."""

    config: NucleotideTransformerConfig
    config_class = NucleotideTransformerConfig
    _keys_to_ignore_on_load_unexpected = _STORED_UNUSED
    _keys_to_ignore_on_load_missing = _MADE_UNUSED

    def __init__(
        self, config: NucleotideTransformerConfig, add_pooling_layer: bool = False
    ) -> None:
        super().__init__(config, add_pooling_layer=add_pooling_layer)
        for layer in self.encoder.layer:
            layer.intermediate = _Gate(config)
            layer.output = _Output(config)
        self.post_init()


class NucleotideTransformerForMaskedLM(EsmForMaskedLM):
    """The masked language model."""

    config: NucleotideTransformerConfig
    config_class = NucleotideTransformerConfig
    _keys_to_ignore_on_load_unexpected = _STORED_UNUSED
    _keys_to_ignore_on_load_missing = _MADE_UNUSED

    def __init__(self, config: NucleotideTransformerConfig) -> None:
        # Skip the parent's constructor, which would create an ESM first.
        super(EsmForMaskedLM, self).__init__(config)
        self.esm = NucleotideTransformerModel(config)
        self.lm_head = EsmLMHead(config)
        self.post_init()


class NucleotideTransformerForSequenceClassification(EsmForSequenceClassification):
    """The classifier, which reads <cls>."""

    config: NucleotideTransformerConfig
    config_class = NucleotideTransformerConfig
    _keys_to_ignore_on_load_unexpected = _STORED_UNUSED
    _keys_to_ignore_on_load_missing = _MADE_UNUSED

    def __init__(self, config: NucleotideTransformerConfig) -> None:
        super(EsmForSequenceClassification, self).__init__(config)
        self.num_labels = config.num_labels
        self.esm = NucleotideTransformerModel(config)
        self.classifier = EsmClassificationHead(config)
        self.post_init()


def ignore_padding_tokens(model: Any) -> None:
    """Prevent an ESM from reading padding tokens, whether or not the caller passes an attention mask.

    Rows of the Nucleotide Transformers have no last special token; this platform puts a padding token in its
    position.

    Parameters
    ----------
    model
        An ESM with any head, changed in place.
    """
    model.base_model.register_forward_pre_hook(_mask_padding, with_kwargs=True)


def _mask_padding(
    model: Any, arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    ids = arguments[0] if arguments else named.get("input_ids")
    if ids is None or model.config.pad_token_id is None:
        return None
    real = ids != model.config.pad_token_id
    given = named.get("attention_mask")
    mask = real.long() if given is None else real.long() * given.long()
    return arguments, {**named, "attention_mask": mask}
