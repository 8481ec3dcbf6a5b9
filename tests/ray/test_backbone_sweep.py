"""A pretrained checkpoint, end to end: fine-tuned by a job on a cluster, and used for prediction."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from backbone_toys import dnabert, labelled_rows
from dnasweep.stages.outcome import CHECKPOINT
from prediction_toys import predict_table
from reading_toys import read_sequences
from script_toys import run


def test_a_checkpoint_is_fine_tuned_and_predicts(tmp_path: Path) -> None:
    folder = dnabert(tmp_path / "dnabert", positions=32)
    labelled_rows(60).to_csv(tmp_path / "rows.csv", index=False)
    # 38 words and two special tokens do not fit 32 positions.
    run(
        "jobs/finetune.py",
        tmp_path / "runs",
        *("--data", str(tmp_path / "rows.csv"), "--checkpoints", str(folder)),
        *"--windows log-odds --tuning lora-4 --learning-rates 1e-3 --seeds 0".split(),
        *"--finetune-epochs 1 --evaluations 1".split(),
    )
    (trial,) = (tmp_path / "runs" / "trials").iterdir()
    table = read_sequences((str(tmp_path / "rows.csv"),), require_labels=False)
    frame = predict_table(trial / CHECKPOINT, table)
    assert frame["probability_positive"].between(0, 1).all()
    assert len(frame) == len(pd.read_csv(tmp_path / "rows.csv"))
    again = predict_table(trial / CHECKPOINT, table[:3], batch_size=1)
    assert again["probability_positive"].tolist() == pytest.approx(
        frame["probability_positive"][:3].tolist(), abs=1e-6
    )
