"""An attribution job as it was asked for: options, the sequences and the model, all checked."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from tyro.constructors import PrimitiveConstructorSpec

from dnasweep.attribution.budgets import check_budget
from dnasweep.attribution.settings import (
    ESTIMATOR_NAMES,
    ESTIMATORS_WITHOUT_REFERENCE,
    AttentionLayers,
    Estimator,
    ExplainConfig,
    Reference,
    Value,
)
from dnasweep.attribution.tss import tss_places
from dnasweep.config import versions
from dnasweep.config.ranges import (
    Batch,
    Between,
    Checked,
    Count,
    Devices,
    Few,
    Positive,
    Range,
    Seed,
    Whole,
)
from dnasweep.data.reading import Reading, read_unlabelled
from dnasweep.errors import InputError
from dnasweep.formats.files import Format
from dnasweep.formats.rejects import RejectedRow, refuse
from dnasweep.jobs.shards.work_list import choose_shard_size, key_of
from dnasweep.models.encoder.precision import ResolvePrecision, resolve_here
from dnasweep.storage import Storage
from dnasweep.tracking.client import resolve_uri
from dnasweep.tracking.lookup import find_model_directory

if TYPE_CHECKING:
    from dnasweep.attribution.checks import Unfit

KIND = "attributions"
NUM_SPECIAL = 2
"""Tokens of every sequence that are not explained: [CLS] and [SEP]."""
Evaluations = Annotated[int, Range(4, 2**31 - 1)]
EstimatorName = Annotated[
    Estimator,
    # Any name is read, so that one of an earlier version is refused with what to use in its place.
    PrimitiveConstructorSpec(
        nargs=1,
        metavar=f"{{{','.join(ESTIMATOR_NAMES)}}}",
        instance_from_str=lambda words: words[0],
        is_instance=lambda name: isinstance(name, str),
        str_from_instance=lambda name: [name],
    ),
]


@dataclass(frozen=True, kw_only=True)
class AttributionOptions(Checked):
    """Options of an attribution job."""

    model: str
    """MLflow run id, registered model (models:/NAME@ALIAS), or directory."""
    data: tuple[str, ...]
    """Sequences: CSV, TSV, FASTA or k-mer TSV, gzip or not; labels are not needed."""
    storage: str = "runs"
    """Storage root: a folder, or a URI such as s3://bucket/folder; credentials never stand in it."""
    tracking_uri: str | None = None
    """MLflow tracking URI. Default: MLFLOW_TRACKING_URI, else sqlite in the storage root."""
    address: str | None = None
    """Ray cluster to join, `auto` or HOST:PORT. Default: RAY_ADDRESS, else this machine alone."""
    species: str | None = None
    """Species of all rows, where the files do not name it."""
    format: Format = "auto"
    """Format of the files: csv, tsv, fasta or text, a sequence a line. Default: by the name and the
    content of each file."""
    crop: Count | None = None
    """Cut every sequence to this many central bases, as in training; shorter ones are bad rows."""
    skip_bad_rows: bool = False
    """Leave out rows that cannot be read or explained, and write them beside the output, instead
    of ending."""
    limit: Count | None = None
    """Explain the first sequences only, this many."""
    target: str | None = None
    """Class to explain, by its name in the model. Default: the second of two, the positive one."""
    value: Value = "log_odds"
    """What of the class is explained: its log odds (nats), its logit, or its probability."""
    reference: Reference = "mask"
    """What stands for a token left out: the mask token, nothing, or shuffled copies."""
    estimator: EstimatorName = "adjusted_kernel"
    """How Shapley (partition: Owen) values are estimated; or attention, the share of the first
    token's attention, in_silico_mutagenesis, the mean loss of the value where a base is mutated, lime,
    coefficients of a local linear model, or anchors, what a token adds to the precision of an anchor."""
    attention_layers: AttentionLayers = "last"
    """For attention: of the last layer, the mean over all, or followed through all (rollout)."""
    kernel_width: Positive = 25.0
    """For lime: how fast weights fall with the cosine distance, in hundredths, from the sequence."""
    anchor_threshold: Between = 0.95
    """For anchors: precision an anchor has to have, with 95 % confidence."""
    anchor_tokens: Count = 8
    """For anchors: most tokens of one."""
    max_evals: Evaluations | None = None
    """Model evaluations a sequence. Default: the estimator's own."""
    standard_error: Positive | None = None
    """Go on sampling until the mean standard error of a sequence's tokens is this small."""
    seed: Seed = 0
    """Of sampled masks and shuffled copies."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic: auto is bf16 on GPUs that have it, where it is exact enough."""
    shard_size: Count | None = None
    """Sequences a shard: what is published, and lost by a kill, at once. Default: up to 256, by
    the length of the list. A job that was begun keeps the size it was begun with."""
    num_actors: Few | None = None
    """Actors at once. Default: one a GPU, and without GPUs one a CPU, each with one thread."""
    gpus_per_actor: Devices | None = None
    """GPUs of an actor, fractions allowed; 0 computes on CPUs. Default: one where there are any."""
    preflight: bool = True
    """Look at every node of a cluster first, as jobs/doctor.py does, and refuse one that is not
    ready."""
    batch_rows: Batch | None = None
    """Model inputs a forward pass. Default: found from the memory; changes no value."""
    report: bool = True
    """Write the report of what the model looks at."""
    tss_index: Whole | None = None
    """0-based index of the first transcribed base, for the report. Default: by the length."""
    dry_run: bool = False
    """Read and check everything, print the plan, and start nothing."""


@dataclass(frozen=True, kw_only=True)
class AttributionRequest:
    """A job that can be started."""

    options: AttributionOptions
    """What was asked for."""
    storage: Storage
    """Where it goes."""
    uri: str
    """MLflow store."""
    rows: pa.Table
    """The work list."""
    settings: dict[str, Any]
    """Everything beside the rows that makes the result, JSON-able; written into every table."""
    rejects: list[RejectedRow]
    """Bad rows that were left out."""
    shard_size: Count
    """Sequences a shard, for a job that was not begun before."""
    averaged: bool = False
    """Whether the model calls by both strands."""

    @property
    def key(self) -> str:
        """The job's identity: the same request finds what it computed before."""
        return key_of(KIND, self.settings, self.rows)


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
        What is asked for.
    reading
        The sequences, where they were read already; None reads those the options name.

    Raises
    ------
    InputError
        For anything that can be known to be wrong before the first sequence is explained.
    """
    from dnasweep.attribution.checks import check_model, count_tokens, find_unfit
    from dnasweep.attribution.tables import work_list
    from dnasweep.stages.models import keep_model, model_digest

    config = config_of(options)
    storage = Storage(options.storage)
    storage.check_writable()
    uri = resolve_uri(options.tracking_uri, storage.root)
    with tempfile.TemporaryDirectory(prefix="dnasweep-model-") as scratch:
        directory = find_model_directory(options.model, uri=uri, destination=Path(scratch))
        without = config.estimator in ESTIMATORS_WITHOUT_REFERENCE
        reference = None if without else options.reference
        model = check_model(directory, target=options.target, reference=reference)
        digest = model_digest(directory) if options.dry_run else keep_model(storage, directory)
    reading = _read(options) if reading is None else reading
    counts = count_tokens(reading.table["sequence"].tolist(), model.tokenizer)
    table = reading.table
    unfit = find_unfit(table, counts, model.capacity)
    rejects = [*reading.rejected, *_faults(unfit, reading, options)]
    if unfit:
        fit = ~np.isin(np.arange(len(table)), [one.position for one in unfit])
        table, counts = table[fit].reset_index(drop=True), counts[fit]
    check_budget(config, int(counts.max()) - NUM_SPECIAL)
    if options.tss_index is not None:
        tss_places(np.asarray(table["sequence"].str.len(), np.int64), options.tss_index)
    resolved = resolve(options.precision, gpus=options.gpus_per_actor, address=options.address)
    # On GPUs `auto` stays what it is: bf16 where that keeps the values, which hangs on the model.
    arithmetic = options.precision if resolved == "bf16" else resolved
    config = dataclasses.replace(config, target=model.target, precision=arithmetic)
    settings = {
        **config.to_settings(),
        "model": digest,
        "classes": model.names,
        "tokenizer": model.tokenizer.config.name,
        "schema": versions.ATTRIBUTION_TABLE,
        "engine": versions.ATTRIBUTIONS,
    }
    return AttributionRequest(
        options=options,
        storage=storage,
        uri=uri,
        rows=work_list(table, counts),
        settings=settings,
        rejects=rejects,
        shard_size=choose_shard_size(len(table), options.num_actors)
        if options.shard_size is None
        else options.shard_size,
        averaged=model.averaged,
    )


def config_of(options: AttributionOptions) -> ExplainConfig:
    """Return what is explained and how; raises `InputError` for what does not go together."""
    try:
        return ExplainConfig(
            target=options.target,
            value=options.value,
            reference=options.reference,
            estimator=options.estimator,
            attention_layers=options.attention_layers,
            kernel_width=options.kernel_width,
            anchor_threshold=options.anchor_threshold,
            anchor_tokens=options.anchor_tokens,
            max_evals=options.max_evals,
            standard_error=options.standard_error,
            precision=options.precision,
            seed=options.seed,
        )
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error)) from error


def _read(options: AttributionOptions) -> Reading:
    reading = read_unlabelled(
        options.data,
        species=options.species,
        skip_bad_rows=options.skip_bad_rows,
        crop=options.crop,
        format=options.format,
    )
    limit = options.limit
    return Reading(reading.table[:limit], reading.origins[:limit], reading.rejected)


def _faults(
    unfit: Sequence[Unfit], reading: Reading, options: AttributionOptions
) -> list[RejectedRow]:
    """Return where the sequences that cannot be explained stand, if they may be left out."""
    rows = reading.origins.iloc[[one.position for one in unfit]]
    faults = [
        RejectedRow(
            file, row, one.reason, reading.table["sequence"].iloc[one.position], one.remedy
        )
        for one, file, row in zip(unfit, rows["file"], rows["row"], strict=True)
    ]
    if faults and not options.skip_bad_rows:
        raise refuse(faults, len(reading.table) + len(reading.rejected), max_share=0.5)
    if faults and len(faults) == len(reading.table):
        raise InputError(
            f"no sequence is left to explain; the first of {len(faults):,}: {faults[0].reason}",
            file=faults[0].file,
            row=faults[0].row,
        )
    return faults
