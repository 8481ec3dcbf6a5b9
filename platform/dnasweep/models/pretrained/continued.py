"""Continued pretraining of a checkpoint: a masked language model with its existing head."""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedModel

from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import UNBOUNDED, check_fits, tokens_at_once
from dnasweep.models.pretrained.checkpoint import load_masked_lm
from dnasweep.models.pretrained.heads import kind_of
from dnasweep.models.pretrained.vocabulary_match import check_vocabulary
from dnasweep.tokens.tokenizers import DnaTokenizer


def check_masked(directory: Path) -> None:
    """Refuse a checkpoint that has not been pretrained by predicting masked tokens.

    Raises
    ------
    InputError
        For a causal model, a classifier, and an encoder without the head that predicts tokens.
    """
    head = kind_of(directory).head
    if head == "masked":
        return
    what = {
        "causal": "it is a causal model, which predicts the next token rather than masked ones",
        "classifier": "it is a classifier, without the head that predicts tokens",
        "none": "it has no head that predicts tokens",
    }[head]
    raise InputError(
        f"pretraining cannot be continued: {what}",
        file=directory,
        remedy="Leave out --continue-pretraining, or give a masked language model.",
    )


def masked_lm_of_checkpoint(
    directory: Path, *, tokenizer: DnaTokenizer, num_tokens: int, dropout: float
) -> PreTrainedModel:
    """Return the masked language model of a checkpoint, for further training.

    Parameters
    ----------
    directory
        A model directory.
    tokenizer
        Tokenizer of the rows; the model must have its tokens.
    num_tokens
        Number of tokens of the longest row.
    dropout
        Dropout probability.

    Raises
    ------
    InputError
        If the model is not a masked language model, or its vocabulary or length does not fit.
    """
    check_masked(directory)
    model = load_masked_lm(directory, dropout=dropout)
    check_vocabulary(model.config, tokenizer, directory)
    if (most := tokens_at_once(model.config.to_dict())) != UNBOUNDED:
        check_fits(most, num_tokens)
    return model
