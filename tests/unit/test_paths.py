"""Paths that lead nowhere, round in circles, or to what never ends: a sentence, and no waiting."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.intervals import read_bed
from dnasweep.formats.motifs import read_motifs
from dnasweep.formats.paths import user_path
from dnasweep.formats.reference import open_genome
from dnasweep.formats.sequences import read_letters
from dnasweep.formats.variant_files import read_variants
from reading_toys import read_sequences

CONTIGS = Contigs(genome="g.fa", lengths={"chr1": 100})


def opened(path: str) -> None:
    with open_genome(Path(path)):
        pass


READERS: dict[str, Callable[[str], object]] = {
    "data": lambda path: read_sequences(path),
    "key": lambda path: dataset_key(DatasetConfig(data=(path,))),
    "key of a genome": lambda path: dataset_key(DatasetConfig(genome=path)),
    "genome": opened,
    "letters": lambda path: list(read_letters(Path(path))),
    "regions": lambda path: read_bed(path, CONTIGS),
    "variants": lambda path: read_variants([path]),
    "motifs": read_motifs,
}


def odd_paths(folder: Path) -> dict[str, tuple[str, str]]:
    """Return paths and what is to be said of them."""
    (folder / "loop").symlink_to(folder / "loop")
    os.mkfifo(folder / "pipe")
    (folder / "gone").symlink_to(folder / "nowhere")
    (folder / "file").write_text("x")
    return {
        "loop": (str(folder / "loop"), "points to itself"),
        "pipe": (str(folder / "pipe"), "is a pipe, but .* can only be read from files"),
        "gone": (str(folder / "gone"), "no such file"),
        "below a file": (str(folder / "file" / "x.csv"), "no such file"),
        "long": (str(folder / ("x" * 300)), "too long for the file system"),
        "zeros": ("/dev/zero", "is a device"),
    }


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("path", ["loop", "pipe", "gone", "below a file", "long", "zeros"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, reader: str, path: str) -> None:
    given, reason = odd_paths(tmp_path)[path]
    with pytest.raises(InputError, match=reason) as caught:
        READERS[reader](given)
    assert caught.value.file == given
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            "~nobody-of-that-name/x.csv",
            "~nobody-of-that-name is not the home folder of any user",
        ),
        (os.fsdecode(b"caf\xe9.csv"), "the name is not UTF-8 text|which is not valid UTF-8"),
        ("a\0b.csv", "contains a NUL"),
    ],
)
@pytest.mark.parametrize("reader", ["data", "key", "regions", "variants", "genome"])
def test_names_that_are_no_path_are_refused_and_can_be_printed(
    given: str, reason: str, reader: str
) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        READERS[reader](given)
    str(caught.value).encode()


def test_names_that_are_no_text_within_a_folder_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / os.fsdecode(b"train\xff.csv")).write_text("sequence,label\nACGT,1\n")
    with pytest.raises(InputError, match=r"train\\xff\.csv: the name is not UTF-8"):
        read_sequences(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("reader", READERS)
def test_what_may_not_be_read_is_told(tmp_path: Path, reader: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text("sequence,label\nACGT,1\n")
    path.chmod(0)
    with pytest.raises(InputError, match="permission denied"):
        READERS[reader](str(path))


def test_home_and_plain_paths_are_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert user_path("~/x.csv") == Path("/home/somebody/x.csv")
    assert user_path("./~x.csv") == Path.cwd() / "~x.csv"
    assert user_path("données/é.csv") == Path("données/é.csv")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("address", ["https://example.org/x.fa", "s3://bucket/x.fa"])
def test_addresses_of_files_are_named_as_such(reader: str, address: str) -> None:
    with pytest.raises(InputError, match="is an address, and only files are read") as caught:
        READERS[reader](address)
    assert caught.value.file == address
    assert "Download the" in (caught.value.remedy or "")


def test_a_folder_of_chromosomes_is_to_be_joined(tmp_path: Path) -> None:
    (tmp_path / "chr1.fa").write_text(">chr1\nACGT\n")
    with pytest.raises(InputError, match="is a folder, not a file") as caught:
        opened(str(tmp_path))
    assert "cat *.fa" in (caught.value.remedy or "")
