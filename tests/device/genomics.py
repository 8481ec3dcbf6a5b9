"""Predictions, embeddings, scans, variants and zero-shot ratios: the CPU's numbers."""

from __future__ import annotations

import device_toys  # noqa: F401 starts the device
import numpy as np
import pytest
import torch
from device_toys import model_for, task_named
from dnasweep.formats.reference import open_genome
from dnasweep.genomics.genome_store import keep_genome
from dnasweep.genomics.scan_worker import ScanWorker, WindowRun
from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.genomics.variant_effects import score
from dnasweep.genomics.zero_shot import CausalZeroShot, ZeroShot
from dnasweep.models.architecture import build_masked_lm
from dnasweep.models.embedding import POOLINGS, embed, embed_tokens
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export, load_classifier
from dnasweep.stages import models
from dnasweep.storage import Storage
from dnasweep.tokens.loading import load_tokenizer
from scan_toys import LENGTHS, STRIDE, WINDOW, records, write_fasta
from shap_toys import write_model
from standin import DEVICE
from toys import TINY, toy_language, toy_sequences
from variant_toys import CONFIG, chromosome, substitutions

SEQUENCES = toy_sequences(20, ragged=9)
DEVICES = ("cpu", DEVICE)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


def test_predictions_and_the_model_goes_home(model):
    here, there = (
        predict_probabilities(model, None, SEQUENCES, device=device, batch_size=6, dtype="fp32")
        for device in DEVICES
    )
    np.testing.assert_allclose(there, here, atol=1e-6)
    classifier = load_classifier(model)
    found = predict_probabilities(classifier, load_tokenizer(model), SEQUENCES, device=DEVICE)
    # The default is bf16 there.
    assert 1e-7 < np.abs(found - here).max() < 0.05
    assert classifier.device.type == "cpu"


@pytest.mark.parametrize("name", ["token", "profile"])
def test_predictions_of_places(name):
    toy = toy_language(12, ragged=9)
    classifier = model_for(task_named(name, toy), toy).eval()
    here, there = (
        predict_probabilities(
            classifier, toy.tokenizer, toy.sequences, device=device, dtype="fp32"
        )
        for device in DEVICES
    )
    np.testing.assert_allclose(there, here, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_embeddings(model, pooling):
    tokenizer = load_tokenizer(model)
    here, there = (
        embed(
            load_classifier(model), tokenizer, SEQUENCES,
            pooling=pooling, device=device, batch_size=6, dtype="fp32",
        )
        for device in DEVICES
    )  # fmt: skip
    np.testing.assert_allclose(there, here, atol=1e-5)


def test_embeddings_of_tokens(model):
    tokenizer = load_tokenizer(model)
    here, there = (
        embed_tokens(load_classifier(model), tokenizer, SEQUENCES, device=device, dtype="fp32")[0]
        for device in DEVICES
    )
    np.testing.assert_allclose(there, here, atol=1e-5)


@pytest.mark.parametrize("strands", ["both", "mean", "forward"])
def test_scans(model, tmp_path, strands):
    store = Storage(tmp_path)
    with open_genome(write_fasta(tmp_path / "toy.fa", records())) as fasta:
        genome = keep_genome(store, fasta, tuple(LENGTHS))
    settings = {
        "window": WINDOW,
        "stride": STRIDE,
        "strands": strands,
        "max_unknown": 0.05,
        "genome": genome,
        "model": models.keep_model(store, model),
        "target": "promoter",
        "precision": "fp32",
    }
    found = []
    for device in DEVICES:
        worker = ScanWorker(
            storage=store.root, models=models.KIND, settings=settings, device=device
        )
        found.append(worker.score([WindowRun("chr2L", 0, 40), WindowRun("chr2L", 100, 30)]))
    for here, there in zip(*found, strict=True):
        for a, b in zip(here, there, strict=True):
            np.testing.assert_allclose(b, a, atol=2e-5)


def test_variants(model):
    bases = chromosome()
    alleles = substitutions(bases, range(60, 90, 3))
    here, there = (
        score(
            alleles, SequenceValues(model, target="promoter", device=device, batch_rows=16), CONFIG
        )
        for device in DEVICES
    )
    np.testing.assert_allclose(there.delta_log2_odds, here.delta_log2_odds, atol=2e-5)


@pytest.mark.parametrize("spec", ["kmer-3-overlap", "char"])
def test_zero_shot_ratios(spec, tmp_path):
    toy = toy_language(8, spec=spec)
    language = build_masked_lm(TINY, tokenizer=toy.tokenizer, num_tokens=70, dropout=0.0, seed=0)
    folder = export(language, toy.tokenizer, tmp_path)
    alleles = substitutions(chromosome(), range(60, 90, 5))
    here, there = (
        ZeroShot(folder, device=device, batch_rows=16).ratios(alleles, window=61, shifts=(4,))
        for device in DEVICES
    )
    np.testing.assert_allclose(there, here, atol=2e-6)
    assert np.abs(here).max() > 1e-4


def test_zero_shot_ratios_of_causal_models(tmp_path):
    from backbone_toys import dnabert_kmers, save
    from transformers import GPT2Config, GPT2LMHeadModel

    words = dnabert_kmers(3) + list("ATCGN")
    torch.manual_seed(0)
    config = GPT2Config(
        n_positions=64, n_embd=16, n_layer=2, n_head=2,
        vocab_size=len(words), bos_token_id=2, eos_token_id=3, pad_token_id=0,
    )  # fmt: skip
    folder = save(GPT2LMHeadModel(config), tmp_path, words)
    alleles = substitutions(chromosome(), range(60, 90, 5))
    here, there = (
        CausalZeroShot(folder, device=device, batch_rows=16).ratios(alleles, window=61)
        for device in DEVICES
    )
    np.testing.assert_allclose(there, here, atol=2e-5)


def test_a_scan_and_variants_in_bf16_are_near_fp32(model):
    exact = SequenceValues(model, target="promoter", device=DEVICE).log_odds(SEQUENCES)
    values = SequenceValues(model, target="promoter", device=DEVICE, precision="bf16")
    rounded = values.log_odds(SEQUENCES)
    assert 1e-6 < np.abs(rounded - exact).max() < 0.05 * np.abs(exact).max()
