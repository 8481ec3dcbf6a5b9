"""The built-in data: places, frequencies, composition, phylogeny, and how hard it is."""

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.baseline import kmer_baseline
from dnasweep.data.evolution import COMPOSITION, dinucleotides, draw, evolve, species_tree
from dnasweep.data.kmer_counts import kmer_counts
from dnasweep.data.planted_elements import ELEMENTS, Element
from dnasweep.data.simulate import simulate, tss_index
from dnasweep.data.species import SPECIES, stand_in
from dnasweep.data.table import check_table
from dnasweep.errors import InputError
from dnasweep.formats.bases import encode, reverse_complement
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score


@pytest.fixture(scope="module")
def made():
    return simulate(sequences_per_species=600, seed=5)


def test_the_table_is_a_table_with_both_classes_of_every_species(made):
    check_table(made.table)
    counts = made.table.groupby(["species", "label"], sort=False).size()
    assert counts.tolist() == [300] * 16
    assert made.table["sequence"].str.len().eq(300).all()
    assert made.table["sequence"].str.fullmatch("[ACGT]+").all()
    assert len(made.families) == len(made.table)
    assert made.table.groupby(made.families)["species"].nunique().eq(8).all()


def test_same_seed_same_data_other_seed_other_data():
    one, two, other = (simulate(sequences_per_species=10, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(one.table, two.table)
    pd.testing.assert_frame_equal(one.elements, two.elements)
    assert not (one.table["sequence"] == other.table["sequence"]).any()


def test_elements_stand_where_they_should_and_read_like_their_consensus(made):
    tss = tss_index(300)
    assert tss == 249
    sequences = made.table.set_index("id")["sequence"]
    for name in {e.name for e in ELEMENTS}:
        places = [(e.first, e.last) for e in ELEMENTS if e.name == name]
        rows = made.elements[made.elements["element"] == name]
        starts = rows["start"] - tss
        inside = np.any([(starts >= first) & (starts <= last) for first, last in places], axis=0)
        assert inside.all(), name
    tata = made.elements[made.elements["element"] == "tata_box"]
    assert tata["start"].between(214, 225).all()
    text = [
        sequences[i][s:e] for i, s, e in zip(tata["id"], tata["start"], tata["end"], strict=True)
    ]
    assert np.mean([t.startswith("TATA") for t in text]) > 0.85
    boxes = made.elements[made.elements["element"] == "ccaat_box"]
    assert set(boxes["strand"]) == {"+", "-"}
    oriented = [
        reverse_complement(sequences[i][s:e]) if strand == "-" else sequences[i][s:e]
        for i, s, e, strand in boxes[["id", "start", "end", "strand"]].itertuples(index=False)
    ]
    assert np.mean(["CCAAT" in t for t in oriented]) > 0.85


def test_elements_of_a_promoter_do_not_overlap(made):
    rows = made.elements[made.elements["element"] != "cpg_island"].sort_values(["id", "start"])
    same = rows["id"].to_numpy()[1:] == rows["id"].to_numpy()[:-1]
    assert (rows["start"].to_numpy()[1:][same] >= rows["end"].to_numpy()[:-1][same]).all()


def test_frequencies_are_those_of_the_species():
    made = simulate(sequences_per_species=2400, window=300, seed=3, species=("human", "fruit_fly"))
    counts = made.elements.merge(made.table[["id", "species"]]).groupby(["species", "element"])
    share = counts.size() / 1200
    human, fly = list(SPECIES).index("human"), list(SPECIES).index("fruit_fly")
    for species, index in (("human", human), ("fruit_fly", fly)):
        for name in ("tata_box", "initiator", "dpe"):
            wanted = sum(e.frequency[index] for e in ELEMENTS if e.name == name)
            assert share[species, name] == pytest.approx(wanted, abs=0.05)
    assert share["human", "cpg_island"] == pytest.approx(0.7, abs=0.05)
    assert ("fruit_fly", "cpg_island") not in share


def test_negatives_hold_decoys_out_of_place_only(made):
    assert set(made.decoys["id"]) <= set(made.table["id"][made.table["label"] == 0])
    assert set(made.elements["id"]) <= set(made.table["id"][made.table["label"] == 1])
    tata = made.decoys[made.decoys["element"] == "tata_box"]["start"] - 249
    assert len(tata) > 20
    assert not tata.between(-33, -26).any()


def test_classes_have_the_same_composition(made):
    gc = made.table["sequence"].str.count("[GC]") / 300
    by_class = gc.groupby([made.table["species"], made.table["label"]]).mean().unstack()
    assert (by_class[1] - by_class[0]).abs().max() < 0.03


def test_backgrounds_have_the_composition_of_their_species():
    rng = np.random.default_rng(0)
    for gc, cpg in (*COMPOSITION.values(), (0.66, 0.82)):
        pairs = dinucleotides(gc, cpg)
        one = pairs.sum(axis=0)
        assert pairs.min() > 0
        np.testing.assert_allclose(one, pairs.sum(axis=1), atol=1e-12)
        np.testing.assert_allclose(one.sum(), 1)
        assert one[1] + one[2] == pytest.approx(gc)
        assert pairs[1, 2] / (one[1] * one[2]) == pytest.approx(cpg)
        np.testing.assert_allclose(pairs, pairs[::-1, ::-1].T, atol=1e-12)  # both strands alike
    codes = draw((0.41, 0.24), 400, 500, rng)
    seen = np.bincount((codes[:, :-1] * 4 + codes[:, 1:]).ravel(), minlength=16) / (400 * 499)
    np.testing.assert_allclose(seen.reshape(4, 4), dinucleotides(0.41, 0.24), atol=0.004)


def test_evolution_keeps_the_composition_and_diverges_by_the_branch():
    rng = np.random.default_rng(1)
    start = draw((0.41, 0.24), 400, 500, rng)
    before = start.copy()
    near = evolve(start, 0.06, (0.41, 0.24), rng)
    np.testing.assert_array_equal(start, before)
    assert (near != start).mean() == pytest.approx(0.06, abs=0.01)
    far = evolve(start, 50.0, (0.41, 0.24), rng)
    # Gibbs sampling from the chain's own conditionals leaves the chain as it is.
    for codes in (near, far):
        seen = np.bincount((codes[:, :-1] * 4 + codes[:, 1:]).ravel(), minlength=16) / codes.size
        np.testing.assert_allclose(seen.reshape(4, 4), dinucleotides(0.41, 0.24), atol=0.004)


def test_the_tree_has_the_known_topology():
    tree = species_tree(tuple(SPECIES))
    assert tree[0].parent == -1
    assert all(node.parent < i for i, node in enumerate(tree))
    clades = {frozenset(node.below) for node in tree}
    for clade in (("human", "macaque"), ("mouse", "rat"), ("fruit_fly", "worm")):
        assert frozenset(clade) in clades
    assert frozenset(("human", "macaque", "mouse", "rat")) in clades
    assert [n.species for n in species_tree(("worm",))] == ["worm"]


def test_close_relatives_have_close_sequences(made):
    codes = {
        s: np.array([encode(t) for t in made.table["sequence"][made.table["species"] == s]])
        for s in ("human", "macaque", "mouse", "fruit_fly")
    }
    apart = {s: (codes["human"] != codes[s]).mean() for s in ("macaque", "mouse", "fruit_fly")}
    assert apart["macaque"] < 0.13
    assert apart["macaque"] + 0.1 < apart["mouse"] < apart["fruit_fly"]
    # Elements are conserved more than what is around them.
    both = made.elements.merge(made.table[["id", "species"]])
    both["family"] = both["id"].str.split(":").str[1]
    human = both[(both["species"] == "human") & (both["element"] == "tata_box")]
    mouse = set(both["family"][(both["species"] == "mouse") & (both["element"] == "tata_box")])
    rows = human[human["family"].isin(mouse)]
    families = rows["family"].str.split("-").str[1].astype(int).to_numpy()
    inside = [
        (codes["human"][f, s:e] != codes["mouse"][f, s:e]).mean()
        for f, s, e in zip(families, rows["start"], rows["end"], strict=True)
    ]
    assert np.mean(inside) < apart["mouse"] / 2


def _halves(made, seed):
    held_out = np.random.default_rng(seed).random(made.families.max() + 1)[made.families] < 0.25
    return ~held_out, held_out, made.table["label"].to_numpy()


def _counted(made, train, held_out, labels):
    sequences = made.table["sequence"]
    found = kmer_baseline(sequences[train].tolist(), labels[train], sequences[held_out].tolist())
    return roc_auc_score(labels[held_out], found[:, 1])


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_the_baseline_lands_between_070_and_090(seed):
    made = simulate(seed=seed)
    assert 0.70 <= _counted(made, *_halves(made, seed)) <= 0.90


def test_places_tell_more_than_counts():
    made = simulate(seed=0)
    train, held_out, labels = _halves(made, 0)
    # How well each place fits its element, by species: what a model that reads places could use.
    fits = np.column_stack([_fit(made.table["sequence"], e) for e in ELEMENTS])
    fits = (fits - fits[train].mean(axis=0)) / fits[train].std(axis=0)
    species = pd.get_dummies(made.table["species"]).to_numpy(dtype=float)
    features = np.hstack([fits, *(fits * species[:, [i]] for i in range(8)), species])
    model = LogisticRegression(C=0.03, max_iter=500).fit(features[train], labels[train])
    placed = roc_auc_score(labels[held_out], model.predict_proba(features[held_out])[:, 1])
    assert placed > _counted(made, train, held_out, labels) + 0.05
    assert placed > 0.88


def _fit(sequences: pd.Series, element: Element) -> np.ndarray:
    """Return the best log-likelihood ratio of an element over its places, (sequences,)."""
    codes = np.array([encode(text) for text in sequences])
    weights = np.log(element.probabilities() / 0.25)
    strands = (weights, weights[::-1, ::-1]) if element.either_strand else (weights,)
    return np.max(
        [
            sum(w[i][codes[:, start + i]] for i in range(element.width))
            for w in strands
            for start in range(249 + element.first, 249 + element.last + 1)
        ],
        axis=0,
    )


@pytest.mark.parametrize("window", [60, 70, 101, 601])
def test_other_windows(window):
    made = simulate(sequences_per_species=6, window=window, seed=0)
    assert made.table["sequence"].str.len().eq(window).all()
    assert (made.elements["start"] >= 0).all()
    assert (made.elements["end"] <= window).all()


def test_an_odd_number_and_a_name_of_a_species():
    made = simulate(sequences_per_species=3, species=("hg38", "Mus musculus"))
    assert made.table["species"].unique().tolist() == ["human", "mouse"]
    assert made.table["label"].tolist() == [1, 1, 0, 1, 1, 0]


@pytest.mark.parametrize(
    "bad",
    [
        {"window": 10},
        {"sequences_per_species": 1},
        {"decoy_rate": 2.0},
        {"species": ()},
        {"species": ("unicorn",)},
    ],
)
def test_what_cannot_be_simulated_is_refused(bad):
    with pytest.raises(InputError):
        simulate(**bad)


def test_all_decoys_leave_only_places():
    made = simulate(sequences_per_species=200, decoy_rate=1.0, seed=0, species=("human",))
    counts = kmer_counts(made.table["sequence"].tolist(), ks=(2,)).toarray()
    assert counts.shape == (200, 16)
    assert len(made.decoys) == pytest.approx(len(made.elements), rel=0.2)


def test_any_dated_species_are_simulated():
    species = ("chimpanzee", "human", "Arabidopsis thaliana", "Zea mays", "E. coli")
    made = simulate(sequences_per_species=40, window=120, seed=1, species=species)
    names = ["pan_troglodytes", "human", "arabidopsis_thaliana", "zea_mays", "escherichia_coli"]
    assert list(made.table["species"].unique()) == names
    codes = {
        s: np.array([encode(t) for t in made.table["sequence"][made.table["species"] == s]])
        for s in names
    }
    apart = [(codes["human"] != codes[s]).mean() for s in names if s != "human"]
    assert apart[0] < 0.05 < 0.5 < min(apart[1:])
    # A plant has no CpG islands, as the fly that stands in for it.
    islands = made.elements[made.elements["element"] == "cpg_island"]["id"].str.split(":").str[0]
    assert set(islands) <= {"pan_troglodytes", "human"}


def test_species_that_nobody_has_dated_are_refused():
    with pytest.raises(InputError, match="dated when solanum_lycopersicum and solanum_tuberosum"):
        simulate(species=("tomato", "potato"))


@pytest.mark.parametrize(
    ("name", "eight"),
    [("chimpanzee", "human"), ("Mus minutoides", "mouse"), ("Anopheles gambiae", "fruit_fly"),
     ("C. briggsae", "worm"), ("turkey", "chicken"), ("medaka", "zebrafish"), ("rice", "fruit_fly"),
     ("rn6", "rat")],
)  # fmt: skip
def test_the_eight_stand_in_for_others(name, eight):
    assert stand_in(name) == eight
