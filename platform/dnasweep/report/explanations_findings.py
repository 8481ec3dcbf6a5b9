"""The findings of a comparison of explanations: the tested claims, and sentences about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dnasweep.attribution.summaries import ALL
from dnasweep.method_comparison.agreement import chance_overlap
from dnasweep.method_comparison.comparing import MethodComparison, headline
from dnasweep.method_comparison.curves import KINDS, RANDOM
from dnasweep.method_comparison.recovery import EVERY
from dnasweep.method_comparison.sanity import FLIP
from dnasweep.report.attribution_findings import with_odds
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.texts import Texts
from dnasweep.tasks.wording import method_name

FEW = 20
"""Minimum number of sequences for a reliable comparison."""
UNMOVED = 0.5
"""Rank correlation with the model of shuffled weights above which a method fails the check."""
Tested = list[tuple[pd.Series, Verdict]]
"""Rows of tests of enrichment, each with its verdict."""


def explanation_texts(comparison: MethodComparison) -> Texts:
    """Return the texts of the page of one model's comparison."""
    return Texts("explanations", one=comparison)


def warnings(comparison: MethodComparison) -> list[str]:
    """Return the warnings that a reader must see first."""
    return explanation_texts(comparison).paragraphs("warnings", few=FEW)


def explanation_findings(comparison: MethodComparison) -> Findings:
    """Return the sentences about one model, and the tested claims."""
    tests = _tests(comparison, ALL)
    verdicts: list[Verdict] = []
    told: list[tuple[str, dict[str, Any]]] = [
        ("recovery", _recovery(comparison)),
        ("agreement", _agreement(comparison)),
    ]
    for site in dict.fromkeys((row["element"], row["definition"]) for row, _ in tests):
        tested = [
            (row, odds) for row, odds in tests if (row["element"], row["definition"]) == site
        ]
        verdicts += [odds for _, odds in tested]
        told.append(("enrichment", _enrichment(*site, tested)))
    told += [
        ("species", _species(comparison)),
        ("curves", _curves(comparison)),
        ("anchors", {"found": comparison.anchors} if comparison.anchors else {}),
        ("flip", _flip(comparison)),
        ("randomised", _randomised(comparison)),
    ]
    say = explanation_texts(comparison)
    return Findings([say(name, **values) for name, values in told if values], verdicts)


def across(comparisons: Sequence[MethodComparison]) -> list[str]:
    """Return the sentences that compare several models, by tokenizer."""
    known = [(one, one.enrichment) for one in comparisons if one.enrichment is not None]
    if len(comparisons) < 2 or not known:
        return []
    tests = [(one.name, _tests(one, ALL)) for one, _ in known]
    first = headline(known[0][1])["element"]
    elements = [
        (element, [(name, *_methods(tested, element)) for name, tested in tests])
        for element in dict.fromkeys(first)
    ]
    return Texts("explanations").paragraphs("across", elements=elements)


def _tests(comparison: MethodComparison, *species: str) -> Tested:
    """Return the tests of enrichment in one species, or in each species if none is given."""
    table = comparison.enrichment
    if table is None:
        return []
    chosen = table["species"].isin(species) if species else table["species"] != ALL
    return with_odds(
        table[chosen & table["p_adjusted"].notna()],
        "p_adjusted",
        lambda row: (
            f"{row['element']} ({row['definition'].split(',')[0]}) among top attributions, "
            f"{method_name(row['method'])}"
        ),
    )


def _methods(tested: Tested, element: str) -> tuple[int, int]:
    """Return by how many of the methods an element is enriched, and the number of methods."""
    mine = [(row["method"], odds.higher) for row, odds in tested if row["element"] == element]
    return len({method for method, held in mine if held}), len({method for method, _ in mine})


def _recovery(comparison: MethodComparison) -> dict[str, Any]:
    if comparison.recovery is None:
        return {}
    table = comparison.recovery[comparison.recovery["element"] == EVERY]
    return {
        "ranked": _records(table, "auroc"),
        "hits": _records(table.sort_values("auroc", ascending=False, kind="stable"), "hit_rate")[
            0
        ],
    }


def _agreement(comparison: MethodComparison) -> dict[str, Any]:
    table = comparison.agreement[comparison.agreement["mean"].notna()]
    pairs = _records(table[table["measure"] == "importance"], "mean")
    overlap = table.loc[table["measure"] == "top", "mean"].mean()
    return {"pairs": pairs, "overlap": overlap, "chance": chance_overlap()} if pairs else {}


def _records(table: pd.DataFrame, by: str) -> list[dict[Any, Any]]:
    """Return rows from the highest to the lowest."""
    return table.sort_values(by, ascending=False, kind="stable").to_dict("records")


def _enrichment(element: str, definition: str, tested: Tested) -> dict[str, Any]:
    held = [(row, odds) for row, odds in tested if odds.higher]
    return {
        "element": element,
        "kmer": definition.split(",")[0],
        "tested": tested,
        "held": sorted(held, key=lambda one: -one[0]["odds_ratio"]),
        "others": [row["method"] for row, odds in tested if not odds.higher],
    }


def _species(comparison: MethodComparison) -> dict[str, Any]:
    """Return how many methods find each element in each species."""
    held: dict[str, dict[str, int]] = {}
    for row, odds in _tests(comparison):
        counts = held.setdefault(row["species"], {})
        counts[row["element"]] = counts.get(row["element"], 0) + odds.higher
    counted = [(name, [(e, n) for e, n in counts.items() if n]) for name, counts in held.items()]
    return {"counts": counted} if counted else {}


def _curves(comparison: MethodComparison) -> dict[str, Any]:
    table = comparison.areas
    if table.empty:
        return {}
    kinds = []
    # A good method has a small area under deletion and a large one under insertion.
    for curve, sign, edge in zip(
        KINDS, (-1, 1), ("difference_high", "difference_low"), strict=True
    ):
        part = table[table["curve"] == curve].set_index("method")
        own = part.drop(index=RANDOM)
        best = str((sign * own["area"]).idxmax())
        kinds.append(
            {
                "curve": curve,
                "best": best,
                "area": own["area"][best],
                "random": part["area"][RANDOM],
                "num": len(own),
                "worse": own.index[~(sign * own[edge] > 0)].to_list(),
            }
        )
    return {"num": table["num"].max(), "kinds": kinds}


def _flip(comparison: MethodComparison) -> dict[str, Any]:
    table = comparison.sanity
    part = table[(table["check"] == FLIP) & table["mean"].notna()]
    rest = part[part["mean"] <= 1 - 1e-6].to_dict("records")
    return {"num": len(part), "rest": rest} if len(part) else {}


def _randomised(comparison: MethodComparison) -> dict[str, Any]:
    """Return the check that shuffled the most weights."""
    table = comparison.sanity[comparison.sanity["check"] != FLIP]
    last = table["check"].drop_duplicates().to_list()[-1:]
    part = table[table["check"].isin(last) & table["mean"].notna()]
    if part.empty:
        return {}
    return {
        "check": last[0],
        "rows": part.to_dict("records"),
        "unmoved": part.loc[part["mean"] > UNMOVED, "method"].to_list(),
        "areas": part["auroc"].dropna().to_list(),
    }
