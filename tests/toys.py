"""Small inputs that several test modules share."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from dnasweep.config import (
    MaskingConfig,
    ModelConfig,
    PmiConfig,
    TokenizerConfig,
    TrainingConfig,
)
from dnasweep.data.labels import Labels
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.classification import Classification
from dnasweep.models.pretraining import MaskedLanguageModelling
from dnasweep.models.strands import StrandCorpus
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import train
from dnasweep.tasks.losses import ClassLoss
from dnasweep.tasks.registry import task_of
from dnasweep.tokens.alphabet import other_strand
from dnasweep.tokens.corpus import Corpus
from dnasweep.tokens.masking.registry import make_masking
from dnasweep.tokens.ngrams import count_sequences
from dnasweep.tokens.pmi import score_kmers
from dnasweep.tokens.tokenizers import DnaTokenizer, fit

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
    corpus = tokenizer.encode(sequences)
    rows, cut = np.arange(num), num - num // 4
    return ToyLanguage(sequences, rows % 2, tokenizer, corpus, rows[:cut], rows[cut:])


def masked_task(
    toy: ToyLanguage, *, seed: int = 0, scheme: str = "auto", threshold: float = 1.0
) -> MaskedLanguageModelling:
    """Return the masked-language-modelling task on a toy; words are scored on the toy itself."""
    config = MaskingConfig(scheme=scheme, threshold=threshold)
    words = None
    if scheme in ("genemask", "global_pmi", "cm_step", "cm_gems"):
        counts = count_sequences(toy.sequences, toy.tokenizer.config.k)
        words = score_kmers(counts, PmiConfig(min_count=1))
    return MaskedLanguageModelling(
        toy.corpus,
        toy.tokenizer,
        make_masking(config, toy.tokenizer, words),
        train_rows=toy.train_rows,
        validation_rows=toy.validation_rows,
        seed=seed,
    )


def class_task(toy: ToyLanguage, **how: Any) -> Classification:
    """Return the classification task on a toy."""
    return Classification(
        toy.corpus,
        toy.labels,
        train_rows=toy.train_rows,
        validation_rows=toy.validation_rows,
        **how,
    )


def reverse_of(toy: ToyLanguage) -> Corpus:
    """Return the reverse complements of a toy's sequences, tokenised."""
    return toy.tokenizer.encode([other_strand(s) for s in toy.sequences])


def regular_task(toy: ToyLanguage) -> Classification:
    """Return the classification task with everything there is: strands, weights and smoothing."""
    return class_task(
        toy,
        strands=StrandCorpus(toy.corpus, reverse_of(toy), augment=True, average=True, seed=1),
        objective=ClassLoss(np.array([0.7, 1.6]), 0.1),
    )


def bases_task(toy: ToyLanguage) -> Classification:
    """Return the task of calling the bases of a motif."""
    targets = np.full((len(toy.sequences), max(map(len, toy.sequences))), -1, dtype=np.int8)
    for row, sequence in enumerate(toy.sequences):
        start = sequence.find(MOTIF)
        targets[row, : len(sequence)] = 0
        if start >= 0:
            targets[row, start : start + len(MOTIF)] = 1
    return Classification(
        toy.corpus,
        targets,
        train_rows=toy.train_rows,
        validation_rows=toy.validation_rows,
        task=task_of(Labels(task="token", names=("none", "motif"))),
    )


def toy_task(toy: ToyLanguage, name: str) -> MaskedLanguageModelling | Classification:
    """Return the task of a name: `pretrain`, `finetune`, `regular`, `bases` or a masking scheme."""
    named = {"pretrain": masked_task, "finetune": class_task, "regular": regular_task}
    named["bases"] = bases_task
    return named[name](toy) if name in named else masked_task(toy, scheme=name, threshold=2)


def gloo_worker(rank: int, world_size: int, rendezvous: str, job: Callable[[int], None]) -> None:
    """Join a gloo group of `world_size` processes and run `job(rank)`; for multiprocessing spawn."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world_size
    )
    try:
        job(rank)
    finally:
        dist.destroy_process_group()


def train_toys_on_this_worker(rank: int, *, runs: dict[str, TrainingConfig], out: str) -> None:
    """Train each toy task on this worker; rank 0 writes losses and metrics by task to `out`.

    A task is `pretrain`, `finetune`, `regular`, `bases` or the name of a masking scheme to pretrain with.
    """
    record = {}
    for task, config in runs.items():
        spec = "kmer-3" if task in ("pretrain", "finetune", "regular") else "kmer-3-overlap"
        toy = toy_language(90, spec=spec, ragged=9)
        num_tokens = int(toy.corpus.num_tokens().max())
        build = build_classifier if task in ("finetune", "regular") else build_masked_lm
        if task == "bases":
            build = partial(build_classifier, head="bases")
        model = build(
            TINY, tokenizer=toy.tokenizer, num_tokens=num_tokens, dropout=config.dropout, seed=0
        )
        losses: list[float] = []
        result = train(
            toy_task(toy, task),
            model,
            config,
            context=DistributedContext.current("cpu"),
            on_step=lambda done, total, bases, loss, to=losses: to.append(loss),
        )
        metrics = [e.metrics for e in result.evaluations]
        record[task] = {"losses": losses, "metrics": metrics, "outcome": result.outcome}
    if rank == 0:
        Path(out).write_text(json.dumps(record), encoding="utf-8")
