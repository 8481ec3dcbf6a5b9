"""Variants cut out and written in their one form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam.bcftools
import pytest
from dnasweep.formats.bases import reverse_complement
from dnasweep.genomics.allele_windows import Allele, flanks, normalise, pairs, trimmed
from dnasweep.genomics.variant_settings import VariantConfig, VariantWindows
from variant_toys import (
    allele,
    chromosome,
    exchanged,
    on_other_strand,
    write_genome,
    write_vcf,
)

BASES = chromosome()


def normal(start: int, ref: str, alt: str, bases: str = BASES) -> tuple[int, str, str]:
    return normalise(lambda a, b: bases[a:b], start, ref, alt)


def test_an_indel_moves_left_through_its_repeat() -> None:
    bases = "GCATTTTTG"
    assert normal(6, "TT", "T", bases) == (2, "AT", "A")
    assert normal(7, "TG", "TTG", bases) == (2, "A", "AT")
    # A deletion written without the base before it, as some tables have it.
    assert normal(7, "T", "", bases) == (2, "AT", "A")


def test_a_deletion_of_the_first_base_takes_the_base_behind() -> None:
    assert normal(0, "G", "", "GCAT") == (0, "GC", "C")


def test_common_bases_at_both_ends_are_left_out() -> None:
    assert normal(2, "ATTT", "ATCT", "GCATTTTTG") == (4, "T", "C")


def test_normal_forms_are_those_of_bcftools(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lines, ours = [], []
    for start in np.sort(rng.integers(1, 380, 150)).tolist():
        size = int(rng.integers(1, 5))
        ref = BASES[start : start + size]
        alt = "".join(rng.choice(list("AACGT"), int(rng.integers(1, 5))))
        if rng.random() < 0.5:
            alt = ref[0] + alt[: int(rng.integers(0, 3))]
        if ref == alt:
            continue
        lines.append(f"chr1 {start + 1} v{len(ours)} {ref} {alt} . . .")
        at, *alleles = normal(start, ref, alt)
        ours.append((f"v{len(ours)}", str(at + 1), *alleles))
    genome = write_genome(tmp_path / "g.fa", chr1=BASES)
    vcf = write_vcf(tmp_path / "x.vcf", lines)
    done = pysam.bcftools.norm("-f", str(genome), str(vcf))
    cells = [line.split("\t") for line in done.splitlines() if line[0] != "#"]
    theirs = {cell[2]: tuple(cell[1:5]) for cell in cells}
    assert len(theirs) == len(ours) > 100
    assert [theirs[name] for name, *_ in ours] == [
        (pos, name, ref, alt) for name, pos, ref, alt in ours
    ]


def test_windows_begin_as_many_bases_before_a_variant_whatever_the_alleles() -> None:
    one = Allele("ACGTACGTAC", 4, "A", "AGG", 3, 5, 3)
    assert pairs(one, window=6) == [("CGTACG", "CGTAGG")]
    assert pairs(one, window=6, shifts=(1,))[1:] == [("GTACGT", "GTAGGC")]


@pytest.mark.parametrize("start", [0, 3, 200, 396, 399])
@pytest.mark.parametrize("change", [("", ""), ("", "GATT"), ("XXX", "")])
def test_windows_are_whole_at_the_ends_of_a_chromosome(
    start: int, change: tuple[str, str]
) -> None:
    start = min(start, 400 - 1 - len(change[0]))
    ref = BASES[start : start + 1 + len(change[0])]
    alt = {"A": "C"}.get(ref[0], "A") if change == ("", "") else ref[0] + change[1]
    there = allele(BASES, start, ref, alt)
    found = pairs(there, window=61, shifts=(-4, 4))
    mutated = BASES[:start] + alt + BASES[start + len(ref) :]
    for pair in found:
        assert len(pair.ref) == len(pair.alt) == 61
        assert pair.ref in BASES
        assert pair.alt in mutated
        assert pair.ref != pair.alt


def test_a_short_chromosome_is_taken_whole() -> None:
    bases = BASES[:40]
    (pair,) = pairs(allele(bases, 20, bases[20:23], bases[20]), window=61)
    assert pair == (bases, bases[:21] + bases[23:])


@pytest.mark.parametrize(
    ("start", "ref_bases", "alt"), [(50, 1, "T"), (5, 3, "G"), (398, 1, "CAT"), (101, 3, "A")]
)
def test_exchanged_alleles_have_the_same_windows_exchanged(
    start: int, ref_bases: int, alt: str
) -> None:
    ref = BASES[start : start + ref_bases]
    alt = alt if alt != ref else "G"
    there = pairs(allele(BASES, start, ref, alt), window=61, shifts=(-4, 4))
    back = pairs(exchanged(BASES, start, ref, alt), window=61, shifts=(-4, 4))
    assert [pair[::-1] for pair in back] == there


def test_what_differs_may_be_nothing_on_one_side() -> None:
    assert trimmed("CAG", "C") == (1, "AG", "")
    assert trimmed("A", "G") == (0, "A", "G")


def test_a_context_reaches_no_farther_than_its_windows() -> None:
    windows = VariantWindows(window=61, shifts=(-4, 4))
    one = flanks(lambda a, b: BASES[a:b], 400, 200, BASES[200], "N", windows)
    assert one.offset == 34
    assert len(one.context) == 61 + 8


def test_a_strand_is_read_as_if_the_genome_were_given_as_it() -> None:
    rng = np.random.default_rng(5)
    moved = 0
    for number in range(400):
        bases = "".join(rng.choice(list("AACG"), int(rng.integers(20, 120))))
        start = int(rng.integers(len(bases)))
        ref = bases[start : start + int(rng.integers(1, 5))]
        alt = "".join(rng.choice(list("ACGT"), int(rng.integers(1, 5))))
        if number % 3 == 0:
            # Repeats, in which an indel can be written in several places.
            alt = ref + ref if number % 2 else ref[0]
        if ref == alt:
            continue
        config = VariantConfig(window=int(rng.integers(20, 40)), shifts=(-4, 7))
        there = allele(bases, start, ref, alt, config)
        turned = on_other_strand(bases, start, ref, alt, config)
        assert there.reverse_complement() == turned
        assert turned.reverse_complement() == there
        moved += there.span[1] - there.span[0] > max(map(len, (there.ref, there.alt)))
        mutated = bases[:start] + alt + bases[start + len(ref) :]
        for pair in pairs(turned, window=config.window, shifts=config.shifts):
            assert pair.ref in reverse_complement(bases)
            assert pair.alt in reverse_complement(mutated)
    assert moved > 20


@pytest.mark.parametrize("window", [60, 61])
def test_a_window_begins_as_many_bases_before_a_base_on_either_strand(window: int) -> None:
    windows = VariantWindows(window=window)
    one = flanks(lambda a, b: BASES[a:b], 400, 200, BASES[200], "N", windows)
    (there,), (turned,) = (pairs(x, window=window) for x in (one, one.reverse_complement()))
    assert there.ref == BASES[170 : 170 + window]
    assert turned.ref == reverse_complement(BASES[231 - window : 231])
    assert (there.alt[30], turned.alt[30]) == ("N", "N")
