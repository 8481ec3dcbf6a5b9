"""Our RoBERTa without embeddings of positions, its attention biased by distance instead.

transformers has no such model. Its directories therefore name a model type of their own, so that
transformers alone refuses them in so many words, where it would otherwise run a RoBERTa with random
positions and say nothing. :func:`dnasweep.models.checkpoint.load_classifier` opens them, and after
:func:`register` so do transformers' Auto classes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
)
from transformers.modeling_outputs import MaskedLMOutput, SequenceClassifierOutput

from dnasweep.models.capacity import ALIBI
from dnasweep.models.forward import class_logits, masked_first, masked_logits

RELOAD = (
    "RoBERTa without position embeddings, its attention biased by distance (ALiBi, both sides). "
    "transformers has no such model: load it with dnasweep.models.checkpoint.load_classifier or "
    "load_masked_lm, or call dnasweep.models.alibi.register() before AutoModel's from_pretrained."
)
"""Written into `config.json` as `how_to_load`."""


class AlibiRobertaConfig(RobertaConfig):
    """A RoBERTa's configuration; `max_position_embeddings` tells what it was trained on."""

    model_type = ALIBI


class AlibiRobertaForMaskedLM(RobertaForMaskedLM):
    """A masked language model; see the module's description."""

    config_class = AlibiRobertaConfig

    def __init__(self, config: AlibiRobertaConfig) -> None:
        super().__init__(config)
        self.roberta.embeddings.position_embeddings = None  # type: ignore[assignment]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **others: Any,
    ) -> Any:
        """Return the vocabulary logits, (rows, tokens, vocabulary), as `.logits`."""
        _refuse(others, "labels")
        assert input_ids is not None
        everywhere = torch.arange(input_ids.numel(), device=input_ids.device)
        logits = masked_logits(self, input_ids, _mask(attention_mask), everywhere)
        return MaskedLMOutput(logits=logits.view(*input_ids.shape, -1))


class AlibiRobertaForSequenceClassification(RobertaForSequenceClassification):
    """A classifier; see the module's description."""

    config_class = AlibiRobertaConfig

    def __init__(self, config: AlibiRobertaConfig) -> None:
        super().__init__(config)
        self.roberta.embeddings.position_embeddings = None  # type: ignore[assignment]

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        **others: Any,
    ) -> Any:
        """Return the class logits, (rows, classes), as `.logits`."""
        _refuse(others, "labels")
        mask = _mask(attention_mask)
        if input_ids is not None:
            return SequenceClassifierOutput(logits=class_logits(self, input_ids, mask))
        hidden = masked_first(self.roberta, None, mask, inputs_embeds)
        return SequenceClassifierOutput(logits=self.classifier(hidden.unsqueeze(1)))


def _mask(attention: Tensor | None) -> Tensor | None:
    return None if attention is None else attention.bool()


def _refuse(others: dict[str, Any], *names: str) -> None:
    """Refuse arguments that would otherwise be left unread."""
    for name in (*names, "position_ids", "output_attentions", "output_hidden_states"):
        if others.get(name) is not None:
            raise NotImplementedError(f"{name} is not for a model with biased attention")


def make_config(settings: dict[str, Any]) -> AlibiRobertaConfig:
    """Return the configuration of a model whose attention is biased."""
    config = AlibiRobertaConfig(**settings)
    config.how_to_load = RELOAD
    return config


def class_of(architecture: str) -> type[nn.Module] | None:
    """Return the class of this name, where it is one of these."""
    known = (AlibiRobertaForMaskedLM, AlibiRobertaForSequenceClassification)
    return next((kind for kind in known if kind.__name__ == architecture), None)


def register() -> None:
    """Make transformers' Auto classes know these models."""
    AutoConfig.register(ALIBI, AlibiRobertaConfig, exist_ok=True)
    AutoModelForMaskedLM.register(AlibiRobertaConfig, AlibiRobertaForMaskedLM, exist_ok=True)
    AutoModelForSequenceClassification.register(
        AlibiRobertaConfig, AlibiRobertaForSequenceClassification, exist_ok=True
    )
