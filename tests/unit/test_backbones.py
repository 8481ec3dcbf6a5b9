"""Pretrained checkpoints: loaded, fine-tuned whole and in part, exported as plain models again."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from backbone_toys import SIZE, dnabert, dnabert_kmers, labelled_rows, save
from dnasweep.config import ModelConfig, OptimizerConfig, TrainingConfig, TuningConfig
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.errors import InputError
from dnasweep.models.encoder.forward import class_logits, masked_logits
from dnasweep.models.pretrained.checkpoint import export, load_classifier, load_masked_lm
from dnasweep.models.pretrained.encoder import build_on_checkpoint, describe
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.stages.classifier import finetune
from dnasweep.stages.dataset import load_dataset, obtain_dataset
from dnasweep.stages.models import keep_model
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.stages.specs import PretrainedCheckpoint
from dnasweep.storage import Storage
from dnasweep.tokens.loading import load_tokenizer
from prediction_toys import predict_table
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    EsmConfig,
    EsmForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    RobertaConfig,
    RobertaForMaskedLM,
)

CPU = DistributedContext(device=torch.device("cpu"))
VOCABULARY = {"vocab_size": 69, "max_position_embeddings": 64, "pad_token_id": 0}
FAMILIES = {
    "bert": lambda: BertForMaskedLM(BertConfig(**VOCABULARY, **SIZE)),
    "roberta": lambda: RobertaForMaskedLM(RobertaConfig(**VOCABULARY, **SIZE)),
    "esm": lambda: EsmForMaskedLM(
        EsmConfig(
            **VOCABULARY,
            **SIZE,
            mask_token_id=4,
            token_dropout=True,
            position_embedding_type="rotary",
        )
    ),
    "albert": lambda: AlbertForMaskedLM(AlbertConfig(**VOCABULARY, **SIZE, embedding_size=16)),
    "electra": lambda: ElectraForMaskedLM(ElectraConfig(**VOCABULARY, **SIZE, embedding_size=32)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return dnabert(tmp_path_factory.mktemp("models") / "dnabert")


@pytest.fixture(scope="module")
def trials(folder, tmp_path_factory):
    """A storage with labelled data, and the specification of a trial that starts from DNABERT."""
    root = tmp_path_factory.mktemp("storage")
    labelled_rows().to_csv(root / "rows.csv", index=False)
    storage = Storage(root / "runs")
    key, _ = obtain_dataset(storage, DatasetConfig(data=(str(root / "rows.csv"),)))
    backbone = PretrainedCheckpoint(
        name="dnabert",
        key=keep_model(storage, folder),
        tokenizers=("kmer-3-overlap", "kmer-3"),
        model=describe(folder),
    )
    recipe = Recipe(
        dataset=key,
        species=(),
        checkpoints=(backbone,),
        finetuning=TrainingConfig(
            bases=8000,
            batch_size=16,
            micro_batch_size=16,
            evaluations=2,
            dropout=0.1,
            optimizer=OptimizerConfig(learning_rate=5e-3),
        ),
    )
    return storage, lambda **axes: recipe.expand(
        Cell(checkpoint="dnabert", learning_rate=5e-3, **axes)
    )


def ids_of(rows: int = 4, tokens: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids, the second row padded, and which are real."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(5, 69, (rows, tokens), generator=generator)
    ids[:, 0], ids[:, -1] = 2, 3
    attention = torch.ones_like(ids, dtype=torch.bool)
    attention[1, 15:], ids[1, 15:], ids[1, 14] = False, 0, 3
    return ids, attention


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_taken_over_run_and_written_as_plain_transformers(family, tmp_path):
    torch.manual_seed(3)
    original = FAMILIES[family]().eval()
    folder = save(original, tmp_path / "original", dnabert_kmers())
    tokenizer, size = load_tokenizer(folder), describe(folder)
    assert (size.family, size.layers, size.hidden) == (family, 2, 32)
    model = build_on_checkpoint(
        folder, size, tokenizer=tokenizer, num_tokens=20, dropout=0.1, seed=1, label_names="ab"
    ).eval()
    theirs = original.base_model.state_dict()
    shared = [name for name in model.base_model.state_dict() if name in theirs]
    assert len(shared) > 20
    assert all(torch.equal(model.base_model.state_dict()[n], theirs[n]) for n in shared)
    ids, attention = ids_of()
    with torch.no_grad():
        ours = class_logits(model, ids, attention)
        alone = class_logits(model, ids[1:2, :15], None)
        exported = export(model, tokenizer, tmp_path / "exported")
        plain = AutoModelForSequenceClassification.from_pretrained(exported)
        expected = plain(input_ids=ids, attention_mask=attention.long()).logits
        torch.testing.assert_close(ours, expected, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(alone, ours[1:2], atol=1e-6, rtol=1e-5)
        assert torch.equal(class_logits(load_classifier(exported), ids, attention), ours)
        positions = torch.tensor([3, 21, 45])
        full = original(input_ids=ids, attention_mask=attention.long()).logits.flatten(0, 1)
        found = masked_logits(load_masked_lm(folder), ids, attention, positions)
        torch.testing.assert_close(found, full[positions], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("tuning", ["full", "probe", "lora-4", "lora-2-a2@dense+key"])
def test_a_trial_from_dnabert_is_a_plain_model_in_the_end(trials, folder, tuning):
    storage, spec_of = trials
    spec = spec_of(tuning=tuning)
    outcome = finetune(storage, spec, context=CPU)
    assert outcome.outcome in ("completed", "collapsed")
    checkpoint = storage.find(spec.kind, spec.key) / CHECKPOINT
    names = set(load_classifier(checkpoint).state_dict())
    assert not any("lora" in name or "base_layer" in name for name in names)
    config = json.loads((checkpoint / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["id2label"] == {"0": "negative", "1": "positive"}
    # Reloaded by transformers alone, text to probability, it says what our prediction says.
    table = load_dataset(storage, spec.tokenizer.dataset).table
    ours = predict_table(checkpoint, table)["probability_positive"].to_numpy()
    tokens = AutoTokenizer.from_pretrained(checkpoint)(
        table["sequence"].tolist(), padding=True, return_tensors="pt"
    )
    assert tokens["input_ids"][0].tolist()[1:-1] == [
        dnabert_kmers().index(table["sequence"][0][i : i + 3]) for i in range(38)
    ]
    plain = AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()
    with torch.no_grad():
        theirs = plain(**tokens).logits.softmax(-1)[:, 1].numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    # What is to stand still has stood still; what is to move has moved.
    before, after = AutoModel.from_pretrained(folder).state_dict(), plain.bert.state_dict()
    moved = {n for n in after if "pooler" not in n and not torch.equal(after[n], before[n])}
    if tuning == "full":
        assert len(moved) > 20
    elif tuning == "probe":
        assert not moved
    elif tuning == "lora-4":
        assert moved == {
            f"encoder.layer.{i}.attention.self.{part}.weight"
            for i in (0, 1)
            for part in ("query", "value")
        }
    else:
        assert all(n.endswith(("dense.weight", "key.weight")) for n in moved)
        assert len(moved) == 8
    if tuning != "full":
        assert 0 < outcome.facts["moving_parameters"] < outcome.facts["parameters"]


def test_fine_tuning_learns(trials):
    storage, spec_of = trials
    outcome = finetune(storage, spec_of(tuning="full"), context=CPU)
    assert outcome.history[-1]["train_loss"] < outcome.history[0]["train_loss"]


def test_a_cell_takes_the_models_tokenizer_and_size(trials):
    _, spec_of = trials
    spec = spec_of(tokenizer="bpe-512", species_set="human", preset="small")
    assert spec.tokenizer.config.name == "kmer-3-overlap"
    assert spec.encoder is None
    assert (spec.model.family, spec.model.hidden, spec.model.max_tokens) == ("bert", 32, 64)
    assert spec.key == spec_of().key
    assert spec_of(tokenizer="kmer-3").tokenizer.config.name == "kmer-3"
    assert spec_of(tokenizer="kmer-3").key != spec.key
    assert dataclasses.replace(spec, checkpoint=None).key != spec.key


def test_the_same_model_has_the_same_key_and_another_vocabulary_another(folder, tmp_path):
    storage = Storage(tmp_path / "runs")
    key = keep_model(storage, folder)
    copy = dnabert(tmp_path / "copy")
    assert keep_model(storage, copy) == key
    kmers = dnabert_kmers()
    (copy / "vocab.txt").write_text("\n".join([*kmers[:5], *kmers[5:][::-1]]) + "\n")
    assert keep_model(storage, copy) != key


def test_weights_of_another_architecture_are_refused(folder, tmp_path):
    # As DNABERT-2 has them: a BERT by its config, with layers of its own.
    model = BertForMaskedLM(BertConfig(**VOCABULARY, **SIZE))
    state = {n.replace("self.query", "self.Wqkv"): v for n, v in model.state_dict().items()}
    model.save_pretrained(tmp_path, state_dict=state)
    (tmp_path / "vocab.txt").write_text((folder / "vocab.txt").read_text())
    tokenizer = load_tokenizer(tmp_path)
    with pytest.raises(InputError, match=r"query.* missing .*DNABERT-2"):
        build_on_checkpoint(
            tmp_path,
            describe(tmp_path),
            tokenizer=tokenizer,
            num_tokens=9,
            dropout=0.0,
            seed=0,
        )


def test_models_that_transformers_does_not_run_or_that_are_no_encoders_are_refused(tmp_path):
    config = GPT2Config(vocab_size=69, n_embd=32, n_layer=1, n_head=2, n_positions=64)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt")
    with pytest.raises(InputError, match="gpt2 model is not a bidirectional encoder"):
        describe(tmp_path / "gpt")
    own = dnabert(tmp_path / "own")
    settings = json.loads((own / "config.json").read_text())
    settings |= {"model_type": "stripedhyena", "auto_map": {"AutoConfig": "configuration.Own"}}
    (own / "config.json").write_text(json.dumps(settings))
    (own / "configuration.py").write_text("raise SystemExit('this must never run')\n")
    with pytest.raises(InputError, match=r"'stripedhyena', and code .* never run"):
        describe(own)


def test_a_vocabulary_larger_than_the_model_or_of_another_padding_is_refused(folder, tmp_path):
    larger = save(FAMILIES["bert"](), tmp_path / "a", [*dnabert_kmers(), *"ATCG"])
    common = {"num_tokens": 9, "dropout": 0.0, "seed": 0}
    with pytest.raises(InputError, match="ids up to 72 and the model has 69"):
        build_on_checkpoint(larger, describe(larger), tokenizer=load_tokenizer(larger), **common)
    kmers = dnabert_kmers()
    swapped = save(FAMILIES["bert"](), tmp_path / "b", [kmers[1], kmers[0], *kmers[2:]])
    with pytest.raises(InputError, match="padding token is 0, the tokenizer 1") as caught:
        build_on_checkpoint(
            swapped, describe(swapped), tokenizer=load_tokenizer(swapped), **common
        )
    # What the remedy says where a trainer has left BERT's default.
    assert '"pad_token_id": 1 in config.json' in str(caught.value.remedy)
    settings = json.loads((swapped / "config.json").read_text()) | {"pad_token_id": 1}
    (swapped / "config.json").write_text(json.dumps(settings))
    build_on_checkpoint(swapped, describe(swapped), tokenizer=load_tokenizer(swapped), **common)
    with pytest.raises(InputError, match="70 tokens, but the model reads at most 64"):
        build_on_checkpoint(
            folder,
            describe(folder),
            tokenizer=load_tokenizer(folder),
            **(common | {"num_tokens": 70}),
        )


def test_tuning_names_are_one_configuration():
    assert TuningConfig.parse("lora-2@dense+key").targets == ("dense", "key")
    assert ModelConfig.preset("tiny-alibi").positions == "alibi"
