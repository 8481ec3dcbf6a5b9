"""Owen values against the shap library, on the same trained model and masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from explainer_toys import Learnt, TokenMasker, learnt

shap = pytest.importorskip("shap")
FULL = 10**6


def _by_shap(toy: Learnt, sequence: str, max_evals: int) -> tuple[np.ndarray, int]:
    """Return shap's values without those of the special tokens, and how many masks it asked for."""
    asked = 0

    def log_odds(ids: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += len(ids)
        with torch.inference_mode():
            logits = toy.model(torch.from_numpy(np.asarray(ids).astype(np.int64))).logits.double()
        return (logits[:, 1] - logits[:, 0]).numpy()

    explainer = shap.PartitionExplainer(log_odds, TokenMasker(toy.tokenizer))
    ids = toy.tokenizer.encode([sequence]).ids
    values = explainer(ids[None], max_evals=max_evals, batch_size=5, silent=True).values[0]
    if max_evals == FULL:
        # With less, a group that was not split any more shares its credit with [SEP].
        np.testing.assert_allclose(values[[0, -1]], 0, atol=1e-3 * np.abs(values).max())
    return values[1:-1], asked


@pytest.mark.parametrize("max_evals", [100, 500, FULL])
@pytest.mark.parametrize("spec", ["kmer-3", "kmer-3-overlap", "bpe-64", "wordpiece-64", "char"])
def test_agrees_with_shap(spec: str, max_evals: int) -> None:
    toy = learnt(spec)
    sequences = toy.sequences[:3]
    config = ExplainConfig(
        estimator="partition", max_evals=None if max_evals == FULL else max_evals
    )
    for sequence, found in zip(
        sequences,
        Explainer(toy.model, config, tokenizer=toy.tokenizer).explain(sequences),
        strict=True,
    ):
        expected, asked = _by_shap(toy, sequence, max_evals)
        np.testing.assert_allclose(found.phi, expected, atol=1e-4 * np.abs(expected).max())
        assert found.num_evals < asked


WINDOWS = {"kmer-6": 300, "kmer-3": 150, "bpe-64": 120, "wordpiece-64": 120, "char": 50}
"""Bases of about 50 tokens."""
MOST = {50: 1836}
"""Evaluations of a full expansion, by tokens."""


@pytest.mark.slow
@pytest.mark.parametrize("max_evals", [100, 500, 2000, FULL])
@pytest.mark.parametrize("spec", list(WINDOWS))
def test_agrees_with_shap_on_sixteen_sequences_of_fifty_tokens(spec: str, max_evals: int) -> None:
    toy = learnt(spec, window=WINDOWS[spec])
    sequences = toy.sequences[:16]
    config = ExplainConfig(
        estimator="partition", max_evals=None if max_evals == FULL else max_evals
    )
    found = Explainer(toy.model, config, tokenizer=toy.tokenizer).explain(sequences)
    worst = 0.0
    for sequence, one in zip(sequences, found, strict=True):
        expected, asked = _by_shap(toy, sequence, max_evals)
        worst = max(worst, np.abs(one.phi - expected).max() / np.abs(expected).max())
        assert one.num_evals < asked
        assert one.num_evals <= MOST.get(len(one.phi), asked)
    print(f"{spec}, {max_evals}: {len(found[0].phi)} tokens, largest difference {worst:.1e}")
    assert worst <= 1e-4


def test_a_budget_that_covers_everything_is_the_full_expansion() -> None:
    toy = learnt("kmer-3")
    whole, budget = (
        Explainer(
            toy.model,
            ExplainConfig(estimator="partition", max_evals=max_evals),
            tokenizer=toy.tokenizer,
        ).explain(toy.sequences[:2])
        for max_evals in (None, FULL)
    )
    for a, b in zip(whole, budget, strict=True):
        np.testing.assert_allclose(a.phi, b.phi, atol=1e-6)
        np.testing.assert_allclose(b.standard_error, 0)
        assert a.num_evals == b.num_evals


def test_the_error_of_a_budget_is_the_credit_it_did_not_split() -> None:
    toy = learnt("kmer-3")
    explain = {
        evals: Explainer(
            toy.model,
            ExplainConfig(estimator="partition", max_evals=evals),
            tokenizer=toy.tokenizer,
        ).explain([toy.sequences[1]])[0]
        for evals in (20, 100, 300)
    }
    sums = [explain[evals].standard_error.sum() for evals in (20, 100, 300)]
    assert sums[0] > sums[1] > sums[2] > 0


def _what_the_text_masker_shows(toy: Learnt, sequence: str, folder: Path) -> tuple[list, list]:
    """Return the ids after masking three tokens, and those the library's text masker arrives at."""
    from transformers import AutoTokenizer

    toy.tokenizer.save(folder)
    plain = AutoTokenizer.from_pretrained(folder)
    masker = shap.maskers.Text(plain)
    ids = toy.tokenizer.encode([sequence]).ids
    shown = np.ones(masker.shape(sequence)[1], dtype=bool)
    assert len(shown) == len(ids)
    shown[[2, 3, 6]] = False
    (joined,) = masker(shown, sequence)
    return np.where(shown, ids, toy.tokenizer.mask_id).tolist(), plain(str(joined[0]))["input_ids"]


def test_masked_words_that_do_not_overlap_survive_the_librarys_text_masker(tmp_path: Path) -> None:
    meant, read = _what_the_text_masker_shows(
        learnt("kmer-3"), "ACGTTGCAGGATTACAGATTACATT", tmp_path
    )
    assert read == meant


def test_the_librarys_text_masker_reads_other_tokens_where_words_overlap(tmp_path: Path) -> None:
    # It joins the pieces that are left to a string, with [MASK] between them, and tokenises that
    # again. The letters of three overlapping k-mers are not three k-mers any more, so what is
    # measured there is another input than the one attributed to.
    meant, read = _what_the_text_masker_shows(
        learnt("kmer-3-overlap"), "ACGTTGCAGGATTACAGATTACATT", tmp_path
    )
    assert read != meant
    assert len(read) != len(meant)
