"""Scores of words: by hand, against all cuts, and against the published ranking."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from dnasweep.config import PMI_VARIANTS, PmiConfig
from dnasweep.errors import InputError
from dnasweep.tokens.ngrams import all_kmers, count_text
from dnasweep.tokens.pmi import PmiTable, read_table, score_kmers, write_table
from pmi_toys import counts_of, published_counts, published_ranking
from scipy.stats import spearmanr

HEAD = {
    "CCTCCC": 2.10308, "GGGAGG": 2.09300, "GTGTGT": 2.04293, "CCCAGC": 2.02684,
    "GCTGGG": 2.02363, "ACACAC": 2.02045, "AAAAAA": 2.00156, "TTTTTT": 1.99325,
    "CCAGGC": 1.98369, "GCCTGG": 1.98264,
}  # fmt: skip
TAIL = {"ACGCGA": -1.16489, "TCGCGT": -1.18018, "TCGCGA": -1.35247}


def scores(counts, **settings) -> dict[str, float]:
    table = score_kmers(counts, PmiConfig(**{"min_count": 1, **settings}))
    return dict(zip(all_kmers(table.k), table.scores.tolist(), strict=True))


def test_every_variant_by_hand():
    # 8 x ACG and 4 x AAT: 12 words of 3 bases, 24 of 2, 36 bases (16 A, 8 C, 8 G, 4 T).
    counts = counts_of({"ACG": 8, "AAT": 4}, 3)
    naive = math.log(8 / 12) - math.log(16 / 36 * 8 / 36 * 8 / 36)
    # The three cuts of ACG: A|CG, AC|G and A|C|G.
    cuts = [16 / 36 * 8 / 24, 8 / 24 * 8 / 36, 16 / 36 * 8 / 36 * 8 / 36]
    least = math.log(8 / 12) - math.log(max(cuts))
    published = [16 / 72 * 8 / 72, 8 / 72 * 8 / 72, 16 / 72 * 8 / 72 * 8 / 72]
    discounted = math.log(8 / 72) - math.log(max(published))
    discounted *= math.log(8) / (math.log(8) + math.log(101))
    assert scores(counts, variant="naive")["ACG"] == pytest.approx(naive)
    assert scores(counts, variant="pmi_n")["ACG"] == pytest.approx(least)
    assert scores(counts, variant="bouma")["ACG"] == pytest.approx(naive / (-2 * math.log(8 / 12)))
    assert scores(counts, variant="published")["ACG"] == pytest.approx(discounted)
    assert math.isnan(scores(counts, variant="naive")["TTT"])
    assert math.isnan(scores(counts, variant="naive", min_count=5)["AAT"])


def test_pmi_n_is_the_least_over_all_cuts_and_naive_never_below():
    rng = np.random.default_rng(0)
    text = "".join(rng.choice(list("ACGT"), p=[0.4, 0.1, 0.2, 0.3], size=20_000))
    counts = count_text(text, 5)
    found, naive = scores(counts, variant="pmi_n"), scores(counts, variant="naive")
    logs = {
        word: math.log(count / total.sum())
        for n, total in enumerate(counts.counts, start=1)
        for word, count in zip(all_kmers(n), total.tolist(), strict=True)
        if count
    }
    for word in (w for w, score in found.items() if not math.isnan(score)):
        least = math.inf
        for cut in itertools.product((False, True), repeat=4):
            if any(cut):
                ends = [0, *(i for i, here in enumerate(cut, 1) if here), 5]
                pieces = [word[a:b] for a, b in itertools.pairwise(ends)]
                least = min(least, logs[word] - sum(logs[piece] for piece in pieces))
        assert found[word] == pytest.approx(least)
        assert found[word] <= naive[word] + 1e-12


def test_bouma_is_one_for_a_kmer_whose_bases_occur_nowhere_else():
    found = scores(count_text("ACGT" * 2000, 3), variant="bouma")
    assert found["ACG"] == pytest.approx(1, abs=1e-3)
    found = scores(count_text("ACGT" * 2000 + "AACGGT" * 2000, 3), variant="bouma")
    assert 0 < found["ACG"] < 0.8


def test_both_strands_score_a_kmer_and_its_reverse_complement_alike():
    counts = count_text("ACGGTTACAGGATTTACCGAGGA" * 3, 3)
    found = scores(counts, both_strands=True)
    assert found["AGG"] == found["CCT"]
    assert scores(counts)["AGG"] != scores(counts)["CCT"]


def test_the_published_ranking_is_reproduced(real_data):
    ranking = published_ranking(real_data)
    table = score_kmers(published_counts(ranking), PmiConfig())
    found = dict(zip(all_kmers(6), table.scores.tolist(), strict=True))
    ranks = dict(zip(all_kmers(6), table.ranks.tolist(), strict=True))
    for place, (word, score) in enumerate(HEAD.items(), start=1):
        assert (ranks[word], found[word]) == (place, pytest.approx(score, abs=1e-3))
    for place, (word, score) in enumerate(TAIL.items(), start=4094):
        assert (ranks[word], found[word]) == (place, pytest.approx(score, abs=1e-3))
    assert ranks["TATATA"] == 15
    theirs = (
        ranking.set_index("ngram")["norm_dp_true_pmi"].astype(float).loc[all_kmers(6)].to_numpy()
    )
    assert np.abs(table.scores - theirs).max() < 1e-3


@pytest.mark.parametrize(
    ("variant", "rho"), [("pmi_n", 0.888), ("bouma", 0.902), ("naive", 0.902)]
)
def test_the_variants_are_as_far_from_the_published_ranking_as_is_known(real_data, variant, rho):
    counts = published_counts(published_ranking(real_data))
    published = score_kmers(counts, PmiConfig()).scores
    other = score_kmers(counts, PmiConfig(variant=variant)).scores
    assert spearmanr(published, other).statistic == pytest.approx(rho, abs=5e-4)


def test_equal_scores_share_a_rank_and_missing_ones_the_last():
    table = PmiTable(k=1, scores=np.array([0.5, 2.0, np.nan, 2.0]))
    assert table.ranks.tolist() == [3, 1, 4, 1]
    frame = table.frame()
    assert frame["word"].tolist() == ["G", "T", "A"]
    assert frame["rank"].tolist() == [1, 1, 3]


def test_too_short_a_text_is_refused():
    with pytest.raises(InputError, match="no k-mer of 4 bases occurs 10 times in 8 bases"):
        score_kmers(count_text("ACGTACGT", 4), PmiConfig())


@pytest.mark.parametrize("variant", PMI_VARIANTS)
def test_only_settings_that_apply_are_kept(variant):
    kept = PmiConfig(variant=variant).discount == 101
    assert kept == (variant == "published")


@pytest.mark.parametrize("name", ["ranks.csv", "ranks.csv.gz", "ranks.tsv.gz", "ranks.parquet"])
def test_tables_come_back_from_files(tmp_path, name):
    counts = count_text("ACGTTGCATTAC" * 9, 3)
    table = score_kmers(counts, PmiConfig(min_count=5))
    write_table(table.frame(counts), tmp_path / name)
    back = read_table(tmp_path / name)
    assert back.k == 3
    np.testing.assert_allclose(back.scores, table.scores)


def test_rankings_from_elsewhere_are_read(tmp_path, real_data):
    ranking = published_ranking(real_data)
    table = read_table(real_data / "genemask" / "Data-A_norm-pmi-score-ranking.csv.gz")
    assert (table.k, np.isnan(table.scores).sum()) == (6, 0)
    assert table.frame()["word"].tolist() == ranking["ngram"].tolist()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"word": ["AAA", "AA"], "score": [1, 2]}, "k-mers of 2, 3 bases"),
        ({"word": ["AAA", "AAN"], "score": [1, 2]}, r"row 3.*'AAN' is not over A, C, G and T"),
        ({"word": ["AAA", "aaa"], "score": [1, 2]}, r"row 3.*occurs twice"),
        ({"word": ["AAA", "AAC"], "score": [1, "x"]}, r"row 3.*no finite score"),
        ({"kmer": ["AAA"], "pmi": [1]}, r"columns kmer, pmi"),
        ({"word": [], "score": []}, "k-mers of no bases"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, rows, message):
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "t.csv")


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and nothing else")
    (tmp_path / "t.csv.gz").write_bytes(b"not gzip")
    for name in ("t.parquet", "t.csv.gz"):
        with pytest.raises(InputError, match="cannot be read as a table of k-mers"):
            read_table(tmp_path / name)
