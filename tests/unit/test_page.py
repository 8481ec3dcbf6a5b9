"""The page stands alone, escapes what it is given, and shows every table."""

from __future__ import annotations

import dataclasses
import re

import pandas as pd
import pytest
from dnasweep.data.audit import Audit, Finding
from dnasweep.data.labels import Labels
from dnasweep.report.provenance import SweepFrame
from dnasweep.report.render import render
from dnasweep.report.sweep_page import sweep_page
from dnasweep.sweeps.cell_results import CellResult
from dnasweep.sweeps.comparison import Comparison
from dnasweep.sweeps.selection import compare
from html_outline import outline
from sweep_toys import baseline, cell, sweep


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(sweep(), baselines=[baseline()], num_resamples=20)


@pytest.fixture(scope="module")
def page(compared: Comparison) -> str:
    frame = SweepFrame(
        title="Tokenizer grid",
        command="python sweeps/tokenizer_grid.py --data x.csv",
        data={"Rows": "5,428"},
        audit=Audit(
            findings=(
                Finding(level="warning", code="gc", message="Classes differ in GC."),
                Finding(level="info", code="note", message="The baseline was fitted."),
            ),
            table=pd.DataFrame({"split": ["train"], "rows": [4000]}),
        ),
        tokenizers=pd.DataFrame(
            {"tokenizer": ["kmer-6"], "bases_per_token": [6.0], "unknown_rate": [0.0002]}
        ),
        versions={"torch": "2.13.0"},
        keys={"dataset": "0123456789abcdef"},
        model="models:/tokenizer-grid@best",
    )
    return render(sweep_page(compared, frame, cells=sweep(), importance={"learning_rate": 0.6}))


def page_of(cells: list[CellResult], **frame: object) -> str:
    return render(sweep_page(compare(cells), SweepFrame(**{"title": "t", **frame}), cells=cells))


def test_no_request_leaves_the_page(page: str) -> None:
    links = outline(page).links
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "http" not in page.replace("http-equiv", "")
    assert "@import" not in page
    assert "url(" not in page.replace("url(#", "")


def test_no_two_elements_have_one_id(page: str) -> None:
    ids = re.findall(r' id="([\w-]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([\w-]+)\)", page)) <= set(ids)


def test_the_first_screen_names_the_winner_its_margin_and_what_to_type(
    page: str, compared: Comparison
) -> None:
    first = page[: page.index("Findings</h2>")]
    top, pair = compared.selected.iloc[0], compared.pairwise
    row = pair[(pair["a"] == top["cell"]) & (pair["b"] == "k-mer logistic regression")].iloc[0]
    assert f"{top['cell']} wins on validation" in first
    assert f"{row['mcc_difference']:+.3f}" in first
    assert f"{row['mcc_low']:+.3f} to {row['mcc_high']:+.3f}" in first
    assert "a real gain" in first
    assert 'class="verdict yes"' in first
    assert first.count("<figure>") == 1
    assert "dnasweep predict --model models:/tokenizer-grid@best" in first
    assert "dnasweep shap-batch --model models:/tokenizer-grid@best" in first


def test_one_comparison_has_one_number_everywhere(page: str, compared: Comparison) -> None:
    top = compared.selected.iloc[0]["cell"]
    claim = f"{top} against k-mer logistic regression"
    tables = outline(page).tables
    (verdict,) = [row for row in tables["verdicts-table"] if row[0] == claim]
    assert tables["winner-table"][1][:2] == [top, "k-mer logistic regression"]
    assert tables["winner-table"][1][4] == verdict[2]
    assert page.count(f"MCC difference {verdict[2]}") == 1
    assert f"The best cell against it: MCC {verdict[2]}" in page


def test_without_a_test_the_first_screen_says_so() -> None:
    text = page_of(sweep(num_seeds=1)[:1])
    assert 'class="verdict open"' in text
    assert "dnasweep predict" not in text, "nothing was registered"


def test_every_anchor_is_there(page: str) -> None:
    targets = set(re.findall(r'id="([\w-]+)"', page))
    for link in outline(page).links:
        if link.startswith("#"):
            assert link[1:] in targets


def test_tables_hold_the_comparison(page: str, compared: Comparison) -> None:
    tables = outline(page).tables
    ranked = tables["ranked-table"]
    assert len(ranked) == 28
    assert ranked[1][:3] == ["1", "bpe-1024", "mammals"]
    assert ranked[-1][0] == "–"
    assert ranked[-1][-1] == "1 of 2 diverged"
    selected = tables["selected-table"]
    assert len(selected) == 11
    assert selected[-1][0] == "k-mer logistic regression"
    assert selected[1][3] == f"{compared.selected.iloc[0]['test_mcc']:.3f}"
    assert "2" in selected[1]
    assert len(tables["winner-table"]) == 10
    assert len(tables["pairs-table"]) == 37
    assert len(tables["species-table"]) == 10
    assert tables["tokenizer-table"][1] == ["kmer-6", "6.000", "0.0002"]
    assert tables["audit-table"][1] == ["train", "4,000"]
    assert tables["unhealthy-table"][1][-2] == "loss was nan at step 12"


def test_sections_of_the_page(page: str, compared: Comparison) -> None:
    assert "1 warning of the data audit" in page
    assert "Classes differ in GC." in page
    assert page.index("Classes differ in GC.") < page.index("Findings</h2>")
    assert "python sweeps/tokenizer_grid.py --data x.csv" in page
    assert page.count("<figure>") == 6
    assert page.count("<svg") - page.count("`<svg") == 6
    assert page.count("<strong>") >= 4
    assert len(page) < 400_000


def test_what_it_is_given_is_escaped() -> None:
    bad = "<script>alert(1)</script>"
    cells = [dataclasses.replace(cell("kmer-6", "human", 1e-3, 0), tokenizer=bad)]
    audit = Audit(
        findings=(Finding(level="warning", code="x", message=bad),), table=pd.DataFrame()
    )
    text = page_of(cells, title=bad, command=bad, data={bad: bad}, audit=audit)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    outline(text)


def test_names_of_classes_are_no_names_of_columns(compared: Comparison) -> None:
    shares = {"output": ["p_site", "rows"], "p_site": [0.9, 0.0004], "rows": [0.07, 0.93]}
    made = dataclasses.replace(
        compared,
        labels=Labels(names=("p_site", "rows")),
        by_output=pd.DataFrame({**shares, "f1": [0.5, 0.25]}),
    )
    page = render(sweep_page(made, SweepFrame(title="t"), cells=sweep()))
    table = outline(page).tables["outputs-table"]
    assert table[0] == ["output", "p site", "rows", "F1"]
    assert table[2] == ["rows", "0.0004", "0.930", "0.250"]


def test_a_sweep_without_any_result_still_has_a_page() -> None:
    cells = [cell("kmer-6", "none", 1e-3, 0, outcome="failed", validation={}, reason="no memory")]
    text = page_of(cells)
    assert "No cell finished" in text
    assert "no memory" in text
    assert "<figure>" not in text
    outline(text)
    outline(page_of([]))


def test_untested_cells_are_shown_by_validation() -> None:
    cells = [
        dataclasses.replace(c, test=None, test_scores=None, per_species_test=None)
        for c in sweep(num_seeds=1)
    ]
    text = page_of(cells)
    assert "No two cells have scores" in text
    assert "validation MCC" in text
