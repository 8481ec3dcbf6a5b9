"""How many rows fit into a time, and the draw of these rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.datasets import build_dataset
from dnasweep.data.fewer_rows import fewer_rows
from dnasweep.errors import InputError
from dnasweep.sweeps.data_options import DataOptions
from dnasweep.sweeps.time_budget import KEPT, START_SECONDS, TRIAL_SECONDS, Load, largest_draw


def load(num_train: int = 10_000, row_seconds: float = 0.1) -> Load:
    return Load("x", num_train, 1000, 1000, row_seconds, 0.01, 5)


def test_all_rows_are_used_where_they_fit() -> None:
    draw = largest_draw([load(200)], 10)
    assert draw.num_rows is None
    assert draw.text == ""
    assert draw.seconds < 600


def test_the_largest_draw_is_taken_and_no_larger_one_fits() -> None:
    loads = [load(), load(500)]
    draw = largest_draw(loads, 10)
    assert draw.num_rows is not None
    assert draw.seconds <= 600
    # Two digits: the next number of two digits does not fit.
    step = 10 ** (len(str(draw.num_rows)) - 2)
    more = sum(one.seconds(draw.num_rows + step) for one in loads) / (1 - KEPT)
    assert 2 * (START_SECONDS + TRIAL_SECONDS) + more > 600
    assert f"{draw.num_rows:,} training rows" in draw.text


def test_more_at_once_and_more_time_give_more_rows_and_what_has_passed_counts() -> None:
    rows = largest_draw([load()], 5).num_rows
    assert rows is not None
    two = load()._replace(num_trials=2)
    rows_of_two = largest_draw([two], 5).num_rows or 0
    assert (largest_draw([two], 5, at_once=2).num_rows or 0) > rows_of_two
    assert (largest_draw([load()], 8).num_rows or 0) > rows
    assert (largest_draw([load()], 5, spent=100).num_rows or 0) < rows


def test_room_for_more_trials_than_a_task_has_saves_no_time() -> None:
    tasks = [load()._replace(num_trials=2) for _ in range(4)]
    assert largest_draw(tasks, 20, at_once=64) == largest_draw(tasks, 20, at_once=2)
    assert largest_draw(tasks, 20, at_once=2).num_rows is not None


def test_a_time_in_which_nothing_honest_fits_is_refused_with_one_that_does() -> None:
    with pytest.raises(InputError, match=r"0.5 minutes are too few.*--time-budget (\d+)") as found:
        largest_draw([load()] * 4, 0.5)
    minutes = int(str(found.value).split("--time-budget ")[1].split(",")[0])
    assert (largest_draw([load()] * 4, minutes).num_rows or 0) >= 100


def table(counts: dict[tuple[str, int], int]) -> pd.DataFrame:
    rows = [(split, label) for (split, label), n in counts.items() for _ in range(n)]
    return pd.DataFrame(rows, columns=["split", "label"]).assign(species="")


def test_classes_keep_their_proportion_and_test_rows_all_stay() -> None:
    rows = table({("train", 0): 900, ("train", 1): 90, ("train", 2): 10, ("test", 0): 300,
                  ("validation", 0): 80, ("validation", 1): 20})  # fmt: skip
    kept = rows[fewer_rows(rows, 100)]
    found = kept.groupby(["split", "label"]).size().to_dict()
    assert found == {
        ("train", 0): 90, ("train", 1): 9, ("train", 2): 1, ("test", 0): 300,
        ("validation", 0): 40, ("validation", 1): 10,
    }  # fmt: skip


def test_a_rare_class_is_never_lost_and_the_draw_is_the_same_again() -> None:
    rows = table({("train", 0): 1000, ("train", 1): 2, ("test", 0): 5})
    kept = fewer_rows(rows, 50, seed=3)
    assert rows[kept & (rows["split"] == "train")]["label"].value_counts()[1] == 1
    assert np.array_equal(kept, fewer_rows(rows, 50, seed=3))
    assert not np.array_equal(kept, fewer_rows(rows, 50, seed=4))
    assert fewer_rows(rows, 5000).all()


def test_a_data_set_says_how_many_rows_were_drawn_and_keeps_its_key_without(tmp_path) -> None:
    rng = np.random.default_rng(0)
    for split, number in (("train", 200), ("dev", 60), ("test", 60)):
        lines = ["sequence,label"] + [
            "".join(rng.choice(list("ACGT"), 40)) + f",{row % 2}" for row in range(number)
        ]
        (tmp_path / f"{split}.csv").write_text("\n".join(lines) + "\n")
    options = DataOptions(data=(str(tmp_path),), train_rows=50)
    found = build_dataset(options.dataset)
    assert found.table["split"].value_counts().to_dict() == {
        "train": 50, "validation": 25, "test": 60,
    }  # fmt: skip
    assert any(
        "a draw of 50 of 200 train rows and 25 of 60 validation rows" in one.message
        for one in found.audit.findings
    )
