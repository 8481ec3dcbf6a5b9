"""What the comparison of a sweep says, in sentences computed from its tables.

A difference between means over seeds is called significant where its adjusted p-value, for other
test rows and other seeds, is below 0.05: that of MCC where the sweep is ranked by MCC, that of AUROC
otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from dnasweep.data.species import pretraining_stages
from dnasweep.errors import InputError
from dnasweep.sweeps.cautions import cautions, not_all_healthy, rate_edges
from dnasweep.sweeps.cell_results import COMPARED_AXES, CellResult
from dnasweep.sweeps.comparison import Comparison
from dnasweep.sweeps.seed_tests import METRICS
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.wording import mean_of, metric_name, number, p_text, signed

Pair = dict[str, Verdict]
"""The verdicts on two cells, by metric."""


def sweep_findings(comparison: Comparison, cells: Sequence[CellResult]) -> Findings:
    """Return the sentences and the claims that were tested."""
    if comparison.selected.empty:
        first = "No cell finished with a validation metric; there is nothing to rank."
        return Findings([first, *_bits(cells), *_unhealthy(comparison, cells)], [])
    tested: list[Pair] = []
    sentences = [_best(comparison)]
    for axis in ("tokenizer", *COMPARED_AXES):
        sentences += _winners(comparison, axis, tested)
    sentences += _pretraining(comparison, _breadths(cells), tested)
    sentences += _against_baseline(comparison, tested)
    sentences += rate_edges(comparison) + cautions(comparison, cells)
    sentences += _bits(cells) + _unhealthy(comparison, cells)
    unique = dict.fromkeys(pair[comparison.judged] for pair in tested)
    return Findings(sentences, list(unique))


def _best(comparison: Comparison) -> str:
    metric, top = comparison.metric, comparison.selected.iloc[0]
    settings = [f"learning rate {top['learning_rate']:g}"]
    settings += [
        f"{axis.replace('_', ' ')} {top[axis]}"
        for axis in comparison.axes
        if axis not in COMPARED_AXES and not pd.isna(top[axis])
    ]
    values = [
        f"{split} {metric_name(metric)} {mean_of(top, f'{split}_{metric}')}"
        for split in ("validation", "test")
        if not pd.isna(top.get(f"{split}_{metric}"))
    ]
    seeds = f"{top['num_seeds']:.0f} seed{'s' if top['num_seeds'] > 1 else ''}"
    return f"Best on validation: {top['cell']} at {', '.join(settings)}, {', '.join(values)} ({seeds})."


def _pair(comparison: Comparison, a: str, b: str) -> Pair | None:
    """Return the verdicts on `a` against `b`, differences as a minus b; None where not tested."""
    table = comparison.pairwise
    for first, second, sign in ((a, b, 1), (b, a, -1)):
        found = table[(table["a"] == first) & (table["b"] == second)]
        if len(found):
            row = found.iloc[0]
            return {
                metric: Verdict(
                    f"{a} against {b}",
                    f"{metric_name(metric)} difference",
                    sign * row[f"{metric}_difference"],
                    row[f"{metric}_p_adjusted"],
                    *sorted((sign * row[f"{metric}_low"], sign * row[f"{metric}_high"])),
                )
                for metric in METRICS
            }
    return None


def _pair_text(comparison: Comparison, pair: Pair) -> str:
    if pd.isna(pair["mcc"].estimate):
        return "too few shared test rows to test"
    judged = pair[comparison.judged]
    known = not pd.isna(judged.p)
    parts = [
        f"{metric_name(metric)} {one.text}" + f", {one.p_text}" * known
        for metric, one in pair.items()
    ]
    verdict = "significant" if judged.significant else "not significant"
    return "; ".join([*parts, verdict if known else "no verdict with one seed"])


def _winners(comparison: Comparison, axis: str, tested: list[Pair]) -> list[str]:
    """Say which value of a compared axis is best, each by its best cell."""
    if axis not in comparison.selected:
        return []
    best = comparison.selected.dropna(subset=[axis]).drop_duplicates(axis)
    if len(best) < 2:
        return []
    first, parts = best.iloc[0], []
    for other in best["cell"].iloc[1:]:
        pair = _pair(comparison, first["cell"], other)
        tested += [pair] if pair else []
        parts.append(f"{other} ({_pair_text(comparison, pair) if pair else 'not tested'})")
    score = f"validation_{comparison.metric}"
    level = best.loc[(best[score] - first[score]).abs() < 1e-9, axis]
    verdict = f"{first[axis]} wins" if len(level) == 1 else f"{' and '.join(level)} tie"
    return [
        f"{axis.capitalize()}s: {verdict} on validation. The best cell, {first['cell']}, on the test "
        f"rows against the best of each other {axis}: {'; '.join(parts)}."
    ]


def _breadths(cells: Sequence[CellResult]) -> dict[str, int]:
    """Return how many species each species set pretrains on."""
    breadths = {}
    for cell in cells:
        species = cell.species
        if species is None:
            try:
                stages = pretraining_stages(cell.species_set)
            except InputError:
                continue
            species = tuple({name for _, names in stages for name in names})
        breadths[cell.species_set] = len(species)
    return breadths


def _pretraining(
    comparison: Comparison, breadths: dict[str, int], tested: list[Pair]
) -> list[str]:
    several = {name for name, num in breadths.items() if num > 1}
    one = {name for name, num in breadths.items() if num == 1}
    none = {name for name, num in breadths.items() if num == 0}
    alone = "Pretraining on one species" if several else "Pretraining"
    sentences = [
        _kinds(comparison, name_a, in_a.__contains__, name_b, in_b.__contains__, tested)
        for name_a, in_a, name_b, in_b in (
            ("Pretraining on several species", several, "on one species", one),
            ("Pretraining on several species", several, "no pretraining", none),
            (alone, one, "no pretraining", none),
        )
    ]
    return [sentence for sentence in sentences if sentence]


def _kinds(
    comparison: Comparison,
    name_a: str,
    in_a: Callable[[str], bool],
    name_b: str,
    in_b: Callable[[str], bool],
    tested: list[Pair],
) -> str:
    """Compare, tokenizer by tokenizer, the best cell of one kind with the best of another."""
    selected, column = comparison.selected, f"test_{comparison.metric}"
    if column not in selected:
        return ""
    differences: list[float] = []
    pairs: list[Pair] = []
    for _, group in selected.groupby("tokenizer", sort=False):
        side_a = group[group["species_set"].map(in_a)]
        side_b = group[group["species_set"].map(in_b)]
        if side_a.empty or side_b.empty:
            continue
        a, b = side_a.iloc[0], side_b.iloc[0]
        differences.append(a[column] - b[column])
        pair = _pair(comparison, a["cell"], b["cell"])
        pairs += [pair] if pair else []
    if not differences:
        return ""
    tested += pairs
    judged = [pair[comparison.judged] for pair in pairs]
    num_better = sum(comparison.sign * difference > 0 for difference in differences)
    mean = sum(differences) / len(differences)
    text = (
        f"{name_a} against {name_b}: better test {metric_name(comparison.metric)} with {num_better} "
        f"of {len(differences)} tokenizers, mean difference {signed(mean)}; "
    )
    if all(pd.isna(one.p) for one in judged):
        return text + "whether that is more than chance, one seed does not tell."
    parts = [
        f"significantly {word} for {'; '.join(f'{v.claim}, {p_text(v.p)}' for v in found)}"
        for word, found in (
            ("better", [one for one in judged if one.higher]),
            ("worse", [one for one in judged if one.significant and not one.higher]),
        )
        if found
    ]
    return text + (" and ".join(parts) or "none of the differences is significant") + "."


def _against_baseline(comparison: Comparison, tested: list[Pair]) -> list[str]:
    selected, column = comparison.selected, f"test_{comparison.metric}"
    if "over_baseline" not in selected or selected["over_baseline"].isna().all():
        return []
    known = selected[selected["over_baseline"].notna()]
    losers = known[comparison.sign * known["over_baseline"] <= 0]
    reference = comparison.baseline.iloc[0]
    names = "the baselines"
    if len(comparison.baseline) == 1:
        level = f"test {metric_name(comparison.metric)} {number(reference[column])}"
        names = f"the {reference['name']} ({level})"
    listed = ", ".join(f"{row['cell']} ({number(row[column])})" for _, row in losers.iterrows())
    text = f"All {len(known)} selected cells have a better mean than {names}."
    if listed:
        num = f"{len(losers)} of {len(known)}"
        text = f"{num} selected cells have no better mean than {names}: {listed}."
    pair = _pair(comparison, known.iloc[0]["cell"], str(reference["name"]))
    if pair:
        tested.append(pair)
        text += f" The best cell against it: {_pair_text(comparison, pair)}."
    return [text]


def _bits(cells: Sequence[CellResult]) -> list[str]:
    best: dict[str, dict[str, Any]] = {}
    for cell in cells:
        known = dict(cell.pretraining or {})
        bits = known.get("bits_per_base")
        if bits is None or not math.isfinite(bits):
            continue
        if cell.encoder not in best or bits < best[cell.encoder]["bits_per_base"]:
            best[cell.encoder] = known
    if not best:
        return []
    order = sorted(best, key=lambda name: float(best[name]["bits_per_base"]))
    weak = [
        name
        for name in order
        if (markov := best[name].get("markov_bits_per_base")) is not None
        and best[name]["bits_per_base"] >= markov
    ]
    text = (
        f"Pretraining: {order[0]} predicts masked bases best, with "
        f"{number(best[order[0]]['bits_per_base'])} bits per base (uniform guessing: 2)."
    )
    if weak:
        text += f" Not better than a Markov chain on the same text: {', '.join(weak)}."
    return [text]


def _unhealthy(comparison: Comparison, cells: Sequence[CellResult]) -> list[str]:
    if comparison.unhealthy.empty:
        return []
    chosen = set() if comparison.selected.empty else set(comparison.selected["cell"])
    lost = [name for name in dict.fromkeys(cell.label for cell in cells) if name not in chosen]
    without = f" Without any healthy trial: {', '.join(lost)}." if lost else ""
    return [not_all_healthy(comparison.unhealthy, len(cells)) + "." + without]
