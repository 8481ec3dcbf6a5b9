"""Published families of models: their authors' numbers on the device, and a fine-tuning, as on the CPU."""

from __future__ import annotations

import device_toys
import numpy as np
import pytest
import torch
from device_toys import CONFIG, numbers
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.config import TuningConfig
from dnasweep.models.embedding import embed
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import load_classifier
from dnasweep.models.pretrained.encoder import build_on_checkpoint, describe
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import train
from dnasweep.models.training.trained_weights import tune
from dnasweep.tokens.loading import load_tokenizer
from golden_models import TOLERANCE, as_safetensors, cases, inputs
from safetensors.torch import load_file
from standin import DEVICE
from toys import ToyLanguage, toy_sequences

FAMILIES = ("dnabert2", "gena", "nt_v1", "nt_v2", "hyenadna", "caduceus")
DEVICES = ("cpu", DEVICE)


@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_classifiers_have_the_numbers_of_the_authors(case):
    model = load_classifier(case / "classifier")
    torch.nn.Module.to(model, torch.device(DEVICE))
    expected = load_file(case / "classifier" / "expected.safetensors")
    for i, ids in enumerate(inputs(case)["ids"]):
        if (value := expected.get(f"alone.{i}.logits")) is not None:
            with torch.inference_mode():
                found = model(input_ids=torch.tensor([ids]).to(DEVICE)).logits.cpu()
            torch.testing.assert_close(found, value, atol=TOLERANCE, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_rows_together_are_predicted_embedded_and_explained_as_on_the_cpu(case):
    folder, sequences = case / "classifier", inputs(case)["sequences"]
    here, there = (
        predict_probabilities(folder, None, sequences, device=device, dtype="fp32")
        for device in DEVICES
    )
    np.testing.assert_allclose(there, here, atol=1e-5)
    tokenizer = load_tokenizer(folder)
    here, there = (
        embed(load_classifier(folder), tokenizer, sequences, device=device, dtype="fp32")
        for device in DEVICES
    )
    np.testing.assert_allclose(there, here, atol=1e-4)
    estimators = ["permutation"] + ["integrated_gradients"] * (case.name != "ps")
    for estimator in estimators:
        config = ExplainConfig(estimator=estimator, value="logit", max_evals=100, precision="fp32")
        (a,), (b,) = (
            Explainer(folder, config, device=device).explain([sequences[0][:24]])
            for device in DEVICES
        )
        np.testing.assert_allclose(b.phi, a.phi, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_bf16_is_near_fp32(case):
    model = load_classifier(case / "classifier")
    ids = torch.tensor([inputs(case)["ids"][0]]).to(DEVICE)
    torch.nn.Module.to(model, torch.device(DEVICE))
    with torch.inference_mode():
        exact = class_logits(model, ids, None)
        with torch.autocast("standin", dtype=torch.bfloat16):
            rounded = class_logits(model, ids, None)
    difference = (rounded.float() - exact).abs().max().item()
    assert 0 < difference < 0.1 * max(1.0, exact.abs().max().item())


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_a_fine_tuning_is_that_of_the_cpu(case, tmp_path):
    source = as_safetensors(case / "checkpoint", tmp_path / "checkpoint")
    tokenizer = load_tokenizer(source)
    sequences = toy_sequences(32, window=40, ragged=6)
    rows = np.arange(32)
    toy = ToyLanguage(
        sequences, rows % 2, tokenizer, tokenizer.encode(sequences), rows[:24], rows[24:]
    )
    found = []
    for device in DEVICES:
        model = build_on_checkpoint(
            source, describe(source), tokenizer=tokenizer,
            num_tokens=int(toy.corpus.num_tokens().max()), dropout=0.0, seed=0,
        )  # fmt: skip
        tune(model, TuningConfig(method="lora", rank=2, alpha=4), seed=0)
        task = device_toys.class_task(toy)
        context = DistributedContext(device=torch.device(device))
        found.append(numbers(train(task, model, CONFIG, context=context)))
    np.testing.assert_allclose(*found, rtol=1e-3, atol=1e-3)
