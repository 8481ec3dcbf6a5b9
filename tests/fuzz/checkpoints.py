"""Checkpoints with one damaged file: refused in words, or the same model as before.

What no reader could tell from the file itself is not counted as damage: another number of the same
type in a setting that shows in no weight, another value of a weight, text that nothing reads.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from backbone_toys import SIZE, dnabert, dnabert_kmers, save
from dnasweep.attribution.checks import check_model
from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export, load_classifier
from dnasweep.models.pretrained.encoder import build_on_checkpoint, describe
from dnasweep.stages.models import model_digest
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.recognition import candidate_configs, read_pretrained
from dnasweep.tokens.tokenizers import CONFIG_FILE, fit
from safetensors.torch import load_file, save_file
from toys import TINY
from transformers import EsmConfig, EsmForMaskedLM

Outcome = Literal["refused", "same", "wrong content"]
SEQUENCES = ["ACGTTGCAGGCTAACTATAAAAGGC", "TTGACNAGGCTA", "acgtacgtgg"]
CLASSES = ("background", "promoter")
WEIGHTS = "model.safetensors"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
# Numbers and words in config.json that another model of the same weights may have.
FREE = (
    "architectures attention_probs_dropout_prob bos_token_id classifier_dropout dtype eos_token_id "
    "hidden_act hidden_dropout_prob id2label initializer_range is_decoder label2id layer_norm_eps "
    "mask_token_id num_attention_heads problem_type token_dropout transformers_version rope_theta "
    "decision_threshold average_reverse_complement position_embedding_type pad_token_id "
    "tie_word_embeddings emb_layer_norm_before chunk_size_feed_forward return_dict model_type"
).split()


def cases(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Callable[[], Outcome]]]:
    """Yield damaged checkpoints without end, each with a name and what runs it.

    Parameters
    ----------
    folder
        Where the small checkpoints and their damaged copies are written.
    """
    wholes = _make(folder / "whole")
    values = {name: _values(name, path) for name, path in wholes.items()}
    number = 0
    while True:
        name = str(rng.choice(sorted(wholes)))
        path = wholes[name]
        file = str(rng.choice(sorted(p.name for p in path.iterdir())))
        damage, content = _damaged(path / file, rng)
        if content is None:
            continue
        number += 1
        target = folder / f"damaged-{number % 8}"
        run = partial(_try, name, path, target, file, content, values[name])
        yield f"{name}/{file}: {damage}", run


def _make(folder: Path) -> dict[str, Path]:
    """Write the checkpoints: name to directory."""
    torch.manual_seed(0)
    found = {"bert-encoder": dnabert(folder / "bert-encoder")}
    config = EsmConfig(
        vocab_size=69, max_position_embeddings=64, pad_token_id=0, mask_token_id=4, **SIZE
    )
    found["esm-encoder"] = save(EsmForMaskedLM(config), folder / "esm-encoder", dnabert_kmers())
    for name in ("kmer-3", "bpe-64"):
        tokenizer = fit(TokenizerConfig.parse(name), [s.upper() * 9 for s in SEQUENCES])
        model = build_classifier(
            TINY, tokenizer=tokenizer, num_tokens=30, label_names=CLASSES, dropout=0.0, seed=0
        )
        found[f"{name}-classifier"] = export(model, tokenizer, folder / f"{name}-classifier")
    exported = folder / "bert-classifier"
    found["bert-classifier"] = export(
        _built(found["bert-encoder"]), load_tokenizer(found["bert-encoder"]), exported
    )
    # Every weight counts, so that a missing one would show.
    for path in found.values():
        weights = load_file(path / WEIGHTS)
        save_file({n: v * 2 + 0.01 for n, v in weights.items()}, path / WEIGHTS, {"format": "pt"})
    return found


def _built(path: Path) -> Any:
    if (path / CONFIG_FILE).is_file():
        tokenizer = load_tokenizer(path)
    else:
        tokenizer = read_pretrained(path, candidate_configs(path)[0])
    return build_on_checkpoint(
        path,
        describe(path),
        tokenizer=tokenizer,
        num_tokens=3,
        label_names=CLASSES,
        dropout=0.0,
        seed=0,
    )


def _values(name: str, path: Path) -> tuple[Any, ...]:
    """Return what tells a checkpoint from another one: its tokens, its size and its values."""
    classifies = name.endswith("classifier")
    model = load_classifier(path) if classifies else _built(path).eval()
    if classifies:
        check_model(path)
    model_digest(path)
    tokenizer = load_tokenizer(path)
    encoded = tokenizer.encode(SEQUENCES)
    probabilities = predict_probabilities(model, tokenizer, SEQUENCES, device="cpu")
    roles = (tokenizer.pad_id, tokenizer.unk_id, tokenizer.has_mask, tokenizer.config.kind)
    return encoded.ids.tolist(), encoded.starts.tolist(), roles, probabilities


def _try(
    name: str,
    source: Path,
    target: Path,
    file: str,
    content: bytes,
    expected: tuple[Any, ...],
) -> Outcome:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    (target / file).write_bytes(content)
    try:
        found = _values(name, target)
    except InputError:
        return "refused"
    *words, values = found
    *whole_words, whole = expected
    return (
        "same"
        if words == whole_words and np.allclose(values, whole, atol=1e-6)
        else "wrong content"
    )


def _damaged(path: Path, rng: np.random.Generator) -> tuple[str, bytes | None]:
    """Return a kind of damage and the damaged file, None where nothing could tell."""
    data = path.read_bytes()
    kind = str(rng.choice(["flip", "cut", "type", "type", "pointer", "noise", "nan", "empty"]))
    if kind in ("pointer", "empty"):
        return kind, POINTER if kind == "pointer" else b""
    if kind == "noise":
        return kind, rng.bytes(int(rng.integers(1, 200)))
    if kind == "cut":
        size = int(rng.integers(0, len(data)))
        return f"cut to {size} bytes", None if data[:size].strip() == data.strip() else data[:size]
    if kind == "flip":
        place, bit = _place(path, data, rng), int(rng.integers(8))
        changed = bytearray(data)
        changed[place] ^= 1 << bit
        return f"bit {bit} of byte {place}", _counted(path, data, bytes(changed))
    if kind == "nan":
        return _with_nan(path, rng) if path.name == WEIGHTS else (kind, None)
    if path.suffix != ".json":
        return kind, None
    return _with_another_type(data, rng)


def _place(path: Path, data: bytes, rng: np.random.Generator) -> int:
    """Return a place to damage: of weights one in the header, whose values are anybody's."""
    end = len(data)
    if path.name == WEIGHTS:
        end = 8 + int.from_bytes(data[:8], "little")
    return int(rng.integers(end))


def _counted(path: Path, data: bytes, changed: bytes) -> bytes | None:
    """Return damaged JSON, None where only a free value is another one of the same type."""
    if path.suffix != ".json":
        return changed
    try:
        old, new = json.loads(data), json.loads(changed)
    except ValueError:
        return changed
    if old.keys() != new.keys():
        return changed
    return None if all(_free(path.name, n, old[n], new[n]) for n in old) else changed


def _free(file: str, name: str, old: Any, new: Any) -> bool:
    if old == new:
        return True
    if file == CONFIG_FILE:
        return name == "vocab_size" and type(old) is type(new)
    return file == "config.json" and name in FREE and type(old) is type(new)


def _with_another_type(data: bytes, rng: np.random.Generator) -> tuple[str, bytes | None]:
    found = json.loads(data)
    name = str(rng.choice(sorted(found)))
    choices = [None, "x", -1, 0.5, [], {}, [1], {"a": 1}, True, 10**12, "\udcff"]
    value = choices[int(rng.integers(len(choices)))]
    same = value is None or type(value) is type(found[name])
    if value in (None, [], {}) or (same and name in FREE):
        # Where a setting is not given, a default is meant.
        return "", None
    changed = json.dumps(found | {name: value}).encode("utf-8", "surrogatepass")
    return f"{name} is {str(value)[:20]!r}", changed


def _with_nan(path: Path, rng: np.random.Generator) -> tuple[str, bytes | None]:
    weights = load_file(path)
    name = str(rng.choice(sorted(weights)))
    weights[name].flatten()[int(rng.integers(weights[name].numel()))] = float("nan")
    target = path.parent.parent / "nan.safetensors"
    save_file(weights, target, {"format": "pt"})
    return f"nan in {name}", target.read_bytes()
