"""Weights, settings and tokenizers of one checkpoint that contradict each other are refused."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from dnasweep.errors import InputError
from dnasweep.models.families.caduceus import CaduceusConfig, CaduceusForMaskedLM
from dnasweep.models.families.dnabert2 import DnaBert2Config, DnaBert2ForMaskedLM
from dnasweep.models.families.gena import GenaConfig, GenaForMaskedLM
from dnasweep.models.families.hyenadna import HyenaDnaConfig, HyenaDnaForCausalLM
from dnasweep.models.pretrained.any_head import load_any
from dnasweep.models.pretrained.checkpoint import load_masked_lm
from dnasweep.models.pretrained.vocabulary_match import check_vocabulary
from family_sizes import LETTERS, SIZE
from safetensors.torch import load_file, save_file

COMPLEMENTS = {str(i): {7: 10, 8: 9, 9: 8, 10: 7}.get(i, i) for i in range(16)}
ROWS = torch.tensor([[7, 8, 9, 10, 10, 7, 9, 9, 8, 7, 10, 1]])
FILTER = "hyena.backbone.layers.1.mixer.filter_fn.implicit_filter"
MIXER = "caduceus.backbone.layers.1.mixer"
COPIES = {
    "head of DNABERT-2": (
        lambda: DnaBert2ForMaskedLM(DnaBert2Config(**SIZE, tie_word_embeddings=False)),
        "cls.predictions.decoder.weight",
        "bert.embeddings.word_embeddings.weight",
    ),
    "head of GENA-LM": (
        lambda: GenaForMaskedLM(GenaConfig(**SIZE)),
        "cls.predictions.decoder.weight",
        "bert.embeddings.word_embeddings.weight",
    ),
    "bias of GENA-LM": (
        lambda: GenaForMaskedLM(GenaConfig(**SIZE)),
        "cls.predictions.decoder.bias",
        "cls.predictions.bias",
    ),
    "head of HyenaDNA": (
        lambda: HyenaDnaForCausalLM(HyenaDnaConfig(**LETTERS, max_seq_len=40)),
        "lm_head.weight",
        "hyena.backbone.embeddings.word_embeddings.weight",
    ),
    "frequencies of HyenaDNA": (
        lambda: HyenaDnaForCausalLM(HyenaDnaConfig(**LETTERS, max_seq_len=40)),
        f"{FILTER}.3.freq",
        f"{FILTER}.1.freq",
    ),
    "head of Caduceus": (
        lambda: CaduceusForMaskedLM(CaduceusConfig(**LETTERS)),
        "lm_head.weight",
        "caduceus.backbone.embeddings.word_embeddings.weight",
    ),
    "projections of Caduceus": (
        lambda: CaduceusForMaskedLM(CaduceusConfig(**LETTERS)),
        f"{MIXER}.mamba_rev.out_proj.weight",
        f"{MIXER}.mamba_fwd.out_proj.weight",
    ),
}


def rewrite(folder: Path, weights: dict | None = None, **settings: object) -> None:
    """Change weights and settings of a model directory in place."""
    path = folder / "model.safetensors"
    save_file(load_file(path) | (weights or {}), path, {"format": "pt"})
    config = json.loads((folder / "config.json").read_text()) | settings
    (folder / "config.json").write_text(json.dumps(config))


def logits(folder: Path):
    with torch.no_grad():
        return load_any(folder)(input_ids=ROWS).logits


@pytest.mark.parametrize("name", COPIES)
def test_a_weight_that_is_stored_twice_has_one_value(name, tmp_path):
    make, copy, original = COPIES[name]
    make().save_pretrained(tmp_path)
    expected, value = logits(tmp_path), load_file(tmp_path / "model.safetensors")[original]
    rewrite(tmp_path, {copy: value.clone()})
    torch.testing.assert_close(logits(tmp_path), expected)
    rewrite(tmp_path, {copy: value + 0.5})
    with pytest.raises(InputError, match="should be the same, but differ") as error:
        load_any(tmp_path)
    assert copy in str(error.value)
    assert original in str(error.value)
    own = "tie_word_embeddings" in str(error.value.remedy)
    assert own == (name.startswith(("head", "bias")) and "DNABERT" not in name)
    if own and name.startswith("head"):
        rewrite(tmp_path, tie_word_embeddings=False)
        load_any(tmp_path)


def test_projections_of_each_direction_of_a_caduceus_may_differ(tmp_path):
    config = CaduceusConfig(**LETTERS, bidirectional_weight_tie=False)
    CaduceusForMaskedLM(config).save_pretrained(tmp_path)
    load_masked_lm(tmp_path)


def caduceus(folder: Path, **settings: object) -> None:
    """Write a Caduceus of both strands as on the hub, without stored complements."""
    config = CaduceusConfig(**LETTERS, rcps=True, complement_map=COMPLEMENTS)
    CaduceusForMaskedLM(config).save_pretrained(folder)
    rewrite(folder, model_type="caduceus", complement_map=COMPLEMENTS, **settings)


def test_complements_of_settings_and_weights_have_to_agree(tmp_path):
    caduceus(tmp_path)
    expected = logits(tmp_path)
    right = torch.tensor(list(COMPLEMENTS.values()))
    embedding = "caduceus.backbone.embeddings.word_embeddings.complement_map"
    rewrite(tmp_path, {embedding: right, "lm_head.complement_map": right.clone()})
    torch.testing.assert_close(logits(tmp_path), expected)
    rewrite(tmp_path, {"lm_head.complement_map": torch.arange(16)})
    with pytest.raises(InputError, match=r"lm_head\.complement_map of model\.safetensors is not"):
        load_masked_lm(tmp_path)


@pytest.mark.parametrize(
    "written",
    [
        dict(sorted(COMPLEMENTS.items())),
        {"7": 10, "8": 9, "9": 8, "10": 7},
    ],
    ids=["in another order", "of bases alone"],
)
def test_complements_that_the_authors_code_would_read_otherwise_are_refused(written, tmp_path):
    caduceus(tmp_path)
    rewrite(tmp_path, complement_map=written)
    with pytest.raises(InputError, match="does not list all ids in order from 0") as error:
        load_masked_lm(tmp_path)
    assert "in order from 0" in str(error.value.remedy)
    # What this platform has saved, it reads by the ids.
    rewrite(tmp_path, model_type="dnasweep-caduceus")
    load_masked_lm(tmp_path)


def test_a_complement_has_an_embedding(tmp_path):
    caduceus(tmp_path)
    rewrite(tmp_path, complement_map=COMPLEMENTS | {"7": 16})
    with pytest.raises(InputError, match="names a token id that has no embedding"):
        load_masked_lm(tmp_path)


def letters() -> SimpleNamespace:
    """Return what is checked of the tokenizer of a Caduceus."""
    tokens = "[CLS] [SEP] [BOS] [MASK] [PAD] [RESERVED] [UNK] A C G T N".split()
    ends = {"has_first": False, "has_last": True}
    return SimpleNamespace(vocab_size=12, pad_id=4, cls_id=4, sep_id=1, tokens=tokens, **ends)


def test_complements_are_those_of_dna(tmp_path):
    config = CaduceusConfig(**LETTERS, rcps=True, complement_map=COMPLEMENTS)
    check_vocabulary(config, letters(), tmp_path)
    config.complement_map = COMPLEMENTS | {"7": 7, "10": 10}
    with pytest.raises(InputError, match="does not make A of the tokenizer T"):
        check_vocabulary(config, letters(), tmp_path)


def test_the_padding_that_trainers_write_for_dnabert2_is_not_read(tmp_path):
    ends = {"has_first": True, "has_last": True}
    tokenizer = SimpleNamespace(vocab_size=24, pad_id=3, cls_id=1, sep_id=2, **ends)
    config = DnaBert2Config(**SIZE)
    for pad in (0, 3, None):
        config.pad_token_id = pad
        check_vocabulary(config, tokenizer, tmp_path)
    config.pad_token_id = 2
    with pytest.raises(InputError, match="the padding token is 2, the tokenizer 3"):
        check_vocabulary(config, tokenizer, tmp_path)
