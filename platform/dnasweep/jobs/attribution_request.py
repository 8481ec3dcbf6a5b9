"""The checked request of an attribution job: options, sequences and model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from tyro.constructors import PrimitiveConstructorSpec

from dnasweep.attribution.budgets import check_budget
from dnasweep.attribution.positions import TSS_INDEX_KEY, UNTOLD, tss_positions
from dnasweep.attribution.settings import (
    ESTIMATOR_NAMES,
    ESTIMATORS_WITHOUT_REFERENCE,
    AttentionLayers,
    Estimator,
    ExplainConfig,
    Reference,
    Value,
)
from dnasweep.config import versions
from dnasweep.config.ranges import Batch, Between, Count, Positive, Range, Seed, Whole
from dnasweep.data.reading import Reading
from dnasweep.errors import InputError
from dnasweep.formats.rejects import RejectedRow, check_rejects
from dnasweep.jobs.options import SequenceOptions
from dnasweep.jobs.request import JobRequest, model_directory, model_key, open_storage
from dnasweep.jobs.shards.work_list import choose_shard_size
from dnasweep.models.encoder.precision import ResolvePrecision, resolve_here
from dnasweep.tasks.registry import BINARY
from dnasweep.tasks.task import Task
from dnasweep.tasks.trained_lengths import note_on_lengths

if TYPE_CHECKING:
    from dnasweep.attribution.checks import Unfit

KIND = "attributions"
NUM_SPECIAL = 2
"""Number of tokens per sequence that are not explained: [CLS] and [SEP]."""
Evaluations = Annotated[int, Range(4, 2**31 - 1)]
EstimatorName = Annotated[
    Estimator,
    # Accept any name here, so that one of an earlier version is refused with its replacement.
    PrimitiveConstructorSpec(
        nargs=1,
        metavar=f"{{{','.join(ESTIMATOR_NAMES)}}}",
        instance_from_str=lambda words: words[0],
        is_instance=lambda name: isinstance(name, str),
        str_from_instance=lambda name: [name],
    ),
]


@dataclass(frozen=True, kw_only=True)
class AttributionOptions(SequenceOptions):
    """Options of an attribution job."""

    model: str
    """MLflow run id, registered model (models:/NAME@ALIAS), directory, or hub name
    OWNER/MODEL[@REVISION]."""
    limit: Count | None = None
    """Explain only this many sequences, the first ones."""
    target: str | None = None
    """Class to explain, by its name in the model. For a model that predicts per base or bin, also the
    class at one of them, counted from 0: donor@120. Default for two classes: the second, positive one."""
    against: str | None = None
    """Class to compare the explained class with. Default: all others together."""
    value: Value = "log_odds"
    """Output to explain: the log odds (nats), the logit or the probability of the class."""
    reference: Reference = "mask"
    """Replacement for a token that is left out: the mask token, nothing, or shuffled copies."""
    estimator: EstimatorName = "adjusted_kernel"
    """Estimator of Shapley values (partition: Owen values). Or attention: share of the first token's
    attention; in_silico_mutagenesis: mean loss of the value if a base is mutated; lime: coefficients of a
    local linear model; anchors: what a token adds to the precision of an anchor."""
    attention_layers: AttentionLayers = "last"
    """For attention: use the last layer, the mean over all layers, or rollout through all layers."""
    kernel_width: Positive = 25.0
    """For lime: width of the kernel by which weights decrease with cosine distance, in hundredths."""
    anchor_threshold: Between = 0.95
    """For anchors: minimum precision of an anchor, with 95 % confidence."""
    anchor_tokens: Count = 8
    """For anchors: maximum number of tokens in an anchor."""
    max_evals: Evaluations | None = None
    """Model evaluations per sequence. Default: depends on the estimator."""
    standard_error: Positive | None = None
    """Continue sampling until the mean standard error over a sequence's tokens is at most this."""
    interactions: Whole = 0
    """Number of strongest token pairs per sequence whose interaction (Shapley interaction index) is kept;
    0: none are estimated. Estimation takes another --max-evals evaluations, or 500 or 10 per token."""
    seed: Seed = 0
    """Seed of sampled masks and shuffled copies."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Precision: auto is bf16 on GPUs that support it, if it is exact enough."""
    shard_size: Count | None = None
    """Sequences per shard, the unit that is stored at once, or lost if the job is killed. Default: up to
    256, depending on the length of the list. A job that has been started keeps its size."""
    batch_rows: Batch | None = None
    """Model inputs per forward pass. Default: chosen by the available memory; does not change results."""
    report: bool = True
    """Write the report of what the model looks at."""
    tss_index: Whole | None = None
    """0-based index of the first transcribed base, for the report. Default: inferred from the length, unless
    --crop is given."""


@dataclass(frozen=True, kw_only=True)
class AttributionRequest(JobRequest[AttributionOptions]):
    """An attribution job that can be started; its settings are written into every table."""

    KIND: ClassVar[str] = KIND
    averaged: bool = False
    """Whether the model predicts from both strands."""
    task: Task = BINARY
    """Task that the model was trained for."""


def prepare_attribution(
    options: AttributionOptions,
    reading: Reading | None = None,
    *,
    resolve: ResolvePrecision = resolve_here,
) -> AttributionRequest:
    """Read the sequences, find the model and check them against each other.

    Parameters
    ----------
    options
        Options of the command.
    reading
        The sequences, if they were already read; None: read the files in the options.
    resolve
        Function that returns what the precision `auto` means on the machine that computes the job.

    Raises
    ------
    InputError
        For any mistake that can be detected before the first sequence is explained.
    """
    from dnasweep.attribution.checks import (
        check_estimator_reads,
        check_model,
        count_tokens,
        find_unfit,
    )
    from dnasweep.attribution.tables import work_list

    config = config_of(options)
    storage, uri = open_storage(options)
    with model_directory(options.model, uri) as directory:
        without = config.estimator in ESTIMATORS_WITHOUT_REFERENCE
        reference = None if without else options.reference
        model = check_model(
            directory, target=options.target, against=options.against, reference=reference
        )
        digest = model_key(storage, directory, options)
    if reading is None:
        reading = options.read_rows(model.task.names if model.task.has_classes else ())
        reading = Reading(
            reading.table[: options.limit], reading.origins[: options.limit], reading.rejected
        )
    counts = count_tokens(reading.table["sequence"].tolist(), model.tokenizer)
    table = reading.table
    unfit = find_unfit(table, counts, model.capacity, model.least_bases)
    rejects = [*reading.rejected, *_rejected(unfit, reading, options)]
    if unfit:
        fit = ~np.isin(np.arange(len(table)), [one.position for one in unfit])
        table, counts = table[fit].reset_index(drop=True), counts[fit]
    check_budget(config, int(counts.max()) - NUM_SPECIAL)
    lengths = np.asarray(table["sequence"].str.len(), np.int64)
    if options.tss_index is not None:
        tss_positions(lengths, options.tss_index)
    resolved = resolve(options.precision, gpus=options.gpus_per_actor, address=options.address)
    # On GPUs keep `auto`: whether bf16 is exact enough depends on the model.
    arithmetic = options.precision if resolved == "bf16" else resolved
    check_estimator_reads(model.task, config)
    value = model.task.value(config.value, model.place)
    config = dataclasses.replace(config, target=model.target, value=value, precision=arithmetic)
    settings = {
        **config.to_settings(),
        "model": digest,
        "classes": model.names,
        "tokenizer": model.tokenizer.config.name,
        "schema": versions.ATTRIBUTION_TABLE,
        "engine": versions.ATTRIBUTIONS,
        **({"unit": model.task.explained_unit} if model.task.explained_unit else {}),
        # Only for rows without a class; requests of the others were written without it.
        **({} if model.task.has_classes else {"task": model.task.name}),
        **_start(options, lengths),
    }
    return AttributionRequest(
        options=options,
        storage=storage,
        uri=uri,
        rows=work_list(table, counts),
        settings=settings,
        rejects=rejects,
        shard_size=options.shard_size or choose_shard_size(len(table), options.num_actors),
        averaged=model.averaged,
        task=model.task,
        warning=note_on_lengths(model.lengths, table["sequence"].str.len()),
    )


def config_of(options: AttributionOptions) -> ExplainConfig:
    """Return what is explained and how; raise `InputError` for incompatible options."""
    asked = {field.name for field in fields(ExplainConfig)} & {
        field.name for field in fields(options)
    }
    try:
        return ExplainConfig(**{name: getattr(options, name) for name in asked})
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error)) from error


def _start(options: AttributionOptions, lengths: NDArray[np.int64]) -> dict[str, int]:
    """Return the setting of the transcription start if the length of the sequences does not tell it."""
    usual = SequenceOptions.first_base, SequenceOptions.last_base
    first, last = options.first_base, options.last_base
    if options.crop is None and (options.genome is None or (first, last) == usual):
        return {}
    around = options.crop is None and (lengths == last - first + 1).all()
    return {TSS_INDEX_KEY: -first if around else UNTOLD}


def _rejected(
    unfit: Sequence[Unfit], reading: Reading, options: AttributionOptions
) -> list[RejectedRow]:
    """Return the rows of sequences that cannot be explained, if they may be left out."""
    rows = reading.origins.iloc[[one.position for one in unfit]]
    rejects = [
        RejectedRow(
            file, row, one.reason, reading.table["sequence"].iloc[one.position], one.remedy
        )
        for one, file, row in zip(unfit, rows["file"], rows["row"], strict=True)
    ]
    check_rejects(
        rejects,
        num_left=len(reading.table) - len(rejects),
        num_rows=len(reading.table) + len(reading.rejected),
        what="sequence",
        skip_bad_rows=options.skip_bad_rows,
        max_share=0.5,
    )
    return rejects
