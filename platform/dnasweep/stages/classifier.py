"""Fine-tuned classifiers as artefacts: one per trial."""

from __future__ import annotations

from typing import Any

from dnasweep.config import AVERAGED, TuningConfig
from dnasweep.models.architecture import build_classifier
from dnasweep.models.classification import Classification
from dnasweep.models.pretrained.encoder import build_on_checkpoint
from dnasweep.models.strands import StrandCorpus
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import TrainingResult
from dnasweep.models.training.trained_weights import merge, num_trained, tune
from dnasweep.stages.dataset import SHOTS, draw_shots, load_dataset, rows_of, shots_text
from dnasweep.stages.encoder import pretrain
from dnasweep.stages.models import kept_model
from dnasweep.stages.outcome import CHECKPOINT, Listener, StageOutcome, find_outcome
from dnasweep.stages.specs import ClassifierSpec
from dnasweep.stages.tokens import obtain_corpus, obtain_reverse_corpus
from dnasweep.stages.training import TrainableStage, train_stage
from dnasweep.storage import Storage
from dnasweep.tasks.registry import task_of
from dnasweep.tasks.trained_lengths import TRAINED_LENGTHS, lengths_of


def finetune(
    storage: Storage,
    spec: ClassifierSpec,
    *,
    context: DistributedContext | None = None,
    listener: Listener | None = None,
) -> StageOutcome:
    """Fine-tune a classifier; pretrain its encoder first if it is not published.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    spec
        Specification of the classifier.
    context
        The group of workers that this process belongs to; None: the group that is set up.
    listener
        Callbacks, if any.

    Raises
    ------
    InputError
        If the training or validation rows of the species to learn from are not sufficient, for
        example if all have one class, or if there are fewer rows of a class than shots.
    """
    context = context or DistributedContext.current()
    if context.world_size == 1 and (there := find_outcome(storage, spec)) is not None:
        # A process that was killed right after publication left its training state behind.
        storage.forget(spec.kind, spec.key)
        return there
    if spec.encoder is not None:
        pretrain(storage, spec.encoder, context=context)
    return train_stage(
        storage,
        spec,
        lambda: _prepare(storage, spec),
        context=context,
        listener=listener,
    )


def _prepare(storage: Storage, spec: ClassifierSpec) -> TrainableStage:
    dataset = load_dataset(storage, spec.tokenizer.dataset)
    table = dataset.table
    tokenizer, corpus = obtain_corpus(storage, spec.tokenizer)
    rows = rows_of(table, spec.learned_from)
    notes: dict[str, str] = {}
    if spec.shots is not None:
        drawn = draw_shots(table, rows.train, spec.shots, spec.resample)
        rows, notes = rows._replace(train=drawn), {SHOTS: shots_text(table, drawn)}
    learned, labels = task_of(dataset.labels), dataset.labels.targets(table)
    last = spec.classification.keep == "last"
    for name, part in zip(("training", "validation"), rows[: 1 if last else 2], strict=False):
        species = ", ".join(spec.learned_from) or "all species"
        learned.check(labels[part], f"the {name} rows of {species}")
    settings = spec.classification
    strands = StrandCorpus(
        corpus,
        obtain_reverse_corpus(storage, spec.tokenizer, tokenizer)
        if settings.both_strands
        else None,
        augment=settings.augment_reverse_complement,
        average=settings.average_reverse_complement,
        seed=spec.training.seed,
    )
    objective = learned.objective(
        labels[rows.train],
        balanced=settings.class_weights == "balanced",
        smoothing=settings.label_smoothing,
    )
    task = Classification(
        corpus,
        labels,
        train_rows=rows.train,
        validation_rows=rows.validation,
        keep=settings.keep,
        strands=strands,
        objective=objective,
        task=learned,
        pad_id=tokenizer.pad_id,
    )
    model = _start_model(
        storage,
        spec,
        tokenizer=tokenizer,
        num_tokens=int(strands.corpus.num_tokens().max()),
        num_labels=learned.num_outputs,
        label_names=learned.names,
        head=learned.head,
        places=learned.places,
        bias=learned.has_bias,
    )
    learned.check_model(model)
    # The loaded weights must predict like the trial, not like the model that it started from.
    if strands.average or hasattr(model.config, AVERAGED):
        setattr(model.config, AVERAGED, strands.average)

    lengths = lengths_of(table["sequence"].iloc[rows.train])

    def finish(result: TrainingResult) -> dict[str, float]:
        facts = _finish_tuning(result.model, spec.tuning)
        seen = result.probabilities
        validated = None if seen is None else (labels[rows.validation], seen)
        learned.finish(result.model, objective, result.best.metrics, validated)
        setattr(result.model.config, TRAINED_LENGTHS, list(lengths))
        return facts

    return TrainableStage(task, model, tokenizer, finish, notes)


def _start_model(storage: Storage, spec: ClassifierSpec, *, bias: bool, **common: Any) -> Any:
    """Return the initial classifier of a specification, ready for training."""
    common |= {"dropout": spec.training.dropout, "seed": spec.training.seed}
    if spec.checkpoint is not None:
        directory = kept_model(storage, spec.checkpoint)
        if spec.encoder is not None:
            directory = storage.expect(spec.encoder.kind, spec.encoder.key) / CHECKPOINT
        model: Any = build_on_checkpoint(directory, spec.model, bias=bias, **common)
    else:
        encoder = None
        if spec.encoder is not None:
            encoder = storage.expect(spec.encoder.kind, spec.encoder.key) / CHECKPOINT
        model = build_classifier(spec.model, **common, encoder=encoder)
    tune(model, spec.tuning, seed=spec.training.seed)
    return model


def _finish_tuning(model: Any, tuning: TuningConfig) -> dict[str, float]:
    """Merge LoRA into a trained model, and return the numbers of trained and of all parameters."""
    if tuning.method == "full":
        return {}
    moved, total = num_trained(model)
    if tuning.method == "lora":
        merge(model)
    return {"moving_parameters": float(moved), "parameters": float(total)}
