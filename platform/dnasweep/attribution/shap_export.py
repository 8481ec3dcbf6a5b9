"""Attributions as `shap.Explanation`, so that the shap library's own plots work on them.

The library, which loads slowly, is imported when a function here is called.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dnasweep.attribution.positions import AttributionTables, per_base, rows_of_tokens
from dnasweep.attribution.tables import StoredAttributions
from dnasweep.errors import InputError

if TYPE_CHECKING:
    import shap

_LETTERS = np.array(list("ACGTN"))


def text_explanation(
    tables: AttributionTables, ids: Sequence[str] | None = None, *, target: str | None = None
) -> shap.Explanation:
    """Return the tokens of sequences, each with its value, as the library explains texts.

    Use it with `shap.plots.text` for one or all sequences, with `shap.plots.bar`, `waterfall` and `force` for
    one sequence, such as `text_explanation(tables)[0]`, and with `shap.plots.bar` for means by token, such as
    `text_explanation(tables).mean(0)`. Base value and values sum to the model's output.

    Parameters
    ----------
    tables
        Tables that a job wrote.
    ids
        Ids of the sequences to return, in this order. Default: all.
    target
        Name of the explained class for plots. Default: the name in the job.

    Raises
    ------
    InputError
        For an id that is not there, or where the shap library is not installed.
    """
    tokens, sequences, *_ = chosen = _chosen(tables, ids)
    rows = rows_of_tokens(chosen)
    order = np.lexsort((tokens["end"], tokens["start"], rows))
    limits = np.searchsorted(rows[order], np.arange(len(sequences) + 1))
    values, texts = np.empty(len(sequences), object), np.empty(len(sequences), object)
    for row, (first, last) in enumerate(itertools.pairwise(limits.tolist())):
        values[row] = tokens["phi"].to_numpy()[order[first:last]]
        texts[row] = tokens["token"].to_numpy(object)[order[first:last]]
    return _library().Explanation(
        values=values,
        base_values=sequences["empty"].to_numpy(),
        data=texts,
        # Names by row, as in the library's own text explanations, so that its means over sequences are
        # computed by token.
        feature_names=list(texts),
        output_names=_explained(tables, target),
    )


def base_explanation(
    tables: AttributionTables,
    ids: Sequence[str] | None = None,
    *,
    tss_index: int | None = None,
    target: str | None = None,
) -> shap.Explanation:
    """Return a value for every base at every position, for sequences of one length.

    Use it with `shap.plots.heatmap`, `bar` and `beeswarm`: a feature is a position relative to the
    transcription start, its data the base as a number (A 0, C 1, G 2, T 3, N 4), and its display data
    the letter. The value of a token is shared among its bases, and the shares of overlapping tokens are
    summed, so base value and values sum to the model's output.

    Parameters
    ----------
    tables
        Tables that a job wrote.
    ids
        Ids of the sequences to return, in this order. Default: all.
    tss_index
        See :func:`dnasweep.attribution.positions.tss_positions`.
    target
        Name of the explained class for plots. Default: the name in the job.

    Raises
    ------
    InputError
        For sequences of several lengths, an id that is not there, or without the shap library.
    """
    chosen = _chosen(tables, ids)
    if chosen.sequences["sequence"].str.len().nunique() > 1:
        raise InputError(
            "the sequences have different lengths, but features are positions",
            remedy="Choose sequences of the same length.",
        )
    bases = per_base(chosen, tss_index=tss_index, combine="sum")
    return _library().Explanation(
        values=np.nan_to_num(bases.values),
        base_values=bases.sequences["empty"].to_numpy(),
        data=bases.codes.astype(float),
        display_data=_LETTERS[bases.codes],
        feature_names=[str(position) for position in bases.positions],
        instance_names=bases.sequences["sequence_id"].tolist(),
        output_names=_explained(tables, target),
    )


def token_explanation(
    tables: AttributionTables,
    ids: Sequence[str] | None = None,
    *,
    num_tokens: int = 100,
    target: str | None = None,
) -> shap.Explanation:
    """Return one value per token of the vocabulary and sequence: the sum over its occurrences.

    Use it with `shap.plots.beeswarm`, `bar`, `heatmap` and `scatter`: a feature is a token, and its data the
    number of occurrences. The tokens with the largest sums of absolute values have separate features; all
    others share the last feature, so values still sum to the output.

    Parameters
    ----------
    tables
        Tables that a job wrote.
    ids
        Ids of the sequences to return, in this order. Default: all.
    num_tokens
        Number of tokens with a separate feature.
    target
        Name of the explained class for plots. Default: the name in the job.

    Raises
    ------
    InputError
        For an id that is not there, or where the shap library is not installed.
    """
    if num_tokens < 1:
        raise InputError(f"num_tokens is {num_tokens}", remedy="Use at least 1.")
    tokens, sequences, *_ = chosen = _chosen(tables, ids)
    rows = rows_of_tokens(chosen)
    strength = tokens["phi"].abs().groupby(tokens["token"].to_numpy(object)).sum()
    order = strength.sort_values(ascending=False, kind="stable").index.tolist()
    names = order[:num_tokens] + (["other tokens"] if len(order) > num_tokens else [])
    column = pd.Index(names).get_indexer(tokens["token"].to_numpy(object))
    column[column < 0] = len(names) - 1
    values, counts = (np.zeros((len(sequences), len(names))) for _ in range(2))
    np.add.at(values, (rows, column), tokens["phi"].to_numpy())
    np.add.at(counts, (rows, column), 1)
    return _library().Explanation(
        values=values,
        base_values=sequences["empty"].to_numpy(),
        data=counts,
        feature_names=names,
        instance_names=sequences["sequence_id"].tolist(),
        output_names=_explained(tables, target),
    )


def _explained(tables: AttributionTables, target: str | None) -> str:
    """Return the name of the explained class; `promoter` if the tables do not name it."""
    return target or str(getattr(tables, "settings", {}).get("target") or "promoter")


def _chosen(tables: AttributionTables, ids: Sequence[str] | None) -> StoredAttributions:
    """Return the tables of some sequences of a job, without the effects of mutations."""
    # The base value is stored under the name `empty`.
    if tables.sequences["empty"].isna().any():
        raise InputError(
            "these values have no base value to start from, as Shapley values have",
            remedy="Explain the sequences with an estimator of Shapley values.",
        )
    settings = getattr(tables, "settings", {})
    if ids is None:
        every = tables.sequences.reset_index(drop=True)
        return StoredAttributions(tables.tokens, every, settings)
    by_id = tables.sequences.set_index("sequence_id", drop=False)
    if missing := [name for name in ids if name not in by_id.index]:
        raise InputError(f"sequence {missing[0]!r} is not in the table of sequences")
    chosen = by_id.loc[list(dict.fromkeys(ids))].reset_index(drop=True)
    tokens = tables.tokens[tables.tokens["sequence_id"].isin(chosen["sequence_id"])]
    return StoredAttributions(tokens, chosen, settings)


def _library() -> Any:
    try:
        import shap
    except ImportError as error:
        raise InputError(
            "the shap library is not installed", remedy="Run: pip install 'shap>=0.51,<0.52'"
        ) from error
    return shap
