"""Kinds of models of transformers that have one more part, name or convention than BERT: read as they are, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dnasweep
import numpy as np
import pytest
import torch
from backbone_toys import SIZE
from dnasweep.errors import InputError
from dnasweep.genomics.allele_windows import Pair
from dnasweep.genomics.zero_shot import open_language_model
from dnasweep.models.encoder.forward import class_logits, masked_logits
from dnasweep.models.pretrained.any_head import load_any
from dnasweep.models.pretrained.encoder import describe
from dnasweep.tokens.loading import load_tokenizer
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    BartConfig,
    BartForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertLMHeadModel,
    BigBirdConfig,
    BigBirdForMaskedLM,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    EuroBertConfig,
    EuroBertForSequenceClassification,
    FunnelConfig,
    FunnelForSequenceClassification,
    FunnelModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MraConfig,
    MraForMaskedLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    RoFormerConfig,
    RoFormerForMaskedLM,
    XLNetConfig,
    XLNetLMHeadModel,
)

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
IDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
ROWS = ["ACGTTGCAAGGCTTAACC", "TTGCAAGG"]


def tokenizer(special: tuple[str, ...] = SPECIAL, **roles: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer of single bases, rows of which begin with [CLS] and end with [SEP]."""
    ids = {token: i for i, token in enumerate((*special, *"ACGTN"))}
    file = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    file.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    file.add_special_tokens(list(special))
    ends = [(token, ids[token]) for token in ("[CLS]", "[SEP]")]
    file.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=ends
    )
    named = {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=file, **named | roles)


def saved(
    folder: Path, kind: Any, config: Any, *, tokens: Any = None, seed: int = 0, **values: Any
) -> tuple[PreTrainedModel, Path]:
    """Return a model with random weights in evaluation mode, and the folder with it and its tokenizer."""
    tokens = tokenizer() if tokens is None else tokens
    torch.manual_seed(seed)
    model = kind(config(vocab_size=len(tokens), **values)).eval()
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return model, folder


def rewrite(folder: Path, *, drop: tuple[str, ...] = (), **settings: Any) -> None:
    found = json.loads((folder / "config.json").read_text()) | settings
    kept = {name: value for name, value in found.items() if name not in drop}
    (folder / "config.json").write_text(json.dumps(kept))


def ids_of(folder: Path, row: str) -> torch.Tensor:
    return torch.tensor(load_tokenizer(folder).encode([row]).ids[None].astype(np.int64))


def test_a_model_with_encoder_and_decoder_is_refused(tmp_path):
    size = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 32}
    size |= {"decoder_ffn_dim": 32, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    _, folder = saved(tmp_path, BartForSequenceClassification, BartConfig, **size, **IDS)
    model = dnasweep.load_model(folder)
    for use in (model.embed, model.predict):
        with pytest.raises(InputError, match="an encoder and a decoder") as error:
            use(ROWS, progress=False)
        assert "alone" in str(error.value.remedy)


FUNNEL = {"d_model": 32, "n_head": 2, "d_head": 8, "d_inner": 64, "block_sizes": [1, 1]}


def test_hidden_states_are_one_for_each_token_or_refused(tmp_path):
    model, folder = saved(tmp_path / "whole", FunnelModel, FunnelConfig, **FUNNEL)
    with torch.no_grad():
        expected = model(ids_of(folder, ROWS[0])).last_hidden_state[:, 1:-1].mean(1)
    with pytest.raises(InputError, match="not a bidirectional encoder"):
        describe(folder)
    found = dnasweep.load_model(folder).embed(ROWS[:1], progress=False)
    torch.testing.assert_close(torch.from_numpy(found), expected, atol=1e-5, rtol=1e-5)
    _, folder = saved(
        tmp_path / "base", FunnelForSequenceClassification, FunnelConfig, num_labels=2, **FUNNEL
    )
    with pytest.raises(InputError, match=r"hidden states for \d+ tokens"):
        dnasweep.load_model(folder).embed(ROWS, progress=False)


def test_stored_positions_are_no_missing_weights(tmp_path):
    model, folder = saved(tmp_path, MraForMaskedLM, MraConfig, **SIZE, **IDS)
    ids = ids_of(folder, ROWS[0])
    with torch.no_grad():
        expected = model(ids).logits
        assert torch.equal(load_any(folder)(ids).logits, expected)


@pytest.mark.parametrize("pooling", ["bos", "mean", "late"])
def test_the_pooling_of_a_eurobert_may_have_the_name_of_its_authors(pooling, tmp_path):
    size = SIZE | IDS | {"num_key_value_heads": 2, "mask_token_id": 4, "num_labels": 2}
    kind = EuroBertForSequenceClassification
    model, folder = saved(tmp_path, kind, EuroBertConfig, classifier_pooling=pooling, **size)
    rewrite(folder, drop=("classifier_pooling",), clf_pooling=pooling)
    ids = ids_of(folder, ROWS[0])
    with torch.no_grad():
        expected = model(ids).logits
        torch.testing.assert_close(class_logits(load_any(folder), ids, None), expected)


def test_a_gptneox_may_have_the_rotary_settings_of_its_authors(tmp_path):
    turned = {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.5}
    size = SIZE | IDS | {"max_position_embeddings": 64, "rope_parameters": turned}
    model, folder = saved(tmp_path, GPTNeoXForCausalLM, GPTNeoXConfig, **size)
    rewrite(folder, drop=("rope_parameters",), rotary_emb_base=500, rotary_pct=0.5)
    ids = ids_of(folder, ROWS[0])
    with torch.no_grad():
        torch.testing.assert_close(load_any(folder)(ids).logits, model(ids).logits)


@pytest.mark.parametrize(
    ("kind", "config", "values"),
    [
        (BertLMHeadModel, BertConfig, SIZE | IDS),
        (XLNetLMHeadModel, XLNetConfig, {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64}),
    ],
)
def test_a_class_of_causal_models_that_reads_ahead_has_no_likelihood(
    kind, config, values, tmp_path
):
    _, folder = saved(tmp_path, kind, config, **values | {"pad_token_id": 0})
    with pytest.raises(InputError, match="has read that base or later ones"):
        open_language_model(folder)
    assert dnasweep.load_model(folder).embed(ROWS, progress=False).shape == (2, 32)


@pytest.mark.parametrize("shared", [False, True])
def test_likelihoods_are_those_of_all_bases_after_the_first_token(shared, tmp_path):
    """One token may begin rows, end them and fill them up."""
    special = ("[CLS]", "[UNK]") if shared else ("[CLS]", "[UNK]", "[PAD]")
    ids = {token: i for i, token in enumerate((*special, *"ACGTN"))}
    file = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    file.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    file.add_special_tokens(list(special))
    file.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [CLS]", special_tokens=[("[CLS]", 0)]
    )
    pad = "[CLS]" if shared else "[PAD]"
    roles = {"bos_token": "[CLS]", "eos_token": "[CLS]", "pad_token": pad, "unk_token": "[UNK]"}
    tokens = PreTrainedTokenizerFast(tokenizer_object=file, **roles)
    values = SIZE | {"num_key_value_heads": 2, "pad_token_id": ids[pad]}
    values |= {"bos_token_id": 0, "eos_token_id": 0}
    model, folder = saved(tmp_path, LlamaForCausalLM, LlamaConfig, tokens=tokens, **values)
    pair = Pair("ACGTTGCA", "CCGTTGCA")
    found = open_language_model(folder).log_likelihoods([pair])[0]
    for text, value in zip(pair, found, strict=True):
        row = torch.tensor([[0, *(ids[base] for base in text)]])
        with torch.no_grad():
            logs = model(row).logits[0, :-1].double().log_softmax(-1)
        assert value == pytest.approx(float(logs.gather(1, row[0, 1:, None]).sum()), abs=1e-4)


def test_a_padding_token_at_the_end_of_rows_is_read_unless_its_id_tells_padding(tmp_path):
    tokens = tokenizer(("[SEP]", "[UNK]", "[CLS]", "[MASK]"), pad_token="[SEP]")
    values = SIZE | {"pad_token_id": 0}
    model, folder = saved(tmp_path / "bert", BertForMaskedLM, BertConfig, tokens=tokens, **values)
    ids = ids_of(folder, ROWS[0])
    with torch.no_grad():
        expected = model(ids).logits[0]
        found = masked_logits(load_any(folder), ids, None, torch.arange(ids.shape[1]))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    _, folder = saved(
        tmp_path / "roberta", RobertaForMaskedLM, RobertaConfig, tokens=tokens, **values
    )
    with pytest.raises(InputError, match="tell padding by its id"):
        load_any(folder)


@pytest.mark.parametrize(
    ("kind", "config", "values"),
    [
        (AlbertForMaskedLM, AlbertConfig, SIZE | {"embedding_size": 16}),
        (BigBirdForMaskedLM, BigBirdConfig, SIZE | {"block_size": 4, "num_random_blocks": 1}),
        (DebertaV2ForMaskedLM, DebertaV2Config, SIZE | {"relative_attention": True}),
        (DistilBertForMaskedLM, DistilBertConfig, {"dim": 32, "n_layers": 1, "n_heads": 2}),
        (ElectraForMaskedLM, ElectraConfig, SIZE | {"embedding_size": 16}),
        (RoFormerForMaskedLM, RoFormerConfig, SIZE),
    ],
)
def test_a_padding_token_that_trainers_leave_is_named_and_makes_no_difference(
    kind, config, values, tmp_path
):
    special = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
    tokens = tokenizer(special)
    model, folder = saved(tmp_path, kind, config, tokens=tokens, **values | {"pad_token_id": 0})
    with pytest.raises(InputError, match="says the padding token is 0") as error:
        load_any(folder)
    assert '"pad_token_id": 3' in str(error.value.remedy)
    rewrite(folder, pad_token_id=3)
    # The long row first: transformers' BigBird keeps to full attention after a short one.
    for row in (ROWS[0] * 4, ROWS[0]):
        ids = ids_of(folder, row)
        with torch.no_grad():
            expected = model(ids).logits
            found = load_any(folder)(ids).logits
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
