"""Families of models that transformers does not have: their authors' numbers, through the platform's own path."""

from __future__ import annotations

import dataclasses
import shutil

import dnasweep
import numpy as np
import pytest
import torch
from backbone_toys import labelled_rows
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.config import OptimizerConfig, TrainingConfig
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.errors import InputError
from dnasweep.models.embedding import embed
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.families.classes import classes_of
from dnasweep.models.families.registry import family_of
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import load_classifier, load_masked_lm
from dnasweep.models.pretrained.config_file import read_config
from dnasweep.models.pretrained.encoder import build_on_checkpoint, describe
from dnasweep.models.pretrained.model_class import load_model
from dnasweep.models.pretrained.settings import settings_of
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.stages.classifier import finetune
from dnasweep.stages.dataset import obtain_dataset
from dnasweep.stages.models import keep_model
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.stages.specs import PretrainedCheckpoint
from dnasweep.storage import Storage
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.recognition import candidate_configs
from golden_models import TOLERANCE, as_safetensors, cases, inputs, largest_difference
from transformers import AutoTokenizer

FAMILIES = ("dnabert2", "gena", "nt_v1", "nt_v2", "hyenadna", "caduceus")


@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_states_and_language_model_are_those_of_the_authors(case, tmp_path):
    folder = as_safetensors(case / "checkpoint", tmp_path / "checkpoint")
    config = read_config(folder)
    if case.parent.name == "hyenadna" or config.get("architectures") == ["BertModel"]:
        # HyenaDNA has a causal language model, and DNABERT-S none.
        with pytest.raises(InputError, match="not a masked language model"):
            load_masked_lm(folder)
        classes = classes_of(family_of(config))
        kind = classes.encoder if case.parent.name == "dnabert2" else classes.language_model
        model = load_model(kind, folder, settings_of(config, folder)).model.eval()
    else:
        model = load_masked_lm(folder)
    found = largest_difference(model, case, case / "expected.safetensors")
    assert {"hidden.last"} < set(found)
    assert max(found.values()) < TOLERANCE, found


@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_classifiers_are_those_of_the_authors(case):
    model = load_classifier(case / "classifier")
    found = largest_difference(model, case, case / "classifier" / "expected.safetensors")
    assert set(found) == {"logits"}
    assert max(found.values()) < TOLERANCE, found


@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_tokens_are_those_of_the_authors_and_show_every_base(case, tmp_path):
    tokenizer, asked = load_tokenizer(case / "checkpoint"), inputs(case)
    tokenizer.save(tmp_path)
    plain, again = AutoTokenizer.from_pretrained(tmp_path), load_tokenizer(tmp_path)
    for sequence, ids in zip(asked["sequences"], asked["ids"], strict=True):
        found = tokenizer.encode([sequence])
        # Where a family has no token at an end of its rows, padding stands, which is not read.
        assert found.ids[found.ids != tokenizer.pad_id].tolist() == ids
        starts, ends = found.starts[1:-1], found.ends[1:-1]
        assert starts.tolist() == [0, *ends[:-1].tolist()]
        assert ends[-1] == len(sequence)
        assert plain(sequence)["input_ids"] == ids
        assert np.array_equal(again.encode([sequence]).ids, found.ids)
        # What is written in lower case, or with U, is the same DNA.
        assert np.array_equal(tokenizer.encode([sequence.lower()]).ids, found.ids)


@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_rows_of_the_platform_give_the_same_numbers_alone_and_together(case):
    folder, sequences = case / "classifier", inputs(case)["sequences"]
    model, tokenizer = load_classifier(folder), load_tokenizer(folder)
    raw = inputs(case)["ids"]
    with torch.no_grad():
        expected = torch.cat([model(input_ids=torch.tensor([ids])).logits for ids in raw])
        rows = [tokenizer.encode([sequence]).ids.astype(np.int64) for sequence in sequences]
        alone = [class_logits(model, torch.from_numpy(row)[None], None) for row in rows]
    torch.testing.assert_close(torch.cat(alone), expected, atol=1e-5, rtol=1e-5)
    together = predict_probabilities(folder, None, sequences, batch_size=len(sequences))
    single = predict_probabilities(folder, None, sequences, batch_size=1)
    np.testing.assert_allclose(together, expected.double().softmax(-1), atol=1e-5)
    np.testing.assert_allclose(single, together, atol=1e-5)
    vectors = embed(model, tokenizer, sequences, batch_size=2)
    one_by_one = np.concatenate([embed(model, tokenizer, [one]) for one in sequences])
    np.testing.assert_allclose(vectors, one_by_one, atol=1e-4)


@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_a_model_is_fine_tuned_saved_predicts_and_is_explained(case, tmp_path):
    source = as_safetensors(case / "checkpoint", tmp_path / "checkpoint")
    table = labelled_rows(24)
    table.to_csv(tmp_path / "rows.csv", index=False)
    storage = Storage(tmp_path / "runs")
    key, _ = obtain_dataset(storage, DatasetConfig(data=(str(tmp_path / "rows.csv"),)))
    names = tuple(one.name for one in candidate_configs(source))
    checkpoint = PretrainedCheckpoint(
        name="golden", key=keep_model(storage, source), tokenizers=names, model=describe(source)
    )
    recipe = Recipe(
        dataset=key,
        species=(),
        checkpoints=(checkpoint,),
        finetuning=TrainingConfig(
            bases=800, batch_size=8, micro_batch_size=8, evaluations=1,
            optimizer=OptimizerConfig(learning_rate=1e-3),
        ),
    )  # fmt: skip
    spec = recipe.expand(Cell(checkpoint="golden", learning_rate=1e-3, tuning="lora-2"))
    outcome = finetune(storage, spec, context=DistributedContext(device=torch.device("cpu")))
    assert outcome.outcome in ("completed", "collapsed")
    folder = storage.find(spec.kind, spec.key) / CHECKPOINT
    sequences = table["sequence"].tolist()[:3]
    probabilities = predict_probabilities(folder, None, sequences)
    # The folder of a trial opens by itself, and with transformers' own way to read it.
    opened = dnasweep.load_model(shutil.copytree(folder, tmp_path / "elsewhere"))
    found = opened.predict(sequences, progress=False).filter(like="probability").to_numpy()
    np.testing.assert_allclose(found, probabilities, atol=1e-6)
    kind = type(load_classifier(folder))
    plain = kind.from_pretrained(folder).eval()
    rows = [opened.tokenizer.encode([one]).ids.astype(np.int64) for one in sequences]
    rows = [row[row != opened.tokenizer.pad_id] for row in rows]
    with torch.no_grad():
        logits = torch.cat([plain(input_ids=torch.from_numpy(row)[None]).logits for row in rows])
    np.testing.assert_allclose(logits.double().softmax(-1), probabilities, atol=1e-6)
    total = explained(folder, "partition", sequences[0])
    assert total < 1e-5
    if case.name == "ps":
        with pytest.raises(InputError, match="as its complement"):
            explained(folder, "integrated_gradients", sequences[0])
    else:
        assert explained(folder, "integrated_gradients", sequences[0]) < 0.5


def explained(folder, estimator: str, sequence: str) -> float:
    """Return how far the attributions are from the difference that they explain, relative to it."""
    config = ExplainConfig(estimator=estimator, value="logit", max_evals=40)
    (one,) = Explainer(folder, config).explain([sequence])
    assert one.starts[0] == 0
    assert one.ends[-1] == len(sequence)
    total = one.prediction - one.base_value
    return abs(float(one.phi.sum()) - total) / max(1.0, abs(total))


@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_a_head_is_new_and_the_encoder_is_that_of_the_files(case, tmp_path):
    source = as_safetensors(case / "checkpoint", tmp_path / "checkpoint")
    size, tokenizer = describe(source), load_tokenizer(source)
    common = {"tokenizer": tokenizer, "num_tokens": 8, "dropout": 0.0}
    one, other = (build_on_checkpoint(source, size, **common, seed=seed) for seed in (0, 1))
    same = {
        name: torch.equal(value, other.state_dict()[name])
        for name, value in one.state_dict().items()
    }
    fresh = [name for name, equal in same.items() if not equal]
    assert fresh
    assert all(name.startswith(("classifier.", "bert.pooler.", "score.")) for name in fresh)


@pytest.mark.parametrize("case", cases("dnabert2", "gena", "nt_v2"))
def test_windows_and_pools_run(case, tmp_path):
    source = as_safetensors(case / "checkpoint", tmp_path / "checkpoint")
    tokenizer = load_tokenizer(source)
    for windows in ("log-odds", "hidden"):
        size = dataclasses.replace(describe(source), windows=windows, max_tokens=12)
        model = build_on_checkpoint(
            source, size, tokenizer=tokenizer, num_tokens=40, dropout=0.0, seed=0
        ).eval()
        found = predict_probabilities(model, tokenizer, inputs(case)["sequences"])
        assert np.isfinite(found).all()
