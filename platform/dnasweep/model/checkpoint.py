"""Models on disk: plain HuggingFace directories, safetensors only.

What :func:`export` writes opens with `AutoModelForMaskedLM` or
`AutoModelForSequenceClassification` and `AutoTokenizer`, with transformers alone. Nothing is ever
unpickled from a path a person gives. The state of a training in progress is in `state.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedModel

from dnasweep.errors import InputError
from dnasweep.language.tokenizers import DnaTokenizer
from dnasweep.model.architectures import class_named, load_model

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
CONVERT = (
    "Where you trust it, convert it once and copy its vocabulary files too: python -c "
    '"from transformers import AutoModelForMaskedLM as M; '
    "M.from_pretrained('{directory}').save_pretrained('NEW_DIRECTORY')\"."
)
"""How to make safetensors of pickled weights, in the hands of whoever trusts them."""


def export(model: PreTrainedModel, tokenizer: DnaTokenizer | None, directory: str | Path) -> Path:
    """Write model and tokenizer as a plain HuggingFace directory and return it.

    Parameters
    ----------
    model
        A masked language model or a classifier; weights are written in the precision they have.
    tokenizer
        Its tokenizer; None writes the model alone.
    directory
        Made where it is missing; files of the same names are replaced.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(directory, max_shard_size="50GB")
    if tokenizer is not None:
        tokenizer.save(directory)
    return directory


def read_config(directory: str | Path) -> dict[str, Any]:
    """Return `config.json` of a model directory.

    Raises
    ------
    InputError
        When the directory is missing, is no checkpoint, or holds only pickled weights.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise InputError("there is no such model directory", file=directory)
    try:
        config = json.loads((directory / CONFIG_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"the directory is no model checkpoint, it has no {CONFIG_FILE}",
            file=directory,
            remedy="Give a directory written by save_pretrained.",
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{CONFIG_FILE} cannot be read ({error})", file=directory, remedy="Export it again."
        ) from None
    if not ((directory / WEIGHTS_FILE).is_file() or (directory / INDEX_FILE).is_file()):
        pickled = any(any(directory.glob(pattern)) for pattern in PICKLES)
        reason = "the weights are pickled" if pickled else "there are no weights"
        raise InputError(
            f"{reason}, only {WEIGHTS_FILE} is read",
            file=directory,
            remedy=CONVERT.format(directory=directory)
            if pickled
            else "Give a directory written by save_pretrained.",
        )
    return dict(config)


def read_weights(directory: str | Path) -> dict[str, Tensor]:
    """Return the weights of a model directory by name, on the CPU.

    Raises
    ------
    InputError
        As :func:`read_config`, or when the file is damaged.
    """
    directory = Path(directory)
    read_config(directory)
    files = [WEIGHTS_FILE]
    if not (directory / WEIGHTS_FILE).is_file():
        index = json.loads((directory / INDEX_FILE).read_text(encoding="utf-8"))
        files = sorted(set(index["weight_map"].values()))
    weights: dict[str, Tensor] = {}
    for name in files:
        try:
            weights |= load_file(directory / Path(name).name)
        except (OSError, SafetensorError) as error:
            raise InputError(
                f"{name} cannot be read ({error})", file=directory, remedy="Export it again."
            ) from None
    return weights


def load_classifier(directory: str | Path) -> PreTrainedModel:
    """Return the classifier in `directory`, in fp32, in evaluation mode, on the CPU.

    Raises
    ------
    InputError
        When the directory is no checkpoint of a classifier that transformers itself can run.
    """
    return _load(Path(directory), "ForSequenceClassification", "a classifier")


def load_masked_lm(directory: str | Path) -> PreTrainedModel:
    """Return the masked language model in `directory`; as :func:`load_classifier`."""
    return _load(Path(directory), "ForMaskedLM", "a masked language model")


def _load(directory: Path, ending: str, wanted: str) -> PreTrainedModel:
    config = read_config(directory)
    found = list(config.get("architectures") or [])
    name = next((name for name in found if name.endswith(ending)), None)
    if name is None:
        raise InputError(
            f"the directory holds {found[0] if found else 'an unknown model'}, not {wanted} "
            f"(...{ending})",
            file=directory,
        )
    kind = class_named(name, str(config.get("model_type")), directory)
    read_weights(directory)
    model, missing = load_model(kind, directory)
    if missing:
        raise InputError(
            f"weights of {name} are missing or have another shape ({', '.join(missing[:3])})",
            file=directory,
            remedy="Export it again.",
        )
    return model.eval()
