"""Models of the hub by their names, from a hub on this machine: fetched once, at a commit that is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dnasweep
import huggingface_hub.constants
import pytest
from backbone_toys import dnabert, labelled_rows
from dnasweep.errors import InputError
from dnasweep.models.pretrained.hub import fetch_model, is_hub_name
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.request import prepare_sweep
from hub_server import Hub, served
from rich.console import Console

NAME = "some-lab/dna.bert"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    dnabert(tmp_path / "bert")
    files = {path.name: path.read_bytes() for path in (tmp_path / "bert").iterdir()}
    with served(monkeypatch, tmp_path / "cache") as hub:
        hub.commit(NAME, {**files, "modeling.py": b"raise SystemExit", "onnx/model.onnx": b"x"})
        yield hub


def changed(hub: Hub) -> str:
    """Return a commit with other weights."""
    weights = bytearray(hub.files(NAME)["model.safetensors"])
    weights[-1] ^= 1
    return hub.commit(NAME, {"model.safetensors": bytes(weights)})


@pytest.mark.parametrize(
    ("text", "is_name"),
    [("owner/model", True), ("owner/model@v1.0", True), ("model", False), ("a/b/c", False)],
)
def test_names_of_the_hub(text: str, is_name: bool) -> None:
    assert is_hub_name(text) == is_name


def test_a_model_is_fetched_once_without_code(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    directory, commit = fetch_model(NAME)
    assert commit == hub.branches[NAME]
    assert {path.name for path in directory.iterdir()} == {
        "config.json",
        "model.safetensors",
        "vocab.txt",
    }
    fetched = [line for line in hub.asked if line.startswith("GET") and "resolve" in line]
    assert fetch_model(NAME) == (directory, commit)
    assert [x for x in hub.asked if x.startswith("GET") and "resolve" in x] == fetched
    # Without network, from the cache.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert fetch_model(NAME) == (directory, commit)
    with pytest.raises(InputError, match="machine without network takes what is in the"):
        fetch_model("some-lab/other")


def test_a_revision_is_kept_when_the_branch_moves_on(hub: Hub) -> None:
    first = hub.branches[NAME]
    second = changed(hub)
    assert fetch_model(NAME).commit == second
    assert fetch_model(f"{NAME}@{first}").commit == first
    with pytest.raises(InputError, match=f"{NAME}@v9: .*the hub does not provide it"):
        fetch_model(f"{NAME}@v9")


def test_the_front_door_and_a_sweep_take_the_name(hub: Hub, tmp_path: Path) -> None:
    model = dnasweep.load_model(NAME)
    assert model.embed(["ACGTACGTAC"], progress=False).shape == (1, 32)
    labelled_rows().to_csv(tmp_path / "rows.csv", index=False)

    def prepared(name: str) -> tuple[str, str, str]:
        options = SweepOptions(
            data=(str(tmp_path / "rows.csv"),),
            storage=str(tmp_path / "runs"),
            checkpoints=(name,),
        )
        axes = {"tokenizer": options.tokenizers, "species_set": (), "seed": (0,)}
        with Console(quiet=True).capture():
            sweep = prepare_sweep("backbones", axes, options, Console(quiet=True))
        (one,) = sweep.recipe.checkpoints
        return one.commit, one.key, sweep.plan.classifiers[0].key

    old = prepared(NAME)
    assert old[0] == hub.branches[NAME]
    new = prepared(NAME) if changed(hub) else old
    # Other weights are another model, and the pinned ones are still the first.
    assert all(a != b for a, b in zip(old, new, strict=True))
    assert prepared(f"{NAME}@{old[0]}") == old
