"""The Python code of the documents runs, on small files in place of a reader's own."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import pytest
from documents import DOCUMENTS, blocks
from toy_data import write_toy_table

pytestmark = pytest.mark.timeout(900)
WITH_CODE = [name for name in DOCUMENTS if any(blocks(name, "python"))]
LONGEST_USE = 5
"""Lines that a usual use may take."""
QUICK = {"tracking_uri": "none", "progress": False}
SHORTER = {
    "window=300": "window=60",
    "range(0, 290, 5)": "range(0, 50, 5)",
    "range(10, 41)": "range(10, 31)",
    "gc=(0.4, 0.6)": "gc=(0.1, 0.9)",
}
"""What stands in a document for sequences of 300 bases, and what suits those here."""
SMALL = {"preset": "1x16x1", "finetune_epochs": 1, "evaluations": 1}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader may have it: labelled and new sequences, a genome, and a finished sweep."""
    folder = tmp_path_factory.mktemp("desk")
    write_toy_table(folder / "promoters.csv", rows=160)
    rows = pd.read_csv(folder / "promoters.csv")
    new = rows["sequence"].head(4)
    (folder / "new.fa").write_text("".join(f">new{i}\n{s}\n" for i, s in enumerate(new)))
    genome = "".join(np.random.default_rng(0).choice(list("ACGT"), 2_000))
    (folder / "genome.fa").write_text(f">chr1\n{genome}\n")
    alt = "ACGT"[("ACGT".index(genome[999]) + 1) % 4]
    (folder / "variants.vcf").write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        f"chr1\t1000\t.\t{genome[999]}\t{alt}\t.\t.\t.\n"
    )
    (folder / "jaspar.meme").write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF TATA box\nletter-probability matrix: alength= 4 w= 6\n"
        + "".join(
            " ".join(".97" if b == one else ".01" for b in "ACGT") + "\n" for one in "TATAAA"
        )
    )
    axes = {"tokenizer": ["kmer-3"], "species_set": ["none"], "learning_rate": [3e-3], "seed": [0]}
    found = dnasweep.sweep(
        folder / "promoters.csv", axes, storage=folder / "runs", name="first", **SMALL, **QUICK
    )  # fmt: skip
    dnasweep.explain(
        found.best(), str(folder / "new.fa"), storage=folder / "runs", report=False,
        estimator="integrated_gradients", **QUICK,
    )  # fmt: skip
    return folder


def in_place(code: str, desk: Path) -> str:
    """Return code with the keys of this folder where the document has a placeholder, and its window."""
    trial = dnasweep.open_sweep(desk / "runs", name="first").summary["best"]
    (job,) = (path.name for path in (desk / "runs" / "attributions").glob("*"))
    code = code.replace("<trial key>", trial).replace("KEY", job)
    for theirs, ours in SHORTER.items():
        code = code.replace(theirs, ours)
    return code


@pytest.mark.parametrize("document", WITH_CODE)
def test_code_runs(document: str, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "none")
    for name in ("sweep", "train"):
        monkeypatch.setattr(dnasweep, name, partial(getattr(dnasweep, name), **SMALL))
    model = dnasweep.open_sweep("runs", name="first").best()
    folder = str(model.directory)
    names = {"dnasweep": dnasweep, "model": model, "folder": folder, "checkpoint": folder}
    for code in blocks(document, "python"):
        exec(compile(in_place(code, desk), document, "exec"), names)


def test_a_usual_use_takes_five_lines() -> None:
    for document in WITH_CODE:
        for code in blocks(document, "python"):
            statements = [line for line in code.splitlines() if line and not line.startswith(" ")]
            if "run_sweep" not in code and not re.search(r"(?m)^from dnasweep\.", code):
                assert len(statements) <= LONGEST_USE + code.count("import dnasweep"), code
