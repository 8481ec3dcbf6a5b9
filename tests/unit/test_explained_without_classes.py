"""Motifs in, and comparisons of, explanations of models that say no class of a sequence."""

from __future__ import annotations

from pathlib import Path

import dnasweep
import pandas as pd
import pytest
from base_toys import NAMES, TRACKS, numbers_model, placed_model
from dnasweep.jobs.attribution_request import AttributionOptions, prepare_attribution
from dnasweep.jobs.explanation_options import unfit_methods
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.motifs import discovery
from dnasweep.motifs.discovery_data import load_motif_data
from dnasweep.motifs.tomtom import COLUMNS
from dnasweep.tasks.registry import TASKS
from shap_toys import write_model, write_sequences

MODELS = {
    "regression": (lambda: numbers_model(), None),
    "token": (lambda: placed_model(NAMES), "donor"),
    "token at a base": (lambda: placed_model(NAMES), "donor@12"),
    "profile": (lambda: placed_model(TRACKS, places=8), "cage"),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "toy.csv"
    write_sequences(path, 60)
    return path


def written(kind: str, folder: Path) -> tuple[Path, str | None]:
    make, target = MODELS[kind]
    model, tokenizer = make()
    return export(model, tokenizer, folder / "model"), target


@pytest.mark.parametrize("kind", MODELS)
def test_motifs_are_of_the_half_of_which_the_model_says_more(
    kind: str, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "match", lambda *_, **__: pd.DataFrame(columns=list(COLUMNS)))
    model, target = written(kind, tmp_path)
    found = dnasweep.explain(
        model, data, target=target, estimator="integrated_gradients", progress=False
    )
    sequences = found.tables.sequences
    rows = load_motif_data([found.tables])
    assert rows.contrast == "output"
    assert rows.positive.sum() == 30
    output = rows.bases.sequences["full"].to_numpy()
    assert output[rows.positive].min() > output[~rows.positive].max()
    assert sorted(output) == pytest.approx(sorted(sequences["full"]))
    motifs = dnasweep.discover_motifs(found, discovery_q=1, min_length=3, progress=False)
    page = (motifs.folder / "motifs.html").read_text()
    assert f"the half with the higher {target or 'activity'}" in page
    assert "of the class" not in page


def test_sequences_without_labels_may_be_told_apart_by_the_output(
    tmp_path: Path, data: Path
) -> None:
    model = write_model(tmp_path / "model")
    bare = pd.read_csv(data)["sequence"].tolist()
    found = dnasweep.explain(model, bare, estimator="integrated_gradients", progress=False)
    with pytest.raises(dnasweep.InputError, match="--contrast output"):
        load_motif_data([found.tables])
    rows = load_motif_data([found.tables], contrast="output")
    assert rows.positive.sum() == 30


@pytest.mark.parametrize("kind", MODELS)
def test_methods_are_compared_by_what_they_do_to_the_output(
    kind: str, tmp_path: Path, data: Path
) -> None:
    model, target = written(kind, tmp_path)
    found = dnasweep.compare_explanations(
        model,
        data,
        target=target,
        methods=["integrated_gradients", "in_silico_mutagenesis"],
        num_sequences=4,
        sanity="whole" if kind == "regression" else "none",
        sanity_sequences=2,
        permutations=9,
        progress=False,
    )
    areas = found.areas.set_index(["method", "curve"])["area"]
    assert areas["integrated_gradients", "insertion"] > areas["integrated_gradients", "deletion"]
    said = " ".join(found.findings)
    # Of two outputs the one is no mirror of the other.
    assert "Other class" not in said
    page = found.report.read_text()
    assert "The output that is explained, in its own unit" in page
    called = "Sequences that the model calls the class" in page
    assert called == kind.startswith("token")


def test_methods_that_a_model_has_not_are_left_out_or_refused(tmp_path: Path, data: Path) -> None:
    assert unfit_methods(TASKS["binary"](("a", "b"))) == ()
    assert unfit_methods(TASKS["multilabel"](("a", "b"))) == ()
    assert unfit_methods(TASKS["regression"](("a",))) == ("anchors",)
    unfit = ("anchors", "attention_last", "attention_rollout")
    assert unfit_methods(TASKS["token"](NAMES)) == unfit
    model, _ = written("token", tmp_path)
    with pytest.raises(
        dnasweep.InputError, match="anchors cannot explain what the model predicts"
    ):
        dnasweep.compare_explanations(
            model, data, target="donor", methods=["anchors", "shap"], progress=False
        )


def test_settings_name_the_task_only_where_rows_have_no_class(tmp_path: Path, data: Path) -> None:
    asked = {"data": (str(data),), "storage": str(tmp_path / "runs"), "tracking_uri": "none"}
    model, _ = written("token", tmp_path)
    named = prepare_attribution(AttributionOptions(model=str(model), target="donor", **asked))
    assert named.settings["task"] == "token"
    plain = write_model(tmp_path / "plain")
    assert (
        "task" not in prepare_attribution(AttributionOptions(model=str(plain), **asked)).settings
    )
