"""A RoBERTa without position embeddings, with attention biased by distance instead (ALiBi).

transformers has no such model. Its directories therefore have a separate model type: transformers
alone refuses them with an error, instead of silently running a RoBERTa with random position
embeddings. :func:`dnasweep.models.pretrained.checkpoint.load_classifier` opens them, and after
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

from dnasweep.models.encoder.capacity import ALIBI
from dnasweep.models.encoder.forward import class_logits, masked_logits
from dnasweep.models.encoder.roberta import first_hidden_state

RELOAD = (
    "RoBERTa without position embeddings, its attention biased by distance (ALiBi, both sides). "
    "transformers has no such model: load it with dnasweep.models.pretrained.checkpoint.load_classifier or "
    "load_masked_lm, or call dnasweep.models.encoder.alibi.register() before AutoModel's from_pretrained."
)
"""Written into `config.json` as `how_to_load`."""


class AlibiRobertaConfig(RobertaConfig):
    """Configuration of the model; `max_position_embeddings` is the maximum length in training."""

    model_type = ALIBI


class AlibiRobertaForMaskedLM(RobertaForMaskedLM):
    """The masked language model."""

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
        """Return the vocabulary logits, (rows, tokens, vocabulary), as `.logits`.

        Parameters
        ----------
        input_ids
            Token ids, shape (rows, tokens).
        attention_mask
            1 for real tokens, (rows, tokens); None without padding.
        **others
            Further arguments; refused if they would change the result.
        """
        _refuse(others)
        assert input_ids is not None
        all_positions = torch.arange(input_ids.numel(), device=input_ids.device)
        logits = masked_logits(self, input_ids, _as_bool(attention_mask), all_positions)
        return MaskedLMOutput(logits=logits.view(*input_ids.shape, -1))


class AlibiRobertaForSequenceClassification(RobertaForSequenceClassification):
    """The classifier."""

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
        """Return the class logits, (rows, classes), as `.logits`.

        Parameters
        ----------
        input_ids
            Token ids, (rows, tokens); None if `inputs_embeds` is given.
        attention_mask
            1 for real tokens, (rows, tokens); None without padding.
        inputs_embeds
            Token embeddings, (rows, tokens, hidden).
        **others
            Further arguments; refused if they would change the result.
        """
        _refuse(others)
        mask = _as_bool(attention_mask)
        if input_ids is not None:
            return SequenceClassifierOutput(logits=class_logits(self, input_ids, mask))
        hidden = first_hidden_state(self.roberta, None, mask, inputs_embeds)
        return SequenceClassifierOutput(logits=self.classifier(hidden.unsqueeze(1)))


def _as_bool(attention: Tensor | None) -> Tensor | None:
    return None if attention is None else attention.bool()


def _refuse(others: dict[str, Any]) -> None:
    """Refuse arguments that would otherwise be ignored."""
    for name in ("labels", "position_ids", "output_attentions", "output_hidden_states"):
        if others.get(name) is not None:
            raise NotImplementedError(f"a model with biased attention does not take {name}")


def make_config(settings: dict[str, Any]) -> AlibiRobertaConfig:
    """Return the configuration of a model with biased attention."""
    config = AlibiRobertaConfig(**settings)
    config.how_to_load = RELOAD
    return config


def class_of(architecture: str) -> type[nn.Module] | None:
    """Return the class of this name, or None if it is not one of these models."""
    known = (AlibiRobertaForMaskedLM, AlibiRobertaForSequenceClassification)
    return next((kind for kind in known if kind.__name__ == architecture), None)


def register() -> None:
    """Register these models with transformers' Auto classes."""
    AutoConfig.register(ALIBI, AlibiRobertaConfig, exist_ok=True)
    AutoModelForMaskedLM.register(AlibiRobertaConfig, AlibiRobertaForMaskedLM, exist_ok=True)
    AutoModelForSequenceClassification.register(
        AlibiRobertaConfig, AlibiRobertaForSequenceClassification, exist_ok=True
    )
