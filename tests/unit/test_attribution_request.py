"""An attribution job before anything is computed: what is read, refused, left out and keyed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from dnasweep.errors import InputError
from dnasweep.jobs.attribution_request import (
    AttributionOptions,
    AttributionRequest,
    prepare_attribution,
)
from shap_toys import averaging, write_model, write_sequences

NUM = 12


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def options(model: Path, tmp_path: Path) -> AttributionOptions:
    write_sequences(tmp_path / "toy.csv", NUM)
    return AttributionOptions(
        model=str(model), data=(str(tmp_path / "toy.csv"),), storage=str(tmp_path / "runs")
    )


def prepare(options: AttributionOptions, **changes: object) -> AttributionRequest:
    return prepare_attribution(dataclasses.replace(options, **changes))


def add(options: AttributionOptions, *rows: str) -> None:
    with Path(options.data[0]).open("a") as file:
        file.write("".join(f"{row}\n" for row in rows))


def test_a_request_knows_its_rows_and_settings(options: AttributionOptions) -> None:
    request = prepare(options)
    assert request.rows.column_names == ["row", "id", "species", "label", "sequence"]
    assert sorted(request.rows["row"].to_pylist()) == list(range(NUM))
    widths = [-(-len(s) // 3) for s in request.rows["sequence"].to_pylist()]
    assert request.settings["target"] == "promoter"
    assert request.settings["classes"] == ["background", "promoter"]
    assert request.settings["tokenizer"] == "kmer-3"
    assert request.shard_size == 8
    assert request.storage.find("models", request.settings["model"]) is not None
    assert widths[0] >= widths[-1], "the longest come first"


def test_only_what_makes_the_result_makes_the_key(
    options: AttributionOptions, tmp_path: Path
) -> None:
    key = prepare(options).key
    same: list[dict] = [
        {"target": "promoter"},
        {"shard_size": 3, "num_actors": 7, "batch_rows": 5},
        {"storage": str(tmp_path / "elsewhere")},
        {"limit": NUM},
        {"report": False, "dry_run": True, "gpus_per_actor": 0, "tss_index": 20},
    ]
    assert {prepare(options, **changes).key for changes in same} == {key}
    other: list[dict] = [
        {"target": "background"},
        {"seed": 1},
        {"max_evals": 80},
        {"value": "logit"},
        {"reference": "deletion"},
        {"estimator": "permutation"},
        {"limit": NUM - 1},
        {"crop": 30},
        {"precision": "bf16"},
        # On GPUs `auto` is another arithmetic.
        {"gpus_per_actor": 0.5},
    ]
    keys = {prepare(options, **changes).key for changes in other}
    assert len(keys | {key}) == len(other) + 1


def test_labels_are_not_needed(options: AttributionOptions, tmp_path: Path) -> None:
    (tmp_path / "new.fa").write_text(">a\nACGTACGTAC\n>b\nGGGTACGTAC\n")
    request = prepare(options, data=(str(tmp_path / "new.fa"),), species="mouse")
    assert request.rows["label"].to_pylist() == [-1, -1]
    assert request.rows["species"].to_pylist() == ["mouse", "mouse"]


def test_the_first_sequences_cut_to_their_middle(options: AttributionOptions) -> None:
    whole = prepare(options).rows.to_pandas().set_index("row")["sequence"]
    request = prepare(options, limit=5, crop=21)
    found = request.rows.to_pandas().set_index("row")["sequence"]
    assert sorted(found.index) == [0, 1, 2, 3, 4]
    left = (len(whole[3]) - 21) // 2
    assert found[3] == whole[3][left : left + 21]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            f"long,{'ACG' * 23},1,human",
            r"toy\.csv, row 14: sequence 'long' of 69 bases has 25 tok",
        ),
        (f"blank,{'N' * 30},1,human", r"toy\.csv, row 14: sequence 'blank' has no known base"),
        ("x,ACG!T,1,human", r"toy\.csv, row 14: "),
    ],
)
def test_a_sequence_that_cannot_be_explained_is_named_or_left_out(
    options: AttributionOptions, row: str, said: str
) -> None:
    add(options, row, f"last,{'ACGTA' * 10},0,mouse")
    with pytest.raises(InputError, match=said) as caught:
        prepare(options)
    assert "--skip-bad-rows" in str(caught.value.remedy)
    request = prepare(options, skip_bad_rows=True)
    assert len(request.rows) == NUM + 1
    assert sorted(request.rows["row"].to_pylist()) == list(range(NUM + 1))
    (reject,) = request.rejects
    assert (Path(reject.file).name, reject.row) == ("toy.csv", 14)


def test_nothing_left_is_an_error(options: AttributionOptions, tmp_path: Path) -> None:
    (tmp_path / "n.fa").write_text(">a\nNNNNNN\n>b\nNNNNNNNNN\n")
    with pytest.raises(InputError, match=r"no usable sequence is left; the first of 2"):
        prepare(options, data=(str(tmp_path / "n.fa"),), skip_bad_rows=True)
    (tmp_path / "empty.fa").write_text("")
    with pytest.raises(InputError, match="empty"):
        prepare(options, data=(str(tmp_path / "empty.fa"),))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": "enhancer"}, r"no class 'enhancer'.*background, promoter"),
        ({"max_evals": 2}, "max_evals is 2"),
        ({"limit": 0}, "limit is 0"),
        ({"shard_size": 0}, "shard_size is 0"),
        ({"num_actors": 0}, "num_actors is 0"),
        ({"batch_rows": -1}, "batch_rows is -1"),
        ({"gpus_per_actor": -0.5}, "gpus_per_actor is -0.5"),
        ({"tss_index": 59}, "tss_index is 59, but the longest sequence has 59"),
        ({"crop": 31, "tss_index": 31}, "tss_index is 31, but the longest sequence has 31"),
        ({"estimator": "permutation", "max_evals": 38}, "--max-evals 42"),
        ({"estimator": "integrated_gradients", "max_evals": 7}, "Give --max-evals 8 or more"),
        ({"standard_error": float("nan")}, "standard_error is nan"),
        ({"standard_error": float("inf")}, "standard_error is inf"),
        ({"crop": 500}, r"row 2: .*bases"),
        ({"model": "nowhere"}, "no model is found for 'nowhere'|cannot be looked up"),
        (
            {"estimator": "integrated_gradients", "reference": "deletion"},
            "cannot leave tokens out",
        ),
        (
            {"estimator": "kernel"},
            r"no estimator kernel any more.*Use adjusted_kernel",
        ),
        ({"data": ("missing.csv",)}, r"missing\.csv"),
    ],
)
def test_what_cannot_be_done_is_said_before_it_is_begun(
    options: AttributionOptions, changes: dict, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        prepare(options, **changes)


def test_the_start_in_cut_sequences_is_not_inferred_from_their_length(
    options: AttributionOptions, tmp_path: Path
) -> None:
    assert "tss_index" not in prepare(options).settings
    assert prepare(options, crop=31).settings["tss_index"] == -1
    genome, starts = tmp_path / "g.fa", tmp_path / "starts.bed"
    genome.write_text(">chr1\n" + "ACGTTGCA" * 40 + "\n")
    cut = {"data": (str(starts),), "genome": str(genome), "first_base": -20, "last_base": 29}
    starts.write_text("chr1\t100\t101\ta\t0\t+\nchr1\t200\t201\tb\t0\t-\n")
    assert prepare(options, **cut).settings["tss_index"] == 20
    starts.write_text("chr1\t100\t140\ta\t0\t+\nchr1\t200\t201\tb\t0\t-\n")
    assert prepare(options, **cut).settings["tss_index"] == -1, "not all are cut around a start"


def test_a_dry_run_keeps_no_model(options: AttributionOptions) -> None:
    request = prepare(options, dry_run=True)
    assert request.storage.find("models", request.settings["model"]) is None
    assert not (request.storage.local / "attributions").exists()


def test_a_model_that_calls_by_both_strands_is_known_as_such(
    options: AttributionOptions, tmp_path: Path
) -> None:
    assert not prepare(options).averaged
    found = prepare(options, model=averaging(options.model, tmp_path))
    assert found.averaged
    assert found.key != prepare(options).key
