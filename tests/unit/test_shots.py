"""Few shots: what is drawn, how it is trained on, and that validation is not looked at."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from dnasweep.config import (
    ClassificationConfig,
    ModelConfig,
    TokenizerConfig,
    TrainingConfig,
    published_training,
)
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.data.table import make_table
from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement
from dnasweep.models.architecture import build_classifier
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.models.pretrained.config_file import read_config
from dnasweep.models.pretrained.encoder import describe
from dnasweep.models.training.schedule import Schedule
from dnasweep.stages.classifier import finetune
from dnasweep.stages.dataset import SHOTS, draw_shots, load_dataset, obtain_dataset
from dnasweep.stages.held_out import held_out_rows
from dnasweep.stages.models import keep_model, kept_model
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.scores import evaluate_on_test, score_baseline
from dnasweep.stages.specs import ClassifierSpec, TokenizerSpec
from dnasweep.stages.tokens import obtain_tokenizer
from dnasweep.storage import Storage
from dnasweep.sweeps.axes import FewShotOptions
from dnasweep.sweeps.few_shot import few_shot_cells
from dnasweep.sweeps.request import Sweep, prepare_sweep
from dnasweep.tasks.metrics import classification_metrics
from dnasweep.tokens.tokenizers import fit
from rich.console import Console
from safetensors.torch import load_file
from toy_data import write_toy_table
from toys import TINY, toy_language, toy_sequences


def toy_table(num: int = 300, **columns) -> pd.DataFrame:
    split = np.where(np.arange(num) % 5 == 4, "test", "train")
    given = {"sequence": toy_sequences(num), "label": np.arange(num) % 2, "split": split}
    return make_table(given | columns)


POOL = np.flatnonzero(toy_table()["split"] == "train")


@pytest.mark.parametrize("resample", [0, 1, 2])
def test_draws_are_nested_balanced_and_from_the_pool(resample: int) -> None:
    table = toy_table()
    draws = [set(draw_shots(table, POOL, n, resample)) for n in (1, 10, 50, 100)]
    for n, draw in zip((1, 10, 50, 100), draws, strict=True):
        assert table["label"].iloc[list(draw)].value_counts().to_dict() == {0: n, 1: n}
        assert draw <= set(POOL)
    assert draws[0] < draws[1] < draws[2] < draws[3]


def test_resamples_are_other_rows_and_repeat_themselves() -> None:
    table = toy_table()
    first, second = (draw_shots(table, POOL, 10, r).tolist() for r in (0, 1))
    assert len(set(first) & set(second)) < 10
    assert draw_shots(table, POOL, 10, 0).tolist() == first


def test_no_sequence_is_drawn_twice() -> None:
    table = toy_table()
    table.loc[0:39, "sequence"] = [table["sequence"][row % 2] for row in range(40)]
    with pytest.raises(InputError, match="105 training sequences"):
        draw_shots(table, POOL, 110, 0)
    drawn = draw_shots(table, POOL, 100, 0)
    assert table["sequence"].iloc[drawn].is_unique


def test_no_sequence_is_drawn_with_its_reverse_complement() -> None:
    table = toy_table()
    halves = table["sequence"][:150]
    table["sequence"] = [*halves, *map(reverse_complement, halves)]
    pool = np.flatnonzero(table["split"] == "train")
    drawn = table["sequence"].iloc[draw_shots(table, pool, 50, 0)]
    assert not set(drawn) & set(map(reverse_complement, drawn))
    with pytest.raises(InputError, match="60 training sequences"):
        draw_shots(table, pool, 100, 0)


def test_more_shots_than_rows_are_refused_with_the_largest_number() -> None:
    table = toy_table()
    with pytest.raises(InputError, match=r"121 shots.*class 0 has 120.*--shots 120"):
        draw_shots(table, POOL, 121, 0)
    for shots, resample in ((0, 0), (1, -1)):
        with pytest.raises(InputError):
            draw_shots(table, POOL, shots, resample)


def test_a_given_set_is_the_first_draw_whole_and_others_are_drawn_from_all() -> None:
    shots = pd.Series([10 if row in range(10, 30) else pd.NA for row in range(300)], dtype="Int64")
    table = toy_table(shots=shots)
    given = [row for row in range(10, 30) if row in set(POOL)]
    assert draw_shots(table, POOL, 10, 0).tolist() == given
    assert set(draw_shots(table, POOL, 10, 1)) - set(given)
    assert len(draw_shots(table, POOL, 20, 0)) == 40


def test_a_given_set_larger_than_its_sequences_is_a_first_draw_and_no_other() -> None:
    """As one is once leaks have been left out of it."""
    table = toy_table(shots=pd.Series([200] * 300, dtype="Int64"))
    assert draw_shots(table, POOL, 200, 0).tolist() == POOL.tolist()
    with pytest.raises(InputError, match="--resamples 1"):
        draw_shots(table, POOL, 200, 1)


def test_shots_of_rows_without_classes_are_rows() -> None:
    table = toy_table(label=-1)
    few, many = draw_shots(table, POOL, 10, 1), draw_shots(table, POOL, 50, 1)
    assert (len(few), len(many)) == (10, 50)
    assert set(few) <= set(many) <= set(POOL)
    assert set(draw_shots(table, POOL, 10, 2)) != set(few)
    with pytest.raises(InputError, match=r"there are \d+ training sequences"):
        draw_shots(table, POOL, 1000, 0)


def write_folder(root: Path, sizes: tuple[int, ...] = (4, 8), *, test: bool = True) -> Path:
    """Write few-shot sets as they are published: quoted k-mers in folders named by their size."""
    rows = iter(toy_sequences(2 * sum(sizes) + 40))

    def write(path: Path, num: int) -> None:
        lines = ['"sequence"\t"label"']
        for label in [0, 1] * num:
            bases = next(rows)
            words = " ".join(bases[i : i + 6] for i in range(len(bases) - 5))
            lines.append(f'"{words}"\t"{label}"')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")

    for size in sizes:
        write(root / str(size) / "train.tsv", size)
    if test:
        write(root / "test.tsv", 20)
    return root


def test_published_folders_are_given_draws(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "runs")
    config = DatasetConfig(data=(str(write_folder(tmp_path / "few")),))
    key, _ = obtain_dataset(storage, config)
    table = load_dataset(storage, key).table
    counts = table.groupby(["split", "shots", "label"], dropna=False).size()
    assert counts.tolist() == [20, 20, 4, 4, 8, 8]
    assert not (table["split"] == "validation").any()
    drawn = draw_shots(table, np.flatnonzero(table["split"] == "train"), 4, 0)
    assert table["id"].iloc[drawn].str.startswith("4/train:").all()


def test_few_shot_sets_that_are_split_anew_are_rows_like_others(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "runs")
    config = DatasetConfig(data=(str(write_folder(tmp_path / "few")),), split="random")
    table = load_dataset(storage, obtain_dataset(storage, config)[0]).table
    assert table["shots"].isna().all()
    assert (table["split"] == "validation").any()


def test_folders_that_are_not_what_their_name_says_are_refused(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "runs")
    mislabelled = write_folder(tmp_path / "few")
    (mislabelled / "8").rename(mislabelled / "9")
    with pytest.raises(InputError, match="8 of class 0, 8 of class 1, but its folder says 9"):
        obtain_dataset(storage, DatasetConfig(data=(str(mislabelled),)))
    alone = write_folder(tmp_path / "alone", test=False)
    with pytest.raises(InputError, match="without a test set"):
        obtain_dataset(storage, DatasetConfig(data=(str(alone),)))
    beside = write_folder(tmp_path / "beside") / "test.tsv"
    key, _ = obtain_dataset(storage, DatasetConfig(data=(str(alone), str(beside))))
    assert (load_dataset(storage, key).table["split"] == "test").sum() == 40


@pytest.mark.parametrize(
    ("shots", "epochs", "batch", "rate", "steps"),
    [(10, 20, 5, 1e-4, 80), (100, 20, 5, 1e-4, 800), (500, 5, 15, 5e-5, 335)],
)
def test_training_is_as_published(
    shots: int, epochs: float, batch: int, rate: float, steps: int, tmp_path: Path
) -> None:
    usual = published_training(shots)
    assert (usual.epochs, usual.batch_size, usual.learning_rate) == (epochs, batch, rate)
    (spec,) = asked(tmp_path, 1300, shots=(shots,), resamples=1, seeds=(0,)).plan.classifiers
    assert spec.training.batch_size == batch
    assert spec.training.micro_batch_size == batch
    assert spec.training.optimizer.learning_rate == rate
    assert spec.classification.keep == "last"
    lengths = np.full(2 * shots, 60)
    schedule = Schedule(config=spec.training, lengths=lengths, bases=lengths)
    assert schedule.total_steps == steps


def asked(tmp_path: Path, rows: int = 200, **changes) -> Sweep:
    """Prepare a few-shot sweep on a toy table, without pretraining."""
    data = write_toy_table(tmp_path / f"{rows}.csv", rows=rows)
    values = {
        "data": (str(data),),
        "split": "random",
        "species_sets": ("none",),
        "preset": "1x32x2",
    }
    options = FewShotOptions(storage=str(tmp_path / "runs"), **(values | changes))
    axes = {
        "tokenizer": options.tokenizers,
        "species_set": options.species_sets,
        "masking": options.maskings,
        "shots": options.shots,
        "resample": tuple(range(options.resamples)),
        "seed": options.seeds,
    }
    if options.learning_rates:
        axes["learning_rate"] = options.learning_rates
    return prepare_sweep("few", axes, options, Console(quiet=True), cells=few_shot_cells)


def test_random_weights_are_one_initialisation_whatever_the_maskings(tmp_path: Path) -> None:
    sweep = asked(
        tmp_path,
        shots=(10, 20),
        species_sets=("none", "all"),
        maskings=("random", "span"),
        resamples=2,
    )
    keys = {spec.key for spec in sweep.plan.classifiers}
    assert len(sweep.plan.cells) == len(keys) == 3 * 2 * 2 * 3
    assert len(sweep.plan.encoders) == 2
    assert not any(spec.positives_only for spec in sweep.plan.encoders)


def test_what_is_named_twice_is_trained_once(tmp_path: Path) -> None:
    sweep = asked(tmp_path, shots=(10, 10), seeds=(0, 0), species_sets=("none", "none"))
    assert len(sweep.plan.cells) == 3


def test_what_is_given_goes_before_what_is_published(tmp_path: Path) -> None:
    sweep = asked(
        tmp_path, shots=(10,), finetune_epochs=3, batch_size=8, learning_rates=(1e-3, 1e-2)
    )
    trainings = {spec.training for spec in sweep.plan.classifiers}
    assert {t.optimizer.learning_rate for t in trainings} == {1e-3, 1e-2}
    assert {(t.batch_size, t.bases) for t in trainings} == {(8, 3 * 20 * 60)}


@pytest.mark.parametrize(
    ("batch", "most", "part"), [(5, 16, 5), (5, 4, 1), (15, 16, 15), (15, 8, 5), (1, 16, 1)]
)
def test_small_batches_are_cut_into_equal_parts(
    batch: int, most: int, part: int, tmp_path: Path
) -> None:
    sweep = asked(tmp_path, shots=(10,), batch_size=batch, micro_batch_size=most)
    assert {spec.training.micro_batch_size for spec in sweep.plan.classifiers} == {part}


def test_shots_are_checked_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="90 shots of each class are requested, but"):
        asked(tmp_path, shots=(10, 90))
    assert asked(tmp_path).axes["shots"] == (10, 50)


def test_too_few_rows_for_the_published_shots_are_told_with_a_number_that_works(
    tmp_path: Path,
) -> None:
    few = {"rows": 20, "split_fractions": (0.6, 0.2, 0.2)}
    with pytest.raises(InputError, match=r"training has 6 .*smallest default of 10.*--shots 5\."):
        asked(tmp_path, **few)
    assert asked(tmp_path, **few, shots=(5,)).axes["shots"] == (5,)


def test_few_shot_sets_need_other_data_to_pretrain_on(tmp_path: Path) -> None:
    folder = str(write_folder(tmp_path / "few"))
    with pytest.raises(InputError, match="no validation rows for pretraining"):
        asked(tmp_path, data=(folder,), split="auto", shots=(4,), species_sets=("none", "all"))
    assert asked(tmp_path, data=(folder,), split="auto", shots=(4,)).plan.cells


def spec_of(dataset: str, *, keep: str = "last", **changes) -> ClassifierSpec:
    values = {
        "tokenizer": TokenizerSpec(
            dataset=dataset, species=(), config=TokenizerConfig.parse("kmer-3")
        ),
        "encoder": None,
        "target": (),
        "model": ModelConfig(layers=1, hidden=16, heads=2, intermediate=32),
        "training": TrainingConfig(
            bases=20 * 60 * 3, batch_size=5, micro_batch_size=5, evaluations=1
        ),
        "shots": 10,
        "classification": ClassificationConfig(keep=keep),
    }
    return ClassifierSpec(**(values | changes))


def stored(storage: Storage, folder: Path, name: str, *, flip: bool = False) -> str:
    """Store a table with all splits; `flip` exchanges the labels of the validation rows."""
    table = toy_table(200)
    table["split"] = np.array(["train", "train", "train", "validation", "test"])[
        np.arange(200) // 2 % 5
    ]
    if flip:
        there = table["split"] == "validation"
        table.loc[there, "label"] = 1 - table.loc[there, "label"]
    path = folder / f"{name}.csv"
    table[["id", "sequence", "label", "split"]].to_csv(path, index=False)
    return obtain_dataset(storage, DatasetConfig(data=(str(path),)))[0]


def test_validation_is_not_looked_at(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "runs")
    weights, scores = [], []
    for name, flip in (("as it is", False), ("flipped", True)):
        spec = spec_of(stored(storage, tmp_path, name, flip=flip))
        outcome = finetune(storage, spec)
        assert outcome.outcome == "completed"
        assert outcome.best["metrics"] == {}
        assert outcome.best["train_loss"] > 0
        folder = storage.find(spec.kind, spec.key)
        weights.append(load_file(folder / CHECKPOINT / "model.safetensors"))
        scores.append(evaluate_on_test(storage, spec))
        assert (folder / SHOTS).is_file()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert np.array_equal(scores[0].scores, scores[1].scores)
    assert scores[0].threshold == 0.5
    assert len(scores[0].ids) == 40
    expected = classification_metrics(scores[0].labels, scores[0].scores, 0.5)
    assert {k.rpartition("/")[2]: v for k, v in scores[0].metrics.items()} == {
        k.rpartition("/")[2]: v for k, v in expected.items()
    }


def test_a_trial_calls_by_its_own_rule_and_not_by_that_of_the_model_it_starts_from(
    tmp_path: Path,
) -> None:
    language = toy_language(8)
    start = build_classifier(
        TINY, tokenizer=language.tokenizer, num_tokens=30, dropout=0.0, seed=0
    )
    start.config.decision_threshold, start.config.average_reverse_complement = 0.17, True
    storage = Storage(tmp_path / "runs")
    model = keep_model(storage, export(start, language.tokenizer, tmp_path / "start"))
    dataset = stored(storage, tmp_path, "x")
    tokenizer = TokenizerSpec(
        dataset=dataset, species=(), config=TokenizerConfig.parse("kmer-3"), model=model
    )
    for keep in ("last", "best"):
        size = describe(kept_model(storage, model))
        spec = spec_of(dataset, keep=keep, tokenizer=tokenizer, checkpoint=model, model=size)
        outcome = finetune(storage, spec)
        config = read_config(storage.find(spec.kind, spec.key) / CHECKPOINT)
        threshold = 0.5 if keep == "last" else outcome.best["metrics"]["validation/threshold"]
        assert config["decision_threshold"] == threshold
        assert evaluate_on_test(storage, spec).threshold == threshold
        assert not config.get("average_reverse_complement")


def test_the_rows_trained_on_are_kept_by_id(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "runs")
    dataset = stored(storage, tmp_path, "x")
    table = load_dataset(storage, dataset).table
    spec = spec_of(dataset, resample=2)
    finetune(storage, spec)
    text = (storage.find(spec.kind, spec.key) / SHOTS).read_text()
    kept = pd.read_csv(io.StringIO(text), dtype={"id": str})
    drawn = draw_shots(table, np.flatnonzero(table["split"] == "train"), 10, 2)
    assert kept["id"].tolist() == table["id"].iloc[drawn].tolist()
    assert kept["label"].value_counts().to_dict() == {0: 10, 1: 10}


def test_the_last_weights_are_kept_where_the_best_were_earlier(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "runs")
    dataset = stored(storage, tmp_path, "x")
    training = TrainingConfig(bases=60 * 20 * 6, batch_size=5, micro_batch_size=5, evaluations=4)
    best, last = (spec_of(dataset, keep=keep, training=training) for keep in ("best", "last"))
    histories = [finetune(storage, spec).history for spec in (best, last)]
    assert [e["train_loss"] for e in histories[0]] == [e["train_loss"] for e in histories[1]]
    outcome = finetune(storage, last)
    assert outcome.best["step"] == outcome.history[-1]["step"] == outcome.steps


def test_the_baseline_learns_from_the_same_shots(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "runs")
    dataset = stored(storage, tmp_path, "x")
    few = score_baseline(storage, dataset, (), shots=10, resample=1)
    other = score_baseline(storage, dataset, (), shots=10, resample=2)
    every = score_baseline(storage, dataset, ())
    assert few.threshold == 0.5
    assert not np.array_equal(few.scores, other.scores)
    assert every.metrics["validation/auroc"] > 0.5
    flipped = stored(storage, tmp_path, "flipped", flip=True)
    assert np.array_equal(
        few.scores, score_baseline(storage, flipped, (), shots=10, resample=1).scores
    )


def test_rows_like_a_test_row_are_held_out_of_pretraining(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "runs")
    judged = stored(storage, tmp_path, "judged")
    table = load_dataset(storage, judged).table
    tested = table["sequence"][table["split"] == "test"].tolist()
    complement = str.maketrans("ACGT", "TGCA")
    like = [
        tested[0],
        "A" + tested[1][:-1],
        tested[2][3:] + "CCC",
        tested[3][::-1].translate(complement),
    ]
    others = toy_sequences(60, seed=9)
    trained = table["sequence"][table["split"] == "train"].iloc[:5].tolist()
    rows = [*like, *others, *trained]
    path = tmp_path / "pretraining.csv"
    split = ["train", "validation", "test"]
    pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(len(rows))],
            "sequence": rows,
            "label": [i % 2 for i in range(len(rows))],
            "split": ["train"] * len(like)
            + [split[i // 2 % 3] for i in range(len(rows) - len(like))],
        }
    ).to_csv(path, index=False)
    dataset, _ = obtain_dataset(storage, DatasetConfig(data=(str(path),), leaks="keep"))
    known = held_out_rows(storage, dataset, judged)
    assert known.tolist() == [True] * len(like) + [False] * (len(rows) - len(like))


def test_rows_that_overlap_a_test_row_on_the_genome_are_held_out(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "runs")
    split = np.resize(["train", "validation", "test"], 60)
    keys = []
    for name, seed in (("judged", 1), ("read", 2)):
        start = 1000 * np.arange(60)
        if name == "read":
            start = start + np.where(np.arange(60) < 30, 599, 600)
        frame = pd.DataFrame(
            {
                "sequence": toy_sequences(60, seed=seed),
                "label": np.arange(60) // 3 % 2,
                "chrom": "chr1" if name == "judged" else "1",
                "start": start,
                "end": start + (600 if name == "judged" else 60),
                "split": split,
            }
        )
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        config = DatasetConfig(data=(str(tmp_path / f"{name}.csv"),), leaks="keep")
        keys.append(obtain_dataset(storage, config)[0])
    # Half of the windows share one base with a row of the judged data, the others touch it.
    known = held_out_rows(storage, keys[1], keys[0])
    assert known.tolist() == [row < 30 and split[row] != "train" for row in range(60)]


def test_tokenizers_are_fitted_without_rows_like_a_test_row(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "runs")
    judged = stored(storage, tmp_path, "judged")
    table = load_dataset(storage, judged).table
    tested = table["sequence"][table["split"] == "test"].tolist()
    others = toy_sequences(60, seed=9)
    rows = pd.DataFrame({"sequence": [*tested, *others], "label": [0, 1] * 50})
    rows["split"] = ["train"] * 80 + ["validation", "test"] * 10
    rows.to_csv(tmp_path / "pretraining.csv", index=False)
    path = str(tmp_path / "pretraining.csv")
    dataset, _ = obtain_dataset(storage, DatasetConfig(data=(path,), leaks="keep"))
    config = TokenizerConfig.parse("bpe-64")
    spec = TokenizerSpec(
        dataset=judged, species=(), config=config, fitted_on=dataset, held_out=judged
    )
    found = obtain_tokenizer(storage, spec)
    assert found.tokens == fit(config, others[:40]).tokens
    assert found.tokens != fit(config, [*tested, *others[:40]]).tokens
    # An enumerated vocabulary is the same for species that the data do not name.
    words = TokenizerConfig.parse("kmer-3")
    absent = TokenizerSpec(dataset=judged, species=("worm",), config=words, fitted_on=dataset)
    assert obtain_tokenizer(storage, absent).config == words
