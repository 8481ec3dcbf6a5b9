"""What a report of attributions says in words, computed from its tables."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from dnasweep.attribution.summaries import ALL
from dnasweep.motifs.element_enrichment import ADJUSTED, COLUMNS
from dnasweep.report.attribution_summary import Summary
from dnasweep.sweeps.statistics import benjamini_hochberg
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.wording import percent, positions, signed, small, spaced

LARGE_ERROR = 0.01
"""A completeness error above this share of the span between prediction and base value is worth a
warning."""


def warnings(summary: Summary) -> list[str]:
    """Return what a reader has to know before anything else."""
    found = []
    tss, sequences = summary.bases.tss, summary.sequences
    num, left_out = len(sequences), len(sequences) - len(summary.bases.sequences)
    if not tss.known:
        found.append(
            "Where transcription starts is not known for windows of this length, so positions count "
            "from the first base and promoter elements are not tested. Give --tss-index."
        )
    elif left_out:
        found.append(
            f"{left_out:,} of {num:,} sequences are left out of everything by position: where "
            "transcription starts in them is not known."
        )
    span = (sequences["full"] - sequences["empty"]).abs()
    wide = int((sequences["gap"] > LARGE_ERROR * span.clip(lower=1e-6)).sum())
    if wide:
        found.append(
            f"The attributions of {wide:,} sequences miss what they have to add up to by more than "
            f"{percent(LARGE_ERROR)}. Values that rest on gradients need more steps then; others "
            "should never miss."
        )
    return found


def attribution_findings(summary: Summary) -> Findings:
    """Return the sentences and the claims that were tested."""
    verdicts: list[Verdict] = []
    sentences = [*_tata(summary, verdicts), *_tata_by_species(summary, verdicts)]
    sentences += [*_core(summary, verdicts), *_position(summary)]
    sentences += [_naive(summary), *_tokens(summary), _completeness(summary)]
    return Findings(sentences, verdicts)


def headline_tests(summary: Summary) -> pd.DataFrame:
    """Return the tests of the site that figures speak of: one row per species and label."""
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


def odds(claim: str, row: pd.Series, p: str, odds_ratio: str = "odds_ratio") -> Verdict:
    """Return the verdict on an odds ratio of a row of tests; `p` names the column of its p-value."""
    return Verdict(claim, "odds ratio", row[odds_ratio], row[p], null=1.0)


def _tata(summary: Summary, verdicts: list[Verdict]) -> Iterator[str]:
    tests = headline_tests(summary)
    tests = tests[(tests["species"] == ALL) & (tests["label"] == summary.label)]
    if tests.empty:
        return
    test = tests.iloc[0]
    num, hits, top = test["num_sequences"], test["num_hits"], test["num_top"]
    start = positions(test["window"])
    lead = f"TATA box: {hits:,} of {num:,} {summary.who} have one starting at {start}"
    if not hits:
        yield f"{lead}."
        return
    claim = "TATA box among top attributions, against"
    level = Verdict(
        "attribution of the TATA box, against the same places without one",
        "difference",
        test["difference"],
        test["p_difference"],
    )
    place = odds(f"{claim} the same places without one", test, "p_enrichment")
    kmer = odds(f"{claim} the same k-mers elsewhere", test, "p_word", "word_odds_ratio")
    known = not pd.isna(kmer.p)
    verdicts += [level, place, *([kmer] if known else [])]
    elsewhere = f" and {kmer.text} against the same k-mers elsewhere ({kmer.p_text})"
    yield (
        f"{lead}. Its attribution is {signed(test['mean_phi'])} on average, against "
        f"{signed(test['place_phi'])} at the same places of sequences without one "
        f"({level.p_text}). {top:,} of the {hits:,} are positive and in the top "
        f"{percent(summary.config.enrichment.top)} of their sequence, odds ratio {place.text} against "
        f"the same places ({place.p_text}){elsewhere if known else ''}. "
        f"{_conclusion(level, place, kmer, against_class=summary.signed)}"
    )


def _conclusion(level: Verdict, place: Verdict, kmer: Verdict, *, against_class: bool) -> str:
    if level.significant and level.estimate < 0:
        if against_class:
            return "The model holds the box against the class."
        return "The model attends to the box less than to other k-mers there."
    if not (place.significant and level.estimate > 0):
        return "There is no sign that the model looks at the box."
    if pd.isna(kmer.p):
        return "The model looks at the box."
    if kmer.significant:
        return "The model looks at the box, and at where it stands."
    return "The model looks at the k-mer; there is no sign that it minds where it stands."


def _tata_by_species(summary: Summary, verdicts: list[Verdict]) -> Iterator[str]:
    mine = headline_tests(summary)
    mine = mine[(mine["label"] == summary.label) & (mine["species"] != ALL)]
    mine = mine[mine["num_hits"] > 0].sort_values("p_enrichment_adjusted", kind="stable")
    if mine.empty:
        return
    found = [
        odds(
            f"TATA box among top attributions, {spaced(row['species'])}",
            row,
            "p_enrichment_adjusted",
        )
        for _, row in mine.iterrows()
    ]
    verdicts += found
    said = [
        f"{spaced(row['species'])} ({row['num_hits']:,} boxes, odds ratio {one.text}, adjusted "
        f"{one.p_text})"
        for (_, row), one in zip(mine.iterrows(), found, strict=True)
    ]
    yield (
        "TATA box by species: enriched among top attributions in "
        f"{sum(one.significant for one in found)} of {len(found)}: {'; '.join(said)}."
    )


def _core(summary: Summary, verdicts: list[Verdict]) -> Iterator[str]:
    table = core_tests(summary)
    if table.empty:
        return
    parts = []
    for _, row in table.iterrows():
        name, where = row["definition"].split(",")[0], positions(row["window"])
        one = odds(
            f"{row['element']} ({name} at {where}) among top attributions", row, "p_adjusted"
        )
        verdicts.append(one)
        if one.significant and row["difference"] > 0:
            parts.append(
                f"{row['element']} ({name} at {where}, {row['num_hits']:,} hits, odds ratio "
                f"{one.text}, adjusted {one.p_text})"
            )
    if parts:
        listed = "; ".join(parts)
        yield f"Other elements: enriched among top attributions in their places are {listed}."
    else:
        yield (
            f"Other elements: none of the {len(table)} tested is enriched among top attributions in "
            "its place."
        )


def _position(summary: Summary) -> Iterator[str]:
    table = summary.profile
    mine = table[(table["species"] == ALL) & (table["label"] == summary.label)]
    if mine.empty:
        return
    known = summary.bases.tss.known
    means = mine["mean"].to_numpy()
    high, low = [
        f"{signed(row['position'], 0) if known else row['position']} ({signed(row['mean'], 4)} per "
        f"base, standard error {row['standard_error']:.4f})"
        for row in (mine.iloc[int(means.argmax())], mine.iloc[int(means.argmin())])
    ]
    origin = "the transcription start" if known else "the first base"
    yield (
        f"Position: in {summary.who} the mean attribution is highest at {high} and lowest at {low}, "
        f"in bases from {origin}."
    )


def _naive(summary: Summary) -> str:
    table = summary.naive
    num = int(table["positive"].sum() + table["negative"].sum())
    if not num:
        return "Naive count: no token contains TATA."
    placed = int(table["positive_in_place"].sum() + table["negative_in_place"].sum())
    text = f"Naive count: {num:,} tokens contain TATA, {int(table['positive'].sum()):,} positive"
    if summary.bases.tss.known:
        share = percent(placed / num)
        text += f"; {placed:,} of the {num:,} ({share}) stand where a TATA box can start"
    return f"{text}."


def _tokens(summary: Summary) -> Iterator[str]:
    often = summary.tokens[summary.tokens["count"] >= summary.config.min_count]
    if often.empty:
        return
    means = often["mean_phi"].to_numpy()
    high, low = [
        f"{token['token']} ({signed(token['mean_phi'])}, {int(token['count']):,} times)"
        for token in (often.iloc[int(means.argmax())], often.iloc[int(means.argmin())])
    ]
    yield (
        f"Tokens: of those met {summary.config.min_count:,} times or more, {high} has the highest "
        f"mean attribution and {low} the lowest."
    )


def _completeness(summary: Summary) -> str:
    spent = (
        f"{summary.sequences['num_evals'].mean():,.0f} model evaluations per sequence on average"
    )
    if not summary.sums:
        return (
            f"Sum: values of the estimator {summary.estimator} need not add up to anything, so no "
            f"completeness error is measured ({spent})."
        )
    largest = small(summary.sequences["gap"].max())
    return (
        "Efficiency: attributions add up to prediction minus base value; the largest completeness "
        f"error is {largest} {summary.unit} ({spent})."
    )


def reading(summary: Summary) -> str:
    """Return how the values are to be read."""
    if summary.estimator == "anchors":
        text = (
            "A value is what a token added to the precision of its sequence's anchor when it joined; "
            f"it is positive where the sequence is called {summary.target}, negative where it is not, "
            "and 0 outside of the anchor."
        )
    elif summary.signed:
        text = (
            "An attribution says what the model used, not what a cell does. Positive values speak "
            f"for {summary.target}, negative ones against it."
        )
    else:
        text = (
            "Attention says where the first token takes its mixture from. It is never negative, the "
            f"same for every class, and need not be what makes a sequence {summary.target}."
        )
    return f"{text} Significant means a p-value below 0.05."
