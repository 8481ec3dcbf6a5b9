"""Scores of variants: their definition, and everything that must not change them."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.reference import open_genome
from dnasweep.genomics.allele_windows import Allele, Pair, pairs
from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.genomics.variant_effects import Effects, against_background, score, shuffled_contexts
from dnasweep.genomics.variants import ALLELE_COLUMNS, Region, saturate
from dnasweep.genomics.zero_shot import ZeroShot, mask_difference
from dnasweep.models.architecture import build_masked_lm
from dnasweep.models.pretrained.checkpoint import export
from scipy.stats import binom
from shap_toys import write_model
from toys import TINY, toy_language
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer
from variant_toys import (
    CONFIG,
    allele,
    chromosome,
    exchanged,
    on_other_strand,
    substitutions,
    write_genome,
)

BASES = chromosome()
INDELS = [(50, BASES[50:53], BASES[50]), (70, BASES[70], BASES[70] + "GATT"), (104, "AAA", "A")]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="module")
def values(directory: Path) -> SequenceValues:
    return SequenceValues(directory, target="promoter")


@pytest.fixture(scope="module", params=["kmer-3-overlap", "kmer-3", "char", "bpe-64"])
def language(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    toy = toy_language(40, spec=request.param)
    model = build_masked_lm(TINY, tokenizer=toy.tokenizer, num_tokens=70, dropout=0.0, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    return export(model, toy.tokenizer, tmp_path_factory.mktemp("language"))


def everything(effects: Effects) -> np.ndarray:
    """Every number of every variant, alternating in sign where alleles are."""
    return np.stack([effects.delta_log2_odds, effects.delta_probability, effects.background.z])


def some() -> list[Allele]:
    return [
        *substitutions(BASES, [0, 1, 29, 100, 200, 201, 399]),
        *(allele(BASES, *indel) for indel in INDELS),
    ]


def test_a_score_is_the_mean_over_windows_and_strands_of_what_transformers_says(
    directory: Path, values: SequenceValues
) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    tokenizer = AutoTokenizer.from_pretrained(directory)

    def log2_odds(text: str) -> float:
        with torch.no_grad():
            logits = model(**tokenizer([text], return_tensors="pt")).logits[0].double()
        return float((logits[1] - logits[0]) / np.log(2))

    for one in (some()[3], some()[-1]):
        windows = [
            pair
            for strand in (one, one.reverse_complement())
            for pair in pairs(strand, window=CONFIG.window, shifts=CONFIG.shifts)
        ]
        expected = [np.mean([log2_odds(pair[i]) for pair in windows]) for i in range(2)]
        found = score([one], values, CONFIG)
        assert found.log2_odds_ref[0] == pytest.approx(expected[0], abs=1e-4)
        assert found.log2_odds_alt[0] == pytest.approx(expected[1], abs=1e-4)
        assert found.probability_alt[0] == pytest.approx(1 / (1 + 2 ** -expected[1]), abs=1e-5)
        assert abs(found.delta_log2_odds[0]) > 1e-3


def test_exchanged_alleles_negate_every_score(values: SequenceValues) -> None:
    changes = [(at, BASES[at], "C" if BASES[at] != "C" else "G") for at in (0, 45, 200, 399)]
    changes += INDELS
    there = score([allele(BASES, *change) for change in changes], values, CONFIG)
    back = score([exchanged(BASES, *change) for change in changes], values, CONFIG)
    np.testing.assert_allclose(everything(back), -everything(there), atol=1e-9)
    np.testing.assert_allclose(back.background.p_value, there.background.p_value, atol=1e-9)
    np.testing.assert_array_equal(back.probability_ref, there.probability_alt)


@pytest.mark.parametrize("window", [60, 61])
@pytest.mark.parametrize("shifts", [(), (-4, 4), (7,)])
def test_the_other_strand_of_the_genome_has_the_same_scores(
    values: SequenceValues, window: int, shifts: tuple[int, ...]
) -> None:
    config = dataclasses.replace(CONFIG, window=window, shifts=shifts)
    changes = [(at, BASES[at], "C" if BASES[at] != "C" else "G") for at in (0, 45, 200, 399)]
    changes += [*INDELS, (0, BASES[:3], BASES[0]), (399, BASES[399], BASES[399] + "TT")]
    there = score([allele(BASES, *one, config) for one in changes], values, config)
    turned = score([on_other_strand(BASES, *one, config) for one in changes], values, config)
    np.testing.assert_allclose(everything(turned), everything(there), atol=1e-9)
    np.testing.assert_array_equal(turned.background.p_value, there.background.p_value)
    assert np.abs(there.delta_log2_odds).min() > 1e-4


def test_saturation_of_a_region_is_that_of_the_other_strand(
    values: SequenceValues, tmp_path: Path
) -> None:
    genome = write_genome(tmp_path / "g.fa", up=BASES, down=reverse_complement(BASES))
    for window, region in ((60, "101-120"), (61, "100-120"), (60, "390-400"), (24, "50-99")):
        config = dataclasses.replace(CONFIG, window=window, backgrounds=0)
        first, last = map(int, region.split("-"))
        with open_genome(genome) as fasta:
            contigs = Contigs.of(fasta, genome)
            tables = [
                saturate(Region.parse(text, contigs), fasta, contigs, config)
                for text in (f"up:{region}", f"down:{401 - last}-{401 - first}")
            ]
        found = []
        for table, turn in zip(tables, (False, True), strict=True):
            rows = table[list(ALLELE_COLUMNS)].itertuples(index=False, name=None)
            changes = score([Allele(*row) for row in rows], values, config).delta_log2_odds
            places = zip(table["pos"], table["ref"], table["alt"], changes, strict=True)
            found.append(
                {
                    (401 - pos, *map(reverse_complement, (ref, alt)))
                    if turn
                    else (pos, ref, alt): c
                    for pos, ref, alt, c in places
                }
            )
        assert found[0] == pytest.approx(found[1], abs=1e-9)
        assert len(found[0]) == 3 * (last - first + 1)


def test_neither_company_nor_order_change_a_bit_and_batches_only_the_last_ones(
    directory: Path, values: SequenceValues
) -> None:
    alleles = some()
    whole = everything(score(alleles, values, CONFIG))
    parts = [everything(score(alleles[i : i + 3], values, CONFIG)) for i in range(0, 10, 3)]
    np.testing.assert_array_equal(np.concatenate(parts, 1), whole)
    turned = everything(score(alleles[::-1], values, CONFIG))
    np.testing.assert_array_equal(turned[:, ::-1], whole)
    single = SequenceValues(directory, target="promoter", batch_rows=1)
    np.testing.assert_allclose(
        everything(score(alleles, single, CONFIG)), whole, rtol=1e-4, atol=1e-5
    )


def test_a_window_that_alleles_share_is_run_once(
    values: SequenceValues, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    encode = values.tokenizer.encode

    def counted(sequences: Sequence[str]):
        seen.append(len(sequences))
        return encode(sequences)

    monkeypatch.setattr(values.tokenizer, "encode", counted)
    alleles = [allele(BASES, 200, BASES[200], alt) for alt in "ACGT".replace(BASES[200], "")]
    plain = type(CONFIG)(window=CONFIG.window, target="promoter", backgrounds=0)
    score(alleles, values, plain)
    assert seen == [2 * (1 + 3)]


def test_calls_need_the_threshold_crossed_by_a_change_that_counts() -> None:
    ref, alt = np.array([0.9, 0.2, 0.52, 0.6]), np.array([0.3, 0.7, 0.48, 0.9])
    nothing = against_background(np.zeros(4), np.zeros((4, 0)))
    effects = Effects(ref, alt, np.zeros(4), np.zeros(4), nothing)
    assert effects.calls(0.5, 0.1).tolist() == ["loss", "gain", "none", "none"]
    assert effects.calls(0.5, 0.01).tolist() == ["loss", "gain", "loss", "none"]


def test_shuffled_flanks_keep_alleles_lengths_and_dinucleotides() -> None:
    one = allele(BASES, 40, BASES[40], BASES[40] + "GG")
    found = shuffled_contexts(one, num=4, seed=1)
    first, last = one.span
    for other in found:
        assert other.context[first:last] == one.context[first:last]
        assert len(other.context) == len(one.context)
        for part in (slice(first), slice(last, None)):
            kept, drawn = (Counter(itertools.pairwise(x.context[part])) for x in (one, other))
            assert drawn == kept
        (pair,) = pairs(other, window=CONFIG.window)
        assert (pair.ref[30], pair.alt[30:33]) == (BASES[40], BASES[40] + "GG")
    assert len({other.context for other in found}) == 4


def test_shuffled_flanks_keep_the_repeat_that_an_indel_can_be_moved_along() -> None:
    one = allele(BASES, 104, "AAA", "A")
    first, last = one.span
    assert set(one.context[first + 1 : last - 1]) == {"A"}
    assert last - first >= 12 + 2
    for other in shuffled_contexts(one, num=3, seed=1):
        assert other.context[first:last] == one.context[first:last]


TAILS = {
    "normal": lambda rng, size: rng.normal(2, 5, size),
    "t of 3": lambda rng, size: rng.standard_t(3, size),
    "t of 1.5": lambda rng, size: rng.standard_t(1.5, size),
    "Laplace": lambda rng, size: rng.laplace(0, 1, size),
    "mostly none": lambda rng, size: rng.laplace(0, 1, size) * (rng.random(size) < 0.2),
    "skewed": lambda rng, size: rng.lognormal(0, 1.5, size),
}


@pytest.mark.parametrize("num", [5, 20, 100])
@pytest.mark.parametrize("tails", TAILS)
def test_p_values_of_a_change_from_nowhere_special_hold_whatever_the_tails(
    num: int, tails: str
) -> None:
    tests = 4000
    draws = TAILS[tails](np.random.default_rng(num), (tests, num + 1))
    p = against_background(draws[:, 0], draws[:, 1:]).p_value
    for level in (0.001, 0.01, 0.05, 0.2, 0.5):
        # Never more often than the level; of distinct changes, as often as ranks allow.
        exact = np.floor(level * (num + 1)) / (num + 1)
        assert (p <= level).sum() <= binom.ppf(1 - 1e-4, tests, exact)
        if tails != "mostly none":
            assert (p <= level).sum() >= binom.ppf(1e-4, tests, exact)
    assert p.min() >= 1 / (num + 1)


def test_a_change_that_no_flanks_have_gets_the_least_p_value() -> None:
    draws = np.zeros((3, 11))
    draws[:, 1:] = np.linspace(-1, 1, 10)
    draws[:, 0] = [9.0, -9.0, 0.0]
    found = against_background(draws[:, 0], draws[:, 1:])
    np.testing.assert_allclose(found.p_value, [1 / 11, 1 / 11, 1])
    assert found.z[0] > 10
    # Where nothing changes anywhere, the real change is one of eleven alike.
    nothing = against_background(np.zeros(1), np.zeros((1, 10)))
    assert (np.isnan(nothing.z[0]), nothing.p_value[0]) == (True, 1)


def test_p_values_follow_the_size_of_z_against_all_others() -> None:
    draws = np.random.default_rng(1).standard_t(2, (200, 13))
    sizes = []
    for one in range(13):
        others = np.delete(draws, one, axis=1)
        sizes.append(np.abs(draws[:, one] - others.mean(1)) / others.std(1, ddof=1))
    expected = (np.array(sizes) >= sizes[0]).mean(0)
    found = against_background(draws[:, 0], draws[:, 1:])
    np.testing.assert_allclose(found.p_value, expected)
    np.testing.assert_allclose(np.abs(found.z), sizes[0])


def test_the_likelihood_ratio_is_that_of_the_tokens_that_differ(language: Path) -> None:
    ours = ZeroShot(language)
    model = AutoModelForMaskedLM.from_pretrained(language).eval()
    alleles = [one for one in some() if len(one.ref) == len(one.alt)]

    def likely(ids: np.ndarray, other: np.ndarray) -> float:
        masked = mask_difference(ids, other, ours.tokenizer.mask_id)[0]
        with torch.no_grad():
            logs = (
                model(input_ids=torch.from_numpy(masked.ids)[None])
                .logits[0]
                .double()
                .log_softmax(-1)
            )
        return float(logs[masked.positions, masked.tokens].sum())

    found = ours.ratios(alleles, window=61)
    for one, ratio in zip(alleles[2:4], found[2:4], strict=True):
        parts = []
        for (strand,) in (pairs(x, window=61) for x in (one, one.reverse_complement())):
            ref, alt = (ours.tokenizer.encode([text]).ids.astype(np.int64) for text in strand)
            parts.append(likely(alt, ref) - likely(ref, alt))
        assert ratio == pytest.approx(np.mean(parts), abs=1e-4)
        assert abs(ratio) > 1e-3


def test_a_window_with_more_tokens_than_positions_is_refused(language: Path) -> None:
    """Unknown bases may take a token each, so a window may have more tokens than any known bases."""
    with pytest.raises(InputError, match=r"a window has \d+ tokens, but the model has"):
        ZeroShot(language).log_likelihoods([Pair("N" * 4000, "N" * 3999 + "A")])


def test_likelihood_ratios_are_negated_by_exchange_and_unknown_for_indels(language: Path) -> None:
    ours = ZeroShot(language)
    changes = [(45, BASES[45], "C" if BASES[45] != "C" else "G"), *INDELS]
    there = ours.ratios([allele(BASES, *one) for one in changes], window=61, shifts=(-4, 4))
    back = ours.ratios([exchanged(BASES, *one) for one in changes], window=61, shifts=(-4, 4))
    for window in (60, 61):
        one, turned = (
            ours.ratios([cut(BASES, *changes[0])], window=window, shifts=(-4, 4))[0]
            for cut in (allele, on_other_strand)
        )
        assert turned == pytest.approx(one, abs=1e-9)
    alone = ours.ratios([allele(BASES, *changes[0])], window=61, shifts=(-4, 4))
    assert np.isnan(there).tolist() == [False, True, True, True]
    assert alone[0] == there[0]
    assert back[0] == pytest.approx(-there[0], abs=1e-6)


def test_as_many_tokens_are_hidden_as_hold_the_base() -> None:
    for spec, expected in (("kmer-3-overlap", 3), ("kmer-3", 1), ("char", 1)):
        tokenizer = toy_language(8, spec=spec).tokenizer
        window = BASES[200:261]
        other = window[:30] + ("C" if window[30] != "C" else "G") + window[31:]
        ref, alt = (tokenizer.encode([text]).ids.astype(np.int64) for text in (window, other))
        one, two = mask_difference(ref, alt, tokenizer.mask_id)
        assert len(one.positions) == len(two.positions) == expected
        np.testing.assert_array_equal(one.ids, two.ids)
