"""Training steps compiled by torch.compile: wired into the loop, equal to others, and part of the key only if used."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from dnasweep.config import TrainingConfig, content_key
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import train
from toys import TINY, class_task, masked_task, toy_language

CPU = DistributedContext(device=torch.device("cpu"))
CONFIG = TrainingConfig(bases=3_000, batch_size=16, micro_batch_size=8, evaluations=4)
COMPILED = dataclasses.replace(CONFIG, compile=True)


def losses(name: str, config: TrainingConfig, **how) -> list[float]:
    torch._dynamo.reset()
    toy = toy_language(60, ragged=9)
    build = build_masked_lm if name == "pretrain" else build_classifier
    longest = int(toy.corpus.num_tokens().max())
    model = build(TINY, tokenizer=toy.tokenizer, num_tokens=longest, dropout=0.0, seed=0)
    names = [name for name, _ in model.named_parameters()]
    task = masked_task(toy) if name == "pretrain" else class_task(toy)
    result = train(task, model, config, context=CPU, **how)
    assert [name for name, _ in result.model.named_parameters()] == names
    return [one.train_loss for one in result.evaluations]


@pytest.fixture
def compiled_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Compile with a backend that runs the graph as it is, and count its calls."""
    calls: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list) -> torch.fx.GraphModule:
        def counted(*arguments):
            calls.append(1)
            return graph(*arguments)

        return counted

    real = torch.nn.Module.compile
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda self, **how: real(self, backend=backend, **how)
    )
    return calls


@pytest.mark.parametrize("name", ["pretrain", "finetune"])
def test_every_step_runs_the_compiled_graph_alone(name: str, compiled_calls: list[int]) -> None:
    plain = losses(name, CONFIG)
    assert not compiled_calls
    assert losses(name, COMPILED) == plain
    steps = -(-CONFIG.bases // (CONFIG.batch_size * 55))
    assert len(compiled_calls) >= steps


def test_a_compiled_training_resumes(compiled_calls: list[int], tmp_path) -> None:
    class Killed(Exception):
        pass

    def kill(done: int, total: int, bases: float, loss: float) -> None:
        if done == total // 2:
            raise Killed

    whole = losses("finetune", COMPILED)
    with pytest.raises(Killed):
        losses("finetune", COMPILED, state_dir=tmp_path, on_step=kill)
    before = len(compiled_calls)
    assert losses("finetune", COMPILED, state_dir=tmp_path) == whole
    assert len(compiled_calls) > before


def test_the_key_of_a_training_run_changes_only_if_it_is_compiled() -> None:
    fields = dataclasses.fields(TrainingConfig)
    before = {f.name: getattr(CONFIG, f.name) for f in fields if f.name != "compile"}
    assert content_key(CONFIG) == content_key(before)
    assert content_key(COMPILED) != content_key(CONFIG)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pretrain", "finetune"])
def test_compiled_kernels_give_the_losses_of_others(name: str) -> None:
    assert losses(name, COMPILED) == pytest.approx(losses(name, CONFIG), rel=1e-4)
