"""The plan of a training: steps, rows, rates and evaluation points, exactly."""

from __future__ import annotations

import numpy as np
import pytest
from dnasweep.config import OptimizerConfig, TrainingConfig
from dnasweep.errors import InputError
from dnasweep.models.training.schedule import Schedule


def schedule(num_rows: int = 25, *, window: int = 10, **settings) -> Schedule:
    defaults = {"bases": 1000, "batch_size": 8, "micro_batch_size": 4}
    config = TrainingConfig(**(defaults | settings))
    return Schedule(
        config=config,
        lengths=np.full(num_rows, 7),
        bases=np.full(num_rows, window, dtype=np.int64),
    )


def test_every_row_once_an_epoch_in_an_order_of_its_own():
    plan = schedule()
    assert plan.steps_per_epoch == 4
    epochs = [
        np.concatenate([m for s in range(4 * e, 4 * e + 4) for m in plan.micro_batches(s)])
        for e in range(3)
    ]
    assert all(sorted(rows) == list(range(25)) for rows in epochs)
    assert list(epochs[0]) != list(epochs[1])


def test_micro_batches_cut_the_global_batch_and_the_last_batch_is_short():
    plan = schedule()
    assert [len(m) for m in plan.micro_batches(0)] == [4, 4]
    assert [len(m) for m in plan.micro_batches(3)] == [1]
    whole = schedule(micro_batch_size=8)
    np.testing.assert_array_equal(np.concatenate(plan.micro_batches(5)), whole.micro_batches(5)[0])


def test_steps_reach_the_budget_of_bases():
    # 25 rows of 10 bases: an epoch is 250 bases in 4 steps, a whole step 80 bases.
    assert schedule(bases=1).total_steps == 1
    assert schedule(bases=160).total_steps == 2
    assert schedule(bases=161).total_steps == 3
    assert schedule(bases=250).total_steps == 4
    assert schedule(bases=1000).total_steps == 16
    assert schedule(bases=1001).total_steps == 17


def test_evaluations_are_equally_spaced_and_end_at_the_end():
    assert schedule(evaluations=4).evaluation_steps == (4, 8, 12, 16)
    assert schedule(evaluations=5).evaluation_steps[-1] == 16
    assert schedule(bases=160, evaluations=5).evaluation_steps == (1, 2)


def test_learning_rate_rises_and_falls_linearly():
    plan = schedule(optimizer=OptimizerConfig(learning_rate=0.16, warmup=0.25))
    rates = [plan.learning_rate(s) for s in range(16)]
    assert rates[:4] == pytest.approx([0.04, 0.08, 0.12, 0.16])
    assert rates[4] == pytest.approx(0.16)
    assert rates[15] == pytest.approx(0.16 / 12)
    assert np.diff(rates[4:]) == pytest.approx(np.full(11, -0.16 / 12))


def test_one_step_has_a_rate():
    assert schedule(bases=1).learning_rate(0) == OptimizerConfig().learning_rate


def test_no_rows_is_an_input_error():
    with pytest.raises(InputError, match="no training row"):
        schedule(num_rows=0)
