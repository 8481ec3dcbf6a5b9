"""Models of the field with random weights, and the numbers that their authors' own code computes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from real_data import REAL
from safetensors.torch import load_file, save_file

FOLDER = REAL / "golden_models"
TOLERANCE = 1e-4


def cases(*families: str) -> list:
    """Return the cases of some families as parameters; one that is skipped where the data are absent."""
    found = [
        path.parent for name in families for path in sorted(FOLDER.glob(f"{name}/*/inputs.json"))
    ]
    absent = [pytest.param(None, marks=pytest.mark.skip(reason="the golden models are absent"))]
    return [pytest.param(p, id=f"{p.parent.name}-{p.name}") for p in found] or absent


def as_safetensors(directory: Path, target: Path) -> Path:
    """Return a folder with the weights as safetensors: the one given, or a copy where they are pickled."""
    if (directory / "model.safetensors").is_file():
        return directory
    target.mkdir()
    for path in directory.iterdir():
        if path.suffix == ".json" or path.suffix == ".txt":
            shutil.copyfile(path, target / path.name)
    weights = torch.load(directory / "pytorch_model.bin", weights_only=True)
    copies = {name: value.contiguous().clone() for name, value in weights.items()}
    save_file(copies, target / "model.safetensors", {"format": "pt"})
    return target


def inputs(case: Path) -> dict:
    """Return sequences, ids and tokens of a case."""
    return json.loads((case / "inputs.json").read_text())


def largest_difference(model, case: Path, expected: Path) -> dict[str, float]:
    """Return the largest difference to each kind of expected value that a model returns, by name.

    Of padded rows, real tokens are compared, and only where padding changes nothing in the authors' code.
    """
    rows, batch = inputs(case)["ids"], load_file(case / "inputs.safetensors")
    right = inputs(case)["padding_side_of_the_batch"] == "right"
    found: dict[str, float] = {}
    for name, value in load_file(expected).items():
        if name.startswith("alone."):
            _, row, what = name.split(".", 2)
            ids, mask = torch.tensor([rows[int(row)]]), None
        else:
            what = name.removeprefix("padded.")
            ids, mask = batch["padded.input_ids"], batch["padded.attention_mask"]
            if not right:
                continue
        with torch.no_grad():
            ours = _value(model, what, ids, mask)
        if ours is None:
            continue
        assert ours.shape == value.shape
        difference = (ours - value).abs()
        if mask is not None and difference.ndim == 3:
            difference = difference[mask.bool()]
        kind = re.sub(r"\d+", "K", what)
        found[kind] = max(found.get(kind, 0.0), float(difference.max()))
    return found


def _value(model, what: str, ids, mask):
    if what == "logits":
        return model(input_ids=ids, attention_mask=mask).logits
    states = model.base_model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    if what == "hidden.last":
        return states.last_hidden_state
    if what == "pooled":
        return getattr(states, "pooler_output", None)
    return states.hidden_states[0 if what == "embeddings" else int(what.split(".")[1])]
