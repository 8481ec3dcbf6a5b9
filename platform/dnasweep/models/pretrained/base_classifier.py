"""Classifiers of bases: any encoder with a linear layer on the last hidden state of each token.

A token covers several bases, so the layer has logits for each position in a token; a base uses the logits of
its position in the tokens that cover it (:mod:`dnasweep.models.encoder.bases`). transformers has no such model: its
`ForTokenClassification` gives one prediction per token, which cannot distinguish a splice site from its
neighbours.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

from torch import Tensor, nn
from transformers import MODEL_MAPPING, PreTrainedModel, RobertaConfig, RobertaModel
from transformers.modeling_outputs import TokenClassifierOutput

from dnasweep.models.encoder.capacity import ALIBI
from dnasweep.models.encoder.convnet import ConvNetConfig, ConvNetModel
from dnasweep.models.encoder.forward import last_hidden_state
from dnasweep.models.families.classes import classes_by_type
from dnasweep.models.pretrained.heads import OF_BASES
from dnasweep.tasks.registry import BASES_PER_TOKEN, BINS_PER_ROW
from dnasweep.tokens.tokenizers import DnaTokenizer

MOST_PLACES = 16
"""Maximum number of positions per token; later positions share the logits of the last one."""
_RELOAD = (
    "Classes of bases: the encoder of this model with a linear layer for each place in a token, which "
    "transformers does not have. Load it with dnasweep.load_model, or "
    "dnasweep.models.pretrained.checkpoint.load_classifier."
)
"""Written into `config.json` as `how_to_load`."""


class _BaseClassifier(PreTrainedModel):
    """An encoder with the layer; a class of transformers is mixed in for the initialisation of the encoder."""

    make_encoder: Any

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        setattr(self, self.base_model_prefix, type(self).make_encoder(config))
        self.num_labels = config.num_labels
        self.dropout = nn.Dropout(float(getattr(config, "hidden_dropout_prob", 0.0) or 0.0))
        places = getattr(config, BASES_PER_TOKEN, None) or 1
        self.classifier = nn.Linear(config.hidden_size, places * config.num_labels)
        self.post_init()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None
    ) -> TokenClassifierOutput:
        """Return the logits of each token, (rows, tokens, places x classes), as `.logits`.

        Parameters
        ----------
        input_ids
            Token ids, shape (rows, tokens).
        attention_mask
            1 at real tokens, (rows, tokens); None when nothing is padded.
        """
        mask = None if attention_mask is None else attention_mask.bool()
        states = last_hidden_state(self, input_ids, mask)
        return TokenClassifierOutput(logits=self.classifier(self.dropout(states)))


def base_classifier(settings: Any) -> type[PreTrainedModel]:
    """Return the class of classifiers of bases with the kind of encoder that a configuration describes."""
    kind: Any = type(settings)
    return _class_of(kind)


def set_base_head(settings: Any, tokenizer: DnaTokenizer | None, places: int = 1) -> None:
    """Set a configuration to describe a model of bases, of bins or of rows.

    Parameters
    ----------
    settings
        Configuration of a model, changed in place.
    tokenizer
        Tokenizer of the model, whose longest token determines the number of positions per token; None
        for a model of rows.
    places
        Bins of a row; 1 for a model of bases.
    """
    if tokenizer is None:
        for name in (BASES_PER_TOKEN, BINS_PER_ROW):
            if hasattr(settings, name):
                setattr(settings, name, None)
        if getattr(settings, "how_to_load", None) == _RELOAD:
            settings.how_to_load = getattr(type(settings)(), "how_to_load", None)
        return
    setattr(settings, BASES_PER_TOKEN, min(tokenizer.max_bases, MOST_PLACES))
    setattr(settings, BINS_PER_ROW, places if places > 1 else None)
    settings.how_to_load = _RELOAD


@functools.cache
def _class_of(kind: type[Any]) -> type[PreTrainedModel]:
    encoder = _encoder_of(kind)
    # An encoder class may derive from another one, whose layers the head must not add to its own.
    parent = next(one for one in encoder.__mro__ if PreTrainedModel in one.__bases__)
    name = encoder.__name__.removesuffix("Model") + OF_BASES
    body = {
        "config_class": kind,
        "make_encoder": functools.partial(_made, encoder, alibi=kind.model_type == ALIBI),
        "layer_by_layer": encoder is RobertaModel,
        "__module__": __name__,
        "__doc__": f"{encoder.__name__} with classes of bases.",
    }
    return type(name, (_BaseClassifier, parent), body)


def _encoder_of(kind: type[Any]) -> Any:
    family = classes_by_type(kind.model_type)
    if family is not None:
        return family.encoder
    if kind is ConvNetConfig:
        return ConvNetModel
    known: Any = MODEL_MAPPING
    return known[RobertaConfig if kind.model_type == ALIBI else kind]


def _made(encoder: Any, config: Any, *, alibi: bool) -> Any:
    """Return an encoder without a pooler, which would not be used."""
    pooled = "add_pooling_layer" in inspect.signature(encoder.__init__).parameters
    made = encoder(config, add_pooling_layer=False) if pooled else encoder(config)
    if alibi:
        made.embeddings.position_embeddings = None
    return made
