"""From a configuration to sequences in splits, and back from disk."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.clustering import similar_pairs
from dnasweep.data.dataset_config import DatasetConfig, dataset_key
from dnasweep.data.datasets import Dataset, build_dataset
from dnasweep.data.table import check_classes, check_table, digest
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode
from dnasweep.sweeps.data_options import DataOptions
from real_data import REAL

SMALL = DatasetConfig(simulate_per_species=40, window=100)


def _random(num: int, seed: int = 0, window: int = 100) -> list[str]:
    codes = np.random.default_rng(seed).integers(0, 4, (num, window)).astype(np.uint8)
    return [decode(c) for c in codes]


def _csv(path: Path, num: int = 200, seed: int = 0) -> Path:
    frame = pd.DataFrame({"sequence": _random(num, seed), "label": np.arange(num) % 2})
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def simulated() -> Dataset:
    return build_dataset(SMALL)


def test_simulated_data_are_split_by_family(simulated):
    check_table(simulated.table)
    check_classes(simulated.table)
    family = simulated.table["id"].str.split(":").str[1]
    assert simulated.table.groupby(family)["split"].nunique().max() == 1
    assert set(simulated.elements["id"]) <= set(simulated.table["id"])
    assert set(simulated.audit.scores["split"]) == {"validation", "test"}


def test_no_similar_pair_straddles_the_splits(simulated):
    pairs = similar_pairs(simulated.table["sequence"].tolist())
    sides = simulated.table["split"].to_numpy()
    assert len(pairs.first) > 50
    assert (sides[pairs.first] == sides[pairs.second]).all()
    assert not {"near-leak", "exact-leak"} & {f.code for f in simulated.audit.findings}


def test_it_is_the_same_every_time_and_reads_back(simulated, tmp_path):
    again = build_dataset(SMALL)
    assert digest(again.table) == digest(simulated.table)
    simulated.write(tmp_path / "set")
    names = {p.name for p in (tmp_path / "set").iterdir()}
    assert names == {
        "table.parquet",
        "audit.json",
        "elements.parquet",
        "baseline_scores.parquet",
        "twins.parquet",
    }
    read = Dataset.read(tmp_path / "set")
    pd.testing.assert_frame_equal(read.table, simulated.table)
    pd.testing.assert_frame_equal(read.elements, simulated.elements)
    pd.testing.assert_frame_equal(read.audit.scores, simulated.audit.scores)
    assert read.audit.findings == simulated.audit.findings
    assert read.audit.baseline == simulated.audit.baseline
    with pytest.raises(InputError, match="no data set"):
        Dataset.read(tmp_path)


def test_the_digest_sees_every_cell_and_the_order(simulated):
    table = simulated.table
    assert len(digest(table)) == 16
    assert digest(table.iloc[::-1]) != digest(table)
    changes = {"label": 1 - table["label"].iloc[1], "split": "", "species": "", "start": 3}
    for column, value in changes.items():
        changed = table.copy()
        changed.loc[1, column] = value
        assert digest(changed) != digest(table), column


def test_the_key_follows_content_not_paths(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, other = _csv(tmp_path / "a" / "data.csv"), _csv(tmp_path / "b" / "data.csv")
    key = dataset_key(DatasetConfig(data=(str(one),)))
    assert dataset_key(DatasetConfig(data=(str(other),))) == key
    assert dataset_key(DatasetConfig(data=(str(one),), seed=1)) != key
    _csv(other, seed=1)
    assert dataset_key(DatasetConfig(data=(str(other),))) != key
    # A file's name may give its split or species, so it counts.
    human = one.rename(tmp_path / "a" / "human.csv")
    assert dataset_key(DatasetConfig(data=(str(human),))) != key
    with pytest.raises(InputError, match=r"absent\.csv"):
        dataset_key(DatasetConfig(data=(str(tmp_path / "absent.csv"),)))
    assert dataset_key(DatasetConfig()) != dataset_key(DatasetConfig(window=200))


def test_repeated_rows_are_dropped_and_reported_but_kept_in_given_splits(tmp_path):
    path = _csv(tmp_path / "data.csv")
    frame = pd.read_csv(path)
    pd.concat([frame, frame.iloc[:7]]).to_csv(path, index=False)
    config = DatasetConfig(data=(str(path),))
    made = build_dataset(config)
    assert len(made.table) == 200
    assert "dropped-duplicates" in {f.code for f in made.audit.findings}
    kept = build_dataset(replace(config, duplicates="keep"))
    assert len(kept.table) == 207
    assert kept.table.groupby("sequence")["split"].nunique().max() == 1
    folder = tmp_path / "given"
    folder.mkdir()
    for name, part in (("train", frame[:150]), ("dev", frame[140:170]), ("test", frame[170:])):
        part.to_csv(folder / f"{name}.csv", index=False)
    given = build_dataset(DatasetConfig(data=(str(folder),), leaks="keep"))
    assert len(given.table) == 210
    assert "exact-leak" in {f.code for f in given.audit.warnings}
    dropped = build_dataset(DatasetConfig(data=(str(folder),), leaks="keep", duplicates="drop"))
    assert len(dropped.table) == 200


@pytest.mark.parametrize("kind", ["segment-shuffle", "substitution", "dinucleotide-shuffle"])
def test_made_negatives_stay_with_their_promoter(tmp_path, kind):
    path = tmp_path / "promoters.fa.gz"
    with gzip.open(path, "wt") as stream:
        stream.write("".join(f">p{i}\n{s}\n" for i, s in enumerate(_random(100, window=300))))
    made = build_dataset(DatasetConfig(positives=(str(path),), generate_negatives=kind))
    assert made.table["label"].value_counts().to_dict() == {0: 100, 1: 100}
    parent = made.table["id"].str.removesuffix(f":{kind}")
    assert made.table.groupby(parent)["split"].nunique().max() == 1
    assert made.table.groupby("split")["label"].nunique().eq(2).all()


def test_negatives_from_a_genome(tmp_path):
    letters = _random(1, window=200_000)[0]
    genome, bed = tmp_path / "genome.fa", tmp_path / "tss.bed"
    genome.write_text(f">chr1\n{letters}\n")
    starts = range(2000, 198_000, 3000)
    bed.write_text("".join(f"chr1\t{s}\t{s + 1}\tp{s}\t0\t+\n" for s in starts))
    config = DatasetConfig(
        data=(str(bed),),
        genome=str(genome),
        species="human",
        first_base=-99,
        last_base=50,
        generate_negatives="random-region",
        negative_distance=400,
    )
    made = build_dataset(config).table
    assert made["sequence"].str.len().eq(150).all()
    negatives = made[made["label"] == 0]
    assert len(negatives) == len(starts)
    for row in negatives.itertuples():
        assert letters[row.start : row.end] == row.sequence
        # The windows are base s - 99 to base s + 50.
        apart = [max(s - 99 - row.end, row.start - (s + 51)) for s in starts]
        assert min(apart) >= 400
    assert dataset_key(config) != dataset_key(replace(config, negative_distance=500))


@pytest.mark.parametrize("kind", ["dinucleotide-shuffle", "random-region"])
def test_negatives_are_made_only_where_the_data_have_none(tmp_path, kind):
    path = _csv(tmp_path / "data.csv")
    config = DatasetConfig(data=(str(path),), generate_negatives=kind)
    with pytest.raises(
        InputError, match=r"100 negatives .* of their own.*Leave out --generate-negativ"
    ):
        build_dataset(config)
    frame = pd.read_csv(path)
    assert len(build_dataset(replace(config, generate_negatives="none")).table) == 200
    if kind == "dinucleotide-shuffle":
        frame[frame["label"] == 1].to_csv(path, index=False)
        assert build_dataset(config).table["label"].tolist().count(0) == 100


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("negative_distance", 50),
        ("negative_distance", 0),
        ("first_base", -100),
        ("last_base", 50),
        ("split_fractions", (0.6, 0.2, 0.2)),
        ("split_identity", 0.9),
    ],
)
def test_every_option_of_the_split_and_of_the_window_is_part_of_the_key(option, value):
    usual = DataOptions().dataset
    changed = DataOptions(**{option: value}).dataset
    assert dataset_key(changed) != dataset_key(usual)


def test_the_split_is_that_of_the_options(tmp_path):
    path = _csv(tmp_path / "data.csv")
    options = DataOptions(data=(str(path),), split_fractions=(0.5, 0.2, 0.3))
    made = build_dataset(options.dataset).table
    assert made["split"].value_counts().to_dict() == {"train": 100, "test": 60, "validation": 40}
    near = pd.read_csv(path)
    flip = near["sequence"].str[:85] + near["sequence"].str[85:].str.translate(
        str.maketrans("ACGT", "CGTA")
    )
    both = pd.concat([near, near.assign(sequence=flip)])
    both.to_csv(path, index=False)
    for identity, together in ((0.8, True), (0.9, False)):
        options = DataOptions(data=(str(path),), split_identity=identity)
        sides = build_dataset(options.dataset).table["split"].to_numpy()
        assert (sides[:200] == sides[200:]).all() == together


def test_eight_rows_are_split_as_the_message_says(tmp_path):
    path = _csv(tmp_path / "eight.csv", num=8)
    options = DataOptions(data=(str(path),))
    with pytest.raises(InputError, match=r"--split-fractions, such as 0\.5 0\.25 0\.25"):
        check_classes(build_dataset(options.dataset).table)
    options = replace(options, split_fractions=(0.5, 0.25, 0.25))
    check_classes(build_dataset(options.dataset).table)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="without data"):
        DatasetConfig(generate_negatives="substitution")
    with pytest.raises(InputError, match="identity"):
        DatasetConfig(identity=0.1)
    with pytest.raises(InputError, match="first_base is 10"):
        DatasetConfig(first_base=10)
    with pytest.raises(InputError, match="seed"):
        DatasetConfig(seed=-1)
    with pytest.raises(InputError, match="fractions"):
        DatasetConfig(fractions=(0.8, 0.3, 0.1))


def test_tiny_tables_end_with_a_message(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("sequence,label\nACGTACGT,1\nACGTACGT,0\n")
    with pytest.raises(InputError, match="leave none for"):
        build_dataset(DatasetConfig(data=(str(path),)))


def test_real_promoters_of_eight_species(tmp_path):
    path = REAL / "seed_genomic_lm" / "test_tata_genome.csv.gz"
    if not path.exists():
        pytest.skip("the real data are not here")
    # Part of it: the search for similar sequences takes seconds on all.
    pd.read_csv(path).sample(900, random_state=0).to_csv(tmp_path / "part.csv", index=False)
    made = build_dataset(DatasetConfig(data=(str(tmp_path / "part.csv"),)))
    check_classes(made.table)
    assert made.table["species"].nunique() == 8
    assert 0.65 < made.audit.baseline["test/auroc"] < 0.9
