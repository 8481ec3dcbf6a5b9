"""Each generator against its definition."""

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.negatives import (
    NEGATIVE_KINDS,
    dinucleotide_shuffle,
    generate_negatives,
    segment_shuffle,
    substitute_segments,
)
from dnasweep.data.table import check_table, make_table
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode, reverse_complement


def _random(window: int, seed: int) -> str:
    return decode(np.random.default_rng(seed).integers(0, 4, window).astype(np.uint8))


def _segments(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text) // size * size, size)]


@pytest.mark.parametrize("window", [600, 601])
def test_segment_shuffle_leaves_17_of_25_and_the_rest(window):
    promoter = _random(window, 0)
    touched = Counter()
    for seed in range(200):
        made = segment_shuffle(promoter, np.random.default_rng(seed))
        assert len(made) == window
        assert Counter(made) == Counter(promoter)
        assert made[600:] == promoter[600:]
        old, new = _segments(promoter, 24), _segments(made, 24)
        changed = [i for i in range(25) if old[i] != new[i]]
        assert len(changed) == 8
        # What is in a changed place is one of the chosen segments, shuffled within.
        assert sorted("".join(sorted(old[i])) for i in changed) == sorted(
            "".join(sorted(new[i])) for i in changed
        )
        touched.update(changed)
    # The published notebook shuffled segments 0 to 7 in every negative; all must be chosen alike.
    assert set(touched) == set(range(25))
    assert min(touched.values()) > 200 * 8 / 25 * 0.6


def test_segment_shuffle_moves_segments_between_places():
    promoter = "".join(letter * 24 for letter in "ACGTACGTACGTACGTACGTACGTA")
    moved = sum(segment_shuffle(promoter, np.random.default_rng(s)) != promoter for s in range(20))
    assert moved == 20


@pytest.mark.parametrize("window", [5, 24, 70, 300, 1000])
def test_segment_shuffle_of_other_windows_keeps_bases(window):
    promoter = _random(window, 1)
    made = segment_shuffle(promoter, np.random.default_rng(0))
    assert Counter(made) == Counter(promoter)
    if window >= 70:
        size = min(24, window // 25)
        same = sum(
            a == b for a, b in zip(_segments(promoter, size), _segments(made, size), strict=True)
        )
        assert 0.6 < same / (window // size) < 0.95


def test_substitution_keeps_8_of_20_pieces():
    promoter = "N" * 307  # no letter drawn is N, so what was replaced shows
    for seed in range(50):
        made = substitute_segments(promoter, np.random.default_rng(seed))
        pieces = _segments(made[:300], 15)
        assert len(pieces) == 20
        assert sum(p == "N" * 15 for p in pieces) == 8
        assert sum(set(p) <= set("ACGT") for p in pieces) == 12
        assert made[300:] == "N" * 7
    letters = Counter("".join(substitute_segments("N" * 3000, np.random.default_rng(9))))
    assert all(abs(letters[base] / 1800 - 0.25) < 0.04 for base in "ACGT")
    with pytest.raises(InputError, match="20 pieces"):
        substitute_segments("ACGT", np.random.default_rng(0))


def _pairs(text: str) -> Counter:
    return Counter(pairwise(text))


@pytest.mark.parametrize("text", ["A", "AC", "AAAA", "ACGTACGGTNNACGT", "ACACACAC", "AACCGGTT"])
def test_dinucleotide_shuffle_keeps_dinucleotides_and_ends(text):
    for seed in range(30):
        made = dinucleotide_shuffle(text, np.random.default_rng(seed))
        assert (made[0], made[-1], len(made)) == (text[0], text[-1], len(text))
        assert _pairs(made) == _pairs(text)


def test_dinucleotide_shuffle_of_a_window_changes_most_of_it():
    promoter = _random(601, 2)
    made = dinucleotide_shuffle(promoter, np.random.default_rng(0))
    assert _pairs(made) == _pairs(promoter)
    assert sum(a != b for a, b in zip(made, promoter, strict=True)) > 300


def test_dinucleotide_shuffle_is_uniform():
    # The Eulerian walks of this text, each as likely as any other.
    text = "ABACABCA".translate(str.maketrans("ABC", "ACG"))
    draws = Counter(dinucleotide_shuffle(text, np.random.default_rng(s)) for s in range(6000))
    walks = {"".join(p) for p in set(permutations(text[1:-1]))}
    walks = {
        text[0] + w + text[-1] for w in walks if _pairs(text[0] + w + text[-1]) == _pairs(text)
    }
    assert set(draws) == walks
    assert len(walks) > 2
    expected = 6000 / len(walks)
    assert sum((draws[w] - expected) ** 2 / expected for w in walks) < 3 * len(walks) + 10


@pytest.fixture
def genome(tmp_path):
    """Two chromosomes with a gap of N, the second rich in G and C to its end."""
    rng = np.random.default_rng(3)
    one = rng.choice(list("ACGT"), 60_000)
    one[20_000:25_000] = "N"
    two = rng.choice(list("ACGT"), 40_000, p=[0.3, 0.2, 0.2, 0.3])
    two[20_000:] = rng.choice(list("ACGT"), 20_000, p=[0.15, 0.35, 0.35, 0.15])
    path = tmp_path / "genome.fa"
    text = {"chr1": "".join(one), "chr2": "".join(two)}
    path.write_text("".join(f">{name}\n{seq}\n" for name, seq in text.items()))
    return path, text


def _promoters(text: dict[str, str], num: int = 20, window: int = 201) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = []
    for i in range(num):
        chrom = ("chr1", "chr2")[i % 2]
        strand = "+-"[i % 3 == 0]
        tss = int(rng.integers(1000, len(text[chrom]) - 1000))
        start = tss - 100
        letters = text[chrom][start : start + window]
        rows.append(
            {
                "id": f"p{i}",
                "sequence": letters if strand == "+" else reverse_complement(letters),
                "label": 1,
                "species": "human",
                "chrom": chrom,
                "start": start,
                "end": start + window,
                "strand": strand,
            }
        )
    return make_table(pd.DataFrame(rows))


@pytest.mark.parametrize("kind", ["random-region", "gc-matched"])
def test_regions_keep_their_distance_and_read_as_their_strand(genome, kind):
    path, text = genome
    promoters = _promoters(text)
    made = generate_negatives(promoters, kind, genome=path, distance=500, seed=1)
    table = check_table(made.table)
    assert (made.parents == -1).all()
    assert len(table) == len(promoters)
    assert (table["label"] == 0).all()
    assert (table["chrom"] == promoters["chrom"]).all()
    assert (table["strand"] == promoters["strand"]).all()
    assert not table["sequence"].str.contains("N").any()
    for row in table.itertuples():
        letters = text[row.chrom][row.start : row.end]
        assert row.sequence == (letters if row.strand == "+" else reverse_complement(letters))
    assert _least_between(table, promoters) >= 500
    for _, part in table.sort_values("start").groupby("chrom"):
        assert (part["start"].to_numpy()[1:] >= part["end"].to_numpy()[:-1]).all()
    again = generate_negatives(promoters, kind, genome=path, distance=500, seed=1)
    pd.testing.assert_frame_equal(table, again.table)


def _least_between(regions: pd.DataFrame, rows: pd.DataFrame) -> int:
    """Return the fewest bases between a region and a row of its chromosome, below 0 where they share any."""
    found = [
        max(row.start - region.end, region.start - row.end)
        for region in regions.itertuples()
        for row in rows.itertuples()
        if row.chrom == region.chrom
    ]
    return min(found)


@pytest.mark.parametrize(
    ("start", "distance", "only"),
    [
        (800, 699, 0),  # bases 0 to 100 are 699 from base 800
        (100, 699, 900),  # bases 900 to 1000, 699 behind base 200
        (101, 0, 0),  # next to the interval, and 0 to 100 is all that is free before it
    ],
)
def test_the_distance_is_exact(tmp_path, start, distance, only):
    # Room for exactly one region of 101 bases; one more base of distance and there is none.
    path = tmp_path / "small.fa"
    size = 1001 if distance else 202
    path.write_text(f">c\n{_random(size, 5)}\n")
    promoters = make_table(
        {"sequence": ["A" * 101], "chrom": "c", "start": start, "end": start + 101, "label": 1}
    )
    given = {"kind": "random-region", "genome": path}
    made = generate_negatives(promoters, distance=distance, **given)
    assert made.table["start"].tolist() == [only]
    with pytest.raises(InputError, match="no room"):
        generate_negatives(promoters, distance=distance + 1, **given)


@pytest.mark.parametrize("kind", ["random-region", "gc-matched"])
def test_no_base_lies_in_a_wide_positive_or_in_a_row_of_another_class(genome, kind):
    path, text = genome
    rng = np.random.default_rng(8)
    starts = np.arange(500, 36_000, 12_000)
    peaks = pd.concat(
        [
            pd.DataFrame(
                {
                    "sequence": [text[chrom][s : s + 4000] for s in starts],
                    "chrom": chrom,
                    "start": starts,
                    "end": starts + 4000,
                    "label": 1,
                }
            )
            for chrom in ("chr1", "chr2")
        ]
    )
    peaks = make_table(peaks.assign(strand=rng.choice(["+", "-", ""], len(peaks))))
    # Three rows of another class, one of them without a place, one named as Ensembl does.
    others = make_table({"sequence": ["ACGT"] * 3, "label": 2, "chrom": ["1", "chr2", ""]})
    others = others.assign(start=[30_000, 8_000, None], end=[34_000, 8_200, None])
    others = others.astype({"start": "Int64", "end": "Int64"})
    occupied = pd.concat([peaks, others], ignore_index=True)
    for seed in range(10):
        made = generate_negatives(
            peaks, kind, genome=path, occupied=occupied, distance=0, seed=seed
        )
        assert _least_between(made.table, peaks) >= 0
        assert _least_between(made.table, others.iloc[:2].replace({"chrom": {"1": "chr1"}})) >= 0


def test_where_there_is_no_room_the_usual_distance_is_lowered_and_said_and_one_asked_for_refused(
    tmp_path,
):
    path = tmp_path / "small.fa"
    path.write_text(f">c\n{_random(3000, 5)}\n")
    starts = np.array([400, 1400, 2400])
    promoters = make_table(
        {"sequence": ["A" * 300] * 3, "chrom": "c", "start": starts, "end": starts + 300}
    )
    made = generate_negatives(promoters, "random-region", genome=path)
    assert _least_between(made.table, promoters) >= 75
    assert [note.code for note in made.notes] == ["near-negatives"]
    assert "they keep 75" in made.notes[0].message
    with pytest.raises(
        InputError, match=r"dinucleotide-shuffle.*--negative-distance 75\."
    ) as caught:
        generate_negatives(promoters, "random-region", genome=path, distance=600)
    remedy = int(str(caught.value).split("--negative-distance ")[1].rstrip("."))
    again = generate_negatives(promoters, "random-region", genome=path, distance=remedy)
    assert again.notes == ()
    assert generate_negatives(promoters, "dinucleotide-shuffle", distance=600).notes == ()
    full = promoters.assign(start=0, end=3000)
    with pytest.raises(InputError, match=r"regions 0 bases from .* which needs no room\.$"):
        generate_negatives(full, "random-region", genome=path)


def test_random_regions_are_spread_evenly(genome):
    path, text = genome
    promoters = _promoters(text, num=2)
    starts = [
        generate_negatives(promoters, "random-region", genome=path, seed=s).table["start"][0]
        for s in range(150)
    ]
    counts = np.histogram(np.array(starts, dtype=float), bins=6, range=(0, 60_000))[0]
    assert counts.min() > 5  # the third bin is half N


def test_gc_matched_regions_have_the_gc_of_the_promoters(genome):
    path, text = genome
    promoters = _promoters(text, num=40)
    gc = {}
    for kind in ("random-region", "gc-matched"):
        made = generate_negatives(promoters, kind, genome=path, distance=300, seed=2).table
        gc[kind] = (
            made["sequence"].str.count("[GC]") - promoters["sequence"].str.count("[GC]")
        ) / 201
    assert gc["gc-matched"].abs().mean() < 0.02
    assert gc["gc-matched"].abs().mean() < gc["random-region"].abs().mean() / 2


@pytest.mark.parametrize("kind", ["segment-shuffle", "substitution", "dinucleotide-shuffle"])
def test_made_from_sequences_each_row_by_itself(kind):
    promoters = make_table({"sequence": [_random(300, s) for s in range(6)], "split": "train"})
    one = generate_negatives(promoters, kind, seed=1)
    check_table(one.table)
    assert one.table["label"].eq(0).all()
    assert one.table["split"].eq("train").all()
    assert one.parents.tolist() == list(range(6))
    assert not set(one.table["sequence"]) & set(promoters["sequence"])
    part = generate_negatives(promoters.iloc[[4, 2]], kind, seed=1).table
    assert part["sequence"].tolist() == one.table["sequence"].iloc[[4, 2]].tolist()
    other = generate_negatives(promoters, kind, seed=2).table
    assert not (other["sequence"] == one.table["sequence"]).any()


def test_what_cannot_be_made_is_refused(genome):
    path, text = genome
    promoters = _promoters(text, num=2)
    for bad, match in (
        ({"kind": "nothing"}, "not known"),
        ({"kind": "random-region"}, "--genome"),
        ({"kind": "gc-matched", "genome": "absent.fa"}, "no such file"),
    ):
        with pytest.raises(InputError, match=match):
            generate_negatives(promoters, **bad)
    with pytest.raises(InputError, match="no promoter"):
        generate_negatives(promoters.iloc[:0], "segment-shuffle")
    with pytest.raises(InputError, match="no coordinates"):
        generate_negatives(make_table({"sequence": ["ACGT"]}), "random-region", genome=path)
    with pytest.raises(InputError, match="not in the genome"):
        generate_negatives(promoters.assign(chrom="chr9"), "random-region", genome=path)
    assert len(NEGATIVE_KINDS) == 5
