"""The report of attributions stands alone, says what the tables say, and draws what was planted."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from attribution_toys import Planted, ToyAttributions, planted_tables, toy_tables
from dnasweep.attribution.positions import per_base
from dnasweep.errors import InputError
from dnasweep.motifs.element_enrichment import ElementEnrichmentConfig
from dnasweep.motifs.element_hits import find_element_hits
from dnasweep.motifs.metaprofile import metaprofile_at_hits, samples
from dnasweep.motifs.promoter_elements import tata_sites
from dnasweep.report import attribution_figures as figures
from dnasweep.report import files, render
from dnasweep.report.attribution_findings import attribution_findings, warnings
from dnasweep.report.attribution_page import PAGE, attribution_page, write_report
from dnasweep.report.attribution_summary import ReportConfig, Summary, summarise
from dnasweep.report.drawing import Drawing
from dnasweep.report.logos import LETTERS, sequence_logo
from dnasweep.report.page import Logos
from dnasweep.tasks.wording import ratio, small
from html_outline import outline
from markupsafe import Markup
from matplotlib.figure import Figure

QUICK = ReportConfig(
    enrichment=ElementEnrichmentConfig(permutations=199),
    num_true_positives=1,
    logo_bases=40,
    min_count=5,
)
SETTINGS = {
    "target": "promoter",
    "classes": ["background", "promoter"],
    "value": "log_odds",
    "command": "python jobs/shap_batch.py --model m --data x.csv",
}


@pytest.fixture(scope="module")
def planted() -> Planted:
    return planted_tables("kmer-6", per_species=120, species=("human", "fruit_fly"))


@pytest.fixture(scope="module")
def summary(planted: Planted) -> Summary:
    return summarise(planted.tables, settings=SETTINGS, config=QUICK)


@pytest.fixture(scope="module")
def written(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("job") / "report"
    return write_report(folder, planted.tables, settings=SETTINGS, config=QUICK)


@pytest.fixture
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw every figure but do not render it, where a test does not look at pictures."""

    def sketch(drawing: Drawing, **how: object) -> Markup:
        drawing.draw(Figure(figsize=drawing.size))
        return Markup("<svg></svg>")

    monkeypatch.setattr(render, "picture", sketch)
    monkeypatch.setattr(files, "png", lambda drawing: b"")


def quick(tables: ToyAttributions, **settings: object) -> Summary:
    return summarise(tables, settings=SETTINGS | settings, config=QUICK)


def drawn(drawing: Drawing | None) -> Figure:
    assert drawing is not None
    figure = Figure(figsize=drawing.size, layout="constrained")
    drawing.draw(figure)
    figure.draw_without_rendering()
    return figure


def test_page_pictures_and_tables_are_written(written: Path) -> None:
    assert written.name == PAGE
    names = {path.name for path in written.parent.iterdir()}
    pictures = {name for name in names if name.endswith(".png")}
    assert {
        "profile.png",
        "profile-species.png",
        "tata.png",
        "tokens.png",
        "efficiency.png",
    } < pictures
    assert {
        "logo-1-true-positive.png",
        "logo-2-false-positive.png",
        "logo-3-false-negative.png",
    } < pictures
    for name in pictures:
        data = (written.parent / name).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) > 5_000
    tables = {name for name in names if name.endswith(".csv")}
    assert tables == {
        f"{n}.csv" for n in ("profile", "tokens", "naive_tata", "elements", "element_hits")
    }
    profile = pd.read_csv(written.parent / "profile.csv")
    assert len(profile) == 6 * 300


def test_no_request_leaves_the_page_and_every_anchor_is_there(written: Path) -> None:
    page = written.read_text()
    links = outline(page).links
    assert all(link.startswith(("#", "data:")) for link in links)
    for sign in ("http", "@import", "url("):
        assert sign not in page.replace("url(#", "")
    targets = set(re.findall(r'id="([\w-]+)"', page))
    assert {link[1:] for link in links if link.startswith("#")} <= targets


def test_tables_of_the_page_hold_the_account(written: Path, summary: Summary) -> None:
    tables = outline(written.read_text()).tables
    assert summary.tata is not None
    test = summary.tata.tests.iloc[0]
    row = tables["tata-table"][1]
    assert row[:6] == [
        "all",
        "1",
        *(f"{test[n]:,}" for n in ("num_sequences", "num_hits", "num_positive", "num_top")),
    ]
    assert row[9] == ratio(test["odds_ratio"])
    assert row[10] == "0.005"
    assert len(tables["tata-table"]) == 7
    assert [r[:2] for r in tables["definitions-table"][1:]] == [
        [definition, window]
        for window in ("−35 to −24", "−35 to −20")
        for definition in ("TATA matrix", "TATAWA, ≤1 mismatch")
        for _ in range(2)
    ]
    naive = summary.naive.iloc[0]
    assert tables["naive-table"][1] == [f"{int(v):,}" for v in naive]
    best = summary.tokens.iloc[0]
    assert tables["positive-table"][1][:2] == [best["token"], str(best["count"])]
    assert tables["negative-table"][1][0] == summary.tokens.iloc[-1]["token"]
    assert len(tables["positive-table"]) == QUICK.num_tokens + 1
    assert {row[0] for row in tables["core-table"][1:]} >= {"initiator", "GC box", "DPE"}


def test_the_same_tables_give_the_same_bytes(
    planted: Planted, written: Path, tmp_path: Path
) -> None:
    again = write_report(tmp_path, planted.tables, settings=SETTINGS, config=QUICK)
    for path in written.parent.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
    assert again == tmp_path / PAGE


def test_findings_name_what_was_planted(summary: Summary) -> None:
    said = attribution_findings(summary).sentences
    assert said[0].startswith("TATA box: ")
    assert "of 120 promoter sequences have one starting at −35 to −24" in said[0]
    assert said[0].endswith("The model looks at the box, and its position matters.")
    assert "p = 0.005" in said[0]
    assert "enriched among top attributions in 1 of 2: human" in said[1]
    assert any(s.startswith("Other elements: none of the") for s in said)
    position = next(s for s in said if s.startswith("Position: "))
    assert re.search(r"highest at −(2\d|3[0-5]) \(", position)
    naive = next(s for s in said if s.startswith("Naive count: "))
    total = int(summary.naive[["positive", "negative"]].to_numpy().sum())
    assert f"{total:,} tokens contain TATA" in naive
    assert "200 model evaluations" in said[-1]
    assert "largest completeness error is 7.0e−7 log odds" in said[-1]
    assert warnings(summary) == []


def test_findings_say_so_where_nothing_or_the_reverse_was_planted(planted: Planted) -> None:
    noise = np.random.default_rng(3).normal(size=len(planted.tables.tokens))
    null = quick(planted.tables._replace(tokens=planted.tables.tokens.assign(phi=noise)))
    assert (
        attribution_findings(null)
        .sentences[0]
        .endswith("There is no sign that the model looks at the box.")
    )
    turned = planted.tables.tokens.assign(phi=-planted.tables.tokens["phi"])
    against = quick(planted.tables._replace(tokens=turned))
    assert (
        attribution_findings(against)
        .sentences[0]
        .endswith("The model uses the box against the class.")
    )


def test_a_word_that_counts_anywhere_is_not_called_a_place(planted: Planted) -> None:
    tokens = planted.tables.tokens
    phi = np.where(tokens["token"].str.contains("TATAAA|ATAAAA|TATATA|ATATAA"), 1.0, 0.0)
    noise = np.random.default_rng(0).normal(0, 0.05, len(phi))
    anywhere = quick(planted.tables._replace(tokens=tokens.assign(phi=phi + noise)))
    assert (
        attribution_findings(anywhere)
        .sentences[0]
        .endswith("there is no sign that its position matters.")
    )


def test_warnings_come_first(planted: Planted) -> None:
    wide = planted.tables.sequences.assign(gap=0.5)
    summary = quick(planted.tables._replace(sequences=wide))
    assert len(warnings(summary)) == 1
    assert re.match(r"The attributions of \d+ sequences differ", warnings(summary)[0])
    short = toy_tables([("a", "A" * 300, [(0, 300, 1.0)]), ("b", "A" * 123, [(0, 123, 1.0)])])
    assert warnings(quick(short))[0].startswith("1 of 2 sequences are left out")


def test_profile_draws_the_means(summary: Summary) -> None:
    upper, lower = drawn(figures.position_profile(summary)).axes
    table = summary.profile[
        (summary.profile["species"] == "all") & (summary.profile["label"] == 1)
    ]
    line = upper.lines[0]
    assert line.get_xdata()[0] == -249
    np.testing.assert_array_equal(line.get_ydata(), table["mean"])
    np.testing.assert_array_equal(lower.lines[0].get_ydata(), table["median"])
    legend = upper.get_figure().legends[0]
    assert [t.get_text() for t in legend.get_texts()] == [
        "promoter (label 1)",
        "background (label 0)",
    ]
    by_species = drawn(figures.species_profiles(summary))
    assert [a.get_title(loc="left") or a.get_title() for a in by_species.axes] == [
        "human",
        "fruit fly",
    ]


def test_token_bars_are_means_with_counts(summary: Summary) -> None:
    left, right = drawn(figures.token_bars(summary)).axes
    often = summary.tokens[summary.tokens["count"] >= QUICK.min_count]
    assert left.patches[0].get_width() == pytest.approx(often["mean_phi"].max())
    assert right.patches[0].get_width() == pytest.approx(often["mean_phi"].min())
    best = often.loc[often["mean_phi"].idxmax()]
    assert left.get_yticklabels()[0].get_text() == f"{best['token']}  ×{best['count']}"


def test_around_hits_by_hand() -> None:
    rows = []
    for name, at, value in (("a", 218, 1.0), ("b", 220, 3.0), ("c", None, 0.5), ("d", None, 1.5)):
        letters, phi = ["G"] * 300, np.full(300, 0.0 if at else value)
        if at:
            letters[at : at + 7] = "TATAAAA"
            phi[at : at + 7] = value
        else:
            phi[:219] = 0.0
        rows.append((name, "".join(letters), [(i, i + 1, phi[i]) for i in range(300)]))
    bases = per_base(toy_tables(rows))
    hits = find_element_hits(bases, tata_sites()[0], top=0.05)
    table = metaprofile_at_hits(bases, hits, 1, flank=3).set_index("offset")
    assert table.index.tolist() == list(range(-3, 10))
    assert table["mean"].tolist() == [0.0] * 3 + [2.0] * 7 + [0.0] * 3
    assert table.loc[0, "standard_error"] == pytest.approx(1.0)
    # Without a box: c and d mean 1 from index 219 on; a's box is at 218, b's at 220.
    assert table["place_mean"].tolist() == [0.0, 0.0, 0.5, 0.5, *[1.0] * 9]
    found = samples(hits, 1)
    assert found.hits.tolist() == [7.0, 21.0]
    assert sorted(found.same_position) == pytest.approx([3.0, 3.5, 9.0, 10.5])
    assert found.same_kmer.size == 0
    assert samples(hits, 0).hits.size == 0


def test_tata_panel_draws_box_and_background(summary: Summary) -> None:
    left, right = drawn(figures.tata_panel(summary)).axes
    assert summary.metaprofile is not None
    np.testing.assert_array_equal(left.lines[1].get_ydata(), summary.metaprofile["mean"])
    np.testing.assert_array_equal(left.lines[2].get_ydata(), summary.metaprofile["place_mean"])
    labels = [label.get_text() for label in right.get_yticklabels()]
    assert labels[0] == f"TATA box\n{len(summary.samples[1].hits)}"


def test_logo_letters_are_as_high_as_their_attribution() -> None:
    values = np.array([0.0, 0.5, -1.0, 2.0])
    tables = toy_tables([("a", "AGCT", [(i, i + 1, v) for i, v in enumerate(values)])])
    figure = drawn(sequence_logo(quick(tables), 0))
    (axes,) = figure.axes
    glyphs = [p for p in axes.patches if p.get_path().vertices.shape[0] > 5]
    heights = {
        round(float(p.get_extents().transformed(axes.transData.inverted()).x0)): p for p in glyphs
    }
    boxes = {x: p.get_extents().transformed(axes.transData.inverted()) for x, p in heights.items()}
    tall = sorted((b.y0, b.y1) for b in boxes.values() if b.height > 1e-6)
    assert tall == [
        pytest.approx((-1.0, 0.0)),
        pytest.approx((0.0, 0.5)),
        pytest.approx((0.0, 2.0)),
    ]
    assert set(LETTERS) == set("ACGT")
    assert axes.get_xlim() == (-0.5, 3.5), "a line is no longer than the sequence"


def test_long_sequences_show_the_part_about_the_start(planted: Planted) -> None:
    config = ReportConfig(
        enrichment=ElementEnrichmentConfig(permutations=9), logo_bases=150, core_elements=False
    )
    summary = summarise(planted.tables, config=config)
    figure = drawn(sequence_logo(summary, 0))
    assert [tuple(a.get_xlim()) for a in figure.axes] == [(-100.5, -0.5), (-0.5, 99.5)]


def test_examples_are_the_surest_hits_and_mistakes() -> None:
    rows = [(name, "ACGT", [(0, 4, 0.1)]) for name in "abcdefg"]
    tables = toy_tables(rows, label=[1, 1, 1, 0, 0, 1, 0])
    tables.sequences["probability"] = [0.9, 0.95, 0.2, 0.7, 0.8, 0.4, 0.1]
    tables.sequences["called"] = [True, True, False, True, True, False, False]
    names = [(what, "abcdefg"[row]) for what, row in quick(tables).examples]
    assert names == [("true positive", "b"), ("false positive", "e"), ("false negative", "c")]
    tables.sequences["label"] = -1
    names = [(what, "abcdefg"[row]) for what, row in quick(tables).examples]
    assert names == [("highest probability, label unknown", "b")]
    tables.sequences["probability"] = np.nan
    tables.sequences["full"] = [0.0, 1.0, 5.0, 2.0, 1.0, 1.0, 1.0]
    names = [(what, "abcdefg"[row]) for what, row in quick(tables).examples]
    assert names == [("highest value", "c")]


def test_a_class_of_label_zero_is_explained(planted: Planted) -> None:
    config = ReportConfig(
        enrichment=ElementEnrichmentConfig(permutations=19), positive_label=0, core_elements=False
    )
    summary = summarise(
        planted.tables, settings=SETTINGS | {"target": "background"}, config=config
    )
    assert figures.label_name(summary, 0) == "background (label 0)"
    assert figures.label_name(summary, 1) == "promoter (label 1)"
    assert "background sequences have one" in attribution_findings(summary).sentences[0]
    assert summary.examples[0][0] == "true positive"
    assert summary.bases.sequences["label"].iloc[summary.examples[0][1]] == 0


@pytest.mark.usefixtures("sketched")
def test_windows_without_a_known_start_have_a_shorter_report(tmp_path: Path) -> None:
    planted = planted_tables("kmer-6", per_species=20, window=120, species=("human",))
    page = write_report(tmp_path / "plain", planted.tables, settings={}, config=QUICK).read_text()
    assert "Before you read on" in page
    assert "Give --tss-index." in page
    tables = outline(page).tables
    assert "tata-table" not in tables
    assert "naive-table" in tables
    assert not (tmp_path / "plain" / "tata.png").exists()
    assert not (tmp_path / "plain" / "elements.csv").exists()
    told = write_report(tmp_path / "told", planted.tables, tss_index=99, config=QUICK).read_text()
    assert "base +1 at index 99 (given)" in told
    assert "tata-table" in outline(told).tables
    assert "Before you read on" not in told
    with pytest.raises(InputError, match="tss_index is 120"):
        write_report(tmp_path / "wrong", planted.tables, tss_index=120)
    assert not (tmp_path / "wrong").exists()


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("label", [-1, 0])
def test_sequences_of_one_label(tmp_path: Path, label: int, planted: Planted) -> None:
    tables = planted.tables._replace(sequences=planted.tables.sequences.assign(label=label))
    page = write_report(tmp_path, tables, settings=SETTINGS, config=QUICK).read_text()
    outline(page)
    assert ("sequences of unknown label" if label < 0 else "sequences of label 0") in page


def test_the_smallest_job_has_a_report(tmp_path: Path) -> None:
    tables = toy_tables([("a", "A" * 300, [(0, 300, 0.0)])])
    tables.sequences["mean_standard_error"] = np.nan
    tables.sequences["gap"] = 0.0
    tables.sequences["species"] = ""
    page = write_report(tmp_path, tables, config=QUICK).read_text()
    outline(page)
    assert "no token contains TATA" in page
    assert (tmp_path / "efficiency.png").exists()


def test_positions_of_the_first_screen_count_as_the_page_does() -> None:
    rows = [(f"s{i}", "C" * 300, [(0, 210, 0.0), (210, 220, 5.0), (220, 300, 0.0)]) for i in "ab"]
    for bases, where in (
        (300, "−39 bases from the transcription start"),
        (290, "base 210, counted"),
    ):
        cut = [(name, text[:bases], [*parts[:2], (220, bases, 0.0)]) for name, text, parts in rows]
        found = quick(toy_tables(cut))
        said = attribution_page(found, SETTINGS).answer
        assert said is not None
        assert where in said.verdict


def test_commands_of_the_first_screen_are_quoted(planted: Planted) -> None:
    settings = {
        **SETTINGS,
        "attributions": "my runs/a",
        "model name": "my model",
        "data": ["x y.fa"],
    }
    answer = attribution_page(quick(planted.tables), settings).answer
    assert answer is not None
    typed = [command for _, command in answer.steps]
    assert typed[0].endswith("--attributions 'my runs/a'")
    assert typed[1].endswith("--model 'my model' --target promoter --data 'x y.fa'")


def test_sequences_to_browse_are_those_of_the_highest_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dnasweep.report.attribution_page.MAX_LOGOS", 3)
    tables = toy_tables([(f"s{i}", "ACGT" * 75, [(0, 300, 1.0)]) for i in range(6)])
    tables.sequences["probability"] = np.nan
    tables.sequences["full"] = [0.0, 3.0, -1.0, 5.0, 4.0, 1.0]
    tables.sequences["called"] = False
    tables.sequences["label"] = 0
    page = attribution_page(quick(tables), SETTINGS)
    (logos,) = (one for one in page.blocks() if isinstance(one, Logos))
    assert [one["name"] for one in logos.sequences] == ["s3", "s4", "s1"]
    assert "with the highest value of promoter, 3 in total; 3 more" in logos.caption


def test_shares_of_attention_are_not_said_to_be_all_of_it(planted: Planted) -> None:
    lead = attribution_page(quick(planted.tables, estimator="attention"), SETTINGS).lead
    assert "sum to 1 together with those of the special tokens" in " ".join(lead)


@pytest.mark.usefixtures("sketched")
def test_overlapping_tokens_have_a_report(tmp_path: Path) -> None:
    tables = planted_tables("kmer-6-overlap", per_species=20).tables
    text = write_report(tmp_path, tables, settings=SETTINGS, config=QUICK).read_text()
    assert "where tokens overlap, a base gets the mean over them" in text


def test_what_it_is_given_is_escaped(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    tables = toy_tables([(bad, "ACGT" * 75, [(0, 300, 1.0)])])
    tables.tokens["token"] = bad
    tables.sequences["species"] = bad
    settings = dict.fromkeys(("target", "title", "command", "value", bad), bad)
    text = write_report(tmp_path, tables, settings=settings, config=QUICK).read_text()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    outline(text)


@pytest.mark.parametrize(
    ("value", "text"), [(7.04e-7, "7.0e−7"), (1.0, "1.0"), (0.012, "1.2e−2"), (0.0, "0.0")]
)
def test_small_numbers(value: float, text: str) -> None:
    assert small(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.inf, "0 elsewhere"),
        (np.nan, "–"),
        (0.0, "0.00"),
        (3.456, "3.46"),
        (45.67, "45.7"),
        (1234.5, "1,234"),
    ],
)
def test_odds_ratios(value: float, text: str) -> None:
    assert ratio(value) == text
