"""What labels are read as: two words, several classes, numbers, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.config import versions
from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.data.datasets import Dataset, build_dataset
from dnasweep.data.label_reading import read_labels
from dnasweep.data.labels import Labels
from dnasweep.data.reading import read_rows
from dnasweep.errors import InputError
from dnasweep.formats.rejects import RowChecks

NUMBERS = ("negative", "positive")


def read(cells: list[str], **how):
    return read_labels(pd.Series(cells), **how)


@pytest.mark.parametrize(
    ("cells", "names", "codes", "said"),
    [
        (["0", "1", "1.0"], NUMBERS, {"0": 0, "1": 1}, ""),
        (["non-promoter", "promoter"], ("non-promoter", "promoter"), None, "promoter are read as"),
        (["Promoter", "Other"], ("Other", "Promoter"), None, "Other and Promoter are read as"),
        (["enhancer", "not_enhancer"], ("not_enhancer", "enhancer"), None, "classes 0 and 1"),
        (["TRUE", "FALSE"], NUMBERS, {"false": 0, "true": 1}, "FALSE and TRUE"),
        (["yes", "No"], NUMBERS, {"no": 0, "yes": 1}, "No and yes"),
        (["+", "-"], NUMBERS, {"-": 0, "+": 1}, "- and \\+"),
        (["1", "-1"], NUMBERS, {"-1": 0, "1": 1}, "-1 and 1"),
        (["1", "2"], ("1", "2"), {"1": 0, "2": 1}, "--positive-label 1 exchanges"),
        (["tissue b", "tissue a"], ("tissue a", "tissue b"), None, "by their names"),
        (["promoter"], ("negative", "promoter"), {"promoter": 1}, "promoter is read as class 1"),
        (["control"], ("control", "positive"), {"control": 0}, "control is read as class 0"),
    ],
)
def test_two_labels_are_two_classes(cells, names, codes, said) -> None:
    found = read(cells * 4)
    assert found.labels == Labels(task="binary", names=names)
    assert codes is None or found.codes == codes
    assert pd.Series([found.note]).str.contains(said).all()
    assert bool(found.note) == bool(said)


def test_which_of_two_is_positive_can_be_said() -> None:
    found = read(["donor", "acceptor"] * 3, positive="Acceptor")
    assert found.labels.names == ("donor", "acceptor")
    assert "exchanges" not in found.note
    assert read(["0", "1"] * 3, positive="0").codes == {"1": 0, "0": 1}
    assert read(["0", "1"] * 3, positive="1") == read(["0", "1"] * 3)
    with pytest.raises(InputError, match="'exon', but no row has this label"):
        read(["donor", "acceptor"] * 3, positive="exon")
    with pytest.raises(InputError, match="but there are 3 classes"):
        read(["a", "b", "c"] * 3, positive="a")


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["donor", "acceptor", "none"], ("acceptor", "donor", "none")),
        (["2", "0", "1.0"], ("0", "1", "2")),
        (["0", "5", "9"], ("0", "5", "9")),
        (["100", "200", "300"], ("100", "200", "300")),
        (["class10", "class9", "class1"], ("class1", "class9", "class10")),
        (["TATA", "tata", "Inr", "DPE", "TATA"], ("DPE", "Inr", "TATA")),
    ],
)
def test_three_labels_are_as_many_classes_with_their_names(cells, names) -> None:
    found = read(cells * 5)
    assert found.labels == Labels(task="multiclass", names=names)
    assert found.codes is not None
    assert list(found.codes.values()) == list(range(len(names)))
    assert ", ".join(names) in found.note


def test_numbers_with_decimals_and_many_numbers_are_measurements() -> None:
    rng = np.random.default_rng(0)
    for cells in (
        [f"{x:.3f}" for x in rng.normal(size=30)],
        ["0"] * 60 + [f"{x:.2e}" for x in rng.random(40)],
        [str(x) for x in range(0, 900, 7)],
    ):
        found = read(cells)
        assert (found.labels.task, found.codes) == ("regression", None)
        assert "numbers from" in found.note
    assert read(["0", "1", "2"] * 5, task="regression").labels.task == "regression"
    # One of a few hundred is a mistake, whatever it is.
    assert read(["0", "1"] * 100 + ["0.5"]).labels == Labels()
    assert read(["0", "1"] * 100 + ["maybe"]).labels == Labels()
    assert read([str(x) for x in range(100)] * 3).labels.task == "multiclass"


def test_a_task_may_be_said() -> None:
    assert read(["1", "a", "b"] * 4, task="multiclass").labels.names == ("1", "a", "b")
    with pytest.raises(InputError, match="3 labels, but --task binary learns two: 0, 1, 2"):
        read(["0", "1", "2"] * 3, task="binary")


def test_names_of_rows_are_no_classes() -> None:
    with pytest.raises(InputError, match="numbers with a decimal comma, such as 0,25"):
        read(["0,25", "1,5", "-3,75"] * 4)
    with pytest.raises(InputError, match="labels of 60 rows are 60 different ones: row0, row1"):
        read([f"row{i}" for i in range(60)])
    assert read([f"row{i}" for i in range(60)], required=False).codes == {}


def table(path: Path, labels: list[str], **columns) -> Path:
    rng = np.random.default_rng(1)
    sequences = ["".join(rng.choice(list("ACGT"), 40)) for _ in labels]
    pd.DataFrame({"sequence": sequences, "label": labels, **columns}).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("labels", "row", "message"),
    [
        (["promoter", "other"] * 10 + ["3"], 22, "'3' is not other or promoter"),
        (["a", "b", "c"] * 10 + ["typo"], 32, "class 'typo' has 1 row"),
        (["0.5", "1.5", "2.25"] * 7 + ["low"], 23, "'low' is not a finite number"),
        (["0.5", "1.5", "2.25"] * 7 + ["inf"], 23, "'inf' is not a finite number"),
        (["0.5", "1.5", "2.25"] * 7 + ["1e999"], 23, "'1e999' is not a finite number"),
        (["0.5", "1.5", "2.25"] * 7 + [""], 23, "the label is missing"),
        (["0", "1"] * 10 + ["none"], 22, "the label is missing"),
    ],
)
def test_a_label_of_another_kind_is_a_bad_row(tmp_path, labels, row, message) -> None:
    with pytest.raises(InputError, match=message) as error:
        build_dataset(DatasetConfig(data=(str(table(tmp_path / "x.csv", labels)),)))
    assert error.value.row == row


def test_leaving_out_rows_is_not_offered_where_a_class_is_lost(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read_rows(table(tmp_path / "x.csv", ["0", "1"] * 30 + ["promoter"] * 2))
    assert "--skip-bad-rows" not in str(error.value)


def test_words_in_several_files_mean_the_same(tmp_path: Path) -> None:
    train = table(tmp_path / "train.csv", ["donor"] * 4 + ["acceptor"] * 4)
    test = table(tmp_path / "test.csv", ["acceptor"] * 3 + ["Donor"])
    found = read_rows([train, test])
    assert found.labels.names == ("acceptor", "donor")
    assert found.table["label"].tolist() == [1] * 4 + [0] * 4 + [0] * 3 + [1]
    assert "acceptor and donor are read as the classes 0 and 1" in found.notes[-1]


def test_where_labels_are_not_needed_none_is_refused(tmp_path: Path) -> None:
    for number, labels in enumerate((["promoter", "3"] * 3, [f"w{i}" for i in range(50)])):
        path = table(tmp_path / f"{number}.csv", labels)
        assert len(read_rows(path, require_labels=False).table) == len(labels)


def test_numbers_beside_a_file_of_positives_are_refused(tmp_path: Path) -> None:
    (tmp_path / "more.fa").write_text(">a\nACGTACGTAACC\n")
    path = table(tmp_path / "x.csv", ["0.5", "1.5", "2.25"] * 4)
    with pytest.raises(InputError, match="gives its rows a class, but the labels of others") as e:
        read_rows(path, positives=tmp_path / "more.fa")
    assert e.value.file == str(tmp_path / "more.fa") or "more.fa" in str(e.value.file)


def test_a_data_set_keeps_the_names_of_its_classes(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", ["promoter", "non-promoter"] * 30)
    config = DatasetConfig(data=(str(path),), split="random")
    made = build_dataset(config)
    made.write(tmp_path / "set")
    again = Dataset.read(tmp_path / "set")
    assert again.labels == made.labels == Labels(names=("non-promoter", "promoter"))
    assert made.table["label"].tolist() == [1, 0] * 30
    # A data set of an earlier version has no file of labels.
    (tmp_path / "set" / "labels.json").unlink()
    assert Dataset.read(tmp_path / "set").labels == Labels()


def test_the_rows_of_words_are_those_of_zero_and_one(tmp_path: Path) -> None:
    words = table(tmp_path / "words.csv", ["TRUE", "FALSE"] * 30)
    numbers = table(tmp_path / "numbers.csv", ["1", "0"] * 30)
    tables = [
        build_dataset(DatasetConfig(data=(str(path),), split="random")).table.drop(columns="id")
        for path in (words, numbers)
    ]
    pd.testing.assert_frame_equal(*tables)


def test_new_options_change_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The version that had none of them, with the key that it gave.
    monkeypatch.setattr(versions, "DATASET", 4)
    path = table(tmp_path / "x.csv", ["1", "0"] * 3)
    key = dataset_key(DatasetConfig(data=(str(path),)))
    assert key == "7059e06fe444bf93"
    assert dataset_key(DatasetConfig(data=(str(path),), positive_label="0")) != key
    assert dataset_key(DatasetConfig(data=(str(path),), task="binary")) != key


def columns(cells: list[str], found) -> pd.DataFrame:
    text = pd.Series(cells)
    return pd.DataFrame(found.columns(text, RowChecks(text.index), required=True))


def test_cells_may_hold_several_labels() -> None:
    cells = ["H3K4me3;H3K27ac", "h3k27ac", "none", " H3K4me3 ", "H3K27ac ; H3K9me3"] * 3
    found = read(cells)
    assert found.labels == Labels(task="multilabel", names=("H3K4me3", "H3K9me3", "H3K27ac"))
    assert "a row may have several of 3 labels: H3K4me3, H3K9me3, H3K27ac" in found.note
    table = columns(cells[:5], found)
    assert table[found.labels.columns].to_numpy().tolist() == [
        [1, 0, 1], [0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 1, 1]
    ]  # fmt: skip
    assert (table["label"] == -1).all()
    # Without a separator anywhere, words are classes unless they are said to be more.
    plain = read(["a", "b", "c"] * 4)
    assert plain.labels.task == "multiclass"
    assert read(["a", "b", "c"] * 4, task="multilabel").labels.task == "multilabel"


def test_cells_may_hold_several_numbers() -> None:
    found = read(["0.5;12", "1.5; -3", "2;1e2"] * 4)
    assert found.labels == Labels(task="regression", names=("1", "2"))
    table = columns(["0.5;12", "2;1e2"], found)
    assert table[found.labels.columns].to_numpy().tolist() == [[0.5, 12], [2, 100]]
    flags = read(["0;1;1", "1;0;0"] * 4)
    assert flags.labels == Labels(task="multilabel", names=("1", "2", "3"))
    assert columns(["0;1;1"], flags)[flags.labels.columns].to_numpy().tolist() == [[0, 1, 1]]
    sets = read(["3", "3;7", "1;2;9", "7"] * 4)
    assert sets.labels == Labels(task="multilabel", names=("1", "2", "3", "7", "9"))


def test_a_cell_of_another_kind_among_several_labels_is_a_bad_row(tmp_path: Path) -> None:
    for labels, message in (
        (["a;b", "b", "a"] * 9 + [""], "the label is missing"),
        (["0.5;2", "1;3"] * 9 + ["0.5"], "'0.5' is not 2 numbers with ; between them"),
        (["0.5;2", "1;3"] * 9 + ["0.5;x"], "'0.5;x' is not 2 numbers"),
    ):
        with pytest.raises(InputError, match=message):
            read_rows(table(tmp_path / "x.csv", labels))


def test_labels_beside_a_model_get_the_numbers_of_its_classes() -> None:
    def codes(cells: list[str], classes: list[str]) -> list[int]:
        text = pd.Series(cells)
        found = read(cells, required=False, classes=classes)
        return found.classes(text, RowChecks(text.index), required=False).tolist()

    three = ["acceptor", "donor", "none"]
    assert codes(["donor", "None", "donor"], three) == [1, 2, 1]
    assert codes(["donor", "exon", "1"], three) == [1, -1, -1]
    two = ["negative", "positive"]
    assert codes(["0", "1", "", "1"], two) == [0, 1, -1, 1]
    assert codes(["promoter", "other"] * 2, two) == [1, 0] * 2
    assert codes(["other", "promoter"], ["promoter", "other"]) == [1, 0]
    assert codes(["a", "b", "c"], two) == codes(["0.5", "1.25", "3.5"], two) == [-1] * 3
