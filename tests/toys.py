"""Small inputs that several test modules share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from dnasweep.config import MaskingConfig, ModelConfig, TokenizerConfig
from dnasweep.language.corpus import Corpus
from dnasweep.language.masking import make_masking
from dnasweep.language.tokenizers import DnaTokenizer, fit
from dnasweep.model.tasks import Classification, MaskedLanguageModelling

TINY = ModelConfig(layers=2, hidden=32, heads=2, intermediate=64)
MOTIF = "TATAAAAGGC"


class ToyLanguage(NamedTuple):
    """Labelled sequences, their tokenizer and corpus; class 1 has a motif planted."""

    sequences: list[str]
    labels: np.ndarray
    tokenizer: DnaTokenizer
    corpus: Corpus
    train_rows: np.ndarray
    validation_rows: np.ndarray


def toy_sequences(num: int, *, window: int = 60, ragged: int = 0, seed: int = 0) -> list[str]:
    """Return random DNA; every second one has MOTIF planted; `ragged` varies the length."""
    rng = np.random.default_rng(seed)
    sequences = []
    for i in range(num):
        size = window - int(rng.integers(ragged + 1))
        letters = rng.choice(list("ACGT"), size=size)
        if i % 2:
            at = int(rng.integers(2, 8))
            letters[at : at + len(MOTIF)] = list(MOTIF)
        sequences.append("".join(letters))
    return sequences


def toy_language(
    num: int = 200, *, spec: str = "kmer-3", window: int = 60, ragged: int = 0, seed: int = 0
) -> ToyLanguage:
    """Return toy sequences, tokenised; the last quarter of the rows is for validation."""
    sequences = toy_sequences(num, window=window, ragged=ragged, seed=seed)
    tokenizer = fit(TokenizerConfig.parse(spec), sequences)
    corpus = Corpus.build(tokenizer, sequences)
    rows, cut = np.arange(num), num - num // 4
    return ToyLanguage(sequences, rows % 2, tokenizer, corpus, rows[:cut], rows[cut:])


def masked_task(
    toy: ToyLanguage, *, seed: int = 0, scheme: str = "auto"
) -> MaskedLanguageModelling:
    """Return the masked-language-modelling task on a toy."""
    return MaskedLanguageModelling(
        toy.corpus,
        toy.tokenizer,
        make_masking(MaskingConfig(scheme=scheme), toy.tokenizer),
        train_rows=toy.train_rows,
        validation_rows=toy.validation_rows,
        seed=seed,
    )


def class_task(toy: ToyLanguage) -> Classification:
    """Return the classification task on a toy."""
    return Classification(
        toy.corpus,
        toy.labels,
        train_rows=toy.train_rows,
        validation_rows=toy.validation_rows,
    )
