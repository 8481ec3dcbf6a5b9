"""Read `config.json` without torch, and check the settings in it that this platform writes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dnasweep.config import AVERAGED
from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import WINDOWS
from dnasweep.models.families.registry import FAMILIES
from dnasweep.tasks.calls import DECISION_THRESHOLD
from dnasweep.tokens.model_files import AGAIN, INDEX_FILE, WEIGHTS_FILE, read_json, refuse_adapter

CONFIG_FILE = "config.json"
USE_KNOWN_KIND = "Use a model of a kind that transformers has, such as BERT, RoBERTa or ESM."
"""Remedy if transformers has no such model."""
KNOWN = (
    "Models of transformers' own kinds are read, and "
    + ", ".join(family.name for family in FAMILIES)
    + "; others that need code of their own are not."
)
"""Remedy if a model requires its own code."""
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_OF_TRAINERS = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state\w*)\.\w+")
"""Pickled files that trainers write beside the weights."""
_NOT_READ = ("*.safetensors", "*.h5", "*.msgpack", "*.gguf", "*.onnx", "onnx/*.onnx")
"""Files of weights under other names or in other formats."""
CONVERT = (
    "Where you trust it, write its weights as safetensors beside it, everything else as it is: "
    'python -c "import sys, glob, torch; from safetensors.torch import save_file; '
    "d = sys.argv[1]; w = {{}}; [w.update(torch.load(f, 'cpu', weights_only=True)) "
    "for f in sorted(glob.glob(glob.escape(d) + '/pytorch_model*.bin'))]; "
    "save_file({{k: v.contiguous().clone() for k, v in w.items()}}, "
    "d + '/model.safetensors', {{'format': 'pt'}})\" {}"
)
"""Instructions for converting trusted pickled weights to safetensors, tensor by tensor. Loading and saving
them with a class of transformers would drop weights that the class does not have."""


def read_settings(directory: Path) -> dict[str, Any]:
    """Return `config.json` of a model directory.

    Raises
    ------
    InputError
        If the directory is missing, or `config.json` is missing or damaged.
    """
    if not directory.is_dir():
        raise InputError("there is no such model directory", file=directory)
    refuse_adapter(directory)
    if not (directory / CONFIG_FILE).is_file():
        # The folder of a Trainer has one for each checkpoint: checkpoint-500, checkpoint-1000...
        inside = [path.parent.name for path in directory.glob(f"*/{CONFIG_FILE}")]
        inside.sort(key=lambda name: (len(name), name))
        raise InputError(
            f"the directory is not a model checkpoint: it has no {CONFIG_FILE}",
            file=directory,
            remedy=f"Give one of the models in it: {', '.join(inside[-3:])}."
            if inside
            else "Give a directory written by save_pretrained.",
        )
    found = read_json(directory / CONFIG_FILE)
    _check_own(found, directory)
    return found


def read_config(directory: str | Path) -> dict[str, Any]:
    """Return `config.json` of a model directory that has weights.

    Raises
    ------
    InputError
        If the directory is missing, is not a checkpoint, or has only pickled weights.
    """
    directory = Path(directory)
    config = read_settings(directory)
    if any((directory / name).is_file() for name in (WEIGHTS_FILE, INDEX_FILE)):
        return config
    if any(directory.glob("pytorch_model*.bin")):
        reason, remedy = "the weights are pickled", CONVERT.format(shlex.quote(str(directory)))
    elif any(not _OF_TRAINERS.fullmatch(name) for name in _names(directory, PICKLES)):
        reason, remedy = "the weights are pickled", "Ask its authors for safetensors."
    else:
        others = _names(directory, _NOT_READ)
        reason = (
            f"the weights are in {', '.join(others[:3])}" if others else "there are no weights"
        )
        remedy = "Give a directory written by save_pretrained."
        if others and all(name.endswith(".safetensors") for name in others):
            remedy += f" If one of these files has all weights, rename it to {WEIGHTS_FILE}."
    raise InputError(f"{reason}, only {WEIGHTS_FILE} is read", file=directory, remedy=remedy)


def _names(directory: Path, patterns: Sequence[str]) -> list[str]:
    """Return the files that match any of the patterns, relative to the directory."""
    found = [path for pattern in patterns for path in directory.glob(pattern)]
    return sorted(str(path.relative_to(directory)) for path in found)


def config_misfit(reason: str, file: Path) -> InputError:
    """Return the error for a `config.json` that does not match the rest of a model."""
    remedy = "Give the model with the config.json it was saved with."
    return InputError(reason, file=file, remedy=remedy)


def _check_own(found: Mapping[str, Any], directory: Path) -> None:
    """Refuse impossible values of settings which this platform writes into `config.json`."""
    threshold, windows = found.get(DECISION_THRESHOLD), found.get(WINDOWS)
    wrong = None
    if not (threshold is None or (is_number(threshold) and 0 <= threshold <= 1)):
        wrong = DECISION_THRESHOLD
    if not isinstance(found.get(AVERAGED, False), bool | None):
        wrong = AVERAGED
    if windows is not None and not (
        isinstance(windows, dict)
        and windows.get("pool") in ("log-odds", "hidden")
        and isinstance(windows.get("tokens"), int)
        and windows["tokens"] >= 3
    ):
        wrong = WINDOWS
    if not isinstance(found.get("architectures") or [], list):
        wrong = "architectures"
    if wrong is not None:
        raise InputError(
            f"{wrong} is {found[wrong]!r}, which cannot be",
            file=directory / CONFIG_FILE,
            remedy=AGAIN,
        )


def is_number(value: Any) -> bool:
    """Return whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
