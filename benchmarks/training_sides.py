"""The two sides of benchmarks/train.py: the training loop of dnasweep and the HuggingFace Trainer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from contenders import now
from dnasweep.config import MaskingConfig, ModelConfig, TokenizerConfig, TrainingConfig
from dnasweep.devices import best_device
from dnasweep.models.architecture import build_masked_lm
from dnasweep.models.pretraining import MaskedLanguageModelling
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.loop import make_optimizer
from dnasweep.models.training.schedule import Schedule
from dnasweep.models.training.train import train
from dnasweep.tokens.corpus import Corpus
from dnasweep.tokens.masking.registry import make_masking
from dnasweep.tokens.masking.scheme import IGNORED
from dnasweep.tokens.tokenizers import DnaTokenizer, fit

WARM_UP = 3
"""Number of untimed steps per turn."""
CURVE_STEPS = 20
"""Steps over which the losses are compared."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    presets: tuple[str, ...] = ("tiny",)
    """Model sizes, by preset name or LAYERSxHIDDEN."""
    tokenizer: str = "bpe-4096"
    """Tokenizer; with bpe, rows have different lengths, so that padding costs something."""
    sequences: int = 1500
    """Rows of random DNA."""
    window: int = 300
    """Bases of a row."""
    batch_size: int = 32
    """Sequences of a step where both sides have the same batch."""
    steps: int = 12
    """Steps timed in each turn, after 3 untimed ones."""
    rounds: int = 3
    """Number of turns of each side; the median is reported."""
    threads: int = 0
    """Threads of torch; 0: as many as torch uses by default."""
    seed: int = 0
    """Seed of the data, the weights and the masks."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Data and model shared by both sides."""

    options: Options
    preset: str
    tokenizer: DnaTokenizer
    corpus: Corpus
    directory: Path

    def model(self) -> Any:
        """Return the model with its initial weights."""
        model: Any = build_masked_lm(
            ModelConfig.preset(self.preset),
            tokenizer=self.tokenizer,
            num_tokens=int(self.corpus.num_tokens().max()),
            dropout=0.0,
            seed=self.options.seed,
        )
        return model.to(best_device())

    def task(self) -> MaskedLanguageModelling:
        """Return the task on all rows but eight."""
        rows = np.arange(self.options.sequences)
        return MaskedLanguageModelling(
            self.corpus,
            self.tokenizer,
            make_masking(MaskingConfig(scheme="random"), self.tokenizer),
            train_rows=rows[8:],
            validation_rows=rows[:8],
            seed=self.options.seed,
        )

    def config(
        self, batch_size: int, steps: int, micro_batch_size: int | None = None
    ) -> TrainingConfig:
        """Return a training of `steps` steps, in micro-batches of our default size or of another."""
        micro = TrainingConfig().micro_batch_size if micro_batch_size is None else micro_batch_size
        return TrainingConfig(
            bases=steps * batch_size * self.options.window,
            batch_size=batch_size,
            micro_batch_size=min(micro, batch_size),
            evaluations=1,
            seed=self.options.seed,
        )


def make_bench(options: Options, preset: str, directory: Path) -> Bench:
    """Return random DNA, tokenised, with the tokenizer saved for transformers."""
    rng = np.random.default_rng(options.seed)
    letters = np.array(list("ACGT"))[rng.integers(4, size=(options.sequences, options.window))]
    sequences = ["".join(row) for row in letters]
    tokenizer = fit(TokenizerConfig.parse(options.tokenizer), sequences)
    tokenizer.save(directory)
    return Bench(
        options=options,
        preset=preset,
        tokenizer=tokenizer,
        corpus=tokenizer.encode(sequences),
        directory=directory,
    )


def our_rate(
    bench: Bench, batch_size: int, precision: Literal["fp32", "bf16"], *, compile: bool = False
) -> float:
    """Return the bases per second of our loop."""
    times: list[float] = []
    seen: list[float] = []

    def note(done: int, total: int, bases: float, loss: float) -> None:
        # The GPU is synchronised only when the time is taken.
        if done in (WARM_UP, total):
            times.append(now())
            seen.append(bases)

    config = bench.config(batch_size, bench.options.steps + WARM_UP)
    config = dataclasses.replace(config, precision=precision, compile=compile)
    train(bench.task(), bench.model(), config, on_step=note)
    return (seen[-1] - seen[0]) / (times[-1] - times[0])


def trainer_rate(bench: Bench, batch_size: int | None) -> float:
    """Return the bases per second of the Trainer; None: with its default batch size."""
    from transformers import (
        AutoTokenizer,
        DataCollatorForLanguageModeling,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    times: list[float] = []

    class Note(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step in (WARM_UP, args.max_steps):
                times.append(now())

    tokenizer = AutoTokenizer.from_pretrained(bench.directory)
    rows = np.split(bench.corpus.ids, bench.corpus.offsets[1:-1])[8:]
    special = {bench.tokenizer.cls_id, bench.tokenizer.sep_id}
    data = [
        {"input_ids": row.tolist(), "special_tokens_mask": [int(i in special) for i in row]}
        for row in rows
    ]
    size: dict[str, Any] = (
        {} if batch_size is None else {"per_device_train_batch_size": batch_size}
    )
    arguments = TrainingArguments(
        output_dir=str(bench.directory / "trainer"),
        max_steps=bench.options.steps + WARM_UP,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=bench.options.seed,
        **size,
    )
    Trainer(
        model=bench.model(),
        args=arguments,
        train_dataset=data,  # type: ignore[arg-type]
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
        callbacks=[Note()],
    ).train()
    bases = bench.options.steps * arguments.train_batch_size * bench.options.window
    return bases / (times[-1] - times[0])


def loss_curves(bench: Bench) -> tuple[list[float], list[float]]:
    """Return the losses of dnasweep, and of the Trainer with the same batches, optimizer and schedule."""
    from torch.utils.data import IterableDataset
    from transformers import Trainer, TrainingArguments

    whole = bench.options.batch_size
    config = bench.config(whole, CURVE_STEPS, micro_batch_size=whole)
    config = dataclasses.replace(config, precision="fp32")
    ours: list[float] = []
    train(
        bench.task(),
        bench.model(),
        config,
        on_step=lambda done, total, bases, loss: ours.append(loss),
        context=DistributedContext(device=best_device()),
    )
    task = bench.task()
    schedule = Schedule(config=config, lengths=task.lengths, bases=task.bases)

    class Steps(IterableDataset[dict[str, torch.Tensor]]):
        def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
            for step in range(schedule.total_steps):
                (part,) = schedule.micro_batches(step)
                batch = task.batch(task.train_rows[part], schedule.epoch(step))
                assert batch.positions is not None
                labels = torch.full_like(batch.ids, IGNORED).flatten()
                labels[batch.positions] = batch.targets
                real = batch.attention
                yield {
                    "input_ids": batch.ids,
                    "attention_mask": torch.ones_like(batch.ids) if real is None else real.long(),
                    "labels": labels.view_as(batch.ids),
                }

    theirs: list[torch.Tensor] = []

    class Recorder(Trainer):
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            loss: Any = super().compute_loss(*args, **kwargs)
            theirs.append(loss.detach())
            return loss

    model = bench.model()
    optimizer = make_optimizer(model, config)
    peak = config.optimizer.learning_rate
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: schedule.learning_rate(min(s, schedule.total_steps)) / peak
    )
    arguments = TrainingArguments(
        output_dir=str(bench.directory / "curve"),
        max_steps=schedule.total_steps,
        per_device_train_batch_size=1,
        max_grad_norm=config.optimizer.clip,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    Recorder(
        model=model,
        args=arguments,
        train_dataset=Steps(),
        data_collator=lambda batches: batches[0],
        optimizers=(optimizer, rates),
    ).train()
    return ours, [float(loss) for loss in theirs]
