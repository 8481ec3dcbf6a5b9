"""Every kind of encoder gives a row the same values whatever is beside, before or behind it."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from backbone_toys import dnabert_kmers, save
from dnasweep.errors import InputError
from dnasweep.models.encoder.attention import first_token_attention
from dnasweep.models.encoder.capacity import UNBOUNDED, tokens_at_once
from dnasweep.models.encoder.forward import class_logits, masked_logits
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export, load_classifier, load_masked_lm
from dnasweep.models.pretrained.encoder import build_on_checkpoint, describe
from dnasweep.tokens.loading import load_tokenizer
from transformers import CONFIG_MAPPING, MODEL_FOR_MASKED_LM_MAPPING

SIZE = {
    "vocab_size": 69,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "embedding_size": 32,
}
FAMILIES = [
    "big_bird",
    "convbert",
    "data2vec-text",
    "deberta-v2",
    "distilbert",
    "esm",
    "fnet",
    "luke",
    "mobilebert",
    "modernbert",
    "mpnet",
    "nystromformer",
    "roberta-prelayernorm",
    "roformer",
    "xlm-roberta",
    "yoso",
]
SEQUENCES = ["ACGTTGCAGGCTAACTATAAAAGGC", "ACGTTGCAGG", "TTGACAGGCTAACTATAAAAGGCAA", "TTTACG"]


def encoder(family, directory, **settings):
    """Write a masked language model of a kind; every embedding counts, that of padding too."""
    kind = CONFIG_MAPPING[family]
    known = {field.name for field in dataclasses.fields(kind)} | set(kind.attribute_map)
    config = kind(**{n: v for n, v in (SIZE | settings).items() if n in known})
    torch.manual_seed(1)
    model = MODEL_FOR_MASKED_LM_MAPPING[kind](config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
        model.get_input_embeddings().weight[0] = 1.0
    return save(model, directory, dnabert_kmers())


def build(folder, num_tokens=30, **options):
    return build_on_checkpoint(
        folder,
        describe(folder),
        tokenizer=load_tokenizer(folder),
        num_tokens=num_tokens,
        dropout=0.0,
        seed=0,
        **options,
    ).eval()


def test_a_kind_with_a_head_of_two_classes_alone_learns_three(tmp_path):
    # DistilBERT's head for answers allows no other number.
    encoder("distilbert", tmp_path)
    assert build(tmp_path, num_labels=3).config.num_labels == 3


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_and_other_rows_change_no_value(family, tmp_path):
    folder = encoder(family, tmp_path / "encoder")
    tokenizer, model = load_tokenizer(folder), build(folder)
    alone = np.concatenate(
        [predict_probabilities(model, tokenizer, [s], device="cpu") for s in SEQUENCES]
    )
    for size in (2, 4):
        found = predict_probabilities(model, tokenizer, SEQUENCES, batch_size=size, device="cpu")
        np.testing.assert_allclose(found, alone, atol=1e-5)
    exported = export(model, tokenizer, tmp_path / "classifier")
    again = predict_probabilities(load_classifier(exported), tokenizer, SEQUENCES, device="cpu")
    np.testing.assert_allclose(again, alone, atol=1e-5)
    # Gradients, and the language model, see rows as they are too.
    rows = [tokenizer.encode([s]).ids for s in SEQUENCES[:2]]
    ids = torch.zeros(2, len(rows[0]), dtype=torch.long)
    for place, row in zip(ids, rows, strict=True):
        place[: len(row)] = torch.from_numpy(row)
    real = torch.arange(ids.shape[1]) < torch.tensor([[len(row)] for row in rows])
    class_logits(model, ids, real)[1].sum().backward()
    together = model.get_input_embeddings().weight.grad.clone()
    model.zero_grad()
    class_logits(model, ids[1:, : len(rows[1])], None).sum().backward()
    torch.testing.assert_close(
        together, model.get_input_embeddings().weight.grad, atol=1e-4, rtol=1e-3
    )
    language = load_masked_lm(folder)
    with torch.no_grad():
        both = masked_logits(language, ids, real, torch.tensor([2, ids.shape[1] + 3]))
        short = masked_logits(language, ids[1:, : len(rows[1])], None, torch.tensor([3]))
    torch.testing.assert_close(both[1:], short, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_as_long_as_the_model_reads_runs(family, tmp_path):
    folder = encoder(family, tmp_path / "encoder")
    held = describe(folder).max_tokens
    assert held is not None
    assert held < UNBOUNDED
    with torch.no_grad():
        ids = torch.arange(held)[None] % 60 + 5
        assert torch.isfinite(class_logits(build(folder), ids, None)).all()


def test_the_attention_of_a_bigbird_is_chosen_by_the_row_not_by_those_before(tmp_path):
    sizes = {"block_size": 4, "num_random_blocks": 1, "max_position_embeddings": 64}
    folder = encoder("big_bird", tmp_path / "encoder", **sizes)
    short, long = torch.arange(20)[None] % 60 + 5, torch.arange(48)[None] % 60 + 5
    with torch.no_grad():
        # transformers' own, fresh for each row: the definition.
        fresh = [build(folder).bert(ids).pooler_output for ids in (short, long)]
        full = encoder("big_bird", tmp_path / "full", **sizes, attention_type="original_full")
        assert (build(full).bert(long).pooler_output - fresh[1]).abs().max() > 1e-4
        model = build(folder)
        for ids, expected in (
            (short, fresh[0]),
            (long, fresh[1]),
            (short, fresh[0]),
            (long, fresh[1]),
        ):
            torch.testing.assert_close(model.bert(ids).pooler_output, expected)
        exported = export(model, load_tokenizer(folder), tmp_path / "classifier")
        expected = class_logits(build(folder), long, None)
        found = load_classifier(exported)
        class_logits(found, short, None)
        torch.testing.assert_close(class_logits(found, long, None), expected)
    assert json.loads((exported / "config.json").read_text())["attention_type"] == "block_sparse"


def test_a_bigbird_reads_whole_blocks(tmp_path):
    sizes = {"block_size": 4, "num_random_blocks": 1, "max_position_embeddings": 62}
    folder = encoder("big_bird", tmp_path / "sparse", **sizes)
    held = tokens_at_once(json.loads((folder / "config.json").read_text()))
    assert held == 60
    assert torch.isfinite(build(folder).bert(torch.arange(held)[None] % 60 + 5)[0]).all()
    full = encoder("big_bird", tmp_path / "full", **sizes, attention_type="original_full")
    assert tokens_at_once(json.loads((full / "config.json").read_text())) == 62


def test_a_bigbird_with_sparse_attention_has_random_blocks(tmp_path):
    folder = encoder("big_bird", tmp_path, attention_type="original_full", num_random_blocks=0)
    build(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"attention_type": "block_sparse"}))
    with pytest.raises(InputError, match="num_random_blocks is 0 with block_sparse attention"):
        build(folder)


def test_a_model_that_reads_one_length_only_is_refused(tmp_path):
    folder = encoder(
        "nystromformer", tmp_path / "encoder", num_landmarks=8, segment_means_seq_len=32
    )
    with pytest.raises(InputError, match="does not run on a row of a few tokens"):
        build(folder)


def test_attention_that_a_kind_does_not_tell_is_refused(tmp_path):
    model = build(encoder("fnet", tmp_path / "encoder"))
    with pytest.raises(InputError, match="does not return"):
        first_token_attention(model, torch.tensor([[2, 9, 30, 3]]), None, "last")
