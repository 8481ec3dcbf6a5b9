"""A model from elsewhere, end to end: fine-tuned by a job on a cluster, and used for prediction."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from backbone_toys import dnabert, labelled_rows
from dnasweep.annotate.predictions import predict_table
from dnasweep.cluster.options import SweepOptions
from dnasweep.cluster.sweep import run_finetuning
from dnasweep.genome.reading import read_sequences
from dnasweep.stages.outcome import CHECKPOINT
from rich.console import Console


def test_a_checkpoint_is_fine_tuned_and_predicts(ray_cluster: None, tmp_path: Path) -> None:
    folder = dnabert(tmp_path / "dnabert", positions=32)
    labelled_rows(60).to_csv(tmp_path / "rows.csv", index=False)
    options = SweepOptions(
        data=(str(tmp_path / "rows.csv"),),
        storage=str(tmp_path / "runs"),
        checkpoints=(str(folder),),
        # 38 words and two special tokens do not fit 32 positions.
        windows="log-odds",
        tuning="lora-4",
        finetune_epochs=1,
        evaluations=1,
    )
    axes = {
        "tokenizer": SweepOptions.tokenizers,
        "species_set": (),
        "learning_rate": (1e-3,),
        "seed": (0,),
    }
    run_finetuning("backbone", axes, options, Console(quiet=True))
    (trial,) = (tmp_path / "runs" / "trials").iterdir()
    table = read_sequences((str(tmp_path / "rows.csv"),), require_labels=False)
    frame = predict_table(trial / CHECKPOINT, table)
    assert frame["probability_positive"].between(0, 1).all()
    assert len(frame) == len(pd.read_csv(tmp_path / "rows.csv"))
    again = predict_table(trial / CHECKPOINT, table[:3], batch_size=1)
    assert again["probability_positive"].tolist() == pytest.approx(
        frame["probability_positive"][:3].tolist(), abs=1e-6
    )
