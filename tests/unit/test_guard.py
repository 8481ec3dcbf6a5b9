"""What ends a training early, and what must not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from dnasweep.models.training.guard import WINDOW, Guard
from dnasweep.tasks.classes import is_collapsed


def guard() -> Guard:
    return Guard(uniform_loss=math.log(2), total_steps=100)


@pytest.mark.parametrize(("loss", "norm"), [(math.nan, 1.0), (math.inf, 1.0), (0.7, math.nan)])
def test_a_number_that_is_not_finite_is_divergence_at_once(loss, norm):
    assert "became" in guard().diverged(loss, norm)


def test_a_loss_far_above_guessing_is_divergence_after_a_while():
    watch = guard()
    verdicts = [watch.diverged(5.0, 1.0) for _ in range(WINDOW)]
    assert verdicts[:-1] == [None] * (WINDOW - 1)
    assert "rose to 5" in verdicts[-1]


# A batch with the one outlier of thousands of labels may cost thousands of times as much.
@pytest.mark.parametrize("loss", [30.0, 3000.0])
def test_one_bad_batch_is_no_divergence(loss):
    watch = guard()
    assert not any(watch.diverged(loss if i == 7 else 0.6, 1.0) for i in range(5 * WINDOW))


def test_slow_starters_are_left_alone_until_half_the_budget():
    watch = guard()
    assert watch.collapsed(True, 20) is None
    assert watch.collapsed(True, 40) is None
    assert watch.collapsed(True, 60) is None
    assert watch.collapsed(False, 80) is None
    assert watch.collapsed(True, 90) is None
    assert "one class" in watch.collapsed(True, 100)


def test_two_collapsed_evaluations_after_half_the_budget_end_a_trial():
    watch = guard()
    assert watch.collapsed(True, 50) is None
    assert "one class" in watch.collapsed(True, 75)


def test_memory_goes_on_where_it_was():
    watch, again = guard(), guard()
    for _ in range(WINDOW - 1):
        watch.diverged(5.0, 1.0)
    watch.collapsed(True, 60)
    again.load_state(watch.state())
    assert again.diverged(5.0, 1.0)
    assert again.collapsed(True, 80)


def constant(p: float, num: int) -> np.ndarray:
    return np.tile([1 - p, p], (num, 1))


def test_collapse_is_one_class_at_the_loss_of_guessing():
    labels = np.array([0, 1] * 50)
    assert is_collapsed(labels, constant(0.45, 100), loss=0.698)
    # A sharp loss, more than one class called, or a good ranking: something was learnt.
    assert not is_collapsed(labels, constant(0.45, 100), loss=0.5)
    mixed = constant(0.45, 100)
    mixed[:10] = [0.4, 0.6]
    assert not is_collapsed(labels, mixed, loss=0.698)
    ranked = np.stack([0.6 - 0.01 * labels, 0.4 + 0.01 * labels], axis=1)
    assert not is_collapsed(labels, ranked, loss=0.698)


def test_guessing_the_majority_of_uneven_classes_is_collapse():
    labels = (np.arange(100) < 30).astype(int)
    entropy = -(0.3 * math.log(0.3) + 0.7 * math.log(0.7))
    assert entropy < 0.98 * math.log(2)
    assert is_collapsed(labels, constant(0.3, 100), loss=entropy)


def test_validation_rows_of_one_class_prove_nothing():
    assert not is_collapsed(np.zeros(10, int), constant(0.4, 10), loss=0.9)
