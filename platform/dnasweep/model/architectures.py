"""Which class of transformers runs a model directory: known by name, never code of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel
from transformers.utils import logging

from dnasweep.errors import InputError
from dnasweep.model import alibi
from dnasweep.model.capacity import ALIBI


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


def load_model(
    kind: type[Any], directory: Path, **settings: Any
) -> tuple[PreTrainedModel, list[str]]:
    """Return a model in fp32 on the CPU, and the weights it wants that the directory lacks.

    Parameters
    ----------
    kind
        Class to load.
    settings
        Further arguments of `from_pretrained`.

    Raises
    ------
    InputError
        When transformers cannot make such a model of the directory.
    """
    # A bar for a load of milliseconds would only break the caller's own progress, and what is
    # missing is for the caller to judge.
    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        model, info = kind.from_pretrained(
            directory,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **settings,
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"transformers cannot load it as {kind.__name__} ({_first_line(error)})",
            file=directory,
            remedy="Export it again.",
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    mismatched = [entry[0] for entry in info.get("mismatched_keys") or []]
    return model, sorted({*info["missing_keys"], *mismatched})


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
