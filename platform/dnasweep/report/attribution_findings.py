"""The findings of a report of attributions: the tested claims, and sentences about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.attribution.summaries import ALL
from dnasweep.motifs.element_enrichment import ADJUSTED, COLUMNS
from dnasweep.report.attribution_summary import Summary
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.multiple_tests import benjamini_hochberg
from dnasweep.tasks.texts import Texts
from dnasweep.tasks.wording import positions, spaced

LARGE_ERROR = 0.01
"""A completeness error above this share of the span between prediction and base value is worth a
warning."""
TOP = "TATA box among top attributions"


def attribution_texts(summary: Summary) -> Texts:
    """Return the texts of the page of a summary."""
    return Texts("attribution", summary=summary)


def warnings(summary: Summary) -> list[str]:
    """Return the warnings that a reader must see first."""
    sequences = summary.sequences
    span = (sequences["full"] - sequences["empty"]).abs().clip(lower=1e-6)
    return attribution_texts(summary).paragraphs(
        "warnings",
        left_out=len(sequences) - len(summary.bases.sequences),
        wide=int((sequences["gap"] > LARGE_ERROR * span).sum()),
        limit=LARGE_ERROR,
    )


def attribution_findings(summary: Summary) -> Findings:
    """Return the findings: sentences, and the tested claims."""
    tests = headline_tests(summary)
    tests = tests[tests["label"] == summary.label]
    every, single = tests[tests["species"] == ALL], tests[tests["species"] != ALL]
    test = None if every.empty else every.iloc[0]
    box = {} if test is None or not test["num_hits"] else _tata(test)
    single = single[single["num_hits"] > 0].sort_values("p_enrichment_adjusted", kind="stable")
    species = with_odds(
        single, "p_enrichment_adjusted", lambda row: f"{TOP}, {spaced(row['species'])}"
    )
    elements = with_odds(core_tests(summary), "p_adjusted", _element)
    verdicts = [*box.values(), *(one for _, one in (*species, *elements))]
    sentences = attribution_texts(summary).paragraphs(
        "findings",
        test=test,
        box=box,
        species=species,
        elements=elements,
        **highest(summary),
    )
    return Findings(sentences, verdicts)


def highest(summary: Summary) -> dict[str, list[dict[str, Any]]]:
    """Return the positions (`extremes`) and the `tokens` with the highest and the lowest mean
    attribution in the sequences that the findings are about."""
    profile, tokens = summary.profile, summary.tokens
    profile = profile[(profile["species"] == ALL) & (profile["label"] == summary.label)]
    return {
        "extremes": _extremes(profile, "mean"),
        "tokens": _extremes(tokens[tokens["count"] >= summary.config.min_count], "mean_phi"),
    }


def looked_at(summary: Summary) -> tuple[list[Verdict], list[Verdict]]:
    """Return the elements that are enriched among top attributions at their positions, and the others.

    The claim of each is the name of its element.
    """
    tests = headline_tests(summary)
    every = (tests["label"] == summary.label) & (tests["species"] == ALL) & (tests["num_hits"] > 0)
    core = core_tests(summary)
    box = with_odds(tests[every], "p_enrichment", lambda row: "TATA box")
    others = [] if core.empty else with_odds(core, "p_adjusted", lambda row: str(row["element"]))
    hits: dict[str, Verdict] = {}
    misses: dict[str, Verdict] = {}
    for row, one in (*box, *others):
        # For an element with several definitions, name the first one that is enriched.
        side = hits if one.significant and row["difference"] > 0 else misses
        side.setdefault(one.claim, one)
    return list(hits.values()), [one for name, one in misses.items() if name not in hits]


def headline_tests(summary: Summary) -> pd.DataFrame:
    """Return the tests of the site shown in the figures: one row per species and label."""
    if summary.tata is None or summary.tata.tests.empty:
        return pd.DataFrame(columns=[*COLUMNS, *(f"{name}_adjusted" for name in ADJUSTED)])
    tests = summary.tata.tests
    same = tests[["definition", "window"]].eq(tests[["definition", "window"]].iloc[0]).all(axis=1)
    return tests[same].reset_index(drop=True)


def core_tests(summary: Summary) -> pd.DataFrame:
    """Return the tests of the other elements over all species, those with the positive label.

    `p_adjusted` is the enrichment's p-value adjusted over these elements (Benjamini-Hochberg).
    """
    if summary.core is None:
        return pd.DataFrame()
    tests = summary.core.tests
    chosen = (tests["species"] == ALL) & (tests["label"] == summary.label)
    table = tests[chosen & tests["p_enrichment"].notna()].reset_index(drop=True)
    return table.assign(p_adjusted=benjamini_hochberg(table["p_enrichment"].to_numpy(float)))


def with_odds(
    tests: pd.DataFrame, p: str, claim: Callable[[pd.Series], str]
) -> list[tuple[pd.Series, Verdict]]:
    """Return each row of tests with the verdict on its odds ratio.

    Parameters
    ----------
    tests
        Table of tests with a column `odds_ratio`.
    p
        Column of the p-value.
    claim
        Function that returns the claim tested in a row.
    """
    return [(row, _odds(claim(row), row["odds_ratio"], row[p])) for _, row in tests.iterrows()]


def _odds(claim: str, ratio: float, p: float) -> Verdict:
    return Verdict(claim, "odds ratio", ratio, p, null=1.0)


def _tata(test: pd.Series) -> dict[str, Verdict]:
    """Return the verdicts on the TATA box: its level, its position and, if tested, its k-mer."""
    level = "attribution of the TATA box, against the same positions without one"
    places, kmers = "against the same positions without one", "against the same k-mers elsewhere"
    verdicts = {
        "level": Verdict(level, "difference", test["difference"], test["p_difference"]),
        "place": _odds(f"{TOP}, {places}", test["odds_ratio"], test["p_enrichment"]),
    }
    if not pd.isna(test["p_word"]):
        verdicts["kmer"] = _odds(f"{TOP}, {kmers}", test["word_odds_ratio"], test["p_word"])
    return verdicts


def _element(row: pd.Series) -> str:
    name, where = row["definition"].split(",")[0], positions(row["window"])
    return f"{row['element']} ({name} at {where}) among top attributions"


def _extremes(table: pd.DataFrame, column: str) -> list[dict[str, Any]]:
    """Return the rows with the highest and the lowest value of a column; none for an empty table."""
    if table.empty:
        return []
    values = table[column].to_numpy()
    ends = table.iloc[[int(np.argmax(values)), int(np.argmin(values))]]
    return ends.to_dict("records")  # type: ignore[return-value]
