"""Publishing a model: its card says what is on record and no folder of this machine, and the hub gets the same."""

from __future__ import annotations

from pathlib import Path

import dnasweep
import huggingface_hub
import numpy as np
import pandas as pd
import pytest
from dnasweep.errors import InputError
from dnasweep.jobs.publish_options import PublishOptions
from dnasweep.report.model_card import axes_of, base_model_of
from dnasweep.sweeps.training_record import TrainingRecord
from dnasweep.tokens.model_files import model_files
from dnasweep.workflows.publishing import publish_model
from hub_server import TOKEN, served
from rich.console import Console

TINY = {
    "preset": "1x16x1",
    "evaluations": 1,
    "finetune_epochs": 1,
    "pretrain_epochs": 1,
    "batch_size": 16,
    "progress": False,
    "leaks": "keep",
    "skip_bad_rows": True,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of 120 promoters and others, and a sweep of two seeds in `runs`."""
    folder = tmp_path_factory.mktemp("laboratory")
    rng = np.random.default_rng(0)
    sequences = ["".join(row) for row in rng.choice(list("ACGT"), (120, 40))]
    labels = np.arange(120) % 2
    sequences = [
        f"TATAAA{s}" if y else s + "GCGCGC" for s, y in zip(sequences, labels, strict=True)
    ]
    rows = pd.DataFrame({"sequence": sequences, "label": labels})
    rows["split"] = np.repeat(["train", "validation", "test"], [72, 24, 24])
    rows.to_csv(folder / "promoters.csv", index=False)
    axes = {"tokenizer": ["kmer-3"], "species_set": ["none"], "seed": [0, 1]}
    storage = folder / "runs"
    dnasweep.sweep(str(folder / "promoters.csv"), axes, name="two-seeds", storage=storage, **TINY)
    return folder


def publish(place: Path, out: Path, model: str, **options: object) -> tuple[str, str]:
    """Publish a model, and return its card and what was said."""
    console = Console(record=True, width=400, quiet=False, file=(out.parent / "said").open("w"))
    asked = PublishOptions(model=model, out=str(out), storage=str(place / "runs"), **options)  # type: ignore[arg-type]
    publish_model(asked, console)
    card = out / "README.md"
    return card.read_text() if card.is_file() else "", console.export_text()


def test_a_registered_model_has_a_card_of_what_is_on_record(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "promoter-model"
    card, said = publish(place, out, "models:/two-seeds@best", license="mit")
    sweep = dnasweep.open_sweep(place / "runs")
    row, baseline = sweep.selected.iloc[0], sweep.baseline.iloc[0]
    metric = sweep.metric
    head = huggingface_hub.ModelCard(card).data
    assert head.license == "mit"
    assert head.to_dict()["library_name"] == "transformers"
    (shown,) = [one for one in head.eval_results if one.metric_type == metric]
    assert shown.metric_value == pytest.approx(row[f"test_{metric}"], abs=1e-4)
    assert shown.dataset_name == "promoters.csv"
    assert f"{row[f'test_{metric}']:.3f} ± {row[f'test_{metric}_sd']:.3f}" in card
    assert f"| {baseline[f'test_{metric}']:.3f} |" in card
    assert "Means over 2 seeds" in card
    assert sweep.summary["best"] in card
    assert sweep.summary["dataset"] in card
    # Nobody learns how folders are called here.
    assert str(place) not in card
    assert "laboratory" not in card
    assert str(tmp_path) not in card
    assert "nothing has left this machine" in said
    # It is the model, and loads by its folder.
    rows = ["TATAAA" + "ACGT" * 10]
    left, right = (
        one.predict(rows, progress=False) for one in (dnasweep.load_model(out), sweep.best())
    )
    pd.testing.assert_frame_equal(left, right)


def test_a_folder_is_as_good_as_a_name_and_the_same_card_comes_twice(
    place: Path, tmp_path: Path
) -> None:
    sweep = dnasweep.open_sweep(place / "runs")
    first, _ = publish(place, tmp_path / "model", str(sweep.best().directory), license="mit")
    again, _ = publish(place, tmp_path / "model", "models:/two-seeds@best", license="mit")
    assert first == again


def test_a_model_without_a_record_says_so(place: Path, tmp_path: Path) -> None:
    best = dnasweep.open_sweep(place / "runs").best().directory
    (tmp_path / "copy").mkdir()
    for name in model_files(best):
        (tmp_path / "copy" / name).write_bytes((best / name).read_bytes())
    card, said = publish(place, tmp_path / "out", str(tmp_path / "copy"))
    assert "There is no record of how this model was trained" in card
    assert "No licence was given" in card
    assert "## Scores" not in card
    assert "There is no record" not in said
    assert "name one with --license" in said


@pytest.mark.parametrize(
    ("start", "told", "base"),
    [
        ("human", {"pretrained on": "human"}, None),
        ("lab/dna.bert@v1", {"checkpoint": "lab/dna.bert@v1"}, "lab/dna.bert"),
        # A folder of this machine, though it reads like a name of the hub.
        ("models/mine", {"checkpoint": "mine"}, None),
        ("/home/me/mine then all", {"checkpoint": "mine", "pretrained further on": "all"}, None),
    ],
)
def test_a_card_names_what_training_started_from(
    start: str, told: dict[str, str], base: str | None
) -> None:
    names = ["none", "lab/dna.bert@v1", "models/mine", "/home/me/mine"]
    axes = {"tokenizer": ["kmer-3"], "species_set": ["all"], "checkpoint": names, "seed": ["0"]}
    record = TrainingRecord(
        trial_key="key",
        sweep={"axes": axes, "commits": {"lab/dna.bert@v1": "c" * 40}},
        row={"tokenizer": "kmer-3", "species_set": start, "learning_rate": 0.001},
        baseline={},
        outcome=None,  # type: ignore[arg-type]
        dataset=None,  # type: ignore[arg-type]
        request={},
    )
    assert axes_of(record) == {"tokenizer": "kmer-3"} | told
    assert base_model_of(record) == base


def test_the_hub_gets_the_folder_once_asked_and_with_a_token_alone(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    out = tmp_path / "model"
    asked = {"to": "lab/promoters", "private": True, "license": "mit"}
    with pytest.raises(InputError, match=r"no token for pushing to lab/promoters"):
        publish(place, out, "models:/two-seeds@best", **asked)
    assert not out.exists()
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: TOKEN)
    with served(monkeypatch, tmp_path / "cache") as hub:
        card, said = publish(place, out, "models:/two-seeds@best", **asked)
        pushed = hub.files("lab/promoters")
        assert hub.private == {"lab/promoters"}
        assert "a private repository" in said
        written = {path.name: path.read_bytes() for path in out.glob("[!.]*")}
        assert "model.safetensors" in written
        assert pushed == written | {".gitattributes": pushed[".gitattributes"]}
        assert TOKEN not in card + said
        # The address that the card names is one that can be loaded.
        assert "dnasweep.load_model('lab/promoters')" in card
        loaded = dnasweep.load_model("lab/promoters")
        assert loaded.predict(["ACGT" * 11], progress=False).shape[0] == 1
        _, said = publish(place, out, "models:/two-seeds@best", **asked)
        assert "a new commit" in said
        monkeypatch.setattr(huggingface_hub, "get_token", lambda: "hf_wrong")
        with pytest.raises(InputError, match=r"hub does not accept lab/other .*401"):
            publish(place, out, "models:/two-seeds@best", **(asked | {"to": "lab/other"}))


def test_a_dry_run_prints_the_card_and_writes_nothing(place: Path, tmp_path: Path) -> None:
    card, said = publish(
        place, tmp_path / "out", "models:/two-seeds@best", to="lab/promoters", dry_run=True
    )
    assert card == ""
    assert "# promoters" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [({"to": "promoters"}, "OWNER/NAME"), ({"license": "MIT License"}, "apache-2.0")],
)
def test_names_that_the_hub_would_refuse(options: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        PublishOptions(model="m", **options)  # type: ignore[arg-type]
