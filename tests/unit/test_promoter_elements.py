"""The account of TATA boxes finds what was planted, and nothing where nothing was."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from attribution_toys import ToyAttributions, planted_tables, shuffled, toy_tables
from dnasweep.attribution.positions import per_base
from dnasweep.attribution.summaries import rank_tokens, token_table
from dnasweep.data.simulate import simulate
from dnasweep.formats.bases import encode, encode_flat, reverse_complement
from dnasweep.motifs import element_hits
from dnasweep.motifs.element_enrichment import ElementEnrichmentConfig, enrichment_of_elements
from dnasweep.motifs.element_hits import ElementSite, find_element_hits, ranks, window_sums
from dnasweep.motifs.permutation_tests import (
    compare_same_position,
    p_at_least,
    p_two_sided,
    pooled_odds_ratio,
)
from dnasweep.motifs.promoter_elements import (
    HIT_PROBABILITY,
    core_promoter_sites,
    naive_tata,
    tata_matrix,
    tata_sites,
)
from dnasweep.motifs.scanner import best_hits, from_consensus, from_counts, kmer_codes
from scipy import stats

FAST = ElementEnrichmentConfig(permutations=999)


def codes_of(*sequences: str) -> np.ndarray:
    return np.stack([encode(sequence) for sequence in sequences])


def pick(tests: pd.DataFrame, **values: object) -> pd.Series:
    for name, value in values.items():
        tests = tests[tests[name] == value]
    assert len(tests) == 1
    return tests.iloc[0]


def test_the_matrix_lets_sixteen_words_through() -> None:
    matrix = tata_matrix()
    every = ["".join(letters) for letters in itertools.product("ACGT", repeat=7)]
    hits = {
        word for word, hit in zip(every, matrix.hits(codes_of(*every))[:, 0], strict=True) if hit
    }
    assert hits == set(
        "TATAAAA TATAAAT TATATAA TATATAT TATAAAG CATAAAA TTTAAAA TATATAG TATTAAA CATAAAT CATATAA "
        "GATAAAA TATAAGA TTTAAAT AATAAAA TATTAAT".split()
    )
    assert matrix.hit_probability == 16 / 4**7 <= HIT_PROBABILITY
    assert tata_matrix(0.002).hit_probability == 32 / 4**7
    with pytest.raises(ValueError, match="no k-mer is as rare"):
        tata_matrix(1e-6)


def test_the_score_of_the_best_word_is_its_log_odds() -> None:
    counts = (309.25, 352.25, 374.25, 354.25, 268.25, 360.25, 222.25)
    expected = sum(np.log2(n / 390 / 0.25) for n in counts)
    assert tata_matrix().score(codes_of("TATAAAA"))[0, 0] == pytest.approx(expected)


def test_hits_in_random_dna_are_as_rare_as_stated() -> None:
    codes = np.random.default_rng(0).integers(0, 4, (400, 1006), dtype=np.uint8)
    for motif in (tata_matrix(), from_consensus("TATAWA", mismatches=1)):
        rate = motif.hits(codes).mean()
        assert rate == pytest.approx(motif.hit_probability, rel=0.1)


def test_the_consensus_may_have_one_mismatch() -> None:
    motif = from_consensus("TATAWA", mismatches=1)
    kmer_codes = [
        "TATAAA",
        "TATATA",
        "TATAGA",
        "CATAAA",
        "TATAAC",
        "CATAGA",
        "NATAAA",
        "TANAAA",
        "TTTTTA",
    ]
    assert motif.hits(codes_of(*kmer_codes))[:, 0].tolist() == [True] * 5 + [False] * 4
    assert motif.hit_probability == 17 / 2048
    assert from_consensus("TATAWA").hit_probability == 1 / 2048


def test_either_strand_is_read() -> None:
    word = "GGGGCGGGGC"
    motif = from_consensus("KGGGCGGRRY", either_strand=True)
    assert motif.hits(codes_of(word, reverse_complement(word), word[::-1]))[:, 0].tolist() == [
        True,
        True,
        False,
    ]
    alone = from_consensus("KGGGCGGRRY")
    assert not alone.hits(codes_of(reverse_complement(word))).any()
    assert motif.hit_probability == pytest.approx(2 * alone.hit_probability)


def test_equal_scores_stay_together_at_the_threshold() -> None:
    counts = ((10, 1, 1, 1), (10, 5, 5, 1))
    motif = from_counts("x", counts, hit_probability=2 / 16)
    assert motif.hits(codes_of("AA", "AC", "AG"))[:, 0].tolist() == [True, False, False]
    assert from_counts("x", counts, hit_probability=3 / 16).hit_probability == 3 / 16


def test_best_hit_among_starts() -> None:
    sequence = "GGTATAAAAGGCATAAAAGGTATAAAAG"
    found = best_hits(tata_matrix(), codes_of(sequence, "G" * 28), np.arange(3, 22))
    assert found.start.tolist() == [20, -1]
    assert np.isnan(found.score[1])
    found = best_hits(tata_matrix(), codes_of(sequence), np.arange(11, 19))
    assert found.start.tolist() == [11]
    assert best_hits(tata_matrix(), codes_of(sequence), np.arange(0)).start.tolist() == [-1]


def test_words_are_numbers_in_base_four() -> None:
    assert kmer_codes(codes_of("ACGTN"), 2).tolist() == [[1, 6, 11, -1]]


def test_planted_boxes_are_found_in_simulated_promoters() -> None:
    simulation = simulate(sequences_per_species=300, species=("human", "fruit_fly"))
    boxes = simulation.elements[simulation.elements["element"] == "tata_box"].set_index("id")
    true = simulation.table["id"].map(boxes["start"])
    has = true.notna().to_numpy()
    codes = encode_flat(simulation.table["sequence"].tolist()).codes.reshape(-1, 300)
    found = best_hits(tata_matrix(), codes, np.arange(214, 226))
    assert (found.start[has] >= 0).mean() > 0.8
    assert (np.abs(found.start[has] - true[has]) <= 4).mean() > 0.8
    assert (found.start[~has] >= 0).mean() < 12 * 3 * HIT_PROBABILITY


def test_ranks_count_what_is_at_least_as_high() -> None:
    sums = np.array([[1.0, 3.0, 3.0, np.nan], [0.0, 0.0, 0.0, 0.0]])
    rows, columns = np.array([0, 0, 0, 1]), np.array([0, 1, 3, 2])
    np.testing.assert_allclose(ranks(sums, rows, columns), [1.0, 2 / 3, np.nan, 1.0])
    near = np.array([[0.1 + 0.2, 0.3, 0.5]])
    assert ranks(near, np.array([0, 0]), np.array([0, 1])).tolist() == [1.0, 1.0]


def test_ranks_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = np.random.default_rng(0).normal(size=(7, 30))
    rows, columns = np.repeat(np.arange(7), 4), np.tile(np.arange(4), 7)
    whole = ranks(sums, rows, columns)
    monkeypatch.setattr(element_hits, "_BLOCK", 60)
    assert np.array_equal(ranks(sums, rows, columns), whole)


def test_window_sums() -> None:
    sums = window_sums(np.array([[1.0, 2.0, 4.0, np.nan]]), 2)
    np.testing.assert_array_equal(sums, [[3.0, 6.0, np.nan]])


def by_hand() -> ToyAttributions:
    """Six promoters of 300 bases with TATAAAA at -31 or not, each base with a value of its own."""
    rng = np.random.default_rng(5)
    rows = []
    for name in "abcdef":
        letters = ["G"] * 300
        if name in "abc":
            letters[218:225] = "TATAAAA"
        if name in "ae":
            letters[100:107] = "TATAAAA"
        phi = rng.normal(0, 0.01, 300)
        if name in "ab":
            phi[218:225] += 1
        if name == "e":
            phi[100:107] -= 1
        rows.append((name, "".join(letters), [(i, i + 1, float(phi[i])) for i in range(300)]))
    return toy_tables(rows)


def test_an_account_by_hand() -> None:
    tables = by_hand()
    site = tata_sites()[0]
    result = enrichment_of_elements(per_base(tables), [site], FAST)
    hits = result.hits
    assert hits["sequence_id"].tolist() == ["a", "b", "c"]
    assert hits["start"].tolist() == [-31] * 3
    assert hits["word"].tolist() == ["TATAAAA"] * 3
    assert hits["top"].tolist() == [True, True, False]
    phi = tables.tokens.pivot(index="sequence_id", columns="start", values="phi").to_numpy()
    own = phi[:, 218:225].sum(axis=1)
    assert hits["phi"].to_numpy() == pytest.approx(own[:3])
    assert hits.loc[0, "rank"] == 1 / 294
    test = pick(result.tests, species="all", label=1)
    assert (test["num_sequences"], test["num_hits"], test["num_top"]) == (6, 3, 2)
    assert test["mean_phi"] == pytest.approx(own[:3].mean())
    assert test["place_phi"] == pytest.approx(own[3:].mean())
    assert test["difference"] == pytest.approx(own[:3].mean() - own[3:].mean())
    # Elsewhere: a at 100 and e at 100.
    assert test["num_elsewhere"] == 2
    away = phi[[0, 4], 100:107].sum(axis=1)
    assert test["word_difference"] == pytest.approx(own[:3].mean() - away.mean())
    # 2 of 3 hits are top, none of the other three is. Of 20 choices of three, 4 hold both.
    known = find_element_hits(per_base(tables), site, top=0.05)
    assert known.top[:, list(known.starts).index(218)].tolist() == [True, True, *[False] * 4]
    assert test["odds_ratio"] == np.inf
    assert test["p_enrichment"] == pytest.approx(4 / 20, abs=0.05)
    # Of the k-mers elsewhere none is top: 2 of 3 against 0 of 2, both in 3 of 10 choices of three.
    assert test["p_word"] == pytest.approx(3 / 10, abs=0.05)


def test_permutation_p_agrees_with_scipy_where_all_hits_share_a_place() -> None:
    rng = np.random.default_rng(1)
    phi = rng.normal(size=(9, 1))
    phi[:3] += 0.8
    hit = np.where(np.arange(9) < 3, 0, -1)
    result = compare_same_position(phi, phi > 0.5, hit, permutations=20_000, seed=0, name="x")
    exact = stats.permutation_test(
        (phi[:3, 0], phi[3:, 0]),
        lambda a, b: a.mean() - b.mean(),
        n_resamples=np.inf,
        alternative="two-sided",
    )
    assert p_two_sided(result.phi, result.null_phi) == pytest.approx(exact.pvalue, abs=0.015)
    # The number of top hits is hypergeometric then.
    top = phi[:, 0] > 0.5
    tail = stats.hypergeom(9, int(top.sum()), 3).sf(int(top[:3].sum()) - 1)
    assert p_at_least(result.top, result.null_top) == pytest.approx(tail, abs=0.015)
    assert pooled_odds_ratio(result.tables) == pytest.approx(
        stats.contingency.odds_ratio(result.tables[0], kind="sample").statistic
    )


def test_every_place_keeps_its_number_of_hits_when_shuffled() -> None:
    # The attribution depends on the place alone: no shuffle can change the sum.
    phi = np.tile([1.0, 2.0, 5.0], (20, 1))
    hit = np.array([0, 1, 1, 2, *[-1] * 16])
    result = compare_same_position(phi, phi > 3, hit, permutations=200, seed=0, name="x")
    assert set(result.null_phi) == {10.0}
    assert set(result.null_top) == {1}
    assert result.background == 10.0
    assert p_two_sided(result.phi, result.null_phi) == 1.0


def test_all_sequences_have_a_hit() -> None:
    phi = np.random.default_rng(0).normal(size=(5, 2))
    result = compare_same_position(
        phi, phi > 0, np.array([0, 1, 0, 1, 0]), permutations=50, seed=0, name="x"
    )
    assert np.isnan(result.background)
    assert np.isnan(pooled_odds_ratio(result.tables))
    assert len(result.null_phi) == 50


@pytest.mark.parametrize("tokenizer", ["kmer-6", "kmer-6-overlap", "bpe-256", "char"])
def test_planted_attributions_are_found_in_their_species_alone(tokenizer: str) -> None:
    planted = planted_tables(tokenizer, per_species=240)
    result = enrichment_of_elements(per_base(planted.tables), tata_sites(), FAST)
    for definition in result.tests["definition"].unique():
        for window in ("-35..-24", "-35..-20"):
            at = {"definition": definition, "window": window, "label": 1}
            human = pick(result.tests, species="human", **at)
            assert human["p_enrichment"] == 0.001
            assert human["p_difference"] == 0.002
            assert human["p_enrichment_adjusted"] < 0.01
            assert human["odds_ratio"] > 20
            assert human["p_word"] < 0.01
            assert human["difference"] > 0.1
            fly = pick(result.tests, species="fruit_fly", **at)
            assert fly["num_hits"] > 20
            assert fly["p_enrichment"] > 0.01
            assert fly["p_difference"] > 0.01
            assert abs(fly["difference"]) < human["difference"] / 4


def test_the_planted_sum_is_measured() -> None:
    # Char tokens: the box's 8 bases have 1 each, and the matrix covers 7 of them.
    planted = planted_tables("char", per_species=240, species=("human",), noise=0.01)
    hits = enrichment_of_elements(per_base(planted.tables), tata_sites()[:1], FAST).hits
    boxes = planted.elements[planted.elements["element"] == "tata_box"].set_index("id")["start"]
    exact = hits[hits["sequence_id"].map(boxes) == hits["start"] + 249]
    assert len(exact) > 10
    assert exact["phi"].mean() == pytest.approx(7.0, abs=0.02)
    assert exact["top"].all()
    assert (exact["rank"] <= 2 / 294).all()


def test_a_model_that_holds_the_box_against_the_class_is_seen() -> None:
    planted = planted_tables("kmer-6", per_species=240, species=("human",), effect=-1.0)
    test = pick(
        enrichment_of_elements(per_base(planted.tables), tata_sites()[:1], FAST).tests, label=1
    )
    assert test["difference"] < -0.5
    assert test["p_difference"] == 0.002
    assert test["p_enrichment"] > 0.5
    assert test["num_top"] <= test["num_hits"] * 0.2


def test_p_is_uniform_where_nothing_was_planted() -> None:
    differences, enrichments, by_word = [], [], []
    config = ElementEnrichmentConfig(permutations=199)
    planted = planted_tables("kmer-6", per_species=100, species=("human",), planted=())
    for seed in range(120):
        phi = np.random.default_rng([9, seed]).normal(size=len(planted.tables.tokens))
        tables = planted.tables._replace(tokens=planted.tables.tokens.assign(phi=phi))
        site = tata_sites()[1]
        tests = enrichment_of_elements(
            per_base(tables), [site], ElementEnrichmentConfig(permutations=199, seed=seed)
        ).tests
        test = pick(tests, species="all", label=1)
        differences.append(test["p_difference"])
        enrichments.append(test["p_enrichment"])
        by_word.append(test["p_word"])
    assert config.permutations == 199
    assert stats.kstest(differences, "uniform").pvalue > 0.01
    for p_values in (enrichments, by_word):
        # Counts are coarse, so these p-values may be too large but never too small.
        for level in (0.05, 0.1, 0.25, 0.5):
            share = np.mean(np.array(p_values) <= level)
            assert share < level + 3 * np.sqrt(level * (1 - level) / 120)
        assert min(p_values) < 0.2


def test_the_same_numbers_for_the_same_seed_in_any_order() -> None:
    tables = planted_tables("kmer-6", per_species=60).tables
    first = enrichment_of_elements(per_base(tables), tata_sites()[:1], FAST)
    again = enrichment_of_elements(per_base(tables), tata_sites()[:1], FAST)
    pd.testing.assert_frame_equal(first.tests, again.tests)
    mixed = enrichment_of_elements(per_base(shuffled(tables)), tata_sites()[:1], FAST)
    exact = ["num_sequences", "num_hits", "num_positive", "num_top", "num_elsewhere"]
    near = ["mean_phi", "place_phi", "difference", "odds_ratio", "word_difference"]
    key = ["species", "label"]
    one, two = first.tests.set_index(key).sort_index(), mixed.tests.set_index(key).sort_index()
    pd.testing.assert_frame_equal(one[exact], two[exact])
    pd.testing.assert_frame_equal(one[near], two[near], rtol=1e-9)
    assert (one["p_difference"] - two["p_difference"]).abs().max() < 0.1


def test_a_species_is_accounted_for_alike_alone_and_among_others() -> None:
    both = planted_tables("kmer-6", per_species=60).tables
    human = both.sequences["species"] == "human"
    alone = ToyAttributions(
        both.tokens[both.tokens["sequence_id"].isin(both.sequences.loc[human, "sequence_id"])],
        both.sequences[human],
        {},
    )
    among = enrichment_of_elements(per_base(both), tata_sites()[:1], FAST).tests
    apart = enrichment_of_elements(per_base(alone), tata_sites()[:1], FAST).tests
    columns = ["num_hits", "mean_phi", "p_difference", "p_enrichment", "odds_ratio", "p_word"]
    for label in (0, 1):
        one = pick(among, species="human", label=label)[columns].astype(float)
        two = pick(apart, species="all", label=label)[columns].astype(float)
        np.testing.assert_array_equal(one, two)


def test_windows_too_short_for_all_places() -> None:
    tables = planted_tables("char", per_species=60, window=70, species=("human",)).tables
    result = enrichment_of_elements(per_base(tables), tata_sites()[:1], FAST)
    assert result.tests["window"].unique().tolist() == ["-33..-24"]
    downstream = enrichment_of_elements(per_base(tables, tss_index=0), tata_sites()[:1], FAST)
    assert downstream.hits.empty
    assert downstream.tests.empty


def test_bases_that_are_not_known_are_no_hits() -> None:
    sequence = "G" * 218 + "TANAAAA" + "G" * 75
    tokens = [(i, i + 1, 0.5) for i in range(300)]
    result = enrichment_of_elements(
        per_base(toy_tables([("a", sequence, tokens)])), tata_sites(), FAST
    )
    assert result.hits.empty
    assert (result.tests["num_hits"] == 0).all()
    assert result.tests["p_difference"].isna().all()


def test_core_promoter_sites_follow_the_simulator() -> None:
    sites = {(site.element, site.window): site for site in core_promoter_sites()}
    assert ("initiator", "-2") in sites
    assert ("GC box", "-92..-55") in sites
    assert ("DPE", "27") in sites
    assert not any(name == "TATA box" for name, _ in sites)
    planted = planted_tables("kmer-6", per_species=120)
    hits = enrichment_of_elements(per_base(planted.tables), core_promoter_sites(), FAST).hits
    promoters = hits[hits["label"] == 1].groupby(["element", "species"]).size()
    # About 55 % of 60 human promoters have an initiator, 40 % of the flies' a DPE.
    assert 20 <= promoters[("initiator", "human")] <= 45
    assert promoters[("DPE", "fruit_fly")] > 3 * promoters.get(("DPE", "human"), 1)


def test_naive_account_by_hand() -> None:
    window = "G" * 214 + "GTATAG" + "CCTATACC" + "G" * 72
    rows = [
        ("a", window, [(0, 6, 1.0), (214, 220, 2.0), (220, 228, -1.0), (216, 219, 5.0)]),
        ("b", window, [(214, 220, -2.0), (220, 228, 0.0)]),
        ("c", window[1:] + "G", [(213, 219, 1.0)]),
    ]
    table = naive_tata(toy_tables(rows, label=[1, 0, 1]))
    assert table.to_dict("records") == [
        {"label": 1, "num_tokens": 3, "positive": 2, "negative": 1, "zero": 0,
         "positive_in_place": 2, "negative_in_place": 1},
        {"label": 0, "num_tokens": 2, "positive": 0, "negative": 1, "zero": 1,
         "positive_in_place": 0, "negative_in_place": 1},
    ]  # fmt: skip
    later = naive_tata(toy_tables(rows, label=[1, 0, 1]), tss_index=10)
    assert later["positive_in_place"].sum() == 0
    assert later["num_tokens"].sum() == 5


def test_naive_account_of_tokens_with_a_prefix() -> None:
    tables = toy_tables([("a", "G" * 225 + "TATACC" + "G" * 69, [(225, 231, 1.0)])])
    tables.tokens["token"] = "##TATACC"
    assert naive_tata(tables)["positive_in_place"].tolist() == [1]


def test_tokens_are_counted_and_ranked() -> None:
    rows = [
        ("a", "ACACGT", [(0, 2, 1.0), (2, 4, 2.0), (4, 6, -4.0)]),
        ("b", "ACTT", [(0, 2, 3.0), (2, 4, 5.0)]),
    ]
    table = token_table(toy_tables(rows))
    assert table["token"].tolist() == ["AC", "TT", "GT"]
    assert table["count"].tolist() == [3, 1, 1]
    assert table["num_sequences"].tolist() == [2, 1, 1]
    assert table["mean_phi"].tolist() == [2.0, 5.0, -4.0]
    assert table["sum_phi"].tolist() == [6.0, 5.0, -4.0]
    # Sequence a is away from the mean by -1 + 0, b by 1.
    assert table["standard_error"][0] == pytest.approx(np.sqrt(2 / 1 * (1 + 1)) / 3)
    assert np.isnan(table["standard_error"][1])
    by_mean = rank_tokens(table, by="mean_phi", num=5)
    assert by_mean.positive["token"].tolist() == ["TT", "AC"]
    assert by_mean.negative["token"].tolist() == ["GT"]
    often = rank_tokens(table, by="mean_phi", num=1, min_count=2)
    assert often.positive["token"].tolist() == ["AC"]
    assert often.negative.empty


def test_the_error_of_a_token_is_that_over_sequences() -> None:
    rng, inside = np.random.default_rng(0), []
    for _ in range(200):
        rows = []
        for i in range(25):
            shared, num = rng.normal(), int(rng.integers(1, 12))
            tokens = [(2 * j, 2 * j + 2, shared + 0.3 * rng.normal()) for j in range(num)]
            rows.append((str(i), "AC" * num, tokens))
        table = token_table(toy_tables(rows))
        inside.append(abs(table["mean_phi"][0]) <= 1.96 * table["standard_error"][0])
    # Of occurrences taken as independent it would be about .5.
    assert np.mean(inside) > 0.87
    once = token_table(toy_tables([("a", "ACAC", [(0, 2, 1.0), (2, 4, 2.0)])]))
    assert np.isnan(once["standard_error"][0])


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="top is 0"):
        ElementEnrichmentConfig(top=0)
    with pytest.raises(ValueError, match="permutations"):
        ElementEnrichmentConfig(permutations=0)
    assert ElementSite(element="x", motif=tata_matrix(), first=3, last=3).window == "3"
