"""Splits that files give, under any name: they are used, or it is said that they are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.data.datasets import build_dataset
from dnasweep.errors import InputError
from reading_toys import read_sequences

PLAIN = "sequence,label\nACGTACGT,1\nTTTTAACN,0\n"


def write(path: Path, text: str = PLAIN) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def column(name: str, *values: object) -> str:
    rows = [f"ACGTACG{'ACGT'[i % 4]},{i % 2},{value}" for i, value in enumerate(values)]
    return f"seq,label,{name}\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    "name", ["set", "Subset", "fold", "partition", "dataset", "phase", "Data-Split", "usage"]
)
def test_a_column_of_names_of_splits_gives_the_splits(tmp_path: Path, name: str) -> None:
    said: list[str] = []
    path = write(tmp_path / "x.csv", column(name, "Train", "VAL", "test", "Training"))
    table = read_sequences(path, say=said.append)
    assert table["split"].tolist() == ["train", "validation", "test", "train"]
    assert len(said) == 1
    assert "gives the splits" in said[0]


def test_a_column_named_split_is_used_before_others(tmp_path: Path) -> None:
    text = "seq,label,set,split\nACGA,1,train,test\nACGC,0,test,train\n"
    said: list[str] = []
    table = read_sequences(write(tmp_path / "x.csv", text), say=said.append)
    assert table["split"].tolist() == ["test", "train"]
    assert said == ["x.csv: columns not read: set"]


def test_two_columns_of_splits_are_asked_about(tmp_path: Path) -> None:
    text = "seq,label,set,usage\nACGA,1,train,test\nACGC,0,test,train\n"
    with pytest.raises(InputError, match="two columns contain splits: set and usage") as caught:
        read_sequences(write(tmp_path / "x.csv", text))
    assert "--split-column" in str(caught.value)
    read_sequences(write(tmp_path / "x.csv", text.replace("usage", "split")))


def test_folds_and_weights_are_named_as_unread(tmp_path: Path) -> None:
    said: list[str] = []
    path = write(tmp_path / "x.csv", column("note,cv_fold,weight", *["a,1,2", "b,2,2", "c,3,1"]))
    table = read_sequences(path, say=said.append)
    assert set(table["split"]) == {""}
    assert said[0].startswith("x.csv: the column cv_fold is not read, since folds do not define")
    assert said[1] == "x.csv: columns not read: cv_fold, weight, note"


def test_a_word_that_is_perhaps_a_split_is_asked_about(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", column("set", "train", "train", "eval", "eval"))
    with pytest.raises(
        InputError, match="column set may give the splits, but its value 'eval'"
    ) as caught:
        read_sequences(path)
    assert "or rename the column" in str(caught.value)
    assert set(read_sequences(path, require_labels=False)["split"]) == {""}
    renamed = write(tmp_path / "x.csv", column("notes", "train", "train", "eval", "eval"))
    assert set(read_sequences(renamed)["split"]) == {""}


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("my_train.csv", "my_test.csv"), ("train", "test")),
        (("x.train.tsv", "x.dev.tsv", "x.test.tsv"), ("train", "validation", "test")),
        (("trainSet.csv", "TEST-2.csv"), ("train", "test")),
        (("train/a.csv", "test/b.csv"), ("train", "test")),
    ],
)
def test_words_in_the_names_of_files_are_their_splits(
    tmp_path: Path, names: tuple[str, ...], splits: tuple[str, ...]
) -> None:
    said: list[str] = []
    paths = [write(tmp_path / name, PLAIN.replace("\t", ",")) for name in names]
    table = read_sequences(paths, say=said.append)
    assert table["split"].tolist() == [split for split in splits for _ in range(2)]
    assert "names of the files give the splits" in said[0]


def test_names_count_across_positives_and_negatives(tmp_path: Path) -> None:
    for name in ("train_pos", "test_pos", "train_neg", "test_neg"):
        write(tmp_path / f"{name}.fa", f">{name}\nACGTACGT\n")
    classes = {
        which: tuple(str(tmp_path / f"{split}_{which[:3]}.fa") for split in ("train", "test"))
        for which in ("positives", "negatives")
    }
    table = read_sequences(**classes)
    assert table["split"].tolist() == ["train", "test"] * 2
    # One file of each class: neither list names two splits, both together do.
    table = read_sequences(positives=classes["positives"][0], negatives=classes["negatives"][1])
    assert table["split"].tolist() == ["train", "test"]


def test_a_file_whose_name_says_no_split_beside_others_is_asked_about(tmp_path: Path) -> None:
    paths = [write(tmp_path / name) for name in ("a_train.csv", "a_test.csv", "b.csv")]
    with pytest.raises(InputError, match=r"b\.csv: does not name .*a_train\.csv train") as caught:
        read_sequences(paths)
    assert "--split cluster" in str(caught.value)
    config = DatasetConfig(data=tuple(map(str, paths)), split="cluster")
    assert len(dataset_key(config)) == 16, "and so it can be keyed"
    assert set(read_sequences(paths, require_labels=False)["split"]) == {""}


def test_one_split_alone_is_no_split_and_that_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    table = read_sequences(write(tmp_path / "my_test.csv"), say=said.append)
    assert set(table["split"]) == {""}
    assert "only one split is named (my_test.csv test)" in said[0]


@pytest.mark.parametrize("left", ["EVAL.csv", "holdout.tsv", "test.npy", "dev.h5", "Test.xlsx"])
def test_what_a_folder_would_leave_unread_stops_where_it_may_be_a_split(
    tmp_path: Path, left: str
) -> None:
    write(tmp_path / "set/Train.CSV")
    write(tmp_path / "set" / left)
    with pytest.raises(
        InputError, match=f"{left} would not be read, but may be a split"
    ) as caught:
        read_sequences(tmp_path / "set")
    assert "move away" in str(caught.value)
    (tmp_path / "set" / left).rename(tmp_path / left)
    assert set(read_sequences(tmp_path / "set")["split"]) == {"train"}


def test_other_files_of_a_folder_are_named_as_unread(tmp_path: Path) -> None:
    for name in ("train.csv", "test.txt", "readme.md", "extra.csv"):
        write(tmp_path / "set" / name)
    said: list[str] = []
    table = read_sequences(tmp_path / "set", say=said.append)
    assert table["split"].tolist() == ["train"] * 2 + ["test"] * 2
    assert said == ["set: read: train.csv, test.txt; not read: extra.csv, readme.md"]


def test_folders_of_splits_without_sequences_are_told_as_they_are(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / "set" / split / "x.npy")
    reason = r"folders test, train do not all contain files of sequences; they contain x\.npy"
    with pytest.raises(InputError, match=reason):
        read_sequences(tmp_path / "set")


def test_a_data_set_keeps_how_its_files_were_read(tmp_path: Path) -> None:
    values = ["Train"] * 8 + ["Val"] * 4 + ["Test"] * 4
    letters = np.random.default_rng(0).choice(list("ACGT"), (len(values), 40))
    rows = [f"{''.join(letters[i])},{i % 2},{v}" for i, v in enumerate(values)]
    path = write(tmp_path / "x.csv", "sequence,label,set\n" + "\n".join(rows) + "\n")
    made = build_dataset(DatasetConfig(data=(str(path),)))
    assert made.table["split"].value_counts().to_dict() == {
        "train": 8,
        "validation": 4,
        "test": 4,
    }
    told = [f.message for f in made.audit.findings if f.code == "read-as"]
    assert told == ["x.csv: the column set gives the splits (test, train, val)"]


@pytest.mark.parametrize("name", ["set", "split"])
@pytest.mark.parametrize(
    "words", [("training set", "test set"), ("trn", "tst"), ("Train", "Test")]
)
def test_other_words_for_splits_are_read_where_the_column_is_named_so(
    tmp_path: Path, name: str, words: tuple[str, str]
) -> None:
    train, test = words
    said: list[str] = []
    path = write(tmp_path / "x.csv", column(name, train, train, test, test))
    found = read_sequences(path, say=said.append)
    assert found["split"].tolist() == ["train", "train", "test", "test"]
    plain = name == "split" and words == ("Train", "Test")
    assert any("gives the splits" in line for line in said) != plain


@pytest.mark.parametrize("words", [(0, 1), ("True", "False"), ("train", "holdout")])
def test_a_column_split_of_other_words_is_asked_about(tmp_path: Path, words: tuple) -> None:
    path = write(tmp_path / "x.csv", column("split", *words, *words))
    with pytest.raises(InputError, match="not train, validation or test") as caught:
        read_sequences(path)
    assert "--split cluster" in str(caught.value)
    said: list[str] = []
    anew = read_sequences(path, say=said.append, split_matters=False)
    assert set(anew["split"]) == {""}
    assert said == ["x.csv: columns not read: split"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("is_test", (0, 0, 1, 1)),
        ("in_train", ("True", "True", "False", "False")),
        ("test", ("no", "no", "yes", "yes")),
        ("held-out", ("n", "n", "y", "y")),
        ("train_set", (1, 1, 0, 0)),
        ("splits", (0, 0, 1, 2)),
        ("partition", (1, 1, 2, 2)),
        ("testset", (0, 0, 1, 1)),
        ("subset", ("train1", "train2", "test1", "test2")),
    ],
)
def test_a_column_that_says_splits_in_words_of_its_own_is_asked_about(
    tmp_path: Path, name: str, values: tuple[object, ...]
) -> None:
    path = write(tmp_path / "x.csv", column(name, *values))
    with pytest.raises(InputError, match="may give the splits") as caught:
        read_sequences(path)
    assert "--split cluster" in str(caught.value)
    config = DatasetConfig(data=(str(path),), split="cluster")
    assert len(dataset_key(config)) == 16, "and so it can be keyed"
    assert set(read_sequences(path, require_labels=False)["split"]) == {""}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("is_coding", (0, 0, 1, 1)),
        ("t_test_significant", ("yes", "no", "yes", "no")),
        ("is_test", (0, 0, 0, 0)),
        ("phase", (0, 1, 2, 0)),
        ("set", ("a", "b", "a", "b")),
        ("dataset", ("H1", "K562", "H1", "K562")),
        ("fold_change", (1, 2, 1, 2)),
        ("note", ("train station", "test tube", "", "")),
    ],
)
def test_other_columns_are_only_named_as_unread(
    tmp_path: Path, name: str, values: tuple[object, ...]
) -> None:
    said: list[str] = []
    read_sequences(write(tmp_path / "x.csv", column(name, *values)), say=said.append)
    assert said == [f"x.csv: columns not read: {name}"]


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("trainset.csv", "devset.csv", "testset.csv"), ("train", "validation", "test")),
        (("x_traindata.csv", "x_testdata.csv"), ("train", "test")),
        (("tr.csv", "va.csv", "te.csv"), ("train", "validation", "test")),
        (("x_trn.csv", "x_tst.csv"), ("train", "test")),
    ],
)
def test_words_in_one_and_short_words_are_splits_too(
    tmp_path: Path, names: tuple[str, ...], splits: tuple[str, ...]
) -> None:
    paths = [write(tmp_path / name) for name in names]
    assert read_sequences(paths)["split"].tolist() == [s for s in splits for _ in range(2)]


def test_short_words_are_splits_only_where_all_files_have_one(tmp_path: Path) -> None:
    paths = [write(tmp_path / name) for name in ("te.csv", "line.csv", "tr.csv")]
    assert set(read_sequences(paths)["split"]) == {""}


def test_a_file_that_is_perhaps_held_out_is_asked_about_among_others(tmp_path: Path) -> None:
    paths = [write(tmp_path / name) for name in ("promoters.csv", "hold-out.csv")]
    with pytest.raises(InputError, match=r"hold-out\.csv: may be a split") as caught:
        read_sequences(paths)
    assert "--split cluster" in str(caught.value)
    assert len(dataset_key(DatasetConfig(data=tuple(map(str, paths)), split="cluster"))) == 16
    read_sequences(paths[1])


@pytest.mark.parametrize("name", ["validate.csv", "hold-out.csv", "Held_Out.tsv", "testset.csv"])
def test_a_file_of_a_folder_that_may_be_a_split_is_not_left_unread(
    tmp_path: Path, name: str
) -> None:
    for one in ("train.csv", "dev.csv", name):
        write(tmp_path / "folder" / one)
    with pytest.raises(InputError, match="would not be read, but may be a split"):
        read_sequences(tmp_path / "folder")


def test_what_programs_leave_beside_splits_is_no_split(tmp_path: Path) -> None:
    left = ("train.csv~", "test.fa.fai", "cached_dev_dnaprom_70", "test.csv.md5", "train.log")
    for name in ("train.csv", "test.csv", *left):
        write(tmp_path / "folder" / name)
    said: list[str] = []
    assert len(read_sequences(tmp_path / "folder", say=said.append)) == 4
    assert all(name in said[0] for name in left)
