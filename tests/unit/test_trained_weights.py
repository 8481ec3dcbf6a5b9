"""Which weights move: frozen encoders, low-rank additions and their targets, merging."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from dnasweep.config import ModelConfig, TrainingConfig, TuningConfig
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import train
from dnasweep.models.training.trained_weights import lora_targets, merge, num_trained, tune
from toys import TINY, class_task, toy_language

CPU = DistributedContext(device=torch.device("cpu"))
SIZES = {
    "roberta": TINY,
    "alibi": dataclasses.replace(TINY, positions="alibi"),
    "logo": dataclasses.replace(TINY, family="albert", embedding=16),
}
IDS = torch.tensor([[2, 6, 30, 8, 9, 51, 3], [2, 10, 9, 44, 7, 6, 3]])


@pytest.fixture(scope="module")
def toy():
    return toy_language(48)


def build(toy, size=TINY, dropout=0.0):
    return build_classifier(
        size, tokenizer=toy.tokenizer, num_tokens=22, dropout=dropout, seed=0
    ).eval()


@pytest.mark.parametrize("family", SIZES)
def test_additions_begin_as_nothing_and_merge_into_the_same_function(toy, family):
    model = build(toy, SIZES[family])
    names = list(model.state_dict())
    with torch.no_grad():
        before = class_logits(model, IDS, None)
        tune(model, TuningConfig.parse("lora-4-a8"), seed=3)
        torch.testing.assert_close(class_logits(model, IDS, None), before)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(generator=torch.Generator().manual_seed(1))
        tuned = class_logits(model, IDS, None)
        assert not torch.allclose(tuned, before, atol=1e-4)
        merge(model)
        assert list(model.state_dict()) == names
        torch.testing.assert_close(class_logits(model, IDS, None), tuned, atol=1e-6, rtol=1e-5)


def test_the_scale_is_alpha_over_rank(toy):
    model = build(toy)
    layer = "roberta.encoder.layer.0.attention.self.query"
    weight = model.get_submodule(layer).weight.detach().clone()
    tune(model, TuningConfig.parse("lora-4-a12@query"), seed=0)
    added = model.get_submodule(layer)
    with torch.no_grad():
        b, a = added.lora_B["default"].weight.normal_(), added.lora_A["default"].weight
        expected = weight + 12 / 4 * b @ a
    merge(model)
    torch.testing.assert_close(model.get_submodule(layer).weight, expected)


@pytest.mark.parametrize("method", ["probe", "lora-2"])
def test_training_moves_what_is_to_move_and_resumes_alike(toy, method, tmp_path):
    training = TrainingConfig(
        bases=6000, batch_size=16, micro_batch_size=8, evaluations=3, dropout=0.2
    )
    tuning = TuningConfig.parse(method)

    def run(**how):
        model = build(toy, dropout=0.2)
        tune(model, tuning, seed=0)
        return train(class_task(toy), model, training, context=CPU, **how).model

    start, whole = build(toy).state_dict(), run()
    stops = iter([True, False, False])
    run(state_dir=tmp_path, on_evaluation=lambda e: next(stops))
    resumed = run(state_dir=tmp_path)
    for (name, one), (_, other) in zip(
        whole.named_parameters(), resumed.named_parameters(), strict=True
    ):
        assert torch.equal(one, other), name
        plain = name.replace(".base_layer", "")
        if "lora" not in name and not name.startswith("classifier"):
            assert torch.equal(one, start[plain]), f"{name} was to stand still"
        elif "lora_A" not in name:
            assert plain not in start or not torch.equal(one, start[plain]), name
    moved, total = num_trained(whole)
    assert 0 < moved < total / 4
    state = next(tmp_path.iterdir()) / "tensors.safetensors"
    assert state.stat().st_size < 4 * 4 * total, "what is frozen is not kept"


def test_a_frozen_encoder_is_run_without_dropout(toy):
    model = build(toy, dropout=0.5)
    tune(model, TuningConfig(method="probe"), seed=0)
    model.train()
    first, second = (model.roberta(IDS).last_hidden_state for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(class_logits(model, IDS, None), class_logits(model, IDS, None))


@pytest.mark.parametrize(
    ("family", "spec", "expected"),
    [
        ("roberta", "lora-2", 4),
        ("roberta", "lora-2@attention.output.dense", 2),
        ("roberta", "lora-2@dense", 6),
        ("logo", "lora-2", 2),
        ("logo", "lora-2@ffn+ffn_output", 2),
    ],
)
def test_targets_are_the_ends_of_names(toy, family, spec, expected):
    found = lora_targets(build(toy, SIZES[family]), TuningConfig.parse(spec))
    assert len(found) == expected
    assert not any("classifier" in name or "pooler" in name for name in found)


def test_targets_that_match_nothing_are_refused_naming_what_there_is(toy):
    with pytest.raises(InputError, match=r"'uery' is not a linear .*attention\.self\.query"):
        lora_targets(build(toy), TuningConfig.parse("lora-2@uery"))
    with pytest.raises(InputError, match=r"'pooler' .*ffn_output"):
        lora_targets(build(toy, SIZES["logo"]), TuningConfig.parse("lora-2@query+pooler"))
    with pytest.raises(InputError, match="LoRA rank"):
        TuningConfig.parse("lora-0@query")
    assert ModelConfig.preset("tiny").family == "roberta"
