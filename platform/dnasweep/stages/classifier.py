"""Fine-tuned classifiers as artefacts: one a trial."""

from __future__ import annotations

from dnasweep.errors import InputError
from dnasweep.model.mesh import Mesh, Precision
from dnasweep.model.metrics import VALIDATION_THRESHOLD
from dnasweep.model.tasks import Classification
from dnasweep.model.training import TrainingResult
from dnasweep.stages.dataset import load_dataset, rows_of
from dnasweep.stages.encoder import pretrain
from dnasweep.stages.outcome import Listener, StageOutcome
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.stages.starts import finish_tuning, start_model
from dnasweep.stages.tokens import obtain_corpus
from dnasweep.stages.training import Ready, train_stage
from dnasweep.storage import Storage

BINARY = ("negative", "positive")


def finetune(
    storage: Storage,
    spec: ClassifierSpec,
    *,
    mesh: Mesh | None = None,
    listener: Listener | None = None,
    precision: Precision = "auto",
) -> StageOutcome:
    """Fine-tune a classifier, pretraining its encoder first where it is not there.

    Raises
    ------
    InputError
        When the training or validation rows of the species it learns from have one class.
    """
    mesh = mesh or Mesh.current()
    if spec.encoder is not None:
        pretrain(storage, spec.encoder, mesh=mesh, precision=precision)
    return train_stage(
        storage,
        spec,
        lambda: _make_ready(storage, spec),
        mesh=mesh,
        listener=listener,
        precision=precision,
    )


def _make_ready(storage: Storage, spec: ClassifierSpec) -> Ready:
    table = load_dataset(storage, spec.tokenizer.dataset).table
    tokenizer, corpus = obtain_corpus(storage, spec.tokenizer)
    rows = rows_of(table, spec.learned_from)
    labels = table["label"].to_numpy()
    num_labels = int(labels.max()) + 1
    for name, part in zip(("training", "validation"), rows[:2], strict=True):
        if len(set(labels[part].tolist())) < 2:
            raise InputError(
                f"the {name} rows of {', '.join(spec.learned_from) or 'all species'} have one class",
                remedy="Give rows of both classes, or another species set to train on.",
            )
    task = Classification(
        corpus,
        labels,
        train_rows=rows.train,
        validation_rows=rows.validation,
        num_labels=num_labels,
        pad_id=tokenizer.pad_id,
    )
    model = start_model(
        storage,
        spec,
        tokenizer=tokenizer,
        num_tokens=int(corpus.num_tokens().max()),
        num_labels=num_labels,
        label_names=BINARY if num_labels == 2 else None,
    )

    def finish(result: TrainingResult) -> dict[str, float]:
        return _keep_threshold(result) | finish_tuning(result.model, spec.tuning)

    return Ready(task, model, tokenizer, finish)


def _keep_threshold(result: TrainingResult) -> dict[str, float]:
    """Keep the threshold with the weights, so that whoever loads them calls as the trial did."""
    threshold = result.best.metrics.get(VALIDATION_THRESHOLD)
    if threshold is not None:
        result.model.config.decision_threshold = float(threshold)
    return {}
