"""Data sets of the hub by their names; the hub itself is stood in for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub
import pandas as pd
import pytest
from dnasweep.errors import InputError
from reading_toys import read_sequences

ROWS = pd.DataFrame({"sequence": ["ACGTAC", "ACGTAA"], "label": [1, 0]})


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Put a data set on a hub, and return what it is asked for."""
    for split in ("train", "test"):
        (tmp_path / "snapshot" / "promoters" / split).mkdir(parents=True)
        ROWS.to_parquet(tmp_path / "snapshot" / "promoters" / split / "0000.parquet")
    asked: list[tuple[str, dict[str, Any]]] = []

    def download(repo: str, **options: Any) -> str:
        asked.append((repo, options))
        if repo == "nobody/nothing":
            raise OSError("404 Client Error\nmore")
        return str(tmp_path / "snapshot")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return asked


def test_a_data_set_of_the_hub_is_read_as_its_clone(asked: list) -> None:
    table = read_sequences("hf://datasets/some-lab/my.data@main/promoters")
    assert table["split"].tolist() == ["train"] * 2 + ["test"] * 2
    assert table["sequence"].tolist() == ROWS["sequence"].tolist() * 2
    repo, options = asked[0]
    assert (repo, options["repo_type"], options["revision"]) == (
        "some-lab/my.data",
        "dataset",
        "main",
    )
    assert "promoters/*.parquet" in options["allow_patterns"]
    assert not any(pattern.endswith((".py", "*")) for pattern in options["allow_patterns"])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "hf://datasets/nobody/nothing",
            r"hub does not provide this data set \(404 Client Error\)",
        ),
        ("hf://datasets/alone", "not the name of a data set"),
        ("hf://datasets/a/b/../../c", "not the name of a data set"),
    ],
)
def test_what_the_hub_does_not_give_is_refused(asked: list, name: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read_sequences(name)
    assert caught.value.file == name


def test_a_name_without_the_prefix_is_a_path(asked: list) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_sequences("some-lab/my.data")
    assert not asked
