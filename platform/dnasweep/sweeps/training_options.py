"""Options of a model and its training, and the configurations built from them.

Learning rates of fine-tuning are an axis of a sweep: :mod:`dnasweep.sweeps.axes`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dnasweep.config import (
    ClassificationConfig,
    MaskingConfig,
    ModelConfig,
    OptimizerConfig,
    PmiVariant,
    TrainingConfig,
)
from dnasweep.config.ranges import (
    Amount,
    Batch,
    Between,
    Checked,
    Count,
    Few,
    NotAll,
    Positive,
    Range,
    Seed,
)

Precision = Literal["fp32", "bf16"]
SimulatedPretrainRows = Annotated[int, Range(0, 1_000_000)]
Tokens = Annotated[int, Range(4, 1_000_000)]


_KEPT: dict[str, Literal["best", "best_auroc", "best_loss"]] = {
    "mcc": "best",
    "auroc": "best_auroc",
    "loss": "best_loss",
}
"""Setting of fine-tuning for each value of the option `--keep`."""


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(Checked):
    """Size of the model and length of its training."""

    preset: str = "tiny"
    """Model size: tiny, small, base, or LAYERSxHIDDEN such as 4x192, followed by -alibi for attention biased
    by distance instead of learned positions; logo for LOGO's ALBERT (2x256)."""
    max_tokens: Tokens | None = None
    """Number of positions of the model, in tokens. Default: as many as the longest sequence needs."""
    windows: Literal["none", "log-odds", "hidden"] = "none"
    """Sequences longer than the model are refused (none), or read in windows that overlap by half, whose log
    odds or hidden states are averaged, both in training and in prediction."""
    masking: str = "auto"
    """Masking scheme: random, span, genemask, global_pmi, cm_step, cm_gems, or auto (spans for
    overlapping k-mers, random for others)."""
    mask_rate: Between = 0.15
    """Fraction of tokens to predict."""
    pmi: PmiVariant = "published"
    """How masking schemes score k-mers: GeneMask's published ranking, pmi_n (minimum over all segmentations),
    bouma or naive."""
    pmi_min_count: Count = 10
    """K-mers that occur fewer times get no score."""
    pmi_table: str | None = None
    """Table of k-mers to use: a key or a file printed by `dnasweep pmi`. Default: k-mers are counted in the
    pretraining rows."""
    stall_threshold: Amount = 1.0
    """cm_gems: masks become harder once the perplexities of two evaluations differ by less than this."""
    pretrain_data: tuple[str, ...] = ()
    """Files for pretraining and for fitting tokenizers. Default: the training rows of the data."""
    pretrain_rows: SimulatedPretrainRows = 0
    """Built-in data: number of sequences per species, from other families, for pretraining and for fitting
    tokenizers instead of the training rows. 0: use the training rows."""
    pretrain_on: Literal["positives", "all"] = "positives"
    """Pretrain on the training rows of the positive class, or on all training rows."""
    pretrain_epochs: Positive = 6.0
    """Pretraining budget, in passes over the training positives of all species; the same number of
    bases for every species set."""
    pretrain_learning_rate: Between = 1e-3
    """Peak learning rate of pretraining."""
    pretrain_batch_size: Batch = 64
    """Sequences per pretraining step, over all workers."""
    pretrain_seed: Seed = 0
    """Seed of pretraining."""
    finetune_epochs: Positive = 5.0
    """Fine-tuning budget, in passes over the training rows."""
    batch_size: Batch = 32
    """Sequences per fine-tuning step, over all workers."""
    micro_batch_size: Batch = 16
    """Maximum number of sequences per forward pass; the batch is divided evenly. With dropout this changes
    results, unlike the number of workers."""
    warmup: NotAll = 0.1
    """Fraction of fine-tuning steps used for warm-up, with a rising learning rate."""
    weight_decay: Amount = 0.01
    """Weight decay."""
    dropout: NotAll = 0.1
    """Dropout of fine-tuning; pretraining has none."""
    evaluations: Few = 5
    """Number of evaluations on validation during fine-tuning; the best one is kept."""
    keep: Literal["mcc", "auroc", "loss"] = "mcc"
    """Validation metric that determines the best evaluation. MCC needs a threshold, which is chosen on the
    same rows; AUROC and the loss do not. For regression, mcc means Pearson's r and loss the root mean
    squared error."""
    tuning: str = "full"
    """Weights that are fine-tuned: full (all), probe (the head), lora-RANK, lora-RANK-aALPHA,
    lora-RANK-aALPHA@LAYER+LAYER."""
    augment_reverse_complement: bool = False
    """Train on a randomly chosen strand of each row, drawn anew in each epoch."""
    average_reverse_complement: bool = False
    """Predict by the mean log odds of both strands, in validation, test and later prediction; stored in the
    model's configuration."""
    class_weights: Literal["none", "balanced"] = "none"
    """Weight classes in the training loss in inverse proportion to their numbers of rows."""
    label_smoothing: NotAll = 0.0
    """Label smoothing: probability mass that training targets spread evenly over all classes."""

    compile: bool = False
    """Compile training steps with torch.compile (about a minute per shape of batch). Meant for small models on
    a GPU, where starting the kernels takes longer than running them. Losses agree within rounding, but
    dropout draws other elements."""
    unpadding: bool = True
    """Compute only the real tokens of training batches in which at least a tenth of the tokens is padding, as in
    small data sets of mixed lengths. Losses agree within rounding, but dropout draws other elements. No effect
    with --compile, on rows read in windows, or on pretrained checkpoints that are not RoBERTa models."""

    def model_config(self) -> ModelConfig:
        """Return the size and kind of the model."""
        return ModelConfig.preset(self.preset, max_tokens=self.max_tokens, windows=self.windows)

    def masking_config(self) -> MaskingConfig:
        """Return which tokens pretraining masks."""
        return MaskingConfig(
            scheme=self.masking, rate=self.mask_rate, threshold=self.stall_threshold
        )

    def classification_config(self) -> ClassificationConfig:
        """Return how fine-tuning shows rows and weighs classes."""
        return ClassificationConfig(
            augment_reverse_complement=self.augment_reverse_complement,
            average_reverse_complement=self.average_reverse_complement,
            class_weights=self.class_weights,
            label_smoothing=self.label_smoothing,
            keep=_KEPT[self.keep],
        )

    def pretraining(self, epoch_bases: float, *, precision: Precision) -> TrainingConfig:
        """Return the schedule of pretraining.

        Parameters
        ----------
        epoch_bases
            Number of bases in one pass over the pretraining rows.
        precision
            Precision of the forward and backward pass.
        """
        batch = self.pretrain_batch_size
        return TrainingConfig(
            bases=max(1, round(self.pretrain_epochs * epoch_bases)),
            batch_size=batch,
            micro_batch_size=micro_batch(batch, batch // 2),
            evaluations=self.evaluations,
            dropout=0.0,
            precision=precision,
            compile=self.compile,
            unpadding=self.unpadding,
            seed=self.pretrain_seed,
            optimizer=OptimizerConfig(learning_rate=self.pretrain_learning_rate, warmup=0.06),
        )

    def finetuning(self, epoch_bases: float, *, precision: Precision) -> TrainingConfig:
        """Return the schedule of fine-tuning; the learning rate and the seed come from the cell.

        If epochs or batch size depend on the number of shots, their defaults are used here.

        Parameters
        ----------
        epoch_bases
            Number of bases in one pass over the training rows.
        precision
            Precision of the forward and backward pass.
        """
        epochs, batch = self.finetune_epochs, self.batch_size
        epochs = TrainingOptions.finetune_epochs if epochs is None else epochs
        batch = TrainingOptions.batch_size if batch is None else batch
        return TrainingConfig(
            bases=max(1, round(epochs * epoch_bases)),
            batch_size=batch,
            micro_batch_size=micro_batch(batch, self.micro_batch_size),
            evaluations=self.evaluations,
            dropout=self.dropout,
            precision=precision,
            compile=self.compile,
            unpadding=self.unpadding,
            optimizer=OptimizerConfig(warmup=self.warmup, weight_decay=self.weight_decay),
        )


def micro_batch(batch: int, most: int) -> int:
    """Return the largest number of sequences, at most `most`, that divides the batch size."""
    return max((n for n in range(1, batch + 1) if n <= most and batch % n == 0), default=1)
