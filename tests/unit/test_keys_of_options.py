"""Every option of a sweep or a sharded job either makes another key, or cannot make another result.

An option that is new has to be entered here: under `CHANGES` with a value that makes another key, or
under `SAME` with the reason why it changes no result.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from dnasweep.config import ModelConfig, TokenizerConfig, content_key
from dnasweep.data.dataset_config import dataset_key
from dnasweep.jobs.attribution_request import AttributionOptions
from dnasweep.jobs.attribution_request import prepare_attribution as prepare_attributions
from dnasweep.jobs.design_request import DesignOptions, prepare_designs
from dnasweep.jobs.embedding_request import EmbedOptions, prepare_embeddings
from dnasweep.jobs.marginal_request import MarginalOptions, prepare_marginals
from dnasweep.jobs.prediction_request import PredictOptions, prepare_predictions
from dnasweep.jobs.scan_options import ScanOptions
from dnasweep.jobs.scan_request import prepare_scan
from dnasweep.jobs.variant_options import VariantOptions
from dnasweep.jobs.variant_request import prepare_variants as prepare_variants
from dnasweep.models.architecture import build_masked_lm
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.sweeps.axes import FewShotOptions, SweepOptions
from dnasweep.sweeps.data_options import DataOptions
from dnasweep.sweeps.few_shot import few_shot_cells
from dnasweep.sweeps.request import prepare_sweep, product
from dnasweep.tokens.tokenizers import fit
from dnasweep.workflows.variant_files import digest_of_inputs
from rich.console import Console
from shap_toys import write_model, write_sequences
from toy_data import write_toy_table
from variant_toys import chromosome, write_genome, write_vcf

Keys = Callable[..., object]
PLACES = {
    "storage": ("elsewhere", "where results lie"),
    "tracking_uri": ("sqlite:///other.db", "where results are recorded"),
    "address": ("127.0.0.1:1", "where it is computed; what `auto` means there is asked there"),
    "preflight": (False, "looks at nodes"),
    "dry_run": (True, "starts nothing"),
}
ACTORS = {
    "num_actors": (7, "a row does not depend on who computes it"),
    "gpus_per_actor": (0.5, "a device; the arithmetic on it is --precision"),
    "shard_size": (3, "how rows are cut into parts"),
    "batch_rows": (5, "rows a forward pass: rounding alone, of some 1e-6"),
}
COLUMNS = {
    "sequence_column": ("sequence", "how files are read: the rows that come of it make the key"),
    "genome": (None, "for files of coordinates: the rows that come of it make the key"),
    "first_base": (-20, "for files of coordinates: the rows that come of it make the key"),
    "last_base": (20, "for files of coordinates: the rows that come of it make the key"),
    "label_column": ((), "labels are shown, not used"),
    "split_column": (None, "splits are not used"),
    "id_column": (None, "how files are read: the rows that come of it make the key"),
    "species_column": (None, "how files are read: the rows that come of it make the key"),
}
DATA: dict[str, Any] = {
    "data": "other",
    "format": "csv",
    "positives": "fasta",
    "negatives": "fasta",
    "sequences": "fasta",
    "genome": "fasta",
    "species": "mouse",
    "species_table": "table of species",
    "tree": "tree of species",
    "task": "binary",
    "tracks": "track",
    "bins": 16,
    "positive_label": "0",
    "sequence_column": "sequence",
    "label_column": ("label",),
    "split_column": "species",
    "id_column": "species",
    "species_column": "species",
    "generate_negatives": "shuffled",
    "negative_distance": 5,
    "first_base": -20,
    "last_base": 20,
    "split": "random",
    "split_fractions": (0.6, 0.2, 0.2),
    "split_identity": 0.9,
    "crop": 30,
    "split_groups": "twins",
    "leaks": "drop",
    "train_rows": 40,
    "skip_bad_rows": True,
    "simulated_rows": 24,
    "decoy_rate": 0.5,
    "data_seed": 1,
}
SWEEP: dict[str, Any] = {
    "precision": "bf16",
    "preset": "2x16",
    "max_tokens": 80,
    "windows": ("log-odds", {"max_tokens": 80}),
    "masking": "random",
    "mask_rate": 0.3,
    "pmi": ("naive", {"masking": "genemask"}),
    "pmi_min_count": (3, {"masking": "genemask"}),
    "pmi_table": ("words", {"masking": "genemask"}),
    "stall_threshold": (2.0, {"masking": "cm_gems"}),
    "pretrain_data": "other",
    "pretrain_rows": (30, {"data": (), "simulated_rows": 24}),
    "pretrain_on": "all",
    "pretrain_epochs": 0.5,
    "pretrain_learning_rate": 1e-4,
    "pretrain_batch_size": 8,
    "pretrain_seed": 1,
    "finetune_epochs": 0.3,
    "batch_size": 8,
    "micro_batch_size": 8,
    "warmup": 0.3,
    "weight_decay": 0.5,
    "dropout": 0.3,
    "evaluations": 2,
    "keep": "loss",
    "tuning": "probe",
    "augment_reverse_complement": True,
    "average_reverse_complement": True,
    "class_weights": "balanced",
    "label_smoothing": 0.1,
    "compile": True,
    "unpadding": False,
    "species_sets": ("none",),
    "tokenizers": ("char",),
    "checkpoints": ("model", {"tokenizers": ("kmer-3",)}),
    "continue_pretraining": (True, {"checkpoints": "language"}),
    "baselines": ("kmer", "cnn"),
    "learning_rates": (1e-4,),
    "seeds": (1,),
    "target": "human",
    "pretrain_per_seed": (True, {"seeds": (1,)}),
}
SWEEP_SAME = {
    **PLACES,
    "also": (("tensorboard",), "where else its records go"),
    "workers_per_trial": (2, "gradients are sums over micro-batches, whoever takes them"),
    "cpus_per_worker": (2, "threads"),
    "gpus_per_worker": (0.5, "a device; the arithmetic on it is --precision"),
    "hang_seconds": (9.0, "when to begin again from the last state"),
    "metric": ("auroc", "a trial is the same whatever it is ranked by"),
    "search": ("optuna", "which trials there are, not what one is"),
    "num_samples": (3, "how many trials there are"),
    "asha": (True, "a trial that is stopped early is not published"),
    "name": ("other", "the name of the experiment"),
    "pickle": (False, "whether a checkpoint is taken, not what it is"),
}
FEW_SHOT: dict[str, Any] = {"shots": (5,), "resamples": 2, "maskings": ("span",)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Small inputs, by the names that the tables have for them."""
    root = tmp_path_factory.mktemp("inputs")
    bases = chromosome(3000)
    write_genome(root / "g.fa", chr1=bases, chr2=bases[::-1])
    turn = dict(zip("ACGT", "CGTA", strict=True))
    for name, first in (("a", 100), ("b", 300)):
        lines = [f"chr1 {i} v{i} {bases[i - 1]} {turn[bases[i - 1]]} . . ." for i in (first, 900)]
        write_vcf(root / f"{name}.vcf", lines)
    (root / "known.bed").write_text("chr1\t500\t900\n")
    (root / "motif.jaspar").write_text(
        ">MA1 x\nA [ 9 0 0 9 ]\nC [ 0 9 0 0 ]\nG [ 0 0 9 0 ]\nT [ 0 0 0 0 ]\n"
    )
    plain = write_sequences(root / "s.csv", 9)
    (root / "plain.csv").write_text("\n".join(["sequence", *plain]) + "\n")
    words = [f"{a}{b}{c}" for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    (root / "words.csv").write_text(
        "word,score\n" + "".join(f"{w},{i / 64}\n" for i, w in enumerate(words))
    )
    (root / "species.csv").write_text("name,synonyms\nZea mays,my maize\n")
    (root / "species.nwk").write_text("((human:9,macaque:9):50,mouse:59);\n")
    return {
        "table of species": str(root / "species.csv"),
        "tree of species": str(root / "species.nwk"),
        "toy": str(write_toy_table(root / "toy.csv", rows=120)),
        "other": (str(write_toy_table(root / "other.csv", rows=120, seed=1)),),
        "fasta": str(root / "g.fa"),
        "model": str(write_model(root / "model")),
        "language": (str(write_language_model(root / "language")),),
        "second": str(write_model(root / "second", max_tokens=90)),
        "words": str(root / "words.csv"),
        "sequences": str(root / "s.csv"),
        "plain": str(root / "plain.csv"),
        "vcf": str(root / "a.vcf"),
        "vcf_b": (str(root / "b.vcf"),),
        "bed": str(root / "known.bed"),
        "motif": str(root / "motif.jaspar"),
        # Its content alone makes a key.
        "track": (str(root / "known.bed"),),
        "root": root,
    }


def write_language_model(folder: Path) -> Path:
    """Write a masked language model that reads the rows of the toy table."""
    tokenizer = fit(TokenizerConfig.parse("kmer-3-overlap"), [])
    size = ModelConfig(layers=1, hidden=16, heads=1, intermediate=16)
    model = build_masked_lm(size, tokenizer=tokenizer, num_tokens=300, dropout=0.0, seed=0)
    export(model, tokenizer, folder)
    return folder


def named(value: Any, files: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return a value with names of files filled in, and what else has to hold for it to count."""
    base: dict[str, Any] = {}
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
        value, base = value
    base = {k: files.get(v, v) if isinstance(v, str) else v for k, v in base.items()}
    return (files.get(value, value) if isinstance(value, str) else value), base


def fields_of(*kinds: type) -> set[str]:
    return {field.name for kind in kinds for field in dataclasses.fields(kind)}


@pytest.fixture(scope="module")
def sweep_keys(files: Mapping[str, Any]) -> Keys:
    """Return who computes the keys of all trials of a sweep, and of what these are made of."""

    def keys(**changes: Any) -> object:
        asked: dict[str, Any] = {
            "data": (files["toy"],),
            "storage": str(files["root"] / "runs"),
            "preset": "1x16",
            "precision": "fp32",
            "tokenizers": ("kmer-3-overlap",),
            "species_sets": ("all",),
            "learning_rates": (1e-3,),
            "seeds": (0,),
            "dry_run": True,
        }
        few = changes.pop("few", False)
        options = (FewShotOptions if few else SweepOptions)(**{**asked, **changes})
        axes: dict[str, Any] = {
            "tokenizer": options.tokenizers,
            "species_set": options.species_sets,
            "learning_rate": options.learning_rates,
            "seed": options.seeds,
        }
        if isinstance(options, FewShotOptions):
            axes |= {
                "masking": options.maskings,
                "shots": options.shots or (3,),
                "resample": tuple(range(options.resamples)),
            }
        made = few_shot_cells if few else product
        sweep = prepare_sweep("toy", axes, options, Console(quiet=True), cells=made)
        return sorted(spec.key for spec in sweep.plan.classifiers)

    return keys


def test_every_option_of_a_sweep_is_held_here() -> None:
    held = {*DATA, *SWEEP, *SWEEP_SAME}
    assert fields_of(SweepOptions) == held
    assert fields_of(FewShotOptions) - held == set(FEW_SHOT)
    assert not set(SWEEP_SAME) & {*DATA, *SWEEP}


@pytest.mark.parametrize("name", DATA)
def test_an_option_of_the_data_makes_another_data_set(name: str, files: Mapping[str, Any]) -> None:
    value, base = named(DATA[name], files)
    if name in ("positives", "negatives"):
        value, base = (value,), {"data": ()}
    elif name not in ("simulated_rows", "decoy_rate"):
        base = {"data": (files["toy"],)}
    if name == "sequences":
        value = (value,)
    if name == "bins":
        base["tracks"] = files["track"]
    changed = DataOptions(**{**base, name: value})
    assert dataset_key(changed.dataset) != dataset_key(DataOptions(**base).dataset)


@pytest.mark.parametrize("name", SWEEP)
def test_an_option_of_training_makes_other_trials(
    name: str, files: Mapping[str, Any], sweep_keys: Keys
) -> None:
    value, base = named(SWEEP[name], files)
    if name == "checkpoints":
        value = (value,)
    if name == "pretrain_per_seed":
        # With one encoder for all seeds, the seed of a trial is not that of its encoder.
        assert sweep_keys(**base) != sweep_keys(**base, pretrain_per_seed=True)
        return
    assert sweep_keys(**base, **{name: value}) != sweep_keys(**base)


@pytest.mark.parametrize("name", SWEEP_SAME)
def test_an_option_that_changes_no_trial_makes_the_same_keys(
    name: str, tmp_path: Path, sweep_keys: Keys
) -> None:
    value = SWEEP_SAME[name][0]
    value = str(tmp_path / value) if name == "storage" else value
    assert sweep_keys(**{name: value}) == sweep_keys()


@pytest.mark.parametrize("name", FEW_SHOT)
def test_an_option_of_few_shots_makes_other_trials(name: str, sweep_keys: Keys) -> None:
    base = {"few": True, "resamples": 1}
    assert sweep_keys(**{**base, name: FEW_SHOT[name]}) != sweep_keys(**base)


def test_devices_make_other_keys_where_they_make_another_arithmetic(sweep_keys: Keys) -> None:
    """`auto` is settled before anything is named by it."""
    on_gpus = sweep_keys(precision="auto", gpus_per_worker=1.0)
    assert on_gpus == sweep_keys(precision="bf16")
    assert sweep_keys(precision="auto", gpus_per_worker=0.0) == sweep_keys(precision="fp32")
    assert on_gpus != sweep_keys(precision="fp32")


JOBS: dict[str, tuple[type, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "attributions": (
        AttributionOptions,
        {"model": "model", "data": ("sequences",), "precision": "fp32"},
        {
            "model": "second",
            "data": "other",
            "species": ("mouse", {"data": ("plain",)}),
            "crop": 30,
            "limit": 5,
            "target": "background",
            "against": "background",
            "value": "logit",
            "reference": "deletion",
            "estimator": "permutation",
            "attention_layers": ("rollout", {"estimator": "attention"}),
            "kernel_width": (3.0, {"estimator": "lime"}),
            "anchor_threshold": (0.8, {"estimator": "anchors"}),
            "anchor_tokens": (3, {"estimator": "anchors"}),
            "max_evals": 90,
            "standard_error": 0.5,
            "interactions": 5,
            "seed": 1,
            "precision": "bf16",
        },
        {
            **PLACES,
            **ACTORS,
            "format": ("csv", "how files are read: the rows that come of it make the key"),
            **COLUMNS,
            "skip_bad_rows": (True, "the rows that are left make the key"),
            "report": (False, "a page about the same values"),
            "tss_index": (20, "for the page about the same values, which it names"),
        },
    ),
    "predictions": (
        PredictOptions,
        {"model": "model", "data": ("sequences",), "precision": "fp32"},
        {
            "model": "second",
            "data": ("plain",),
            "species": ("mouse", {"data": ("plain",)}),
            "crop": 30,
            "batch_size": 7,
            "precision": "bf16",
        },
        {
            **PLACES,
            **{name: ACTORS[name] for name in ("num_actors", "gpus_per_actor")},
            "format": ("csv", "how files are read: the rows that come of it make the key"),
            **COLUMNS,
            "skip_bad_rows": (True, "the rows that are left make the key"),
            "out": ("copy.csv", "where the file goes"),
        },
    ),
    "marginals": (
        MarginalOptions,
        {
            "model": "model",
            "data": ("sequences",),
            "crop": 51,
            "motif": "TATAW",
            "other": "YYANW",
            "spacings": ("3..5",),
            "backgrounds": 8,
        },
        {
            "model": "second",
            "data": ("plain",),
            "motif": "TATAA",
            "other": "GGGCG",
            "spacings": ("3..6",),
            "orientations": ("FF",),
            "positions": ("20",),
            "held": "other",
            "motifs": ("motif", {"motif": "MA1"}),
            "instances": "likeliest",
            "backgrounds": 9,
            "length": (51, {"data": (), "crop": None}),
            "gc": (0.4, {"data": (), "crop": None, "length": 51}),
            "target": "background",
            "crop": 45,
            "batch_size": 7,
            "precision": "bf16",
            "seed": 1,
        },
        {
            **PLACES,
            **{name: ACTORS[name] for name in ("num_actors", "gpus_per_actor")},
            "species": ("mouse", "species are not read"),
            "format": ("csv", "how files are read: the rows that come of it make the key"),
            **COLUMNS,
            "skip_bad_rows": (True, "the rows that are left make the key"),
            "out": ("copies", "where copies of the files go"),
        },
    ),
    "designs": (
        DesignOptions,
        {"model": "model", "data": ("sequences",), "crop": 51},
        {
            "model": "second",
            "data": ("plain",),
            "edits": 9,
            "goal": "lower",
            "target": "background",
            "keep_motifs": ("TA",),
            "keep_bases": ("3..9",),
            "motifs": ("motif", {"keep_motifs": ("x",)}),
            "gc": (0.0, 0.9),
            "beam": 2,
            "preselect": 20,
            "explained": 1,
            "crop": 45,
            "batch_size": 7,
            "precision": "bf16",
        },
        {
            **PLACES,
            **{name: ACTORS[name] for name in ("num_actors", "gpus_per_actor")},
            "species": ("mouse", "species are not read"),
            "format": ("csv", "how files are read: the rows that come of it make the key"),
            **COLUMNS,
            "skip_bad_rows": (True, "the rows that are left make the key"),
            "out": ("copies", "where copies of the files go"),
        },
    ),
    "embeddings": (
        EmbedOptions,
        {"model": "model", "data": ("sequences",), "precision": "fp32"},
        {
            "model": "second",
            "data": ("plain",),
            "pooling": "first",
            "species": ("mouse", {"data": ("plain",)}),
            "crop": 30,
            "batch_size": 7,
            "precision": "bf16",
        },
        {
            **PLACES,
            **{name: ACTORS[name] for name in ("num_actors", "gpus_per_actor")},
            "format": ("csv", "how files are read: the rows that come of it make the key"),
            **COLUMNS,
            "skip_bad_rows": (True, "the rows that are left make the key"),
            "out": ("copy", "where the files go"),
        },
    ),
    "scan": (
        ScanOptions,
        {"model": "model", "genome": "fasta", "window": 60, "precision": "fp32"},
        {
            "model": "second",
            "genome": "genome_b",
            "window": 40,
            "stride": 20,
            "strands": "forward",
            "combine": "max",
            "per": "window",
            "max_unknown": 0.5,
            "regions": "bed",
            "chromosomes": ("chr1",),
            "target": "background",
            "threshold": 0.9,
            "merge_gap": 7,
            "min_length": 7,
            "annotations": "beds",
            "widen": (9, {"annotations": "beds"}),
            "tss": "bed",
            "thresholds": (0.33,),
            "shuffles": 7,
            "seed": 1,
            "picture": "chr1:100-900",
            "precision": "bf16",
        },
        {
            **PLACES,
            **ACTORS,
            "match_chromosomes": (True, "the rows that are read make the key"),
            "skip_bad_rows": (True, "the rows that are read, and the others, make the key"),
            "out": ("copies", "where copies of the files go"),
        },
    ),
    "variants": (
        VariantOptions,
        {"model": "model", "genome": "fasta", "data": ("vcf",), "window": 61, "precision": "fp32"},
        {
            "model": "second",
            "genome": "genome_b",
            "data": "vcf_b",
            "saturate": (("chr1:100-103",), {"data": ()}),
            "window": 41,
            "shifts": (),
            "motifs": "motif",
            "motif_p": 1e-3,
            "backgrounds": 3,
            "target": "background",
            "threshold": 0.9,
            "min_delta": 0.2,
            "seed": 1,
            "precision": "bf16",
        },
        {
            **PLACES,
            **ACTORS,
            "match_chromosomes": (True, "the rows that are read make the key"),
            "skip_bad_rows": (True, "the rows that are read, and the others, make the key"),
            "out": ("copies", "where copies of the files go"),
        },
    ),
}
ELSEWHERE = {"variants": {"language_model", "distance"}}
"""Held by tests that have the models for it: `test_variants.py`, `test_output_variants.py`."""


def job_keys(job: str, files: Mapping[str, Any], **changes: Any) -> object:
    """Return everything that names what a job makes."""
    kind, asked, _, _ = JOBS[job]
    filled = {name: named(value, files)[0] for name, value in {**asked, **changes}.items()}
    for name in ("data", "annotations"):
        if isinstance(filled.get(name), tuple):
            filled[name] = tuple(files.get(one, one) for one in filled[name])
    options = kind(**{"storage": str(files["root"] / "runs"), **filled})
    if job == "attributions":
        return prepare_attributions(options).key
    if job == "predictions":
        predicted = prepare_predictions(options)
        return predicted.key, predicted.table.to_csv()
    if job == "marginals":
        return prepare_marginals(options).key
    if job == "designs":
        return prepare_designs(options).key, options.explained
    if job == "embeddings":
        embedded = prepare_embeddings(options)
        return embedded.key, embedded.table.to_csv()
    if job == "variants":
        request = prepare_variants(options)
        return request.key, digest_of_inputs(request), len(request.rejects)
    found = prepare_scan(options)
    asked_of = [options.thresholds, options.shuffles, options.seed]
    known = {stem: frame.to_csv() for stem, frame in found.annotations.items()}
    tss = None if found.tss is None else found.tss.to_csv()
    plan = [found.plan.spans.to_csv(), found.plan.tiles.to_pylist()]
    shown = [dataclasses.asdict(one) for one in (found.track, found.peaks)]
    return content_key(found.settings, plan, shown, known, tss, found.picture, asked_of)


@pytest.mark.parametrize("job", JOBS)
def test_every_option_of_a_job_is_held_here(job: str) -> None:
    kind, _, changes, same = JOBS[job]
    assert fields_of(kind) == {*changes, *same, *ELSEWHERE.get(job, ())}
    assert not set(changes) & set(same)


@pytest.mark.parametrize(("job", "name"), [(job, n) for job in JOBS for n in JOBS[job][2]])
def test_an_option_of_a_job_makes_another_one(job: str, name: str, files: dict[str, Any]) -> None:
    bases = chromosome(3000, seed=5)
    if not (files["root"] / "h.fa").exists():
        # The same letters at the places of the variants.
        old = chromosome(3000)
        write_genome(files["root"] / "h.fa", chr1=old[:905] + bases[905:], chr2=old[::-1])
    extra = {"genome_b": str(files["root"] / "h.fa"), "beds": (files["bed"],)}
    value, base = JOBS[job][2][name], {}
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
        value, base = value
    known = {**files, **extra}
    assert job_keys(job, known, **base, **{name: value}) != job_keys(
        job, known, **(base if base.get("data") else {})
    )


@pytest.mark.parametrize(("job", "name"), [(job, n) for job in JOBS for n in JOBS[job][3]])
def test_an_option_that_changes_no_result_of_a_job_makes_the_same_key(
    job: str, name: str, files: dict[str, Any], tmp_path: Path
) -> None:
    value = JOBS[job][3][name][0]
    value = str(tmp_path / value) if name in ("storage", "out") else value
    assert job_keys(job, files, **{name: value}) == job_keys(job, files)
