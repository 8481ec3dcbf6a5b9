"""Rotary positions of an ESM have the frequencies that are stored, rounded where the checkpoint is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from dnasweep.errors import InputError
from dnasweep.models.families.nucleotide_transformer import (
    NucleotideTransformerConfig,
    NucleotideTransformerForMaskedLM,
)
from dnasweep.models.pretrained.checkpoint import load_masked_lm
from dnasweep.models.pretrained.encoder import build_on_checkpoint, describe
from safetensors.torch import load_file, save_file
from transformers import EsmConfig, EsmForMaskedLM

SIZE = {
    "vocab_size": 24,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "pad_token_id": 1,
    "position_embedding_type": "rotary",
}
ROWS = torch.arange(5, 22)[None]
MODELS = {
    "Nucleotide Transformer v2": lambda: NucleotideTransformerForMaskedLM(
        NucleotideTransformerConfig(**SIZE, add_bias_fnn=False)
    ),
    "ESM": lambda: EsmForMaskedLM(EsmConfig(**SIZE)),
}


def stored_with_layers(model, folder: Path, *frequencies: torch.Tensor) -> None:
    """Write a model with the frequencies of each layer, as earlier versions of transformers do."""
    model.save_pretrained(folder)
    path = folder / "model.safetensors"
    weights = {name: value for name, value in load_file(path).items() if "inv_freq" not in name}
    for i, value in enumerate(frequencies):
        name = f"esm.encoder.layer.{i}.attention.self.rotary_embeddings.inv_freq"
        weights[name] = value.clone()
    save_file(weights, path, {"format": "pt"})


@pytest.mark.parametrize("name", MODELS)
def test_frequencies_are_those_that_are_stored(name, tmp_path):
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    rounded = model.esm.rotary_embeddings.inv_freq.bfloat16()
    assert not torch.equal(rounded.float(), model.esm.rotary_embeddings.inv_freq)
    stored_with_layers(model, tmp_path, rounded, rounded)
    again = load_masked_lm(tmp_path)
    model.esm.rotary_embeddings.inv_freq.copy_(rounded)
    with torch.no_grad():
        torch.testing.assert_close(again(ROWS).logits, model(ROWS).logits, atol=1e-6, rtol=1e-6)
    ends = {"has_first": True, "has_last": False}
    tokenizer = SimpleNamespace(vocab_size=24, pad_id=1, cls_id=3, sep_id=1, **ends)
    built = build_on_checkpoint(
        tmp_path,
        describe(tmp_path),
        tokenizer=tokenizer,
        num_tokens=9,
        dropout=0.0,
        seed=0,
    )
    again.save_pretrained(tmp_path / "saved")
    for one in (built, load_masked_lm(tmp_path / "saved")):
        assert torch.equal(one.esm.rotary_embeddings.inv_freq, rounded.float())


@pytest.mark.parametrize("name", MODELS)
def test_frequencies_of_all_layers_are_the_same(name, tmp_path):
    model = MODELS[name]()
    first = model.esm.rotary_embeddings.inv_freq
    stored_with_layers(model, tmp_path, first, first / 2)
    with pytest.raises(InputError, match=r"layer\.1\..*inv_freq is not that of the other layers"):
        load_masked_lm(tmp_path)
