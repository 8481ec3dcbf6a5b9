"""How often the host waits for the device: the whole table, by what is done.

A wait that is new makes a test fail, with the function that waits. Numbers do not depend on the number of
batches, except for models whose own code asks for lengths in every forward pass.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from device_toys import CONFIG, language, model_for, task_named
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ESTIMATOR_NAMES, ExplainConfig
from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.models.embedding import embed
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import load_classifier
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.loop import Loop
from dnasweep.models.training.rows import attention_mask
from dnasweep.tokens.corpus import collate
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.masking.scheme import SCHEMES
from golden_models import cases, inputs
from shap_toys import write_model
from standin import DEVICE, WAITS
from toys import toy_language, toy_sequences

STEP, LOOK, EVALUATION = 0, 1, 1
PREDICTION, EMBEDDING, LOG_ODDS = 1, 1, 1
EXPLANATION = {
    "adjusted_kernel": 2,
    "permutation": 2,
    "lime": 2,
    "attention": 3,
    "integrated_gradients": 4,
    "anchors": 5,
    "in_silico_mutagenesis": 9,
    "partition": 12,
}
"""Of four sequences at 80 evaluations: one for the values, one for the calls, and one for each round of a
search; in-silico mutagenesis has two for each sequence."""
FORWARD = {
    "dnabert2": (0, 0),
    "gena": (0, 1),
    "nt_v1": (1, 1),
    "nt_v2": (1, 1),
    "hyenadna": (5, 11),
    "caduceus": (5, 9),
}
"""Of a forward pass of a published model, without padding and with: transformers asks whether a mask hides
anything, and models that take no mask are given rows of one length."""


def number(waits: Counter) -> int:
    """Return how many there were, apart from the weights of a model that comes and goes."""
    moved = [
        count
        for (_, place), count in waits.items()
        if place.endswith((":predict_probabilities", ":embed"))
    ]
    return sum(waits.values()) - sum(moved)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(
    "name", [*SCHEMES, "binary", "multiclass", "multilabel", "regression", "token", "profile"]
)
def test_a_step_a_look_and_an_evaluation(name):
    toy = language(name)
    task = task_named(name, toy)
    context = DistributedContext(device=torch.device(DEVICE))
    loop = Loop(task, model_for(task, toy), CONFIG, context)
    try:
        loop.train_step()
        with WAITS.counted() as step:
            loop.train_step()
        with WAITS.counted() as look:
            loop.check_losses()
        with WAITS.counted() as evaluation:
            task.evaluate(loop.model, context, "fp32")
    finally:
        loop.close()
    assert sum(step.values()) == STEP, step
    assert sum(look.values()) == LOOK, look
    assert sum(evaluation.values()) == EVALUATION, evaluation


@pytest.mark.parametrize("name", ["random", "binary", "token"])
def test_steps_and_evaluations_of_batches_without_padding_wait_no_more(name):
    kmers = "kmer-3-overlap" if name == "token" else "kmer-3"
    toy = toy_language(60, spec=kmers, ragged=40)
    task = task_named(name, toy)
    context = DistributedContext(device=torch.device(DEVICE))
    loop = Loop(task, model_for(task, toy), CONFIG, context)
    try:
        packed = [
            batch.packed is not None
            for step in range(loop.schedule.steps_per_epoch)
            for batch in loop._make_batches(loop.masking_progress(step))
        ]
        assert any(packed)
        loop.train_step()
        with WAITS.counted() as steps:
            for _ in range(loop.schedule.steps_per_epoch):
                loop.train_step()
        loop.check_losses()
        with WAITS.counted() as evaluation:
            task.evaluate(loop.model, context, "fp32")
    finally:
        loop.close()
    assert sum(steps.values()) == STEP, steps
    assert sum(evaluation.values()) == EVALUATION, evaluation


@pytest.mark.parametrize("rows", [16, 256])
@pytest.mark.parametrize("estimator", ESTIMATOR_NAMES)
def test_an_explanation(model, estimator, rows):
    budget = None if estimator in ("attention", "in_silico_mutagenesis") else 80
    config = ExplainConfig(estimator=estimator, precision="fp32", max_evals=budget)
    explainer = Explainer(model, config, device=DEVICE, batch_rows=rows)
    with WAITS.counted() as waits:
        explainer.explain(toy_sequences(4))
    assert number(waits) == EXPLANATION[estimator], waits


@pytest.mark.parametrize("rows", [2, 64])
def test_predictions_embeddings_and_log_odds(model, rows):
    sequences = toy_sequences(30, ragged=40)
    with WAITS.counted() as waits:
        predict_probabilities(model, None, sequences, device=DEVICE, batch_size=rows)
    assert number(waits) == PREDICTION, waits
    classifier, tokenizer = load_classifier(model), load_tokenizer(model)
    with WAITS.counted() as waits:
        embed(classifier, tokenizer, sequences, device=DEVICE, batch_size=rows)
    assert number(waits) == EMBEDDING, waits
    values = SequenceValues(model, target="promoter", device=DEVICE, batch_rows=rows)
    with WAITS.counted() as waits:
        values.log_odds(sequences)
    assert number(waits) == LOG_ODDS, waits


@pytest.mark.parametrize("case", cases(*FORWARD))
def test_a_forward_pass_of_a_published_model(case):
    model, tokenizer = load_classifier(case / "classifier"), load_tokenizer(case / "classifier")
    torch.nn.Module.to(model, torch.device(DEVICE))
    corpus = tokenizer.encode(inputs(case)["sequences"])
    batch = collate(corpus, np.arange(len(corpus)), tokenizer.pad_id)
    mask = attention_mask(batch.lengths, batch.ids.shape[1])
    ids, mask = torch.from_numpy(batch.ids).to(DEVICE), mask.to(DEVICE)
    found = []
    with torch.inference_mode():
        for one, real in ((ids[:1, :9], None), (ids, mask)):
            with WAITS.counted() as waits:
                class_logits(model, one, real)
            found.append(sum(waits.values()))
    assert found[0] <= FORWARD[case.parent.name][0], waits
    assert found[1] <= FORWARD[case.parent.name][1], waits
