"""Everything a report of attributions shows, computed from the tables of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.attribution.positions import AttributionTables, BaseAttributions, per_base
from dnasweep.attribution.summaries import profile, token_table
from dnasweep.motifs.element_enrichment import (
    ElementEnrichment,
    ElementEnrichmentConfig,
    enrichment_of_elements,
)
from dnasweep.motifs.element_hits import ElementSite, find_element_hits
from dnasweep.motifs.metaprofile import Samples, metaprofile_at_hits, samples
from dnasweep.motifs.promoter_elements import (
    HIT_PROBABILITY,
    core_promoter_sites,
    naive_tata,
    tata_sites,
)


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """What the report shows and how it tests."""

    enrichment: ElementEnrichmentConfig = field(default_factory=ElementEnrichmentConfig)
    """How top hits are determined and tested."""
    hit_probability: float = HIT_PROBABILITY
    """Share of all k-mers of its width that the TATA matrix accepts as a box."""
    positive_label: int = 1
    """Label of the sequences that belong to the explained class."""
    num_tokens: int = 15
    """Tokens at each end of a ranking."""
    min_count: int = 20
    """Minimum number of occurrences of a token that is ranked by its mean."""
    num_true_positives: int = 3
    """Number of true positives with the highest probability that get a logo."""
    logo_bases: int = 300
    """Maximum number of bases in a logo."""
    core_elements: bool = True
    """Whether to test the other core-promoter elements as well."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The contents of a report."""

    bases: BaseAttributions
    """One value per base."""
    profile: pd.DataFrame
    """Means by position; see :func:`dnasweep.attribution.summaries.profile`."""
    tokens: pd.DataFrame
    """Every token; see :func:`dnasweep.attribution.summaries.token_table`."""
    sequences: pd.DataFrame
    """The table of sequences."""
    num_tokens: int
    """Number of rows in the table of tokens."""
    tata: ElementEnrichment | None
    """The tests of the TATA box; None if transcription starts are not known."""
    core: ElementEnrichment | None
    """The tests of the other elements."""
    naive: pd.DataFrame
    """The naive count of TATA; see :func:`dnasweep.motifs.promoter_elements.naive_tata`."""
    site: ElementSite
    """The site that the figures and findings are about."""
    metaprofile: pd.DataFrame | None
    """Means by position around the hits of `site`, for the positive label."""
    samples: Mapping[int, Samples]
    """The hits of `site` and the values they are compared with, by label."""
    examples: tuple[tuple[str, int], ...]
    """Sequences with a logo: their description, and their row in `bases`."""
    label: int
    """Label of the sequences that the findings are about: the positive one, or the highest label if no
    sequence is positive."""
    target: str
    """Name of the explained class."""
    classes: tuple[str, ...]
    """Names of the classes by label; empty if unknown."""
    unit: str
    """Unit of the attributions."""
    estimator: str
    """Quantity that the attributions explain; empty if unknown."""
    config: ReportConfig
    """Settings of the report."""
    against: str = ""
    """Class that the explained one is compared with; empty: all others together."""

    @property
    def explained(self) -> str:
        """The explained class, and the class it is compared with unless that is all others."""
        return f"{self.target} against {self.against}" if self.against else self.target

    @property
    def signed(self) -> bool:
        """Whether values can support or oppose the class; attention has no sign."""
        return self.estimator != "attention"

    @property
    def of_place(self) -> bool:
        """Whether the explained output belongs to one base or bin of the sequence, such as `donor@60`."""
        return "@" in self.target

    @property
    def sums(self) -> bool:
        """Whether the attributions of a sequence must add up to its output."""
        return bool(np.isfinite(self.sequences["gap"]).any())

    @property
    def who(self) -> str:
        """The sequences that the findings are about, in words."""
        if self.label == self.config.positive_label:
            return f"{self.target} sequences"
        return (
            "sequences of unknown label" if self.label < 0 else f"sequences of label {self.label}"
        )


CORE_PERMUTATIONS = 1_999
"""Maximum number of shuffles per test of the other elements, which are many and secondary."""

UNITS = {"log_odds": "log odds", "logit": "logit", "probability": "probability"}


def summarise(
    tables: AttributionTables,
    *,
    tss_index: int | None = None,
    settings: Mapping[str, Any] | None = None,
    config: ReportConfig | None = None,
) -> Summary:
    """Compute what a report shows.

    Parameters
    ----------
    tables
        Tables that an attribution job wrote.
    tss_index
        0-based index of base +1. Default: by the length of the windows.
    settings
        Settings of the job: explained class, estimator and unit.
    config
        What to show and how to test.

    Raises
    ------
    InputError
        For tables that do not fit each other, or a start outside of every sequence.
    """
    config, settings = config or ReportConfig(), settings or {}
    bases = per_base(tables, tss_index=tss_index)
    sites = tata_sites(config.hit_probability)
    labels = sorted(set(bases.sequences["label"].tolist()), reverse=True)
    focus = config.positive_label if config.positive_label in labels else labels[0]
    tata = core = metaprofile = None
    chosen: dict[int, Samples] = {}
    if bases.tss.known:
        tata = enrichment_of_elements(bases, sites, config.enrichment)
        if config.core_elements:
            fewer = min(config.enrichment.permutations, CORE_PERMUTATIONS)
            several = replace(config.enrichment, permutations=fewer)
            core = enrichment_of_elements(bases, core_promoter_sites(), several)
        hits = find_element_hits(bases, sites[0], top=config.enrichment.top)
        metaprofile = metaprofile_at_hits(bases, hits, focus)
        chosen = {label: samples(hits, label) for label in labels}
        if not metaprofile["num_hits"].any():
            metaprofile = None
    return Summary(
        bases=bases,
        profile=profile(bases),
        tokens=token_table(tables),
        sequences=tables.sequences,
        num_tokens=len(tables.tokens),
        tata=tata,
        core=core,
        naive=naive_tata(tables, tss_index=tss_index),
        site=sites[0],
        metaprofile=metaprofile,
        samples=chosen,
        examples=_examples(bases, config),
        label=focus,
        target=str(settings.get("target") or "positive class"),
        classes=tuple(map(str, settings.get("classes") or ())),
        unit=unit_of(settings),
        estimator=str(settings.get("estimator") or ""),
        config=config,
        against=str(settings.get("against") or ""),
    )


def unit_of(settings: Mapping[str, Any]) -> str:
    if settings.get("unit") and settings.get("estimator") != "attention":
        return str(settings["unit"])
    if settings.get("estimator") == "attention":
        return "share of attention"
    if settings.get("estimator") == "anchors":
        return "precision"
    return UNITS.get(str(settings.get("value", "log_odds")), str(settings.get("value")))


def _examples(bases: BaseAttributions, config: ReportConfig) -> tuple[tuple[str, int], ...]:
    """Choose example sequences: the most confident true positives and the most confident mistakes.

    Calls are those of the model, at its own threshold. If a probability is not known, as for logits, the
    value is used as the confidence.
    """
    sequences = bases.sequences
    probability = sequences["probability"].to_numpy(float)
    label = sequences["label"].to_numpy()
    known = np.isfinite(probability)
    belongs, num = label == config.positive_label, config.num_true_positives
    called = sequences["called"].to_numpy(bool)
    sure = np.where(known, probability, sequences["full"].to_numpy(float))
    drawable = ~np.isnan(bases.values).all(axis=1)
    found = []
    for name, members, order, most in (
        ("true positive", called & belongs, -sure, num),
        ("false positive", called & ~belongs & (label >= 0), -sure, 1),
        ("false negative", ~called & belongs, sure, 1),
        ("highest probability, label unknown", known & (label < 0), -sure, num),
        ("highest value", ~known & (label < 0), -sure, num),
    ):
        rows = np.flatnonzero(members & drawable)
        rows = rows[np.argsort(order[rows], kind="stable")][:most]
        found += [(name, int(row)) for row in rows]
    return tuple(found)
