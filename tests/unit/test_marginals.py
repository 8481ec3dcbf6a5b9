"""Motifs in backgrounds: what stands where, effects that are known, and a job that computes them."""

from __future__ import annotations

import dataclasses
import io
import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dnasweep
import numpy as np
import pandas as pd
import pytest
from dnasweep.config.number_ranges import read_numbers, write_numbers
from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.motif_matrix import Motif
from dnasweep.formats.rejects import REJECTS
from dnasweep.jobs.executor import InProcess
from dnasweep.jobs.marginal_request import MarginalOptions, prepare_marginals
from dnasweep.synthetic import marginal_worker
from dnasweep.synthetic.arrangements import Arrangements
from dnasweep.synthetic.backgrounds import (
    instances_of,
    random_backgrounds,
    shuffled_backgrounds,
)
from dnasweep.synthetic.marginal_effects import marginal_effects, paired_effects
from dnasweep.synthetic.motif_names import find_motif
from dnasweep.tracking.client import NO_TRACKING
from dnasweep.workflows import run as jobs_run
from dnasweep.workflows.marginals import MarginalJob
from rich.console import Console
from shap_toys import averaging, write_model
from toys import toy_sequences

FIRST, SECOND = "CCGGAAGT", "AGATAAGG"
SPACING, ALONE, TOGETHER = 5, 0.75, -3.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def options(model: Path, tmp_path: Path) -> MarginalOptions:
    return MarginalOptions(
        model=str(model),
        motif=FIRST,
        other=SECOND,
        spacings=("3..7",),
        length=60,
        backgrounds=10,
        out=str(tmp_path / "out"),
        storage=str(tmp_path / "runs"),
        tracking_uri=NO_TRACKING,
    )


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a model whose log odds are known in the place of the trained one."""

    class Known:
        def __init__(self, directory: Path, **options: Any) -> None:
            pass

        def log_odds(self, sequences: Sequence[str], *, name: Callable[[int], str]) -> np.ndarray:
            both = re.compile(f"{FIRST}.{{{SPACING}}}{reverse_complement(SECOND)}")
            return np.array(
                [
                    one.count("G") * 0.1
                    + ALONE * (FIRST in one)
                    + TOGETHER * (both.search(one) is not None)
                    for one in sequences
                ]
            )

    monkeypatch.setattr(marginal_worker, "SequenceValues", Known)


def run(options: MarginalOptions) -> str:
    said = io.StringIO()
    jobs_run.run(MarginalJob.of, options, Console(file=said, width=400), executor=InProcess())
    return said.getvalue()


def test_a_model_that_calls_by_both_strands_is_read_on_one(
    options: MarginalOptions, tmp_path: Path
) -> None:
    said: list[str] = []
    prepare_marginals(options, say=said.append)
    assert not any("strand" in line for line in said)
    both = averaging(options.model, tmp_path)
    prepare_marginals(dataclasses.replace(options, model=both), say=said.append)
    assert "only the output for the given strand is used" in said[-1]


def test_spacing_is_the_bases_between() -> None:
    made = Arrangements(
        length=40,
        width=8,
        starts=(20,),
        other_width=8,
        spacings=(0, 3),
        orientations=("FF", "RF"),
        held="other",
    )
    background = "N" * 40
    for pair in made.pairs:
        found = made.conditions[pair.both].apply(background, FIRST, SECOND)
        first = FIRST if pair.orientation[0] == "F" else reverse_complement(FIRST)
        assert first + "N" * pair.spacing + SECOND in found
        assert found.index(SECOND) == pair.other_start == 20
        alone = made.conditions[pair.motif_alone].apply(background, FIRST, SECOND)
        assert alone == found.replace(SECOND, "N" * 8)
        alone = made.conditions[pair.other_alone].apply(background, FIRST, SECOND)
        assert alone == found.replace(first, "N" * 8)
    assert made.conditions[0].apply(background, FIRST, SECOND) == background
    # Background, the second alone, the first in 2 places and orientations, and 4 pairs.
    assert len(made.conditions) == 1 + 1 + 4 + 4
    assert Arrangements.of(made.settings()) == made


def test_known_effects_are_found(options: MarginalOptions, rules: None) -> None:
    said = " ".join(run(options).split())
    assert (
        f"{FIRST} 5 bases upstream of {SECOND}, the second reversed, takes −3.00 (−3.00 to −3.00) to the "
        "log odds of promoter beyond the sum of the single effects" in said
    )
    found = pd.read_parquet(Path(str(options.out)) / "spacings.parquet")
    planted = (found["spacing"] == SPACING) & (found["orientation"] == "FR")
    np.testing.assert_allclose(found["interaction"], np.where(planted, TOGETHER, 0.0), atol=1e-9)
    assert (found.loc[planted, "q"] < 1e-6).all()
    assert (found.loc[~planted, "q"] == 1).all()
    outputs = pd.read_parquet(Path(str(options.out)) / "outputs.parquet")
    assert len(outputs) == 10 * len(prepare_marginals(options).arrangements.conditions)
    assert pd.read_csv(Path(str(options.out)) / "spacings.csv")["spacing"].tolist() == [
        *found["spacing"]
    ]
    page = (Path(str(options.out)) / "marginals.html").read_text()
    assert "5 bases upstream" in page
    assert (Path(str(options.out)) / "interaction_map.png").is_file()


def test_the_numbers_are_the_models_own(options: MarginalOptions) -> None:
    run(options)
    request = prepare_marginals(options)
    outputs = pd.read_parquet(Path(str(options.out)) / "outputs.parquet")
    rows = request.rows.to_pylist()
    made = [
        one.apply(row["sequence"], row["motif"], row["other"])
        for row in rows
        for one in request.arrangements.conditions
    ]
    probability = dnasweep.load_model(options.model).predict(made, progress=False)
    share = probability["probability_promoter"].to_numpy()
    np.testing.assert_allclose(outputs["output"], np.log(share / (1 - share)), atol=1e-4)


@pytest.mark.parametrize("change", [{"batch_size": 3}, {"num_actors": 50}])
def test_batches_and_shards_change_nothing(
    options: MarginalOptions, change: dict[str, Any], tmp_path: Path
) -> None:
    run(options)
    first = pd.read_parquet(Path(str(options.out)) / "outputs.parquet")
    other = {"storage": str(tmp_path / "other"), "out": str(tmp_path / "out2"), **change}
    run(dataclasses.replace(options, **other))
    second = pd.read_parquet(tmp_path / "out2" / "outputs.parquet")
    atol = 1e-4 if "batch_size" in change else 0
    np.testing.assert_allclose(first["output"], second["output"], atol=atol, rtol=0)


def test_what_is_there_is_not_computed_again(options: MarginalOptions) -> None:
    run(options)
    said = run(options)
    assert "backgrounds in" not in said
    assert "single effects" in said


def test_rows_left_out_are_those_of_this_run(options: MarginalOptions, tmp_path: Path) -> None:
    path, out = tmp_path / "rows.csv", Path(str(options.out))
    lines = ["id,sequence", *(f"s{i},{one}" for i, one in enumerate(toy_sequences(10)))]
    asked = dataclasses.replace(options, length=None, data=(str(path),), skip_bad_rows=True)
    for bad in (0, 1, 0):
        path.write_text("\n".join([*lines, *["bad,ACGT!"] * bad]) + "\n")
        run(asked)
        assert (out / REJECTS).is_file() == bool(bad)


def test_from_python(model: Path, rules: None) -> None:
    found = dnasweep.marginalize(
        model, FIRST, length=60, positions=range(0, 50, 10), backgrounds=8, progress=False
    )
    table = found.alone
    assert table["start"].tolist() == [0, 10, 20, 30, 40] * 2
    # Besides its own effect the motif replaces bases, which vary in their number of G.
    forward = table[table["strand"] == "F"]
    assert forward["effect"].between(ALONE - 0.2, ALONE + 0.4).all()
    assert found.spacings.empty
    assert "adds" in found.finding
    assert found.report.is_file()
    assert found.plot().axes
    one = dnasweep.marginalize(
        model, FIRST, length=60, positions=np.int64(20), backgrounds=8, progress=False
    )
    assert set(one.alone["start"]) == {20}


def test_sequences_are_shuffled_in_pairs_of_bases() -> None:
    given = toy_sequences(6, seed=3)
    made, ids = shuffled_backgrounds(given, [f"s{i}" for i in range(6)], 14, seed=1)
    assert sorted(ids[:6]) == sorted(ids[6:12]) == [f"s{i}" for i in range(6)]
    assert len(set(made)) == 14
    for sequence, name in zip(made, ids, strict=True):
        source = given[int(name[1:])]
        pairs = [sorted(itertools.pairwise(one)) for one in (sequence, source)]
        assert pairs[0] == pairs[1]


def test_draws_follow_shares() -> None:
    shares = np.array([[0.7, 0.1, 0.1, 0.1], [0.0, 0.5, 0.5, 0.0], [0.25] * 4])
    made = instances_of(shares, 4000, drawn=True, seed=[0])
    found = np.array(
        [[np.mean([one[i] == base for one in made]) for base in "ACGT"] for i in range(3)]
    )
    np.testing.assert_allclose(found, shares, atol=0.03)
    assert instances_of(shares, 2, drawn=False, seed=[0]) == ["ACA"] * 2
    gc = np.mean([base in "GC" for base in "".join(random_backgrounds(50, 200, 0.3, seed=0))])
    assert abs(gc - 0.3) < 0.02


def test_intervals_hold_what_they_say() -> None:
    rng = np.random.default_rng(0)
    differences = rng.normal(0.5, 1.0, (12, 4000))
    found = paired_effects(differences)
    inside = np.mean((found.low < 0.5) & (found.high > 0.5))
    assert 0.94 < inside < 0.96
    nothing = paired_effects(np.zeros((12, 2)))
    assert nothing.p.tolist() == [1.0, 1.0]


def test_an_additive_model_has_no_interaction() -> None:
    made = Arrangements(length=60, width=8, starts=(4,), other_width=8, spacings=tuple(range(20)))
    rng = np.random.default_rng(0)
    background = rng.normal(0, 2, (100, 1))
    outputs = np.repeat(background, len(made.conditions), axis=1)
    for number, one in enumerate(made.conditions):
        outputs[:, number] += 1.5 * (one.motif >= 0) - 0.7 * (one.other >= 0)
    # As arithmetic in 24 bits leaves them.
    found = marginal_effects(outputs.astype(np.float32).astype(float), made, ("a", "b"))
    assert found.strongest is None
    np.testing.assert_allclose(found.pairs["interaction"], 0, atol=1e-5)
    noisy = outputs + rng.normal(0, 0.1, outputs.shape)
    noisy[:, [pair.both for pair in made.pairs if pair.spacing == 11]] += 0.2
    found = marginal_effects(noisy, made, ("a", "b"))
    assert found.strongest is not None
    assert found.strongest["spacing"] == 11
    assert found.strongest["low"] < 0.2 < found.strongest["high"]
    assert found.spacings == (11, 11)


KNOWN = [Motif("MA0001.1", "GATA", np.full((4, 4), 0.25)), Motif("MA2", "Two", np.eye(4))]


@pytest.mark.parametrize(
    ("text", "consensus"),
    [
        ("tatawawr", "TATAWAWR"),
        # Also the accession of the built-in initiator.
        ("YYANWYY", "YYANWYY"),
        ("MA2", "ACGT"),
        ("two", "ACGT"),
        ("name:GATA", "NNNN"),
        ("bases:GATA", "GATA"),
        ("CRE", "TGACGTCA"),
        ("tata box", "TATAAAW"),
    ],
)
def test_a_motif_is_read_as_meant(text: str, consensus: str) -> None:
    said: list[str] = []
    assert find_motif(text, KNOWN, say=said.append).consensus == consensus
    assert len(said) == 1


def test_a_motif_that_could_be_two_things_is_refused() -> None:
    with pytest.raises(InputError, match="Give name:GATA or bases:GATA"):
        find_motif("GATA", KNOWN)
    with pytest.raises(InputError, match="Did you mean"):
        find_motif("TATTA boks", KNOWN)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": None}, "no sequences for the backgrounds"),
        ({"spacings": ("0..60",)}, "would stand at bases"),
        ({"positions": ("1", "2")}, "held at a single position"),
        ({"length": 90}, "tokens, but the model reads at most"),
        ({"spacings": ("7..3",)}, "is empty"),
        ({"spacings": ("x",)}, "Use whole numbers"),
        ({"target": "enhancer"}, "no class 'enhancer'"),
    ],
)
def test_what_cannot_be_is_refused(
    options: MarginalOptions, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prepare_marginals(dataclasses.replace(options, **change))


def test_sequences_of_several_lengths_are_refused(
    options: MarginalOptions, tmp_path: Path
) -> None:
    path = tmp_path / "ragged.txt"
    path.write_text("\n".join(["ACGT" * 12, "ACGT" * 13]))
    with pytest.raises(InputError, match="--crop 48"):
        prepare_marginals(dataclasses.replace(options, length=None, data=(str(path),)))
    cut = prepare_marginals(dataclasses.replace(options, length=None, data=(str(path),), crop=48))
    assert {len(one) for one in cut.rows["sequence"].to_pylist()} == {48}


def test_numbers_are_written_as_read() -> None:
    assert read_numbers(["4", "0..2", "10..20:5"], "x") == (0, 1, 2, 4, 10, 15, 20)
    assert read_numbers(write_numbers((0, 1, 2, 4, 10)).split(), "x") == (0, 1, 2, 4, 10)
