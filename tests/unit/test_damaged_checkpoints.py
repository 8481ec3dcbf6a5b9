"""A checkpoint of which one file is damaged is refused in words, or is the same model as before."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from backbone_toys import dnabert
from dnasweep.config import ModelConfig, TokenizerConfig, TuningConfig
from dnasweep.errors import InputError
from dnasweep.stages.models import KIND, keep_model
from dnasweep.storage import Bucket, Storage
from dnasweep.sweeps.checkpoints import prepare_checkpoints
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.tokenizers import fit
from dnasweep.tracking.lookup import find_model_directory

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))
from checkpoints import cases

SEQUENCES = ["ACGTTGCAGGCTAACTATAAAAGGC" * 4, "TTGACAGGCTA" * 8]


def prepare(folder: Path, storage: Path) -> None:
    prepare_checkpoints(
        Storage(storage), [str(folder)], model=ModelConfig(), tunings=[TuningConfig()], keep=True
    )


def test_damage_never_ends_in_a_traceback_or_another_model(tmp_path):
    found = Counter()
    for name, run in islice(cases(np.random.default_rng(20), tmp_path), 60):
        outcome = run()
        assert outcome != "wrong content", name
        found[outcome] += 1
    assert found["refused"] > 20
    assert found["same"] > 0


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("vocab.txt", lambda t: t.replace("[MASK]", "[MASJ]")),
        ("vocab.txt", lambda t: t.replace("AAA\n", "")),
        ("vocab.txt", lambda t: t + "AAA\n"),
        ("vocab.txt", lambda t: t.replace("AAT", "AA")),
        ("special_tokens_map.json", lambda _: '{"mask_token": "[MASJ]"}'),
        ("special_tokens_map.json", lambda _: '{"pad_token": 0}'),
        ("special_tokens_map.json", lambda _: "[]"),
        ("tokenizer_config.json", lambda _: '{"a": ' * 100_000),
        ("tokenizer_config.json", lambda _: '{"cls_token": {"content": 3}}'),
    ],
)
def test_a_vocabulary_that_lost_something_is_refused(file, change, tmp_path):
    folder = dnabert(tmp_path / "dnabert")
    path = folder / file
    path.write_text(change(path.read_text() if path.exists() else ""))
    with pytest.raises(InputError):
        prepare(folder, tmp_path / "runs")


@pytest.mark.parametrize("spec", ["kmer-3", "char", "bpe-64", "wordpiece-64"])
def test_our_own_tokenizer_is_read_as_it_was_saved_or_not_at_all(spec, tmp_path):
    whole = fit(TokenizerConfig.parse(spec), SEQUENCES)
    whole.save(tmp_path)
    file = tmp_path / "tokenizer.json"
    text = file.read_text()
    found = json.loads(text)
    words = [w for w in found["model"]["vocab"] if set(w) <= set("ACGT")]
    long = max(words, key=len)
    vocabulary = found["model"]["vocab"]
    swapped = vocabulary | {words[0]: vocabulary[words[1]], words[1]: vocabulary[words[0]]}
    renamed = {("ACGTN" if w == long else w): i for w, i in vocabulary.items()}
    changes = [renamed, vocabulary | {words[0]: vocabulary[words[1]]}]
    if spec in ("kmer-3", "char"):
        changes.append(swapped)
    for changed in changes:
        file.write_text(json.dumps(found | {"model": found["model"] | {"vocab": changed}}))
        with pytest.raises(InputError, match=r"tokenizer\.json cannot be read"):
            load_tokenizer(tmp_path)
    if spec == "bpe-64":
        for changed in (
            {"dropout": 0.5},
            {"merges": found["model"]["merges"][:-1]},
            {"merges": [*found["model"]["merges"], found["model"]["merges"][0]]},
            {"merges": found["model"]["merges"][::-1]},
        ):
            file.write_text(json.dumps(found | {"model": found["model"] | changed}))
            with pytest.raises(InputError, match=r"tokenizer\.json cannot be read"):
                load_tokenizer(tmp_path)
    file.write_text(text)
    assert load_tokenizer(tmp_path).tokens == whole.tokens


def test_files_that_are_no_plain_files_are_not_waited_for(tmp_path):
    folder = dnabert(tmp_path / "dnabert")
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        other = shutil.copytree(folder, tmp_path / f"no-{name}")
        (other / name).unlink()
        os.mkfifo(other / name)
        with pytest.raises(InputError):
            prepare(other, tmp_path / "runs")
        (other / name).unlink()
        (other / name).symlink_to(other / name)
        with pytest.raises(InputError):
            prepare(other, tmp_path / "runs")
        (other / name).unlink()
        (other / name).mkdir()
        with pytest.raises(InputError):
            prepare(other, tmp_path / "runs")


def uploaded(folder: Path, root: str) -> str:
    """Copy a folder into a bucket and return its URI there."""
    bucket = Bucket(root)
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.upload(path, f"{folder.name}/{path.relative_to(folder)}")
    return bucket.uri_of(folder.name)


def test_only_the_files_of_a_model_are_copied(object_store, tmp_path):
    folder = dnabert(tmp_path / "dnabert")
    for name in ("notes.txt", "passwords.json", "optimizer.safetensors", "modeling.py"):
        (folder / name).write_text("{}")
    (folder / "deeper").mkdir()
    (folder / "deeper" / "config.json").write_text("{}")
    expected = {"config.json", "model.safetensors", "vocab.txt"}
    storage = Storage(tmp_path / "runs")
    key = keep_model(storage, folder)
    kept = storage.find(KIND, key)
    assert kept is not None
    assert {p.name for p in kept.iterdir()} & {"notes.txt", "passwords.json", "deeper"} == set()
    assert expected <= {p.name for p in kept.iterdir()}
    place = uploaded(folder, object_store.new_root())
    fetched = find_model_directory(place, destination=tmp_path / "fetched")
    assert {p.name for p in fetched.iterdir()} == expected


def test_a_folder_that_holds_no_model_is_not_copied(object_store, tmp_path):
    source = tmp_path / "etc"
    source.mkdir()
    (source / "passwd").write_text("root")
    place = uploaded(source, object_store.new_root())
    with pytest.raises(InputError, match=r"no config\.json"):
        find_model_directory(place, destination=tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()
    with pytest.raises(InputError):
        find_model_directory(source.as_uri(), destination=tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()
