"""What a report of attributions says in words, computed from its tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from dnasweep.attribution.summaries import ALL
from dnasweep.motifs.element_enrichment import ADJUSTED, COLUMNS
from dnasweep.report.attribution_summary import Summary
from dnasweep.tasks.wording import ALPHA, p_text

LARGE_GAP = 0.01
"""A gap above this share of the span between full and empty sequence is worth a warning."""


def warnings(summary: Summary) -> list[str]:
    """Return what a reader has to know before anything else."""
    found = []
    tss, sequences = summary.bases.tss, summary.sequences
    if not tss.known:
        found.append(
            "Where transcription starts is not known for windows of this length, so positions count "
            "from the first base and promoter elements are not accounted for. Give --tss-index."
        )
    elif len(summary.bases.sequences) < len(sequences):
        left_out = len(sequences) - len(summary.bases.sequences)
        found.append(
            f"{left_out:,} of {len(sequences):,} sequences are left out of everything by position: "
            "where transcription starts in them is not known."
        )
    span = (sequences["full"] - sequences["empty"]).abs()
    wide = int((sequences["gap"] > LARGE_GAP * span.clip(lower=1e-6)).sum())
    if wide:
        found.append(
            f"The attributions of {wide:,} sequences miss what they have to add up to by more than "
            f"{percent(LARGE_GAP)}. Values that rest on gradients need more steps then; others should never miss."
        )
    return found


def attribution_findings(summary: Summary) -> list[str]:
    """Return the sentences, most important first."""
    sentences = [_tata(summary), _tata_by_species(summary), _core(summary), _position(summary)]
    sentences += [_naive(summary), _tokens(summary), _efficiency(summary)]
    return [sentence for sentence in sentences if sentence]


def headline_tests(summary: Summary) -> pd.DataFrame:
    """Return the tests of the site that figures speak of: a row a species and label."""
    if summary.tata is None or summary.tata.tests.empty:
        return pd.DataFrame(columns=[*COLUMNS, *(f"{name}_adjusted" for name in ADJUSTED)])
    tests = summary.tata.tests
    same = (tests["definition"] == tests["definition"].iloc[0]) & (
        tests["window"] == tests["window"].iloc[0]
    )
    return tests[same].reset_index(drop=True)


def signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign; a dash where there is none."""
    return "–" if pd.isna(value) else f"{value:+.{digits}f}".replace("-", "−")


def small(value: float) -> str:
    """Return a small number such as `7.2e−7`."""
    return f"{value:.1e}".replace("e-0", "e−").replace("e-", "e−").replace("e+00", "")


def percent(share: float) -> str:
    """Return a share as written in text."""
    return f"{100 * share:.0f}\u00a0%"


def places(window: str) -> str:
    """Return positions such as `-35..-24` as written in text."""
    return window.replace("..", " to ").replace("-", "−")


def ratio(value: float) -> str:
    """Return an odds ratio as written in text."""
    if pd.isna(value):
        return "–"
    if np.isinf(value):
        return "∞"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _tata(summary: Summary) -> str:
    tests = headline_tests(summary)
    tests = tests[(tests["species"] == ALL) & (tests["label"] == summary.label)]
    if tests.empty:
        return ""
    test = tests.iloc[0]
    num, hits, where = test["num_sequences"], test["num_hits"], places(test["window"])
    lead = f"TATA box: {hits:,} of {num:,} {summary.who} have one starting at {where}"
    if not hits:
        return f"{lead}."
    share = summary.config.accounting.top
    text = (
        f"{lead}. Its attribution is {signed(test['mean_phi'])} in the mean, against "
        f"{signed(test['place_phi'])} at the same places of sequences without one "
        f"({p_text(test['p_difference'])}). {test['num_top']:,} of the {hits:,} are positive and in "
        f"the top {percent(share)} of their sequence, odds ratio {ratio(test['odds_ratio'])} against "
        f"the same places ({p_text(test['p_enrichment'])})"
    )
    if not pd.isna(test["p_word"]):
        text += (
            f" and {ratio(test['word_odds_ratio'])} against the same words elsewhere "
            f"({p_text(test['p_word'])})"
        )
    return f"{text}. {_verdict(test, signed_values=summary.signed)}"


def _verdict(test: pd.Series, *, signed_values: bool) -> str:
    if test["p_difference"] < ALPHA and test["difference"] < 0:
        if signed_values:
            return "The model holds the box against the class."
        return "The model attends to the box less than to other words there."
    if not (test["p_enrichment"] < ALPHA and test["difference"] > 0):
        return "There is no sign that the model looks at the box."
    if pd.isna(test["p_word"]):
        return "The model looks at the box."
    if test["p_word"] < ALPHA:
        return "The model looks at the box, and at where it stands."
    return "The model looks at the word; there is no sign that it minds where it stands."


def _tata_by_species(summary: Summary) -> str:
    mine = headline_tests(summary)
    mine = mine[
        (mine["label"] == summary.label) & (mine["species"] != ALL) & (mine["num_hits"] > 0)
    ]
    if mine.empty:
        return ""
    said = [
        f"{row['species'].replace('_', ' ')} ({row['num_hits']:,} boxes, odds ratio "
        f"{ratio(row['odds_ratio'])}, adjusted {p_text(row['p_enrichment_adjusted'])})"
        for _, row in mine.sort_values("p_enrichment_adjusted", kind="stable").iterrows()
    ]
    num = int((mine["p_enrichment_adjusted"] < ALPHA).sum())
    return (
        f"TATA box by species: enriched among top attributions in {num} of {len(mine)}: "
        f"{'; '.join(said)}."
    )


def _core(summary: Summary) -> str:
    if summary.core is None:
        return ""
    table = core_tests(summary)
    found = table[(table["p_adjusted"] < ALPHA) & (table["difference"] > 0)]
    if found.empty:
        return (
            f"Other elements: none of the {len(table)} tested is enriched among top attributions in "
            "its place."
            if len(table)
            else ""
        )
    parts = [
        f"{row['element']} ({row['definition'].split(',')[0]} at {places(row['window'])}, "
        f"{row['num_hits']:,} hits, odds ratio {ratio(row['odds_ratio'])}, adjusted "
        f"{p_text(row['p_adjusted'])})"
        for _, row in found.iterrows()
    ]
    return (
        f"Other elements: enriched among top attributions in their places are {'; '.join(parts)}."
    )


def core_tests(summary: Summary) -> pd.DataFrame:
    """Return the tests of the other elements over all species, those with the positive label.

    `p_adjusted` is the enrichment's p-value adjusted over these elements (Benjamini-Hochberg).
    """
    if summary.core is None:
        return pd.DataFrame()
    tests = summary.core.tests
    chosen = (tests["species"] == ALL) & (tests["label"] == summary.label)
    table = tests[chosen & tests["p_enrichment"].notna()]
    p_values = table["p_enrichment"].to_numpy(float)
    adjusted = multipletests(p_values, method="fdr_bh")[1] if len(table) else p_values
    table = table.assign(p_adjusted=adjusted)
    return table.reset_index(drop=True)


def _position(summary: Summary) -> str:
    table = summary.profile
    mine = table[(table["species"] == ALL) & (table["label"] == summary.label)]
    if mine.empty:
        return ""
    means = mine["mean"].to_numpy()
    high, low = mine.iloc[int(means.argmax())], mine.iloc[int(means.argmin())]
    known = summary.bases.tss.known
    origin = "the transcription start" if known else "the first base"
    said = [
        f"{signed(row['position'], 0) if known else row['position']} ({signed(row['mean'], 4)} a base, standard error "
        f"{row['standard_error']:.4f})"
        for row in (high, low)
    ]
    return (
        f"Position: in {summary.who} the mean attribution is highest at {said[0]} "
        f"and lowest at {said[1]}, in bases from {origin}."
    )


def _naive(summary: Summary) -> str:
    table = summary.naive
    num = int(table["positive"].sum() + table["negative"].sum())
    if not num:
        return "Naive count: no token contains TATA."
    placed = int(table["positive_in_place"].sum() + table["negative_in_place"].sum())
    text = f"Naive count: {num:,} tokens contain TATA, {int(table['positive'].sum()):,} positive"
    if summary.bases.tss.known:
        text += f"; {placed:,} of the {num:,} ({percent(placed / num)}) stand where a TATA box can start"
    return f"{text}."


def _tokens(summary: Summary) -> str:
    often = summary.tokens[summary.tokens["count"] >= summary.config.least_count]
    if often.empty:
        return ""
    means = often["mean_phi"].to_numpy()
    ends = [often.iloc[int(means.argmax())], often.iloc[int(means.argmin())]]
    said = [f"{t['token']} ({signed(t['mean_phi'])}, {int(t['count']):,} times)" for t in ends]
    return (
        f"Tokens: of those met {summary.config.least_count:,} times or more, {said[0]} has the "
        f"highest mean attribution and {said[1]} the lowest."
    )


def what_it_says(summary: Summary) -> str:
    """Return how the values are to be read."""
    if summary.estimator == "anchors":
        return (
            "A value is what a token added to the precision of its sequence's anchor when it joined; "
            f"it is positive where the sequence is called {summary.target}, negative where it is not, "
            "and 0 outside of the anchor."
        )
    if summary.signed:
        return (
            "An attribution says what the model used, not what a cell does. Positive values speak "
            f"for {summary.target}, negative ones against it."
        )
    return (
        "Attention says where the first token takes its mixture from. It is never negative, the "
        f"same for every class, and need not be what makes a sequence {summary.target}."
    )


def _efficiency(summary: Summary) -> str:
    if not summary.sums:
        spent = float(summary.sequences["num_evals"].mean())
        return (
            f"Sum: values of the estimator {summary.estimator} need not add up to anything, so no "
            f"gap is measured ({spent:,.0f} model evaluations a sequence in the mean)."
        )
    gap = summary.sequences["gap"]
    evaluations = summary.sequences["num_evals"]
    return (
        f"Efficiency: attributions add up to the difference the sequence makes, the largest gap is "
        f"{small(gap.max())} {summary.unit} ({evaluations.mean():,.0f} model evaluations a sequence "
        "in the mean)."
    )
