"""Sixty bits in each kind of artefact: all noticed, and what is made again is as it was."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from dnasweep.errors import InputError
from dnasweep.genomics.genome_store import StoredGenome
from dnasweep.jobs.shards.store import Shards
from dnasweep.models.training.train_state_storage import DirectoryStates
from dnasweep.storage import MANIFEST, integrity
from fuzz.artefacts import NOTICED, WRONG, Bench, Kind, cases, files_of

BITS = 60
KINDS = (
    *("datasets", "tokenizers", "corpora", "ngrams", "pmi", "encoders", "trials", "tests"),
    *("models", "genomes", "attributions", "state", "course"),
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench") / "storage")


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def is_noticed(kind: Kind, file: Path) -> bool:
    """Return whether the code that every reader goes through finds a damaged file."""
    if kind.folder.name == "state":
        return DirectoryStates(kind.folder).newest() is None
    if kind.folder.name == "course":
        return len(file.read_text(errors="replace").splitlines()) == 4 and kind.read() is not None
    folder = file.parent
    while not (folder / MANIFEST).is_file() or (folder / "shards").is_dir():
        if (folder / "shards").is_dir():
            # The manifest that closes a job is a file of its own.
            try:
                integrity.unseal(file.read_bytes())
            except ValueError:
                return True
            return False
        folder = folder.parent
    return integrity.damage(folder) is not None


def test_every_kind_of_artefact_is_held_here(bench: Bench) -> None:
    assert set(bench.kinds) == set(KINDS)
    kept = {path.name for path in bench.storage.local.iterdir()}
    assert kept - set(KINDS) <= {"work", "mlflow.db"}


@pytest.mark.parametrize("name", [kind for kind in KINDS if kind != "course"])
def test_every_bit_is_noticed(name: str, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    kind, rng = bench.kinds[name], np.random.default_rng(KINDS.index(name))
    files = files_of(kind)
    sizes = np.array([file.stat().st_size for file in files], float)
    for _ in range(BITS):
        file = files[int(rng.choice(len(files), p=sizes / sizes.sum()))]
        whole = file.read_bytes()
        bit = int(rng.integers(8 * len(whole)))
        file.write_bytes(flipped(whole, bit))
        assert is_noticed(kind, file), (file, bit)
        if name == "state":
            kind.read()
        else:
            file.write_bytes(whole)


def test_no_bit_of_a_sweeps_course_makes_another_evaluation(bench: Bench) -> None:
    kind, rng = bench.kinds["course"], np.random.default_rng(0)
    (file,) = files_of(kind)
    whole, expected = file.read_bytes(), kind.read()
    for bit in rng.integers(8 * len(whole), size=BITS):
        file.write_bytes(flipped(whole, int(bit)))
        assert kind.read() == expected, bit
    file.write_bytes(whole)


def test_what_is_made_again_is_as_it_was(tmp_path: Path) -> None:
    """Two rounds of all kinds, of bits, bytes, cuts and files that are gone."""
    found = cases(np.random.default_rng(5), tmp_path / "storage")
    told = [(name, run()) for name, run in (next(found) for _ in range(2 * len(KINDS)))]
    assert [name for name, said in told if said == WRONG] == []
    assert {said for _, said in told} == {NOTICED}


def test_who_reads_parts_of_a_genome_or_a_work_list_notices_too(bench: Bench) -> None:
    """Workers of a bucket never have the whole file, and compare the parts that they read."""
    rng, storage = np.random.default_rng(3), bench.storage
    (genome,) = (storage.local / "genomes").iterdir()
    (job,) = (storage.local / "attributions").iterdir()

    def bases() -> object:
        found = StoredGenome(storage, genome.name)
        return [found.fetch(name, 0, length) for name, length in found.lengths.items()]

    def rows() -> object:
        found = Shards.open(storage, "attributions", job.name)
        return [found.rows(shard).to_pylist() for shard in range(len(found))]

    for file, read in ((genome / "bases.parquet", bases), (job / "work" / "work.parquet", rows)):
        whole, expected, refused = file.read_bytes(), read(), 0
        for bit in rng.integers(8 * len(whole), size=BITS):
            file.write_bytes(flipped(whole, int(bit)))
            try:
                assert read() == expected, (file, bit)
            except InputError:
                refused += 1
                shutil.rmtree(file.parent, ignore_errors=True)
                bench.kinds["genomes" if read is bases else "attributions"].read()
                assert file.read_bytes() == whole
            file.write_bytes(whole)
        assert refused
