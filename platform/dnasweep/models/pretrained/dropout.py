"""Set the dropout of a model to be trained, under all setting names used by transformers."""

from __future__ import annotations

from typing import Any

_DROPOUT = (
    "hidden_dropout_prob",
    "classifier_dropout",
    "classifier_dropout_prob",
    "dropout",
    "seq_classif_dropout",
    "embedding_dropout",
    "mlp_dropout",
)
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")


def set_dropout(settings: Any, dropout: float) -> None:
    """Set the dropout of a model to be built; attention weights get no dropout.

    Parameters
    ----------
    settings
        Configuration of a transformers model; changed in place.
    dropout
        Probability in encoder and head.
    """
    for names, value in ((_DROPOUT, dropout), (_ATTENTION_DROPOUT, 0.0)):
        for name in names:
            if hasattr(settings, name):
                setattr(settings, name, value)
