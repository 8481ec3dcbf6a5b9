"""Motif discovery: every step by hand, planted motifs found, and none where there is nothing."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from attribution_toys import planted_tables
from dnasweep.attribution.tables import EFFECTS, StoredAttributions
from dnasweep.errors import InputError
from dnasweep.formats.bases import encode_flat
from dnasweep.formats.motif_matrix import Motif
from dnasweep.formats.motifs import read_motifs
from dnasweep.motifs import discovery
from dnasweep.motifs.discovery import discover, to_meme, write_files
from dnasweep.motifs.discovery_data import MotifConfig, MotifData, load_motif_data, split_clusters
from dnasweep.motifs.enriched_kmers import (
    HighRegion,
    Member,
    align,
    high_bases,
    high_regions,
    merge,
)
from dnasweep.motifs.enrichment import enrichment
from dnasweep.motifs.hit_thresholds import convolved_threshold, kmer_scores
from dnasweep.motifs.modisco import find_modisco, hypothetical
from dnasweep.motifs.motif_tests import centres_of
from dnasweep.motifs.patterns import Pattern, matrix_of
from dnasweep.motifs.tomtom import COLUMNS, match
from dnasweep.report.motif_page import write_report

CLASSES = {"classes": ["background", "promoter"], "target": "promoter"}


def toy_job(**changes: object) -> StoredAttributions:
    """Return attributions of simulated promoters in which TATA boxes are high."""
    planted = planted_tables("char", per_species=500, species=("human",), **changes)  # type: ignore[arg-type]
    tables = planted.tables
    return StoredAttributions(tables.tokens, tables.sequences, {**tables.settings, **CLASSES})


@pytest.fixture(scope="module")
def job() -> StoredAttributions:
    return toy_job()


@pytest.fixture(scope="module")
def data(job: StoredAttributions) -> MotifData:
    return load_motif_data([job], tss_index=249)


def no_matches(names, matrices, known, *, most=5):
    return pd.DataFrame(columns=list(COLUMNS))


def test_attention_is_high_by_dnaberts_rule() -> None:
    values = np.array([[1.0, 9, 11, 30, np.nan], [1.0, 2, 3, 4, 14], [5.0, 5, 5, 5, 5]])
    # Means are 12.75, 4.8 and 5; ten times the least 10, 10 and 50.
    found = high_bases(values, signed=False)
    assert found.tolist() == [
        [False, False, False, True, False],
        [False, False, False, False, True],
        [False] * 5,
    ]
    signed = high_bases(np.array([[-9.0, 1, 1, 1, 7], [-9.0, -8, -9, -9, -5]]), signed=True)
    assert signed.tolist() == [[False] * 4 + [True], [False] * 5], "never what speaks against"


def test_regions_are_runs_long_enough() -> None:
    high = np.array([[1, 1, 1, 0, 1, 1], [0, 1, 1, 1, 1, 1], [0] * 6], bool)
    assert high_regions(high, min_length=3) == [HighRegion(0, 0, 3), HighRegion(1, 1, 6)]
    assert high_regions(high, min_length=2)[1] == HighRegion(0, 4, 6)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("TATAAA", "TATAAA", (6, 0)),
        ("TATAAA", "CTATAA", (5, -1)),
        ("TATAAA", "ATAAAG", (5, 1)),
        ("ACGTA", "GTACC", (3, 2)),
        # Shifts by 2 either way agree in 3 bases: the one to the left.
        ("ATATA", "TATAT", (4, -1)),
        ("AAAAA", "CCCCC", (0, 0)),
    ],
)
def test_alignments(first: str, second: str, expected: tuple[int, int]) -> None:
    scores, offsets = align([first], second)
    assert (scores[0], offsets[0]) == expected


def test_merging_groups_kmers_under_the_shortest() -> None:
    found = merge(["TATAAAG", "TATAA", "GGGCGG", "CTATAAA", "GGGCG"], min_length=5)
    assert found == {
        "TATAA": [Member("TATAA", 0), Member("TATAAAG", 0), Member("CTATAAA", -1)],
        "GGGCG": [Member("GGGCG", 0), Member("GGGCGG", 0)],
    }
    # As good with two groups: it joins both.
    both = merge(["AAAAA", "CCCCC", "AAAACCCC"], min_length=5)
    assert [len(members) for members in both.values()] == [2, 2]
    # Long k-mers need half of the shorter one.
    apart = merge(["AAAAACCCCCCC", "AAAAATTTTTTTT"], min_length=5)
    assert len(apart) == 2


def test_enrichment_is_the_hypergeometric_tail_adjusted() -> None:
    found = enrichment(np.array([5, 4, 3]), np.array([5, 2, 0]), 20, 10)

    def tail(x: int, n: int) -> float:
        ways = sum(math.comb(10, k) * math.comb(10, n - k) for k in range(x, n + 1))
        return ways / math.comb(20, n)

    expected = [tail(5, 5), tail(2, 4), 1.0]
    np.testing.assert_allclose(found.p_values, expected)
    np.testing.assert_allclose(found.q_values, [3 * expected[0], min(1.5 * expected[1], 1), 1.0])
    assert len(enrichment(np.array([], int), np.array([], int), 20, 10).q_values) == 0


def test_alike_sequences_stay_together_and_classes_are_shared_out() -> None:
    rng = np.random.default_rng(0)
    clusters = np.sort(rng.integers(0, 60, 200))
    clusters = np.unique(clusters, return_inverse=True)[1]
    positive = rng.random(200) < 0.4
    found = split_clusters(clusters, positive, share=0.6, seed=1)
    for cluster in np.unique(clusters):
        assert len(set(found[clusters == cluster])) == 1
    for of in (positive, ~positive):
        assert abs(found[of].mean() - 0.6) < 0.05
    assert (found != split_clusters(clusters, positive, share=0.6, seed=2)).any()


def test_thresholds_are_those_of_listing_every_kmer() -> None:
    rng = np.random.default_rng(3)
    matrix = rng.dirichlet(np.full(4, 0.5), size=6)
    scores = np.log2(4 * (matrix + 0.01) / 1.04)
    listed = np.array([sum(one) for one in itertools.product(*scores.tolist())])
    for p_value in (0.1, 0.01, 0.001):
        share = (listed >= convolved_threshold(scores, p_value)).mean()
        assert 0.8 * p_value < share < 1.2 * p_value
    assert convolved_threshold(scores, 1e-9) == float("inf")


def test_hits_are_as_rare_as_requested() -> None:
    rng, shares = np.random.default_rng(0), []
    for _ in range(20):
        counts = (
            rng.multinomial(int(rng.integers(5, 200)), rng.dirichlet([0.3] * 4), size=8) + 0.25
        )
        scores = np.log2(4 * counts / counts.sum(1, keepdims=True))
        listed = kmer_scores(tuple(map(tuple, scores)))
        shares.append((listed >= convolved_threshold(scores, 1e-3)).mean())
    assert max(shares) < 1.03e-3


def test_hits_of_few_sites_are_no_more_frequent_than_requested() -> None:
    # Equal scores of many k-mers, which are sums of differently rounded ones.
    counts = (
        np.array([[3, 1, 0, 0], [1, 3, 0, 0], [0, 0, 1, 3], [0, 2, 2, 0], [1, 1, 2, 0]]) + 0.25
    )
    scores = np.log2(4 * counts / counts.sum(1, keepdims=True))
    listed = kmer_scores(tuple(map(tuple, scores)))
    possible = [(listed >= one - 1e-9).mean() for one in np.unique(listed.round(9))]
    for p_value in (0.2, 0.1, 0.05, 0.02, 0.01, 0.005):
        share = (listed >= convolved_threshold(scores, p_value)).mean()
        assert share == max(one for one in possible if one <= p_value)


def test_a_matrix_counts_either_strand_and_its_core_is_what_tells() -> None:
    codes = np.stack([encode_flat([s]).codes for s in ("GGTATAAAAGCC", "CCGCTTTTATAG")])
    # The second has TATAAAAG on the other strand, at bases 3 to 10.
    rows, starts, reverse = np.array([0, 1]), np.array([2, 3]), np.array([False, True])
    matrix = matrix_of(codes, rows, starts, reverse, 8)
    expected = np.array([["ACGT".index(base) == i for i in range(4)] for base in "TATAAAAG"])
    np.testing.assert_allclose(matrix, (2 * expected + 0.25) / 3)
    even = np.full((20, 4), 0.25)
    even[2] = even[17] = [0.6, 0.1, 0.2, 0.1]
    even[6:10] = [0.97, 0.01, 0.01, 0.01]
    instances = {"rows": np.arange(50), "starts": np.full(50, 4), "reverse": np.arange(50) > 48}
    pattern = Pattern(name="x", matrix=even, **instances)
    # What stands apart is left out, and four columns are widened to eight.
    assert pattern.core == slice(2, 10)
    assert pattern.consensus == "AnnnAAAA"
    centres = centres_of(pattern, -100)
    assert centres[0] == 4 + 6 - 100
    # On the other strand column 6 is the last but sixth.
    assert centres[-1] == 4 + 20 - 10 + 4 - 100


def test_a_planted_motif_is_found_in_one_part_and_confirmed_in_the_other(
    data: MotifData, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(discovery, "match", no_matches)
    found = discover(data, MotifConfig(discovery_q=1), [], signed=True)
    table = found.table()
    boxes = table[table["consensus"].str.contains("TATA")]
    assert len(boxes), table[["motif", "consensus"]]
    best = boxes.sort_values("p_place").iloc[0]
    assert best["q_place"] < 1e-4
    assert -45 < best["place_first"] < best["place_last"] < -10
    for pattern in found.patterns:
        assert data.discovery[pattern.rows].all(), "nothing is tested where it was found"
        assert data.positive[pattern.rows].all()
    instances = found.instances()
    texts = data.bases.sequences.set_index("sequence_id")["sequence"]
    for _, one in instances.head(20).iterrows():
        word = texts[one["sequence_id"]][one["start"] : one["end"]]
        assert len(word) == 24
    # The files, and MEME read again.
    write_files(found, tmp_path, {"a": 1})
    again = read_motifs(tmp_path / "motifs.meme")
    assert [one.id for one in again] == [one.name for one in found.patterns]
    core = found.patterns[0].matrix[found.patterns[0].core]
    np.testing.assert_allclose(again[0].probabilities, core, atol=1e-5)
    assert len(pd.read_parquet(tmp_path / "instances.parquet")) == len(instances)
    page = write_report(
        tmp_path,
        found._replace(matches=pd.DataFrame(
            [(best["motif"], "MA0108.3", "TBP", 1e-9, 1e-7, 0, 7, "+")], columns=list(COLUMNS)
        )),
        config=MotifConfig(),
        settings=CLASSES | {"estimator": "permutation"},
        num_known=18,
        signed=True,
        command="python jobs/discover_motifs.py",
    )  # fmt: skip
    text = re.sub(r"data:[^\"]+", "", page.read_text())
    assert "TBP" in text
    assert "depend strongly on which motifs these are" in " ".join(text.split())
    assert not re.search(r"\bnan\b", text)
    assert sorted(path.name for path in tmp_path.glob("logo-*.png"))


def test_without_a_motif_none_is_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "match", no_matches)
    job = toy_job(effect=0.0)
    rng = np.random.default_rng(5)
    labels = rng.permutation(job.sequences["label"].to_numpy())
    blind = job._replace(sequences=job.sequences.assign(label=labels))
    # Everything passes the filter of k-mers, so that there is something to test.
    config = MotifConfig(min_length=3, discovery_q=1)
    found = discover(load_motif_data([blind], tss_index=249), config, [], signed=True)
    table = found.table()
    assert len(table) > 5
    assert (table["q"] < 0.05).sum() <= 0.1 * len(table)


def test_an_empty_result_has_its_page_too(
    data: MotifData, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(discovery, "match", no_matches)
    found = discover(data, MotifConfig(min_length=60), [], signed=True)
    assert not found.patterns
    write_files(found, tmp_path, {})
    page = write_report(
        tmp_path, found, config=MotifConfig(), settings=CLASSES, num_known=900, signed=False
    )
    assert "none was found" in page.read_text()


def test_what_modisco_is_given(data: MotifData) -> None:
    rows = data.rows(discovery=True, positive=True)[:3]
    given = hypothetical(data, rows, signed=True)
    np.testing.assert_allclose(given.sum(2), np.nan_to_num(data.bases.values[rows]))
    assert (np.count_nonzero(given, axis=2) <= 1).all(), "the base that is there alone"
    effects = np.random.default_rng(0).normal(size=(*data.bases.values.shape, 4))
    known = MotifData(
        bases=data.bases,
        effects=effects,
        positive=data.positive,
        discovery=data.discovery,
        num_clusters=1,
    )
    np.testing.assert_allclose(hypothetical(known, rows, signed=True).sum(2), 0, atol=1e-12)
    attention = hypothetical(data, rows, signed=False)
    np.testing.assert_allclose(attention.sum((1, 2)), 0, atol=1e-9)


def test_effects_stand_in_the_columns_of_their_bases(job: StoredAttributions) -> None:
    rng = np.random.default_rng(0)
    few = job.sequences.groupby("label").head(40)
    job = job._replace(
        sequences=few, tokens=job.tokens[job.tokens["sequence_id"].isin(few["sequence_id"])]
    )
    parts = [
        pd.DataFrame(
            {
                "sequence_id": name,
                "position": np.arange(len(text)),
                "phi": rng.normal(size=len(text)),
            }
            | {column: rng.normal(size=len(text)) for column in EFFECTS}
        )
        for name, text in zip(job.sequences["sequence_id"], job.sequences["sequence"], strict=True)
    ]
    bases = pd.concat(parts, ignore_index=True)
    found = load_motif_data([job._replace(bases=bases)], tss_index=249)
    assert found.effects is not None
    assert found.effects.shape == (*found.bases.values.shape, 4)
    own = bases[bases["sequence_id"] == found.bases.sequences["sequence_id"].iloc[7]]
    np.testing.assert_allclose(found.effects[7, : len(own), 2], own["to_G"])
    np.testing.assert_allclose(found.bases.values[7, : len(own)], own["phi"])


def test_attributions_that_do_not_serve_are_refused(job: StoredAttributions) -> None:
    def refused(said: str, *jobs: StoredAttributions) -> None:
        with pytest.raises(InputError, match=said):
            load_motif_data(list(jobs), tss_index=249)

    unknown = job.sequences.assign(label=np.int8(-1))
    refused("have no label", job._replace(sequences=unknown))
    refused("stands in the attributions twice", job, job)
    for name in ("target", "against", "reference", "tss_index"):
        refused(f"differ in {name}", job, job._replace(settings=job.settings | {name: "other"}))
    few = job.sequences[job.sequences["label"] == 0]
    few = pd.concat([few, job.sequences[job.sequences["label"] == 1].head(12)])
    tokens = job.tokens[job.tokens["sequence_id"].isin(few["sequence_id"])]
    refused("at least 10 are needed", job._replace(sequences=few, tokens=tokens))


@pytest.mark.parametrize(
    ("old", "new", "row", "said"),
    [
        ("0.1 0.2 0.3 0.4", "0.1 0.2 0.7", 9, "four frequencies"),
        ("0.1 0.2 0.3 0.4", "0.1 0.2 0.3 x", 9, "four frequencies"),
        ("0.1 0.2 0.3 0.4", "0.1 0.2 0.3 0.9", 9, "add up to 1.5"),
        ("0.1 0.2 0.3 0.4\n", "", 8, "1 columns but states w=2"),
        ("MOTIF M2 second", "MOTIF M1 second", 11, "second motif M1"),
        ("letter-probability matrix: alength= 4 w= 1", "nothing", 11, "M2 has no matrix"),
        ("ALPHABET= ACGT", "ALPHABET= ACGU", 3, "alphabet"),
    ],
)
def test_a_wrong_meme_file_names_its_row(
    tmp_path: Path, old: str, new: str, row: int, said: str
) -> None:
    good = (
        "MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\nMOTIF M1 first\n"
        "letter-probability matrix: alength= 4 w= 2\n0.1 0.2 0.3 0.4\n0.25 0.25 0.25 0.25\n"
        "MOTIF M2 second\nletter-probability matrix: alength= 4 w= 1\n0.1 0.2 0.3 0.40\n"
    )
    path = tmp_path / "motifs.meme"
    path.write_text(good)
    first, second = read_motifs(path)
    assert (first.id, first.name, second.probabilities.tolist()) == (
        "M1",
        "first",
        [pytest.approx([0.1, 0.2, 0.3, 0.4])],
    )
    np.testing.assert_allclose(first.probabilities[0], [0.1, 0.2, 0.3, 0.4], atol=1e-6)
    path.write_text(good.replace(old, new, 1))
    with pytest.raises(InputError, match=said) as caught:
        read_motifs(path)
    assert f"row {row}" in str(caught.value)


def test_meme_text_says_how_many_sites() -> None:
    pattern = Pattern(
        name="p",
        rows=np.arange(5),
        starts=np.zeros(5, int),
        reverse=np.zeros(5, bool),
        matrix=np.full((8, 4), 0.25),
    )
    assert "alength= 4 w= 8 nsites= 5 E= 0" in to_meme([pattern])


@pytest.mark.slow  # memelite compiles for minutes the first time
@pytest.mark.timeout(900)
def test_tomtom_knows_a_motif_on_either_strand() -> None:
    rng = np.random.default_rng(0)
    known = [
        Motif(f"M{i}", f"name{i}", rng.dirichlet(np.full(4, 0.3), size=int(rng.integers(6, 14))))
        for i in range(60)
    ]
    chance = rng.dirichlet(np.full(4, 0.3), size=9)
    own = known[7].probabilities
    inner = own[2:-1, :]
    queries = {
        "same": own, "turned": own[::-1, ::-1], "chance": chance,
        "inner": inner, "inner turned": inner[::-1, ::-1],
    }  # fmt: skip
    found = match(list(queries), list(queries.values()), known, most=2)
    best = found.drop_duplicates("motif").set_index("motif")
    assert best.loc["same", "match"] == best.loc["turned", "match"] == "M7"
    assert (best.loc["same", "strand"], best.loc["turned", "strand"]) == ("+", "-")
    assert best["offset"][["same", "turned", "inner", "inner turned"]].tolist() == [0, 0, -2, -1]
    assert best["overlap"][["same", "inner"]].tolist() == [len(own), len(inner)]
    assert best.loc["same", "q"] < 1e-4
    assert best.loc["chance", "q"] > 0.05
    assert (found["q"] >= found["p"]).all()
    assert match([], [], known).empty


@pytest.mark.slow  # so does modisco-lite
@pytest.mark.timeout(1200)
def test_modisco_finds_a_planted_motif() -> None:
    pytest.importorskip("modiscolite")
    rng = np.random.default_rng(1)
    letters = rng.choice(list("ACGT"), size=(260, 120))
    labels = np.arange(260) % 2
    values = rng.normal(0, 0.05, size=letters.shape)
    for row in np.flatnonzero(labels):
        start = int(rng.integers(20, 90))
        letters[row, start : start + 10] = list("GCTATAAAAG")
        values[row, start : start + 10] += 1
    texts = ["".join(row) for row in letters]
    ids = [f"s{i}" for i in range(260)]
    tokens = pd.DataFrame(
        {
            "sequence_id": np.repeat(ids, 120),
            "token": letters.ravel(),
            "start": np.tile(np.arange(120), 260),
            "end": np.tile(np.arange(1, 121), 260),
            "phi": values.ravel(),
        }
    )
    sequences = pd.DataFrame(
        {
            "sequence_id": ids,
            "species": "",
            "label": labels,
            "sequence": texts,
            "probability": 0.5,
            "called": labels == 1,
        }
    )
    data = load_motif_data([StoredAttributions(tokens, sequences, dict(CLASSES))], tss_index=60)
    found = find_modisco(data, MotifConfig(method="modisco"), signed=True)
    assert found
    assert "CTATAAAAG" in found[0].consensus or "CTTTTATAG" in found[0].consensus
    assert data.discovery[found[0].rows].all()
