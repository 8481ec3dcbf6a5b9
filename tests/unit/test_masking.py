"""Masking: published rates, no leak through neighbours, and draws that no batch can change."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from dnasweep.config import MaskingConfig, TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens.corpus import Batch, collate
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.masking import registry, scheme
from dnasweep.tokens.masking.plain import SpanMasking
from dnasweep.tokens.masking.registry import make_masking, make_reference
from dnasweep.tokens.masking.scheme import IGNORED, Masked, MaskingScheme, register
from dnasweep.tokens.randomness import uniform
from dnasweep.tokens.recognition import read_pretrained
from dnasweep.tokens.tokenizers import DnaTokenizer, fit
from scipy import stats

ALL_SPECS = [
    *(f"kmer-{k}-stride-{s}" for k in range(3, 7) for s in range(1, k)),
    "kmer-6",
    "char",
    "bpe-64",
    "wordpiece-64",
]


def dna(length: int, seed: int, letters: str = "ACGT") -> str:
    return "".join(random.Random(seed).choices(letters, k=length))


def prepare(
    spec: str, sequences: list[str], **settings: object
) -> tuple[DnaTokenizer, Batch, MaskingScheme]:
    tokenizer = fit(TokenizerConfig.parse(spec), [dna(200, i) for i in range(30)])
    batch = collate(tokenizer.encode(sequences), np.arange(len(sequences)), 0)
    return tokenizer, batch, make_masking(MaskingConfig(**settings), tokenizer)  # type: ignore[arg-type]


def hide(scheme: MaskingScheme, batch: Batch, *, seed: int = 0, epoch: int = 0) -> Masked:
    return scheme.mask(*batch, rows=np.arange(len(batch.ids)), seed=seed, epoch=epoch)


def mixed(num: int) -> list[str]:
    return [dna(length, length, "ACGTACGTACGTN") for length in range(num)]


def test_dnabert_rate_for_six_mers():
    _, batch, scheme = prepare("kmer-6-overlap", [dna(515, i) for i in range(300)])
    assert batch.ids.shape == (300, 512)
    rate = (hide(scheme, batch).labels != IGNORED)[:, 1:-1].mean()
    assert rate == pytest.approx(0.139, abs=0.003)


@pytest.mark.parametrize("spec", ["kmer-6", "char", "bpe-64"])
def test_random_rate_is_the_rate(spec):
    _, batch, scheme = prepare(spec, [dna(600, i) for i in range(300)], rate=0.2)
    inside = np.arange(batch.ids.shape[1]) < batch.lengths[:, None] - 1
    inside[:, 0] = False
    assert (hide(scheme, batch).labels != IGNORED)[inside].mean() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("k", "offsets"),
    [(3, (-1, 1)), (4, (-1, 1, 2)), (5, (-2, -1, 1, 2)), (6, (-2, -1, 1, 2, 3))],
)
def test_a_span_is_dnaberts_offsets_around_its_centre(k, offsets):
    _, batch, scheme = prepare(f"kmer-{k}-overlap", [dna(60, i) for i in range(200)], rate=1e-9)
    # At this rate each row has the one centre that is drawn for a row without any.
    draws = uniform(0, 0, 0, np.arange(200)[:, None], np.arange(batch.ids.shape[1])[None])
    last = batch.ids.shape[1] - 2
    centres = 1 + draws[:, 1 : last + 1].argmin(axis=1)
    labels = hide(scheme, batch).labels
    for row, centre in enumerate(centres):
        expected = {centre, *(centre + o for o in offsets if 1 <= centre + o <= last)}
        assert set(np.flatnonzero(labels[row] != IGNORED)) == expected


@pytest.mark.parametrize("spec", ALL_SPECS)
def test_labels_never_fall_on_special_or_unknown_tokens_and_no_row_is_left_out(spec):
    tokenizer, batch, scheme = prepare(spec, mixed(80), rate=0.05)
    masked = hide(scheme, batch)
    chosen = masked.labels != IGNORED
    assert (batch.ids[chosen] > tokenizer.mask_id).all()
    assert (masked.labels[chosen] == batch.ids[chosen]).all()
    assert (masked.input_ids[~chosen] == batch.ids[~chosen]).all()
    maskable = (batch.ids > tokenizer.mask_id).any(axis=1)
    assert (chosen.any(axis=1) == maskable).all()
    assert not maskable.all()


@pytest.mark.parametrize(
    "special",
    [
        ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", None],
        [None, "<cls>", "<pad>", "<eos>", "<unk>", "<mask>"],
    ],
    ids=["mask before cls", "mask last"],
)
@pytest.mark.parametrize("spec", ["char", "kmer-3-overlap"])
def test_the_same_tokens_are_predicted_whatever_the_order_of_ids(tmp_path, spec, special):
    tokenizer, batch, scheme = prepare(spec, mixed(40))
    at = special.index(None)
    words = [*special[:at], *tokenizer.tokens[5:], *special[at + 1 :]]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    theirs = read_pretrained(tmp_path, TokenizerConfig.parse(spec))
    assert set(theirs.real_ids) <= set(np.flatnonzero(theirs.is_dna))
    other = collate(theirs.encode(mixed(40)), np.arange(40), theirs.pad_id)
    chosen = hide(scheme, batch).labels != IGNORED
    found = hide(make_masking(scheme.config, theirs), other)
    assert np.array_equal(found.labels != IGNORED, chosen)
    assert set(found.labels[chosen]) <= {words.index(word) for word in tokenizer.tokens[5:]}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("CaduceusTokenizer", []),
        ("EsmTokenizer", ["<unk>", "<pad>", "<mask>", "<cls>", *"ACGTN"]),
    ],
)
def test_rows_of_a_published_vocabulary_hide_bases_alone(
    tmp_path: Path, kind: str, words: list[str]
):
    """Special tokens and N have larger ids than the mask there."""
    roles = {f"{one[1:-1]}_token": one for one in words[:4]}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind, **roles}))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "esm"}))
    if words:
        kmers = map("".join, itertools.product("ACGT", repeat=3))
        (tmp_path / "vocab.txt").write_text("\n".join([*words[:4], *kmers, *words[4:]]))
    tokenizer = load_tokenizer(tmp_path)
    batch = collate(tokenizer.encode(mixed(20)), np.arange(20), tokenizer.pad_id)
    chosen = hide(make_masking(MaskingConfig(rate=0.99), tokenizer), batch).labels != IGNORED
    words_of_bases = [set(word) <= set("ACGT") for word in tokenizer.tokens]
    bases = np.array(words_of_bases)[batch.ids]
    assert not chosen[~bases].any()
    assert chosen[bases].mean() > 0.95


@pytest.mark.parametrize("spec", ALL_SPECS)
def test_hidden_bases_by_counting_them(spec):
    tokenizer, batch, scheme = prepare(spec, mixed(60))
    masked = hide(scheme, batch)
    chosen = masked.labels != IGNORED
    for row in range(60):
        shown: set[int] = set()
        for column in np.flatnonzero(~chosen[row] & (batch.ids[row] > tokenizer.mask_id)):
            shown.update(range(batch.starts[row, column], batch.ends[row, column]))
        for column in range(batch.ids.shape[1]):
            bases = set(range(batch.starts[row, column], batch.ends[row, column]))
            expected = len(bases - shown) if chosen[row, column] else 0
            assert masked.bases_of_masked_tokens[row, column] == expected


@pytest.mark.parametrize("spec", ALL_SPECS)
def test_every_chosen_token_has_a_base_that_nothing_shows(spec):
    _, batch, scheme = prepare(spec, mixed(120))
    masked = hide(scheme, batch)
    assert (masked.bases_of_masked_tokens[masked.labels != IGNORED] >= 1).all()


@pytest.mark.parametrize("spec", ["kmer-6-overlap", "kmer-6-stride-2", "kmer-6-stride-4"])
def test_each_inner_base_is_drawn_equally_often(spec):
    _, batch, scheme = prepare(spec, [dna(62, 1)] * 20_000, rate=1e-9)
    labels = hide(scheme, batch).labels
    starts, ends = batch.starts[0, 1:-1], batch.ends[0, 1:-1]
    # A span is known by the tokens in it; several bases may lie in the same tokens.
    spans = Counter(tuple(np.flatnonzero(row != IGNORED) - 1) for row in labels)
    bases = Counter(
        tuple(np.flatnonzero((starts <= base) & (base < ends))) for base in range(12, 48)
    )
    inner = [(spans.pop(tokens), num) for tokens, num in bases.items()]
    counts, expected = np.array(inner, float)[1:-1].T
    assert stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-4


def test_fates_are_eighty_ten_ten_and_replacements_are_real_tokens():
    tokenizer, batch, scheme = prepare("kmer-3", [dna(1500, i) for i in range(200)])
    masked = hide(scheme, batch)
    chosen = masked.labels != IGNORED
    seen, truth = masked.input_ids[chosen], masked.labels[chosen]
    is_mask, is_kept = seen == tokenizer.mask_id, seen == truth
    other = seen[~is_mask & ~is_kept]
    # One in 64 random replacements is the token itself.
    assert is_mask.mean() == pytest.approx(0.8, abs=0.01)
    assert is_kept.mean() == pytest.approx(0.1 + 0.1 / 64, abs=0.01)
    assert (seen != truth).mean() > 0.1
    counts = np.bincount(other, minlength=tokenizer.vocab_size)
    assert counts[:5].sum() == counts[-4:].sum() == 0
    assert stats.chisquare(counts[tokenizer.real_ids]).pvalue > 1e-4


def test_tokens_of_one_span_share_a_fate():
    tokenizer, batch, scheme = prepare("kmer-6-overlap", [dna(300, i) for i in range(300)])
    masked = hide(scheme, batch)
    chosen = masked.labels != IGNORED
    together = chosen[:, 1:] & chosen[:, :-1]
    is_mask = masked.input_ids == tokenizer.mask_id
    assert (is_mask[:, 1:] == is_mask[:, :-1])[together].all()
    assert is_mask[chosen].mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("spec", ["kmer-6-overlap", "char"])
def test_the_reference_hides_every_answer_and_chooses_as_auto_does(spec):
    tokenizer, batch, scheme = prepare(spec, mixed(60), scheme="random")
    reference = make_reference(scheme.config, tokenizer)
    masked, usual = hide(reference, batch), hide(make_masking(MaskingConfig(), tokenizer), batch)
    chosen = masked.labels != IGNORED
    assert (masked.input_ids[chosen] == tokenizer.mask_id).all()
    assert np.array_equal(masked.labels, usual.labels)
    assert scheme.config.mask_fraction == 0.8


@pytest.mark.parametrize("spec", ["kmer-6-overlap", "kmer-6-stride-4", "bpe-64"])
def test_a_row_is_masked_the_same_in_any_batch(spec):
    tokenizer, batch, scheme = prepare(spec, mixed(40))
    whole = hide(scheme, batch, seed=3, epoch=2)
    corpus = tokenizer.encode(mixed(40))
    rows = np.array([17, 5, 30])
    part = scheme.mask(*collate(corpus, rows, 0), rows=rows, seed=3, epoch=2)
    width = part.labels.shape[1]
    for small, large in zip(part, whole, strict=True):
        assert np.array_equal(small, large[rows, :width])


def test_seed_epoch_and_row_each_change_the_mask_and_nothing_else_does():
    _, batch, scheme = prepare("kmer-6", [dna(600, 0)] * 2)
    copies = [array.copy() for array in batch]
    first = hide(scheme, batch)
    assert all(np.array_equal(a, b) for a, b in zip(first, hide(scheme, batch), strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(batch, copies, strict=True))
    assert (first.labels[0] != first.labels[1]).any()
    for change in ({"seed": 1}, {"epoch": 1}, {"epoch": -1}):
        assert (hide(scheme, batch, **change).labels != first.labels).any()


def test_rows_of_nothing_have_no_labels():
    _, batch, scheme = prepare("kmer-6-overlap", ["", "N", "NNNNNNNNNN"])
    masked = hide(scheme, batch)
    assert (masked.labels == IGNORED).all()
    assert (masked.bases_of_masked_tokens == 0).all()


def test_draws_are_uniform_and_independent_along_every_axis():
    draws = uniform(0, 0, 0, np.arange(600)[:, None], np.arange(500)[None])
    assert stats.kstest(draws.ravel(), "uniform").pvalue > 1e-3
    others = {
        "position": draws[:, 1:].ravel(),
        "row": draws[1:].ravel(),
        "seed": uniform(1, 0, 0, np.arange(600)[:, None], np.arange(500)[None]).ravel(),
        "epoch": uniform(0, 1, 0, np.arange(600)[:, None], np.arange(500)[None]).ravel(),
        "stream": uniform(0, 0, 1, np.arange(600)[:, None], np.arange(500)[None]).ravel(),
    }
    pairs = {"position": draws[:, :-1].ravel(), "row": draws[:-1].ravel()}
    for name, other in others.items():
        same = pairs.get(name, draws.ravel())
        table = np.histogram2d(same, other, bins=16, range=[[0, 1], [0, 1]])[0]
        assert stats.chisquare(table.ravel()).pvalue > 1e-4, name
    assert np.unique(draws).size == draws.size


def test_schemes_are_found_by_name(monkeypatch):
    known = dict(scheme.SCHEMES)
    monkeypatch.setattr(scheme, "SCHEMES", known)
    monkeypatch.setattr(registry, "SCHEMES", known)
    overlapping = fit(TokenizerConfig.parse("kmer-3-overlap"), [])
    single = fit(TokenizerConfig.parse("char"), [])
    assert make_masking(MaskingConfig(), overlapping).name == "span"
    assert make_masking(MaskingConfig(), single).name == "random"
    assert make_masking(MaskingConfig(scheme="random"), overlapping).name == "random"
    with pytest.raises(InputError, match=r"'spam'.*random.*span"):
        make_masking(MaskingConfig(scheme="spam"), single)
    with pytest.raises(ValueError, match="already"):
        register("span")(SpanMasking)

    @register("first")
    class First(MaskingScheme):
        def choose(self, tokens, draw):
            return np.arange(tokens.ids.shape[1])[None, :] < 2

    _, batch, _ = prepare("char", ["ACGT", "NA"])
    masked = hide(make_masking(MaskingConfig(scheme="first"), single), batch)
    assert (masked.labels != IGNORED).sum(axis=1).tolist() == [1, 0]


def test_lower_case_words_are_drawn_as_replacements_as_those_in_capitals_are(tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"acgt"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    theirs = read_pretrained(tmp_path, TokenizerConfig.parse("char"))
    batch = collate(theirs.encode(mixed(40)), np.arange(40), theirs.pad_id)
    scheme = make_masking(MaskingConfig(rate=0.9), theirs)
    masked = hide(scheme, batch)
    assert theirs.real_ids.tolist() == [5, 6, 7, 8]
    assert (masked.labels != IGNORED).any()
