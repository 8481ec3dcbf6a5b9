"""Damaged files of motifs and variants, BED files and regions.

What is read is compared with a few lines of code that take the damaged file at its word: they know
nothing of damage, so where a file is accepted both have to say the same.
"""

from __future__ import annotations

import codecs
import gzip
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.intervals import read_bed
from dnasweep.formats.motifs import read_motifs
from dnasweep.formats.reference import open_genome
from dnasweep.formats.rejects import write_rejects
from dnasweep.formats.variant_files import read_variants
from dnasweep.genomics.variant_settings import VariantWindows
from dnasweep.genomics.variants import Region, place_variants
from dnasweep.motifs.scanner import from_file

REFUSED, READ, WRONG = "refused", "read", "wrong content"
SPICE = (
    *(b"\0", b"\r", b"\n", b"\n\n", b"\t", b",", b";", b'"', b"'", b">", b"#", b"##", b"=", b"%"),
    *(b"\xff", b"\xc3", "é".encode(), "٣".encode(), codecs.BOM_UTF8, b"\x1f\x8b", b"\x1b[31m"),
    *(b"nan", b"inf", b"1e999", b"-1", b".", b"1_0", b"9" * 5000, b"=cmd|' /C calc'!A0", b"MOTIF"),
    *(b"letter-Probability", b"ALPHABET= ACGU", b"<DEL>", b"*", b"N", b"[/]", b"A" * 3000),
)


def harmed(data: bytes, rng: np.random.Generator) -> bytes:
    """Return data with one to four pieces flipped, cut, doubled, lost, moved or spiced."""
    for _ in range(int(rng.integers(1, 5))):
        if not data:
            break
        low, high = sorted(rng.integers(0, len(data) + 1, 2).tolist())
        high = min(high, low + int(rng.choice([1, 3, 30, 10_000])))
        lines = data.splitlines(keepends=True)
        line = int(rng.integers(len(lines)))
        match int(rng.integers(9)):
            case 0:
                byte = bytes([data[low] ^ 1 << int(rng.integers(8))]) if low < len(data) else b""
                data = data[:low] + byte + data[low + 1 :]
            case 1:
                data = data[:high]
            case 2:
                data = data[:low] + data[high:]
            case 3:
                data = data[:low] + data[low:high] * 2 + data[high:]
            case 4:
                data = b"".join(lines[:line] + lines[line + 1 :])
            case 5:
                data = b"".join([*lines[:line], lines[line], *lines[line:]])
            case 6:
                other = int(rng.integers(len(lines)))
                lines[line], lines[other] = lines[other], lines[line]
                data = b"".join(lines)
            case 7:
                old, new = (SPICE[int(i)] for i in rng.integers(len(SPICE), size=2))
                data = data.replace(old, new, 1)
            case _:
                data = data[:low] + SPICE[int(rng.integers(len(SPICE)))] + data[low:]
    return data


def packed(data: bytes, rng: np.random.Generator) -> bytes:
    """Return data as it is, or packed, whole or harmed once more."""
    kind = int(rng.integers(6))
    if kind > 1:
        return data
    data = gzip.compress(data)
    return harmed(data, rng) if kind else data


def unpacked(path: Path) -> str:
    data = path.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16", "replace")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")


def shares(line: str) -> list[float]:
    try:
        return [float(cell) for cell in line.split()]
    except ValueError:
        return []


def meme_at_its_word(text: str) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    name, rows = "", None
    for line in [*text.splitlines(), "MOTIF end"]:
        words = line.split()
        if rows is not None and len(shares(line)) == 4:
            rows.append(shares(line))
        elif words and rows:
            found[name], rows = np.array(rows), None
        if words[:1] == ["MOTIF"]:
            name, rows = (words[1:] or [""])[0], None
        elif line.strip().lower().startswith("letter-probability matrix"):
            rows = []
    return found


def jaspar_at_its_word(text: str) -> dict[str, np.ndarray]:
    found = {}
    for part in re.split(r"^\s*>", "\n".join(text.splitlines()), flags=re.MULTILINE)[1:]:
        head, *lines = part.splitlines()
        lines = [line.strip() for line in lines if line.strip()]
        letters = [line[0].upper() for line in lines]
        if sorted(letters) == list("ACGT"):
            lines = [lines[letters.index(base)] for base in "ACGT"]
        counts = np.array([shares(re.sub(r"[ACGTacgt\[\]|:]", " ", line)) for line in lines])
        found[head.split()[0] if head.split() else ""] = (counts / counts.sum(0)).T
    return found


def motif_case(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    try:
        motifs = read_motifs(path)
        scanners = [from_file(one, p_value=1e-4) for one in motifs]
    except InputError as error:
        return REFUSED if error.file == str(path) and error.reason else WRONG
    text = unpacked(path)
    is_meme = re.search(r"^\s*MEME version\b", text, re.MULTILINE)
    expected = (meme_at_its_word if is_meme else jaspar_at_its_word)(text)
    found = {one.id: one.probabilities for one in motifs}
    same = found.keys() == expected.keys() and all(
        np.array_equal(found[name].shape, shape.shape)
        and np.allclose(found[name], shape, atol=1e-12)
        for name, shape in expected.items()
    )
    finite = all(np.isfinite(one.scores).all() for one in scanners)
    return READ if same and finite else WRONG


def variant_case(path: Path, genome: Path, sequence: str, data: bytes) -> str:
    path.write_bytes(data)
    try:
        found = read_variants([path])
    except InputError as error:
        return REFUSED if error.file == str(path) and error.reason else WRONG
    lines = unpacked(path).split("\n")
    for row in found.table.itertuples(index=False):
        cells = [cell.strip(' "\r') for cell in re.split("[\t,;]", lines[row.row - 1])]
        given = {cell.upper().lstrip("0") for cell in cells}
        if {str(row.pos), row.ref or "-", row.alt or "-"} - given - {"-"}:
            return WRONG
    with open_genome(genome) as fasta:
        contigs = Contigs.of(fasta, genome)
        placed = place_variants(
            found.table, fasta, contigs, VariantWindows(window=60, shifts=(-4, 4))
        )
    if len(placed.table) + len(placed.rejects) != len(found.table):
        return WRONG
    for row in placed.table.itertuples(index=False):
        given = sequence[: row.given_pos - 1] + row.given_alt
        given += sequence[row.given_pos - 1 + len(row.given_ref) :]
        made = sequence[: row.pos - 1] + row.alt + sequence[row.pos - 1 + len(row.ref) :]
        if made != given or row.ref not in row.context:
            return WRONG
    write_rejects([*found.rejects, *placed.rejects], path.with_suffix(".rejects.tsv"))
    return READ


def bed_case(path: Path, genome: Path, data: bytes) -> str:
    path.write_bytes(data)
    with open_genome(genome) as fasta:
        contigs = Contigs.of(fasta, genome)
        try:
            frame, _ = read_bed(str(path), contigs, skip_bad_rows=True)
        except InputError as error:
            return REFUSED if error.reason else WRONG
    found = set(frame[["start", "end"]].itertuples(index=False, name=None))
    lines = [re.split(r"\s+", line.strip())[1:3] for line in unpacked(path).splitlines()]
    numbers = {tuple(cell.lstrip("0") or "0" for cell in cells) for cells in lines}
    return READ if {(str(a), str(b)) for a, b in found} <= numbers else WRONG


def region_case(genome: Path, text: str) -> str:
    with open_genome(genome) as fasta:
        contigs = Contigs.of(fasta, genome)
        try:
            region = Region.parse(text, contigs)
        except InputError as error:
            return REFUSED if error.reason else WRONG
    same = text == region.chrom or str(region) == re.sub("[,_]|(?<=[:-])0+", "", text)
    return READ if same else WRONG


def motif_files(rng: np.random.Generator) -> dict[str, bytes]:
    """Return sound files of motifs."""
    counts = rng.integers(0, 40, (3, 4, 7)) + 1
    form = "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\n"
    form += "A 0.303 C 0.183 G 0.209 T 0.305\n\n"
    long = short = ""
    for number, one in enumerate(counts):
        rows = "\n".join(" ".join(f"{x:.6f}" for x in row) for row in (one / one.sum(0)).T)
        form += (
            f"MOTIF M{number} name{number}\nletter-probability matrix: alength= 4 w= 7 nsites= "
        )
        form += f"20 E= 0\n{rows}\nURL http://x\n\n"
        lines = [" ".join(map(str, row)) for row in one]
        short += f">M{number} name\n" + "\n".join(lines) + "\n"
        long += f">M{number} name\n"
        long += "".join(f"{b}  [ {row} ]\n" for b, row in zip("ACGT", lines, strict=True))
    return {"meme": form.encode(), "jaspar": long.encode(), "pfm": short.encode()}


def variant_files(sequence: str, rng: np.random.Generator) -> dict[str, bytes]:
    """Return sound tables of variants."""
    rows = []
    for pos in np.sort(rng.integers(1, len(sequence) - 5, 12)).tolist():
        ref = sequence[pos - 1 : pos - 1 + int(rng.integers(1, 4))]
        alt = "ACGT".replace(ref[0], "")[int(rng.integers(3))] + "A" * int(rng.integers(3))
        rows.append(("chr1", str(pos), f"v{pos}", ref, alt))
    vcf = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    vcf += "".join("\t".join([*row, ".", "PASS", "AF=0.5"]) + "\n" for row in rows)
    table = "chrom\tpos\tid\tref\talt\n" + "".join("\t".join(row) + "\n" for row in rows)
    return {
        "vcf": vcf.encode(),
        "tsv": table.encode(),
        "csv": table.replace("\t", ";").encode(),
        "utf16": table.encode("utf-16"),
    }


def cases(
    rng: np.random.Generator, folder: Path, *, rounds: int = 20
) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the name and the run of each of nine cases, `rounds` times."""
    sequence = "".join(rng.choice(list("ACGT"), 900)) + "A" * 20
    genome = folder / "genome.fa"
    genome.write_text(f">chr1\n{sequence}\n>HLA:1-2\nACGT\n")
    bed = "".join(f"chr1\t{i}\t{i + 30}\tx{i}\t0\t+\n" for i in range(0, 800, 90)).encode()
    regions = ("chr1:10-200", "chr1", "HLA:1-2", "chr1:1,0-9_0", "chr1:,-,", "chr1:-5-9")
    for number in range(rounds):
        for form, data in motif_files(rng).items():
            path = folder / f"motifs-{number}.{form}"
            yield f"{form} {number}", partial(motif_case, path, packed(harmed(data, rng), rng))
        for form, data in variant_files(sequence, rng).items():
            path = folder / f"variants-{number}.{form}"
            harm = packed(harmed(data, rng), rng)
            yield f"{form} {number}", partial(variant_case, path, genome, sequence, harm)
        path = folder / f"regions-{number}.bed"
        yield f"bed {number}", partial(bed_case, path, genome, packed(harmed(bed, rng), rng))
        text = str(rng.choice(regions)).encode()
        region = harmed(text, rng).decode("utf-8", "replace")
        yield f"region {region[:40]!r}", partial(region_case, genome, region)
