"""Artefacts of every kind, a file of which is damaged: noticed, and made again as it was.

`cases` makes a small storage once and then damages it over and over. A case says `noticed` where the
damage was found and the product has the same content again, and `wrong content` where anything else
came of it; an exception that is none of ours is the driver's to report.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from dnasweep.attribution.worker import AttributionWorker
from dnasweep.config import (
    MaskingConfig,
    ModelConfig,
    PmiConfig,
    TokenizerConfig,
    TrainingConfig,
)
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.formats.reference import open_genome
from dnasweep.genomics.genome_store import StoredGenome, keep_genome
from dnasweep.jobs.attribution_request import KIND as ATTRIBUTIONS
from dnasweep.jobs.attribution_request import (
    AttributionOptions,
    AttributionRequest,
    prepare_attribution,
)
from dnasweep.jobs.computing import close
from dnasweep.jobs.shards.store import Shards
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train_state import Progress
from dnasweep.models.training.train_state_storage import DirectoryStates
from dnasweep.stages import models
from dnasweep.stages.classifier import finetune
from dnasweep.stages.dataset import load_dataset, obtain_dataset
from dnasweep.stages.encoder import pretrain
from dnasweep.stages.outcome import StageOutcome
from dnasweep.stages.pmi import obtain_counts, obtain_table
from dnasweep.stages.scores import evaluate_on_test, score_baseline
from dnasweep.stages.specs import ClassifierSpec, CountsSpec, EncoderSpec, PmiSpec, TokenizerSpec
from dnasweep.stages.tokens import obtain_corpus, tokenizer_report
from dnasweep.storage import Storage
from dnasweep.sweeps.event_log import Evaluated, EventLog, read_event_log
from shap_toys import write_model, write_sequences
from variant_toys import chromosome, write_genome

NOTICED, WRONG = "noticed", "wrong content"
Case = tuple[str, Callable[[], str]]


class Kind(NamedTuple):
    """Artefacts of one kind, and how the product reads them, made again where need be."""

    folder: Path
    """Where its files lie."""
    read: Callable[[], Any]
    """Returns their content, comparable; whatever is damaged is made again."""


class Bench:
    """A storage with an artefact of every kind.

    Parameters
    ----------
    folder
        An empty folder, or one that does not exist.
    """

    def __init__(self, folder: Path) -> None:
        torch.set_num_threads(1)
        self.folder, self.storage = folder, Storage(folder / "runs")
        folder.mkdir(parents=True, exist_ok=True)
        self._data = DatasetConfig(simulate_per_species=24, window=60)
        key, self._dataset = obtain_dataset(self.storage, self._data)
        tokenizer = TokenizerSpec(dataset=key, species=(), config=TokenizerConfig.parse("bpe-48"))
        training = TrainingConfig(bases=3000, batch_size=8, micro_batch_size=8, evaluations=1)
        model = ModelConfig.preset("1x16")
        encoder = EncoderSpec(
            tokenizer=tokenizer,
            species=(),
            model=model,
            masking=MaskingConfig(scheme="random"),
            training=training,
        )
        self.trial = ClassifierSpec(
            tokenizer=tokenizer, encoder=encoder, target=(), model=model, training=training
        )
        self.words = PmiSpec(counts=CountsSpec(k=3, dataset=key), config=PmiConfig(min_count=1))
        write_genome(folder / "g.fa", chr1=chromosome(2000), chr2=chromosome(900, seed=1))
        write_model(folder / "model")
        write_sequences(folder / "toy.csv", 4)
        self._request = self._ask()
        self.kinds = self._make()

    def _make(self) -> dict[str, Kind]:
        storage, trial = self.storage, self.trial
        root, encoder, tokenizer = storage.local, trial.encoder, trial.tokenizer
        assert encoder is not None
        reads: dict[str, Callable[[], Any]] = {
            "datasets": self._read_dataset,
            "tokenizers": lambda: (
                obtain_corpus(storage, tokenizer)[0].encode(["ACGTTGCA"]).ids.tolist()
            ),
            "corpora": self._read_corpus,
            "ngrams": lambda: obtain_counts(storage, self.words.counts).flat.tolist(),
            "pmi": lambda: np.nan_to_num(obtain_table(storage, self.words).scores).tolist(),
            "encoders": lambda: self._read_weights(pretrain, encoder),
            "trials": lambda: self._read_weights(finetune, trial),
            "tests": self._read_scores,
            "models": lambda: models.model_digest(
                models.kept_model(storage, models.keep_model(storage, self.folder / "model"))
            ),
            "genomes": self._read_genome,
            "attributions": self._read_job,
        }
        for read in reads.values():
            read()
        kinds = {name: Kind(root / name, read) for name, read in reads.items()}
        kinds["state"] = Kind(self._write_state(), self._read_state)
        kinds["course"] = Kind(self._write_course(), self._read_course)
        return kinds

    def _read_dataset(self) -> Any:
        key, _ = obtain_dataset(self.storage, self._data)
        found = load_dataset(self.storage, key)
        return found.table.to_csv(), json.dumps(found.audit.to_json()), found.elements.to_csv()

    def _read_corpus(self) -> Any:
        tokenizer, corpus = obtain_corpus(self.storage, self.trial.tokenizer)
        arrays = [getattr(corpus, name).tolist() for name in ("ids", "offsets", "starts", "ends")]
        return tokenizer.config.name, arrays, tokenizer_report(self.storage, self.trial.tokenizer)

    def _read_weights(self, stage: Callable[..., StageOutcome], spec: Any) -> Any:
        if self.storage.find(spec.kind, spec.key) is None:
            stage(self.storage, spec)
        outcome = dataclasses.asdict(stage(self.storage, spec))
        for place in (outcome, outcome["best"], *outcome["history"]):
            for cost in ("device_seconds", "peak_memory_bytes"):
                place.pop(cost, None)
        manifest = self.storage.manifest(spec.kind, spec.key)
        assert manifest is not None
        files = {n: d for n, d in manifest["sha256"].items() if n.startswith("checkpoint/")}
        return outcome, files

    def _read_scores(self) -> Any:
        scored = evaluate_on_test(self.storage, self.trial)
        base = score_baseline(self.storage, self.trial.tokenizer.dataset, ())
        return [(one.scores.tolist(), one.metrics, one.threshold) for one in (scored, base)]

    def _read_genome(self) -> Any:
        with open_genome(self.folder / "g.fa") as fasta:
            key = keep_genome(self.storage, fasta, ["chr1", "chr2"])
        found = StoredGenome(self.storage, key)
        return [found.fetch(name, 0, length) for name, length in found.lengths.items()]

    def _ask(self) -> AttributionRequest:
        return prepare_attribution(
            AttributionOptions(
                model=str(self.folder / "model"),
                data=(str(self.folder / "toy.csv"),),
                storage=str(self.folder / "runs"),
                max_evals=40,
            )
        )

    def _read_job(self) -> Any:
        asked = self._request
        shards = Shards.begin(
            asked.storage, kind=ATTRIBUTIONS, inputs=asked.settings, rows=asked.rows, shard_size=2
        )
        shards.clear_damaged()
        if missing := shards.missing():
            model = models.keep_model(self.storage, self.folder / "model")
            worker = AttributionWorker(
                storage=asked.storage.root,
                kind=models.KIND,
                key=model,
                settings=asked.settings,
            )
            for shard in missing:
                shards.publish(shard, *worker.compute(shards.rows(shard), lambda done: None))
        facts = close(shards, lambda total: {"num_rows": total["num_rows"]})
        folder = shards.fetch()
        files = sorted(folder.glob("shards/*/*.parquet"))
        return facts, shards.num_rows, [(p.parent.name, p.name, p.read_bytes()) for p in files]

    def _write_state(self) -> Path:
        folder = self.folder / "state"
        tensors = {"model.w": torch.arange(40.0), "best.w": torch.ones(40)}
        DirectoryStates(folder).save(Progress(fingerprint="f", step=7, bases_seen=9.0), tensors)
        return folder

    def _read_state(self) -> Any:
        found = DirectoryStates(self.folder / "state").load("f", DistributedContext())
        if found is None:
            self._write_state()
            return self._read_state()
        return found[0].to_json(), {name: one.tolist() for name, one in found[1].items()}

    def _points(self) -> list[Evaluated]:
        return [
            Evaluated("k", n, n / 7, {"step": n, "metrics": {"m": n / 3}}) for n in range(1, 5)
        ]

    def _write_course(self) -> Path:
        course = EventLog(self.folder / "course" / "course.jsonl")
        (self.folder / "course").mkdir(exist_ok=True)
        for point in self._points():
            course.add(point)
        return self.folder / "course"

    def _read_course(self) -> Any:
        points = read_event_log(self.folder / "course" / "course.jsonl")
        if set(points_of(points)) - set(points_of(self._points())):
            return "a point that nobody has written"
        # What is left out is heard again.
        (self.folder / "course" / "course.jsonl").unlink(missing_ok=True)
        self._write_course()
        return "the points that were written"


def points_of(points: list[Evaluated]) -> list[str]:
    """Return points as texts."""
    return [point.text for point in points]


def files_of(kind: Kind) -> list[Path]:
    """Return the files of a kind, in order."""
    return sorted(p for p in kind.folder.rglob("*") if p.is_file() and "damaged" not in p.parts)


def damage(rng: np.random.Generator, file: Path) -> str:
    """Damage a file in one of the ways in which files are damaged, and say how."""
    data = bytearray(file.read_bytes())
    how = str(rng.choice(["bit", "bit", "bit", "byte", "cut", "empty", "zeros", "deleted"]))
    at = int(rng.integers(max(1, len(data))))
    if how == "deleted":
        file.unlink()
        return how
    if how == "bit" and data:
        data[at] ^= 1 << int(rng.integers(8))
    elif how == "byte" and data:
        data[at] = (data[at] + int(rng.integers(1, 256))) % 256
    elif how == "zeros":
        data[at:] = bytes(len(data) - at)
    else:
        del data[at if how == "cut" else 0 :]
    file.write_bytes(data)
    return f"{how} at {at}"


def cases(rng: np.random.Generator, folder: Path) -> Iterator[Case]:
    """Yield cases without end, the kinds in turn.

    Parameters
    ----------
    rng
        Chooses the files and the damage.
    folder
        An empty folder for the storage that is damaged.
    """
    bench = Bench(folder)
    whole = {name: kind.read() for name, kind in bench.kinds.items()}
    while True:
        for name, kind in bench.kinds.items():
            there = files_of(kind)
            file = there[int(rng.integers(len(there)))]
            seed = int(rng.integers(1 << 32))

            def case(
                kind: Kind = kind, file: Path = file, seed: int = seed, name: str = name
            ) -> str:
                damage(np.random.default_rng(seed), file)
                return NOTICED if kind.read() == whole[name] else WRONG

            yield f"{name}/{file.relative_to(kind.folder)}", case
