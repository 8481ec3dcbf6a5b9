"""The field's architectures against definitions: what they reduce to, and what must not change a value."""

from __future__ import annotations

import itertools
import json
import re
from functools import partial

import numpy as np
import pytest
import torch
from dnasweep.config import TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.models.encoder.attention import first_token_attention
from dnasweep.models.families import scan_kernels, sequential_scan
from dnasweep.models.families.caduceus import (
    CaduceusConfig,
    CaduceusForMaskedLM,
    CaduceusForSequenceClassification,
)
from dnasweep.models.families.classes import classes_of
from dnasweep.models.families.dnabert2 import DnaBert2Config, DnaBert2ForSequenceClassification
from dnasweep.models.families.gena import (
    GenaConfig,
    GenaForMaskedLM,
    GenaForSequenceClassification,
)
from dnasweep.models.families.hyenadna import HyenaDnaConfig, HyenaDnaForSequenceClassification
from dnasweep.models.families.hyenadna_filter import long_convolution
from dnasweep.models.families.nucleotide_transformer import (
    NucleotideTransformerConfig,
    NucleotideTransformerForSequenceClassification,
)
from dnasweep.models.families.registry import FAMILIES, recognise
from dnasweep.models.families.selective_scan import associative_scan
from dnasweep.models.pretrained.model_class import prepare
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.tokenizers import fit
from family_sizes import LETTERS, SIZE
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForMaskedLM

COMPLEMENTS = {"7": 10, "8": 9, "9": 8, "10": 7}
MODELS = {
    "dnabert2": lambda: DnaBert2ForSequenceClassification(
        DnaBert2Config(**SIZE | {"pad_token_id": 0})
    ),
    "gena": lambda: GenaForSequenceClassification(GenaConfig(**SIZE)),
    "nucleotide transformer": lambda: NucleotideTransformerForSequenceClassification(
        NucleotideTransformerConfig(**SIZE, position_embedding_type="rotary")
    ),
    "hyenadna": lambda: HyenaDnaForSequenceClassification(
        HyenaDnaConfig(**LETTERS, d_inner=32, filter_order=8, pad_token_id=3)
    ),
    "caduceus": lambda: CaduceusForSequenceClassification(
        CaduceusConfig(**LETTERS, complement_map=COMPLEMENTS, pad_token_id=3)
    ),
    "caduceus, both strands": lambda: CaduceusForSequenceClassification(
        CaduceusConfig(**LETTERS, complement_map=COMPLEMENTS, pad_token_id=3, rcps=True)
    ),
}


def shaken(model):
    """Return a model whose weights are all random, so that none is a neutral element."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith((".t", ".deltas")):
                buffer.add_(torch.rand_like(buffer))
    prepare(model)
    return model.eval()


@pytest.mark.parametrize("name", MODELS)
def test_a_row_has_one_value_whatever_it_is_padded_with_and_stands_beside(name):
    model = shaken(MODELS[name]())
    torch.manual_seed(1)
    ids = torch.randint(7, 11, (3, 40))
    lengths = torch.tensor([40, 23, 23])
    mask = (torch.arange(40) < lengths[:, None]).long()
    ids[mask == 0] = 3
    with torch.no_grad():
        together = model(input_ids=ids, attention_mask=mask).logits
        for i, length in enumerate(lengths.tolist()):
            alone = model(input_ids=ids[i : i + 1, :length]).logits[0]
            torch.testing.assert_close(alone, together[i], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(together[1], together[2])


@pytest.mark.parametrize("name", ["nucleotide transformer", "hyenadna", "caduceus"])
def test_padding_at_the_ends_of_rows_is_not_read(name):
    model = shaken(MODELS[name]())
    ids = torch.randint(7, 11, (2, 12))
    padding = torch.full((2, 1), 3)
    # The first token of a Nucleotide Transformer is its own.
    before = [] if name == "nucleotide transformer" else [padding]
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        framed = model(input_ids=torch.cat([*before, ids, padding], 1)).logits
    torch.testing.assert_close(framed, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_every_weight_that_is_used_learns(name):
    model = shaken(MODELS[name]()).train()
    model(input_ids=torch.randint(7, 11, (2, 90))).logits.square().sum().backward()
    unused = ("contact_head", "position_embeddings", "token_type", "embeddings.word")
    silent = [
        n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ]
    assert [n for n in silent if not any(part in n for part in (*unused, "key.bias"))] == []


def test_gena_that_normalises_behind_is_bert():
    settings = dict(SIZE)
    bert = BertForMaskedLM(BertConfig(**settings)).eval()
    gena = GenaForMaskedLM(GenaConfig(**settings, pre_layer_norm=False)).eval()
    gena.load_state_dict(bert.state_dict())
    ids = torch.randint(5, 24, (2, 30))
    mask = torch.ones_like(ids)
    mask[1, 20:] = 0
    with torch.no_grad():
        found, expected = (m(input_ids=ids, attention_mask=mask).logits for m in (gena, bert))
    torch.testing.assert_close(found, expected)


def test_whether_gena_normalises_last_follows_from_its_settings():
    for before, last, expected in ((True, None, True), (True, False, False), (False, None, False)):
        config = GenaConfig(**SIZE, pre_layer_norm=before, last_layer_norm=last)
        names = GenaForMaskedLM(config).state_dict()
        assert ("bert.encoder.last_layer_ln.weight" in names) == expected


def recurrence(x, dt, a, b, c):
    """What Mamba defines, as it is written."""
    state, outputs = torch.zeros(len(x), *a.shape, dtype=x.dtype), []
    for t in range(x.shape[1]):
        step = dt[:, t, :, None]
        state = torch.exp(step * a) * state + step * b[:, t, None, :] * x[:, t, :, None]
        outputs.append((state * c[:, t, None, :]).sum(-1))
    return torch.stack(outputs, 1)


def scan_inputs(rows, tokens, channels, states, dtype=torch.float32):
    """Inputs of the recurrence of which a gradient is asked."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(rows, tokens, channels)] * 2 + [(channels, states)] + [(rows, tokens, states)] * 2
    x, dt, a, b, c = (torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes)
    return [part.requires_grad_() for part in (x, dt.abs(), -a.abs(), b, c)]


@pytest.mark.parametrize(("rows", "tokens"), [(2, 13), (1, 1), (3, 70)])
@pytest.mark.parametrize("size", [1, 12 * 5, 1 << 17])
@pytest.mark.parametrize("threads", [1, 2])
def test_both_scans_are_the_recurrence_and_so_are_their_gradients(
    rows, tokens, size, threads, monkeypatch
):
    monkeypatch.setattr(sequential_scan, "NUMBERS", size)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    exact = scan_inputs(rows, tokens, channels=3, states=4, dtype=torch.float64)
    inputs = [part.detach().float().requires_grad_() for part in exact]
    expected = recurrence(*exact)
    weights = torch.randn(expected.shape, dtype=torch.float64)
    gradients = [g.float() for g in torch.autograd.grad((expected * weights).sum(), exact)]
    expected, weights = expected.float(), weights.float()
    near = partial(torch.testing.assert_close, atol=2e-5, rtol=2e-5)
    scans = (sequential_scan.sequential_scan, partial(associative_scan, chunk=max(size % 64, 1)))
    for scan in scans:
        found = scan(*inputs)
        near(found, expected)
        near(list(torch.autograd.grad((found * weights).sum(), inputs)), gradients)
        with torch.no_grad():
            near(scan(*inputs), expected)


@pytest.mark.parametrize("place", range(5))
def test_what_is_not_a_number_is_not_lost_in_the_scan(place):
    inputs = [part.detach() for part in scan_inputs(1, 9, channels=3, states=4)]
    inputs[place].view(-1)[0] = float("nan")
    assert sequential_scan.sequential_scan(*inputs).isnan().any()


def test_the_exponential_of_the_scan_is_right_at_all_sizes():
    powers = np.concatenate([-np.logspace(-8, 1.5, 500), [0.0, 1.0, 80.0]]).astype(np.float32)
    found = np.array([scan_kernels.exp(power) for power in powers])
    np.testing.assert_allclose(found, np.exp(powers.astype(float)), rtol=4e-6)
    assert scan_kernels.exp(np.float32(-1e9)) < 1e-37
    assert scan_kernels.exp(np.float32(1e9)) == np.inf


def test_the_scan_holds_over_ten_thousand_tokens_in_single_precision():
    inputs = [part.detach() for part in scan_inputs(1, 10_000, channels=4, states=8)]
    exact = recurrence(*(part.double() for part in inputs))
    for scan in (sequential_scan.sequential_scan, associative_scan):
        error = (scan(*inputs).double() - exact).abs().max() / exact.abs().max()
        assert error < 1e-5


def test_the_long_convolution_is_the_causal_one():
    x, kernel = torch.randn(2, 3, 17), torch.randn(3, 17)
    expected = torch.stack(
        [sum(kernel[:, s] * x[:, :, t - s] for s in range(t + 1)) for t in range(17)], -1
    )
    torch.testing.assert_close(long_convolution(x, kernel), expected, atol=1e-5, rtol=1e-5)


def test_a_row_and_its_reverse_complement_have_the_same_logits_with_both_strands():
    model = shaken(MODELS["caduceus, both strands"]())
    ids = torch.randint(7, 11, (3, 50))
    there = torch.tensor([0, 1, 2, 3, 4, 5, 6, 10, 9, 8, 7])[ids].flip(1)
    with torch.no_grad():
        torch.testing.assert_close(model(input_ids=ids).logits, model(input_ids=there).logits)
        ph = shaken(MODELS["caduceus"]())
        assert not torch.allclose(ph(input_ids=ids).logits, ph(input_ids=there).logits)
    config = CaduceusConfig(**LETTERS, complement_map=COMPLEMENTS, rcps=True)
    language_model = shaken(CaduceusForMaskedLM(config))
    with torch.no_grad():
        ahead, back = (language_model(input_ids=one).logits for one in (ids, there))
    swapped = back.flip(1)[..., [0, 1, 2, 3, 4, 5, 6, 10, 9, 8, 7, 11, 12, 13, 14, 15]]
    torch.testing.assert_close(ahead, swapped, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_settings_and_weights_have_to_be_of_one_family(family, tmp_path):
    classes = classes_of(family)
    config = classes.config().to_dict()
    assert config["model_type"] == family.model_type
    with pytest.raises(InputError, match=f"config.json describes {family.name}, but the weights"):
        recognise(config, ["bert.embeddings.word_embeddings.weight"], tmp_path)
    with torch.device("meta"):
        names = list(classes.encoder(classes.config(**_smaller(family))).state_dict())
    if family.name != "Nucleotide Transformer v2":
        with pytest.raises(InputError, match=f"those of {family.name} .* describes another model"):
            recognise({"model_type": "bert"}, names, tmp_path)
    assert recognise({"model_type": "bert"}, ["bert.pooler.dense.weight"], tmp_path) is None


def _smaller(family) -> dict:
    letters = family.name in ("HyenaDNA", "Caduceus")
    return dict(LETTERS if letters else SIZE)


def test_greedy_kmers_begin_anew_after_a_letter_that_is_no_base():
    tokenizer = fit(TokenizerConfig.parse("greedy-6"), [])
    sequences = ["ACGTNACGTTG", "ACGTTGACGNNACGTTGA", "", "N", "acgtugx", "ACGTTGACGTTG"]
    cut = []
    for sequence in sequences:
        encoded = tokenizer.encode([sequence])
        spans = zip(encoded.starts[1:-1], encoded.ends[1:-1], strict=True)
        cut.append([sequence[a:b] for a, b in spans])
        assert tokenizer.tokenizer.encode(sequence).ids == encoded.ids.tolist()
    assert cut == [
        ["A", "C", "G", "T", "N", "ACGTTG"],
        ["ACGTTG", "A", "C", "G", "N", "N", "ACGTTG", "A"],
        [],
        ["N"],
        ["acgtug", "x"],
        ["ACGTTG", "ACGTTG"],
    ]
    together = tokenizer.encode(sequences)
    alone = np.concatenate([tokenizer.encode([one]).ids for one in sequences])
    assert np.array_equal(together.ids, alone)
    ids, offsets = tokenizer.encode_windows("ACGTNACGTTGACG", np.array([0, 3]), 10)
    parts = [tokenizer.encode([text]).ids for text in ("ACGTNACGTT", "TNACGTTGAC")]
    assert [ids[a:b].tolist() for a, b in itertools.pairwise(offsets)] == [
        part.tolist() for part in parts
    ]


def test_a_run_of_n_is_one_token_with_all_its_bases(tmp_path):
    merges = [("A", "C"), ("G", "T"), ("T", "A"), ("C", "G"), ("G", "A"), ("T", "T")]
    letters = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "-", *"ACGNT"]
    ids = {token: i for i, token in enumerate([*letters, *map("".join, merges)])}
    file = Tokenizer(models.BPE(ids, merges, unk_token="[UNK]"))
    file.normalizer = normalizers.Replace(Regex("N{10,}"), "-")
    file.pre_tokenizer = pre_tokenizers.Split("-", "isolated")
    file.add_special_tokens(letters[:6])
    file.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    file.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_tokenizer(tmp_path)
    for sequence in ("ACNNNNNNNNNNNNGT", "N" * 30 + "A" + "N" * 10, "NNNNNNNNNA", "N" * 9):
        encoded = tokenizer.encode([sequence])
        assert encoded.ids.tolist() == file.encode(sequence).ids
        spans = list(zip(encoded.starts[1:-1], encoded.ends[1:-1], strict=True))
        assert "".join(sequence[a:b] for a, b in spans) == sequence
        gaps = [
            sequence[a:b] for (a, b), i in zip(spans, encoded.ids[1:-1], strict=True) if i == 5
        ]
        assert all(set(gap) == {"N"} for gap in gaps)
        assert len(gaps) == len(re.findall("N{10,}", sequence))


def test_rows_of_letters_may_have_no_token_at_either_end(tmp_path):
    ids = {"[PAD]": 0, "[MASK]": 1, "[UNK]": 2, "a": 3, "c": 4, "g": 5, "t": 6}
    file = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))
    file.normalizer, file.pre_tokenizer = (
        normalizers.Lowercase(),
        pre_tokenizers.Split("", "isolated"),
    )
    file.save(str(tmp_path / "tokenizer.json"))
    # Only models that never read padding may have such rows.
    for model_type in ("bert", "caduceus"):
        config = {"model_type": model_type, "vocab_size": 8}
        (tmp_path / "config.json").write_text(json.dumps(config))
        if model_type == "bert":
            with pytest.raises(InputError, match="no token that begins a row"):
                load_tokenizer(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    encoded = tokenizer.encode(["ACGTNacg"])
    assert encoded.ids.tolist() == [0, 3, 4, 5, 6, 2, 3, 4, 5, 0]
    assert (tokenizer.mask_id, tokenizer.pad_id) == (1, 0)
    assert CaduceusConfig(vocab_size=8).pad_token_id == 0
    assert CaduceusConfig(vocab_size=12).pad_token_id == 4


@pytest.mark.parametrize("padded", [False, True])
def test_attention_of_dnabert2_is_what_mixes_its_values(padded):
    config = DnaBert2Config(**SIZE, alibi_starting_size=64, num_labels=2)
    model = DnaBert2ForSequenceClassification(config).eval()
    ids = torch.randint(5, 24, (2, 14))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 1 - padded
    seen = []
    for layer in model.bert.encoder.layer:
        layer.attention.self.register_forward_hook(
            lambda _, given, made: seen.append((given[0], made))
        )
    with torch.no_grad():
        told = model(input_ids=ids, attention_mask=mask, output_attentions=True)
        usual = model(input_ids=ids, attention_mask=mask)
    torch.testing.assert_close(told.logits, usual.logits)
    assert usual.attentions is None
    for layer, weights, (x, mixed) in zip(
        model.bert.encoder.layer, told.attentions, seen, strict=False
    ):
        own = layer.attention.self
        value = own.Wqkv(x).unflatten(-1, (3, own.num_heads, -1))[:, :, 2].transpose(1, 2)
        torch.testing.assert_close((weights @ value).transpose(1, 2).flatten(2), mixed)
        assert not padded or weights[1, :, :, 9:].max() == 0


@pytest.mark.parametrize("first", [True, False])
def test_gena_tells_the_attention_of_each_layer(first):
    model = GenaForSequenceClassification(GenaConfig(**SIZE, pre_layer_norm=first)).eval()
    ids = torch.randint(5, 24, (2, 14))
    with torch.no_grad():
        found = first_token_attention(model, ids, None, "last")
        usual = model(input_ids=ids).logits
        model.set_attn_implementation("eager")
        told = model(input_ids=ids, output_attentions=True)
    torch.testing.assert_close(told.logits, usual)
    torch.testing.assert_close(found, told.attentions[-1][:, :, 0].mean(1))
    assert len(told.attentions) == model.config.num_hidden_layers
