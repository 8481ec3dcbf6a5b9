"""Tiny pretrained checkpoints, made by transformers alone, as other people leave them on disk."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers import BertConfig, BertForMaskedLM, PreTrainedModel

SIZE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
DNABERT_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def dnabert_kmers(k: int = 3) -> list[str]:
    """Return DNABERT's vocabulary: special tokens, then all k-mers in the order A, T, C, G."""
    return [*DNABERT_SPECIAL, *map("".join, itertools.product("ATCG", repeat=k))]


def save(model: PreTrainedModel, directory: Path, kmers: list[str]) -> Path:
    """Write a model and its vocab.txt."""
    model.save_pretrained(directory)
    (directory / "vocab.txt").write_text("\n".join(kmers) + "\n")
    return directory


def dnabert(directory: Path, *, k: int = 3, positions: int = 64, seed: int = 0) -> Path:
    """Write a tiny BERT with DNABERT's vocabulary, as its authors publish it: no tokenizer.json."""
    torch.manual_seed(seed)
    kmers = dnabert_kmers(k)
    config = BertConfig(vocab_size=len(kmers), max_position_embeddings=positions, **SIZE)
    return save(BertForMaskedLM(config), directory, kmers)


def labelled_rows(num: int = 80, *, window: int = 40) -> pd.DataFrame:
    """Return random sequences of both classes, one of them with a motif."""
    rng = np.random.default_rng(0)
    letters = rng.choice(list("ACGT"), size=(num, window))
    letters[1::2, 5:15] = list("TATAAAAGGC")
    return pd.DataFrame(
        {"sequence": ["".join(row) for row in letters], "label": np.arange(num) % 2}
    )
