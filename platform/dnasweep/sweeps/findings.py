"""Findings of the comparison of a sweep, as sentences computed from its tables.

A difference between means over seeds is called significant if its adjusted p-value is below 0.05;
the p-value accounts for other test rows and other seeds. For classes, the p-value is that of MCC
if the sweep is ranked by MCC, and that of AUROC otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from dnasweep.data.species_sets import pretraining_stages
from dnasweep.errors import InputError
from dnasweep.stages.specs import CNN
from dnasweep.sweeps.cell_results import COMPARED_AXES, CellResult
from dnasweep.sweeps.comparison import Comparison
from dnasweep.sweeps.tables import sign_of
from dnasweep.sweeps.verdicts import Findings, Verdict
from dnasweep.tasks.wording import metric_name, number

Pair = dict[str, Verdict]
"""The verdicts on two cells, by metric."""


def sweep_findings(comparison: Comparison, cells: Sequence[CellResult]) -> Findings:
    """Return the sentences and the claims that were tested."""
    say = comparison.texts
    tested: list[Pair] = []
    if comparison.selected.empty:
        sentences = [say("nothing")]
    else:
        sentences = [say("best", **_best(comparison))]
        for axis in ("tokenizer", *COMPARED_AXES):
            if winners := _winners(comparison, axis, tested):
                sentences.append(say("winners", axis=axis, **winners))
        for kinds in _pretraining(comparison, _breadths(cells), tested):
            sentences.append(say("kinds", **kinds))
        if baseline := _against_baseline(comparison, tested):
            sentences.append(say("baseline", **baseline))
        if convnet := _against_convnet(comparison, tested):
            sentences.append(say("convnet", **convnet))
        if memory := _memory(comparison):
            sentences.append(say("memory", **memory))
        sentences += say.paragraphs("cautions", **_cautions(comparison, cells))
    if bits := _bits(cells):
        sentences.append(say("bits", **bits))
    if len(comparison.unhealthy):
        chosen = set(comparison.selected.get("cell", ()))
        lost = [name for name in dict.fromkeys(cell.label for cell in cells) if name not in chosen]
        sentences.append(say("lost", num_trials=len(cells), cells=lost))
    unique = dict.fromkeys(pair[comparison.decisive] for pair in tested)
    return Findings(sentences, list(unique))


def _best(comparison: Comparison) -> dict[str, Any]:
    top = comparison.selected.iloc[0]
    splits = [
        split
        for split in ("validation", "test")
        if not pd.isna(top.get(f"{split}_{comparison.metric}"))
    ]
    axes = [axis for axis in comparison.axes if axis not in COMPARED_AXES]
    return {"top": top, "axes": [one for one in axes if not pd.isna(top[one])], "splits": splits}


def _pair(comparison: Comparison, a: str, b: str, tested: list[Pair]) -> Pair | None:
    """Return the verdicts on `a` against `b`, with differences a minus b, and add them to `tested`.

    None if the pair was not tested.
    """
    table = comparison.pairwise
    for first, second, sign in ((a, b, 1), (b, a, -1)):
        for _, row in table[(table["a"] == first) & (table["b"] == second)].iterrows():
            pair = {
                metric: Verdict(
                    f"{a} against {b}",
                    f"{metric_name(metric)} difference",
                    sign * row[f"{metric}_difference"],
                    row[f"{metric}_p_adjusted"],
                    *sorted((sign * row[f"{metric}_low"], sign * row[f"{metric}_high"])),
                )._replace(sign=sign_of(metric))
                for metric in comparison.task.tested
            }
            tested.append(pair)
            return pair
    return None


def _memory(comparison: Comparison) -> dict[str, Any]:
    """Return the scores of the winner and the baseline on test rows with and without twins."""
    table, top = comparison.by_twins, comparison.selected["cell"].iloc[0]
    if table.empty or top not in set(table["cell"]):
        return {}
    rows = table.set_index("cell", drop=False)
    names = [name for name in comparison.baseline.get("name", ()) if name in rows.index]
    return {"top": rows.loc[top], "reference": rows.loc[names[0]] if names else None}


def _winners(comparison: Comparison, axis: str, tested: list[Pair]) -> dict[str, Any]:
    """Return the best value of a compared axis, judging each value by its best cell."""
    if axis not in comparison.selected:
        return {}
    encoders = comparison.selected[comparison.selected["species_set"] != CNN]
    if axis == "tokenizer" and comparison.start != "species_set":
        # A checkpoint brings its own tokenizer: only starts with several tokenizers compare these.
        num = encoders.groupby("species_set")["tokenizer"].transform("nunique")
        encoders = encoders[num > 1]
    best = encoders.dropna(subset=[axis]).drop_duplicates(axis)
    if len(best) < 2:
        return {}
    first, score = best.iloc[0], f"validation_{comparison.metric}"
    level = best.loc[(best[score] - first[score]).abs() < 1e-9, axis]
    others = [
        (other, _pair(comparison, first["cell"], other, tested)) for other in best["cell"].iloc[1:]
    ]
    return {"names": list(level), "first": first["cell"], "others": others}


def _breadths(cells: Sequence[CellResult]) -> dict[str, int]:
    """Return how many species each species set pretrains on."""
    breadths = {}
    for cell in cells:
        if cell.checkpoint is not None:
            # It may be called like a species.
            continue
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
) -> list[dict[str, Any]]:
    """Compare pretraining on several species, on one species, and no pretraining."""
    several, one, none = (
        [name for name, num in breadths.items() if min(num, 2) == size] for size in (2, 1, 0)
    )
    alone = "Pretraining on one species" if several else "Pretraining"
    compared = [
        _kinds(comparison, names, (in_a, in_b), tested)
        for names, in_a, in_b in (
            (("Pretraining on several species", "on one species"), several, one),
            (("Pretraining on several species", "no pretraining"), several, none),
            ((alone, "no pretraining"), one, none),
        )
    ]
    return [kinds for kinds in compared if kinds]


def _kinds(
    comparison: Comparison,
    names: tuple[str, str],
    sets: tuple[list[str], list[str]],
    tested: list[Pair],
) -> dict[str, Any]:
    """Compare the best cells of two kinds, separately for each tokenizer."""
    selected, column = comparison.selected, f"test_{comparison.metric}"
    if column not in selected:
        return {}
    differences, verdicts = [], []
    for _, group in selected.groupby("tokenizer", sort=False):
        sides = [group[group["species_set"].isin(chosen)] for chosen in sets]
        if any(side.empty for side in sides):
            continue
        a, b = (side.iloc[0] for side in sides)
        differences.append(a[column] - b[column])
        if pair := _pair(comparison, a["cell"], b["cell"], tested):
            verdicts.append(pair[comparison.decisive])
    if not differences:
        return {}
    return {
        "names": names,
        "num_better": sum(comparison.sign * difference > 0 for difference in differences),
        "num": len(differences),
        "mean": sum(differences) / len(differences),
        "found": []
        if all(pd.isna(one.p) for one in verdicts)
        else [(f"{one.claim} ({one.p_text})", one) for one in verdicts],
    }


def _against_baseline(comparison: Comparison, tested: list[Pair]) -> dict[str, Any]:
    selected, column = comparison.selected, f"test_{comparison.metric}"
    if "over_baseline" not in selected or selected["over_baseline"].isna().all():
        return {}
    known = selected[selected["over_baseline"].notna()]
    reference = comparison.baseline.iloc[0]
    names = "the baselines"
    if len(comparison.baseline) == 1:
        level = f"test {metric_name(comparison.metric)} {number(reference[column])}"
        names = f"the {reference['name']} ({level})"
    return {
        "num": len(known),
        "losers": known[comparison.sign * known["over_baseline"] <= 0].to_dict("records"),
        "names": names,
        "found": _pair(comparison, known.iloc[0]["cell"], str(reference["name"]), tested),
    }


def _against_convnet(comparison: Comparison, tested: list[Pair]) -> dict[str, Any]:
    """Compare the best encoder with the convolutional network."""
    selected = comparison.selected
    is_convnet = selected["species_set"] == CNN
    if is_convnet.all() or not is_convnet.any():
        return {}
    convnet, encoder = (selected.loc[rows, "cell"].iloc[0] for rows in (is_convnet, ~is_convnet))
    return {"encoder": encoder, "found": _pair(comparison, encoder, convnet, tested)}


def _cautions(comparison: Comparison, cells: Sequence[CellResult]) -> dict[str, Any]:
    """Return caveats about the learning rates, the seeds, the trials and the test rows."""
    selected, num_seeds = comparison.selected, len({cell.seed for cell in cells})
    rates = sorted(set(comparison.rows["learning_rate"]))
    edges = [
        (selected.loc[selected["learning_rate"] == rate, "cell"].to_list(), word, rate)
        for rate, word in ((rates[0], "small"), (rates[-1], "larg"))
        if len(rates) > 1
    ]
    # A search tries single seeds.
    tried = [
        (row["cell"], num)
        for _, row in selected.iterrows()
        if (num := len(row["trial_keys"].split())) < num_seeds
    ]
    partial = selected[selected["outcome"] != "finished"]
    shared, counts = comparison.pairwise["num_rows"], selected["num_test_rows"].dropna()
    fewer = len(shared) and len(counts) and shared.min() < counts.max()
    return {
        "edges": edges,
        "num_seeds": num_seeds,
        "tried": tried,
        "partly": [f"{row['cell']} ({row['outcome']})" for _, row in partial.iterrows()],
        "shared_rows": [int(shared.min()), int(counts.max())] if fewer else [],
    }


def _bits(cells: Sequence[CellResult]) -> dict[str, Any]:
    """Return the encoder that predicts masked bases best, and those no better than unigrams."""
    best: dict[str, dict[str, Any]] = {}
    for cell in cells:
        known = dict(cell.pretraining or {})
        bits = known.get("bits_per_base")
        if bits is None or not math.isfinite(bits):
            continue
        if cell.encoder not in best or bits < best[cell.encoder]["bits_per_base"]:
            best[cell.encoder] = known
    if not best:
        return {}
    order = sorted(best, key=lambda name: float(best[name]["bits_per_base"]))
    compared = [
        (name, best[name]["bits_per_base"], unigram)
        for name in order
        if (unigram := best[name].get("unigram_bits_per_base")) is not None
    ]
    return {
        "learned": [one for one in compared if one[1] < one[2]],
        "weak": [one for one in compared if one[1] >= one[2]],
        "name": order[0],
        "value": best[order[0]]["bits_per_base"],
    }
