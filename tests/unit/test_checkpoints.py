"""Pretrained checkpoints on their way into a sweep: what is wrong with them is said before training."""

from __future__ import annotations

import dataclasses
import io
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from backbone_toys import dnabert, labelled_rows
from dnasweep.config import ModelConfig, TokenizerConfig, TuningConfig
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_masked_lm
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.stages.models import KIND
from dnasweep.storage import Storage
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.checkpoints import prepare_checkpoints
from dnasweep.sweeps.request import prepare_sweep
from dnasweep.tokens.tokenizers import fit
from dnasweep.workflows.announce import announce_plan
from rich.console import Console
from safetensors.torch import load_file
from toys import TINY
from transformers import BertForMaskedLM, BertForSequenceClassification

ROOT = Path(__file__).resolve().parents[2]
QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with labelled rows, DNABERT's files, and an encoder of our own."""
    folder = tmp_path_factory.mktemp("place")
    labelled_rows().to_csv(folder / "rows.csv", index=False)
    dnabert(folder / "dnabert")
    own = fit(TokenizerConfig.parse("bpe-64"), labelled_rows()["sequence"].tolist())
    model = build_masked_lm(TINY, tokenizer=own, num_tokens=40, dropout=0.0, seed=0)
    export(model, own, folder / "ours")
    return folder


def prepare(place, storage, *, tunings=("full",), windows="none", checkpoints=(), **options):
    axes = {
        "tokenizer": options.pop("tokenizers", SweepOptions.tokenizers),
        "species_set": (),
        "tuning": tunings,
        "learning_rate": (1e-3,),
        "seed": (0,),
    }
    asked = SweepOptions(
        data=(str(place / "rows.csv"),),
        storage=str(storage),
        checkpoints=tuple(str(c) for c in checkpoints),
        windows=windows,
        **options,
    )
    return prepare_sweep("backbones", axes, asked, QUIET)


def test_a_model_brings_its_tokenizer_and_none_keeps_the_others(place, tmp_path):
    sweep = prepare(place, tmp_path, checkpoints=[place / "dnabert", place / "ours", "none"])
    cells = [
        (Path(c.checkpoint or "-").name, c.tokenizer, c.species_set) for c in sweep.plan.cells
    ]
    # `kmer` is short for kmer-6.
    usual = ["kmer-6" if t == "kmer" else t for t in SweepOptions.tokenizers]
    others = [("-", t, s) for t in usual for s in ("none", "all")]
    mine = [("dnabert", "kmer-3-overlap", "none"), ("ours", "bpe-64", "none")]
    assert sorted(cells) == sorted([*mine, *others])
    specs = {c[0]: s for c, s in zip(cells, sweep.plan.classifiers, strict=True)}
    assert (specs["dnabert"].model.family, specs["dnabert"].model.max_tokens) == ("bert", 64)
    assert specs["ours"].tokenizer.model == specs["ours"].checkpoint
    assert Storage(tmp_path).find(KIND, specs["dnabert"].checkpoint) is not None


def test_a_dry_run_copies_nothing_and_has_the_same_keys(place, tmp_path):
    dry = prepare(place, tmp_path, checkpoints=[place / "dnabert"], dry_run=True)
    assert not (tmp_path / KIND).exists()
    wet = prepare(place, tmp_path, checkpoints=[place / "dnabert"])
    assert [s.key for s in dry.plan.classifiers] == [s.key for s in wet.plan.classifiers]


def test_another_vocabulary_is_refused(place, tmp_path):
    with pytest.raises(
        InputError,
        match=r"dnabert: .*does not have the vocabulary of bpe-512 but that of .*overlap",
    ):
        prepare(place, tmp_path, checkpoints=[place / "dnabert"], tokenizers=("bpe-512",))
    with pytest.raises(
        InputError, match=r"does not have the vocabulary of kmer-6 but that of bpe-64"
    ):
        prepare(place, tmp_path, checkpoints=[place / "ours"], tokenizers=("kmer-6",))
    # The vocabulary alone does not say whether k-mers overlap; whoever knows may say it.
    made = prepare(place, tmp_path, checkpoints=[place / "dnabert"], tokenizers=("kmer-3",))
    assert [c.tokenizer for c in made.plan.cells] == ["kmer-3"]


def test_directories_that_are_no_checkpoint_are_refused(place, tmp_path):
    with pytest.raises(InputError, match=r"missing: there is no such model directory"):
        prepare(place, tmp_path, checkpoints=["missing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no config\.json"):
        prepare(place, tmp_path, checkpoints=[tmp_path / "empty"])
    with pytest.raises(InputError, match=r"nobody/nothing-of-it: .*hub does not provide it"):
        prepare(place, tmp_path, checkpoints=["nobody/nothing-of-it"])


def pickled(source: Path, folder: Path, state: dict) -> Path:
    """Write what a model of the hub has: its settings, its vocabulary, and pickled weights."""
    folder.mkdir()
    for name in ("config.json", "vocab.txt"):
        (folder / name).write_text((source / name).read_text())
    torch.save(state, folder / "pytorch_model.bin")
    return folder


def convert(message: InputError) -> None:
    """Run the command that a refusal gives."""
    command = str(message.remedy).split("as it is: ")[1]
    name, *arguments = shlex.split(command)
    assert name == "python"
    subprocess.run([sys.executable, *arguments], check=True)


def test_pickled_weights_are_refused_with_the_way_to_convert_them(place, tmp_path):
    weights = BertForMaskedLM.from_pretrained(place / "dnabert").state_dict()
    folder = pickled(place / "dnabert", tmp_path / "it's [pickled]", weights)
    with pytest.raises(InputError, match="the weights are pickled") as caught:
        prepare(place, tmp_path / "runs", checkpoints=[folder], pickle=False)
    convert(caught.value)
    made = prepare(place, tmp_path / "runs", checkpoints=[folder])
    assert made.plan.classifiers[0].model.family == "bert"
    # Every tensor is there as it was, also those that share memory or are views.
    found = load_file(folder / "model.safetensors")
    assert all(torch.equal(found[name], value) for name, value in weights.items())


def test_a_converted_model_of_another_make_is_still_refused(place, tmp_path):
    weights = BertForMaskedLM.from_pretrained(place / "dnabert").state_dict()
    # As GENA-LM has them: normalised before a layer, so under other names.
    changed = {
        n.replace("attention.output.LayerNorm", "pre_attention_ln"): v for n, v in weights.items()
    }
    folder = pickled(place / "dnabert", tmp_path / "pickled", changed)
    with pytest.raises(InputError, match="the weights are pickled") as caught:
        prepare(place, tmp_path / "runs", checkpoints=[folder], pickle=False)
    convert(caught.value)
    with pytest.raises(
        InputError, match=r"those of GENA-LM \(.*pre_attention_ln.*describes another model"
    ):
        prepare(place, tmp_path / "runs", checkpoints=[folder])


def test_targets_and_windows_are_checked_with_every_model(place, tmp_path):
    with pytest.raises(InputError, match=r"dnabert: the LoRA target 'Wqkv' .*query"):
        prepare(place, tmp_path, checkpoints=[place / "dnabert"], tunings=("lora-4@Wqkv",))
    with pytest.raises(InputError, match=r"the LoRA target 'Wqkv' is not a linear layer"):
        prepare(place, tmp_path, tunings=("lora-4@Wqkv",))
    assert prepare(place, tmp_path, tunings=("lora-4@value",), preset="logo").plan.cells
    made = prepare(
        place, tmp_path, checkpoints=[place / "dnabert"], windows="hidden", max_tokens=16
    )
    assert (made.plan.classifiers[0].model.max_tokens, made.recipe.model.windows) == (16, "hidden")


def test_names_come_once_and_none_is_no_model(place, tmp_path):
    found = prepare_checkpoints(
        Storage(tmp_path),
        [str(place / "dnabert"), "none", str(place / "dnabert")],
        model=ModelConfig(),
        tunings=[TuningConfig(), TuningConfig.parse("lora-4")],
    )
    assert [Path(one.name).name for one in found] == ["dnabert"]
    assert found[0].tokenizers == ("kmer-3-overlap", "kmer-3")


def test_a_plan_names_what_cells_with_checkpoints_use(place, tmp_path):
    def said(*names: object) -> str:
        sweep = prepare(place, tmp_path, checkpoints=[place / "dnabert", *names])
        # Narrow, so that the path is written on several lines.
        console = Console(file=io.StringIO(), width=60)
        announce_plan(dataclasses.replace(sweep, console=console))
        return "".join(console.file.getvalue().split())

    alone = said()
    assert "tokenizerkmer-3-overlaptuningfull" in alone
    assert f"checkpoint{place / 'dnabert'}plan" in alone
    assert "speciesset" not in alone
    both = said("none")
    assert "tokenizerkmer-3-overlapkmer-6bpe-512wordpiece-512speciessetnonealltuning" in both
    assert f"checkpoint{place / 'dnabert'}noneplan" in both


def test_a_head_for_another_task_is_said_to_be_replaced(place, tmp_path):
    classifier = tmp_path / "classifier"
    BertForSequenceClassification.from_pretrained(place / "dnabert").save_pretrained(classifier)
    shutil.copy(place / "dnabert" / "vocab.txt", classifier)
    said: list[str] = []
    common = {"model": ModelConfig(), "tunings": [TuningConfig()], "say": said.append}
    prepare_checkpoints(Storage(tmp_path / "runs"), [str(classifier)], **common)
    assert said == [
        f"{classifier}: the classification head (classifier) is not taken from the checkpoint; it starts "
        "from random weights and is trained."
    ]


def test_a_job_ends_with_code_2_and_one_message(place, tmp_path):
    folder = dnabert(tmp_path / "strange")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 12}))
    arguments = ["--data", place / "rows.csv", "--checkpoints", folder, "--storage", "runs"]
    done = subprocess.run(
        [sys.executable, ROOT / "jobs" / "finetune.py", *map(str, arguments)],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "the model has 12 token embeddings" in done.stderr
    assert not (tmp_path / "runs" / "trials").exists()
