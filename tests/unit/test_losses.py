"""The loss of a classifier against torch's definition, class weights against scikit-learn's, losses of parts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from dnasweep.tasks.losses import (
    BaseLoss,
    ClassLoss,
    LabelLoss,
    PoissonLoss,
    SquaredError,
    balanced_weights,
)
from sklearn.utils.class_weight import compute_class_weight

WEIGHTS = np.array([0.5, 2.0, 1.25])


@pytest.fixture
def rows() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 3, generator=generator) * 3
    return logits, torch.randint(0, 3, (50,), generator=generator)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_the_mean_is_torchs(rows, weights, smoothing):
    logits, targets = rows
    logits.requires_grad_(True)
    nats, weight = ClassLoss(weights, smoothing)(logits, targets)
    (gradient,) = torch.autograd.grad(nats / weight, logits)
    expected = F.cross_entropy(
        logits,
        targets,
        weight=None if weights is None else torch.tensor(weights, dtype=torch.float32),
        label_smoothing=smoothing,
    )
    assert (nats / weight).item() == pytest.approx(expected.item(), rel=1e-6)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, logits)[0])


def test_parts_add_up_to_the_whole(rows):
    logits, targets = rows
    loss = ClassLoss(WEIGHTS, 0.2)
    whole = loss(logits, targets)
    parts = [loss(logits[i : i + 7], targets[i : i + 7]) for i in range(0, 50, 7)]
    for found, expected in zip(map(sum, zip(*parts, strict=True)), whole, strict=True):
        assert found.item() == pytest.approx(expected.item(), rel=1e-5)


PAIR = np.array([1.5, 4.0])


@pytest.mark.parametrize(
    ("loss", "outputs", "targets"),
    [
        (BaseLoss(ClassLoss(WEIGHTS)), (30, 9, 3), lambda rng: rng.integers(-1, 3, (30, 9))),
        (LabelLoss(), (30, 2), lambda rng: rng.integers(0, 2, (30, 2))),
        (SquaredError(PAIR, PAIR), (30, 2), lambda rng: rng.normal(size=(30, 2))),
        (PoissonLoss(PAIR, PAIR), (30, 4, 2), lambda rng: rng.poisson(2.0, (30, 8)) * 1.0),
    ],
    ids=["bases", "labels", "numbers", "signals"],
)
def test_batches_in_parts_and_on_several_workers_have_one_loss(loss, outputs, targets):
    rng = np.random.default_rng(0)
    logits, known = torch.from_numpy(rng.normal(size=outputs)), torch.from_numpy(targets(rng))
    whole = loss(logits, known)
    # Unequal parts, as the last of an epoch is.
    parts = [loss(logits[i:j], known[i:j]) for i, j in ((0, 16), (16, 29), (29, 30))]
    for found, expected in zip(map(sum, zip(*parts, strict=True)), whole, strict=True):
        assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_smoothing_by_hand():
    logits, targets = torch.tensor([[0.0, 2.0]]), torch.tensor([1])
    nats, weight = ClassLoss(None, 0.2)(logits, targets)
    log = logits.log_softmax(-1)[0]
    assert nats.item() == pytest.approx(-(0.9 * log[1] + 0.1 * log[0]).item())
    assert weight.item() == 1


def test_balanced_weights_are_their_definition():
    labels = np.array([0] * 70 + [1] * 20 + [2] * 10)
    found = balanced_weights(labels, 3)
    np.testing.assert_allclose(
        found, compute_class_weight("balanced", classes=np.arange(3), y=labels)
    )
    np.testing.assert_allclose(found * [70, 20, 10], 100 / 3)
    assert found[labels].mean() == pytest.approx(1)
    assert balanced_weights(np.array([0, 0, 1, 1]), 2).tolist() == [1, 1]
    assert balanced_weights(np.array([0, 1, 1]), 3).tolist() == [1, 0.5, 0]
