"""Whole sweeps and jobs in one process, on the device that the platform chooses: the results of the CPU."""

from __future__ import annotations

from pathlib import Path

import device_toys  # noqa: F401 starts the device
import dnasweep
import numpy as np
import pytest
from dnasweep.models.pretrained.checkpoint import export
from rich.console import Console
from scan_toys import records, write_fasta
from shap_toys import write_model, write_sequences
from standin import WAITS
from standin.platform import without_it
from toy_data import write_toy_table
from variant_toys import chromosome, write_genome, write_vcf

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


def both(work):
    """Return what some work gives on the CPU, and on the device, where the host has waited for it."""
    with without_it():
        here = work()
    with WAITS.counted() as waits:
        there = work()
    assert any(kind == "download" for kind, _ in waits)
    return here, there


def test_a_few_shot_sweep_with_pretraining(tmp_path):
    from dnasweep.sweeps.axes import FewShotOptions
    from dnasweep.sweeps.few_shot import few_shot_cells
    from dnasweep.sweeps.in_process import InProcessExecutor
    from dnasweep.workflows.few_shot_ending import compare_few_shots
    from dnasweep.workflows.sweep import run_sweep

    table = write_toy_table(tmp_path / "toy.csv", rows=160)

    def work():
        storage = tmp_path / f"runs-{len(list(tmp_path.iterdir()))}"
        options = FewShotOptions(
            data=(str(table),), split="random", tokenizers=("kmer-3",), species_sets=("none", "all"),
            preset="1x32x2", shots=(5,), resamples=1, seeds=(0,), pretrain_epochs=1,
            finetune_epochs=2, precision="fp32", storage=str(storage), tracking_uri="none",
        )  # fmt: skip
        comparison = run_sweep(
            "fewshot-grid", options.axes, options, Console(quiet=True),
            cells=few_shot_cells, ending=compare_few_shots, executor=InProcessExecutor,
        )  # fmt: skip
        assert comparison is not None
        return comparison.runs.select_dtypes("number")

    here, there = both(work)
    # Ranks of rows that are called nearly alike change with the rounding.
    columns = [name for name in here if "loss" in name]
    assert columns
    np.testing.assert_allclose(there[columns], here[columns], atol=1e-4)


def test_predictions_attributions_and_embeddings(model, tmp_path):
    sequences = write_sequences(tmp_path / "toy.csv", 12)
    found = dnasweep.load_model(model)
    here, there = both(lambda: found.predict(sequences, precision="fp32").select_dtypes("number"))
    np.testing.assert_allclose(there, here, atol=1e-6)
    here, there = both(lambda: found.embed(sequences))
    np.testing.assert_allclose(there, here, atol=0.05)
    here, there = both(
        lambda: dnasweep.explain(model, sequences, max_evals=80, precision="fp32").to_frame()[
            "phi"
        ]
    )
    np.testing.assert_allclose(there, here, atol=1e-5)


def test_a_scan(model, tmp_path):
    genome = write_fasta(tmp_path / "toy.fa", records())
    here, there = both(
        lambda: dnasweep.scan(
            model, genome, window=60, stride=15, threshold=0.5, shuffles=5, precision="fp32"
        ).to_frame()
    )
    numbers = here.select_dtypes("number").columns
    np.testing.assert_allclose(there[numbers], here[numbers], atol=1e-5)


def test_variants_with_zero_shot_ratios(model, tmp_path):
    from dnasweep.models.architecture import build_masked_lm
    from toys import TINY, toy_language

    bases = chromosome(600)
    genome = write_genome(tmp_path / "g.fa", chr1=bases)
    turn = dict(zip("ACGT", "CGTA", strict=True))
    lines = [f"chr1 {i + 1} v{i} {bases[i]} {turn[bases[i]]} . . ." for i in range(100, 140, 7)]
    variants = write_vcf(tmp_path / "x.vcf", lines)
    toy = toy_language(8)
    language = build_masked_lm(TINY, tokenizer=toy.tokenizer, num_tokens=70, dropout=0.0, seed=0)
    folder: Path = export(language, toy.tokenizer, tmp_path / "language")
    here, there = both(
        lambda: dnasweep.score_variants(
            model, variants, genome=genome, language_model=str(folder), window=61, precision="fp32"
        )
    )
    numbers = here.select_dtypes("number").columns
    np.testing.assert_allclose(there[numbers], here[numbers], atol=1e-4)
