"""Forward passes are one graph each, without a break, so that torch.compile can take them as a whole."""

from __future__ import annotations

import pytest
import torch
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.perturbations import perturbed_forward
from dnasweep.models.training.loop import _Objective
from toys import TINY, class_task, masked_task, toy_language


@pytest.fixture(scope="module")
def toy():
    return toy_language(20, ragged=9)


def model(build, toy):
    return build(TINY, tokenizer=toy.tokenizer, num_tokens=30, dropout=0.0, seed=0)


def check_one_graph(function, *arguments) -> None:
    """Capture a function as one graph, which raises where it breaks, and compare what it gives."""
    expected = function(*arguments)
    torch._dynamo.reset()
    found = torch.compile(function, backend="eager", fullgraph=True, dynamic=False)(*arguments)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("padded", [False, True])
def test_class_logits(toy, padded):
    classifier = model(build_classifier, toy).eval()
    ids = torch.randint(5, 60, (4, 22), generator=torch.Generator().manual_seed(0))
    attention = torch.arange(22) < torch.tensor([[22], [19], [22], [22]]) if padded else None
    with torch.no_grad():
        check_one_graph(lambda i, a: class_logits(classifier, i, a), ids, attention)


def test_perturbed_sequences(toy, monkeypatch):
    from dnasweep.models.encoder import perturbations

    # The parts in which a CPU computes are none of a GPU's.
    monkeypatch.setattr(perturbations, "CPU_TOKENS_AT_ONCE", 1 << 30)
    forward = perturbed_forward(model(build_classifier, toy).eval())
    ids = torch.randint(5, 60, (2, 2, 22), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        tables = forward.tables(ids)
        rows = torch.randint(0, 88, (16, 22), generator=torch.Generator().manual_seed(1))
        check_one_graph(forward.logits, tables, rows)


@pytest.mark.parametrize("name", ["pretrain", "finetune"])
def test_the_loss_of_a_training_step(toy, name):
    task, build = (
        (masked_task(toy), build_masked_lm)
        if name == "pretrain"
        else (class_task(toy), build_classifier)
    )
    objective = _Objective(task, model(build, toy).train())
    check_one_graph(objective, task.batch(task.train_rows[:8], 0))
