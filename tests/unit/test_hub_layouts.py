"""Files of a hub in the ways that they are laid out: the same numbers, or a refusal that names the weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import dnasweep
import pytest
import torch
from backbone_toys import dnabert
from dnasweep.errors import InputError
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.pretrained.any_head import load_any
from dnasweep.models.pretrained.checkpoint import export, load_classifier
from dnasweep.models.pretrained.config_file import read_config
from dnasweep.models.pretrained.heads import kind_of
from dnasweep.tokens.loading import load_tokenizer
from golden_models import as_safetensors, cases, inputs
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForSequenceClassification

FAMILIES = ("dnabert2", "gena", "nt_v1", "nt_v2", "hyenadna", "caduceus")
PARTS = ("classifier", "checkpoint")
ONE_OF_EACH = [one for name in FAMILIES for one in cases(name)[:1]]
PER_TOKEN = ("word_embeddings.weight", "decoder.weight", "decoder.bias", "predictions.bias")
"""Ends of the names of weights with a row for each token."""
Weights = dict[str, Tensor]


def copied(case: Path, part: str, folder: Path) -> Path:
    """Return a copy of a part of a case, its weights as one safetensors file."""
    shutil.copytree(as_safetensors(case / part, folder / "plain"), folder / "copy")
    return folder / "copy"


def rewrite(folder: Path, change: Callable[[Weights], Weights], **settings: object) -> None:
    """Change weights and settings of a model directory in place."""
    path = folder / "model.safetensors"
    weights = change(load_file(path))
    save_file({k: v.contiguous().clone() for k, v in weights.items()}, path, {"format": "pt"})
    config = json.loads((folder / "config.json").read_text()) | settings
    (folder / "config.json").write_text(json.dumps(config))


def computed(folder: Path, case: Path) -> list[Tensor]:
    """Return what the model of a directory computes of each sequence of a case."""
    model = load_any(folder)
    head = kind_of(folder).head
    with torch.no_grad():
        rows = [torch.tensor([ids]) for ids in inputs(case)["ids"]]
        if head == "classifier":
            return [class_logits(model, row, None) for row in rows]
        if head == "none":
            return [model(row).last_hidden_state for row in rows]
        return [model(row).logits for row in rows]


def same(found: list[Tensor], expected: list[Tensor], tolerance: float = 1e-5) -> bool:
    return all(
        torch.allclose(one[..., : other.shape[-1]], other, atol=tolerance)
        for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_no_weight_can_be_lost_unseen(case: Path, part: str, tmp_path: Path) -> None:
    folder = copied(case, part, tmp_path)
    expected, weights = computed(folder, case), load_file(folder / "model.safetensors")
    # Layers are alike: one of each weight of a layer, and all outside of layers.
    names = {
        ".".join("N" if p.isdigit() else p for p in name.split(".")): name for name in weights
    }
    refused: dict[str, str] = {}
    for lost in names.values():
        rewrite(folder, lambda _, lost=lost: {k: v for k, v in weights.items() if k != lost})
        try:
            found = computed(folder, case)
        except InputError as error:
            refused[lost] = str(error)
        else:
            assert same(found, expected), lost
    assert len(refused) > 5
    assert all("weights" in said for said in refused.values())


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_pieces_halves_and_counters_make_no_difference(
    case: Path, part: str, tmp_path: Path
) -> None:
    folder = copied(case, part, tmp_path)
    rewrite(
        folder,
        lambda weights: {
            k: v.bfloat16().float() if v.is_floating_point() else v for k, v in weights.items()
        },
    )
    expected = computed(folder, case)
    # Weights in half precision, beside other files with other values.
    rewrite(
        folder,
        lambda weights: {
            k: v.bfloat16() if v.is_floating_point() else v for k, v in weights.items()
        },
        torch_dtype="bfloat16",
        dtype="bfloat16",
    )
    torch.save({"other.weight": torch.zeros(1)}, folder / "pytorch_model.bin")
    assert same(computed(folder, case), expected, 0.0)
    assert all(v.dtype == torch.float32 for v in load_any(folder).parameters())
    # In pieces with their index.
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    pieces = {"model-00001-of-00002.safetensors": names[::2]}
    pieces["model-00002-of-00002.safetensors"] = names[1::2]
    for piece, some in pieces.items():
        save_file({name: weights[name] for name in some}, folder / piece, {"format": "pt"})
    index = {name: piece for piece, some in pieces.items() for name in some}
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": index})
    )
    (folder / "model.safetensors").unlink()
    assert same(computed(folder, case), expected, 0.0)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_the_prefix_of_the_encoder_may_be_there_or_not(
    case: Path, part: str, tmp_path: Path
) -> None:
    folder = copied(case, part, tmp_path)
    expected = computed(folder, case)
    prefix = f"{load_any(folder).base_model_prefix}."

    def exchange(weights: Weights) -> Weights:
        bare = {name.removeprefix(prefix): value for name, value in weights.items()}
        return bare if set(bare) != set(weights) else {prefix + k: v for k, v in weights.items()}

    rewrite(folder, exchange)
    try:
        found = computed(folder, case)
    except InputError as error:
        said = str(error)
    else:
        said = "weights"
        assert same(found, expected)
    assert "weights" in said


@pytest.mark.parametrize("case", cases("dnabert2", "gena"))
def test_a_vocabulary_may_be_padded_and_weights_of_the_sentence_task_are_there(
    case: Path, tmp_path: Path
) -> None:
    folder = copied(case, "checkpoint", tmp_path)
    config, expected = read_config(folder), computed(folder, case)
    size = -(-config["vocab_size"] // 64) * 64

    def padded(weights: Weights) -> Weights:
        wide = {}
        for name, value in weights.items():
            if name.endswith(PER_TOKEN):
                more = value.new_zeros(size - len(value), *value.shape[1:])
                value = torch.cat([value, more])
            wide[name] = value
        hidden = config["hidden_size"]
        wide["cls.seq_relationship.weight"] = torch.ones(2, hidden)
        wide["cls.seq_relationship.bias"] = torch.ones(2)
        return wide

    rewrite(folder, padded, vocab_size=size)
    load_tokenizer(folder)
    if kind_of(folder).head == "none" or case.parent.name == "dnabert2":
        # No DNABERT-2 has a sentence task: its weights are named.
        with pytest.raises(InputError, match="seq_relationship"):
            computed(folder, case)
        rewrite(folder, lambda w: {k: v for k, v in w.items() if "seq_relationship" not in k})
    assert same(computed(folder, case), expected)


@pytest.mark.parametrize("case", cases("dnabert2", "gena"))
def test_a_classifier_without_its_pooler_is_refused_with_the_names(
    case: Path, tmp_path: Path
) -> None:
    folder = copied(case, "classifier", tmp_path)
    rewrite(folder, lambda w: {k: v for k, v in w.items() if ".pooler." not in k})
    with pytest.raises(InputError, match=r"bert\.pooler\.dense"):
        load_classifier(folder)


@pytest.mark.parametrize("case", ONE_OF_EACH)
def test_what_a_trainer_writes_before_every_name_is_taken_off(case: Path, tmp_path: Path) -> None:
    folder = copied(case, "classifier", tmp_path)
    expected, weights = computed(folder, case), load_file(folder / "model.safetensors")
    wrappers = ("module.", "_orig_mod.module.", "model.", "base_model.model.", "backbone.", "net.")
    for wrapper in wrappers:
        rewrite(folder, lambda _, w=wrapper: {w + name: value for name, value in weights.items()})
        # Weights lie elsewhere in the file, and matrix products round by the alignment of their operands.
        assert same(computed(folder, case), expected, 1e-6)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("case", cases("nt_v1", "nt_v2"))
def test_the_end_of_rows_is_not_guessed(case: Path, part: str, tmp_path: Path) -> None:
    folder = copied(case, part, tmp_path)
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(InputError, match="whether rows of the model end with <eos>"):
        load_tokenizer(folder)
    (folder / "vocab.txt").unlink()
    with pytest.raises(InputError, match=r"no tokenizer\.json and no vocab\.txt"):
        load_tokenizer(folder)


@pytest.mark.parametrize("more", [-8, 40])
@pytest.mark.parametrize("case", ONE_OF_EACH)
def test_a_vocabulary_of_another_size_is_refused_wherever_the_model_is_opened(
    case: Path, more: int, tmp_path: Path
) -> None:
    folder = copied(case, "classifier", tmp_path)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "word_embeddings" in name)
    rows = len(weights[name])

    def resized(value: Tensor) -> Tensor:
        if len(value) != rows:
            return value
        return torch.cat([value, value[:1].expand(40, *value.shape[1:])])[: rows + more]

    per_token = (*PER_TOKEN, "lm_head.weight", "lm_head.bias", "word_embeddings.embedding.weight")
    rewrite(
        folder,
        lambda weights: {
            k: resized(v) if k.endswith(per_token) else v for k, v in weights.items()
        },
        vocab_size=rows + more,
    )
    with pytest.raises(InputError, match=r"tokenizer has|complement_map"):
        load_any(folder)


@pytest.mark.parametrize("case", cases("nt_v2"))
def test_numbers_of_classes_may_be_written_as_text(case: Path, tmp_path: Path) -> None:
    folder = copied(case, "classifier", tmp_path)
    names = [f"kind {i}" for i in range(len(load_any(folder).config.id2label))]
    both = {
        "id2label": dict(enumerate(names)),
        "label2id": {n: str(i) for i, n in enumerate(names)},
    }
    rewrite(folder, lambda w: w, **both)
    assert load_any(folder).config.label2id == {name: i for i, name in enumerate(names)}
    rewrite(folder, lambda w: w, label2id=dict.fromkeys(names, "0"))
    with pytest.raises(InputError, match="not the inverse of id2label"):
        load_any(folder)


@pytest.mark.parametrize("case", cases("nt_v1"))
def test_one_output_is_a_number_or_a_label_and_no_certain_class(
    case: Path, tmp_path: Path
) -> None:
    folder = copied(case, "classifier", tmp_path)
    expected = [row[:, :1] for row in computed(folder, case)]
    one = {"id2label": {"0": "strength"}, "label2id": {"strength": 0}}
    rewrite(
        folder,
        lambda weights: {k: v[:1] if "out_proj" in k else v for k, v in weights.items()},
        **one,
    )
    with pytest.raises(InputError, match=r"one output, and config\.json does not say") as error:
        computed(folder, case)
    assert "regression" in str(error.value.remedy)
    rewrite(folder, dict, problem_type="regression")
    assert same(computed(folder, case), expected)


@pytest.mark.parametrize("alone", [True, False])
def test_an_adapter_is_neither_a_model_nor_left_out_silently(alone: bool, tmp_path: Path) -> None:
    folder = dnabert(tmp_path / "model")
    save_file({"base_model.lora_A.weight": torch.ones(2, 2)}, folder / "adapter_model.safetensors")
    if alone:
        (folder / "config.json").unlink()
    with pytest.raises(InputError, match="adapter of peft") as error:
        dnasweep.load_model(folder)
    assert "merge_and_unload" in str(error.value.remedy)
    with pytest.raises(InputError, match="adapter of peft"):
        read_config(folder)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_what_is_exported_computes_the_same_in_plain_transformers_too(
    case: Path, part: str, tmp_path: Path
) -> None:
    folder = copied(case, part, tmp_path)
    expected = computed(folder, case)
    model = load_any(folder)
    again = export(model, load_tokenizer(folder), tmp_path / "exported")
    assert same(computed(again, case), expected, 1e-6)
    if case.parent.name != "nt_v1" or part != "classifier":
        return
    plain = AutoModelForSequenceClassification.from_pretrained(again)
    with torch.no_grad():
        rows = [plain(torch.tensor([ids])).logits for ids in inputs(case)["ids"]]
    assert same(rows, expected, 1e-6)
