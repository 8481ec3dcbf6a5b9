"""Embeddings by a job of shards: those of the model itself, whatever was computed before."""

from __future__ import annotations

import dataclasses
import io
import shutil
from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from dnasweep.errors import InputError
from dnasweep.genomics import embeddings
from dnasweep.jobs.embedding_request import EmbedOptions
from dnasweep.jobs.executor import InProcess
from dnasweep.models.embedding import embed_tokens
from dnasweep.models.pretrained.any_head import load_any
from dnasweep.report.embedding_page import principal_components
from dnasweep.storage import Storage
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.workflows import run as jobs_run
from dnasweep.workflows.embeddings import EmbeddingJob
from golden_models import cases
from rich.console import Console
from shap_toys import write_model

NUM, ROWS = 20, 8


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def options(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbedOptions:
    monkeypatch.setattr(embeddings, "ROWS", ROWS)
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "id": [f"row {i}" for i in range(NUM)],
            "sequence": ["".join(rng.choice(list("ACGT"), 30 + i % 5)) for i in range(NUM)],
            "label": np.arange(NUM) % 2,
            "species": np.where(np.arange(NUM) < 12, "human", "mouse"),
        }
    )
    table.to_csv(tmp_path / "rows.csv", index=False)
    return EmbedOptions(
        model=str(model),
        data=(str(tmp_path / "rows.csv"),),
        out=str(tmp_path / "out"),
        storage=str(tmp_path / "runs"),
        batch_size=4,
    )


def run(options: EmbedOptions) -> str:
    """Run a job and return what it said."""
    said = io.StringIO()
    jobs_run.run(EmbeddingJob.of, options, Console(file=said, width=200), executor=InProcess())
    return said.getvalue()


@pytest.mark.parametrize("pooling", ["mean", "max", "first", "last"])
def test_the_vectors_are_those_of_the_model(options: EmbedOptions, pooling: str) -> None:
    said = run(dataclasses.replace(options, pooling=pooling))
    assert f"{NUM} sequences, {NUM} vectors" in said
    table = options.read_rows().table
    expected = dnasweep.load_model(options.model).embed(table, pooling=pooling, progress=False)
    out = Path(options.out)
    found = pd.read_parquet(out / "embeddings.parquet")
    assert found["id"].tolist() == table["id"].tolist()
    np.testing.assert_allclose(np.stack(found["embedding"]), expected, atol=1e-5)
    with np.load(out / "embeddings.npz") as arrays:
        assert arrays["id"].tolist() == table["id"].tolist()
        assert arrays["embeddings"].dtype == np.float32
        np.testing.assert_array_equal(arrays["embeddings"], np.stack(found["embedding"]))


def test_every_token_has_its_bases_and_its_vector(options: EmbedOptions) -> None:
    run(dataclasses.replace(options, pooling="token"))
    table = options.read_rows().table.set_index("id")
    whole = pd.read_parquet(Path(options.out) / "embeddings.parquet")
    net, tokenizer = load_any(options.model), load_tokenizer(Path(options.model))
    assert list(dict.fromkeys(whole["id"])) == table.index.tolist()
    for name, own in whole.groupby("id", sort=False):
        sequence = table.loc[name, "sequence"]
        expected, corpus = embed_tokens(net, tokenizer, [sequence])
        assert len(own) == corpus.num_tokens()[0] - 2
        assert own["start"].tolist() == [0, *own["end"].tolist()[:-1]]
        assert own["end"].iloc[-1] == len(sequence)
        np.testing.assert_allclose(np.stack(own["embedding"]), expected, atol=1e-5)
    vectors = dnasweep.load_model(options.model).embed(table["sequence"].tolist(), progress=False)
    means = [np.stack(own["embedding"]).mean(0) for _, own in whole.groupby("id", sort=False)]
    np.testing.assert_allclose(np.stack(means), vectors, atol=1e-5)
    with np.load(Path(options.out) / "embeddings.npz") as arrays:
        assert len(arrays["embeddings"]) == len(arrays["token"]) == len(whole)


def test_what_is_there_is_not_computed_again(
    options: EmbedOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(options)
    whole = (Path(options.out) / "embeddings.parquet").read_bytes()
    storage = Storage(options.storage)
    (job,) = (storage.local / "embeddings").iterdir()
    shutil.rmtree(job / "shards" / "00001")
    for results in job.glob("results-*"):
        shutil.rmtree(results)
    computed = []
    compute = embeddings.EmbeddingWorker.compute

    def watch(worker, rows, progress):
        computed.append(len(rows))
        return compute(worker, rows, progress)

    monkeypatch.setattr(embeddings.EmbeddingWorker, "compute", watch)
    run(options)
    assert computed == [1, ROWS], "the first row on trial, and the shard that is missing"
    assert (Path(options.out) / "embeddings.parquet").read_bytes() == whole
    computed.clear()
    run(options)
    assert computed == []


def test_the_page_shows_labels_and_species(options: EmbedOptions) -> None:
    run(options)
    out = Path(options.out)
    page = (out / "embeddings.html").read_text()
    for text in ("20 sequences", "human (12)", "mouse (8)", "negative (10)", "of the variance"):
        assert text in page
    assert (out / "components_label.png").is_file()
    assert (out / "components_species.png").is_file()


def test_components_are_those_of_the_singular_value_decomposition() -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 7)) @ np.diag([5, 3, 1, 1, 1, 1, 1])
    found = principal_components(vectors)
    centred = vectors - vectors.mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(found.scores), np.abs(left[:, :2] * sizes[:2]), atol=1e-8)
    np.testing.assert_allclose(found.shares, (sizes**2 / (sizes**2).sum())[:2])
    alike = principal_components(np.ones((4, 3)))
    assert np.isfinite(alike.scores).all()
    assert alike.shares.tolist() == [0, 0]


def test_what_cannot_be_embedded_is_told_by_its_id_beforehand(options: EmbedOptions) -> None:
    path = Path(options.data[0])
    table = pd.read_csv(path)
    table.loc[3, "sequence"] = "ACGT" * 4000
    table.to_csv(path, index=False)
    with pytest.raises(InputError, match=r"sequence 'row 3': the sequence has .* tokens"):
        run(options)
    assert not (Path(options.storage) / "embeddings").exists()


@pytest.mark.parametrize("case", cases("hyenadna", "dnabert2"))
def test_checkpoints_of_the_hub_are_embedded(case: Path, options: EmbedOptions) -> None:
    run(dataclasses.replace(options, model=str(case / "checkpoint"), pooling="last"))
    found = pq.read_table(Path(options.out) / "embeddings.parquet")
    expected = dnasweep.load_model(case / "checkpoint").embed(
        options.read_rows().table, pooling="last", progress=False
    )
    np.testing.assert_allclose(embeddings.as_vectors(found["embedding"]), expected, atol=1e-5)
