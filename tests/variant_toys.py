"""A genome and variants on it, for the tests of variant scores."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import psutil
from dnasweep.formats.bases import reverse_complement
from dnasweep.genomics.allele_windows import Allele, flanks, normalise
from dnasweep.genomics.variant_settings import VariantConfig
from shap_toys import write_model

ROOT = Path(__file__).resolve().parents[1]
WINDOW = 61
CONFIG = VariantConfig(window=WINDOW, shifts=(-4, 4), target="promoter", backgrounds=5)


def chromosome(num: int = 400, *, seed: int = 0) -> str:
    """Return random bases, with a run of A that indels can be moved along."""
    letters = np.random.default_rng(seed).choice(list("ACGT"), num)
    letters[100:112] = "A"
    return "".join(letters)


def write_genome(path: Path, **sequences: str) -> Path:
    """Write a FASTA of named records."""
    text = ""
    for name, bases in sequences.items():
        lines = [bases[i : i + 60] for i in range(0, len(bases), 60)]
        text += f">{name}\n" + "\n".join(lines) + "\n"
    path.write_text(text)
    return path


def write_vcf(path: Path, lines: Sequence[str], *, contigs: Sequence[str] = ("chr1",)) -> Path:
    """Write a VCF of lines whose cells are parted by spaces."""
    head = ["##fileformat=VCFv4.2", *(f"##contig=<ID={name}>" for name in contigs)]
    head += ['##INFO=<ID=AF,Number=A,Type=Float,Description="frequency">']
    head += ["\t".join("#CHROM POS ID REF ALT QUAL FILTER INFO".split())]
    path.write_text("\n".join([*head, *("\t".join(line.split()) for line in lines)]) + "\n")
    return path


def allele(bases: str, start: int, ref: str, alt: str, config: VariantConfig = CONFIG) -> Allele:
    """Return a variant of a chromosome, `start` from 0, as a job cuts it out."""
    assert bases[start : start + len(ref)] == ref
    start, ref, alt = normalise(lambda a, b: bases[a:b], start, ref, alt)
    return flanks(lambda a, b: bases[a:b], len(bases), start, ref, alt, config)


def substitutions(
    bases: str, starts: Sequence[int], config: VariantConfig = CONFIG
) -> list[Allele]:
    """Return a substitution at each start, every base of every chromosome end included."""
    turn = dict(zip("ACGT", "CGTA", strict=True))
    return [allele(bases, at, bases[at], turn[bases[at]], config) for at in starts]


def exchanged(bases: str, start: int, ref: str, alt: str) -> Allele:
    """Return the way back: REF and ALT exchanged, on the chromosome that has ALT."""
    other = bases[:start] + alt + bases[start + len(ref) :]
    return allele(other, start, alt, ref)


def on_other_strand(
    bases: str, start: int, ref: str, alt: str, config: VariantConfig = CONFIG
) -> Allele:
    """Return the same variant on the reverse complement of its chromosome."""
    turned = reverse_complement(bases)
    at = len(bases) - start - len(ref)
    return allele(turned, at, reverse_complement(ref), reverse_complement(alt), config)


def write_inputs(folder: Path, num: int) -> None:
    """Write a model, a genome, and a VCF of `num` substitutions and one with a wrong REF."""
    bases = chromosome(3000)
    write_model(folder / "model")
    write_genome(folder / "g.fa", chr1=bases)
    turn = dict(zip("ACGT", "CGTA", strict=True))
    lines = [f"chr1 {i + 20} v{i} {bases[i + 19]} {turn[bases[i + 19]]} . . ." for i in range(num)]
    write_vcf(folder / "x.vcf", [*lines, f"chr1 2999 bad {turn[bases[2998]]} {bases[2998]} . . ."])


def start(folder: Path, storage: Path, *more: str) -> subprocess.Popen[str]:
    """Start the job on what :func:`write_inputs` has written."""
    data = ("--data", str(folder / "x.vcf"), "--window", "61")
    return start_job("jobs/score_variants.py", folder, storage, *data, *more)


def start_job(script: str, folder: Path, storage: Path, *more: str) -> subprocess.Popen[str]:
    """Start a job on the model and the genome of a folder."""
    return subprocess.Popen(
        [
            *(sys.executable, script, "--model", str(folder / "model")),
            *("--genome", str(folder / "g.fa"), "--storage", str(storage), *more),
        ],
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "150"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a job and all it has started, as a machine that goes down does."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def wait_until(process: subprocess.Popen[str], done: Callable[[], bool]) -> None:
    """Wait until a running job has come as far."""
    deadline = time.monotonic() + 400
    while not done():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def finish(process: subprocess.Popen[str], *, code: int = 0) -> str:
    """Wait for a job and return what it said."""
    output, _ = process.communicate(timeout=800)
    assert process.returncode == code, output
    assert "Traceback" not in output, output
    return output
