"""A model from Python: predictions, embeddings, and sequences in every form."""

from __future__ import annotations

import shutil
from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import pytest
import torch
from api_toys import toy_labelled, toy_model
from dnasweep.api.files import files_of
from dnasweep.data.reading import read_rows
from dnasweep.models.predict import predict_probabilities
from explainer_toys import CLASSES, learnt


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dnasweep.Model:
    return dnasweep.load_model(toy_model(tmp_path_factory.mktemp("api")))


def test_it_says_what_it_is(model: dnasweep.Model) -> None:
    assert "RobertaForSequenceClassification" in repr(model)
    assert model.classes == list(CLASSES)
    assert model.tokenizer.config.name == "kmer-3"
    assert model.threshold == 0.5


def test_its_folder_is_what_commands_take(model: dnasweep.Model, tmp_path: Path) -> None:
    copy = shutil.copytree(model.directory, tmp_path / "copy")
    again = dnasweep.load_model(copy)
    assert again.directory == copy
    assert f", in {copy}>" in repr(dnasweep.Model(copy, name="best of train"))
    assert repr(again).count(str(copy)) == 1


def test_predictions_are_those_of_the_model(model: dnasweep.Model) -> None:
    sequences, names = toy_labelled(40)
    found = model.predict(sequences)
    assert list(found) == ["id", "probability_background", "probability_promoter", "call"]
    assert list(found["id"]) == [str(i) for i in range(40)]
    toy = learnt("kmer-3")
    expected = predict_probabilities(toy.model, toy.tokenizer, sequences)
    np.testing.assert_allclose(
        found[["probability_background", "probability_promoter"]], expected, atol=1e-6
    )
    assert (found["call"] == names).mean() > 0.9


def test_sequences_may_come_in_any_form(model: dnasweep.Model, tmp_path: Path) -> None:
    sequences, _ = toy_labelled(3)
    expected = model.predict(sequences, progress=False)["probability_promoter"]
    fasta = tmp_path / "some.fa"
    fasta.write_text("".join(f">s{i}\n{s}\n" for i, s in enumerate(sequences)))
    named = pd.Series(sequences, index=["a", "b", "c"])
    table = pd.DataFrame({"sequence": sequences, "id": ["x", "y", "z"], "species": "human"})
    for given, ids in (
        (named, ["a", "b", "c"]),
        (dict(named), ["a", "b", "c"]),
        (pd.Series(sequences, index=[7, 7, 9]), ["0", "1", "2"]),
        (np.array(sequences), ["0", "1", "2"]),
        (tuple(s.lower() for s in sequences), ["0", "1", "2"]),
        (table, ["x", "y", "z"]),
        (fasta, ["s0", "s1", "s2"]),
        (str(fasta), ["s0", "s1", "s2"]),
        ([fasta], ["s0", "s1", "s2"]),
    ):
        found = model.predict(given, progress=False)
        assert list(found["id"]) == ids
        np.testing.assert_allclose(found["probability_promoter"], expected, atol=1e-6)
    assert list(model.predict(table)["species"]) == ["human"] * 3
    assert len(model.predict(sequences[0])) == 1


@pytest.mark.parametrize("name", ["seq", "Sequence", "promoter"])
def test_the_sequences_of_a_table_are_found_as_in_a_file(model: dnasweep.Model, name: str) -> None:
    sequences = ["ACGTACGTAC", "TTGACATTGA"]
    table = pd.DataFrame({"gene": ["x", "y"], name: sequences, "y": [0.5, 1.5]})
    found = model.predict(table, progress=False)
    pd.testing.assert_frame_equal(found, model.predict(sequences, progress=False))
    named = model.predict(table.assign(seq_id=["g1", "g2"]), progress=False)
    assert named["id"].tolist() == ["g1", "g2"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["ACGT", "AXGT"], "sequences, row 2: 'X' at position 2"),
        (["ACGT", ""], "row 2: the sequence is empty"),
        (["ACGT", None], "row 2: the sequence is empty"),
        ([], "there are no sequences"),
        (pd.DataFrame(), "there are no sequences"),
        ("", "row 1: the sequence is empty"),
        ({"ACGT", "ACGG"}, "the sequences are of type set"),
        (np.array([["ACGT", "ACGG"]]), "the sequences are of type ndarray"),
        ("missing.fa", "there is no such file"),
        (pd.DataFrame({"x": ["ACGT"]}), "no column with sequences: found x"),
        (pd.DataFrame({"a": ["ACGTACGT"], "b": ["ACGTACGT"]}), "columns a and b both contain"),
        (["ACGT" * 100], "tokens, but the model has"),
        (
            pd.DataFrame({"id": ["a", "a"], "sequence": ["ACGT", "ACGG"]}),
            "the id 'a' already occurs in row 1",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    model: dnasweep.Model, given: object, message: str
) -> None:
    with pytest.raises(dnasweep.InputError, match=message.replace("(", r"\(")):
        model.predict(given, progress=False)


def test_a_name_that_is_dna_and_a_file_is_refused(
    model: dnasweep.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ACGT").write_text(">a\nACGTACGTACGT\n")
    with pytest.raises(dnasweep.InputError, match="is both DNA and the name of a file"):
        model.predict("ACGT")
    assert len(model.predict(Path("ACGT"))) == 1


def test_by_a_job_the_same_probabilities(model: dnasweep.Model, tmp_path: Path) -> None:
    sequences, _ = toy_labelled(20)
    here = model.predict(sequences, progress=False)
    by_job = model.predict(sequences, storage=tmp_path / "runs", progress=False)
    pd.testing.assert_frame_equal(by_job, here, rtol=1e-5)
    with pytest.raises(dnasweep.InputError, match="no storage is given that its machines share"):
        model.predict(sequences, address="10.0.0.1:6379")


def test_labels_reach_a_job_as_they_were_given(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"sequence": ["ACGTACGT", "TTGCATTA", "GGGCATTA"], "label": ["promoter", None, "enhancer"]}
    )
    (path,) = files_of(table, tmp_path)
    written = pd.read_csv(path, sep="\t", keep_default_na=False)
    assert written["label"].tolist() == ["promoter", "", "enhancer"]
    (path,) = files_of((one for one in table["sequence"]), tmp_path)
    assert "label" not in pd.read_csv(path, sep="\t")


def test_ids_and_classes_like_formulas_reach_a_job_as_they_were_given(tmp_path: Path) -> None:
    ids, labels = ["@SRR1", "-35_box", "=x", "+1_start"], ["+ve", "-ve", "+ve", "-ve"]
    table = pd.DataFrame({"id": ids, "sequence": toy_labelled(4)[0], "label": labels})
    found = read_rows(files_of(table, tmp_path))
    assert found.table["id"].tolist() == ids
    assert [found.labels.names[label] for label in found.table["label"]] == labels


def test_an_option_of_the_command_is_checked(model: dnasweep.Model) -> None:
    with pytest.raises(
        dnasweep.InputError, match=r"no option 'batchsize'\. Did you mean 'batch_size'"
    ):
        model.predict(["ACGTACGT"], batchsize=3)
    with pytest.raises(dnasweep.InputError, match="batch_size is 0"):
        model.predict(["ACGTACGT"], batch_size=0)


@pytest.mark.parametrize("size", [0, -3, 2.5])
def test_embeddings_need_a_number_of_sequences_at_a_time(
    model: dnasweep.Model, size: object
) -> None:
    with pytest.raises(dnasweep.InputError, match=f"batch_size is {size}"):
        model.embed(["ACGTACGT"], batch_size=size)


@pytest.mark.parametrize("pooling", ["mean", "max", "first", "last"])
def test_embeddings_are_the_last_hidden_states(model: dnasweep.Model, pooling: str) -> None:
    sequences = [*toy_labelled(5)[0], "ACGTACGTACGTA"]
    found = model.embed(sequences, pooling=pooling, batch_size=4)
    assert found.shape == (6, 32)
    toy = learnt("kmer-3")
    for row, sequence in zip(found, sequences, strict=True):
        ids = torch.from_numpy(toy.tokenizer.encode([sequence]).ids.astype(np.int64))[None]
        with torch.inference_mode():
            states = toy.model.roberta(ids).last_hidden_state[0].numpy()
        inner = states[1:-1]
        poolings = {"mean": inner.mean(0), "max": inner.max(0)}
        expected = (poolings | {"first": states[0], "last": states[-1]})[pooling]
        np.testing.assert_allclose(row, expected, atol=1e-5)


def test_embeddings_of_an_unknown_kind_are_refused(model: dnasweep.Model) -> None:
    with pytest.raises(dnasweep.InputError, match="Use one of mean, max, first, last"):
        model.embed(["ACGTACGT"], pooling="sum")
