"""Damaged genomes and damaged, foreign and stale indexes of sound ones.

A case makes its files in a folder of its own and says `refused`, `read` (the very bases that stand
in the file) or `wrong content`.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from Bio import bgzf
from damage import damaged
from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.reference import open_genome

Records = dict[str, str]
PACKINGS = ("plain", "bgzip", "gzip")


def some_records(rng: random.Random) -> Records:
    lengths = [rng.choice((0, 1, 59, 60, 61, 500, 3000)) for _ in range(rng.randrange(1, 6))]
    lengths[0] = max(lengths[0], rng.choice((200, 70_000)))
    return {f"chr{i}": "".join(rng.choices("ACGTacgtN", k=n)) for i, n in enumerate(lengths)}


def fasta_of(records: Records, rng: random.Random) -> bytes:
    width, end = rng.choice((50, 60, 10**6)), rng.choice(("\n", "\n", "\r\n"))
    lines = []
    for name, text in records.items():
        lines += [f">{name} a title", *(text[i : i + width] for i in range(0, len(text), width))]
    return (end.join(lines) + rng.choice((end, ""))).encode()


def pack(text: bytes, packing: str) -> bytes:
    if packing == "gzip":
        return gzip.compress(text, mtime=0)
    if packing == "bgzip":
        held = io.BytesIO()
        held.close = lambda: None  # type: ignore[method-assign]
        with bgzf.BgzfWriter(fileobj=held) as writer:
            writer.write(text)
        return held.getvalue()
    return text


def parsed(text: bytes) -> Records | None:
    """Return the records of a FASTA as a few lines of code read it; None where it is none."""
    records: Records = {}
    name = None
    for line in text.split(b"\n"):
        line = line.removesuffix(b"\r")
        if line.startswith(b">"):
            name = (line[1:].split() or [b""])[0].decode(errors="replace")
            if name in records:
                return None
            records[name] = ""
        elif name is not None:
            records[name] += line.decode("latin-1").upper()
        elif line.strip() and not line.startswith(b";"):
            return None
    return records


def bases_of(path: Path) -> Records:
    with open_genome(path) as genome:
        lengths = Contigs.of(genome, path).lengths
        return {name: str(genome[name][0:length]) for name, length in lengths.items()}


def judged(path: Path, expected: Records | None) -> str:
    try:
        read = bases_of(path)
    except InputError as error:
        return "refused" if error.file == str(path) else "wrong content"
    return "read" if read == expected else "wrong content"


def damaged_index(folder: Path, seed: int, packing: str, ending: str) -> str:
    """Damage the index that was made beside a genome; the genome itself is sound."""
    rng = random.Random(seed)
    path = folder / "genome.fa"
    text = fasta_of(some_records(rng), rng)
    path.write_bytes(pack(text, packing))
    index = path.with_name(f"genome.fa.{ending}")
    if bases_of(path) != parsed(text):
        return "wrong content"
    if ending == "gzi":
        index.write_bytes(struct.pack("<QQQ", 1, 100, 65_280))
    if index.exists():
        index.write_bytes(damaged(index.read_bytes(), rng))
        os.utime(index, (2e9, 2e9))
    verdict = judged(path, parsed(text))
    # A sound genome is never refused for its index.
    return "wrong content" if verdict == "refused" else verdict


def stale_index(folder: Path, seed: int, packing: str) -> str:
    """Replace a genome by another one of an older date; its index stays."""
    rng = random.Random(seed)
    path = folder / "genome.fa"
    records = some_records(rng)
    path.write_bytes(pack(fasta_of(records, rng), packing))
    bases_of(path)
    other = some_records(rng)
    if rng.random() < 0.5:
        # The most alike that another genome can be: names and lengths in another order.
        names = list(records)
        rng.shuffle(names)
        other = dict(zip(names, records.values(), strict=True))
    text = fasta_of(other, rng)
    path.write_bytes(pack(text, packing))
    os.utime(path, (1e9, 1e9))
    return judged(path, parsed(text))


def damaged_genome(folder: Path, seed: int, packing: str) -> str:
    """Damage the genome itself, before or after it is packed."""
    rng = random.Random(seed)
    path = folder / "genome.fa"
    text = fasta_of(some_records(rng), rng)
    sound = pack(text, packing)
    path.write_bytes(sound)
    if rng.random() < 0.5:
        bases_of(path)
    path.write_bytes(damaged(sound, rng))
    data = path.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return judged(path, parsed(data))
    # What cannot be unpacked may be read where the damage is not among the bases, or be refused.
    with contextlib.suppress(Exception):
        text = gzip.decompress(data)
    return judged(path, parsed(text))


def cases(
    rng: np.random.Generator, folder: Path, *, rounds: int = 30
) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the name and the run of each of ten cases, `rounds` times."""
    kinds: list[tuple[Callable[..., str], tuple[str, ...]]] = [
        *((damaged_index, (packing, "fai")) for packing in PACKINGS),
        (damaged_index, ("bgzip", "gzi")),
        *((stale_index, (packing,)) for packing in PACKINGS),
        *((damaged_genome, (packing,)) for packing in PACKINGS),
    ]
    for number in range(rounds):
        for run, how in kinds:
            seed = int(rng.integers(2**32))
            place = folder / f"{number}-{run.__name__}-{'-'.join(how)}"
            place.mkdir()
            yield f"{run.__name__} {' '.join(how)} {seed}", partial(run, place, seed, *how)
            shutil.rmtree(place, ignore_errors=True)
