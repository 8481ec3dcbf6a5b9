"""Motifs as files of several tools and versions write them: shares are what the file says."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import lightmotif
import numpy as np
import pytest
from dnasweep.errors import InputError
from dnasweep.formats.motifs import read_motifs

SHARES = np.array(
    [
        [0.1, 0.2, 0.3, 0.4],
        [0.7, 0.1, 0.1, 0.1],
        [0.0, 1.0, 0.0, 0.0],
        [0.25, 0.25, 0.25, 0.25],
        [0.05, 0.05, 0.85, 0.05],
    ]
)
UNEVEN = (
    "Background letter frequencies (from uniform background):\nA 0.303 C 0.183 G 0.209 T 0.306\n"
)
STARS = "*" * 80 + "\n"
RULE = "-" * 80 + "\n"


def rows(form: str = " {:.6f} ", shares: np.ndarray = SHARES, end: str = "\n") -> str:
    return "".join(" ".join(form.format(x) for x in row) + end for row in shares)


def matrix(said: str = "alength= 4 w= 5 nsites= 20 E= 0") -> str:
    return f"letter-probability matrix: {said}\n{rows()}"


JASPAR_EXPORT = (
    "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nBackground letter frequencies\n"
    "A 0.303 C 0.183 G 0.209 T 0.306 \n\nMOTIF MA0001.1 toy\n"
    f"{matrix('alength= 4 w= 5 nsites= 97 E= 0')}URL http://jaspar.genereg.net/matrix/MA0001.1\n\n"
)
STREME = (
    'MEME version 5.5.7 (Release date: Wed)\n\nALPHABET "DNA" DNA-LIKE\n'
    'A "Adenine" CC0000 ~ T "Thymine" 008000\nC "Cytosine" 0000CC ~ G "Guanine" FFB300\n'
    'N "Any base" = ACGT\nX = ACGT\n. = ACGT\nV "Not T" = ACG\nEND ALPHABET\n\nstrands: + -\n\n'
    "Background letter frequencies\nA 0.254 C 0.246 G 0.246 T 0.254 \n\n"
    f"MOTIF MA0001.1 toy\n{matrix('alength= 4 w= 5 nsites= 120 S= 1.9e-002')}\n"
    + STARS
    + "Stopped because 3 consecutive motifs exceeded the p-value threshold.\n"
)
MEME_TEXT = (
    STARS
    + "MEME - Motif discovery tool\n"
    + STARS
    + "MEME version 5.4.1 (Release date: Sat)\n\n"
    + STARS
    + "TRAINING SET\n"
    + STARS
    + "ALPHABET= ACGT\nSequence name            Weight Length\nseq1 1.0000 100\n"
    "Letter frequencies in dataset:\nA 0.29 C 0.21 G 0.21 T 0.29\n"
    "Background letter frequencies (from file dataset with add-one prior applied):\n"
    "A 0.29 C 0.21\nG 0.21 T 0.29\nBackground model order: 0\n"
    + STARS
    + "MOTIF MA0001.1 toy\twidth =   5  sites =  20  llr = 277  E-value = 1.0e-020\n"
    + STARS
    + RULE
    + "\tMotif MA0001.1 toy Description\n"
    + RULE
    + "Simplified        A  17::1\npos.-specific     C  2:a31\n"
    + RULE
    + "\tMotif MA0001.1 toy sites sorted by position p-value\n"
    + RULE
    + "seq1   12  1.02e-05 ACGTACGTAC TACGG ACGATCG\n"
    + RULE
    + RULE
    + "\tMotif MA0001.1 toy position-specific scoring matrix\n"
    + RULE
    + "log-odds matrix: alength= 4 w= 5 n= 952 bayes= 5.5 E= 1.0e-020 \n"
    + rows("{:6.0f}", SHARES * 100 - 40)
    + RULE
    + RULE
    + "\tMotif MA0001.1 toy position-specific probability matrix\n"
    + RULE
    + matrix("alength= 4 w= 5 nsites= 20 E= 1.0e-020 ")
    + RULE
    + "\tMotif MA0001.1 toy regular expression\n"
    + RULE
    + "[TG]ACNG\n\nTime  0.35 secs.\n"
)
WRITTEN = {
    "jaspar export, uneven background": JASPAR_EXPORT,
    "even background": re.sub("A 0.303.*", "A 0.25 C 0.25 G 0.25 T 0.25", JASPAR_EXPORT),
    "slightly uneven background": re.sub(
        "A 0.303.*", "A .254 C .246 G .246 T .254", JASPAR_EXPORT
    ),
    "background over several lines": JASPAR_EXPORT.replace("C 0.183 G", "C 0.183\nG"),
    "no background, no strands": "MEME version 4.4\n\nALPHABET= ACGT\n\nMOTIF MA0001.1 toy\n"
    + matrix(),
    "jaspar2meme, log odds before the shares": (
        f"MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n{UNEVEN}\nMOTIF MA0001.1 toy\n\n"
        "log-odds matrix: alength= 4 w= 5 n= 0 bayes= 0 E= 0\n"
        + rows("{:6.0f}", SHARES * 100 - 40)
        + "\n"
        + matrix()
        + "\nURL http://jaspar.genereg.net/MA0001.1\n"
    ),
    "log odds behind the shares": (
        f"MEME version 4\n\nALPHABET= ACGT\n\n{UNEVEN}\nMOTIF MA0001.1 toy\n{matrix()}"
        "log-odds matrix: alength= 4 w= 5\n" + rows("{:6.0f}", SHARES * 100 - 40)
    ),
    "no width": JASPAR_EXPORT.replace("alength= 4 w= 5 nsites= 97 E= 0", ""),
    "no width, shares to the end": f"MEME version 4\nMOTIF MA0001.1 toy\n{matrix('')}",
    "a blank line before the matrix": JASPAR_EXPORT.replace("E= 0\n", "E= 0\n\n"),
    "blank lines between rows": JASPAR_EXPORT.replace(rows(), rows(end="\n\n")),
    "lower case": JASPAR_EXPORT.replace("ALPHABET= ACGT", "ALPHABET= acgt"),
    "a head in other case": JASPAR_EXPORT.replace("letter-probability", "letter-Probability"),
    "no spaces in the head": JASPAR_EXPORT.replace("alength= 4 w= 5 ", "alength=4 w=5 "),
    "homer converted, three decimals and tabs": JASPAR_EXPORT.replace(
        rows(), "\t".join(rows("{:.3f}").split(" "))
    ),
    "powers of ten": JASPAR_EXPORT.replace(rows(), rows("{:.7e}")),
    "windows line ends": JASPAR_EXPORT.replace("\n", "\r\n"),
    "a mark of UTF-8": "\ufeff" + JASPAR_EXPORT,
    "streme": STREME,
    "meme.txt": MEME_TEXT,
}


@pytest.mark.parametrize("tool", WRITTEN)
def test_shares_are_read_as_they_are_written(tmp_path: Path, tool: str) -> None:
    path = tmp_path / "x.meme"
    path.write_bytes(WRITTEN[tool].encode())
    (found,) = read_motifs(path)
    assert (found.id, found.name) == ("MA0001.1", "toy")
    np.testing.assert_array_equal(found.probabilities, SHARES)


def test_a_motif_of_old_meme_has_its_number_as_name(tmp_path: Path) -> None:
    path = tmp_path / "meme.txt"
    path.write_text(MEME_TEXT.replace("MOTIF MA0001.1 toy\t", "MOTIF  1\t"))
    (found,) = read_motifs(path)
    assert (found.id, found.name) == ("1", "1")


@pytest.mark.filterwarnings("ignore")
def test_a_library_reads_the_same_numbers(tmp_path: Path) -> None:
    from memelite.io import read_meme

    rng = np.random.default_rng(0)
    text = re.sub("MOTIF(.|\n)*", "", JASPAR_EXPORT)
    for number in range(40):
        shares = rng.dirichlet([0.5] * 4, rng.integers(1, 20))
        text += (
            f"MOTIF M{number} name{number}\nletter-probability matrix: alength= 4 w= {len(shares)}"
        )
        text += f" nsites= 20 E= 0\n{rows(shares=shares)}URL http://x\n\n"
    path = tmp_path / "x.meme"
    path.write_text(text)
    theirs = read_meme(str(path))
    ours = {f"{one.id} {one.name}": one.probabilities for one in read_motifs(path)}
    assert list(ours) == list(theirs)
    for name, shares in theirs.items():
        np.testing.assert_array_equal(ours[name], shares.T)


def test_a_whole_release_of_jaspar_is_read_as_libraries_read_it(
    real_data: Path, tmp_path: Path
) -> None:
    from memelite.io import read_meme

    packed = real_data / "motifs" / "JASPAR2024_CORE_vertebrates_latest.meme.gz"
    if not packed.is_file():
        pytest.skip("JASPAR2024_CORE_vertebrates_latest.meme.gz is not among the real data")
    (tmp_path / "x.meme").write_bytes(gzip.decompress(packed.read_bytes()))
    theirs = list(read_meme(str(tmp_path / "x.meme")).values())
    ours = read_motifs(packed)
    assert len(ours) == len(theirs) > 800
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.T)


COUNTS = np.array([[4, 19, 0, 16], [16, 0, 20, 0], [0, 1, 0, 3], [0, 0, 0, 1]])
LONG = ">MA0004.1 Arnt\n" + "".join(
    f"{base}  [ {'  '.join(map(str, row))} ]\n" for base, row in zip("ACGT", COUNTS, strict=True)
)
SHORT = ">MA0004.1 Arnt\n" + "".join("\t".join(map(str, row)) + "\n" for row in COUNTS)
OTHER_ORDER = "\n".join([LONG.splitlines()[i] for i in (0, 4, 2, 1, 3)]) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        SHORT,
        OTHER_ORDER,
        LONG.replace("A  [", "a[").replace("\n", "\r\n"),
        LONG.replace("[", "").replace("]", ""),
        LONG.replace("[", "|").replace("]", ""),
        LONG.replace("  1 ]", "  1.0]"),
    ],
)
def test_jaspar_counts_are_shares_of_their_columns(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.jaspar"
    path.write_text(text + ">MA0005.1\n1 0\n1 0\n1 0\n1 9\n")
    found, other = read_motifs(path)
    assert (found.id, found.name, other.name) == ("MA0004.1", "Arnt", "MA0005.1")
    np.testing.assert_allclose(found.probabilities, (COUNTS / 20).T, rtol=1e-15)
    np.testing.assert_array_equal(other.probabilities, [[0.25] * 4, [0, 0, 0, 1]])


def test_lightmotif_reads_the_same_jaspar_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jaspar"
    path.write_text(LONG)
    (theirs,) = lightmotif.load(str(path), format="jaspar16")
    odds = np.array([theirs.pwm[i] for i in range(4)])[:, [0, 1, 3, 2]]
    (ours,) = read_motifs(path)
    np.testing.assert_allclose(ours.probabilities, odds / 4, atol=1e-6)


HOMER = ">ACGT\t1-ACGT\t6.2\t-1400.5\t0\tT:17.0\n0.7\t0.1\t0.1\t0.1\n0.1\t0.7\t0.1\t0.1\n0.1\t0.1\t0.7\t0.1\n0.1\t0.1\t0.1\t0.7\n"
HOCOMOCO = ">TOY.H11MO.0.B\n10\t5\t3\t2\n1\t17\t1\t1\n1\t17\t1\t1\n2\t2\t2\t14\n"


def test_rows_of_positions_as_homer_and_hocomoco_write_them(tmp_path: Path) -> None:
    path = tmp_path / "x.motif"
    expected = [
        [0.7, 0.1, 0.1, 0.1],
        [0.1, 0.7, 0.1, 0.1],
        [0.1, 0.1, 0.7, 0.1],
        [0.1, 0.1, 0.1, 0.7],
    ]
    path.write_text(HOMER)
    (found,) = read_motifs(path)
    assert (found.id, found.name) == ("1-ACGT", "1-ACGT")
    np.testing.assert_allclose(found.probabilities, expected)
    # Four rows alone could be bases; another motif of the file shows that they are positions.
    path.write_text(">FIVE.H11MO.0.A\n" + "5\t5\t5\t5\n" * 5 + HOCOMOCO)
    found = read_motifs(path)[1]
    assert found.id == "TOY.H11MO.0.B"
    np.testing.assert_allclose(found.probabilities[1], [0.05, 0.85, 0.05, 0.05])


def test_a_jaspar_file_that_lacks_a_row_is_not_read_as_positions(tmp_path: Path) -> None:
    path = tmp_path / "x.pfm"
    path.write_text(">x\n1 8 1 1\n7 1 1 1\n1 0 1 7\n")
    with pytest.raises(InputError, match="does not have 4 rows of equally many counts"):
        read_motifs(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HOMER + ">x\n1 2\n3 4\n", "row 6: the motif x does not have rows of 4 numbers"),
        (HOCOMOCO, "row 1: .* a row for each position"),
        (SHORT.replace("19", "."), "row 2: '.' in the motif MA0004.1 is not a count"),
        (SHORT.replace("19", "-1"), "row 2: '-1' in the motif"),
        (SHORT.replace("19", "nan"), "row 2: 'nan' in the motif"),
        (SHORT.replace("19", "1_9"), "row 2: '1_9' in the motif"),
        (SHORT.replace("19", "1e999"), "row 2: '1e999' in the motif"),
        (SHORT.replace("19", "٣"), "row 2: '٣' in the motif"),
        (
            LONG.replace("T  [", "A  ["),
            "row 1: the rows of the motif MA0004.1 are called A, C, G, A",
        ),
        (LONG.replace("G  [", "["), "row 1: .* are called A, C, -, T"),
        (LONG[:-3], "row 5: .* where counts are expected"),
        (LONG[: LONG.index("T  [")], "row 1: the motif MA0004.1 does not have 4 rows"),
        (">x\n1 0\n1 0\n1 0\n1 0\n", "row 1: a column of the motif x has no counts"),
        (
            JASPAR_EXPORT.replace("w= 5", "w= five"),
            "row 11: the width of the motif MA0001.1 is 'five'",
        ),
        (JASPAR_EXPORT.replace("w= 5", "w= 4"), "row 11: .* has 5 columns but states w=4"),
        (JASPAR_EXPORT.replace("0.850000", "0.85000O"), "row 16: .* where four frequencies"),
        (JASPAR_EXPORT.replace("0.850000", "nan"), "row 16: .* where four frequencies"),
        # Six decimals do not round so far.
        (JASPAR_EXPORT.replace("0.850000", "0.840000"), "row 16: .* add up to 0.99, not 1"),
        (JASPAR_EXPORT.replace("letter-prob", "letterprob"), "row 10: .* has no matrix of letter"),
        (STREME.replace('T "Thymine"', 'U "Uracil"'), "row 3: the alphabet is 'ACGU', not ACGT"),
        (JASPAR_EXPORT.replace("= ACGT", "= ACTG"), "row 3: the alphabet is 'ACTG', not ACGT"),
        ("<?xml version='1.0'?><MEME/>", "not a file of motifs in MEME format"),
    ],
)
def test_a_file_that_could_be_misread_is_refused_with_its_row(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        read_motifs(path)
    assert caught.value.remedy


def test_damaged_files_are_refused_or_read_never_a_traceback(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "x"
    refused = 0
    for number in range(300):
        data = bytearray((MEME_TEXT, STREME, JASPAR_EXPORT, LONG, SHORT)[number % 5].encode())
        for _ in range(rng.integers(1, 4)):
            place = int(rng.integers(len(data)))
            data[place : place + int(rng.integers(0, 3))] = rng.bytes(rng.integers(0, 3))
        path.write_bytes(bytes(data))
        try:
            found = read_motifs(path)
        except InputError:
            refused += 1
        else:
            assert all(abs(one.probabilities.sum(1) - 1).max() < 0.03 for one in found)
    assert 50 < refused < 300


@pytest.mark.parametrize("place", ["~nobody-of-this-name/x.meme", ".", "missing.meme", "a" * 300])
def test_a_path_that_leads_to_no_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        read_motifs(place)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe"):
        read_motifs(tmp_path / "pipe")
