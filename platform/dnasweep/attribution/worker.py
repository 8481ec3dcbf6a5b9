"""Computation of one shard of the work list of an attribution job."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa

from dnasweep.attribution.attribution import Attribution
from dnasweep.attribution.checks import count_tokens
from dnasweep.attribution.engine import SEQUENCES_AT_ONCE, Explainer
from dnasweep.attribution.selftest import self_test
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.attribution.tables import to_tables
from dnasweep.errors import InputError
from dnasweep.models.pretrained.checkpoint import open_classifier
from dnasweep.storage import Storage


class ExplainerWorker:
    """Base class of workers that compute shards with one model, which is loaded once.

    Parameters
    ----------
    storage, kind, key
        Storage, and kind and key of the model's artefact in it.
    settings
        Settings of the job: the fields of :class:`~dnasweep.attribution.settings.ExplainConfig`, and others.
    batch_rows
        Maximum number of rows in a forward pass; None determines it automatically. It changes values only
        by rounding.
    device
        `cpu` or `cuda`.

    Raises
    ------
    InputError
        If the model does not exist.
    """

    def __init__(
        self,
        *,
        storage: str,
        kind: str,
        key: str,
        settings: Mapping[str, Any],
        batch_rows: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.settings = dict(settings)
        known = {field.name for field in fields(ExplainConfig)}
        config = ExplainConfig(**{name: settings[name] for name in known & set(settings)})
        model, tokenizer = _load(Storage(storage).expect(kind, key))
        self.explainer = Explainer(
            model, config, tokenizer=tokenizer, batch_rows=batch_rows, device=device
        )


# Successive jobs may explain one model by several methods; more than one model may not fit in memory.
_load = functools.lru_cache(maxsize=1)(open_classifier)


class AttributionWorker(ExplainerWorker):
    """Explains the sequences of a shard; parameters as in :class:`ExplainerWorker`."""

    def smoke_test(self, rows: pa.Table) -> None:
        """Check class, sign and completeness on the first sequence."""
        self_test(self.explainer, rows["sequence"][0].as_py())

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the tables of a shard, and its counts and sums, see :func:`facts_of`."""
        sequences = rows["sequence"].to_pylist()
        # Sequences with the same number of tokens are computed together, so they stay together.
        order = np.argsort(-count_tokens(sequences, self.explainer.tokenizer), kind="stable")
        found: list[Attribution | None] = [None] * len(sequences)
        for start in range(0, len(sequences), SEQUENCES_AT_ONCE):
            part = order[start : start + SEQUENCES_AT_ONCE].tolist()
            try:
                done = self.explainer.explain([sequences[i] for i in part])
            except InputError as error:
                if error.row is None:
                    raise
                name = rows["id"][part[error.row - 1]].as_py()
                reason = f"sequence {name!r}: {error.reason}"
                raise InputError(reason, remedy=error.remedy) from None
            for position, one in zip(part, done, strict=True):
                found[position] = one
            progress(start + len(part))
        attributions = [one for one in found if one is not None]
        tables = to_tables(
            rows,
            attributions,
            vocabulary=self.explainer.tokenizer.tokens,
            settings=self.settings,
        )
        return tables, facts_of(tables)


def facts_of(tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    """Return counts and sums of a shard, to be added over shards (`max_`: the maximum is taken)."""
    sequences = tables["sequences"]
    completeness, errors = (sequences[name].to_numpy() for name in ("gap", "mean_standard_error"))
    spans = np.abs(sequences["full"].to_numpy() - sequences["empty"].to_numpy())
    known = errors[~np.isnan(errors)]
    summed = {
        "sum_gap": float(completeness.sum()),
        "max_gap": float(completeness.max(initial=0.0)),
        "sum_span": float(spans.sum()),
    }
    return {
        "num_tokens": len(tables["tokens"]),
        "num_evals": int(sequences["num_evals"].to_numpy().sum(dtype=np.int64)),
        # Without a base value there is no completeness error.
        **({} if np.isnan(spans).all() and len(spans) else summed),
        "sum_standard_error": float(known.sum()),
        "num_standard_errors": len(known),
    }
