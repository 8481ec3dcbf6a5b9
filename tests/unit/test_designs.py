"""Sequences edited under constraints: what is known to be best is found, and each edit is on record."""

from __future__ import annotations

import dataclasses
import io
import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dnasweep
import numpy as np
import pandas as pd
import pytest
from dnasweep.errors import InputError
from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.jobs.design_request import DesignOptions, prepare_designs
from dnasweep.jobs.executor import InProcess
from dnasweep.synthetic.constraints import GcRange, kept_bases, places_of
from dnasweep.synthetic.gradient_gains import gradient_gains
from dnasweep.synthetic.greedy import Search, design
from dnasweep.tracking.client import NO_TRACKING
from dnasweep.workflows import run as jobs_run
from dnasweep.workflows.designs import DesignJob
from rich.console import Console
from shap_toys import averaging, write_model, write_sequences

NOTHING = np.zeros(8, bool)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def options(model: Path, tmp_path: Path) -> DesignOptions:
    write_sequences(tmp_path / "rows.csv", 3)
    return DesignOptions(
        model=str(model),
        data=(str(tmp_path / "rows.csv"),),
        crop=51,
        edits=3,
        explained=2,
        out=str(tmp_path / "out"),
        storage=str(tmp_path / "runs"),
        tracking_uri=NO_TRACKING,
    )


def run(options: DesignOptions) -> str:
    said = io.StringIO()
    jobs_run.run(DesignJob.of, options, Console(file=said, width=400), executor=InProcess())
    return said.getvalue()


def test_a_model_that_calls_by_both_strands_is_read_on_one(
    options: DesignOptions, tmp_path: Path
) -> None:
    said: list[str] = []
    prepare_designs(options, say=said.append)
    assert not any("strand" in line for line in said)
    both = averaging(options.model, tmp_path)
    prepare_designs(dataclasses.replace(options, model=both), say=said.append)
    assert "only the output for the given strand is used" in said[-1]


def likeness(texts: Sequence[str]) -> np.ndarray:
    """Agreement with a sequence, the first base worth most."""
    return np.array(
        [
            sum((8 - i) * (a == b) for i, (a, b) in enumerate(zip(text, "ACGTACGT", strict=True)))
            for text in texts
        ],
        float,
    )


def test_the_best_edits_are_made_in_order() -> None:
    (found,) = design(["TTTTTTTT"], [NOTHING], Search(sign=1, most_edits=3), likeness)
    assert found.designed == "ACGTTTTT"
    assert [(e.position, e.old, e.new) for e in found.edits] == [
        (0, "T", "A"),
        (1, "T", "C"),
        (2, "T", "G"),
    ]
    assert [e.output for e in found.edits] == likeness(
        ["ATTTTTTT", "ACTTTTTT", "ACGTTTTT"]
    ).tolist()
    (lowered,) = design(["ACGTACGT"], [NOTHING], Search(sign=-1, most_edits=2), likeness)
    assert [e.position for e in lowered.edits] == [0, 1]
    (done,) = design(["ACGTACGT"], [NOTHING], Search(sign=1, most_edits=2), likeness)
    assert done.edits == ()


def test_constraints_hold_at_every_step() -> None:
    kept = NOTHING.copy()
    kept[[0, 1]] = True
    search = Search(sign=1, most_edits=8, gc=GcRange(0.0, 0.25))
    (found,) = design(["TTTTTTTT"], [kept], search, likeness)
    assert found.designed.startswith("TT")
    letters = list(found.sequence)
    for edit in found.edits:
        letters[edit.position] = edit.new
        assert sum(base in "GC" for base in letters) <= 2
    # Two of C and G that are worth most, and the A.
    assert found.designed == "TTGTACTT"


def test_a_beam_finds_what_greed_misses() -> None:
    def trap(texts: Sequence[str]) -> np.ndarray:
        known = {"AT": 1.0, "GT": 0.9, "GG": 5.0, "AA": 1.1}
        return np.array([known.get(text, 0.0) for text in texts])

    free = np.zeros(2, bool)
    (greedy,) = design(["TT"], [free], Search(sign=1, most_edits=2), trap)
    (beam,) = design(["TT"], [free], Search(sign=1, most_edits=2, beam=2), trap)
    assert (greedy.designed, beam.designed) == ("AA", "GG")


def test_motifs_are_kept_on_either_strand() -> None:
    assert places_of("TATATAT", "TAWA") == [0, 2]
    kept = kept_bases("CCTATAANCCTTATACC", [(0, 1)], ["TATAA"])
    assert "".join(map(str, kept.astype(int))) == "10111111001111100"[: len(kept)]


def test_shares_of_whole_bases_are_inside() -> None:
    assert GcRange(0.0, 0.6).holds(60, 100)
    assert not GcRange(0.0, 0.6).holds(61, 100)
    assert GcRange(0.29, 1.0).holds(29, 100)


def test_designs_are_those_of_the_model(options: DesignOptions) -> None:
    said = run(options)
    assert "edits raise the log odds of promoter of 3 of 3 sequences" in " ".join(said.split())
    out = Path(str(options.out))
    designs = pd.read_parquet(out / "designs.parquet")
    edits = pd.read_csv(out / "edits.csv")
    loaded = dnasweep.load_model(options.model)

    def output(texts: Sequence[str]) -> np.ndarray:
        share = loaded.predict(list(texts), progress=False)["probability_promoter"].to_numpy()
        return np.log(share / (1 - share))

    np.testing.assert_allclose(designs["output"], output(designs["sequence"]), atol=1e-4)
    np.testing.assert_allclose(designs["designed_output"], output(designs["designed"]), atol=1e-4)
    for row in designs.itertuples():
        letters, before = list(row.sequence), row.output
        for edit in edits[edits["id"] == row.id].itertuples():
            # No other substitution is better.
            others = [
                "".join([*letters[:i], base, *letters[i + 1 :]])
                for i, base in itertools.product(range(len(letters)), "ACGT")
            ]
            assert letters[edit.position] == edit.old
            letters[edit.position] = edit.new
            assert edit.output > before
            assert edit.output >= output(others).max() - 1e-4
            before = edit.output
        assert "".join(letters) == row.designed
    text = (out / "designs.fa").read_text()
    assert text.splitlines()[1] == designs["designed"][0]
    page = (out / "designs.html").read_text()
    assert "given" in page
    assert (out / "output_by_edit.png").is_file()


def test_batches_and_shards_change_nothing(options: DesignOptions, tmp_path: Path) -> None:
    options = dataclasses.replace(options, explained=0)
    run(options)
    other = dataclasses.replace(
        options, batch_size=5, storage=str(tmp_path / "b"), out=str(tmp_path / "o")
    )
    run(other)
    first, second = (
        pd.read_parquet(Path(str(one.out)) / "edits.parquet") for one in (options, other)
    )
    pd.testing.assert_frame_equal(first.drop(columns="output"), second.drop(columns="output"))
    np.testing.assert_allclose(first["output"], second["output"], atol=1e-4)


def test_gradients_rank_substitutions(model: Path, options: DesignOptions) -> None:
    values = SequenceValues(model, target="promoter")
    sequence = options.read_rows().table["sequence"][0]
    others = [
        sequence[:i] + base + sequence[i + 1 :]
        for i, base in itertools.product(range(len(sequence)), "ACGT")
    ]
    (gains,) = gradient_gains(values, [sequence], [others])
    true = values.log_odds(others) - values.log_odds([sequence])
    assert np.corrcoef(gains, true)[0, 1] > 0.5
    unchanged = [number for number, other in enumerate(others) if other == sequence]
    assert (gains[unchanged] == 0).all()


def test_preselection_computes_fewer(model: Path, options: DesignOptions) -> None:
    values = SequenceValues(model, target="promoter")
    sequences = options.read_rows().table["sequence"].tolist()
    kept = [np.zeros(51, bool)] * 3
    asked: list[int] = []

    def score(texts: Sequence[str]) -> np.ndarray:
        asked.append(len(texts))
        return values.log_odds(texts)

    found = {
        number: design(
            sequences,
            kept,
            Search(sign=1, most_edits=2, preselect=number),
            score,
            expect=partial(gradient_gains, values),
        )
        for number in (None, 40, 3 * 51)
    }
    assert found[None] == found[3 * 51]
    assert asked[3:6] == [3, 3 * 40, 3 * 40]
    gain = {n: sum(one.designed_output - one.output for one in f) for n, f in found.items()}
    assert 0.4 * gain[None] < gain[40] <= gain[None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gc": (0.9, 1.0)}, "3 of 3 sequences have a GC content outside"),
        ({"gc": (0.6, 0.4)}, "smaller share first"),
        ({"keep_bases": ("0..50",)}, "every base of the sequence"),
        ({"keep_bases": ("40..60",)}, "Use bases 0 to 50"),
        ({"keep_bases": ("7",)}, "FIRST..LAST"),
        ({"keep_motifs": ("ACGTACGTACGT",)}, "there is nothing to keep"),
        ({"target": "x"}, "no class 'x'"),
    ],
)
def test_what_cannot_be_is_refused(
    options: DesignOptions, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prepare_designs(dataclasses.replace(options, **change))


def test_moving_tokens_have_no_gradient(tmp_path: Path) -> None:
    model = write_model(tmp_path / "bpe", spec="bpe-64", max_tokens=80)
    values = SequenceValues(model, target="promoter")
    sequence = "ACGTTATAAAAGGCACGT" * 2
    others = [sequence[:i] + "C" + sequence[i + 1 :] for i in range(len(sequence))]
    with pytest.raises(InputError, match="Leave --preselect out"):
        gradient_gains(values, [sequence], [others])


def test_from_python(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = dnasweep.design(
        model,
        ["ACGTTATAAAAGGCACGT" * 2],
        edits=2,
        explained=1,
        storage=tmp_path / "runs",
        tracking_uri=NO_TRACKING,
        progress=False,
    )
    # Nothing is written beside the storage.
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert found.edits["step"].tolist() == [1, 2]
    assert found.table["designed"].str.len().tolist() == [36]
    assert "edits raise" in found.finding
    assert found.report.is_file()
