"""Pretrained encoders as artefacts."""

from __future__ import annotations

from pathlib import Path

from dnasweep.errors import InputError
from dnasweep.language.markov import markov_bits_per_base
from dnasweep.language.masking import make_masking
from dnasweep.model.architecture import build_masked_lm
from dnasweep.model.checkpoint import export, load_masked_lm
from dnasweep.model.mesh import Mesh
from dnasweep.model.tasks import MaskedLanguageModelling
from dnasweep.model.training import train
from dnasweep.stages.dataset import load_dataset, rows_of
from dnasweep.stages.outcome import (
    CHECKPOINT,
    OUTCOME,
    Listener,
    StageOutcome,
    find_outcome,
    listen,
)
from dnasweep.stages.ranks import obtain_together
from dnasweep.stages.recipe import EncoderSpec
from dnasweep.stages.tokens import obtain_corpus
from dnasweep.storage import Storage

MARKOV_ORDER = 4
MARKOV_SIDES = 2


def pretrain(
    storage: Storage,
    spec: EncoderSpec,
    *,
    mesh: Mesh | None = None,
    listener: Listener | None = None,
    precision: str = "auto",
) -> StageOutcome:
    """Pretrain an encoder and publish it, or find it published.

    Run it on every rank of a worker group, or alone. A killed run goes on from its last state.
    """
    mesh = mesh or Mesh.current()
    # Ranks look at different moments: only the leader's look may decide (obtain_together).
    if mesh.world_size == 1 and (found := find_outcome(storage, spec)) is not None:
        return found
    if spec.parent is not None:
        pretrain(storage, spec.parent, mesh=mesh, listener=listener, precision=precision)
    obtain_together(
        storage,
        spec.kind,
        spec.key,
        lambda folder: _build(storage, spec, folder, mesh, listener, precision),
        mesh=mesh,
        inputs=spec,
    )
    outcome = find_outcome(storage, spec)
    assert outcome is not None
    return outcome


def _build(
    storage: Storage,
    spec: EncoderSpec,
    folder: Path | None,
    mesh: Mesh,
    listener: Listener | None,
    precision: str,
) -> None:
    table = load_dataset(storage, spec.tokenizer.dataset).table
    tokenizer, corpus = obtain_corpus(storage, spec.tokenizer)
    rows = rows_of(table, spec.species, positives_only=True)
    if len(rows.train) == 0 or len(rows.validation) == 0:
        raise InputError(
            f"species {', '.join(spec.species) or 'all'} have {len(rows.train)} training and "
            f"{len(rows.validation)} validation positives",
            remedy="Pretraining needs some of both: name another species set or give more data.",
        )
    task = MaskedLanguageModelling(
        corpus,
        tokenizer,
        make_masking(spec.masking, tokenizer),
        train_rows=rows.train,
        validation_rows=rows.validation,
        seed=spec.training.seed,
    )
    if spec.parent is None:
        model = build_masked_lm(
            spec.model,
            tokenizer=tokenizer,
            num_tokens=int(corpus.num_tokens().max()),
            dropout=spec.training.dropout,
            seed=spec.training.seed,
        )
    else:
        parent = storage.find(spec.kind, spec.parent.key)
        assert parent is not None
        model = load_masked_lm(parent / CHECKPOINT)
    result = train(
        task,
        model,
        spec.training,
        mesh=mesh,
        state_dir=storage.work(spec.kind, spec.key),
        precision=precision,  # type: ignore[arg-type]
        **listen(listener),
    )
    if folder is None:
        return
    sequences = table["sequence"]
    facts = _baselines(
        sequences.iloc[rows.train].tolist(), sequences.iloc[rows.validation].tolist()
    )
    export(result.model, tokenizer, folder / CHECKPOINT)
    StageOutcome.of(result, facts=facts).write(folder / OUTCOME)


def _baselines(train: list[str], validation: list[str]) -> dict[str, float]:
    """Return what the same text costs without a model, in bits per base.

    A masked model sees both sides of a base, so the fair chain does too; the better one counts.
    """
    before = markov_bits_per_base(train, validation, order=MARKOV_ORDER)
    around = markov_bits_per_base(train, validation, order=MARKOV_SIDES, both_sides=True)
    return {"markov_bits_per_base": min(before, around), "uniform_bits_per_base": 2.0}
