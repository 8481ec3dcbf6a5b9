"""Whether a tokenizer is the one that a model was trained with."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dnasweep.errors import InputError
from dnasweep.models.families.family import Family
from dnasweep.models.families.registry import family_of
from dnasweep.models.pretrained.config_file import read_settings
from dnasweep.tokens.loading import has_tokenizer, load_tokenizer
from dnasweep.tokens.tokenizers import DnaTokenizer


def check_own_vocabulary(directory: Path) -> None:
    """Refuse a model directory with a tokenizer that is not its model's; one without a tokenizer passes."""
    if has_tokenizer(directory):
        found = read_settings(directory)
        settings: Any = SimpleNamespace(**found, to_dict=lambda: found)
        if family_of(found) is not None or not {"vocab_size", "pad_token_id"} <= found.keys():
            # Imported here because most models say both themselves, and a plan does without transformers.
            from dnasweep.models.pretrained.settings import settings_of

            settings = settings_of(found, directory)
        check_vocabulary(settings, load_tokenizer(directory), directory)


def check_vocabulary(settings: Any, tokenizer: DnaTokenizer, directory: Path) -> None:
    """Refuse a tokenizer whose tokens or rows are not those of a model.

    Parameters
    ----------
    settings
        The model's configuration.
    tokenizer
        Its tokenizer.
    directory
        Directory of the model, for error messages.

    Raises
    ------
    InputError
        Saying what does not fit.
    """
    size, embeddings = tokenizer.vocab_size, int(settings.vocab_size)
    # Embeddings are often padded to a number that suits the hardware.
    padded = {-(-size // multiple) * multiple for multiple in (1, 8, 16, 32, 64, 128)}
    reason = None
    if size > embeddings:
        reason = f"the tokenizer has ids up to {size - 1} and the model has {embeddings} token embeddings"
    elif embeddings not in padded:
        reason = f"the tokenizer has {size} tokens and the model {embeddings} token embeddings"
    elif settings.pad_token_id not in (None, tokenizer.pad_id):
        reason = (
            f"config.json says the padding token is {settings.pad_token_id}, the tokenizer "
            f"{tokenizer.pad_id}"
        )
    if reason is None and (family := family_of(settings.to_dict())) is not None:
        reason = _other_row_ends(family, tokenizer)
    if reason is not None:
        raise InputError(
            reason,
            file=directory,
            remedy="Give the model with the vocabulary it was trained with.",
        )


def _other_row_ends(family: Family, tokenizer: DnaTokenizer) -> str | None:
    """Return how a tokenizer's rows begin or end otherwise than those of a family, if they do."""
    there = tokenizer.cls_id != tokenizer.pad_id
    if there != (family.first == "[CLS]"):
        return (
            f"rows of {family.name} begin with {family.first}, and those of the tokenizer do not"
        )
    there = tokenizer.sep_id != tokenizer.pad_id
    # Rows of PlantCaduceus have no end either.
    if there != (family.last == "[SEP]") and not family.complements:
        return f"rows of {family.name} end with {family.last}, and those of the tokenizer do not"
    return None
