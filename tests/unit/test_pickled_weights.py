"""Pickled weights: converted where they are tensors, refused before they can do anything else."""

from __future__ import annotations

import json
import os
import pickle
import re
from pathlib import Path

import pytest
import torch
from backbone_toys import dnabert
from dnasweep.config import ModelConfig, TuningConfig
from dnasweep.errors import InputError
from dnasweep.models.pretrained.checkpoint import read_weights
from dnasweep.stages.converted import as_safetensors
from dnasweep.storage import Storage
from dnasweep.sweeps.checkpoints import prepare_checkpoints
from safetensors.torch import load_file


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return dnabert(tmp_path_factory.mktemp("models") / "dnabert")


def pickled(source: Path, folder: Path, **files: object) -> Path:
    """Write a copy of a model directory with other weights, by the name of their file."""
    folder.mkdir()
    for name in ("config.json", "vocab.txt"):
        (folder / name).write_text((source / name).read_text())
    for name, state in files.items():
        torch.save(state, folder / f"{name}.bin")
    return folder


def test_weights_in_one_file_and_in_pieces_are_converted_once(source, tmp_path):
    weights = load_file(source / "model.safetensors")
    one = pickled(source, tmp_path / "one", pytorch_model=weights)
    names = sorted(weights)
    pieces = {
        f"pytorch_model-0000{i + 1}-of-00002": {n: weights[n] for n in names[i::2]} for i in (0, 1)
    }
    two = pickled(source, tmp_path / "two", **pieces)
    index = {name: f"{file}.bin" for file, piece in pieces.items() for name in piece}
    (two / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": index}))
    storage = Storage(tmp_path / "runs")
    for folder in (one, two):
        copy = as_safetensors(folder, storage, tmp_path)
        found = read_weights(copy)
        assert set(found) == set(names)
        assert all(torch.equal(found[name], weights[name]) for name in names)
        time = (copy / "config.json").stat().st_mtime_ns
        again = as_safetensors(folder, storage, tmp_path)
        assert (again, (again / "config.json").stat().st_mtime_ns) == (copy, time)
    assert as_safetensors(source, storage, tmp_path) is None


class Command:
    """What a pickle can do: run a command where it is opened."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("written_by", ["torch", "pickle"])
def test_a_pickle_that_runs_a_command_is_refused_and_runs_nothing(source, tmp_path, written_by):
    trace = tmp_path / "trace"
    state = {"bert.weight": Command(f"touch {trace}")}
    folder = pickled(source, tmp_path / "bad", pytorch_model=state)
    if written_by == "pickle":
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(state, protocol=2))
    with pytest.raises(InputError, match=r"more than weights \((posix|os)\.system\)") as caught:
        as_safetensors(folder, Storage(tmp_path / "runs"), tmp_path)
    assert "safetensors" in str(caught.value.remedy)
    assert not trace.exists()
    assert not list((tmp_path / "runs").glob("converted/*/model.safetensors"))


def test_what_is_no_weights_is_refused_by_name(source, tmp_path):
    pointer = pickled(source, tmp_path / "pointer")
    (pointer / "pytorch_model.bin").write_text(
        "version https://git-lfs.github.com/spec/v1\noid 1\n"
    )
    with pytest.raises(InputError, match=r"pytorch_model\.bin is a Git LFS pointer"):
        as_safetensors(pointer, None, tmp_path)
    other = pickled(source, tmp_path / "other", pytorch_model={"epoch": 3})
    with pytest.raises(InputError, match="anything other than tensors"):
        as_safetensors(other, None, tmp_path / "pointer")
    torn = pickled(source, tmp_path / "torn", pytorch_model={"a": torch.zeros(4)})
    (torn / "pytorch_model.bin").write_bytes((torn / "pytorch_model.bin").read_bytes()[:-40])
    with pytest.raises(InputError, match=r"cannot be read|more than weights"):
        as_safetensors(torn, None, tmp_path / "other")
    outside = pickled(source, tmp_path / "outside")
    (outside / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "../a.bin"}}')
    with pytest.raises(InputError, match=r"not a \.bin file beside it"):
        as_safetensors(outside, None, tmp_path)


def test_a_sweep_says_what_it_converted_and_what_is_new(source, tmp_path):
    folder = pickled(
        source, tmp_path / "model", pytorch_model=load_file(source / "model.safetensors")
    )
    said: list[str] = []
    common = {"model": ModelConfig(), "tunings": [TuningConfig()], "say": said.append}
    found = prepare_checkpoints(Storage(tmp_path / "runs"), [str(folder)], **common)
    assert len(found) == 1
    assert "its weights are pickled" in said[0]
    assert said[1].endswith(
        "the classification head (classifier) and the pooler (bert.pooler) are not in the checkpoint; they "
        "start from random weights and are trained."
    )
    with pytest.raises(InputError, match="the weights are pickled"):
        prepare_checkpoints(Storage(tmp_path / "other"), [str(folder)], pickle=False, **common)


def test_pieces_that_do_not_fit_their_index_are_named_as_they_are_on_disk(source, tmp_path):
    weights = load_file(source / "model.safetensors")
    names = sorted(weights)
    first, second = (f"pytorch_model-0000{i}-of-00002" for i in (1, 2))
    pieces = {first: {n: weights[n] for n in names[::2]}}
    pieces[second] = {n: weights[n] for n in names[1::2]}
    index = {name: f"{file}.bin" for file, piece in pieces.items() for name in piece}
    twice = pieces | {second: pieces[second] | {names[0]: weights[names[0]]}}
    cases = {
        "twice": (twice, index, f"{names[0]} is in {first}.bin and in {second}.bin"),
        "other": (pieces, index | {"a.weight": f"{first}.bin"}, "which file has a.weight"),
        "fewer": (pieces, {n: index[n] for n in names[1:]}, f"which file has {names[0]}"),
    }
    for name, (files, weight_map, said) in cases.items():
        folder = pickled(source, tmp_path / name, **files)
        path = folder / "pytorch_model.bin.index.json"
        path.write_text(json.dumps({"weight_map": weight_map}))
        with pytest.raises(InputError, match=re.escape(said)) as error:
            as_safetensors(folder, Storage(tmp_path / "runs"), tmp_path)
        assert error.value.file == str(folder)
