"""Fine-tuned classifiers as artefacts: one a trial."""

from __future__ import annotations

from pathlib import Path

from dnasweep.errors import InputError
from dnasweep.model.architecture import build_classifier
from dnasweep.model.checkpoint import export
from dnasweep.model.mesh import Mesh
from dnasweep.model.metrics import VALIDATION_THRESHOLD
from dnasweep.model.tasks import Classification
from dnasweep.model.training import train
from dnasweep.stages.dataset import load_dataset, rows_of
from dnasweep.stages.encoder import pretrain
from dnasweep.stages.outcome import (
    CHECKPOINT,
    OUTCOME,
    Listener,
    StageOutcome,
    find_outcome,
    listen,
)
from dnasweep.stages.ranks import obtain_together
from dnasweep.stages.recipe import ClassifierSpec
from dnasweep.stages.tokens import obtain_corpus
from dnasweep.storage import Storage

BINARY = ("negative", "positive")


def finetune(
    storage: Storage,
    spec: ClassifierSpec,
    *,
    mesh: Mesh | None = None,
    listener: Listener | None = None,
    precision: str = "auto",
) -> StageOutcome:
    """Fine-tune a classifier and publish it, or find it published.

    The encoder is pretrained first when it is not there. Run it on every rank of a worker group,
    or alone. A killed run goes on from its last state.
    """
    mesh = mesh or Mesh.current()
    if mesh.world_size == 1 and (found := find_outcome(storage, spec)) is not None:
        return found
    if spec.encoder is not None:
        pretrain(storage, spec.encoder, mesh=mesh, precision=precision)
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
    spec: ClassifierSpec,
    folder: Path | None,
    mesh: Mesh,
    listener: Listener | None,
    precision: str,
) -> None:
    table = load_dataset(storage, spec.tokenizer.dataset).table
    tokenizer, corpus = obtain_corpus(storage, spec.tokenizer)
    rows = rows_of(table, spec.target)
    labels = table["label"].to_numpy()
    num_labels = int(labels.max()) + 1
    for name, part in zip(("training", "validation"), rows, strict=False):
        if len(set(labels[part].tolist())) < 2:
            raise InputError(
                f"the {name} rows of {', '.join(spec.target) or 'all species'} have one class",
                remedy="Give rows of both classes, or another target species set.",
            )
    task = Classification(
        corpus,
        labels,
        train_rows=rows.train,
        validation_rows=rows.validation,
        num_labels=num_labels,
    )
    start = None
    if spec.encoder is not None:
        found = storage.find(spec.encoder.kind, spec.encoder.key)
        assert found is not None
        start = found / CHECKPOINT
    model = build_classifier(
        spec.model,
        tokenizer=tokenizer,
        num_tokens=int(corpus.num_tokens().max()),
        num_labels=num_labels,
        dropout=spec.training.dropout,
        seed=spec.training.seed,
        encoder=start,
        label_names=BINARY if num_labels == 2 else None,
    )
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
    threshold = result.best.metrics.get(VALIDATION_THRESHOLD)
    if threshold is not None:
        # Kept with the weights, so that whoever loads them calls as the trial did.
        result.model.config.decision_threshold = float(threshold)
    export(result.model, tokenizer, folder / CHECKPOINT)
    StageOutcome.of(result).write(folder / OUTCOME)
