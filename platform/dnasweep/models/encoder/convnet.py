"""A small convolutional network over single bases: a baseline for encoders.

A first layer of wide filters finds motifs, residual layers of increasing dilation detect their
arrangement (receptive field: 77 bases), and the head uses the maximum and the mean activation of
each channel, so neither length nor position matters. The network has about 0.3 million parameters,
and is trained only on the labelled rows. Networks of this kind won or tied many benchmarks of this
field (Grešová et al. 2023, Genomic Benchmarks; Basset, Kelley et al. 2016).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import BaseModelOutput, SequenceClassifierOutput

from dnasweep.config.model import CONVNET
from dnasweep.models.families.arguments import refuse

_EMBEDDING = 16
_FIRST_KERNEL = 15
_KERNEL = 3
RELOAD = (
    "Convolutional network of dnasweep, which transformers does not have: load it with "
    "dnasweep.models.pretrained.checkpoint.load_classifier, or call "
    "dnasweep.models.encoder.convnet.register() before AutoModel's from_pretrained."
)
"""Written into `config.json` as `how_to_load`."""


class ConvNetConfig(PreTrainedConfig):
    """Configuration: `hidden_size` channels and `num_hidden_layers` dilated layers."""

    model_type = CONVNET
    vocab_size: int = 9
    hidden_size: int = 128
    num_hidden_layers: int = 5
    hidden_dropout_prob: float = 0.1
    initializer_range: float = 0.02
    pad_token_id: int | None = 0
    how_to_load: str = RELOAD


class _Layer(nn.Module):
    """A residual layer: norm, nonlinearity, dilated convolution."""

    def __init__(self, config: ConvNetConfig, dilation: int) -> None:
        super().__init__()
        width = config.hidden_size
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, _KERNEL, padding=dilation, dilation=dilation)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, real: Tensor | None) -> Tensor:
        return x + self.dropout(_convolve(self.conv, nn.functional.gelu(self.norm(x)), real))


def _convolve(conv: nn.Conv1d, x: Tensor, real: Tensor | None) -> Tensor:
    """Return a convolution over tokens, (rows, tokens, channels), with padding set to zero."""
    if real is not None:
        x = x * real
    return conv(x.transpose(1, 2)).transpose(1, 2)


class _ConvNet(PreTrainedModel):
    config: ConvNetConfig
    config_class = ConvNetConfig
    base_model_prefix = "convnet"


class ConvNetModel(_ConvNet):
    """The layers without the head."""

    def __init__(self, config: ConvNetConfig) -> None:
        super().__init__(config)
        self.word_embeddings = nn.Embedding(config.vocab_size, _EMBEDDING)
        self.motifs = nn.Conv1d(
            _EMBEDDING, config.hidden_size, _FIRST_KERNEL, padding=_FIRST_KERNEL // 2
        )
        self.layers = nn.ModuleList(
            _Layer(config, 2**number) for number in range(config.num_hidden_layers)
        )
        self.norm = nn.LayerNorm(config.hidden_size)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Return the table of token embeddings."""
        return self.word_embeddings

    def _init_weights(self, module: nn.Module) -> None:
        # Use torch's own initialisation of convolutions and embeddings; with small normal weights,
        # as in a transformer, activations would nearly vanish in a stack without normalised
        # inputs.
        if isinstance(module, nn.Conv1d | nn.LayerNorm | nn.Embedding):
            module.reset_parameters()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **others: Any,
    ) -> BaseModelOutput:
        """Return the last activations, (rows, tokens, channels).

        Parameters
        ----------
        input_ids
            Token ids, shape (rows, tokens).
        attention_mask
            1 for real tokens, (rows, tokens); None without padding.
        **others
            Further arguments; refused if they would change the result.
        """
        refuse(others)
        assert input_ids is not None
        x = self.word_embeddings(input_ids)
        real = None if attention_mask is None else attention_mask[..., None].to(x.dtype)
        x = _convolve(self.motifs, x, real)
        for layer in self.layers:
            x = layer(x, real)
        return BaseModelOutput(last_hidden_state=nn.functional.gelu(self.norm(x)))


class ConvNetForSequenceClassification(_ConvNet):
    """The classifier: a linear layer on the maximum and the mean activation of each channel."""

    def __init__(self, config: ConvNetConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.convnet = ConvNetModel(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(2 * config.hidden_size, int(config.num_labels or 2))
        self.post_init()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **others: Any,
    ) -> SequenceClassifierOutput:
        """Return the class logits, (rows, classes), as `.logits`.

        Parameters
        ----------
        input_ids, attention_mask, **others
            As for :class:`ConvNetModel`.
        """
        x = self.convnet(input_ids, attention_mask, **others).last_hidden_state
        if attention_mask is None:
            pooled = torch.cat([x.amax(1), x.mean(1)], dim=-1)
        else:
            real = attention_mask.bool()[..., None]
            largest = x.masked_fill(~real, torch.finfo(x.dtype).min).amax(1)
            pooled = torch.cat([largest, (x * real).sum(1) / real.sum(1)], dim=-1)
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(pooled)))


def class_of(architecture: str) -> type[nn.Module] | None:
    """Return the class of this name, or None if it is not one of these models."""
    found = ConvNetForSequenceClassification
    return found if found.__name__ == architecture else None


def register() -> None:
    """Register these models with transformers' Auto classes."""
    AutoConfig.register(CONVNET, ConvNetConfig, exist_ok=True)
    AutoModelForSequenceClassification.register(
        ConvNetConfig, ConvNetForSequenceClassification, exist_ok=True
    )
