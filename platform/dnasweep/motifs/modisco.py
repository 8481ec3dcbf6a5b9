"""Motifs by TF-MoDISco (Shrikumar et al. 2018), computed by modisco-lite.

Its input depends on the attributions. From single mutations, the hypothetical contribution of a base
is its effect minus the mean of the four, so seqlets are compared by all four bases. Any other
attribution has values for the observed bases only; the others get 0, and seqlets are compared by the
observed bases alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnasweep.errors import InputError
from dnasweep.motifs.discovery_data import MotifConfig, MotifData
from dnasweep.motifs.patterns import Pattern, matrix_of

MIN_SEQLETS = 30
"""Minimum number of seqlets of one sign to search for patterns; the library's default of 100 is for genomes."""


def hypothetical(data: MotifData, rows: NDArray[np.int64], *, signed: bool) -> NDArray[np.float64]:
    """Return hypothetical contributions, (rows, width, 4); 0 if there is no value.

    Values without a sign, such as attention, are taken relative to the mean of their sequence.

    Parameters
    ----------
    data
        Sequences and values.
    rows
        Row numbers of the sequences.
    signed
        Whether values have a sign.
    """
    if data.effects is not None:
        effects = data.effects[rows]
        return np.nan_to_num(effects - effects.mean(axis=2, keepdims=True))
    observed = data.bases.codes[rows, :, None] == np.arange(4)
    values = data.bases.values[rows]
    if not signed:
        values = values - np.nanmean(values, axis=1, keepdims=True)
    return observed * np.nan_to_num(values)[:, :, None]


def find_modisco(data: MotifData, config: MotifConfig, *, signed: bool) -> list[Pattern]:
    """Return the patterns that contribute to the class, sorted by decreasing number of seqlets.

    Parameters
    ----------
    data
        Sequences and values.
    config
        Settings of motif discovery.
    signed
        Whether values have a sign.

    Raises
    ------
    InputError
        If modisco-lite is not installed.
    """
    library = _library()
    rows = data.rows(discovery=True, positive=True)
    codes = data.bases.codes
    one_hot = (codes[rows, :, None] == np.arange(4)).astype(np.float32)
    patterns, _ = library.tfmodisco.TFMoDISco(
        one_hot=one_hot,
        hypothetical_contribs=hypothetical(data, rows, signed=signed).astype(np.float32),
        min_metacluster_size=MIN_SEQLETS,
        final_min_cluster_size=max(config.min_instances, 10),
    )
    return [_pattern(number, one, rows, data) for number, one in enumerate(patterns or [])]


def _pattern(number: int, found: Any, rows: NDArray[np.int64], data: MotifData) -> Pattern:
    seqlets = found.seqlets
    width = len(found.sequence)
    where = rows[[one.example_idx for one in seqlets]]
    starts = np.array([one.start for one in seqlets], np.int64)
    reverse = np.array([one.is_revcomp for one in seqlets], bool)
    return Pattern(
        name=f"pattern_{number}",
        rows=where,
        starts=starts,
        reverse=reverse,
        matrix=matrix_of(data.bases.codes, where, starts, reverse, width),
        either_strand=True,
    )


def _library() -> Any:
    try:
        import modiscolite
    except ImportError as error:
        raise InputError(
            "modisco-lite is not installed",
            remedy="Run: pip install 'dnasweep[modisco]', or use --method enrichment.",
        ) from error
    return modiscolite
