"""A species transfer where the labels are not two classes: the same strategies, metrics and tests of the task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from base_toys import write_splice_sites
from dnasweep.errors import InputError
from dnasweep.sweeps.comparison import Transfer
from dnasweep.sweeps.in_process import InProcessExecutor
from dnasweep.sweeps.transfer_options import TransferOptions
from dnasweep.workflows.sweep import run_sweep
from dnasweep.workflows.transfer import end_transfer, find_targets, transfer_cells
from profile_toys import write_signal
from rich.console import Console
from toy_data import write_measured, write_sets, write_three_classes

WRITERS: dict[str, Callable[[Path], Path]] = {
    "regression": write_measured,
    "multiclass": write_three_classes,
    "multilabel": write_sets,
    "token": write_splice_sites,
}


def write_bins(path: Path) -> tuple[Path, dict[str, object]]:
    toy = write_signal(path.parent)
    names = ["chrom", "start", "end", "name", "score", "strand"]
    pd.read_csv(toy.rows, sep="\t", names=names).drop(columns="score").to_csv(path, index=False)
    return path, {"genome": str(toy.genome), "tracks": (str(toy.track),), "bins": 4}


def of_two_species(path: Path, task: str) -> Path:
    frame = pd.read_csv(path if task == "profile" else WRITERS[task](path))
    frame["species"] = np.where(np.arange(len(frame)) // 12 % 2, "mouse", "human")
    frame.to_csv(path, index=False)
    return path


def transferred(data: Path, **options: object) -> Transfer:
    asked = TransferOptions(
        data=(str(data),),
        storage=str(data.parent / "runs"),
        tracking_uri="none",
        split="random",
        preset="1x32x2",
        tokenizers=("kmer-3",),
        min_rows=4,
        learning_rates=(1e-2,),
        **options,  # type: ignore[arg-type]
    )
    found: list[Transfer] = []
    console = Console(quiet=True)
    run_sweep(
        "species-transfer",
        {
            "tokenizer": asked.tokenizers,
            "target": find_targets(asked, console),
            "strategy": asked.strategies,
            "learning_rate": asked.learning_rates,
            "seed": asked.seeds,
        },
        asked,
        console,
        cells=transfer_cells,
        ending=lambda *args: found.append(end_transfer(*args)) or found[0],
        executor=InProcessExecutor,
    )
    return found[0]


@pytest.mark.parametrize("task", [*WRITERS, "profile"])
def test_transfer_is_measured_and_tested_by_the_task(tmp_path: Path, task: str) -> None:
    learns = task in ("regression", "multilabel")
    path = tmp_path / f"{task}.csv"
    signal = write_bins(path)[1] if task == "profile" else {}
    found = transferred(
        of_two_species(path, task),
        **signal,
        strategies=("random", "zero-shot"),
        seeds=(0, 1),
        finetune_epochs=8.0 if learns else 1.0,
        pretrain_epochs=1.0,
    )
    assert found.labels.task == task
    assert found.metric == found.task.metric
    assert found.targets == ["human", "mouse"]
    assert (found.matrix["num_seeds"] == 2).all()
    metric = found.decisive
    # Both targets, and their mean, by every metric that the task is tested by.
    assert found.tests["target"].tolist() == ["human", "mouse", "all"]
    for one in found.task.tested:
        assert found.tests[f"{one}_p"].notna().all()
    whole = found.tests.iloc[-1]
    single = found.tests.iloc[:2][f"{metric}_difference"]
    assert whole[f"{metric}_difference"] == pytest.approx(single.mean())
    assert whole[f"{metric}_num_better"] == (found.sign * single > 0).sum()
    assert found.baseline["name"].eq(found.task.baseline_name).all()
    said = " ".join(found.findings)
    assert "Can rows of other species replace those of the target" in said
    if task == "regression":
        assert found.matrix["test_pearson"].min() > 0.5
        page = next((tmp_path / "runs").rglob("transfer.html")).read_text()
        assert "AUROC" not in page
        assert "DeLong" not in page


def test_species_whose_labels_do_not_differ_are_no_targets(tmp_path: Path) -> None:
    path = of_two_species(tmp_path / "x.csv", "regression")
    frame = pd.read_csv(path)
    frame.loc[frame["species"] == "mouse", "label"] = 1.5
    frame.to_csv(path, index=False)
    with pytest.raises(InputError, match="target mouse has train rows whose labels do not differ"):
        transferred(path, targets=("mouse",))
