"""Rows that share a base of a genome, against every pair of rows."""

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.audit import audit
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.data.datasets import build_dataset
from dnasweep.data.same_dna import SharedDna, locus_groups, row_loci
from dnasweep.data.splits import split_table
from dnasweep.data.table import make_table
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode
from dnasweep.formats.chromosomes import chromosome_keys
from scipy.sparse.csgraph import connected_components

NAMES = np.array(["chr1", "1", "NC_000001.11", "chr2", "X"])
SAME = {"chr1": 1, "1": 1, "NC_000001.11": 1, "chr2": 2, "X": 3}


def _places(num: int, seed: int, genome: int = 60_000) -> pd.DataFrame:
    """Windows of a few hundred bases on either strand, a tenth of them without a place."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, genome, num)
    frame = pd.DataFrame(
        {
            "sequence": [decode(c) for c in rng.integers(0, 4, (num, 60)).astype(np.uint8)],
            "label": np.arange(num) % 2,
            "species": np.where(rng.random(num) < 0.9, "human", "mouse"),
            "chrom": rng.choice(NAMES, num),
            "start": start,
            "end": start + rng.integers(1, 400, num),
            "strand": rng.choice(["+", "-", ""], num),
        }
    )
    nowhere = rng.random(num) < 0.1
    frame = frame.astype({"start": "Int64", "end": "Int64"})
    frame.loc[nowhere, ["start", "end"]] = pd.NA
    return make_table(frame)


def _sharing(table: pd.DataFrame) -> np.ndarray:
    """Return for every pair of rows whether they share a base, by definition."""
    rows = list(table.itertuples())
    return np.array(
        [
            [
                pd.notna(a.start)
                and pd.notna(b.start)
                and a.species == b.species
                and SAME[a.chrom] == SAME[b.chrom]
                and a.start < b.end
                and b.start < a.end
                for b in rows
            ]
            for a in rows
        ]
    )


@pytest.mark.parametrize("seed", range(3))
def test_groups_and_overlaps_are_those_of_all_pairs(seed):
    table = _places(250, seed)
    sharing = _sharing(table)
    placed = table["start"].notna().to_numpy()
    groups = locus_groups(table)
    components = connected_components(sharing)[1]
    assert (groups[~placed] == -1).all()
    together = groups[placed][:, None] == groups[placed]
    np.testing.assert_array_equal(together, components[placed][:, None] == components[placed])
    rng = np.random.default_rng(seed)
    rows, others = rng.random((2, len(table))) < 0.3
    found = SharedDna.of(table).overlapping(rows, others)
    np.testing.assert_array_equal(found, rows & sharing[:, others].any(axis=1))
    assert 0 < found.sum() < rows.sum()


def test_rows_that_touch_share_nothing_and_one_base_is_enough():
    table = make_table(
        {
            "sequence": ["ACGT"] * 3,
            "chrom": "chr1",
            "start": [0, 100, 199],
            "end": [100, 200, 300],
        }
    )
    assert locus_groups(table).tolist() == [0, 1, 1]


def test_an_id_that_names_a_place_of_the_length_of_its_sequence_counts():
    table = make_table(
        {
            "id": ["chr1:100-160(+)", "test/chr1:159-218", "chr1:160-999", "chr1:10-20:shuffled"],
            "sequence": ["ACGTAC" * 10] * 4,
        }
    )
    places = row_loci(table)
    # Of 60 bases: 100 to 160 counted from 0, and 159 to 218 counted from 1 with both ends.
    assert places[["start", "end"]].to_numpy().tolist() == [[100, 160], [158, 218]]
    assert locus_groups(table).tolist() == [0, 0, -1, -1]
    assert table["chrom"].eq("").all(), "the table is left as it is"


def test_rows_without_a_species_are_of_the_only_one_that_is_named():
    """An accession names the species of promoters, and `chr1` does not name that of negatives."""
    names = ["NC_000001.11", "chr1", "chr2", "chr3"]
    table = make_table({"sequence": ["ACGT"] * 4, "chrom": names, "start": 0, "end": 4})
    table["species"] = ["human", "", "", ""]
    assert locus_groups(table).tolist() == [0, 0, 1, 2]
    sides = split_table(table, method="chromosome", fractions=(0.5, 0.25, 0.25))["split"]
    assert sides[0] == sides[1]
    table.loc[2, "species"] = "mouse"
    assert len(set(locus_groups(table))) == 4, "it could be either"


def test_a_split_by_chromosome_keeps_alternate_loci_with_their_chromosome():
    parts = ["chr6", "chr6_GL000256v2_alt", "6", "chr6_apd_hap1", "chr1", "chr1_KI270706v1_random"]
    table = make_table({"sequence": ["ACGT"] * 8, "chrom": [*parts, "chrUn_KI270302v1", "chrX"]})
    sides = split_table(table, method="chromosome", fractions=(0.5, 0.25, 0.25))["split"]
    assert sides[:4].nunique() == sides[4:6].nunique() == 1


def test_versions_of_an_accession_are_chromosomes_of_their_own():
    keys = chromosome_keys(["NC_000001.10", "NC_000001.11", "chr2", "2", "NC_000002.12"])
    assert len(set(keys.values())) == 3
    assert keys["chr2"] == keys["2"] == keys["NC_000002.12"]


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_overlap_never_straddle_a_split(seed):
    table = _places(300, seed)
    sides = split_table(table, method="cluster", seed=seed)["split"].to_numpy()
    sharing = _sharing(table)
    assert sharing.sum() > len(table), "some overlap"
    assert not (sharing & (sides[:, None] != sides)).any()
    random = split_table(table, method="random", seed=seed)["split"].to_numpy()
    assert (sharing & (random[:, None] != random)).any(), "the test would not see a leak"


def _given(num: int = 300, seed: int = 0) -> pd.DataFrame:
    parts = np.array(["train"] * 8 + ["validation", "test"])
    table = _places(num, seed)
    return table.assign(split=pd.Series(np.resize(parts, num)).astype("str"))


def test_the_audit_counts_the_rows_that_overlap_an_earlier_split():
    table = _given()
    sharing, splits = _sharing(table), table["split"].to_numpy()
    messages = [f.message for f in audit(table).findings if f.code == "overlap-leak"]
    assert len(messages) == 3
    for split, other in (("validation", "train"), ("test", "train"), ("test", "validation")):
        rows = (splits == split) & sharing[:, splits == other].any(axis=1)
        first = table["id"][int(rows.argmax())]
        told = f"{rows.sum()} {split} rows overlap rows of {other} on the genome (first {first})"
        assert told in messages


def _files(folder, table):
    folder.mkdir()
    for split, part in table.groupby("split"):
        kept = part[["sequence", "label", "species", "chrom", "start", "end"]]
        kept.to_csv(folder / f"{split}.csv", index=False)
    return DatasetConfig(data=(str(folder),))


def test_given_splits_that_overlap_are_refused_dropped_or_kept(tmp_path):
    import dataclasses

    table = _given()
    config = _files(tmp_path / "given", table)
    sharing, splits = _sharing(table), table["split"].to_numpy()
    evaluated = {
        "validation": sharing[:, splits == "train"].any(axis=1) & (splits == "validation"),
        "test": sharing[:, splits != "test"].any(axis=1) & (splits == "test"),
    }
    with pytest.raises(InputError, match="overlaps on the genome a row of") as caught:
        build_dataset(config)
    numbers = {name: int(rows.sum()) for name, rows in evaluated.items()}
    told = f"{numbers['validation']} in validation and {numbers['test']} in test"
    assert f"{told}, {sum(numbers.values())} by overlap" in str(caught.value)
    assert "--leaks drop" in str(caught.value)

    dropped = build_dataset(dataclasses.replace(config, leaks="drop"))
    later = splits == "test"
    kept = ~((splits == "validation") & sharing[:, later].any(axis=1))
    kept &= ~((splits == "train") & sharing[:, kept & (splits != "train")].any(axis=1))
    assert dropped.table["split"].value_counts().to_dict() == {
        name: int((kept & (splits == name)).sum()) for name in ("train", "validation", "test")
    }
    codes = {f.code for f in dropped.audit.findings}
    assert "dropped-copies" in codes
    assert "overlap-leak" not in codes
    told = build_dataset(dataclasses.replace(config, leaks="keep"))
    assert len(told.table) == len(table)
    assert "overlap-leak" in {f.code for f in told.audit.warnings}


def test_windows_cut_from_both_strands_of_a_locus_stay_together(tmp_path):
    genome = decode(np.random.default_rng(0).integers(0, 4, 200_000).astype(np.uint8))
    (tmp_path / "genome.fa").write_text(f">chr1\n{genome}\n")
    rows = []
    for i, start in enumerate(range(1000, 190_000, 3000)):
        # Two windows that share 10 of 300 bases: far from alike, and one locus.
        rows.append(f"chr1\t{start}\t{start + 300}\tp{i}\t0\t+")
        rows.append(f"chr1\t{start + 290}\t{start + 590}\tq{i}\t0\t-")
    (tmp_path / "peaks.bed").write_text("\n".join(rows) + "\n")
    made = build_dataset(
        DatasetConfig(
            positives=(str(tmp_path / "peaks.bed"),),
            genome=str(tmp_path / "genome.fa"),
            generate_negatives="random-region",
            negative_distance=100,
        )
    )
    table = made.table
    by_name = table[table["label"] == 1].set_index("id")["split"]
    number = by_name.index.str.extract(r"(\d+)$")[0].to_numpy()
    assert by_name.groupby(number).nunique().max() == 1
    assert by_name.groupby(number).size().eq(2).all()
    assert "overlap-leak" not in {f.code for f in made.audit.findings}


@pytest.mark.parametrize("style", ["{c}:{s}-{e}({strand})", "{c}_{s} range={c}:{one}-{e} 5'pad=0"])
def test_places_in_the_titles_of_fasta_count(tmp_path, style):
    rng = np.random.default_rng(3)
    folder = tmp_path / "fasta"
    folder.mkdir()
    texts = {}
    for split, shift in (("train", 0), ("dev", 5000), ("test", 90)):
        for label in ("positive", "negative"):
            lines = []
            for i in range(12):
                start = 10_000 * (i + 1) + shift + (500_000 if label == "negative" else 0)
                sequence = decode(rng.integers(0, 4, 100).astype(np.uint8))
                title = style.format(c="chr1", s=start, one=start + 1, e=start + 100, strand="-")
                lines.append(f">{title}\n{sequence}\n")
            texts[split, label] = "".join(lines)
    paths = {"positives": [], "negatives": []}
    for (split, label), text in texts.items():
        path = folder / label / f"{split}.fa"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        paths[f"{label}s"].append(str(path))
    with pytest.raises(InputError, match=r"overlaps on the genome.*24 in test, 24 by overlap"):
        build_dataset(DatasetConfig(**{name: tuple(files) for name, files in paths.items()}))


def test_windows_that_chain_over_a_whole_chromosome_are_told_with_a_way_on(tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "sequence": [decode(c) for c in rng.integers(0, 4, (60, 80)).astype(np.uint8)],
            "label": np.arange(60) % 2,
            "chrom": "chr1",
            "start": np.arange(60) * 50,
            "end": np.arange(60) * 50 + 80,
        }
    )
    frame.to_csv(tmp_path / "tiles.csv", index=False)
    config = DatasetConfig(data=(str(tmp_path / "tiles.csv"),))
    with pytest.raises(InputError, match=r"overlap on the genome.*--split random"):
        build_dataset(config)
    import dataclasses

    made = build_dataset(dataclasses.replace(config, split="random"))
    assert "overlap-leak" in {f.code for f in made.audit.warnings}
