"""Comparison of several explanations of one model with each other and with known elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.attribution.anchor_table import summarise_anchors
from dnasweep.attribution.intervals import FRACTION, UNLIMITED, mean_over
from dnasweep.attribution.positions import BaseAttributions, per_base
from dnasweep.attribution.summaries import ALL
from dnasweep.attribution.tables import StoredAttributions
from dnasweep.method_comparison.agreement import agreement
from dnasweep.method_comparison.curves import areas, compare_areas, shows_output
from dnasweep.method_comparison.recovery import planted, recovery
from dnasweep.method_comparison.sanity import sanity
from dnasweep.motifs.element_enrichment import ElementEnrichmentConfig, enrichment_of_elements
from dnasweep.motifs.element_hits import ElementSite
from dnasweep.motifs.promoter_elements import core_promoter_sites, tata_sites
from dnasweep.tasks.multiple_tests import benjamini_hochberg

Floats = NDArray[np.float64]
ELEMENTS = ("TATA box", "initiator", "GC box", "CCAAT box", "DPE")
"""Elements whose enrichment is tested."""


@dataclass(frozen=True, kw_only=True)
class Explanations:
    """Explanations of one model to compare."""

    name: str
    """Name of the model, for readers."""
    tokenizer: str
    """Its tokenizer."""
    target: str
    """Class or output explained."""
    methods: Mapping[str, StoredAttributions]
    """Attributions of the same sequences by method."""
    unsigned: tuple[str, ...]
    """Methods with unsigned values."""
    flipped: Mapping[str, StoredAttributions]
    """Attributions to the other class by method, for some of the sequences."""
    randomised: Mapping[str, Mapping[str, StoredAttributions]]
    """Attributions of models with shuffled weights, by the shuffled part and by method, for some sequences."""
    curves: pd.DataFrame
    """Points of deletion and insertion curves."""
    costs: Mapping[str, float]
    """Computing time of one actor in seconds, by method."""


@dataclass(frozen=True, kw_only=True)
class MethodComparison:
    """Result of comparing the explanations of one model; a table is None where its data are missing."""

    name: str
    """Name of the model."""
    tokenizer: str
    """Its tokenizer."""
    target: str
    """Class explained."""
    methods: tuple[str, ...]
    """Methods, in the given order."""
    num_sequences: int
    """Number of sequences compared."""
    num_called: int | None
    """Number of sequences that the model calls the explained class; None if it does not call classes but
    predicts numbers."""
    of_output: bool
    """Whether curves show the explained output itself instead of the probability of a class."""
    agreement: pd.DataFrame
    """See :func:`~dnasweep.method_comparison.agreement.agreement`."""
    recovery: pd.DataFrame | None
    """See :func:`~dnasweep.method_comparison.recovery.recovery`."""
    enrichment: pd.DataFrame | None
    """Tests of :func:`~dnasweep.motifs.element_enrichment.enrichment_of_elements` by
    method, for sequences of the class
    explained; `p_adjusted` is the p-value of enrichment, adjusted over methods and elements of a
    species."""
    curves: pd.DataFrame
    """method, curve, share, mean, low, high."""
    areas: pd.DataFrame
    """See :func:`~dnasweep.method_comparison.curves.compare_areas`."""
    sanity: pd.DataFrame
    """See :func:`~dnasweep.method_comparison.sanity.sanity`."""
    anchors: dict[str, float] | None
    """See :func:`~dnasweep.attribution.anchor_table.summarise_anchors`."""
    costs: pd.DataFrame
    """method, evaluations (mean per sequence), milliseconds (of one actor, per sequence)."""

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables that are not None, by name."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {n: value for n, value in values.items() if isinstance(value, pd.DataFrame)}


def compare(
    given: Explanations,
    *,
    elements: pd.DataFrame | None = None,
    tss_index: int | None = None,
    positive_label: int = 1,
    permutations: int = 1_999,
    seed: int = 0,
) -> MethodComparison:
    """Compare explanations with each other and with known elements of the sequences.

    Parameters
    ----------
    given
        The explanations.
    elements
        True elements: id, element, start, end; None if they are not known.
    tss_index
        0-based index of base +1. Default: by the length of the windows.
    positive_label
        Label of the sequences of the explained class.
    permutations
        Number of shuffles per test of enrichment.
    seed
        Seed of bootstrap and shuffles.
    """
    aligned = {name: per_base(one, tss_index=tss_index) for name, one in given.methods.items()}
    values = {name: bases.values for name, bases in aligned.items()}
    first = next(iter(aligned.values()))
    inside = None if elements is None else planted(first, elements)
    settings = next(iter(given.methods.values())).settings
    sequences = next(iter(given.methods.values())).sequences
    chosen = _chosen(given, first)
    of_output = shows_output(settings)
    within = UNLIMITED if of_output else FRACTION
    return MethodComparison(
        name=given.name,
        tokenizer=given.tokenizer,
        target=given.target,
        methods=tuple(given.methods),
        num_sequences=len(first.values),
        num_called=None if settings.get("unit") else int(sequences["called"].sum()),
        of_output=of_output,
        agreement=agreement(values, unsigned=given.unsigned, seed=seed),
        recovery=None if inside is None else recovery(values, inside, seed=seed),
        enrichment=enrichment(
            aligned, _label_of(first, positive_label), permutations=permutations, seed=seed
        ),
        curves=mean_curves(given.curves, within=within, seed=seed),
        areas=compare_areas(areas(given.curves), within=within, seed=seed),
        sanity=sanity(
            {name: found[chosen] for name, found in values.items()},
            _rows_of(given.flipped, first, tss_index),
            {what: _rows_of(one, first, tss_index) for what, one in given.randomised.items()},
            elements=None
            if inside is None
            else {name: bases[chosen] for name, bases in inside.items()},
            seed=seed,
        ),
        anchors=next(
            (
                summarise_anchors(one.anchors, one.tokens, one.sequences)
                for one in given.methods.values()
                if one.anchors is not None
            ),
            None,
        ),
        costs=_costs(given),
    )


def sites() -> list[ElementSite]:
    """Return the elements to test at their positions; the TATA box is found by its matrix at -35 to -24."""
    return [tata_sites()[0], *(s for s in core_promoter_sites() if s.element in ELEMENTS)]


def enrichment(
    aligned: Mapping[str, BaseAttributions],
    label: int,
    *,
    permutations: int,
    seed: int,
) -> pd.DataFrame | None:
    """Test elements at their positions by each method; None if no transcription start is known.

    Parameters
    ----------
    aligned
        Attributions per base by method.
    label
        Label of the sequences to test.
    permutations
        Number of shuffles per test.
    seed
        Seed of the shuffles.
    """
    config = ElementEnrichmentConfig(permutations=permutations, seed=seed)
    parts = []
    for method, bases in aligned.items():
        if not bases.tss.known:
            return None
        tests = enrichment_of_elements(bases, sites(), config).tests
        parts.append(tests[tests["label"] == label].assign(method=method))
    table = pd.concat(parts, ignore_index=True)
    if table.empty:
        return None
    by_species = table.groupby("species", sort=False)["p_enrichment"]
    return table.assign(
        p_adjusted=by_species.transform(lambda p: benjamini_hochberg(p.to_numpy(float)))
    )


def mean_curves(
    curves: pd.DataFrame, *, within: tuple[float, float] = FRACTION, seed: int = 0
) -> pd.DataFrame:
    """Return the mean over sequences at each point of the curves, with its interval.

    Sequences with fewer tokens than steps have fewer points; only those with the most common number
    of points are used.

    Parameters
    ----------
    curves
        Points of the curves.
    within
        Lowest and highest possible value of a point.
    seed
        Seed of the bootstrap.
    """
    rows = []
    usual = curves.groupby(["sequence_id", "method", "curve", "repeat"])["share"].transform("size")
    grid = curves[usual == usual.mode().iloc[0]]
    point = grid.groupby(["sequence_id", "method", "curve", "repeat"]).cumcount()
    for (method, curve, _), part in grid.groupby(["method", "curve", point], sort=False):
        values = part.groupby("sequence_id")["probability"].mean().to_numpy()
        mean = mean_over(values, within=within, resamples=500, seed=seed)
        share = float(part["share"].mean())
        rows.append({"method": method, "curve": curve, "share": share, **mean._asdict()})
    return pd.DataFrame(rows)


def _label_of(bases: BaseAttributions, positive: int) -> int:
    """Return the label of the sequences to test: the positive one if it occurs, otherwise the highest."""
    labels = bases.sequences["label"]
    return positive if (labels == positive).any() else int(labels.max())


def _chosen(given: Explanations, bases: BaseAttributions) -> NDArray[np.int64]:
    """Return the rows of the sequences that the sanity checks use."""
    checks = [
        *given.flipped.values(),
        *(v for one in given.randomised.values() for v in one.values()),
    ]
    if not checks:
        return np.arange(len(bases.values))
    known = pd.Index(bases.sequences["sequence_id"])
    return np.flatnonzero(known.isin(checks[0].sequences["sequence_id"]))


def _rows_of(
    found: Mapping[str, StoredAttributions], like: BaseAttributions, tss_index: int | None
) -> dict[str, Floats]:
    """Return values aligned like those of `like`, for the sequences that exist, in the same order."""
    out = {}
    for name, one in found.items():
        bases = per_base(one, tss_index=tss_index)
        rows = pd.Index(bases.sequences["sequence_id"]).get_indexer(
            pd.Index(like.sequences["sequence_id"])
        )
        shift = bases.first - like.first
        values = np.full((int((rows >= 0).sum()), like.values.shape[1]), np.nan)
        values[:, shift : shift + bases.values.shape[1]] = bases.values[rows[rows >= 0]]
        out[name] = values
    return out


def _costs(given: Explanations) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "method": name,
            "evaluations": float(found.sequences["num_evals"].mean()),
            "milliseconds": 1000 * given.costs.get(name, float("nan")) / len(found.sequences),
        }
        for name, found in given.methods.items()
    )


def headline(table: pd.DataFrame) -> pd.DataFrame:
    """Return the tests over all species."""
    return table[table["species"] == ALL].reset_index(drop=True)
