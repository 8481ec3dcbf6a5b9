"""Attributions as tables: one row per token and one row per sequence, in a versioned schema.

`tokens` contains the value and the bases of each token, `sequences` the results for whole sequences.
Values and errors are in the unit of the output explained: nats for log odds. If single bases were
mutated, `bases` contains the effect of every mutation; if anchors were searched for, `anchors` contains
them, and a value is the gain in precision by a token. All tables carry the version of the schema and the
settings of the job in their metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dnasweep.attribution.anchor_table import ANCHORS, anchor_columns
from dnasweep.attribution.attribution import Attribution, mean_loss
from dnasweep.attribution.interaction_table import INTERACTIONS, interaction_columns
from dnasweep.attribution.settings import probability_of
from dnasweep.config import versions
from dnasweep.errors import InputError

VERSION_KEY, SETTINGS_KEY = b"dnasweep_schema", b"settings"

TOKENS = pa.schema(
    [
        pa.field("sequence_id", pa.string(), nullable=False),
        # Number of the token in the sequence, special tokens not counted.
        pa.field("token_index", pa.int32(), nullable=False),
        pa.field("token", pa.string(), nullable=False),
        # Bases [start, end) of the sequence.
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
        pa.field("phi", pa.float64(), nullable=False),
        # Error estimate of phi; nan where the estimator has none.
        pa.field("standard_error", pa.float64(), nullable=False),
    ]
)
SEQUENCES = pa.schema(
    [
        pa.field("sequence_id", pa.string(), nullable=False),
        # Row of the input, from 0.
        pa.field("row", pa.int64(), nullable=False),
        pa.field("species", pa.string(), nullable=False),
        # -1 if unknown.
        pa.field("label", pa.int8(), nullable=False),
        pa.field("sequence", pa.string(), nullable=False),
        pa.field("num_tokens", pa.int32(), nullable=False),
        # Prediction (output with all tokens), base value (output without tokens; nan if values need not
        # sum to full - empty) and completeness error, |sum of phi - (full - empty)|, or nan.
        pa.field("full", pa.float64(), nullable=False),
        pa.field("empty", pa.float64(), nullable=False),
        pa.field("gap", pa.float64(), nullable=False),
        pa.field("num_evals", pa.int32(), nullable=False),
        pa.field("mean_standard_error", pa.float64(), nullable=False),
        # Probability of the explained class; nan if a logit or a comparison with one class is explained.
        pa.field("probability", pa.float64(), nullable=False),
        # Whether the model calls the sequence the explained class: by its own threshold, which may
        # differ from 1/2, and from both strands if it averages them.
        pa.field("called", pa.bool_(), nullable=False),
    ]
)
EFFECTS = ("to_A", "to_C", "to_G", "to_T")
BASES = pa.schema(
    [
        pa.field("sequence_id", pa.string(), nullable=False),
        # From 0.
        pa.field("position", pa.int32(), nullable=False),
        # Mean loss over the three mutations; 0 for letters other than A, C, G and T.
        pa.field("phi", pa.float64(), nullable=False),
        # Output with this base minus the prediction; 0 for the observed base, nan if that is unknown.
        *(pa.field(name, pa.float64(), nullable=False) for name in EFFECTS),
    ]
)
SCHEMAS = {"tokens": TOKENS, "sequences": SEQUENCES}
"""Schemas by table name; a shard has a file `<name>.parquet` for each."""

WORK_COLUMNS = ("row", "id", "species", "label", "sequence")
"""Columns of the work list of an attribution job."""


def schemas_of(settings: Mapping[str, Any]) -> dict[str, pa.Schema]:
    """Return the schema of each table of a job, by the name of the table."""
    mutated = settings.get("estimator") == "in_silico_mutagenesis"
    anchored = settings.get("estimator") == "anchors"
    return {
        **SCHEMAS,
        **({"bases": BASES} if mutated else {}),
        **({"anchors": ANCHORS} if anchored else {}),
        **({"interactions": INTERACTIONS} if settings.get("interactions") else {}),
    }


class StoredAttributions(NamedTuple):
    """Tables written by an attribution job."""

    tokens: pd.DataFrame
    """Columns of `TOKENS`; tokens of a sequence are adjacent and in order."""
    sequences: pd.DataFrame
    """Columns of `SEQUENCES`, in the order of the input."""
    settings: dict[str, Any]
    """Settings of the job."""
    bases: pd.DataFrame | None = None
    """Columns of `BASES`, in the order of `sequences`, if single bases were mutated."""
    anchors: pd.DataFrame | None = None
    """Columns of `ANCHORS`, one row per sequence in the same order, if anchors were searched for."""
    interactions: pd.DataFrame | None = None
    """Columns of `INTERACTIONS`, in the order of `sequences`, if interactions were requested."""


def work_list(table: pd.DataFrame, token_counts: np.ndarray) -> pa.Table:
    """Return the work list of a table of sequences, sorted by decreasing number of tokens.

    Sequences with the same number of tokens are computed together, and the longest are started first.
    """
    order = np.argsort(-token_counts, kind="stable")
    listed = table.assign(row=np.arange(len(table)))[list(WORK_COLUMNS)].iloc[order]
    text = {"id", "species", "sequence"}
    types = {"row": pa.int64(), "label": pa.int8()}
    return pa.table(
        {
            name: pa.array(listed[name], pa.large_string() if name in text else types[name])
            for name in WORK_COLUMNS
        }
    )


def to_tables(
    rows: pa.Table,
    attributions: Sequence[Attribution],
    *,
    vocabulary: Sequence[str],
    settings: Mapping[str, Any],
) -> dict[str, pa.Table]:
    """Return the tables of some rows of a work list and their attributions.

    Parameters
    ----------
    rows
        Columns of `WORK_COLUMNS`.
    attributions
        One per row, in their order.
    vocabulary
        Token texts by id.
    settings
        Settings of the job; `value` determines how a probability is derived from the output.
    """
    if len(rows) != len(attributions):
        raise ValueError(f"{len(attributions)} attributions for {len(rows)} rows")
    counts = np.array([len(one.phi) for one in attributions], np.int64)
    owner = np.repeat(np.arange(len(rows)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)

    def joined(field: str, dtype: str) -> np.ndarray:
        parts = [np.asarray(getattr(one, field), dtype) for one in attributions]
        return np.concatenate([np.empty(0, dtype), *parts])

    ids = rows["id"].cast(pa.string()).combine_chunks()
    tokens = {
        "sequence_id": ids.take(pa.array(owner)),
        "token_index": (np.arange(len(owner)) - first).astype(np.int32),
        "token": pa.array(vocabulary, pa.string()).take(pa.array(joined("token_ids", "int64"))),
        "start": joined("starts", "int32"),
        "end": joined("ends", "int32"),
        "phi": joined("phi", "float64"),
        "standard_error": joined("standard_error", "float64"),
    }
    kind: Any = "logit" if settings.get("against") else settings["value"]
    sequences = {
        "sequence_id": ids,
        "row": rows["row"],
        "species": rows["species"].cast(pa.string()),
        "label": rows["label"],
        "sequence": rows["sequence"].cast(pa.string()),
        "num_tokens": counts.astype(np.int32),
        # Stored under the names that other people's scripts read.
        "full": [one.prediction for one in attributions],
        "empty": [one.base_value for one in attributions],
        "gap": [one.completeness_error for one in attributions],
        "num_evals": [one.num_evals for one in attributions],
        "mean_standard_error": [_known_mean(one.standard_error) for one in attributions],
        "probability": [probability_of(one.prediction, kind) for one in attributions],
        "called": [one.called for one in attributions],
    }
    schemas = schemas_of(settings)
    columns: dict[str, dict[str, Any]] = {"tokens": tokens, "sequences": sequences}
    if "bases" in schemas:
        columns["bases"] = _bases(ids, attributions)
    if "anchors" in schemas:
        columns["anchors"] = anchor_columns(ids, attributions, vocabulary)
    if "interactions" in schemas:
        columns["interactions"] = interaction_columns(ids, attributions)
    return {
        name: pa.table(columns[name], schema=_with_metadata(schema, settings))
        for name, schema in schemas.items()
    }


def _bases(ids: pa.Array, attributions: Sequence[Attribution]) -> dict[str, Any]:
    effects = [one.effects for one in attributions if one.effects is not None]
    if len(effects) != len(attributions):
        raise ValueError("an attribution lacks the effects of mutations")
    counts = [len(one) for one in effects]
    every = np.concatenate([np.empty((0, len(EFFECTS))), *effects])
    positions = [np.empty(0, np.int32), *(np.arange(count, dtype=np.int32) for count in counts)]
    return {
        "sequence_id": ids.take(pa.array(np.repeat(np.arange(len(counts)), counts))),
        "position": np.concatenate(positions),
        "phi": mean_loss(every),
        **dict(zip(EFFECTS, every.T, strict=True)),
    }


def read_attributions(
    directory: str | Path, *, max_sequences: int | None = None
) -> StoredAttributions:
    """Read the tables of an attribution job.

    Parameters
    ----------
    directory
        Folder of the job, `<storage>/attributions/<key>`.
    max_sequences
        Read only some complete shards, evenly spread over the job, with about this many sequences in
        total; None reads everything into memory.

    Raises
    ------
    InputError
        If there are no tables, or they have another version of the schema.
    """
    directory = Path(directory)
    shards = sorted(
        (path.parent for path in directory.glob("shards/*/sequences.parquet")),
        key=lambda folder: int(folder.name),
    )
    if not shards:
        raise InputError(
            "there are no attributions here",
            file=directory,
            remedy="Give the folder printed by `dnasweep shap-batch`.",
        )
    if max_sequences is not None:
        size = pq.read_metadata(shards[0] / "sequences.parquet").num_rows
        kept = max(1, max_sequences // size)
        if kept < len(shards):
            chosen = np.linspace(0, len(shards) - 1, kept).round().astype(int)
            shards = [shards[i] for i in np.unique(chosen)]

    def read(name: str) -> pa.Table:
        return pa.concat_tables([pq.read_table(shard / f"{name}.parquet") for shard in shards])

    whole = read("sequences")
    settings = read_settings(whole.schema, file=directory)
    sequences = whole.to_pandas().sort_values("row", ignore_index=True)
    rank = pd.Series(np.arange(len(sequences)), index=sequences["sequence_id"])

    def ordered(name: str) -> pd.DataFrame:
        table = read(name).to_pandas()
        # Rows of a sequence are already adjacent and in order, and a stable sort preserves this.
        order = np.argsort(table["sequence_id"].map(rank).to_numpy(), kind="stable")
        return table.iloc[order].reset_index(drop=True)

    more = {name: ordered(name) for name in schemas_of(settings) if name not in SCHEMAS}
    return StoredAttributions(ordered("tokens"), sequences, settings, **more)


def read_settings(schema: pa.Schema, *, file: str | Path | None = None) -> dict[str, Any]:
    """Return the settings in the metadata of a table.

    Raises
    ------
    InputError
        If the table has another version of the schema, or is not from an attribution job.
    """
    version = (metadata := schema.metadata or {}).get(VERSION_KEY, b"").decode()
    if version != versions.ATTRIBUTION_TABLE:
        raise InputError(
            f"the tables have schema version {version or 'none'}, this program reads "
            f"{versions.ATTRIBUTION_TABLE}",
            file=file,
            remedy="Compute the attributions again with this version.",
        )
    return dict(json.loads(metadata[SETTINGS_KEY]))


def _with_metadata(schema: pa.Schema, settings: Mapping[str, Any]) -> pa.Schema:
    text = json.dumps(dict(settings), sort_keys=True)
    return schema.with_metadata({VERSION_KEY: versions.ATTRIBUTION_TABLE, SETTINGS_KEY: text})


def _known_mean(errors: np.ndarray) -> float:
    known = errors[~np.isnan(errors)]
    return float(known.mean()) if len(known) else float("nan")
