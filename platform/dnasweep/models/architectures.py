"""Which class of transformers runs a model directory: known by name, never code of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from transformers import PreTrainedModel
from transformers.utils import logging

from dnasweep.errors import InputError
from dnasweep.models import alibi
from dnasweep.models.capacity import ALIBI
from dnasweep.models.weight_files import read_headers, read_tensors
from dnasweep.models.weight_match import check_size
from dnasweep.tokens.model_files import first_line


def class_named(name: str, model_type: str, directory: Path) -> type[Any]:
    """Return the class of an architecture.

    Parameters
    ----------
    name
        As `architectures` in `config.json` says, such as `BertForMaskedLM`.
    model_type
        As there.
    directory
        Named in errors.

    Raises
    ------
    InputError
        When transformers has no such class, or the class is another kind of model.
    """
    kind: Any = alibi.class_of(name) if model_type == ALIBI else getattr(transformers, name, None)
    if (
        not isinstance(kind, type)
        or not issubclass(kind, PreTrainedModel)
        or getattr(kind.config_class, "model_type", None) != model_type
    ):
        raise InputError(
            f"transformers has no {name} of the kind {model_type!r} itself, and code that comes "
            "with a model is never run",
            file=directory,
            remedy="Use a model of a kind that transformers has, such as BERT, RoBERTa or ESM.",
        )
    return kind


class LoadedModel(NamedTuple):
    """A model, and how its class and the weights of its directory differ."""

    model: PreTrainedModel
    missing: list[str]
    """Weights of the class that the files lack, or have in another shape."""
    unexpected: list[str]
    """Weights of the files that the class does not have, by their names there."""


def load_model(kind: type[Any], directory: Path, settings: Any) -> LoadedModel:
    """Return a model in fp32 on the CPU, made of the weights of a directory alone.

    No other file is read: neither code nor adapters, which could name a model elsewhere.

    Parameters
    ----------
    kind
        Class to load.
    settings
        Its configuration, see :func:`dnasweep.models.settings.settings_of`.

    Raises
    ------
    InputError
        When the weights are damaged or not finite, or no such model can be made of them.
    """
    stored = read_headers(directory)
    check_size(kind, settings, stored, directory)
    weights = read_tensors(directory, stored)
    # A bar for a load of milliseconds would only break the caller's own progress, and what is
    # missing is for the caller to judge.
    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        model, info = kind.from_pretrained(
            None,
            config=settings,
            state_dict=weights,
            dtype=torch.float32,
            attn_implementation=attention_of(kind),
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except MemoryError:
        raise
    except Exception as error:  # of any kind, from whatever a class does with its settings
        raise InputError(
            f"transformers cannot load it as {kind.__name__} ({first_line(error)})",
            file=directory,
            remedy="Give the model with the config.json it was saved with.",
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    mismatched = [entry[0] for entry in info.get("mismatched_keys") or []]
    restore_attention(model)
    return LoadedModel(
        model,
        sorted({*info["missing_keys"], *mismatched}),
        sorted(info["unexpected_keys"]),
    )


def attention_of(kind: type[Any]) -> str:
    """Return how a class computes attention: fused where it can, else as it is written."""
    return "sdpa" if getattr(kind, "_supports_sdpa", False) else "eager"


def restore_attention(model: PreTrainedModel) -> None:
    """Have a BigBird choose its attention by the row at hand.

    transformers' own goes over to full attention at the first row that is too short for blocks, and
    stays there: what it gives for a row would depend on the rows before.
    """
    if model.config.model_type == "big_bird":
        model.base_model.register_forward_pre_hook(_choose_attention, with_kwargs=True)


def _choose_attention(model: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    rows = next(
        x
        for x in (*arguments, named.get("input_ids"), named.get("inputs_embeds"))
        if x is not None
    )
    config = model.config
    # As transformers counts: what is global, the window, and what is drawn, with a reserve.
    fewest = (5 + 2 * config.num_random_blocks) * config.block_size
    wanted = config.attention_type if rows.shape[1] > fewest else "original_full"
    if wanted != model.attention_type:
        with torch.random.fork_rng(devices=[]):  # New parts draw weights, which are thrown away.
            model.set_attention_type(wanted)
