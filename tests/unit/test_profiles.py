"""Signals of bigWig tracks along rows: how they are read, learned, measured and predicted."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import pyBigWig
import pytest
from dnasweep.config import ModelConfig, OptimizerConfig, TokenizerConfig, TrainingConfig
from dnasweep.config.model import CONVNET
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.data.datasets import Dataset, build_dataset
from dnasweep.data.labels import Labels
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier
from dnasweep.models.classification import Classification
from dnasweep.models.encoder.bases import as_spans, place_logits
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import train
from dnasweep.tasks.registry import task_of, task_of_model
from dnasweep.tokens.corpus import collate
from dnasweep.tokens.tokenizers import fit
from profile_toys import BASES, ToySignal, write_signal
from scipy import stats
from sklearn.metrics import d2_tweedie_score
from toys import TINY, toy_sequences

BINS = 16
TWO = Labels(task="profile", names=("atac", "dnase"), places=3)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> ToySignal:
    return write_signal(tmp_path_factory.mktemp("signal"))


def config(toy: ToySignal, **options) -> DatasetConfig:
    given = {
        "data": (str(toy.rows),),
        "genome": str(toy.genome),
        "tracks": (str(toy.track),),
        "bins": BINS,
        "split": "random",
    }
    return DatasetConfig(**{**given, **options})


@pytest.fixture(scope="module")
def dataset(toy: ToySignal) -> Dataset:
    return build_dataset(config(toy))


def test_bins_have_the_mean_signal_in_the_direction_of_the_row(
    toy: ToySignal, dataset: Dataset, tmp_path: Path
) -> None:
    assert dataset.labels == Labels(task="profile", names=("atac",), places=BINS)
    targets = dataset.labels.targets(dataset.table)
    for row, one in dataset.table.iterrows():
        own = toy.values[one["start"] : one["end"]].reshape(BINS, -1).mean(axis=1)
        np.testing.assert_allclose(targets[row], own[::-1] if one["strand"] == "-" else own)
    assert (dataset.table["label"] == -1).all()
    said = [finding.message for finding in dataset.audit.findings]
    assert any("the signal of atac is learned, as means of 16 bins per row" in one for one in said)
    dataset.write(tmp_path)
    again = Dataset.read(tmp_path)
    assert again.labels == dataset.labels
    np.testing.assert_array_equal(again.labels.targets(again.table), targets)


def test_bins_of_uneven_rows_hold_every_base_once(toy: ToySignal) -> None:
    found = build_dataset(config(toy, crop=50, bins=7))
    targets = found.labels.targets(found.table)
    edges = np.arange(8) * 50 // 7
    for row, one in found.table.head(20).iterrows():
        values = toy.values[one["start"] : one["end"]]
        values = values[::-1] if one["strand"] == "-" else values
        own = [values[a:b].mean() for a, b in itertools.pairwise(edges)]
        np.testing.assert_allclose(targets[row], own)


def other_track(path: Path, chrom: str, length: int, value: float = 1.0) -> Path:
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([(chrom, length)])
        file.addEntries([chrom], [0], ends=[min(500, length)], values=[value])
    return path


def test_what_cannot_be_read_names_file_row_and_remedy(toy: ToySignal, tmp_path: Path) -> None:
    length = len(toy.values)
    tracks = {
        "short": other_track(tmp_path / "short.bw", "chr1", 400),
        "other": other_track(tmp_path / "other.bw", "chrX", 400),
        "longer": other_track(tmp_path / "longer.bw", "chr1", 10**6),
        "negative": other_track(tmp_path / "negative.bw", "chr1", length, -1.0),
        "infinite": other_track(tmp_path / "infinite.bw", "chr1", length, float("inf")),
        "bed": toy.rows,
        "missing": tmp_path / "missing.bw",
    }
    expected = {
        "short": r"rows.bed, row 1: chr1 has .* bases in the genome, but 400 in short.bw",
        "other": r"rows.bed, row 1: the track other.bw has no chromosome 'chr1'",
        "longer": r"rows.bed, row 1: chr1 has .* bases in the genome, but 1,000,000 in longer.bw",
        "negative": r"rows.bed, row 1: the track negative.bw has negative values",
        "infinite": r"rows.bed, row 1: the track infinite.bw has negative values here, or no finite",
        "bed": "is not a bigWig file",
        "missing": "there is no such file",
    }
    for name, path in tracks.items():
        with pytest.raises(InputError, match=expected[name]) as raised:
            build_dataset(config(toy, tracks=(str(path),)))
        assert raised.value.remedy
    with pytest.raises(InputError, match="row 1: the sequence has fewer than 200 bases"):
        build_dataset(config(toy, bins=200))
    named = [str(other_track(tmp_path / f"{i}.bw", "chr1", 400)) for i in range(60)]
    with pytest.raises(InputError, match="60 tracks in 160 bins are 9,600 numbers") as raised:
        build_dataset(config(toy, tracks=tuple(named), bins=160))
    assert "136 at most" in raised.value.remedy
    with pytest.raises(InputError, match=r"atac\.bw: the track is given twice"):
        build_dataset(config(toy, tracks=(str(toy.track),) * 2))
    (tmp_path / "again").mkdir()
    same = other_track(tmp_path / "again" / "atac.bw", "chr1", length)
    with pytest.raises(InputError, match="two tracks are called atac"):
        build_dataset(config(toy, tracks=(str(toy.track), str(same))))
    table = tmp_path / "plain.csv"
    table.write_text("sequence\n" + "ACGTTGCA" * 10 + "\n")
    with pytest.raises(InputError, match="row 2: the row has no coordinates"):
        build_dataset(config(toy, data=(str(table),)))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"generate_negatives": "shuffled"}, "--generate-negatives makes rows of a class"),
        ({"task": "regression"}, "--task is regression, but the signal of tracks is a profile"),
        ({"task": "profile", "tracks": ()}, "--task is profile, but the signal of tracks"),
        ({"data": (), "genome": None}, "tracks need a genome, but the built-in data have none"),
    ],
)
def test_tracks_do_not_go_with_other_labels(toy: ToySignal, options: dict, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        config(toy, **options)


def simulated(rows: int = 120, seed: int = 0):
    rng = np.random.default_rng(seed)
    rate = np.exp(rng.normal(size=(rows, 3, 2)) + rng.normal(size=(rows, 1, 1)))
    targets = rng.poisson(rate).astype(float)
    found = rate * np.exp(0.3 * rng.normal(size=rate.shape))
    return targets.reshape(rows, -1), found.reshape(rows, -1)


def test_metrics_are_means_over_tracks() -> None:
    targets, found = simulated()
    task = task_of(TWO)
    a, b = targets.reshape(-1, 3, 2), found.reshape(-1, 3, 2)
    expected = {
        "pearson": [stats.pearsonr(a[..., i].ravel(), b[..., i].ravel())[0] for i in (0, 1)],
        "deviance_explained": [
            d2_tweedie_score(a[..., i].ravel(), b[..., i].ravel(), power=1) for i in (0, 1)
        ],
        "row_pearson": [
            np.mean(
                [
                    stats.pearsonr(x, y)[0]
                    for x, y in zip(a[..., i], b[..., i], strict=True)
                    if np.ptp(x)
                ]
            )
            for i in (0, 1)
        ],
    }
    result = task.measure(targets, found, ())
    by_track = task.by_output(targets, found, ())
    for name, values in expected.items():
        assert result[f"validation/{name}"] == pytest.approx(np.mean(values)), name
        assert by_track["dnase"][name] == pytest.approx(values[1]), name
    mean = np.tile(a.mean(axis=(0, 1)), (len(a), 3))
    assert task.collapsed(targets, mean, task.measure(targets, mean, ()))
    assert not task.collapsed(targets, found, result | task.measure(targets, found, ()))
    assert task.worst(targets)["validation/deviance_explained"] == pytest.approx(0)


@pytest.mark.parametrize("metric", ["pearson", "deviance_explained"])
def test_rows_make_the_error_of_a_bootstrap_of_rows(metric: str) -> None:
    targets, predicted = simulated(300)
    task = task_of(TWO)
    found = task.influence(metric, targets, predicted[None], np.zeros(1))
    assert found.values[0] == pytest.approx(
        task.measure(targets, predicted, ())[f"validation/{metric}"]
    )
    rng = np.random.default_rng(2)
    drawn = [rng.integers(0, len(targets), len(targets)) for _ in range(200)]
    values = [task.measure(targets[r], predicted[r], ())[f"validation/{metric}"] for r in drawn]
    assert np.sqrt((found.influence**2).sum()) == pytest.approx(np.std(values), rel=0.25)


def test_predictions_are_stored_as_lists_of_each_track() -> None:
    _, predicted = simulated(5)
    task = task_of(TWO)
    columns = task.packed(predicted)
    assert [len(column[0]) for column in columns] == [3, 3]
    np.testing.assert_array_equal(task.unpacked(columns), predicted)
    np.testing.assert_array_equal(
        task.table(predicted, {})["predicted_dnase"][1], predicted[1, 1::2]
    )


def test_the_baseline_knows_the_mean_profile_and_the_k_mers_around_a_bin(dataset: Dataset) -> None:
    table, task = dataset.table, task_of(dataset.labels)
    targets, rows = dataset.labels.targets(table), table["sequence"].tolist()
    found = task.baseline(
        rows[:150], targets[:150], rows[200:], held=(rows[150:200], targets[150:200])
    )
    metrics = task.measure(targets[200:], found, ())
    assert metrics["validation/pearson"] > 0.6
    assert (found > 0).all()
    sloped = np.tile(np.arange(1.0, BINS + 1), (len(rows), 1))
    flat = task.baseline(rows[:50], sloped[:50] + targets[:50] * 0, rows[50:60])
    np.testing.assert_allclose(flat, sloped[:10], rtol=1e-6)


def model_of(labels: Labels, spec: str = "kmer-3-overlap", size: ModelConfig = TINY):
    tokenizer = fit(TokenizerConfig.parse(spec), toy_sequences(60))
    model = build_classifier(
        size, tokenizer=tokenizer, num_tokens=170, num_labels=len(labels.names),
        label_names=labels.names, dropout=0.0, seed=0, head="bases", places=labels.places,
    )  # fmt: skip
    return model.eval(), tokenizer


def test_a_bin_has_the_mean_of_its_bases(tmp_path: Path) -> None:
    import torch

    model, tokenizer = model_of(TWO)
    corpus = tokenizer.encode(["ACGTTGCAGGCTAACTATAAAAGGC", "ACGTTGCAGG"])
    batch = collate(corpus, np.arange(2), tokenizer.pad_id)
    ids, spans = torch.from_numpy(batch.ids), as_spans(batch.starts, batch.ends)
    attention = torch.arange(ids.shape[1]) < torch.tensor(batch.lengths)[:, None]
    with torch.no_grad():
        found = place_logits(model, ids, attention, spans)
        model.config.bins_per_row = None
        bases = place_logits(model, ids, attention, spans).logits
    assert found.there.all()
    for row, length in enumerate((25, 10)):
        edges = np.arange(4) * length // 3
        for one, (a, b) in enumerate(itertools.pairwise(edges)):
            torch.testing.assert_close(found.logits[row, one], bases[row, a:b].mean(0))


def test_a_trained_model_predicts_in_the_units_of_the_track(
    dataset: Dataset, tmp_path: Path
) -> None:
    task = task_of(dataset.labels)
    rows, targets = dataset.table["sequence"].tolist(), 100 * dataset.labels.targets(dataset.table)
    model, tokenizer = model_of(
        dataset.labels, "char", ModelConfig(layers=2, hidden=32, family=CONVNET)
    )
    training = Classification(
        tokenizer.encode(rows), targets, train_rows=np.arange(200),
        validation_rows=np.arange(200, 240), task=task,
    )  # fmt: skip
    settings = TrainingConfig(
        bases=8 * 200 * BASES, batch_size=20, micro_batch_size=20,
        optimizer=OptimizerConfig(learning_rate=1e-2),
    )  # fmt: skip
    result = train(training, model, settings, context=DistributedContext.current("cpu"))
    assert result.best.metrics["validation/pearson"] > 0.6
    assert result.best.metrics["validation/deviance_explained"] > 0.3
    task.finish(result.model, training.objective, result.best.metrics, None)
    export(result.model, tokenizer, tmp_path)
    found = predict_probabilities(tmp_path, None, rows[200:])
    np.testing.assert_allclose(found, result.probabilities, rtol=1e-4)
    assert found.mean() == pytest.approx(targets[200:].mean(), rel=0.3)
    loaded = dnasweep.load_model(tmp_path)
    assert task_of_model(result.model.config.to_dict()).places == BINS
    table = loaded.predict(rows[200:], progress=False)
    np.testing.assert_allclose(np.stack(table["predicted_atac"]), found, rtol=1e-4)
    with pytest.raises(InputError, match=r"fewer bases than the model has bins \(16\)"):
        loaded.predict(["ACGTACGT"], progress=False)
    explained = dnasweep.explain(
        loaded, rows[200:202], estimator="integrated_gradients", progress=False
    )
    np.testing.assert_allclose(
        explained.sequences["prediction"], np.log(found[:2].sum(axis=1)), atol=1e-4
    )


@pytest.mark.slow
def test_a_sweep_ranks_and_tests_models_of_a_signal(toy: ToySignal, tmp_path: Path) -> None:
    swept = dnasweep.sweep(
        str(toy.rows),
        {"tokenizer": ["kmer-3", "kmer-4"], "species_set": ["none"], "seed": [0, 1]},
        genome=str(toy.genome), tracks=(str(toy.track),), bins=BINS, storage=tmp_path / "runs",
        tracking_uri="none", split="random", preset="1x32x2-alibi", learning_rates=[1e-2],
        finetune_epochs=20, progress=False,
    )  # fmt: skip
    assert swept.metric == "pearson"
    assert swept.selected["test_pearson"].max() > 0.3
    assert swept.tests[["pearson_p", "deviance_explained_p"]].notna().all(axis=None)
    assert "ridge regression on k-mers around each bin" in set(swept.tests["b"])
    found = swept.best().predict(["ACGT" * 40], progress=False)
    assert found["predicted_atac"][0].shape == (BINS,)


def test_labels_of_bins_keep_their_number() -> None:
    assert Labels.from_json(TWO.to_json()) == TWO
    assert "places" not in dataclasses.replace(TWO, task="regression", places=1).to_json()
    assert TWO.columns[:3] == ["output:atac:1", "output:dnase:1", "output:atac:2"]
    frame = pd.DataFrame([[float(i) for i in range(6)]], columns=TWO.columns)
    assert TWO.targets(frame).tolist() == [[0, 1, 2, 3, 4, 5]]
