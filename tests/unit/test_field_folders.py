"""Folders as `datasets`, the hub and genomic_benchmarks lay them out."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pandas as pd
import pytest
from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.data.sources import find_sources
from dnasweep.errors import InputError
from reading_toys import read_sequences, write_stream

random.seed(7)
DNA = ["".join(random.choices("ACGT", k=30)) for _ in range(12)]
ROWS = pd.DataFrame({"sequence": DNA, "label": [0, 1] * 6})


def save(folder: Path, split: str) -> None:
    """Write a folder as `Dataset.save_to_disk` does, in two files."""
    folder.mkdir(parents=True)
    names = [f"data-{i:05}-of-00002.arrow" for i in range(2)]
    for name, rows in zip(names, (ROWS[:7], ROWS[7:]), strict=True):
        write_stream(folder / name, rows)
    state = {"_data_files": [{"filename": name} for name in names], "_split": split}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")


def test_what_datasets_saved_to_disk(tmp_path: Path) -> None:
    for split in ("train", "test"):
        save(tmp_path / "all" / split, split)
    (tmp_path / "all" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    table = read_sequences(tmp_path / "all")
    assert table["sequence"].tolist() == DNA * 2
    assert table["split"].tolist() == ["train"] * 12 + ["test"] * 12
    said: list[str] = []
    one = read_sequences(tmp_path / "all" / "train", say=said.append)
    assert one["sequence"].tolist() == DNA
    assert set(one["split"]) == {""}, "what is not split is called train by datasets"
    assert said == ["train: only one split is named (train), so rows are split anew"]
    (tmp_path / "all" / "test" / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(InputError, match=r"lacks data-00001-of-00002\.arrow"):
        read_sequences(tmp_path / "all")


@pytest.mark.parametrize("place", ["data", "."])
def test_a_clone_of_the_hub(tmp_path: Path, place: str) -> None:
    data = tmp_path / "clone" / place
    data.mkdir(parents=True, exist_ok=True)
    (tmp_path / "clone" / "README.md").write_text("---\nlicense: mit\n---\n")
    ROWS[:7].to_parquet(data / "train-00000-of-00002.parquet")
    ROWS[7:].to_parquet(data / "train-00001-of-00002-a1b2c3.parquet")
    ROWS.to_parquet(data / "test-00000-of-00001.parquet")
    table = read_sequences(tmp_path / "clone")
    assert table["sequence"].tolist() == DNA * 2
    assert table["split"].tolist() == ["train"] * 12 + ["test"] * 12
    (data / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(InputError, match="part 1 of 2 of the train split is missing"):
        read_sequences(tmp_path / "clone")


def test_a_clone_of_several_data_sets_is_asked_about(tmp_path: Path) -> None:
    for name in ("enhancers", "promoters"):
        (tmp_path / "hub" / name).mkdir(parents=True)
        ROWS.to_parquet(tmp_path / "hub" / name / "train-00000-of-00001.parquet")
    with pytest.raises(InputError, match=r"contains 2 data sets: enhancers, promoters\. Give one"):
        read_sequences(tmp_path / "hub")
    assert len(read_sequences(tmp_path / "hub" / "promoters")) == 12


def class_folders(root: Path, names: tuple[str, str]) -> Path:
    for split in ("train", "test"):
        for label, name in enumerate(names):
            folder = root / split / name
            folder.mkdir(parents=True)
            for i, sequence in enumerate(DNA[label::2]):
                (folder / f"{i}.txt").write_text(sequence + "\n")
    return root


def test_a_file_for_each_sequence_in_a_folder_for_each_class(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "g", ("negative", "positive"))
    table = read_sequences(root)
    half = DNA[0::2] + DNA[1::2]
    assert table["sequence"].tolist() == half * 2
    assert table["label"].tolist() == ([0] * 6 + [1] * 6) * 2
    assert table["split"].tolist() == ["train"] * 12 + ["test"] * 12
    assert table["id"].iloc[0] == "train/negative/0"
    key = dataset_key(DatasetConfig(data=(str(root),)))
    (root / "train" / "negative" / "3.txt").write_text("ACGX")
    assert dataset_key(DatasetConfig(data=(str(root),))) != key
    with pytest.raises(InputError, match=r"negative/3\.txt, row 1: 'X' at position 4"):
        read_sequences(root)


def test_one_class_alone_has_one_label(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "g", ("negative", "positive"))
    for split in ("train", "test"):
        shutil.rmtree(root / split / "negative")
    assert set(read_sequences(root)["label"]) == {1}


def test_names_of_files_and_folders_are_classes(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "g", ("human", "worm"))
    found = find_sources([root]).files
    assert [(s.split, s.class_name, len(s.files)) for s in found] == [
        *[("train", "human", 6), ("train", "worm", 6)],
        *[("test", "human", 6), ("test", "worm", 6)],
    ]
    assert {s.species for s in found} == {""}, "a class is no species"
    assert read_sequences(root)["label"].tolist() == ([0] * 6 + [1] * 6) * 2
    files = tmp_path / "f"
    for split in ("train", "test"):
        (files / split).mkdir(parents=True)
        for name in ("human", "worm"):
            (files / split / f"{name}.csv").write_text("sequence\n" + "\n".join(DNA) + "\n")
    found = find_sources([files]).files
    assert [(s.split, s.class_name) for s in found] == [
        *[("train", "human"), ("train", "worm"), ("test", "human"), ("test", "worm")]
    ]
    (files / "test" / "worm.csv").unlink()
    (files / "test" / "fly.csv").write_text("sequence\nACGT\n")
    with pytest.raises(InputError, match=r"folder test has no worm|folder train has no fly"):
        find_sources([files])


def test_one_file_or_numbered_parts_in_a_folder_for_each_split(tmp_path: Path) -> None:
    for split, rows in (("train", ROWS[:8]), ("test", ROWS[8:])):
        (tmp_path / "one" / split).mkdir(parents=True)
        rows.to_parquet(tmp_path / "one" / split / "0000.parquet")
    table = read_sequences(tmp_path / "one")
    assert table["split"].tolist() == ["train"] * 8 + ["test"] * 4
    ROWS[:4].to_parquet(tmp_path / "one" / "train" / "0001.parquet")
    assert len(read_sequences(tmp_path / "one")) == 16


def test_labels_within_files_win_over_their_names(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / "f" / split).mkdir(parents=True)
        for name in ("chr1", "chr2"):
            text = "".join(f"{s},{i % 2}\n" for i, s in enumerate(DNA))
            (tmp_path / "f" / split / f"{name}.csv").write_text(f"sequence,label\n{text}")
    assert read_sequences(tmp_path / "f")["label"].tolist() == [0, 1] * 24


@pytest.mark.parametrize("name", ["{label}_{split}", "{split}_{label}_sequences"])
def test_files_named_after_class_and_split(tmp_path: Path, name: str) -> None:
    for label in ("pos", "neg"):
        for split in ("train", "test"):
            path = tmp_path / f"{name.format(label=label, split=split)}.fa"
            path.write_text("".join(f">{label}{split}{i}\n{s}\n" for i, s in enumerate(DNA)))
    table = read_sequences(tmp_path)
    counts = table.groupby(["split", "label"]).size()
    assert counts.to_dict() == dict.fromkeys(
        [("test", 0), ("test", 1), ("train", 0), ("train", 1)], 12
    )
