"""What a comparison of explanations says in words, computed from its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from dnasweep.attribution.summaries import ALL
from dnasweep.method_comparison.agreement import chance_overlap
from dnasweep.method_comparison.comparing import MethodComparison, headline
from dnasweep.method_comparison.curves import KINDS, RANDOM
from dnasweep.method_comparison.recovery import EVERY
from dnasweep.method_comparison.sanity import FLIP
from dnasweep.report.attribution_findings import odds
from dnasweep.report.columns import method_name
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.wording import number, percent, spaced

FEW = 20
"""Sequences below which a comparison is no more than a sketch."""
UNMOVED = 0.5
"""Rank correlation with the model of shuffled weights above which a method fails the check."""


def warnings(comparison: MethodComparison) -> list[str]:
    """Return what a reader has to know before anything else."""
    found = []
    if comparison.num_sequences < FEW:
        found.append(
            f"Only {comparison.num_sequences} sequences were compared; the intervals are wide, and "
            "what they do not show may be there."
        )
    if comparison.num_called == 0:
        found.append(
            f"The model calls none of the sequences {comparison.target}: the curves are of all of "
            "them, and explain a call it does not make."
        )
    if comparison.enrichment is None and comparison.recovery is None:
        found.append(
            "Neither planted elements nor transcription starts are known, so methods are compared "
            "with each other alone. Give --elements or --tss-index."
        )
    return found


def explanation_findings(comparison: MethodComparison) -> Findings:
    """Return the sentences on one model and the claims that were tested."""
    verdicts: list[Verdict] = []
    sentences = [*_recovery(comparison), *_agreement(comparison)]
    sentences += [*_enrichment(comparison, verdicts), *_species(comparison)]
    sentences += [*_curves(comparison), *_anchors(comparison), *_flip(comparison)]
    sentences += _randomised(comparison)
    return Findings(sentences, verdicts)


def across(comparisons: Sequence[MethodComparison]) -> list[str]:
    """Return the sentences on several models: what each finds of the TATA box, by tokenizer."""
    tests = [
        (one, _held(headline(one.enrichment))) for one in comparisons if one.enrichment is not None
    ]
    if len(comparisons) < 2 or not tests:
        return []
    said = []
    for element in dict.fromkeys(tests[0][1]["element"]):
        parts = []
        for one, table in tests:
            mine = table[(table["element"] == element) & table["p_adjusted"].notna()]
            num, held = mine["method"].nunique(), mine.loc[mine["held"], "method"].nunique()
            parts.append(f"{one.name} {held} of {num}")
        said.append(f"{element}: {', '.join(parts)}")
    return [
        "By tokenizer: methods by which an element is enriched among top attributions, "
        f"{'; '.join(said)}."
    ]


def _held(tests: pd.DataFrame) -> pd.DataFrame:
    """Add whether each odds ratio is significantly above 1."""
    held = [odds("", row, "p_adjusted").higher for _, row in tests.iterrows()]
    return tests.assign(held=pd.Series(held, index=tests.index, dtype=bool))


def _recovery(comparison: MethodComparison) -> Iterator[str]:
    if comparison.recovery is None:
        return
    table = comparison.recovery
    table = table[table["element"] == EVERY].sort_values("auroc", ascending=False, kind="stable")
    best, rest = table.iloc[0], table.iloc[1:]
    others = _each(rest, "auroc", 3)
    hits = table.sort_values("hit_rate", ascending=False, kind="stable").iloc[0]
    yield (
        f"Planted elements: {method_name(best['method'])} ranks their bases best, AUROC "
        f"{_interval(best, 'auroc', 3)} in {best['num']:,} sequences"
        f"{'; ' + others if others else ''}. Of as many highest bases as the elements have, "
        f"{percent(hits['hit_rate'])} lie inside by {method_name(hits['method'])}, "
        f"the most of all, and {percent(hits['chance'])} would by chance."
    )


def _agreement(comparison: MethodComparison) -> Iterator[str]:
    table = comparison.agreement
    table = table[table["mean"].notna()]
    pairs = table[table["measure"] == "importance"]
    if pairs.empty:
        return
    order = pairs.sort_values("mean", ascending=False, kind="stable")
    top = table.loc[table["measure"] == "top", "mean"]
    names = [
        f"{method_name(row['one'])} and {method_name(row['other'])}"
        for row in (order.iloc[0], order.iloc[-1])
    ]
    yield (
        f"Agreement: {names[0]} rank the bases most alike, correlation {_interval(order.iloc[0])} of "
        f"importance, and {names[1]} least, {_interval(order.iloc[-1])}; the mean over all "
        f"{len(order)} pairs is {number(order['mean'].mean(), 2)}. The top bases overlap by a Jaccard "
        f"index of {number(top.mean(), 2)} on average over pairs, {number(chance_overlap(), 2)} by "
        "chance."
    )


def _enrichment(comparison: MethodComparison, verdicts: list[Verdict]) -> Iterator[str]:
    if comparison.enrichment is None:
        return
    table = headline(comparison.enrichment)
    for (element, definition), part in table.groupby(["element", "definition"], sort=False):
        tested = part[part["p_adjusted"].notna()]
        if tested.empty:
            continue
        word = str(definition).split(",")[0]
        found = [
            odds(
                f"{element} ({word}) among top attributions, {method_name(row['method'])}",
                row,
                "p_adjusted",
            )
            for _, row in tested.iterrows()
        ]
        verdicts += found
        held = tested[[one.higher for one in found]].sort_values("odds_ratio", ascending=False)
        first = part.iloc[0]
        lead = (
            f"{element}: {int(first['num_hits']):,} of {int(first['num_sequences']):,} "
            f"{comparison.target} sequences have {word} in its place"
        )
        if held.empty:
            best = tested.sort_values("p_enrichment").iloc[0]
            yield (
                f"{lead}; by no method is it enriched among top attributions (nearest: "
                f"{method_name(best['method'])}, {odds('', best, 'p_adjusted').p_text} adjusted)."
            )
            continue
        said = []
        for _, row in held.iterrows():
            one = odds("", row, "p_adjusted")
            said.append(f"{method_name(row['method'])} (odds ratio {one.text}, {one.p_text})")
        lead += "; it is enriched among top attributions, against the same places without it, by"
        others = _listed(tested[~tested["method"].isin(held["method"])])
        if others:
            yield f"{lead} {', '.join(said)}, and not by {others}."
        else:
            yield f"{lead} every method: {', '.join(said)}."


def _species(comparison: MethodComparison) -> Iterator[str]:
    table = comparison.enrichment
    if table is None:
        return
    single = _held(table[(table["species"] != ALL) & table["p_adjusted"].notna()])
    if single.empty:
        return
    parts = []
    for species, part in single.groupby("species", sort=False):
        held = part.groupby("element", sort=False)["held"].sum()
        named = ", ".join(f"{element} {num}" for element, num in held.items() if num)
        parts.append(f"{spaced(species)} ({named or 'none'})")
    yield f"By species: methods by which each element is enriched: {'; '.join(parts)}."


def _curves(comparison: MethodComparison) -> Iterator[str]:
    table = comparison.areas
    if table.empty:
        return
    said = []
    # A good method has a small area under deletion and a large one under insertion.
    for curve, sign, edge in zip(
        KINDS, (-1, 1), ("difference_high", "difference_low"), strict=True
    ):
        part = table[table["curve"] == curve].set_index("method")
        own = part.drop(index=RANDOM)
        best = str((sign * own["area"]).idxmax())
        better = sign * own[edge] > 0
        worse = ", ".join(method_name(name) for name in own.index[~better])
        said.append(
            f"{curve} area {number(own['area'][best])} by {method_name(best)} against "
            f"{number(part['area'][RANDOM])} in random order, {better.sum()} of {len(own)} methods "
            f"better than random{f' (not shown of {worse})' if worse else ''}"
        )
    yield f"Deletion and insertion: of {int(table['num'].max()):,} sequences, {'; '.join(said)}."


def _anchors(comparison: MethodComparison) -> Iterator[str]:
    found = comparison.anchors
    if found is None:
        return
    useful = found["found"] - found["empty"]
    text = (
        f"Anchors: {found['found']:.0f} of {found['num']:.0f} calls have an anchor; "
        f"{found['empty']:.0f} of them hold whatever is left out"
    )
    if useful > 0:
        text += (
            f", and {useful:.0f} need {found['tokens']:.1f} tokens on average, with a precision of "
            f"{number(found['precision'])} (the smallest lower bound is "
            f"{number(found['lowest_bound'])}) and a coverage of {found['coverage']:.2g}"
        )
        if not pd.isna(found["data_precision"]):
            text += (
                f". In {100 * found['data_coverage']:.2g}\u00a0% of the other sequences the same "
                f"tokens stand at the same places, and {percent(found['data_precision'])} of these "
                "are called alike"
            )
    yield f"{text}."


def _flip(comparison: MethodComparison) -> Iterator[str]:
    table = comparison.sanity
    part = table[(table["check"] == FLIP) & table["mean"].notna()]
    if part.empty:
        return
    rest = part[part["mean"] <= 1 - 1e-6]
    num = len(part) - len(rest)
    text = f"Other class: {num} of {len(part)} methods turn every sign for the other class"
    if len(rest):
        shares = [
            f"{percent(row['mean'])} of {method_name(row['method'])}" for _, row in rest.iterrows()
        ]
        text += f"; of the attributions of the others turn {', '.join(shares)}"
    yield f"{text}."


def _randomised(comparison: MethodComparison) -> Iterator[str]:
    table = comparison.sanity[comparison.sanity["check"] != FLIP]
    if table.empty:
        return
    last = table["check"].drop_duplicates().iloc[-1]
    part = table[(table["check"] == last) & table["mean"].notna()]
    if part.empty:
        return
    failed = _listed(part[part["mean"] > UNMOVED])
    verdict = "none looks like that of the trained model"
    if failed:
        verdict = f"{failed} hardly change: they show the sequence more than the model"
    text = (
        f"Shuffled weights ({last}): rank correlation of importance with the trained model "
        f"{_each(part, 'mean', 2)}; {verdict}"
    )
    areas = part["auroc"].dropna()
    if len(areas):
        text += (
            ". Planted elements are then found with an AUROC of "
            f"{number(areas.min())} to {number(areas.max())}"
        )
    yield f"{text}."


def _each(table: pd.DataFrame, column: str, digits: int) -> str:
    """Return each method with its number."""
    return ", ".join(
        f"{method_name(row['method'])} {number(row[column], digits)}"
        for _, row in table.iterrows()
    )


def _listed(table: pd.DataFrame) -> str:
    return ", ".join(map(method_name, table["method"]))


def _interval(row: pd.Series, name: str = "mean", digits: int = 2) -> str:
    """Return a mean with its interval, where it has one."""
    low, high = ("low", "high") if name == "mean" else (f"{name}_low", f"{name}_high")
    text = number(row[name], digits)
    if pd.isna(row[low]):
        return text
    return f"{text} ({number(row[low], digits)} to {number(row[high], digits)})"
