"""Every input that cannot be used ends before training, with file, row, reason and remedy."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.data.datasets import build_dataset
from dnasweep.data.leak_policy import check_lengths, find_copies
from dnasweep.data.reading import read_rows
from dnasweep.data.table import crop_table, make_table
from dnasweep.errors import InputError
from dnasweep.formats.rejects import REJECTS
from dnasweep.stages.tokens import obtain_corpus
from dnasweep.storage import Storage
from dnasweep.sweeps import lengths
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.data_options import DataOptions
from dnasweep.sweeps.preparation import prepare_data
from dnasweep.sweeps.request import Sweep, prepare_sweep
from dnasweep.workflows.publication import sweep_facts
from dnasweep.workflows.sweep import run_sweep
from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
AXES = {
    "tokenizer": ("kmer-3",),
    "species_set": ("none",),
    "learning_rate": (1e-3,),
    "seed": (0,),
}
QUIET = Console(quiet=True)


def dna(num: int, *, width: int = 60, seed: int = 0) -> list[str]:
    letters = np.random.default_rng(seed).choice(list("ACGT"), (num, width))
    return ["".join(row) for row in letters]


def rows(num: int = 60, *, seed: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sequence": dna(num, seed=seed),
            "label": np.arange(num) % 2,
            "species": ["human", "human", "mouse", "mouse"] * (num // 4),
        }
    )


def write(path: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(path, index=False)
    return path


def changed(path: Path, *, row: int, **cells: object) -> Path:
    """Write a good table but for the cells of one row, counted as in messages."""
    frame = rows().astype("str")
    frame.loc[row - 2, list(cells)] = list(cells.values())
    return write(path, frame)


def given(folder: Path, *, copies: int = 0, later: int = 0) -> Path:
    """Write a folder of given splits; train ends with `copies` rows of test, dev with `later`."""
    folder.mkdir()
    train, dev, test = (rows(n, seed=s) for n, s in ((80, 1), (24, 2), (24, 3)))
    write(folder / "train.csv", pd.concat([train, test[:copies]]))
    write(folder / "dev.csv", pd.concat([dev, test[:later]]))
    write(folder / "test.csv", test)
    return folder


def sweep(storage: Path, data: Path | None, **options: object) -> Sweep:
    files = () if data is None else (str(data),)
    return prepare_sweep(
        "bad",
        AXES | {"species_set": options.pop("species_sets", ("none",))},  # type: ignore[dict-item]
        SweepOptions(data=files, storage=str(storage), preset="1x32x2", **options),  # type: ignore[arg-type]
        QUIET,
    )


def refused(storage: Path, data: Path, *, row: int | None, reason: str, **options: object) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        sweep(storage / "runs", data, **options)
    error = caught.value
    assert error.file is not None
    assert str(data) in error.file
    assert error.row == row
    assert error.remedy, error
    assert not list((storage / "runs").glob("datasets/*")), "nothing is published"


def test_good_rows_are_taken(tmp_path: Path) -> None:
    made = sweep(tmp_path / "runs", write(tmp_path / "good.csv", rows()))
    assert len(made.data.table) == 60
    assert not (made.data.folder / REJECTS).exists()


def test_a_target_of_rows_that_name_no_species(tmp_path: Path) -> None:
    path = write(tmp_path / "unnamed.csv", rows().drop(columns="species"))
    with pytest.raises(InputError, match=r"target 'mouse' has 0 training"):
        sweep(tmp_path / "runs", path, target="mouse")
    assert sweep(tmp_path / "runs", path).recipe.target == "all"


def test_searches_by_two_metrics_are_two_searches(tmp_path: Path) -> None:
    """Whom a search has stopped by MCC is not to stay stopped in one by the loss."""
    path = write(tmp_path / "good.csv", rows())

    def key(metric: str, **options: object) -> str:
        return sweep(tmp_path / "runs", path, metric=metric, **options).key

    for options in ({"asha": True}, {"search": "optuna"}):
        assert len({key(metric, **options) for metric in ("mcc", "auroc", "loss")}) == 3
    assert key("mcc") == key("auroc"), "a grid trains the same trials and ranks them anew"


def test_pages_name_the_files_of_both_classes(tmp_path: Path) -> None:
    files = []
    for name, label in (("pos", 1), ("neg", 0)):
        frame = rows()[rows()["label"] == label]
        text = "".join(f">{name}{i}\n{s}\n" for i, s in enumerate(frame["sequence"]))
        files.append(tmp_path / f"{name}.fa")
        files[-1].write_text(text)
    made = sweep(tmp_path / "runs", None, positives=(str(files[0]),), negatives=(str(files[1]),))
    assert sweep_facts(made)["source"] == f"{files[0]} {files[1]}"


def test_missing_file(tmp_path: Path) -> None:
    refused(tmp_path, tmp_path / "absent.csv", row=None, reason="cannot be read|no such file")


def test_unreadable_file(tmp_path: Path) -> None:
    folder = tmp_path / "holder"
    folder.mkdir()
    refused(tmp_path, folder, row=None, reason="no train, dev or test file")
    packed = tmp_path / "sheet.csv"
    packed.write_bytes(b"PK\x03\x04" + bytes(100))
    refused(tmp_path, packed, row=None, reason="the ZIP data is corrupt")
    locked = write(tmp_path / "locked.csv", rows())
    locked.chmod(0)
    if not os.access(locked, os.R_OK):
        refused(tmp_path, locked, row=None, reason="cannot be read")


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("")
    refused(tmp_path, path, row=None, reason="is empty")


@pytest.mark.parametrize("missing", ["sequence", "label"])
def test_missing_columns(tmp_path: Path, missing: str) -> None:
    path = write(
        tmp_path / "columns.csv", rows().rename(columns={missing: "something"}).assign(something=7)
    )
    refused(tmp_path, path, row=1, reason="no column with (sequences|labels): found .*something")


def test_wrong_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "twice.csv", rows().assign(seq="ACGT"))
    refused(tmp_path, path, row=1, reason="has more than one column for the sequence")
    path = tmp_path / "ragged.csv"
    path.write_text("sequence,label\nACGT,1,7,7\n" + "ACGT,0\n" * 9)
    refused(tmp_path, path, row=2, reason="4 cells, but there are 2 columns")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"species": "unknown"}, "species 'unknown' is not the name of a species"),
        ({"sequence": "ACGTXACGT"}, "'X' at position 5 of the sequence is not an IUPAC"),
        ({"sequence": "nan"}, "a missing value, not DNA"),
        ({"sequence": "ACGTnanACGT"}, "literal 'nan'"),
        ({"sequence": ""}, "the sequence is empty"),
        ({"label": "maybe"}, "label 'maybe' is not an integer"),
        ({"label": ""}, "label is missing"),
    ],
    ids=["species", "letters", "nan", "pasted-nan", "empty", "label", "no-label"],
)
def test_bad_rows_are_refused_or_set_aside(tmp_path: Path, cells: dict, reason: str) -> None:
    path = changed(tmp_path / "rows.csv", row=7, **cells)
    refused(tmp_path, path, row=7, reason=reason)
    made = sweep(tmp_path / "runs", path, skip_bad_rows=True)
    assert len(made.data.table) == 59
    left_out = pd.read_csv(made.data.folder / REJECTS, sep="\t")
    assert left_out["row"].tolist() == [7]
    assert left_out["file"].tolist() == [str(path)]


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_corrupt_gzip(tmp_path: Path, damage: str) -> None:
    text = gzip.compress(rows().to_csv(index=False).encode())
    middle = len(text) // 2
    flipped = text[:middle] + bytes([text[middle] ^ 255]) + text[middle + 1 :]
    path = tmp_path / "data.csv.gz"
    path.write_bytes(text[:middle] if damage == "cut" else flipped)
    refused(tmp_path, path, row=None, reason="gzip data is corrupt")


def test_one_class(tmp_path: Path) -> None:
    path = write(tmp_path / "ones.csv", rows().assign(label=1))
    with pytest.raises(InputError, match=r"ones\.csv: all 60 rows have the label 1\. Give"):
        sweep(tmp_path / "runs", path)


def test_a_class_of_two_rows(tmp_path: Path) -> None:
    frame = rows().assign(label=[0, 1] * 29 + [2, 2])
    path = write(tmp_path / "three.csv", frame)
    refused(tmp_path, path, row=60, reason=r"class '2' has 2 row\(s\), too few to be in train")
    good = write(tmp_path / "good.csv", rows().assign(label=np.arange(60) % 3))
    assert sweep(tmp_path / "runs", good).data.labels.names == ("0", "1", "2")


def test_a_class_that_only_the_test_rows_have(tmp_path: Path) -> None:
    folder = given(tmp_path / "given")
    test = pd.read_csv(folder / "test.csv")
    test.assign(label=["exon"] * 4 + ["intron", "none"] * 10).to_csv(
        folder / "test.csv", index=False
    )
    for name in ("train", "dev"):
        table = pd.read_csv(folder / f"{name}.csv")
        table.assign(label=["intron", "none"] * (len(table) // 2)).to_csv(
            folder / f"{name}.csv", index=False
        )
    with pytest.raises(
        InputError, match=r"given: the train split has 80 rows, but none of .* exon"
    ):
        sweep(tmp_path / "runs", folder)


def test_one_species_in_a_set_of_many(tmp_path: Path) -> None:
    path = write(tmp_path / "humans.csv", rows().assign(species="human"))
    with pytest.raises(InputError, match=r"humans\.csv: of .* only human\. Name that species"):
        sweep(tmp_path / "runs", path, species_sets=("mammals",))
    with pytest.raises(InputError, match=r"humans\.csv: there are no training rows of mouse"):
        sweep(tmp_path / "runs", path, species_sets=("mouse",))
    with pytest.raises(InputError, match="not known"):
        sweep(tmp_path / "runs", path, species_sets=("unicorns",))


def test_a_copy_across_given_splits_is_refused(tmp_path: Path) -> None:
    folder = given(tmp_path / "given", copies=3, later=1)
    with pytest.raises(InputError, match=r"validation row .* is also in train") as caught:
        sweep(tmp_path / "runs", folder)
    # The first row of test is in train and dev, so the one in dev is met first.
    assert caught.value.file == str(folder / "dev.csv")
    assert caught.value.row == 26
    assert f"{folder / 'train.csv'}, row 82" in str(caught.value)
    assert "1 in validation and 3 in test" in str(caught.value)
    for way in ("--skip-bad-rows", "--leaks drop", "--leaks keep"):
        assert way in str(caught.value)


@pytest.mark.parametrize("options", [{"skip_bad_rows": True}, {"leaks": "drop"}])
def test_copies_are_left_out_of_training_and_the_test_rows_stay(
    tmp_path: Path, options: dict
) -> None:
    folder = given(tmp_path / "given", copies=3, later=1)
    data = prepare_data(Storage(tmp_path / "runs"), DataOptions(data=(str(folder),), **options))
    assert data.table["split"].value_counts().to_dict() == {
        "train": 80,
        "validation": 24,
        "test": 24,
    }
    assert data.table.groupby("sequence")["split"].nunique().max() == 1
    left_out = pd.read_csv(data.folder / REJECTS, sep="\t")
    train, dev = str(folder / "train.csv"), str(folder / "dev.csv")
    assert list(zip(left_out["file"], left_out["row"], strict=True)) == [
        (train, 82),
        (train, 83),
        (train, 84),
        (dev, 26),
    ]
    codes = {finding.code for finding in data.audit.findings}
    assert "dropped-copies" in codes
    assert "exact-leak" not in codes


def test_copies_can_be_kept_with_a_warning(tmp_path: Path) -> None:
    folder = given(tmp_path / "given", copies=3)
    config = DatasetConfig(data=(str(folder),), leaks="keep")
    made = build_dataset(config, rejects=tmp_path / REJECTS)
    assert len(made.table) == 80 + 3 + 24 + 24
    assert "exact-leak" in {finding.code for finding in made.audit.warnings}
    assert not (tmp_path / REJECTS).exists()
    also = build_dataset(replace(config, skip_bad_rows=True))
    assert len(also.table) == len(made.table), "what was asked for by name holds"


def test_near_copies_and_our_own_splits_are_no_bad_input(tmp_path: Path) -> None:
    folder = given(tmp_path / "given")
    test = pd.read_csv(folder / "test.csv")
    near = test[:2].assign(
        sequence=[s[:-1] + "ACGT"["CGTA".index(s[-1])] for s in test["sequence"][:2]]
    )
    write(folder / "train.csv", pd.concat([pd.read_csv(folder / "train.csv"), near]))
    made = build_dataset(DatasetConfig(data=(str(folder),)))
    assert "near-leak" in {finding.code for finding in made.audit.warnings}
    twice = write(tmp_path / "twice.csv", pd.concat([rows(), rows()[:5]]))
    assert len(build_dataset(DatasetConfig(data=(str(twice),))).table) == 60


def test_published_splits_with_copies(real_data: Path) -> None:
    table, places, *_ = read_rows(real_data / "gue" / "prom_core_all")
    copies = find_copies(table, places)
    assert copies.error is not None
    assert "54 in validation and 51 in test" in str(copies.error)
    assert str(copies.error.file).endswith("dev.csv.gz")
    # Counted without our code: test rows whose sequence is in train.
    trained = set(table["sequence"][table["split"] == "train"])
    assert table["sequence"][table["split"] == "test"].isin(trained).sum() == 43
    apart = (table["split"] != "validation").to_numpy()
    assert "all: 43 in test" in str(find_copies(table[apart], places[apart]).error)
    rest = table[~copies.rows]
    assert find_copies(rest, places[~copies.rows]).error is None
    assert (rest["split"] == "test").sum() == (table["split"] == "test").sum()


def of_two_lengths(positive: int, negative: int) -> pd.DataFrame:
    frame = rows()
    widths = np.where(frame["label"] == 1, positive, negative)
    long = dna(60, width=max(positive, negative), seed=5)
    return frame.assign(sequence=[s[:w] for s, w in zip(long, widths, strict=True)])


def test_classes_of_different_length(tmp_path: Path) -> None:
    path = write(tmp_path / "lengths.csv", of_two_lengths(61, 60))
    reason = r"length .* tells the classes apart \(AUROC 1.00\)"
    refused(tmp_path, path, row=3, reason=reason)
    with pytest.raises(InputError, match=r"60 in class 0, 61 in class 1\. .*--crop 60, or"):
        sweep(tmp_path / "runs", path, leaks="drop")
    made = sweep(tmp_path / "runs", path, crop=60)
    assert made.data.table["sequence"].str.len().unique().tolist() == [60]
    kept = sweep(tmp_path / "runs", path, leaks="keep")
    assert {finding.code for finding in kept.data.audit.warnings} >= {"length-leak"}


def test_weaker_differences_of_length_are_a_warning() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    places = pd.DataFrame({"file": "a.csv", "row": np.arange(400) + 2})
    for shift, verdict in ((1.0, False), (4.0, True)):
        widths = np.round(100 + 10 * rng.standard_normal(400) + 10 * shift * labels).astype(int)
        table = make_table({"sequence": ["A" * w for w in widths], "label": labels})
        if verdict:
            with pytest.raises(InputError, match=r"a\.csv, row 3: the length"):
                check_lengths(table, places)
        else:
            check_lengths(table, places)


def test_a_few_very_short_rows_do_not_set_the_crop(tmp_path: Path) -> None:
    frame = of_two_lengths(61, 60)
    frame.loc[0, "sequence"] = "ACGTACGT"
    path = write(tmp_path / "lengths.csv", frame)
    with pytest.raises(InputError, match=r"--crop 60 .*--skip-bad-rows"):
        sweep(tmp_path / "runs", path)
    refused(tmp_path, path, row=2, reason="has 8 bases, but 60 are needed", crop=60)
    made = sweep(tmp_path / "runs", path, crop=60, skip_bad_rows=True)
    assert len(made.data.table) == 59


def test_crop_keeps_the_middle_and_moves_coordinates() -> None:
    table = make_table(
        {
            "sequence": ["AACGTTT", "AACGTTT", "ACG"],
            "label": [1, 1, 0],
            "chrom": ["chr1", "chr1", ""],
            "start": pd.array([100, 100, None], dtype="Int64"),
            "end": pd.array([107, 107, None], dtype="Int64"),
            "strand": ["+", "-", ""],
        }
    )
    for num, first in ((3, "CGT"), (2, "CG")):
        cut = crop_table(table, num)
        assert cut["sequence"].tolist()[:2] == [first] * 2
        left = 2
        assert cut["start"].tolist()[:2] == [100 + left, 107 - left - num]
        assert cut["end"].tolist()[:2] == [100 + left + num, 107 - left]
        assert cut["start"].isna().tolist() == [False, False, True]
    assert table["sequence"].iloc[0] == "AACGTTT", "the table given is not changed"
    with pytest.raises(InputError, match="'seq:3' has 3 bases"):
        crop_table(table, 4)
    for wrong in ({"crop": 0, "data": ("a.csv",)}, {"crop": 50}):
        with pytest.raises(InputError, match="crop is"):
            DatasetConfig(**wrong)  # type: ignore[arg-type]


def test_more_tokens_than_positions(tmp_path: Path) -> None:
    path = write(tmp_path / "long.csv", rows())
    made = sweep(tmp_path / "runs", path, max_tokens=10)
    (spec,) = made.plan.tokenizers
    obtain_corpus(made.storage, spec)
    with pytest.raises(InputError, match=r"22 tokens .*\(long:2\).* 10 pos.*--max-tokens 22"):
        lengths.check_lengths(made.storage, made.recipe, made.plan)
    for enough in (22, None):
        model = replace(made.recipe.model, max_tokens=enough)
        lengths.check_lengths(made.storage, replace(made.recipe, model=model), made.plan)


def test_a_tracking_server_that_is_down_stops_the_sweep_before_it_starts(tmp_path: Path) -> None:
    options = SweepOptions(
        data=(str(write(tmp_path / "good.csv", rows())),),
        storage=str(tmp_path / "runs"),
        tracking_uri="http://127.0.0.1:9",
    )
    with pytest.raises(InputError, match="no MLflow server answers") as caught:
        run_sweep("bad", AXES, options, QUIET)
    assert "mlflow server" in str(caught.value.remedy)
    assert {p.name for p in (tmp_path / "runs").iterdir()} <= {"datasets", "work"}


def test_storage_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/runs: storage cannot be written .*--storage"):
        sweep(tmp_path / "file" / "runs", None)


@pytest.mark.parametrize(
    ("script", "arguments", "said"),
    [
        (
            "sweeps/tokenizer_grid.py",
            ["--data", "absent.csv"],
            "absent.csv: there is no such file",
        ),
        (
            "sweeps/tokenizer_grid.py",
            ["--data", "good.csv", "--tracking-uri", "http://127.0.0.1:9"],
            "no MLflow server answers at http://127.0.0.1:9",
        ),
        (
            "jobs/build_dataset.py",
            ["--data", "lengths.csv"],
            "lengths.csv, row 3: the length of a sequence alone tells the classes apart",
        ),
        (
            "jobs/predict.py",
            ["--model", "nowhere", "--data", "bad.csv"],
            "bad.csv, row 4: 'X' at position 5",
        ),
        (
            "jobs/predict.py",
            ["--model", "nowhere", "--data", "good.csv", "--out", "table.xlsx"],
            "table.xlsx: cannot write .xlsx. Use the extension .parquet or .csv.",
        ),
    ],
    ids=["missing-file", "server-down", "lengths", "predict", "predict-out"],
)
def test_scripts_end_with_code_2_and_one_message(
    tmp_path: Path, script: str, arguments: list[str], said: str
) -> None:
    write(tmp_path / "good.csv", rows())
    write(tmp_path / "lengths.csv", of_two_lengths(61, 60))
    changed(tmp_path / "bad.csv", row=4, sequence="ACGTXACGT")
    done = subprocess.run(
        [sys.executable, ROOT / script, *arguments, "--storage", "runs"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1, "one message, on one line"
    assert said in done.stderr
