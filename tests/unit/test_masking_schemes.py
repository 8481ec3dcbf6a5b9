"""Every masking scheme on every tokenizer, and what the schemes that look at words are for."""

from __future__ import annotations

import random

import numpy as np
import pytest
from dnasweep.config import MaskingConfig, PmiConfig, TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens.corpus import Batch, collate
from dnasweep.tokens.masking.pmi import GeneMasking, token_ranks
from dnasweep.tokens.masking.registry import make_masking, resolve
from dnasweep.tokens.masking.scheme import (
    IGNORED,
    Masked,
    MaskingProgress,
    MaskingScheme,
    masked_bases,
)
from dnasweep.tokens.ngrams import all_kmers, count_sequences
from dnasweep.tokens.pmi import PmiTable, score_kmers
from dnasweep.tokens.randomness import uniform
from dnasweep.tokens.tokenizers import DnaTokenizer, fit
from pmi_toys import published_counts, published_ranking

TOKENIZERS = (
    "kmer-3", "kmer-6", "kmer-3-overlap", "kmer-4-overlap", "kmer-5-overlap", "kmer-6-overlap",
    "kmer-6-stride-2", "kmer-5-stride-3", "char", "bpe-64", "wordpiece-64",
)  # fmt: skip
WORDS = ("genemask", "global_pmi", "cm_step", "cm_gems")
SCHEMES = ("random", "span", *WORDS)
LATE = MaskingProgress(99, 100, (5.0, 5.0))


def fits(spec: str, scheme: str) -> bool:
    """What the schemes are for, said once more: spans and foci need overlaps, words k-mers."""
    overlapping = "overlap" in spec or "stride" in spec
    if scheme in ("span", "genemask", "cm_gems"):
        return overlapping
    return scheme == "random" or spec.startswith("kmer")


FITTING = [(t, s) for t in TOKENIZERS for s in SCHEMES if fits(t, s)]
REFUSED = [(t, s) for t in TOKENIZERS for s in SCHEMES if not fits(t, s)]


def dna(length: int, seed: int, letters: str = "ACGT") -> str:
    return "".join(random.Random(seed).choices(letters, k=length))


def fitted(spec: str) -> DnaTokenizer:
    return fit(TokenizerConfig.parse(spec), [dna(200, i) for i in range(30)])


def words_of(k: int, seed: int = 0) -> PmiTable:
    """A table with a distinct random score for nearly every word, and none for some."""
    scores = np.random.default_rng(seed).permutation(4**k).astype(float)
    scores[:: 4**k // 16] = np.nan
    return PmiTable(k=k, scores=scores)


def prepare(
    spec: str, scheme: str, sequences: list[str], *, table: PmiTable | None = None, **settings
) -> tuple[DnaTokenizer, Batch, MaskingScheme]:
    tokenizer = fitted(spec)
    if table is None and scheme in WORDS:
        table = words_of(tokenizer.config.k)
    batch = collate(tokenizer.encode(sequences), np.arange(len(sequences)), 0)
    config = MaskingConfig(scheme=scheme, **settings)
    return tokenizer, batch, make_masking(config, tokenizer, table)


def hide(scheme: MaskingScheme, batch: Batch, *, seed: int = 0, epoch: int = 0) -> Masked:
    return scheme.mask(*batch, rows=np.arange(len(batch.ids)), seed=seed, epoch=epoch)


def mixed(num: int) -> list[str]:
    return [dna(length, length, "ACGTACGTACGTN") for length in range(num)]


def both_ends(scheme: MaskingScheme) -> tuple[MaskingScheme, MaskingScheme]:
    return scheme.at(MaskingProgress(), seed=0), scheme.mixture(LATE)[-1][1]


@pytest.mark.parametrize(("spec", "name"), FITTING)
def test_a_scheme_hides_real_tokens_alone_and_changes_nothing_else(spec, name):
    tokenizer, batch, scheme = prepare(spec, name, mixed(150))
    copies = [array.copy() for array in batch]
    for part in both_ends(scheme):
        masked = hide(part, batch)
        chosen = masked.labels != IGNORED
        assert chosen.any()
        assert (batch.ids[chosen] > tokenizer.mask_id).all()
        assert (masked.labels[chosen] == batch.ids[chosen]).all()
        assert (masked.input_ids[~chosen] == batch.ids[~chosen]).all()
        assert (masked.input_ids[chosen] != batch.ids[chosen]).mean() > 0.1
    assert all(map(np.array_equal, batch, copies))


@pytest.mark.parametrize(("spec", "name"), FITTING)
def test_a_row_is_hidden_the_same_in_any_batch_and_anew_each_epoch(spec, name):
    tokenizer, batch, scheme = prepare(spec, name, mixed(60))
    corpus, rows = tokenizer.encode(mixed(60)), np.array([59, 5, 30])
    for part in both_ends(scheme):
        whole = hide(part, batch, seed=3, epoch=2)
        some = part.mask(*collate(corpus, rows, 0), rows=rows, seed=3, epoch=2)
        width = some.labels.shape[1]
        for small, large in zip(some, whole, strict=True):
            assert np.array_equal(small, large[rows, :width])
        for other in ({"seed": 4, "epoch": 2}, {"seed": 3, "epoch": 3}):
            assert (hide(part, batch, **other).labels != whole.labels).any()


@pytest.mark.parametrize(("spec", "name"), FITTING)
def test_rows_of_nothing_are_left_alone(spec, name):
    _, batch, scheme = prepare(spec, name, ["", "N", "NNNNNNNNNN"])
    for part in both_ends(scheme):
        assert (hide(part, batch).labels == IGNORED).all()


@pytest.mark.parametrize(("spec", "name"), FITTING)
def test_about_the_rate_is_hidden(spec, name):
    _, batch, scheme = prepare(spec, name, [dna(900, i) for i in range(120)])
    inside = np.arange(batch.ids.shape[1]) < batch.lengths[:, None] - 1
    inside[:, 0] = False
    for part in both_ends(scheme):
        rate = (hide(part, batch).labels != IGNORED)[inside].mean()
        assert 0.10 < rate < 0.18, part.name


@pytest.mark.parametrize(("spec", "name"), [c for c in FITTING if c[1] != "random"])
def test_no_visible_token_shows_all_of_what_is_hidden(spec, name):
    _, batch, scheme = prepare(spec, name, mixed(120))
    for part in both_ends(scheme):
        masked = hide(part, batch)
        assert (masked.bases_of_masked_tokens[masked.labels != IGNORED] >= 1).all()


@pytest.mark.parametrize(("spec", "name"), REFUSED)
def test_a_scheme_that_makes_no_sense_is_refused_with_the_reason(spec, name):
    reason = "single base" if spec == "char" else "differ in length|share no bases"
    if spec == "char" and name == "span":
        reason = "share no bases"
    with pytest.raises(InputError, match=f"{name} does not fit tokenizer {spec}: .*({reason})"):
        resolve(MaskingConfig(scheme=name), TokenizerConfig.parse(spec))


@pytest.mark.parametrize("name", WORDS)
def test_a_table_of_other_kmers_is_refused(name):
    with pytest.raises(InputError, match=r"k-mers of 5 bases, tokens of kmer-6-overlap have 6"):
        prepare("kmer-6-overlap", name, ["ACGT"], table=words_of(5))


def test_names_are_resolved_with_what_applies_to_them():
    overlapping, plain = TokenizerConfig.parse("kmer-6-overlap"), TokenizerConfig.parse("bpe-64")
    assert resolve(MaskingConfig(), overlapping) == resolve(
        MaskingConfig(scheme="span"), overlapping
    )
    assert resolve(MaskingConfig(), plain).masking.scheme == "random"
    assert resolve(MaskingConfig(), plain).masking.threshold == 0
    gems = resolve(MaskingConfig(scheme="cm_gems@pmi_n", threshold=3.0), overlapping)
    assert (gems.masking.scheme, gems.masking.threshold) == ("cm_gems", 3.0)
    assert gems.pmi == PmiConfig(variant="pmi_n")
    asked = PmiConfig(variant="bouma", min_count=3)
    assert resolve(MaskingConfig(scheme="genemask"), overlapping, asked).pmi == asked
    back = resolve(MaskingConfig(scheme="genemask@published"), overlapping, asked).pmi
    assert back == PmiConfig(min_count=3)
    with pytest.raises(InputError, match="has no use for one"):
        resolve(MaskingConfig(scheme="span@pmi_n"), overlapping)
    with pytest.raises(InputError, match="variant is 'best'"):
        resolve(MaskingConfig(scheme="genemask@best"), overlapping)


@pytest.mark.parametrize(("name", "expected"), [("span", 0.139), ("genemask", 0.153)])
def test_published_rates_on_510_six_mers(name, expected, real_data):
    table = score_kmers(published_counts(published_ranking(real_data)), PmiConfig())
    sequences = [dna(515, i) for i in range(600)]
    _, batch, scheme = prepare("kmer-6-overlap", name, sequences, table=table)
    assert batch.ids.shape == (600, 512)
    rate = (hide(scheme, batch).labels != IGNORED)[:, 1:-1].mean()
    assert rate == pytest.approx(expected, abs=0.003)


def test_the_rate_of_genemask_hardly_depends_on_the_table():
    sequences = [dna(515, i) for i in range(600)]
    table = score_kmers(count_sequences(sequences, 6), PmiConfig())
    _, batch, scheme = prepare("kmer-6-overlap", "genemask", sequences, table=table)
    rate = (hide(scheme, batch).labels != IGNORED)[:, 1:-1].mean()
    assert rate == pytest.approx(0.153, abs=0.003)


def genemask_by_hand(ids, ranks, draws, ties) -> set[int]:
    """GeneMask on one row of overlapping 6-mers, token by token, [CLS] and [SEP] at the ends."""
    last = len(ids) - 2
    centres = [c for c in range(1, last + 1) if draws[c] < 0.15 / 8.5]
    chosen, foci = set(), []
    for c in centres:
        near = [c + o for o in (-2, -1, 0, 1, 2, 3) if 1 <= c + o <= last]
        chosen.update(near)
        foci.append(min((ranks[ids[i]] + ties[i], i) for i in near))
    number = (len(foci) + 1) // 2
    for _, focus in sorted(foci) if number < 5 else sorted(foci)[:number]:
        chosen.update(range(max(1, focus - 5), min(last, focus + 5) + 1))
    return chosen


def test_genemask_is_its_description():
    tokenizer, batch, scheme = prepare(
        "kmer-6-overlap", "genemask", [dna(700, i) for i in range(60)]
    )
    ranks = token_ranks(tokenizer, words_of(6))
    rows, columns = np.arange(60)[:, None], np.arange(batch.ids.shape[1])
    draws, ties = uniform(0, 0, 0, rows, columns), uniform(0, 0, 4, rows, columns)
    labels = hide(scheme, batch).labels
    wide = 0
    for row in range(60):
        expected = genemask_by_hand(batch.ids[row], ranks, draws[row], ties[row])
        assert set(np.flatnonzero(labels[row] != IGNORED).tolist()) == expected
        wide += (draws[row, 1:-1] < 0.15 / 8.5).sum() > 8
    # Some rows have more centres than are all widened, some fewer.
    assert 5 < wide < 55


def test_global_pmi_is_its_description():
    tokenizer, batch, scheme = prepare(
        "kmer-6-overlap", "global_pmi", [dna(400, i) for i in range(40)]
    )
    ranks = token_ranks(tokenizer, words_of(6))
    rows, columns = np.arange(40)[:, None], np.arange(batch.ids.shape[1])
    draws, ties = uniform(0, 0, 0, rows, columns), uniform(0, 0, 4, rows, columns)
    labels = hide(scheme, batch).labels
    for row in range(40):
        last = batch.ids.shape[1] - 2
        number = sum(draws[row, c] < 0.15 / 11 for c in range(1, last + 1))
        order = sorted(range(1, last + 1), key=lambda c: ranks[batch.ids[row, c]] + ties[row, c])
        expected = {i for c in order[:number] for i in range(max(1, c - 5), min(last, c + 5) + 1)}
        assert set(np.flatnonzero(labels[row] != IGNORED).tolist()) == expected


@pytest.mark.parametrize("name", ["genemask", "global_pmi"])
def test_what_is_hidden_follows_the_sequence_and_not_the_position(name):
    """The draws of a row are the same for every sequence; only what stands there differs."""
    table = words_of(6)
    one, other = dna(515, 1), dna(515, 2)
    tokenizer, batch, scheme = prepare("kmer-6-overlap", name, [one, other], table=table)
    same_row = scheme.mask(*batch, rows=np.array([7, 7]), seed=0, epoch=0).labels != IGNORED
    assert (same_row[0] != same_row[1]).any()
    # The best word of all is hidden with all that touches it, wherever it is put: by global_pmi
    # wherever there is a draw at all, by genemask wherever a centre falls beside it.
    best = all_kmers(6)[int(np.nanargmax(table.scores))]
    moved = [one[:at] + best + one[at + 6 :] for at in (100, 300)]
    batch = collate(tokenizer.encode(moved), np.arange(2), 0)
    met = 0
    for row in range(200):
        draws = uniform(0, 0, 0, [row], np.arange(batch.ids.shape[1]))
        chosen = scheme.mask(*batch, rows=np.array([row, row]), seed=0, epoch=0).labels != IGNORED
        for hidden, at in zip(chosen, (101, 301), strict=True):
            beside = slice(at - 3, at + 3) if name == "genemask" else slice(1, -1)
            if (draws[beside] < 0.15 / (8.5 if name == "genemask" else 11)).any():
                met += 1
                assert hidden[at - 5 : at + 6].all()
    assert met > 20


def test_kmers_are_known_by_their_token_and_all_else_ranks_last():
    tokenizer, table = fitted("kmer-3-overlap"), words_of(3)
    ranks = token_ranks(tokenizer, table)
    for word, rank in zip(all_kmers(3), table.ranks, strict=True):
        assert ranks[tokenizer.tokens.index(word)] == rank
    assert (ranks[:5] == 65).all()
    assert (ranks[-4:] == 65).all()


def test_equal_kmers_are_told_apart_by_a_draw():
    # One word all along: were ties settled by place, the first tokens would always be taken.
    _, batch, scheme = prepare("kmer-6-overlap", "global_pmi", ["A" * 300] * 400)
    hidden = (hide(scheme, batch).labels != IGNORED)[:, 20:-20].mean(axis=0)
    assert hidden.min() > 0.05
    assert hidden.max() < 0.30


def test_a_focus_hides_every_base_of_its_kmer():
    _, batch, scheme = prepare("kmer-6-overlap", "genemask", [dna(300, i) for i in range(200)])
    _, _, spans = prepare("kmer-6-overlap", "span", ["A"])

    def bases(part: MaskingScheme) -> float:
        chosen = hide(part, batch).labels != IGNORED
        visible = (batch.ids > 4) & ~chosen
        return masked_bases(batch.starts, batch.ends, chosen, visible).sum() / chosen.sum()

    # A span of 6 tokens hides one base, a focus of 11 hides six.
    assert bases(scheme) > 2 * bases(spans)


def test_at_the_ends_of_a_sequence_windows_are_cut():
    _, batch, scheme = prepare("kmer-6-overlap", "genemask", [dna(8, i) for i in range(3000)])
    assert isinstance(scheme, GeneMasking)
    chosen = (hide(scheme, batch).labels != IGNORED).sum(axis=1)
    assert set(chosen.tolist()) == {0, 3}


def test_cm_step_mixes_the_harder_scheme_in_by_hundredths():
    _, _, scheme = prepare("kmer-6-overlap", "cm_step", ["ACGT"])
    parts = [scheme.mixture(MaskingProgress(step, 2000)) for step in (0, 19, 20, 39, 1999, 2000)]
    assert [part[1][0] for part in parts] == [0.0, 0.0, 0.01, 0.01, 0.99, 1.0]
    assert {s.name for _, s in parts[0]} == {"span", "global_pmi"}
    plain = prepare("kmer-6", "cm_step", ["ACGT"])[2]
    assert plain.at(MaskingProgress(), seed=0).name == "random"
    names = [scheme.at(MaskingProgress(step, 2000), seed=5).name for step in range(2000)]
    assert names == [scheme.at(MaskingProgress(step, 2000), seed=5).name for step in range(2000)]
    assert names != [scheme.at(MaskingProgress(step, 2000), seed=6).name for step in range(2000)]
    for quarter in range(4):
        part = names[500 * quarter : 500 * (quarter + 1)]
        assert part.count("global_pmi") / 500 == pytest.approx(quarter / 4 + 0.12, abs=0.06)


@pytest.mark.parametrize(
    ("perplexities", "harder"),
    [
        ((), False),
        ((50.0,), False),
        ((50.0, 40.0, 31.0), False),
        ((50.0, 40.0, 39.5), True),
        ((50.0, 50.5, 30.0, 10.0), True),
        ((50.0, 49.0), False),
    ],
)
def test_cm_gems_goes_over_once_two_evaluations_in_a_row_are_alike_and_never_back(
    perplexities, harder
):
    _, _, scheme = prepare("kmer-6-overlap", "cm_gems", ["ACGT"], threshold=1.0)
    at = {
        scheme.at(MaskingProgress(step, 100, perplexities), seed=step).name for step in range(100)
    }
    assert at == {"global_pmi" if harder else "genemask"}
