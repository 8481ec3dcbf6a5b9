"""Motif discovery from finished jobs: what it writes, and what it refuses with which message."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.attribution.worker import AttributionWorker
from dnasweep.errors import InputError
from dnasweep.jobs.attribution_request import KIND, AttributionOptions, prepare_attribution
from dnasweep.jobs.shards.store import Shards
from dnasweep.motifs import discovery
from dnasweep.motifs.known import built_in_motifs
from dnasweep.motifs.tomtom import COLUMNS
from dnasweep.stages import models
from dnasweep.workflows.motifs import MotifOptions, run_motifs
from rich.console import Console
from shap_toys import write_model, write_sequences

MEME = (
    "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF MA0108.3 TBP\n"
    "letter-probability matrix: alength= 4 w= 4\n0 0 0 1\n1 0 0 0\n0 0 0 1\n1 0 0 0\n"
)
QUIET = Console(quiet=True)


def finished(root: Path, num: int, *, estimator: str, close: bool = True) -> str:
    """Return the folder of an attribution job of `num` toy sequences."""
    write_sequences(root / "toy.csv", num)
    if not (root / "model").exists():
        write_model(root / "model")
    request = prepare_attribution(
        AttributionOptions(
            model=str(root / "model"),
            data=(str(root / "toy.csv"),),
            storage=str(root / "runs"),
            estimator=estimator,  # type: ignore[arg-type]
        )
    )
    shards = Shards.begin(
        request.storage, kind=KIND, inputs=request.settings, rows=request.rows, shard_size=30
    )
    worker = AttributionWorker(
        storage=request.storage.root,
        kind=models.KIND,
        key=request.settings["model"],
        settings=request.settings,
    )
    for shard in shards.missing():
        shards.publish(shard, *worker.compute(shards.rows(shard), lambda done: None))
    if close:
        shards.finish({})
    return shards.uri


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> str:
    return finished(tmp_path_factory.mktemp("job"), 60, estimator="attention")


@pytest.fixture
def options(job: str, tmp_path: Path) -> MotifOptions:
    (tmp_path / "known.meme").write_text(MEME)
    return MotifOptions(
        attributions=(job,),
        motifs=str(tmp_path / "known.meme"),
        out=str(tmp_path / "out"),
        min_length=3,
        window=8,
        discovery_q=1,
    )


def matched(names, matrices, known, *, most=5):
    """Stand in for Tomtom, whose library compiles for minutes."""
    assert [one.id for one in known] == ["MA0108.3"]
    rows = [(name, "MA0108.3", "TBP", 0.01, 0.01, 0, 4, "+") for name in names]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_a_job_gives_its_page_and_files(
    options: MotifOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "match", matched)
    page = run_motifs(options, QUIET)
    folder = page.parent
    summary = json.loads((folder / "motifs.json").read_text())
    table = pd.read_parquet(folder / "motifs.parquet")
    assert summary["num_motifs"] == len(table) > 0
    assert summary["settings"]["estimator"] == "attention"
    assert (table["of_positive"] + table["of_negative"] == 30).all()
    instances = pd.read_parquet(folder / "instances.parquet")
    assert (instances["end"] - instances["start"] == 8).all()
    text = page.read_text()
    assert "Attention shows where the model looks" in text
    assert "TBP" in text
    before = (folder / "motifs.meme").read_bytes()
    # The same again, over what is there.
    run_motifs(options, QUIET)
    assert (folder / "motifs.meme").read_bytes() == before
    assert pd.read_parquet(folder / "motifs.parquet").equals(table)
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".motifs-")]


def test_without_a_file_the_built_in_motifs_are_compared_with(
    options: MotifOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def match(names, matrices, known, *, most=5):
        asked.append([one.name for one in known])
        return pd.DataFrame(columns=list(COLUMNS))

    monkeypatch.setattr(discovery, "match", match)
    console = Console(record=True, file=io.StringIO(), width=300)
    page = run_motifs(dataclasses.replace(options, motifs=None), console)
    assert {"TATA box (TBP)", "Inr", "CCAAT box (NF-Y)"} <= set(asked[0])
    assert json.loads((page.parent / "motifs.json").read_text())["known_motifs"] == "built in"
    assert "jaspar.elixir.no/downloads" in console.export_text()


def test_built_in_motifs_are_shares_of_bases_that_spell_their_consensus() -> None:
    known = {one.name: one.probabilities for one in built_in_motifs()}
    for shares in known.values():
        assert np.allclose(shares.sum(axis=1), 1)
        assert shares.min() >= 0

    def spelled(name: str) -> str:
        return "".join("ACGT"[column] for column in known[name].argmax(axis=1))

    assert spelled("TATA box (TBP)") == "TATAAAA"
    assert spelled("CRE (CREB)") == "TGACGTCA"


def test_what_cannot_be_used_is_refused(options: MotifOptions, tmp_path: Path) -> None:
    def refused(said: str, **changes: object) -> None:
        with pytest.raises(InputError, match=said):
            run_motifs(dataclasses.replace(options, **changes), QUIET)  # type: ignore[arg-type]

    refused("not the folder of a job", attributions=(str(tmp_path),))
    (tmp_path / "bad.meme").write_text(MEME.replace("0 0 0 1", "0 0 x 1"))
    refused("bad.meme, row 7: the motif MA0108.3", motifs=str(tmp_path / "bad.meme"))
    refused("bad.txt", motifs=str(tmp_path / "bad.txt"))
    refused("contains other files", out=str(tmp_path))
    refused("this is a file", out=options.motifs)
    refused("hit_p is 2", hit_p=2.0)
    refused("share is 0", share=0.0)
    open_ = finished(tmp_path, 12, estimator="attention", close=False)
    refused("has not finished", attributions=(open_,))
    few = finished(tmp_path, 14, estimator="attention")
    refused("at least 10 are needed", attributions=(few,))
    refused("in the attributions twice", attributions=(options.attributions[0], few))


def test_attention_and_mutagenesis_are_told_in_the_request(tmp_path: Path) -> None:
    write_sequences(tmp_path / "toy.csv", 4)
    options = AttributionOptions(
        model=str(write_model(tmp_path / "model")),
        data=(str(tmp_path / "toy.csv"),),
        storage=str(tmp_path / "runs"),
        estimator="attention",
    )
    settings = prepare_attribution(options).settings
    assert settings["attention_layers"] == "last"
    assert "reference" not in settings
    rollout = prepare_attribution(dataclasses.replace(options, attention_layers="rollout"))
    assert rollout.key != prepare_attribution(options).key
    plain = prepare_attribution(dataclasses.replace(options, estimator="permutation"))
    assert "attention_layers" not in plain.settings
    for changes, said in (
        ({"reference": "deletion"}, "reference is deletion"),
        ({"max_evals": 40}, "max_evals is 40"),
        ({"standard_error": 0.1}, "standard_error needs"),
        ({"estimator": "permutation", "attention_layers": "all"}, "for the estimator attention"),
    ):
        with pytest.raises(InputError, match=said):
            prepare_attribution(dataclasses.replace(options, **changes))  # type: ignore[arg-type]
