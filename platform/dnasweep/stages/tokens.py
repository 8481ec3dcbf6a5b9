"""Tokenizers and tokenised corpora as artefacts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.stages.dataset import load_dataset, rows_of
from dnasweep.stages.held_out import pretraining_rows
from dnasweep.stages.models import kept_model
from dnasweep.stages.specs import TokenizerSpec
from dnasweep.storage import Storage
from dnasweep.tokens.alphabet import other_strand
from dnasweep.tokens.corpus import Corpus
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.recognition import read_pretrained
from dnasweep.tokens.tokenizers import CONFIG_FILE, DnaTokenizer, fit

CORPUS = "corpus.safetensors"
REPORT = "report.json"
REPORT_ROWS = 2000


def obtain_tokenizer(storage: Storage, spec: TokenizerSpec) -> DnaTokenizer:
    """Return a tokenizer: fitted only on the training rows of its species, or enumerated, or that
    of a pretrained checkpoint."""

    def build(folder: Path) -> None:
        if spec.model is not None:
            tokenizer_of(kept_model(storage, spec.model), spec.config).save(folder)
            return
        fit(spec.config, _fitted_on(storage, spec) if spec.config.fitted else []).save(folder)

    return load_tokenizer(storage.obtain(spec.kind, spec.key, build, inputs=spec))


def _fitted_on(storage: Storage, spec: TokenizerSpec) -> list[str]:
    table, rows, _ = pretraining_rows(
        storage, spec.source, spec.species, positives_only=False, held_out=spec.held_out
    )
    if len(rows.train) == 0:
        raise InputError(
            f"no training rows of {', '.join(spec.species) or 'any species'}",
            remedy="Name a species set that the data has.",
        )
    return table["sequence"].iloc[rows.train].tolist()


def tokenizer_of(model: Path, config: TokenizerConfig) -> DnaTokenizer:
    """Return the tokenizer in a model directory; `config` says how to read a published one."""
    if (model / CONFIG_FILE).is_file():
        return load_tokenizer(model)
    return read_pretrained(model, config)


def obtain_corpus(storage: Storage, spec: TokenizerSpec) -> tuple[DnaTokenizer, Corpus]:
    """Return the tokenizer and the tokens of the whole data set, with rows in table order."""
    tokenizer = obtain_tokenizer(storage, spec)

    def build(folder: Path) -> None:
        table = load_dataset(storage, spec.dataset).table
        sequences = table["sequence"].tolist()
        corpus = tokenizer.encode(sequences)
        corpus.save(folder / CORPUS)
        rows = np.random.default_rng(0).permutation(rows_of(table, ()).train)[:REPORT_ROWS]
        report = tokenizer.report([sequences[row] for row in np.sort(rows)])
        facts = {**report._asdict(), "longest": int(corpus.num_tokens().max())}
        (folder / REPORT).write_text(json.dumps(facts, indent=2) + "\n")

    folder = storage.obtain(spec.corpus_kind, spec.corpus_key, build, inputs=spec)
    return tokenizer, Corpus.load(folder / CORPUS)


def obtain_reverse_corpus(
    storage: Storage, spec: TokenizerSpec, tokenizer: DnaTokenizer
) -> Corpus:
    """Return the tokens of the reverse complements of the whole data set, in table order.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    spec
        Specification of the corpus.
    tokenizer
        Its tokenizer.
    """

    def build(folder: Path) -> None:
        sequences = load_dataset(storage, spec.dataset).table["sequence"]
        tokenizer.encode(sequences.map(other_strand).tolist()).save(folder / CORPUS)

    folder = storage.obtain(spec.corpus_kind, spec.reverse_corpus_key, build, inputs=spec)
    return Corpus.load(folder / CORPUS)


def tokenizer_report(storage: Storage, spec: TokenizerSpec) -> dict[str, float]:
    """Return bases per token, used vocabulary and fraction of unknown tokens on training rows, and
    the number of tokens of the longest row."""
    if (path := storage.file(spec.corpus_kind, spec.corpus_key, REPORT)) is None:
        obtain_corpus(storage, spec)
        path = storage.expect(spec.corpus_kind, spec.corpus_key) / REPORT
    return dict(json.loads(path.read_text()))
