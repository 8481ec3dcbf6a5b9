"""Zero-shot scores of causal language models: the log-likelihood of a row, against a plain loop."""

from __future__ import annotations

from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import pytest
import torch
from backbone_toys import dnabert_kmers, save
from dnasweep.errors import InputError
from dnasweep.genomics.allele_windows import pairs
from dnasweep.genomics.zero_shot import CausalZeroShot, ZeroShot, open_language_model
from dnasweep.models.encoder.capacity import capacity
from dnasweep.models.pretrained.checkpoint import load_causal_lm, load_masked_lm
from dnasweep.models.pretrained.config_file import read_config
from golden_models import cases
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from variant_toys import allele

BASES = "".join(np.random.default_rng(3).choice(list("ACGT"), 300))
VOCABULARY = dnabert_kmers(3) + list("ATCGN")
SMALL = {"vocab_size": len(VOCABULARY), "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}


def gpt2(folder: Path) -> Path:
    torch.manual_seed(0)
    config = GPT2Config(n_positions=64, n_embd=16, n_layer=2, n_head=2, **SMALL)
    return save(GPT2LMHeadModel(config), folder, VOCABULARY)


def llama(folder: Path) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=64, **SMALL,
    )  # fmt: skip
    return save(LlamaForCausalLM(config), folder, VOCABULARY)


def log_likelihood(model: torch.nn.Module, tokenizer, text: str) -> float:
    """Return the log probability of the tokens of DNA, one after the other, each by its own forward pass."""
    ids = tokenizer.encode([text]).ids.astype(np.int64)
    begins = int(tokenizer.cls_id != tokenizer.pad_id)
    row, total = ids[1 - begins : -1], 0.0
    for place in range(1, len(row)):
        with torch.no_grad():
            logits = model(input_ids=torch.from_numpy(row[None, :place])).logits[0, -1]
        total += float(logits.double().log_softmax(-1)[row[place]])
    return total


def check(folder: Path) -> None:
    ours = open_language_model(folder)
    assert isinstance(ours, CausalZeroShot)
    model = load_causal_lm(folder)
    other = str.maketrans("ACGT", "CATG")
    changes = [
        (at, BASES[at:end], BASES[at:end].translate(other)) for at, end in ((150, 151), (80, 82))
    ]
    alleles = [allele(BASES, *one) for one in changes]
    found = ours.ratios(alleles, window=40, shifts=(-4, 4))
    for one, ratio in zip(alleles, found, strict=True):
        parts = [
            log_likelihood(model, ours.tokenizer, pair.alt)
            - log_likelihood(model, ours.tokenizer, pair.ref)
            for strand in (one, one.reverse_complement())
            for pair in pairs(strand, window=40, shifts=(-4, 4))
        ]
        assert len(parts) == 6
        assert ratio == pytest.approx(np.mean(parts), abs=2e-4)
        assert abs(ratio) > 1e-3
    # Each alone, and beside an indel, which has no ratio.
    assert ours.ratios(alleles[:1], window=40, shifts=(-4, 4))[0] == found[0]
    indel = allele(BASES, 150, BASES[150], BASES[150] + "GG")
    both = ours.ratios([indel, alleles[1]], window=40, shifts=(-4, 4))
    assert np.isnan(both).tolist() == [True, False]
    assert both[1] == found[1]


@pytest.mark.parametrize("make", [gpt2, llama])
def test_scores_of_transformers_causal_models_are_those_of_a_plain_loop(make, tmp_path) -> None:
    check(make(tmp_path / "model"))


@pytest.mark.parametrize("case", cases("hyenadna"))
def test_scores_of_hyenadna_are_those_of_a_plain_loop(case) -> None:
    check(case / "checkpoint")


def test_the_other_strand_gives_the_same_score(tmp_path: Path) -> None:
    ours = open_language_model(gpt2(tmp_path / "model"))
    ref, alt = BASES[150], "C" if BASES[150] != "C" else "G"
    one = allele(BASES, 150, ref, alt)
    there = ours.ratios([one], window=41)[0]
    assert ours.ratios([one.reverse_complement()], window=41)[0] == pytest.approx(there, abs=1e-9)


@pytest.mark.parametrize("case", cases("hyenadna", "caduceus", "nt_v2", "dnabert2", "gena"))
def test_variants_are_scored_with_a_checkpoint_as_the_hub_has_it(case, tmp_path) -> None:
    (tmp_path / "g.fa").write_text(f">chr1\n{BASES}\n")
    ref = [BASES[99], BASES[149], BASES[170:172]]
    alt = ["A" if ref[0] != "A" else "C", "G" if ref[1] != "G" else "T", ref[2][0]]
    table = pd.DataFrame({"chrom": "chr1", "pos": [100, 150, 171], "ref": ref, "alt": alt})
    model = dnasweep.load_model(case / "checkpoint")
    options = {"genome": tmp_path / "g.fa", "window": 40, "progress": False}
    if case.name == "bare-pickled":
        # DNABERT-S has no language model's head.
        with pytest.raises(InputError, match="neither classifies nor predicts tokens"):
            dnasweep.score_variants(model, table, **options)
        return
    found = dnasweep.score_variants(model, table, **options)
    assert np.isfinite(found["llr"]).tolist() == [True, True, False]
    again = dnasweep.score_variants(model, table[:1], **options)
    assert again["llr"][0] == found["llr"][0]


def test_the_kind_of_language_model_decides_how_it_scores(tmp_path: Path) -> None:
    folder = gpt2(tmp_path / "model")
    assert capacity(read_config(folder)) == 64
    with pytest.raises(InputError, match="GPT2LMHeadModel, not a masked language model"):
        load_masked_lm(folder)
    assert not isinstance(open_language_model(folder), ZeroShot)
