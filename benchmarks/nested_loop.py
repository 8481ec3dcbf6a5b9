"""One cell of a tokenizer comparison as run by a nested bash loop: an independent process.

Reads the table, fits the tokenizer, pretrains with the HuggingFace Trainer, fine-tunes with the
HuggingFace Trainer, evaluates, and writes result.json. It does not use dnasweep: this is what a
user would otherwise run.

    python benchmarks/nested_loop.py --table table.csv --tokenizer kmer-6 --learning-rate 5e-4 \\
        --folder cell

The table is CSV with the columns sequence, label, species and split (train, validation, test).
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import tyro
from loop_tokenizer import as_text, fit_tokenizer
from sklearn.metrics import accuracy_score, matthews_corrcoef, roc_auc_score
from transformers import (
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    Trainer,
    TrainingArguments,
)
from transformers.utils import logging


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One combination of the loop."""

    table: Path
    """CSV with sequence, label, species and split."""
    folder: Path
    """Folder for the models, and for result.json with metrics, bases seen and seconds."""
    tokenizer: str = "kmer-6"
    """kmer-K, bpe-SIZE, wordpiece-SIZE or char."""
    species: list[str] = field(default_factory=list)
    """Species to fit the tokenizer and pretrain on; none: all."""
    learning_rate: float = 5e-4
    """Peak learning rate of fine-tuning."""
    pretrain_learning_rate: float = 1e-3
    """Peak learning rate of pretraining."""
    pretrain_bases: int = 1_000_000
    """Pretraining budget in bases; 0: random weights."""
    pretrain_batch_size: int = 64
    """Sequences of a pretraining step."""
    finetune_bases: int = 1_000_000
    """Fine-tuning budget in bases."""
    batch_size: int = 32
    """Sequences of a fine-tuning step."""
    evaluations: int = 8
    """Evaluations on validation during fine-tuning; the best one is kept."""
    warmup: float = 0.1
    """Fraction of steps with a rising learning rate."""
    dropout: float = 0.1
    """Dropout of fine-tuning."""
    layers: int = 2
    """Layers of the encoder."""
    hidden: int = 128
    """Width of the encoder."""
    heads: int = 2
    """Attention heads of the encoder."""
    max_length: int = 0
    """Number of tokens to which every sequence is padded; 0: that of the longest sequence."""
    seed: int = 0
    """Seed of everything."""


class Sequences(torch.utils.data.Dataset):
    """Rows that are tokenised at every access and padded to a fixed length."""

    def __init__(
        self, rows: pd.DataFrame, tokenizer: PreTrainedTokenizerFast, k: int, max_length: int
    ) -> None:
        self.table = rows
        self.sequences = rows["sequence"].tolist()
        self.labels = rows["label"].tolist()
        self.tokenizer, self.k, self.max_length = tokenizer, k, max_length

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, index: int) -> dict[str, object]:
        item = self.tokenizer(
            as_text(self.sequences[index], self.k),
            padding="max_length",
            truncation=True,
            max_length=self.max_length,
            return_token_type_ids=False,
        )
        return {**item, "labels": self.labels[index]}


class Unlabelled(Sequences):
    """The same rows for masked language modelling."""

    def __getitem__(self, index: int) -> dict[str, object]:
        item = super().__getitem__(index)
        del item["labels"]
        return item


def steps_for(bases: int, rows: pd.DataFrame, batch_size: int) -> int:
    """Return the steps that read `bases`; the last batch of an epoch may be short."""
    epochs, rest = divmod(bases, int(rows["sequence"].str.len().sum()))
    rest_rows = rest / rows["sequence"].str.len().mean()
    return epochs * math.ceil(len(rows) / batch_size) + math.ceil(rest_rows / batch_size)


def bases_of(steps: int, rows: pd.DataFrame, batch_size: int) -> float:
    """Return the bases that `steps` have read."""
    epochs, rest = divmod(steps, math.ceil(len(rows) / batch_size))
    read = epochs * len(rows) + min(rest * batch_size, len(rows))
    return read * float(rows["sequence"].str.len().mean())


def scores(labels: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    """Return accuracy, MCC and AUROC of two-class logits (n, 2)."""
    margin = logits[:, 1] - logits[:, 0]
    return {
        "accuracy": float(accuracy_score(labels, margin > 0)),
        "mcc": float(matthews_corrcoef(labels, margin > 0)),
        "auroc": float(roc_auc_score(labels, margin)),
    }


def shared_settings(cell: Cell, folder: Path) -> dict[str, Any]:
    """Return the settings of the Trainer for both of its runs."""
    return {
        "output_dir": str(folder),
        "weight_decay": 0.01,
        "adam_beta2": 0.98,
        "adam_epsilon": 1e-6,
        "warmup_steps": cell.warmup,
        "max_grad_norm": 1.0,
        "seed": cell.seed,
        "logging_steps": 50,
        "dataloader_pin_memory": False,
        "report_to": [],
        "disable_tqdm": True,
    }


def pretrain(
    cell: Cell, config: RobertaConfig, tokenizer: PreTrainedTokenizerFast, rows: Unlabelled
) -> Trainer:
    """Train a masked language model and save it where fine-tuning finds it."""
    settings = TrainingArguments(
        **shared_settings(cell, cell.folder / "pretraining"),
        max_steps=steps_for(cell.pretrain_bases, rows.table, cell.pretrain_batch_size),
        per_device_train_batch_size=cell.pretrain_batch_size,
        learning_rate=cell.pretrain_learning_rate,
        save_strategy="no",
    )
    trainer = Trainer(
        RobertaForMaskedLM(config),
        settings,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
        train_dataset=rows,
    )
    trainer.train()
    trainer.save_model(str(cell.folder / "encoder"))
    return trainer


def finetune(
    cell: Cell,
    model: RobertaForSequenceClassification,
    rows: Sequences,
    validation: Sequences,
) -> Trainer:
    """Train a classifier, and keep the evaluation that was best on validation."""
    steps = steps_for(cell.finetune_bases, rows.table, cell.batch_size)
    settings = TrainingArguments(
        **shared_settings(cell, cell.folder / "finetuning"),
        max_steps=steps,
        per_device_train_batch_size=cell.batch_size,
        per_device_eval_batch_size=cell.batch_size,
        learning_rate=cell.learning_rate,
        eval_strategy="steps",
        eval_steps=math.ceil(steps / cell.evaluations),
        save_strategy="steps",
        save_steps=math.ceil(steps / cell.evaluations),
        save_total_limit=1,
        load_best_model_at_end=True,
        metric_for_best_model="mcc",
    )
    trainer = Trainer(
        model,
        settings,
        train_dataset=rows,
        eval_dataset=validation,
        compute_metrics=lambda p: scores(p.label_ids, p.predictions),
    )
    trainer.train()
    return trainer


def main(cell: Cell) -> None:
    """Run the cell from the table to its metrics."""
    logging.set_verbosity_error()
    started = time.perf_counter()
    table = pd.read_csv(cell.table, keep_default_na=False)
    train = table[table["split"] == "train"]
    of_set = train[train["species"].isin(cell.species)] if cell.species else train
    tokenizer, k = fit_tokenizer(cell.tokenizer, of_set["sequence"].tolist())
    max_length = cell.max_length or max(
        map(len, tokenizer([as_text(s, k) for s in table["sequence"]])["input_ids"])
    )
    torch.manual_seed(cell.seed)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        num_hidden_layers=cell.layers,
        hidden_size=cell.hidden,
        num_attention_heads=cell.heads,
        intermediate_size=4 * cell.hidden,
        max_position_embeddings=max_length + 2,
        type_vocab_size=1,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=2,
    )
    dropout = {
        "hidden_dropout_prob": cell.dropout,
        "attention_probs_dropout_prob": cell.dropout,
    }
    bases = {"pretraining": 0.0}
    if cell.pretrain_bases:
        positives = of_set[of_set["label"] == 1]
        trainer = pretrain(
            cell, config, tokenizer, Unlabelled(positives, tokenizer, k, max_length)
        )
        steps = trainer.state.global_step
        bases["pretraining"] = bases_of(steps, positives, cell.pretrain_batch_size)
        model = RobertaForSequenceClassification.from_pretrained(
            str(cell.folder / "encoder"), num_labels=2, **dropout
        )
    else:
        config.update(dropout)
        model = RobertaForSequenceClassification(config)
    splits = {
        split: Sequences(table[table["split"] == split], tokenizer, k, max_length)
        for split in ("train", "validation", "test")
    }
    trainer = finetune(cell, model, splits["train"], splits["validation"])
    bases["finetuning"] = bases_of(trainer.state.global_step, train, cell.batch_size)
    metrics = {}
    for split in ("validation", "test"):
        predicted = trainer.predict(splits[split])
        for name, value in scores(predicted.label_ids, predicted.predictions).items():
            metrics[f"{split}/{name}"] = value
    result = {
        "metrics": metrics,
        "bases_seen": bases,
        "seconds": time.perf_counter() - started,
        "tokens": max_length,
    }
    (cell.folder / "result.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Cell, description=__doc__))
