"""A small classifier that has learnt a planted motif, for tests of explanations."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
from dnasweep.attribution.attribution import Attribution, mean_loss
from dnasweep.config import ModelConfig, TokenizerConfig
from dnasweep.models.architecture import build_classifier
from dnasweep.tokens.tokenizers import DnaTokenizer, fit
from toys import MOTIF
from transformers import RobertaForSequenceClassification

SPECS = ("kmer-3", "kmer-3-overlap", "bpe-64", "wordpiece-64", "char")
CLASSES = ("background", "promoter")
STEPS = 400


class Learnt(NamedTuple):
    """A trained classifier and sequences it was not trained on."""

    model: RobertaForSequenceClassification
    tokenizer: DnaTokenizer
    sequences: list[str]
    labels: np.ndarray
    motif_starts: np.ndarray
    """First base of the motif, -1 where there is none."""


def motif_sequences(
    num: int, *, window: int, ragged: int = 0, seed: int
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return random DNA, labels and motif starts; every second sequence has the motif.

    Sequences have `window` bases, and up to `ragged` more.
    """
    rng = np.random.default_rng(seed)
    letters = rng.choice(list("ACGT"), size=(num, window + ragged))
    labels = np.arange(num) % 2
    starts = np.where(labels, rng.integers(2, 5, num) * 3, -1)
    for row in np.flatnonzero(labels):
        letters[row, starts[row] : starts[row] + len(MOTIF)] = list(MOTIF)
    sizes = window + rng.integers(ragged + 1, size=num)
    return ["".join(row[:size]) for row, size in zip(letters, sizes, strict=True)], labels, starts


@functools.cache
def learnt(spec: str, *, window: int = 36, layers: int = 2) -> Learnt:
    """Return a classifier of 32 hidden units that finds the motif; masks are nothing new to it."""
    # A trained vocabulary spends fewer tokens on a sequence with the motif: were all of one length,
    # the number of tokens would tell the class.
    ragged = 12 if spec.startswith(("bpe", "wordpiece")) else 0
    train, train_labels, _ = motif_sequences(1200, window=window, ragged=ragged, seed=1)
    tokenizer = fit(TokenizerConfig.parse(spec), train)
    config = ModelConfig(layers=layers, hidden=32, heads=2, intermediate=64)
    encoded = tokenizer.encode(train)
    counts = np.diff(encoded.offsets)
    model = build_classifier(
        config,
        tokenizer=tokenizer,
        num_tokens=int(counts.max()) + 8,
        dropout=0.0,
        seed=0,
        label_names=CLASSES,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    rng = np.random.default_rng(0)
    width = int(counts.max())
    ids = np.full((len(train), width), tokenizer.pad_id, np.int64)
    for row, (first, last) in enumerate(zip(encoded.offsets, encoded.offsets[1:], strict=False)):
        ids[row, : last - first] = encoded.ids[first:last]
    model.train()
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1.0, step / 30) * (1 - step / STEPS)
        rows = rng.integers(len(train), size=64)
        batch = ids[rows].copy()
        hidden = (rng.random(batch.shape) < rng.random((64, 1)) ** 3) & (batch > tokenizer.mask_id)
        batch[hidden] = tokenizer.mask_id
        there = torch.from_numpy(batch)
        loss = model(
            there,
            attention_mask=(there != tokenizer.pad_id).long(),
            labels=torch.from_numpy(train_labels[rows]),
        ).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    sequences, labels, starts = motif_sequences(32, window=window, ragged=ragged, seed=2)
    return Learnt(model.eval(), tokenizer, sequences, labels, starts)


def value_of_bases(found: Attribution, num_bases: int) -> np.ndarray:
    """Return the attribution of each base, (num_bases,), token by token.

    A token's value is shared equally by its bases; where tokens overlap, a base gets the mean over
    the tokens that cover it. Where single bases were mutated, a base has its own value.
    """
    if found.effects is not None:
        return mean_loss(found.effects)
    total, cover = np.zeros(num_bases), np.zeros(num_bases)
    for start, end, phi in zip(found.starts, found.ends, found.phi, strict=True):
        total[start:end] += phi / (end - start)
        cover[start:end] += 1
    return total / np.maximum(cover, 1)


class TokenMasker:
    """What the shap library needs to know to mask tokens by the mask token's id."""

    default_batch_size = 5
    immutable_outputs = True

    def __init__(self, tokenizer: DnaTokenizer) -> None:
        self.tokenizer = tokenizer

    def __call__(self, mask: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray]:
        mask = mask.copy()
        mask[[0, -1]] = True
        return (np.where(mask, ids, self.tokenizer.mask_id)[None],)

    def shape(self, ids: np.ndarray) -> tuple[int, int]:
        return 1, len(ids)

    def mask_shapes(self, ids: np.ndarray) -> list[tuple[int]]:
        return [(len(ids),)]

    def feature_names(self, ids: np.ndarray) -> list[list[str]]:
        return [[self.tokenizer.tokens[i] for i in ids]]

    def clustering(self, ids: np.ndarray) -> np.ndarray:
        """Return the hierarchy that `shap.maskers.Text` builds for one long word."""
        from shap.maskers._text import partition_tree

        words = ["", "A", *["##A"] * (len(ids) - 3), ""]
        tree = partition_tree(words, ["[SEP]"])
        tree[:, 2] = tree[:, 3] / tree[:, 3].max()
        return tree
