"""What the comparison says, in sentences computed from its tables.

A difference between means over seeds is called significant where its adjusted p-value, for other
test rows and other seeds, is below 0.05: that of MCC where the sweep is ranked by MCC, that of AUROC
otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from dnasweep.data.species import pretraining_stages
from dnasweep.errors import InputError
from dnasweep.sweeps.cautions import cautions, edges, troubles
from dnasweep.sweeps.cell_results import COMPARED_AXES, CellResult
from dnasweep.tasks.wording import ALPHA, metric_name, number, p_text

if TYPE_CHECKING:
    from dnasweep.sweeps.comparison import Comparison


def sweep_findings(comparison: Comparison, cells: Sequence[CellResult]) -> list[str]:
    """Return the sentences, most important first."""
    sentences = [_best(comparison)]
    if not comparison.selected.empty:
        sentences += _winners(comparison, "tokenizer")
        for axis in COMPARED_AXES:
            sentences += _winners(comparison, axis)
        sentences += _pretraining(comparison, _breadths(cells))
        sentences += _against_baseline(comparison)
        sentences += edges(comparison)
        sentences += cautions(comparison, cells)
    sentences += _bits(cells)
    sentences += troubles(comparison, cells)
    return [sentence for sentence in sentences if sentence]


def _with_spread(row: pd.Series, column: str) -> str:
    text, sd = number(row[column]), row.get(f"{column}_sd")
    return text if sd is None or pd.isna(sd) else f"{text} ± {number(sd)}"


def _best(comparison: Comparison) -> str:
    if comparison.selected.empty:
        return "No cell finished with a validation metric; there is nothing to rank."
    metric, top = comparison.metric, comparison.selected.iloc[0]
    name = metric_name(metric)
    text = (
        f"Best on validation: {top['cell']} at {_settings(comparison, top)}, "
        f"validation {name} {_with_spread(top, f'validation_{metric}')}"
    )
    if f"test_{metric}" in top.index and not pd.isna(top[f"test_{metric}"]):
        text += f", test {name} {_with_spread(top, f'test_{metric}')}"
    return f"{text} ({top['num_seeds']:.0f} seed{'s' if top['num_seeds'] > 1 else ''})."


def _settings(comparison: Comparison, row: pd.Series) -> str:
    """Return the values of the axes that are chosen on validation, in words."""
    parts = [f"learning rate {row['learning_rate']:g}"]
    for axis in comparison.axes:
        if axis not in COMPARED_AXES and not pd.isna(row[axis]):
            parts.append(f"{axis.replace('_', ' ')} {row[axis]}")
    return ", ".join(parts)


def _pair(comparison: Comparison, a: str, b: str) -> dict[str, float] | None:
    """Return the test of `a` against `b`, differences as a minus b; None where not tested."""
    table = comparison.pairwise
    forth = table[(table["a"] == a) & (table["b"] == b)]
    back = table[(table["a"] == b) & (table["b"] == a)]
    if forth.empty and back.empty:
        return None
    row, sign = (forth.iloc[0], 1) if len(forth) else (back.iloc[0], -1)
    return {
        "mcc": sign * row["mcc_difference"],
        "auroc": sign * row["auroc_difference"],
        "p": row[f"{comparison.judged}_p_adjusted"],
        "mcc_p": row["mcc_p_adjusted"],
        "auroc_p": row["auroc_p_adjusted"],
    }


def _pair_text(pair: dict[str, float]) -> str:
    if pd.isna(pair["mcc"]):
        return "too few shared test rows to test"
    if pd.isna(pair["p"]):
        text = f"MCC {pair['mcc']:+.3f}; AUROC {pair['auroc']:+.3f}; no verdict with one seed"
        return text.replace("-", "−")
    verdict = "significant" if pair["p"] < ALPHA else "not significant"
    return (
        f"MCC {pair['mcc']:+.3f}, {p_text(pair['mcc_p'])}; "
        f"AUROC {pair['auroc']:+.3f}, {p_text(pair['auroc_p'])}; {verdict}"
    ).replace("-", "−")


def _winners(comparison: Comparison, axis: str) -> list[str]:
    """Say which value of a compared axis is best, each by its best cell."""
    if axis not in comparison.selected:
        return []
    best = comparison.selected.dropna(subset=[axis]).drop_duplicates(axis)
    if len(best) < 2:
        return []
    first, parts = best.iloc[0], []
    for other in best["cell"].iloc[1:]:
        pair = _pair(comparison, first["cell"], other)
        parts.append(f"{other} ({_pair_text(pair) if pair else 'not tested'})")
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


def _pretraining(comparison: Comparison, breadths: dict[str, int]) -> list[str]:
    def several(name: str) -> bool:
        return breadths.get(name, 0) > 1

    def one(name: str) -> bool:
        return breadths.get(name, 0) == 1

    def none(name: str) -> bool:
        return breadths.get(name) == 0

    name = "Pretraining on one species" if any(map(several, breadths)) else "Pretraining"
    return [
        _contest(comparison, "Pretraining on several species", several, "on one species", one),
        _contest(comparison, "Pretraining on several species", several, "no pretraining", none),
        _contest(comparison, name, one, "no pretraining", none),
    ]


def _contest(
    comparison: Comparison,
    name_a: str,
    in_a: Callable[[str], bool],
    name_b: str,
    in_b: Callable[[str], bool],
) -> str:
    """Compare, tokenizer by tokenizer, the best cell of one kind with the best of another."""
    selected, metric = comparison.selected, comparison.metric
    column = f"test_{metric}"
    if column not in selected:
        return ""
    differences: list[float] = []
    better: list[str] = []
    worse: list[str] = []
    tested = 0
    for _, group in selected.groupby("tokenizer", sort=False):
        side_a = group[group["species_set"].map(in_a)]
        side_b = group[group["species_set"].map(in_b)]
        if side_a.empty or side_b.empty:
            continue
        a, b = side_a.iloc[0], side_b.iloc[0]
        differences.append(a[column] - b[column])
        pair = _pair(comparison, a["cell"], b["cell"])
        tested += pair is not None and not pd.isna(pair["p"])
        if pair and pair["p"] < ALPHA:
            gain = pair["mcc"] if metric == "mcc" else pair["auroc"]
            text = f"{a['cell']} against {b['cell']}, {p_text(pair['p'])}"
            (better if gain > 0 else worse).append(text)
    if not differences:
        return ""
    sign = 1 if comparison.higher_is_better else -1
    num_better = sum(sign * difference > 0 for difference in differences)
    mean = sum(differences) / len(differences)
    text = (
        f"{name_a} against {name_b}: better test {metric_name(metric)} with {num_better} of "
        f"{len(differences)} tokenizers, mean difference {mean:+.3f}; "
    ).replace("-", "−")
    if not tested:
        return text + "whether that is more than chance, one seed does not tell."
    if not better and not worse:
        return text + "none of the differences is significant."
    parts = [f"significantly better for {'; '.join(better)}"] if better else []
    parts += [f"significantly worse for {'; '.join(worse)}"] if worse else []
    return text + " and ".join(parts) + "."


def _against_baseline(comparison: Comparison) -> list[str]:
    selected, name = comparison.selected, metric_name(comparison.metric)
    if "over_baseline" not in selected or selected["over_baseline"].isna().all():
        return []
    sign = 1 if comparison.higher_is_better else -1
    tested = selected[selected["over_baseline"].notna()]
    losers = tested[sign * tested["over_baseline"] <= 0]
    reference = comparison.baseline.iloc[0]
    value = number(reference[f"test_{comparison.metric}"])
    many = "the baselines" if len(comparison.baseline) > 1 else f"the {reference['name']}"
    where = "" if len(comparison.baseline) > 1 else f" (test {name} {value})"
    if losers.empty:
        text = f"All {len(tested)} selected cells have a better mean than {many}{where}."
    else:
        listed = ", ".join(
            f"{row['cell']} ({number(row[f'test_{comparison.metric}'])})"
            for _, row in losers.iterrows()
        )
        lost = f"{len(losers)} of {len(tested)} selected cells have no better mean than"
        text = f"{lost} {many}{where}: {listed}."
    pair = _pair(comparison, tested.iloc[0]["cell"], str(reference["name"]))
    if pair:
        text += f" The best cell against it: {_pair_text(pair)}."
    return [text]


def _bits(cells: Sequence[CellResult]) -> list[str]:
    best: dict[str, dict[str, Any]] = {}
    for cell in cells:
        bits = (cell.pretraining or {}).get("bits_per_base")
        if bits is not None and math.isfinite(bits):
            label = cell.encoder
            if label not in best or bits < best[label]["bits_per_base"]:
                best[label] = dict(cell.pretraining or {})
    if not best:
        return []
    order = sorted(best, key=lambda label: float(best[label]["bits_per_base"]))
    text = (
        f"Pretraining: {order[0]} predicts hidden bases best, with "
        f"{number(best[order[0]]['bits_per_base'])} bits per base (uniform guessing: 2)."
    )
    weak = [
        label
        for label in order
        if (markov := best[label].get("markov_bits_per_base")) is not None
        and best[label]["bits_per_base"] >= markov
    ]
    if weak:
        text += f" Not better than a Markov chain on the same text: {', '.join(weak)}."
    return [text]
