"""Check that a tokenizer is the one that a model was trained with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import FROM_PADDING
from dnasweep.models.families.family import Family
from dnasweep.models.families.registry import family_of
from dnasweep.models.pretrained.config_file import CONFIG_FILE, read_settings
from dnasweep.tokens.loading import has_tokenizer, load_tokenizer
from dnasweep.tokens.tokenizers import DnaTokenizer

_PADDING_BY_MASK = frozenset(
    "albert bert big_bird deberta deberta-v2 distilbert electra ernie megatron-bert nomic_bert roformer".split()
)
"""Kinds of models that do not read the id of the padding token, whose value 0 trainers leave in `config.json`."""


def check_own_vocabulary(directory: Path) -> None:
    """Refuse a model directory whose tokenizer does not match its model; a tokenizer may be missing."""
    if has_tokenizer(directory):
        found = read_settings(directory)
        settings: Any = SimpleNamespace(**found, to_dict=lambda: found)
        if family_of(found) is not None or not {"vocab_size", "pad_token_id"} <= found.keys():
            # Imported here because most configurations contain both values, and plans do not need transformers.
            from dnasweep.models.pretrained.settings import settings_of

            settings = settings_of(found, directory)
        check_vocabulary(settings, load_tokenizer(directory), directory)


def check_vocabulary(settings: Any, tokenizer: DnaTokenizer, directory: Path) -> None:
    """Refuse a tokenizer whose tokens or rows do not match a model.

    Parameters
    ----------
    settings
        Configuration of the model.
    tokenizer
        Tokenizer to check.
    directory
        Directory of the model, for error messages.

    Raises
    ------
    InputError
        With the mismatch.
    """
    family = family_of(settings.to_dict())
    unread = None if family is None else family.unread_pad_id
    size, embeddings = tokenizer.vocab_size, int(settings.vocab_size)
    # Embeddings are often padded to a multiple that suits the hardware.
    padded = {-(-size // multiple) * multiple for multiple in (1, 8, 16, 32, 64, 128)}
    reason = None
    remedy = "Give the model with the vocabulary it was trained with."
    if size > embeddings:
        reason = f"the tokenizer has ids up to {size - 1} and the model has {embeddings} token embeddings"
    elif embeddings not in padded:
        reason = f"the tokenizer has {size} tokens and the model {embeddings} token embeddings"
    elif settings.pad_token_id not in (None, unread, tokenizer.pad_id):
        reason = (
            f"config.json says the padding token is {settings.pad_token_id}, the tokenizer "
            f"{tokenizer.pad_id}"
        )
        kind = getattr(settings, "model_type", None)
        if settings.pad_token_id == 0 and kind in _PADDING_BY_MASK:
            remedy += (
                f' If it is this one, write "pad_token_id": {tokenizer.pad_id} in {CONFIG_FILE}: a model of the kind '
                f"{kind} does not read it, and trainers leave 0 there."
            )
    elif _end_is_padding(settings, tokenizer):
        reason = (
            f"rows of the tokenizer begin or end with its padding token, and models of the kind {settings.model_type} "
            "tell padding by its id"
        )
        remedy = "Use a model whose padding token is not also the first or last token of a row."
    if reason is None and family is not None:
        reason = _other_row_ends(family, tokenizer) or _other_complements(settings, tokenizer)
    if reason is not None:
        raise InputError(reason, file=directory, remedy=remedy)


def _end_is_padding(settings: Any, tokenizer: DnaTokenizer) -> bool:
    """Return whether a special token at an end of a row would be taken for padding.

    Such models count positions, or mask tokens, by the id of the padding token.
    """
    ends = {tokenizer.cls_id} if tokenizer.has_first else set()
    ends |= {tokenizer.sep_id} if tokenizer.has_last else set()
    return tokenizer.pad_id in ends and getattr(settings, "model_type", None) in FROM_PADDING


def _other_row_ends(family: Family, tokenizer: DnaTokenizer) -> str | None:
    """Return how the rows of a tokenizer begin or end differently from those of a family, or None."""
    there = tokenizer.has_first
    if there != (family.first == "[CLS]"):
        return (
            f"rows of {family.name} begin with {family.first}, and those of the tokenizer do not"
        )
    there = tokenizer.has_last
    # Rows of PlantCaduceus have no last token either.
    if there != (family.last == "[SEP]") and not family.complements:
        return f"rows of {family.name} end with {family.last}, and those of the tokenizer do not"
    return None


def _other_complements(settings: Any, tokenizer: DnaTokenizer) -> str | None:
    """Return how the complements of a model of both strands differ from those of DNA, or None."""
    if not getattr(settings, "rcps", False):
        return None
    ids = {token.upper(): i for i, token in enumerate(tokenizer.tokens)}
    found = settings.complements()
    for base, other in ("AT", "CG", "GC", "TA"):
        if base not in ids or found[ids[base]] != ids.get(other):
            return f"complement_map of config.json does not make {base} of the tokenizer {other}"
    return None
