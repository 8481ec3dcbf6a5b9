"""What a job writes into a folder of the user's: whole, and nothing of an earlier run beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from dnasweep.errors import InputError
from dnasweep.storage import output_folder
from dnasweep.storage.output_folder import EARLIER, RECORD, publish_files


def made(folder: Path, **content: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, text in content.items():
        (folder / f"{name}.tsv").write_text(text)
    return sorted(folder.iterdir())


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_later_run_leaves_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    out, files = tmp_path / "out", tmp_path / "files"
    publish_files(made(files, peaks="1", agreement="1"), out, job="scan")
    (out / "notes.txt").write_text("the user's")
    (out / "thresholds.csv").write_text("the user's too")
    found = publish_files(made(files, peaks="2"), out, job="scan")
    assert found == [out / "peaks.tsv"]
    assert names(out) == [RECORD, "notes.txt", "peaks.tsv", "thresholds.csv"]
    assert (out / "peaks.tsv").read_text() == "2"


def test_what_the_user_has_changed_is_moved_and_not_deleted(tmp_path: Path) -> None:
    out, files = tmp_path / "out", tmp_path / "files"
    publish_files(made(files, peaks="1", agreement="1"), out, job="scan")
    (out / "agreement.tsv").write_text("with remarks")
    publish_files(made(files, peaks="2"), out, job="scan")
    assert names(out) == [RECORD, f"{EARLIER}/agreement.tsv", "peaks.tsv"]
    assert (out / EARLIER / "agreement.tsv").read_text() == "with remarks"


def test_files_of_other_jobs_stay(tmp_path: Path) -> None:
    out, files = tmp_path / "out", tmp_path / "files"
    publish_files(made(files, variants="1", agreement="of another job"), out, job="variants")
    publish_files(made(files, peaks="1"), out, job="scan", sometimes=["agreement.tsv"])
    publish_files(made(files, peaks="1"), out, job="scan", sometimes=["agreement.tsv"])
    assert names(out) == [RECORD, "agreement.tsv", "peaks.tsv", "variants.tsv"]


def test_files_that_no_record_knows_are_moved_where_the_job_may_have_made_them(
    tmp_path: Path,
) -> None:
    """A version before wrote no record."""
    out, files = tmp_path / "out", tmp_path / "files"
    made(out, peaks="old", agreement="old", precision_recall_known="old", mine="the user's")
    (out / RECORD).write_text("damage")
    patterns = ["agreement.tsv", "precision_recall_*.tsv"]
    publish_files(made(files, peaks="new"), out, job="scan", sometimes=patterns)
    assert names(out) == [
        RECORD,
        f"{EARLIER}/agreement.tsv",
        f"{EARLIER}/precision_recall_known.tsv",
        "mine.tsv",
        "peaks.tsv",
    ]


def test_a_record_that_points_elsewhere_takes_nothing_away_there(tmp_path: Path) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside.tsv"
    outside.write_text("mine")
    out.mkdir()
    digest = output_folder.digest_of(outside)
    output_folder._write(out, {"scan": {"../outside.tsv": digest, str(outside): digest}})
    publish_files(made(tmp_path / "files", peaks="1"), out, job="scan")
    assert outside.read_text() == "mine"


def test_a_run_that_is_killed_between_two_files_is_cleared_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, files = tmp_path / "out", tmp_path / "files"
    real = Path.replace

    def killed(path: Path, target: Path) -> Path:
        if path.name == "peaks.tsv":
            raise KeyboardInterrupt
        return real(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        publish_files(made(files, agreement="1", peaks="1"), out, job="scan")
    assert "agreement.tsv" in names(out)
    monkeypatch.undo()
    publish_files(made(files, peaks="2"), out, job="scan")
    assert names(out) == [RECORD, "peaks.tsv"]


def test_a_file_in_place_of_the_folder_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="--out"):
        publish_files(made(tmp_path / "files", peaks="1"), tmp_path / "out", job="scan")
