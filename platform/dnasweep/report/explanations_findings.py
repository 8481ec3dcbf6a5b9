"""What a comparison of explanations says in words, computed from its tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dnasweep.attribution.summaries import ALL
from dnasweep.method_comparison.agreement import chance_overlap
from dnasweep.method_comparison.comparing import MethodComparison, headline
from dnasweep.method_comparison.curves import KINDS, RANDOM
from dnasweep.method_comparison.recovery import EVERY
from dnasweep.method_comparison.sanity import FLIP
from dnasweep.report.attribution_findings import percent, ratio
from dnasweep.report.explanations_figures import method_name
from dnasweep.tasks.wording import ALPHA, number, p_text

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


def explanation_findings(comparison: MethodComparison) -> list[str]:
    """Return the sentences on one model, most important first."""
    sentences = [_recovery(comparison), _agreement(comparison), *_enrichment(comparison)]
    sentences += [_curves(comparison), _anchors(comparison), _flip(comparison)]
    sentences += [_randomised(comparison)]
    return [sentence for sentence in sentences if sentence]


def across(comparisons: Sequence[MethodComparison]) -> list[str]:
    """Return the sentences on several models: what each finds of the TATA box, by tokenizer."""
    tests = [(one, headline(one.enrichment)) for one in comparisons if one.enrichment is not None]
    if len(comparisons) < 2 or not tests:
        return []
    said = []
    for element in dict.fromkeys(tests[0][1]["element"]):
        parts = []
        for one, table in tests:
            mine = table[(table["element"] == element) & table["p_adjusted"].notna()]
            held = mine[(mine["p_adjusted"] < ALPHA) & (mine["odds_ratio"] > 1)]
            parts.append(f"{one.name} {held['method'].nunique()} of {mine['method'].nunique()}")
        said.append(f"{element}: {', '.join(parts)}")
    return [
        "By tokenizer: methods by which an element is enriched among top attributions, "
        f"{'; '.join(said)}."
    ]


def _recovery(comparison: MethodComparison) -> str:
    if comparison.recovery is None:
        return ""
    table = comparison.recovery
    table = table[table["element"] == EVERY].sort_values("auroc", ascending=False, kind="stable")
    best, rest = table.iloc[0], table.iloc[1:]
    others = ", ".join(
        f"{method_name(r['method'])} {number(r['auroc'])}" for _, r in rest.iterrows()
    )
    hits = table.sort_values("hit_rate", ascending=False, kind="stable").iloc[0]
    return (
        f"Planted elements: {method_name(best['method'])} ranks their bases best, AUROC "
        f"{_interval(best, 'auroc', 3)} in {best['num']:,} sequences"
        f"{'; ' + others if others else ''}. Of as many highest bases as the elements have, "
        f"{percent(hits['hit_rate'])} lie inside by {method_name(hits['method'])}, "
        f"the most of all, and {percent(hits['chance'])} would by chance."
    )


def _agreement(comparison: MethodComparison) -> str:
    table = comparison.agreement
    pairs = table[(table["measure"] == "importance") & table["mean"].notna()]
    if pairs.empty:
        return ""
    order = pairs.sort_values("mean", ascending=False, kind="stable")
    top = table[(table["measure"] == "top") & table["mean"].notna()]
    first, last = order.iloc[0], order.iloc[-1]
    return (
        f"Agreement: {_pair(first)} rank the bases most alike, correlation {_interval(first)} of "
        f"importance, and {_pair(last)} least, {_interval(last)}; the mean over all {len(order)} pairs is "
        f"{number(order['mean'].mean(), 2)}. The top bases overlap by a Jaccard index of "
        f"{number(top['mean'].mean(), 2)} in the mean over pairs, {number(chance_overlap(), 2)} by "
        "chance."
    )


def _enrichment(comparison: MethodComparison) -> list[str]:
    if comparison.enrichment is None:
        return []
    table, sentences = headline(comparison.enrichment), []
    for (element, definition), part in table.groupby(["element", "definition"], sort=False):
        hits = int(part["num_hits"].iloc[0])
        tested = part[part["p_adjusted"].notna()]
        if tested.empty:
            continue
        held = tested[(tested["p_adjusted"] < ALPHA) & (tested["odds_ratio"] > 1)]
        lead = (
            f"{element}: {hits:,} of {int(part['num_sequences'].iloc[0]):,} {comparison.target} "
            f"sequences have {str(definition).split(',')[0]} in its place"
        )
        if held.empty:
            best = tested.sort_values("p_enrichment").iloc[0]
            sentences.append(
                f"{lead}; by no method is it enriched among top attributions (nearest: "
                f"{method_name(best['method'])}, {p_text(best['p_adjusted'])} adjusted)."
            )
            continue
        said = ", ".join(
            f"{method_name(r['method'])} (odds ratio {ratio(r['odds_ratio'])}, "
            f"{p_text(r['p_adjusted'])})"
            for _, r in held.sort_values("odds_ratio", ascending=False).iterrows()
        )
        sentences.append(
            f"{lead}; it is enriched among top attributions, against the same places without it, "
            f"by {said}, and not by {_names(tested, held)}."
            if len(held) < len(tested)
            else f"{lead}; it is enriched among top attributions, against the same places without "
            f"it, by every method: {said}."
        )
    return sentences + _species(comparison)


def _species(comparison: MethodComparison) -> list[str]:
    assert comparison.enrichment is not None
    table = comparison.enrichment
    single = table[(table["species"] != ALL) & table["p_adjusted"].notna()]
    if single.empty:
        return []
    single = single.assign(held=(single["p_adjusted"] < ALPHA) & (single["odds_ratio"] > 1))
    parts = []
    for species, part in single.groupby("species", sort=False):
        held = part.groupby("element", sort=False)["held"].agg(["sum", "size"])
        named = ", ".join(f"{e} {int(r['sum'])}" for e, r in held.iterrows() if r["sum"])
        parts.append(f"{str(species).replace('_', ' ')} ({named or 'none'})")
    return [f"By species: methods by which each element is enriched: {'; '.join(parts)}."]


def _curves(comparison: MethodComparison) -> str:
    table = comparison.areas
    if table.empty:
        return ""
    said = []
    for curve in KINDS:
        part = table[table["curve"] == curve].set_index("method")
        sign = -1 if curve == KINDS[0] else 1
        base = float(part["area"][RANDOM])
        own = part.drop(index=RANDOM)
        best = str((sign * own["area"]).idxmax())
        edge = "difference_high" if sign < 0 else "difference_low"
        better = own[(sign * own[edge]) > 0]
        worse = own[~own.index.isin(better.index)]
        tail = (
            f" (not shown of {', '.join(method_name(str(n)) for n in worse.index)})"
            if len(worse)
            else ""
        )
        said.append(
            f"{curve} area {number(float(own['area'][best]))} by {method_name(best)} against "
            f"{number(base)} in random order, {len(better)} of {len(own)} methods better "
            f"than random{tail}"
        )
    num = int(table["num"].max())
    return f"Deletion and insertion: of {num:,} sequences, {'; '.join(said)}."


def _anchors(comparison: MethodComparison) -> str:
    found = comparison.anchors
    if found is None:
        return ""
    useful = found["found"] - found["empty"]
    text = (
        f"Anchors: {found['found']:.0f} of {found['num']:.0f} calls have an anchor; "
        f"{found['empty']:.0f} of them hold whatever is left out"
    )
    if useful > 0:
        text += (
            f", and {useful:.0f} need {found['tokens']:.1f} tokens in the mean, with a precision of "
            f"{number(found['precision'])} (the least lower bound of one is {number(found['lowest_bound'])}) and "
            f"a coverage of {found['coverage']:.2g}"
        )
        if not pd.isna(found["data_precision"]):
            text += (
                f". In {100 * found['data_coverage']:.2g}\u00a0% of the other sequences the same tokens "
                f"stand at the same places, and {percent(found['data_precision'])} of these are "
                "called alike"
            )
    return f"{text}."


def _flip(comparison: MethodComparison) -> str:
    table = comparison.sanity
    part = table[(table["check"] == FLIP) & table["mean"].notna()]
    if part.empty:
        return ""
    turned = part[part["mean"] > 1 - 1e-6]
    rest = part[part["mean"] <= 1 - 1e-6]
    text = f"Other class: {len(turned)} of {len(part)} methods turn every sign for the other class"
    if len(rest):
        said = ", ".join(
            f"{method_name(r['method'])} {percent(r['mean'])}" for _, r in rest.iterrows()
        )
        text += f"; of the attribution of the others turns {said}"
    return f"{text}."


def _randomised(comparison: MethodComparison) -> str:
    table = comparison.sanity
    checks = [check for check in dict.fromkeys(table["check"]) if check != FLIP]
    if not checks:
        return ""
    part = table[(table["check"] == checks[-1]) & table["mean"].notna()]
    if part.empty:
        return ""
    said = ", ".join(
        f"{method_name(r['method'])} {number(r['mean'], 2)}" for _, r in part.iterrows()
    )
    failed = part[part["mean"] > UNMOVED]
    verdict = (
        "none looks like that of the model as it is"
        if failed.empty
        else f"{_listed(failed)} hardly change: they show the sequence more than the model"
    )
    text = (
        f"Shuffled weights ({checks[-1]}): rank correlation of importance with the trained model "
        f"{said}; {verdict}"
    )
    areas = part[part["auroc"].notna()]
    if len(areas):
        text += (
            ". Planted elements are then found with an AUROC of "
            f"{number(areas['auroc'].min())} to {number(areas['auroc'].max())}"
        )
    return f"{text}."


def _pair(row: pd.Series) -> str:
    return f"{method_name(row['one'])} and {method_name(row['other'])}"


def _interval(row: pd.Series, name: str = "mean", digits: int = 2) -> str:
    """Return a mean with its interval, where it has one."""
    low, high = ("low", "high") if name == "mean" else (f"{name}_low", f"{name}_high")
    text = number(row[name], digits)
    if pd.isna(row[low]):
        return text
    return f"{text} ({number(row[low], digits)} to {number(row[high], digits)})"


def _listed(part: pd.DataFrame) -> str:
    return ", ".join(method_name(name) for name in part["method"])


def _names(tested: pd.DataFrame, held: pd.DataFrame) -> str:
    return _listed(tested[~tested["method"].isin(held["method"])])
