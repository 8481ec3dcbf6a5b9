"""A comparison of explanations that were planted: its numbers, its sentences and its page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from attribution_toys import Planted, planted_tables
from dnasweep.attribution.tables import StoredAttributions
from dnasweep.data.planted_elements import ISLAND_NAME
from dnasweep.method_comparison.comparing import Explanations, MethodComparison, compare
from dnasweep.method_comparison.curves import KINDS, RANDOM
from dnasweep.method_comparison.recovery import EVERY
from dnasweep.method_comparison.sanity import FLIP
from dnasweep.report import files, render
from dnasweep.report.explanations_findings import across, explanation_findings, warnings
from dnasweep.report.explanations_page import NUMBERS, PAGE, explanation_tables, write_comparison
from dnasweep.workflows.explanation_comparison import metrics_of
from html_outline import outline
from markupsafe import Markup
from rich.console import Console

SETTINGS = {
    "command": "python jobs/compare_explanations.py --model m",
    "data": "built-in",
    "seed": 0,
}


def attributions(planted: Planted, **changes: object) -> StoredAttributions:
    tables = planted.tables
    return StoredAttributions(tables.tokens, tables.sequences, {**tables.settings, **changes})


def times(found: StoredAttributions, factor: float) -> StoredAttributions:
    return found._replace(tokens=found.tokens.assign(phi=factor * found.tokens["phi"]))


def random_values(found: StoredAttributions, seed: int) -> StoredAttributions:
    rng = np.random.default_rng(seed)
    return found._replace(tokens=found.tokens.assign(phi=rng.normal(size=len(found.tokens))))


def anchored(found: StoredAttributions) -> StoredAttributions:
    """Attributions with an anchor of one token each, the first of the sequence."""
    first = found.tokens.groupby("sequence_id", sort=False).first().reset_index()
    rows = {
        "sequence_id": first["sequence_id"],
        "called": True,
        "token_indices": [[0]] * len(first),
        "tokens": [[t] for t in first["token"]],
        "starts": [[0]] * len(first),
        "ends": [[6]] * len(first),
        "precision": 0.99,
        "lower": 0.96,
        "upper": 1.0,
        "coverage": 0.5,
        "num_evals": 1000,
        "found": True,
    }
    return found._replace(anchors=pd.DataFrame(rows))


def curve_points(names: pd.Series, methods: list[str]) -> pd.DataFrame:
    share = np.linspace(0, 1, 5)
    shapes = {"good": share**0.2, RANDOM: share, "blind": share}
    parts = []
    for number, name in enumerate(names):
        for method in [*methods, RANDOM]:
            rising = np.clip(shapes.get(method, share) + 0.01 * (number % 3), 0, 1)
            for kind in KINDS:
                probability = rising if kind == "insertion" else 1 - rising
                parts.append(
                    pd.DataFrame(
                        {
                            "sequence_id": name,
                            "method": method,
                            "repeat": 0,
                            "curve": kind,
                            "share": share,
                            "probability": probability,
                        }
                    )
                )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def planted() -> Planted:
    return planted_tables(
        "kmer-6", per_species=120, species=("human", "fruit_fly"), planted=("human",)
    )


@pytest.fixture(scope="module")
def given(planted: Planted) -> Explanations:
    good = attributions(planted)
    methods = {
        "good": good,
        "opposite": times(good, -3.0),
        "blind": anchored(random_values(good, 1)),
    }
    some = good.sequences["sequence_id"].iloc[::7]

    def part(found: StoredAttributions) -> StoredAttributions:
        return found._replace(
            tokens=found.tokens[found.tokens["sequence_id"].isin(some)],
            sequences=found.sequences[found.sequences["sequence_id"].isin(some)],
        )

    return Explanations(
        name="kmer-6 (m)",
        tokenizer="kmer-6",
        target="promoter",
        methods=methods,
        unsigned=(),
        flipped={"good": part(times(good, -1)), "blind": part(methods["blind"])},
        randomised={"all weights": {n: part(random_values(good, 9)) for n in methods}},
        curves=curve_points(good.sequences["sequence_id"].iloc[:20], list(methods)),
        costs=dict.fromkeys(methods, 12.0),
    )


@pytest.fixture(scope="module")
def comparison(planted: Planted, given: Explanations) -> MethodComparison:
    elements = planted.elements[planted.elements["element"] != ISLAND_NAME]
    return compare(given, elements=elements, permutations=999)


def test_what_was_planted_is_found_by_who_has_it(comparison: MethodComparison) -> None:
    found = comparison.recovery
    assert found is not None
    boxes = found[found["element"] == "tata_box"].set_index("method")
    assert boxes.loc["good", "auroc"] > 0.65, "boxes of one of two species were planted"
    assert boxes.loc["opposite", "auroc"] == pytest.approx(1 - boxes.loc["good", "auroc"])
    assert boxes.loc["blind", "auroc"] == pytest.approx(0.5, abs=0.06)
    assert boxes.loc["good", "hit_rate"] > 3 * boxes.loc["good", "chance"]
    every = found[found["element"] == EVERY].set_index("method")
    assert every.loc["good", "num"] > boxes.loc["good", "num"]


def test_enrichment_is_where_it_was_planted(comparison: MethodComparison) -> None:
    tests = comparison.enrichment
    assert tests is not None
    box = tests[(tests["element"] == "TATA box")].set_index(["species", "method"])
    assert box.loc[("human", "good"), "p_adjusted"] < 0.05
    assert box.loc[("human", "good"), "odds_ratio"] > 5
    assert box.loc[("fruit_fly", "good"), "p_adjusted"] > 0.05
    assert box.loc[("human", "opposite"), "p_adjusted"] > 0.05
    assert box.loc[("human", "blind"), "p_adjusted"] > 0.05
    assert set(tests["element"]) == {"TATA box", "initiator", "GC box", "CCAAT box", "DPE"}
    assert (tests["label"] == 1).all()


def test_checks_are_of_the_sequences_they_were_made_of(comparison: MethodComparison) -> None:
    by = comparison.sanity.set_index(["check", "method"])
    assert by.loc[(FLIP, "good"), "mean"] == 1
    assert by.loc[(FLIP, "blind"), "mean"] == 0
    assert abs(by.loc[("all weights", "good"), "mean"]) < 0.1
    assert by.loc[(FLIP, "good"), "num"] == len(range(0, 240, 7))


def test_the_other_numbers(comparison: MethodComparison) -> None:
    pairs = comparison.agreement.set_index(["one", "other", "measure"])["mean"]
    assert pairs["good", "opposite", "importance"] == pytest.approx(1)
    assert pairs["good", "opposite", "signed"] == pytest.approx(-1)
    assert abs(pairs["good", "blind", "importance"]) < 0.1
    areas = comparison.areas.set_index(["method", "curve"])
    assert areas.loc[("good", "insertion"), "difference"] > 0.1
    assert areas.loc[("good", "deletion"), "difference"] < -0.1
    # Every sequence has the same curves here.
    assert areas["difference_low"].isna().all()
    assert areas.loc[("blind", "deletion"), "difference"] == pytest.approx(0)
    assert comparison.costs.set_index("method").loc["good", "milliseconds"] == pytest.approx(50)
    assert comparison.anchors is not None
    assert comparison.anchors["found"] == comparison.anchors["num"] == 240
    assert comparison.anchors["tokens"] == 1


def test_the_sentences_say_the_numbers(comparison: MethodComparison) -> None:
    said = "\n".join(explanation_findings(comparison).sentences)
    assert "Planted elements: good ranks their bases best" in said
    assert (
        "Agreement: good and opposite rank the bases most similarly, with a correlation of importance of 1.00"
        in said
    )
    assert "TATA box:" in said
    assert "human (TATA box 1)" in said
    assert "Anchors: 240 of 240 calls have an anchor; 0 of these anchors are empty" in said
    assert "Other class: 1 of 2 methods reverse every sign" in said
    assert "Shuffled weights (all weights)" in said
    assert "nan" not in said
    assert not warnings(comparison)
    few = replace(comparison, num_sequences=8, recovery=None, enrichment=None)
    assert len(warnings(few)) == 2
    assert explanation_findings(few).sentences
    both = across([comparison, replace(comparison, name="bpe-64 (n)")])
    assert "TATA box: kmer-6 (m) 1 of 3, bpe-64 (n) 1 of 3" in both[0]


def test_one_pair_of_methods_is_not_both_the_most_and_the_least_alike(
    comparison: MethodComparison,
) -> None:
    table = comparison.agreement
    first = table[(table["one"] == "good") & (table["other"] == "opposite")]
    two = replace(comparison, methods=("good", "opposite"), agreement=first)
    said = "\n".join(explanation_findings(two).sentences)
    assert "good and opposite rank the bases with a correlation of importance of 1.00. The" in said
    assert "least" not in said.split("Agreement:")[1].split("\n")[0]


def test_the_page_stands_alone(comparison: MethodComparison, tmp_path: Path) -> None:
    page = write_comparison(tmp_path / "report", [comparison], settings=SETTINGS)
    assert page.name == PAGE
    text = page.read_text()
    seen = outline(text)
    assert all(link.startswith(("#", "data:")) for link in seen.links)
    assert {
        "agreement-table",
        "recovery-table",
        "enrichment-table",
        "areas-table",
        "sanity-table",
    } <= set(seen.tables)
    assert len(seen.tables["areas-table"]) == 1 + 2 * 4
    assert "nan" not in text.split("<svg")[0].lower().replace("nanos", "").split("base64")[0]
    files = {path.name for path in page.parent.iterdir()}
    assert {"agreement.png", "curves.png", "sanity.png", "agreement.parquet", NUMBERS} <= files
    numbers = json.loads((page.parent / NUMBERS).read_text())
    (model,) = numbers["models"]
    assert model["findings"] == explanation_findings(comparison).sentences
    metrics = metrics_of(model)
    assert metrics["agreement_signed.good.opposite"] == pytest.approx(-1)
    assert metrics["recovery_auroc.good"] > 0.5
    assert metrics["deletion_area.random_order"] > 0
    assert metrics["sanity_other_class.good"] == 1


def test_several_models_have_a_page_together(
    comparison: MethodComparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Drawn once already, by the test before.
    monkeypatch.setattr(render, "picture", lambda drawing, **how: Markup("<svg></svg>"))
    monkeypatch.setattr(files, "png", lambda drawing: b"")
    other = replace(comparison, name="bpe-64 (n)", tokenizer="bpe-64", recovery=None)
    page = write_comparison(tmp_path, [comparison, other], settings=SETTINGS)
    seen = outline(page.read_text())
    assert "recovery-table-1" in seen.tables
    assert "recovery-table-2" not in seen.tables
    assert (tmp_path / "agreement-2.parquet").is_file()


def test_the_terminal_has_a_row_a_method(comparison: MethodComparison) -> None:
    console = Console(width=120, record=True, file=None)
    with console.capture() as capture:
        console.print(explanation_tables([comparison]))
    lines = capture.get().splitlines()
    (row,) = [line for line in lines if line.strip().startswith("opposite")]
    assert "200" in row
    assert any("Findings" in line for line in lines)
