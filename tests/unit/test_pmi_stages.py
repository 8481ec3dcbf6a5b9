"""Tables of words as artefacts: counted on what is pretrained on, shared, given, or refused."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dnasweep.config import PmiConfig, TrainingConfig
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.errors import InputError
from dnasweep.stages.dataset import load_dataset, obtain_dataset, rows_of
from dnasweep.stages.plan import make_plan
from dnasweep.stages.pmi import keep_table, obtain_counts, obtain_table
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.stages.specs import CountsSpec, PmiSpec
from dnasweep.storage import Storage
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.request import prepare_sweep
from dnasweep.tokens.ngrams import count_sequences
from dnasweep.tokens.pmi import score_kmers, write_table
from dnasweep.workflows.kmer_table import KmerTableOptions, run_kmer_table
from rich.console import Console
from toy_data import write_three_classes

ROOT = Path(__file__).resolve().parents[2]
QUIET = Console(quiet=True)


def recipe(**changes) -> Recipe:
    training = TrainingConfig(bases=1000)
    values = {"dataset": "d", "species": (), "pretraining": training, "finetuning": training}
    return Recipe(**(values | changes))


def encoder(of: Recipe, masking: str, tokenizer: str = "kmer-6-overlap", **axes):
    spec = of.expand(Cell(tokenizer=tokenizer, masking=masking, **axes)).encoder
    assert spec is not None
    return spec


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> tuple[Storage, str]:
    storage = Storage(tmp_path_factory.mktemp("runs"))
    return storage, obtain_dataset(storage, DatasetConfig(simulate_per_species=40))[0]


def test_only_schemes_that_rank_kmers_have_a_table_in_their_key():
    base = recipe()
    for scheme in ("random", "span"):
        assert encoder(base, scheme).pmi is None
        other = recipe(pmi=PmiConfig(variant="naive"))
        assert encoder(base, scheme).key == encoder(other, scheme).key
    for scheme in ("genemask", "global_pmi", "cm_step", "cm_gems"):
        plain = encoder(base, scheme)
        assert plain.pmi is not None
        assert plain.pmi.counts == CountsSpec(k=6, dataset="d")
        keys = {encoder(base, f"{scheme}@{v}").key for v in ("pmi_n", "bouma", "naive")}
        assert len(keys | {plain.key}) == 4
        assert encoder(base, f"{scheme}@published").key == plain.key


def test_settings_that_do_not_apply_make_no_other_encoder():
    base = recipe()
    stall = recipe(masking=replace(base.masking, threshold=5.0))
    assert encoder(base, "auto").key == encoder(base, "span").key == encoder(stall, "span").key
    assert encoder(base, "genemask").key == encoder(stall, "genemask").key
    assert encoder(base, "cm_gems").key != encoder(stall, "cm_gems").key


def test_variants_share_one_count_and_what_is_read_makes_another():
    base = recipe(species=("human", "mouse"))
    cells = [
        Cell(tokenizer=t, masking=m, species_set=s)
        for t in ("kmer-6-overlap", "kmer-5-overlap")
        for m in ("genemask", "genemask@pmi_n", "cm_step")
        for s in ("none", "human", "all")
    ]
    plan = make_plan(base, cells)
    assert len(plan.tables) == 8
    assert len({spec.counts.key for spec in plan.tables}) == 4
    assert encoder(base, "genemask").pmi != encoder(base, "genemask", species_set="human").pmi
    both = replace(base, pretrain_on_positives=False)
    assert encoder(base, "genemask").pmi.key != encoder(both, "genemask").pmi.key


def test_kmers_are_counted_in_training_rows_alone_and_in_what_is_pretrained_on(data):
    storage, key = data
    table = load_dataset(storage, key).table
    for species, positives in (((), True), (("human",), True), (("human",), False)):
        spec = CountsSpec(k=3, dataset=key, species=species, positives_only=positives)
        rows = rows_of(table, species, positives_only=positives).train
        expected = count_sequences(table["sequence"].iloc[rows].tolist(), 3)
        assert np.array_equal(obtain_counts(storage, spec).flat, expected.flat)


def test_a_table_is_made_once_and_read_as_it_was_made(data):
    storage, key = data
    spec = PmiSpec(counts=CountsSpec(k=4, dataset=key), config=PmiConfig(variant="pmi_n"))
    made = obtain_table(storage, spec)
    expected = score_kmers(obtain_counts(storage, spec.counts), spec.config)
    np.testing.assert_array_equal(made.scores, expected.scores)
    again = obtain_table(storage, spec, lambda spec: pytest.fail("counted twice"))
    np.testing.assert_array_equal(again.scores, made.scores)
    other = replace(spec, config=PmiConfig(variant="naive"))
    obtain_table(storage, other, lambda spec: pytest.fail("counted twice"))


def test_a_table_is_given_by_key_folder_or_file_and_is_one(data, tmp_path):
    storage, key = data
    spec = PmiSpec(counts=CountsSpec(k=4, dataset=key), config=PmiConfig())
    table = obtain_table(storage, spec)
    write_table(table.frame(), tmp_path / "words.csv")
    folder = storage.find(spec.kind, spec.key)
    kept = {keep_table(storage, str(g)) for g in (spec.key, folder, tmp_path / "words.csv")}
    assert {k for _, k in kept} == {4}
    for found, _ in kept:
        given = obtain_table(storage, PmiSpec(table=found))
        np.testing.assert_allclose(given.scores, table.scores)
        assert encoder(recipe(pmi_table=(found, 4)), "genemask", "kmer-4-overlap").pmi.key == found
    assert len({k for k, _ in kept}) == 1


@pytest.mark.parametrize("given", ["0123456789abcdef", "nowhere.csv", "../x", "", "/tmp"])
def test_a_table_that_is_not_there_is_refused(data, given):
    with pytest.raises(InputError, match="no PMI table"):
        keep_table(data[0], given)


def test_a_table_of_other_kmers_is_refused_before_training(tmp_path):
    counts = count_sequences(["ACGTTGCATTAC" * 9], 5)
    write_table(score_kmers(counts, PmiConfig(min_count=1)).frame(), tmp_path / "words.csv")
    options = SweepOptions(
        storage=str(tmp_path / "runs"),
        simulated_rows=40,
        masking="genemask",
        pmi_table=str(tmp_path / "words.csv"),
    )
    axes = {"tokenizer": ("kmer-6-overlap",), "species_set": ("all",), "learning_rate": (1e-3,)}
    with pytest.raises(InputError, match="k-mers of 5 bases, tokens of kmer-6-overlap have 6"):
        prepare_sweep("toy", axes, options, QUIET)
    prepare_sweep("toy", axes | {"tokenizer": ("kmer-5-overlap",)}, options, QUIET)


def test_a_scheme_that_does_not_fit_ends_with_code_2_and_the_reason(tmp_path):
    script = str(ROOT / "jobs" / "pretrain.py")
    asked = "--tokenizers kmer-6-overlap bpe-64 --masking genemask --simulated-rows 40"
    done = subprocess.run(
        [sys.executable, script, *asked.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: masking scheme genemask does not fit tokenizer bpe-64")
    assert not (tmp_path / "runs" / "encoders").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 7}, "k is 7"),
        ({"simulated_rows": 40, "soft_masked": "skip"}, "Rows have no lower case"),
        ({"out": "ranks.txt"}, "End it in .csv"),
        ({"out": "nowhere/ranks.csv"}, "Make the folder"),
        (
            {"genome": "nowhere.fa"},
            "nowhere.fa: there is no such file. Check the path of the genome",
        ),
        ({"simulated_rows": 40, "species_set": "martians"}, "martians"),
    ],
)
def test_the_job_refuses_what_it_cannot_do(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        run_kmer_table(KmerTableOptions(**options), QUIET)


def test_rows_of_several_classes_are_all_counted(tmp_path):
    """There is no positive class, so a sweep on these rows counts all of them too."""
    rows = str(write_three_classes(tmp_path / "rows.csv"))
    said = io.StringIO()
    options = KmerTableOptions(data=(rows,), storage=str(tmp_path / "runs"), dry_run=True)
    run_kmer_table(options, Console(file=said, width=200))
    assert re.search(r"in 1\d\d training rows of data set", said.getvalue()), said.getvalue()


def test_kmers_that_are_nearly_all_rare_are_said_to_be(data):
    storage, key = data
    spec = PmiSpec(counts=CountsSpec(k=6, dataset=key), config=PmiConfig(min_count=10**6))
    with pytest.raises(
        InputError, match=r"no k-mer of 6 bases occurs 1000000 times.*minimum count"
    ):
        obtain_table(storage, spec)
    assert isinstance(obtain_counts(storage, spec.counts).num_bases, int)
    assert storage.find(spec.kind, spec.key) is None
