"""A storage in a bucket: whole or not at all, the same from every host, patient, without secrets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from dnasweep.errors import InputError
from dnasweep.jobs.shards.verification import find_job
from dnasweep.storage import MANIFEST, Bucket, Storage, Unavailable, retry
from dnasweep.storage.retry import StorageFault, fault_of, with_retries
from dnasweep.sweeps import state_sync
from dnasweep.sweeps.event_log import Evaluated, EventLog, read_event_log
from dnasweep.sweeps.state_sync import StateSync
from dnasweep.tracking.lookup import find_model_directory
from object_store import ObjectStore

BUSY = "When listing objects: AWS Error SLOW_DOWN during ListObjectsV2 operation: no"


@pytest.fixture
def hosts(object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make storages of one bucket on hosts of any name."""
    root = object_store.new_root()

    def host(name: str) -> Storage:
        monkeypatch.setenv("HOME", str(tmp_path / name))
        return Storage(root)

    return host


def writing(text: str):
    return lambda folder: (folder / "a.txt").write_text(text) and None


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (BUSY, StorageFault("SLOW_DOWN", True)),
        ("AWS Error INTERNAL_FAILURE during CreateMultipartUpload operation: no", StorageFault("INTERNAL_FAILURE", True)),
        ("AWS Error UNKNOWN (HTTP status 503) during HeadObject operation: No response body.", StorageFault("UNKNOWN, HTTP status 503", True)),
        ("AWS Error NETWORK_CONNECTION during HeadObject operation: curlCode: 7", StorageFault("NETWORK_CONNECTION", True)),
        ("AWS Error UNKNOWN (HTTP status 400) during PutObject operation: ExpiredToken", StorageFault("UNKNOWN, HTTP status 400", False)),
        ("AWS Error ACCESS_DENIED during ListObjectsV2 operation: no", StorageFault("ACCESS_DENIED", False)),
        ("AWS Error NO_SUCH_BUCKET during PutObject operation", StorageFault("NO_SUCH_BUCKET", False)),
        ("[Errno 28] No space left on device", None),
    ],
)  # fmt: skip
def test_what_a_store_answers_is_told_apart(said: str, fault: StorageFault | None) -> None:
    assert fault_of(OSError(said)) == fault


def test_retries_end_with_success_or_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    clock = SimpleNamespace(sleep=sleep, monotonic=lambda: now[0])
    monkeypatch.setattr(retry, "time", clock)
    monkeypatch.setattr(retry, "random", SimpleNamespace(uniform=lambda low, high: high))
    left = [4]

    def busy() -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(BUSY)
        return "there"

    assert with_retries(busy, uri="s3://b") == "there"
    assert pauses == [0.5, 1.0, 2.0, 4.0]
    left[0] = 10_000
    with pytest.raises(Unavailable, match=r"s3://b: .*not answered for 300 s \(SLOW_DOWN\)"):
        with_retries(busy, uri="s3://b")
    assert max(pauses) == retry.MAX_PAUSE
    assert now[0] == pytest.approx(7.5 + 300)
    assert len(pauses) < 30
    with pytest.raises(OSError, match="disk"):
        with_retries(lambda: (_ for _ in ()).throw(OSError("a disk")), uri="s3://b")


@pytest.mark.parametrize(
    "uri",
    [
        "s3://NAME:hidden@bucket/runs",
        "s3://hidden@bucket/runs",
        "gs://name:hidden@bucket/runs",
        "s3://bucket/runs?secret_key=hidden",
        "s3://bucket/runs?region=x&session_token=hidden",
    ],
)
def test_a_uri_with_credentials_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(InputError, match="AWS_ACCESS_KEY_ID") as caught:
        Storage(uri)
    assert "hidden" not in str(caught.value)


def test_places_keep_the_options_of_the_root(hosts) -> None:
    storage = hosts("a")
    head, _, options = storage.root.partition("?")
    assert storage.uri_of("trials", "k", "checkpoint") == f"{head}/trials/k/checkpoint?{options}"
    assert Bucket(storage.uri_of("trials")).uri_of("k") == storage.uri_of("trials", "k")
    with pytest.raises(InputError, match="no job") as caught:
        find_job(storage.uri_of("attributions", "k"))
    assert caught.value.file == storage.uri_of("attributions", "k")


def test_what_one_host_publishes_another_finds(hosts) -> None:
    def write(folder: Path) -> None:
        (folder / "a.txt").write_text("x")
        (folder / "b.txt").write_text("y")

    there = hosts("a").obtain("tokenizers", "k", write)
    other = hosts("b")
    found = other.find("tokenizers", "k")
    assert found is not None
    assert found != there
    assert sorted(path.name for path in found.iterdir()) == ["a.txt", "b.txt", MANIFEST]
    file = hosts("c").file("tokenizers", "k", "a.txt")
    assert file is not None
    assert file.read_text() == "x"
    assert not (file.parent / "b.txt").exists(), "one file is fetched and no more"
    assert other.file("tokenizers", "k", "c.txt") is None
    assert other.file("tokenizers", "other", "a.txt") is None


def test_a_model_in_a_bucket_is_opened_by_its_uri(hosts) -> None:
    storage = hosts("a")

    def build(folder: Path) -> None:
        (folder / "checkpoint").mkdir()
        for name in ("config.json", "tokenizer.json"):
            (folder / "checkpoint" / name).write_text("{}")

    storage.obtain("trials", "k", build)
    found = find_model_directory(storage.uri_of("trials", "k", "checkpoint"))
    assert sorted(path.name for path in found.iterdir()) == ["config.json", "tokenizer.json"]
    with pytest.raises(InputError, match="no such folder"):
        find_model_directory(storage.uri_of("trials", "other", "checkpoint"))


def test_a_copy_left_on_a_host_does_not_count_and_is_replaced(hosts) -> None:
    storage = hosts("a")
    storage.obtain("tokenizers", "k", writing("old"))
    assert storage.bucket is not None
    storage.bucket.clear("tokenizers")
    assert storage.find("tokenizers", "k") is None
    assert storage.file("tokenizers", "k", "a.txt") is None
    hosts("b").obtain("tokenizers", "k", writing("new"))
    # What has a key has one content: the old copy serves again.
    assert storage.find("tokenizers", "k") is not None
    storage.bucket.clear("tokenizers")
    folder = storage.obtain("tokenizers", "k", writing("newest"))
    assert (folder / "a.txt").read_text() == "newest"


def test_of_two_hosts_that_build_at_once_both_have_what_the_first_published(hosts) -> None:
    first, second = hosts("a"), hosts("b")

    def slower(folder: Path) -> None:
        first.obtain("tokenizers", "k", writing("first"))
        (folder / "a.txt").write_text("second")

    folder = second.obtain("tokenizers", "k", slower)
    assert (folder / "a.txt").read_text() == "first"


def test_an_upload_that_loses_a_part_is_no_success(
    hosts, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pyarrow's own copy_files says nothing when the last part of a large file is refused.
    monkeypatch.setattr(retry, "RETRY_SECONDS", 0.0)
    storage = hosts("a")

    def large(folder: Path) -> None:
        (folder / "weights").write_bytes(bytes(12 << 20))

    with object_store.refusing("PUT", first=1), pytest.raises(Unavailable, match="not answered"):
        storage.obtain("trials", "k", large)
    assert storage.bucket is not None
    assert storage.bucket.files("trials") == {}
    storage.obtain("trials", "k", large)
    assert storage.bucket.size("trials/k/weights") == 12 << 20


def test_a_store_that_refuses_is_told_before_anything_is_begun(
    hosts, object_store: ObjectStore
) -> None:
    storage = hosts("a")
    storage.check_writable()
    assert storage.bucket is not None
    assert storage.bucket.files() == {}
    refusal = object_store.refusing("PUT", status="403 Forbidden", code="AccessDenied")
    with refusal, pytest.raises(InputError, match=r"refuses \(ACCESS_DENIED\).*may read, write"):
        storage.check_writable()


def test_names_in_a_bucket_cannot_lead_out_of_the_folder_they_are_copied_to(
    hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = hosts("a")
    storage.obtain("tokenizers", "k", writing("x"))
    monkeypatch.setattr(Bucket, "files", lambda self, folder="": {"../../../evil": 1})
    with pytest.raises(InputError, match="of this name"):
        hosts("b").find("tokenizers", "k")
    assert not list(tmp_path.rglob("evil"))


def test_a_driver_goes_on_with_what_another_host_knew(
    hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_sync, "EVERY_SECONDS", 0.05)
    points = [Evaluated("t", n, n / 10, {"metrics": {}, "bases_seen": n}) for n in range(4)]

    def log_on(name: str) -> tuple[StateSync, Path, Path]:
        storage = hosts(name)
        folder = storage.folder("sweeps", "s")
        return StateSync(storage), folder / "course.jsonl", folder / "optuna.journal"

    def add(given: StateSync, path: Path, journal: Path, number: int) -> None:
        with given.uploading([path, journal]):
            assert EventLog(path).add(points[number])
            with journal.open("a") as file:
                file.write(f"{number}\n")

    one, path, journal = log_on("a")
    assert not one.download(path), "nobody was there before"
    add(one, path, journal, 0)
    assert not one.download(path), "it is this host's own"
    two, copy, copy_of_journal = log_on("b")
    assert two.download(copy)
    assert two.download(copy_of_journal)
    assert read_event_log(copy) == points[:1]
    add(two, copy, copy_of_journal, 1)
    # Back on the first host, whose own files are old by now.
    assert one.download(path)
    assert one.download(journal)
    assert read_event_log(path) == points[:2]
    assert journal.read_text() == "0\n1\n"


def test_a_folder_needs_no_sync(tmp_path: Path) -> None:
    given = StateSync(Storage(tmp_path))
    path = tmp_path / "course.jsonl"
    with given.uploading([path]):
        path.write_text("x")
    assert not given.download(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["course.jsonl"]
