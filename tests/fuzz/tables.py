"""Damaged tables, FASTA, coordinates and folders of sequences.

A reading is compared with what stands in the damaged file itself, row by row, as a few lines of
code find it there; one of damaged gzip with what was packed.
"""

from __future__ import annotations

import gzip
import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from damage import damaged
from dnasweep.data.reading import read_rows
from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.intervals import read_bed

CHROMOSOME = "".join(random.Random(0).choices("ACGT", k=3000))
NAMES = {"csv": "x.csv", "kmers": "x.tsv", "fasta": "x.fa", "lines": "x.txt", "bed": "x.bed",
         "sga": "x.sga", "fps": "x.fps"}  # fmt: skip
COORDINATES = ("bed", "sga", "fps")


def sound(kind: str, rng: random.Random) -> bytes:
    """Return the text of a good file."""
    rows = []
    for i in range(rng.randrange(2, 30)):
        bases, at = (
            "".join(rng.choices("ACGTacgun", k=rng.randrange(8, 60))),
            rng.randrange(700, 2000),
        )
        strand = rng.choice("+-")
        match kind:
            case "csv":
                rows.append(f"r{i},{bases},{i % 2},{rng.choice(('human', 'mm10', ''))},train")
            case "kmers":
                rows.append(
                    " ".join(bases[j : j + 3] for j in range(len(bases) - 2)) + f"\t{i % 2}"
                )
            case "fasta":
                rows.append(f">r{i} chr1:{at}-{at + 9}\n{bases[:20]}\n{bases[20:]}")
            case "lines":
                rows.append(bases)
            case "bed":
                rows.append(f"chr1\t{at}\t{at + rng.choice((1, 50, 600))}\tr{i}\t0\t{strand}")
            case "sga":
                rows.append(f"chr1\tTSS\t{at}\t{strand}\t1\tr{i}")
            case _:
                rows.append(f"FP   r{i}             :+U  EU:chr1      1{strand}      {at};     1.")
    heads = {"csv": ["id,sequence,label,species,set"], "kmers": ["sequence\tlabel"]}
    return ("\n".join(heads.get(kind, []) + rows) + rng.choice(("\n", ""))).encode()


def stands_there(kind: str, text: bytes, found: pd.DataFrame) -> bool:
    """Return whether each sequence is what its row of a text says; where that is plain to see."""
    if kind == "fasta":
        records = ("\n" + text.decode("latin-1").lstrip()).split("\n>")[1:]
        plain = ["".join(r.partition("\n")[2].split()) for r in records]
    elif kind == "csv":
        plain = [[*line.split(","), ""][1].strip() for line in text.decode("latin-1").split("\n")]
    elif kind == "bed":
        plain = []
        for line in text.decode("latin-1").split("\n"):
            cells = [*(cell.strip() for cell in line.split("\t")), *[""] * 6]
            try:
                bases = CHROMOSOME[int(float(cells[1])) : int(float(cells[2]))]
            except (ValueError, OverflowError):
                bases = ""
            strand = cells[5] or ("+" if cells[3] != "-" else "-")
            plain.append(reverse_complement(bases) if strand == "-" else bases)
    else:
        return True
    expected = [s.upper().replace("U", "T") for s in plain]
    long = found["sequence"].str.len() != 601  # A window around a start is not what stands there.
    return all(
        expected[row - 1] == sequence
        for row, sequence in zip(found["row"][long], found["sequence"][long], strict=True)
    )


def damaged_file(folder: Path, seed: int, kind: str) -> str:
    rng = random.Random(seed)
    text = sound(kind, rng)
    path = folder / NAMES[kind]
    genome = folder / "genome.fa"
    genome.write_text(f">chr1\n{CHROMOSOME}\n")
    packed = rng.random() < 0.2
    if packed:
        path.write_bytes(damaged(gzip.compress(text, mtime=0), rng))
        if path.read_bytes()[:2] != b"\x1f\x8b":
            text = path.read_bytes()
    else:
        text = damaged(text, rng)
        path.write_bytes(text)
    try:
        table, places, _, notes, *_ = read_rows(
            path if rng.random() < 0.5 else (),
            positives=path if rng.random() < 0.3 else (),
            genome=genome if kind in COORDINATES or rng.random() < 0.2 else None,
            require_labels=rng.random() < 0.5,
            skip_bad_rows=rng.random() < 0.7,
        )
        "".join(notes).encode()
    except InputError as error:
        str(error).encode()
        return "refused"
    # Quoted cells and line ends of other kinds are not plain to see.
    if set(text) & set(b'"\r\0\v\f\x1c\x1d\x1e\x85;') or not text.isascii():
        return "read"
    found = table.assign(row=places["row"])
    return "read" if stands_there(kind, text, found) else "wrong content"


def damaged_regions(folder: Path, seed: int) -> str:
    rng = random.Random(seed)
    path = folder / "regions.bed"
    path.write_bytes(damaged(sound("bed", rng), rng))
    contigs = Contigs(genome="genome.fa", lengths={"chr1": len(CHROMOSOME)})
    try:
        frame, _ = read_bed(path, contigs, skip_bad_rows=rng.random() < 0.7)
    except InputError:
        return "refused"
    inside = (frame["start"] >= 0) & (frame["end"] <= len(CHROMOSOME)) & (frame["chrom"] == "chr1")
    return (
        "read"
        if bool(inside.all()) and bool((frame["start"] < frame["end"]).all())
        else "wrong content"
    )


def odd_folder(folder: Path, seed: int) -> str:
    """Read a folder of files and folders whose names are, and are not, of splits and classes."""
    rng = random.Random(seed)
    place = folder / "set"
    place.mkdir()
    words = (
        "train",
        "Test",
        "dev",
        "valid",
        "EVAL",
        "positive",
        "negatives",
        "10",
        "x",
        "my_test",
    )
    for _ in range(rng.randrange(6)):
        inside = place / rng.choice(words) if rng.random() < 0.3 else place
        if inside.is_file():
            continue
        inside.mkdir(exist_ok=True)
        name = rng.choice(words) + rng.choice(
            (".csv", ".tsv", ".fa", ".CSV", ".txt", ".json", "", ".csv.gz")
        )
        if not (inside / name).exists():
            text = sound(rng.choice(("csv", "fasta", "kmers")), rng)
            (inside / name).write_bytes(text if rng.random() < 0.8 else damaged(text, rng))
    try:
        table, places, *_ = read_rows(place, require_labels=rng.random() < 0.5)
    except InputError:
        return "refused"
    for file, split in zip(places["file"], table["split"], strict=True):
        where = str(Path(file).relative_to(place)).lower()
        said = {"train": "train", "test": "test", "validation": "dev"}.get(split, "")
        by_name = said in where or (said == "dev" and "valid" in where)
        # The rows of a table may say otherwise by their column.
        by_column = split == "train" and Path(file).suffix.lower() != ".fa"
        if not by_name and not by_column:
            return "wrong content"
    return "read"


def cases(
    rng: np.random.Generator, folder: Path, *, rounds: int = 30
) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the name and the run of each of nine cases, `rounds` times."""
    kinds: list[tuple[Callable[..., str], tuple[str, ...]]] = [
        *((damaged_file, (kind,)) for kind in NAMES),
        (damaged_regions, ()),
        (odd_folder, ()),
    ]
    for number in range(rounds):
        for run, how in kinds:
            seed = int(rng.integers(2**32))
            place = folder / f"{number}-{run.__name__}-{'-'.join(how)}"
            place.mkdir()
            yield f"{run.__name__} {' '.join(how)} {seed}", partial(run, place, seed, *how)
            shutil.rmtree(place, ignore_errors=True)
