"""Pretrained encoders as artefacts."""

from __future__ import annotations

from typing import Any

from dnasweep.errors import InputError
from dnasweep.models.architecture import build_masked_lm
from dnasweep.models.pretrained.checkpoint import load_masked_lm
from dnasweep.models.pretrained.continued import masked_lm_of_checkpoint
from dnasweep.models.pretraining import MaskedLanguageModelling
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import TrainingResult
from dnasweep.stages.held_out import pretraining_rows
from dnasweep.stages.models import kept_model
from dnasweep.stages.outcome import CHECKPOINT, Listener, StageOutcome
from dnasweep.stages.pmi import obtain_table
from dnasweep.stages.specs import EncoderSpec
from dnasweep.stages.tokens import obtain_corpus, obtain_reverse_corpus
from dnasweep.stages.training import TrainableStage, train_stage
from dnasweep.storage import Storage
from dnasweep.tokens.corpus import Corpus
from dnasweep.tokens.markov import markov_bits_per_base
from dnasweep.tokens.masking.registry import make_masking
from dnasweep.tokens.tokenizers import DnaTokenizer

MARKOV_ORDER = 4
MARKOV_SIDES = 2


def pretrain(
    storage: Storage,
    spec: EncoderSpec,
    *,
    context: DistributedContext | None = None,
    listener: Listener | None = None,
) -> StageOutcome:
    """Pretrain an encoder, after the encoders that it continues, unless they are published.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    spec
        Specification of the encoder.
    context
        The group of workers that this process belongs to; None: the group that is set up.
    listener
        Callbacks, if any.

    Raises
    ------
    InputError
        If the species set has no rows for training or validation.
    """
    context = context or DistributedContext.current()
    if spec.parent is not None:
        pretrain(storage, spec.parent, context=context, listener=listener)
    return train_stage(
        storage,
        spec,
        lambda: _prepare(storage, spec),
        context=context,
        listener=listener,
    )


def _prepare(storage: Storage, spec: EncoderSpec) -> TrainableStage:
    tokenizer, corpus = obtain_corpus(storage, spec.tokenizer)
    table, rows, num_left_out = pretraining_rows(
        storage,
        spec.tokenizer.dataset,
        spec.species,
        positives_only=spec.positives_only,
        held_out=spec.held_out,
    )
    if len(rows.train) == 0 or len(rows.validation) == 0:
        raise InputError(
            f"species {', '.join(spec.species) or 'all'} have {len(rows.train)} training and "
            f"{len(rows.validation)} validation {'positives' if spec.positives_only else 'rows'}",
            remedy="Pretraining needs some of both: name another species set or give more data.",
        )
    table_of_kmers = None if spec.pmi is None else obtain_table(storage, spec.pmi)
    task = MaskedLanguageModelling(
        corpus,
        tokenizer,
        make_masking(spec.masking, tokenizer, table_of_kmers),
        train_rows=rows.train,
        validation_rows=rows.validation,
        seed=spec.training.seed,
    )
    common: dict[str, Any] = {
        "tokenizer": tokenizer,
        "num_tokens": _most_tokens(storage, spec, tokenizer, corpus),
        "dropout": spec.training.dropout,
    }
    if spec.parent is not None:
        model = load_masked_lm(storage.expect(spec.kind, spec.parent.key) / CHECKPOINT)
    elif spec.checkpoint is not None:
        model = masked_lm_of_checkpoint(kept_model(storage, spec.checkpoint), **common)
    else:
        model = build_masked_lm(spec.model, **common, seed=spec.training.seed)
    left_out = {} if spec.held_out is None else {"held_out_rows": float(num_left_out)}
    sequences = table["sequence"]
    train = sequences.iloc[rows.train].tolist()
    validation = sequences.iloc[rows.validation].tolist()

    def facts(result: TrainingResult) -> dict[str, float]:
        unigram = {"unigram_bits_per_base": task.unigram_bits_per_base()}
        return unigram | _baselines(train, validation) | left_out

    return TrainableStage(task, model, tokenizer, facts)


def _most_tokens(
    storage: Storage, spec: EncoderSpec, tokenizer: DnaTokenizer, corpus: Corpus
) -> int:
    longest = int(corpus.num_tokens().max())
    if not spec.both_strands:
        return longest
    reverse = obtain_reverse_corpus(storage, spec.tokenizer, tokenizer)
    return max(longest, int(reverse.num_tokens().max()))


def _baselines(train: list[str], validation: list[str]) -> dict[str, float]:
    """Return baselines without a neural network, in bits per base.

    A masked model sees both sides of a base, so a fair comparison is a Markov chain that uses both
    sides; the better of the two chains is used.
    """
    before = markov_bits_per_base(train, validation, order=MARKOV_ORDER)
    around = markov_bits_per_base(train, validation, order=MARKOV_SIDES, both_sides=True)
    return {"markov_bits_per_base": min(before, around), "uniform_bits_per_base": 2.0}
