"""Check that a tokenizer is the one that a model was trained with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dnasweep.errors import InputError
from dnasweep.models.families.family import Family
from dnasweep.models.families.registry import family_of
from dnasweep.models.pretrained.config_file import CONFIG_FILE, read_settings
from dnasweep.tokens.loading import has_tokenizer, load_tokenizer
from dnasweep.tokens.tokenizers import DnaTokenizer


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
        if settings.pad_token_id == 0 and getattr(settings, "model_type", None) == "bert":
            remedy += (
                f' If it is this one, write "pad_token_id": {tokenizer.pad_id} in {CONFIG_FILE}: a BERT '
                "does not read it, and trainers leave 0 there."
            )
    if reason is None and family is not None:
        reason = _other_row_ends(family, tokenizer) or _other_complements(settings, tokenizer)
    if reason is not None:
        raise InputError(reason, file=directory, remedy=remedy)


def _other_row_ends(family: Family, tokenizer: DnaTokenizer) -> str | None:
    """Return how the rows of a tokenizer begin or end differently from those of a family, or None."""
    there = tokenizer.cls_id != tokenizer.pad_id
    if there != (family.first == "[CLS]"):
        return (
            f"rows of {family.name} begin with {family.first}, and those of the tokenizer do not"
        )
    there = tokenizer.sep_id != tokenizer.pad_id
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
