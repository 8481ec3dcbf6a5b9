"""Run the script of every job on a model of each published family, on simulated rows with a motif.

python benchmarks/families.py --checkpoints models/dnabert2 models/hyenadna models/caduceus

Each checkpoint is fine-tuned on simulated rows, half of which contain a motif anywhere in the row.
The resulting model is then used to predict, to embed, to scan a genome in which the motif is planted once,
and to score variants inside and outside of the motif; it is explained by Shapley values and by integrated
gradients. The table shows whether each job found the motif:

- AUROC on test rows;
- Shapley values and integrated gradients: the motif's share of all positive attribution on rows that contain it
  (its share of bases is 16 %), the rows in which its sum is positive, and the largest completeness error;
- the scan: whether the maximum of its track is in the motif;
- variants: mean log2 fold change of the odds by substitutions in the motif, and outside of it.

Existing results are not computed again: the same command resumes after an interruption.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import tyro
from dnasweep.attribution.tables import read_attributions
from dnasweep.stages.outcome import CHECKPOINT
from rich.console import Console
from rich.table import Table
from sklearn.metrics import roc_auc_score

JOBS = Path(__file__).parent.parent / "jobs"
MOTIF, LENGTH = "GCTATAAAAGGCGCCA", 100
GENOME_BASES, PLANTED = 2_000, 1_030


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of the benchmark."""

    checkpoints: tuple[str, ...]
    """Pretrained checkpoints, folders or names of the hub."""
    storage: str = "runs/families"
    """Folder for all files."""
    rows: int = 2_400
    """Number of simulated rows; a sixth is for validation and test."""
    epochs: float = 8
    """Epochs of fine-tuning."""
    learning_rates: tuple[float, ...] = (2e-3,)
    """Learning rates; the best on validation is used."""
    explained: int = 16
    """Number of test rows to explain."""


def simulate(rows: int, seed: int = 0) -> pd.DataFrame:
    """Return rows with `id`, `sequence`, `label`, `split` and the start of the motif, `motif` (-1:
    none)."""
    rng = np.random.default_rng(seed)
    records = []
    for i in range(rows):
        bases, start = list(rng.choice(list("ACGT"), LENGTH)), -1
        if i % 2:
            start = int(rng.integers(LENGTH - len(MOTIF) + 1))
            bases[start : start + len(MOTIF)] = MOTIF
        split = "train" if i < rows * 5 // 6 else "validation" if i < rows * 11 // 12 else "test"
        records.append((f"row{i}", "".join(bases), i % 2, split, start))
    return pd.DataFrame(records, columns=["id", "sequence", "label", "split", "motif"])


def genome(seed: int = 1) -> str:
    """Return a chromosome with the motif once."""
    bases = np.random.default_rng(seed).choice(list("ACGT"), GENOME_BASES)
    return "".join(bases[:PLANTED]) + MOTIF + "".join(bases[PLANTED + len(MOTIF) :])


def variants(chromosome: str) -> pd.DataFrame:
    """Return substitutions by the complement, of every base of the motif and as many upstream of it."""
    places = [
        *range(PLANTED, PLANTED + len(MOTIF)),
        *range(PLANTED - 60, PLANTED - 60 + len(MOTIF)),
    ]
    other = dict(zip("ACGT", "TGCA", strict=True))
    return pd.DataFrame(
        {
            "chrom": "chr1",
            "pos": [place + 1 for place in places],
            "ref": [chromosome[place] for place in places],
            "alt": [other[chromosome[place]] for place in places],
        }
    )


def run_job(script: str, *arguments: str) -> tuple[str, float]:
    """Run a job, and return its output and its seconds."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(JOBS / script), *arguments, "--tracking-uri", "none"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"{script} ended with {done.returncode}: {done.stdout}{done.stderr}"[-2000:]
        )
    return done.stdout, time.perf_counter() - started


def attribution_of_motif(folder: Path, rows: pd.DataFrame) -> str:
    """Return the motif's mean share of the positive attribution, its sign, and the completeness error."""
    found = read_attributions(folder)
    starts = rows.set_index("id")["motif"]
    shares, sums = [], []
    for name, mine in found.tokens.groupby("sequence_id"):
        per_base = np.zeros(LENGTH)
        for start, end, value in mine[["start", "end", "phi"]].itertuples(index=False):
            per_base[start:end] += value / (end - start)
        positive = per_base.clip(0)
        start = int(starts[name])
        shares.append(positive[start : start + len(MOTIF)].sum() / positive.sum())
        sums.append(per_base[start : start + len(MOTIF)].sum())
    above, gap = int((np.array(sums) > 0).sum()), found.sequences["gap"].abs().max()
    return f"{np.mean(shares):.0%}, {above} of {len(sums)} up, {gap:.0e}"


def try_checkpoint(
    options: Options, checkpoint: str, folder: Path, rows: pd.DataFrame
) -> list[str]:
    """Return a row of the table."""
    model = dnasweep.sweep(
        str(folder / "rows.csv"),
        {"checkpoint": [checkpoint], "learning_rate": list(options.learning_rates)},
        name="family",
        storage=options.storage,
        finetune_epochs=options.epochs,
        tracking_uri="none",
        progress=False,
    ).best()
    directory = str(model.directory)
    out = folder / (Path(directory).parent.name if Path(directory).name == CHECKPOINT else "model")
    common = ["--model", directory, "--storage", options.storage]
    seconds = {}
    test = rows[rows["split"] == "test"]
    explained = test[test["motif"] >= 0].head(options.explained)
    explained[["id", "sequence", "label"]].to_csv(folder / "explained.csv", index=False)
    test[["id", "sequence", "label"]].to_csv(folder / "test.csv", index=False)

    predictions = f"{out}-predictions.csv"
    _, seconds["predict"] = run_job(
        "predict.py", *common, "--data", str(folder / "test.csv"), "--out", predictions
    )
    found = pd.read_csv(predictions).set_index("id").loc[test["id"]]
    auroc = roc_auc_score(test["label"], found["probability_positive"])

    _, seconds["embed"] = run_job(
        "embed.py", *common, "--data", str(folder / "test.csv"), "--out", f"{out}-embeddings"
    )
    told = []
    for estimator in ("adjusted_kernel", "integrated_gradients"):
        data = ["--data", str(folder / "explained.csv"), "--estimator", estimator, "--no-report"]
        try:
            said, seconds[estimator] = run_job("shap_batch.py", *common, *data)
        except RuntimeError as error:
            if "looks up" not in str(error):
                raise
            told.append("refused: two strands")
            continue
        where = re.search(r"^attributions (\S+)", said, re.MULTILINE)
        assert where is not None, said
        told.append(attribution_of_motif(Path(where[1]), rows))

    fasta = str(folder / "genome.fa")
    _, seconds["scan"] = run_job(
        "scan_genome.py", *common, "--genome", fasta, "--window", str(LENGTH), "--stride", "1",
        "--strands", "forward", "--combine", "max", "--out", f"{out}-scan",
    )  # fmt: skip
    _, seconds["variants"] = run_job(
        "score_variants.py", *common, "--genome", fasta, "--data", str(folder / "variants.tsv"),
        "--window", str(LENGTH), "--backgrounds", "0", "--out", f"{out}-variants",
    )  # fmt: skip
    return [
        checkpoint,
        f"{auroc:.3f}",
        *told,
        "yes" if summit_on_motif(Path(f"{out}-scan")) else "no",
        effect_of_variants(Path(f"{out}-variants")),
        ", ".join(f"{name} {value:.0f}" for name, value in seconds.items()),
    ]


def summit_on_motif(folder: Path) -> bool:
    """Return whether the maximum of a scan's track is in the planted motif."""
    track = pd.read_csv(
        folder / "probability.bedgraph.gz", sep="\t", names=["chrom", "start", "end", "value"]
    )
    best = track.loc[track["value"].idxmax()]
    return bool(best["start"] < PLANTED + len(MOTIF) and best["end"] > PLANTED)


def effect_of_variants(folder: Path) -> str:
    """Return how substitutions in the motif and outside of it change the odds."""
    scores = pd.read_parquet(folder / "variants.parquet").set_index("pos")["delta_log2_odds"]
    inside = scores.index > PLANTED
    down = int((scores[inside] < 0).sum())
    return f"{scores[inside].mean():+.2f} ({down} of {inside.sum()} down), {scores[~inside].mean():+.2f}"


def main(options: Options) -> None:
    """Try every checkpoint, and print the table."""
    folder = Path(options.storage)
    folder.mkdir(parents=True, exist_ok=True)
    rows = simulate(options.rows)
    rows.drop(columns="motif").to_csv(folder / "rows.csv", index=False)
    chromosome = genome()
    (folder / "genome.fa").write_text(f">chr1\n{chromosome}\n")
    variants(chromosome).to_csv(folder / "variants.tsv", sep="\t", index=False)
    console = Console(width=200)
    table = Table(
        "checkpoint", "AUROC", "Shapley, gap", "integrated gradients, gap", "scan finds it",
        "log2 odds: motif, outside", "seconds", box=None,
    )  # fmt: skip
    for checkpoint in options.checkpoints:
        table.add_row(*try_checkpoint(options, checkpoint, folder, rows))
        console.print(table)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
