"""Binding sites over both alleles, against their definition base by base."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dnasweep.errors import InputError
from dnasweep.formats.bases import encode, reverse_complement
from dnasweep.formats.motif_matrix import Motif
from dnasweep.formats.motifs import read_motifs
from dnasweep.genomics.allele_windows import Allele
from dnasweep.genomics.binding_sites import SiteScanner
from dnasweep.motifs.scanner import PSEUDOCOUNT, SITES, STEPS, from_file, pack
from variant_toys import allele, chromosome, exchanged, on_other_strand, substitutions

MEME = "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF M\nletter-probability matrix: w= 2\n"
COLUMNS = np.array(
    [
        [0.05, 0.05, 0.05, 0.85],
        [0.9, 0.02, 0.03, 0.05],
        [0.1, 0.0, 0.0, 0.9],
        [0.97, 0.01, 0.01, 0.01],
        [0.6, 0.05, 0.05, 0.3],
        [0.25, 0.05, 0.65, 0.05],
    ]
)
"""Bases A C G T."""


def meme(path: Path, columns: np.ndarray = COLUMNS, name: str = "M1 TOY") -> Path:
    rows = "\n".join("  ".join(f"{x:.6f}" for x in row) for row in columns)
    path.write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\n"
        f"A 0.25 C 0.25 G 0.25 T 0.25\n\nMOTIF {name}\nletter-probability matrix: alength= 4 w= "
        f"{len(columns)} nsites= 20 E= 0\n{rows}\n"
    )
    return path


@pytest.fixture
def motif(tmp_path: Path) -> Motif:
    (found,) = read_motifs(meme(tmp_path / "x.meme"))
    return found


def log_odds(text: str) -> float:
    mixed = (SITES * COLUMNS + PSEUDOCOUNT / 4) / (SITES + PSEUDOCOUNT)
    return float(sum(np.log2(4 * mixed[i, "ACGT".index(base)]) for i, base in enumerate(text)))


def test_a_motif_is_read_with_its_names(motif: Motif) -> None:
    assert (motif.id, motif.name, motif.probabilities.shape) == ("M1", "TOY", (6, 4))


def test_p_values_are_the_share_of_random_words_that_score_as_high(motif: Motif) -> None:
    scores = np.sort([log_odds("".join(word)) for word in itertools.product("ACGT", repeat=6)])
    scanner = from_file(motif, p_value=0.01)
    for place in (0, 1000, 2500, 3700, 4000, 4050, 4090, 4095):
        exact = np.mean(scores >= scores[place] - 1e-6)
        assert exact * 0.999 <= scanner.p_value(scores[place]) <= exact * 1.1 + 1 / 4096
    assert scanner.p_value(float("-inf")) == 1


def test_a_threshold_is_the_least_score_of_its_p_value(motif: Motif) -> None:
    scanner = from_file(motif, p_value=0.01)
    assert scanner.p_value(scanner.threshold) <= 0.01 < scanner.p_value(scanner.threshold - 0.05)
    # One k-mer in 4,096 is the least there is.
    assert from_file(motif, p_value=1e-4).threshold == np.inf
    assert np.isfinite(from_file(motif, p_value=5e-4).threshold)


def best(text: str, start: int, changed: int) -> float:
    """The best match that overlaps what changed, on either strand, one by one."""
    found = [-np.inf]
    for at in range(max(0, start - 5), min(start + changed - 1, len(text) - 6) + 1):
        word = text[at : at + 6]
        found += [log_odds(word), log_odds(reverse_complement(word))]
    return max(found)


def test_scores_of_sites_are_their_definition(motif: Motif) -> None:
    bases = chromosome()
    alleles = [
        *substitutions(bases, [0, 3, 150, 398]),
        allele(bases, 50, bases[50:53], bases[50]),
        allele(bases, 70, bases[70], bases[70] + "TATAAG"),
        # In a repeat any copy may be the one that differs.
        allele(bases, 104, "AAA", "A"),
    ]
    # A threshold that all pass, so that every score is told.
    sites = SiteScanner([motif], p_value=0.9999).sites(alleles)
    assert [site.variant for site in sites] == list(range(len(alleles)))
    for site, one in zip(sites, alleles, strict=True):
        first, last = one.span
        if len(one.ref) != len(one.alt):
            first, last = first + 1, last - 1
        more = len(one.alt) - len(one.ref)
        assert site.ref_score == pytest.approx(best(one.context, first, last - first), abs=1e-4)
        assert site.alt_score == pytest.approx(
            best(one.alternative, first, last - first + more), abs=1e-4
        )


def test_the_other_strand_of_the_genome_has_the_same_sites(motif: Motif) -> None:
    bases = chromosome()
    changes = [(at, bases[at], "C" if bases[at] != "C" else "G") for at in (0, 99, 113, 399)]
    changes += [(104, "AAA", "A"), (70, bases[70], bases[70] + "TATAAG"), (105, "A", "ATA")]
    changes += [(50, bases[50:53], bases[50]), (0, bases[:3], bases[0])]
    scanner = SiteScanner([motif], p_value=0.9999)
    there, turned = (
        scanner.sites([cut(bases, *one) for one in changes]) for cut in (allele, on_other_strand)
    )
    assert len(there) == len(changes)
    for one, other in zip(there, turned, strict=True):
        assert other[:4] == one[:4]
        np.testing.assert_allclose(other[4:], one[4:], rtol=1e-5)


def test_a_planted_site_is_gained_and_the_way_back_loses_it(motif: Motif) -> None:
    bases = "GC" * 30 + "TAGAAG" + "GC" * 30
    scanner = SiteScanner([motif], p_value=2e-3)
    (gained,) = scanner.sites([allele(bases, 62, "G", "T")])
    (lost,) = scanner.sites([exchanged(bases, 62, "G", "T")])
    assert (gained.change, lost.change) == ("gain", "loss")
    assert gained.alt_p <= 2e-3 < gained.ref_p
    assert (lost.ref_score, lost.alt_score) == (gained.alt_score, gained.ref_score)
    assert scanner.sites([allele(bases, 10, "G", "T")]) == []


def test_unknown_bases_hold_no_site(motif: Motif) -> None:
    unknown = Allele("N" * 20 + "A" + "N" * 20, 20, "A", "C", 10, 20, 10)
    assert SiteScanner([motif], p_value=0.9999).sites([unknown]) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "not a file of motifs"),
        ("MEME version 4\n\nALPHABET= ACGT\n", "contains no motif"),
        (">x\nA [ 1 ", "row 2: the motif x has 'A . 1' where counts are expected"),
        (">x\nA [ 1 ]\n", "row 1: the motif x does not have 4 rows"),
        (">x\nA [ 1 2 ]\nC [ 1 2 ]\nG [ 1 2 ]\n", "row 1: the motif x does not have 4 rows"),
        (">x y\n1 2\n1 b\n1 2\n1 2\n", "row 3: 'b' in the motif x is not a count"),
        (
            "MEME version 4\n\nALPHABET= ACDEFGHIKLMNPQRSTVWY\n",
            "row 3: the alphabet is .* not ACGT",
        ),
        (MEME + "0.9 0.9 0 0\n.25 .25 .25 .25\n", "row 7: .* add up to 1.8, not 1"),
        (MEME + ".25 .25 .25 .25\n", "the motif M has 1 columns but states w=2"),
        (MEME + ".25 .25 .25\n", "row 7: .*'.25 .25 .25' where four frequencies"),
    ],
)
def test_a_wrong_file_of_motifs_is_told(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "x.meme"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        read_motifs(path)
    assert caught.value.file == str(path)


def test_scores_and_thresholds_are_those_of_biopython(real_data: Path) -> None:
    from Bio.motifs.matrix import PositionWeightMatrix

    path = real_data / "motifs" / "core_promoter_subset.meme"
    # Read here: Biopython rounds what it reads to whole counts.
    theirs = {}
    for part in path.read_text().split("MOTIF ")[1:]:
        rows = [line.split() for line in part.splitlines()]
        theirs[part.split()[0]] = np.array([row for row in rows if len(row) == 4], float)
    ours = read_motifs(path)
    assert [one.id for one in ours] == list(theirs)
    text = chromosome(20_000, seed=3)
    even = dict.fromkeys("ACGT", 0.25)
    for given in sorted(ours, key=lambda one: len(one.probabilities))[:: len(ours) // 3]:
        motif = from_file(given, p_value=1e-4)
        mixed = (SITES * theirs[motif.id] + PSEUDOCOUNT / 4) / (SITES + PSEUDOCOUNT)
        pssm = PositionWeightMatrix(
            "ACGT", dict(zip("ACGT", mixed.T.tolist(), strict=True))
        ).log_odds(even)
        both = [np.asarray(one.calculate(text)) for one in (pssm, pssm.reverse_complement())]
        for matrix, expected in (
            (motif, np.maximum(*both)),
            (replace(motif, either_strand=False), both[0]),
        ):
            packed = matrix.score_packed(pack(text + "N" * motif.width))[: len(expected)]
            np.testing.assert_allclose(packed, expected, atol=2e-3)
            # Single and double precision are one scanner.
            double = matrix.score(encode(text)[None])[0]
            np.testing.assert_allclose(packed, double, rtol=1e-5, atol=1e-5)
        least = pssm.distribution(background=even, precision=100).threshold_fpr(1e-4)
        grain = np.ptp(np.array(motif.scores), axis=1).sum() / STEPS
        assert motif.threshold == pytest.approx(least, abs=3 * grain)
