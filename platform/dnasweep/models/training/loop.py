"""One optimizer step, and the state carried from one step to the next.

A global batch is divided into micro-batches, which the workers share; gradients are summed over
all of them and divided by the weight of the whole batch, so one worker and several take the same
steps.
"""

from __future__ import annotations

import contextlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dnasweep.config import TrainingConfig, content_key
from dnasweep.devices import is_accelerator
from dnasweep.models.encoder.precision import autocast
from dnasweep.models.encoder.roberta import is_roberta
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.guard import Guard
from dnasweep.models.training.rows import Task, TensorBatch
from dnasweep.models.training.schedule import Schedule
from dnasweep.models.training.train_state import (
    Evaluation,
    Progress,
    pack,
    trained_weights,
    unpack,
)
from dnasweep.models.training.train_state_storage import StateStorage
from dnasweep.tasks.metrics import VALIDATION_PERPLEXITY
from dnasweep.tokens.masking.scheme import MaskingProgress


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """Return fused AdamW, with weight decay for matrices only."""
    settings = config.optimizer
    parameters = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.AdamW(
        [
            {
                "params": [p for p in parameters if p.ndim >= 2],
                "weight_decay": settings.weight_decay,
            },
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        fused=True,
    )


def _seed_dropout(seed: int, step: int, micro_batch: int) -> None:
    """Seed torch for one micro-batch, independently of the worker."""
    words = np.random.SeedSequence([seed, step, micro_batch]).generate_state(2)
    torch.manual_seed(int(words[0]) << 32 | int(words[1]))


class _Objective(nn.Module):
    """Model and loss as one module, so that DDP sees one forward pass."""

    def __init__(self, task: Task, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._loss = task.loss

    def forward(self, batch: TensorBatch) -> tuple[Tensor, Tensor]:
        return self._loss(self.model, batch)


class Loop:
    """A training run in progress: its model, optimizer, progress and best weights so far.

    Parameters
    ----------
    task, model, config
        Task, model and configuration of the training.
    context
        Worker group and rank of this process.
    """

    def __init__(
        self, task: Task, model: Any, config: TrainingConfig, context: DistributedContext
    ) -> None:
        self.task, self.config, self.context = task, config, context
        self.model = model.to(context.device)
        self.schedule = Schedule(config=config, lengths=task.lengths, bases=task.bases)
        self.optimizer = make_optimizer(model, config)
        self.guard = Guard(
            uniform_loss=task.uniform_loss,
            total_steps=self.schedule.total_steps,
            collapse=task.collapse,
        )
        self.progress = Progress(fingerprint=self._fingerprint())
        # This is returned if training diverges before its first evaluation.
        self.best = self._weights()
        self.probabilities: Tensor | None = None
        self.objective: nn.Module = _Objective(task, model)
        # Packed batches have a new shape in each step, for which compiled code would be compiled anew.
        self._unpad = config.unpadding and not config.compile and is_roberta(model)
        if config.compile:
            # In place: the names of the weights stay, and evaluations are not compiled.
            self.objective.compile()
        if context.world_size > 1:
            self.objective = DistributedDataParallel(
                self.objective,
                forward_sync_buffers=False,
                # Other models may have weights that do not affect the loss.
                find_unused_parameters=not is_roberta(model),
            )
        self._pending: list[tuple[Tensor, Tensor]] = []
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._next: tuple[MaskingProgress, Future[list[TensorBatch]]] | None = None

    def _fingerprint(self) -> str:
        shape = {name: [p.requires_grad, *p.shape] for name, p in self.model.named_parameters()}
        rows = [int(self.task.bases.sum()), len(self.task.train_rows)]
        return content_key(self.task.name, self.config, shape, rows)

    def _weights(self) -> dict[str, Tensor]:
        return {name: p.detach().clone() for name, p in trained_weights(self.model)}

    def masking_progress(self, step: int) -> MaskingProgress:
        """Return the progress of training at `step`, given the evaluations so far."""
        metrics = [evaluation.metrics for evaluation in self.progress.evaluations]
        perplexities = (m[VALIDATION_PERPLEXITY] for m in metrics if VALIDATION_PERPLEXITY in m)
        return MaskingProgress(step, self.schedule.total_steps, tuple(perplexities))

    def _make_batches(self, progress: MaskingProgress) -> list[TensorBatch]:
        """Make this worker's micro-batches of a step; a worker without one uses one row."""
        epoch = self.schedule.epoch(progress.step)
        parts = self.schedule.micro_batches(progress.step)
        mine = parts[self.context.rank :: self.context.world_size] or [parts[0][:1]]
        return [
            self.task.batch(self.task.train_rows[part], epoch, progress).to(
                self.context.device, unpad=self._unpad
            )
            for part in mine
        ]

    def _batches(self, step: int) -> list[TensorBatch]:
        """Return the batches of `step`, and start making those of the next step."""
        progress = self.masking_progress(step)
        if self._next is not None and self._next[0] == progress:
            batches = self._next[1].result()
        else:
            # An evaluation in the meantime may have changed the batches of this step.
            batches = self._make_batches(progress)
        # On a CPU there would be no benefit.
        if is_accelerator(self.context.device) and step + 1 < self.schedule.total_steps:
            upcoming = self.masking_progress(step + 1)
            self._next = (upcoming, self._pool.submit(self._make_batches, upcoming))
        return batches

    def train_step(self) -> None:
        """Take one optimizer step; :meth:`check_losses` later reads its loss and gradient norm."""
        self.model.train()
        step, context = self.progress.step, self.context
        parts = self.schedule.micro_batches(step)
        idle = context.rank >= len(parts)
        batches = self._batches(step)
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros(2, device=context.device)
        for i, batch in enumerate(batches):
            more = i + 1 < len(batches)
            ddp = self.objective if isinstance(self.objective, DistributedDataParallel) else None
            with ddp.no_sync() if ddp and more else contextlib.nullcontext():
                if self.config.dropout > 0:
                    _seed_dropout(self.config.seed, step, context.rank + i * context.world_size)
                with autocast(context.device, self.config.precision):
                    nats, weight = self.objective(batch)
                if idle:
                    nats, weight = nats * 0.0, weight * 0.0
                nats.backward()
                total += torch.stack([nats.detach(), weight])
        context.all_reduce_sum_(total)
        weight = total[1].clamp(min=torch.finfo(torch.float32).tiny)
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        # DDP averages the sums over rows of the workers.
        scale = torch.where(total[1] > 0, context.world_size / weight, 0.0)
        norm = torch.nn.utils.get_total_norm(gradients) * scale
        clip = (self.config.optimizer.clip / (norm + 1e-6)).clamp(max=1.0)
        torch._foreach_mul_(gradients, scale * clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate(step)
        self.optimizer.step()
        self._pending.append((total, norm))
        rows = np.concatenate(parts)
        self.progress.bases_seen += float(self.task.bases[rows].sum())
        self.progress.step += 1

    def check_losses(self) -> tuple[float, str | None]:
        """Read the losses of the steps since the last call.

        Returns
        -------
        tuple
            The last loss, in nats, and why the training has diverged, or None.
        """
        totals = torch.stack([torch.cat([t, n[None]]) for t, n in self._pending]).tolist()
        self._pending.clear()
        loss = 0.0
        for nats, weight, norm in totals:
            loss = nats / weight if weight else nats
            if reason := self.guard.diverged(loss, norm):
                return loss, reason
            self.progress.nats += nats
            self.progress.weight += weight
        return loss, None

    def record(self, metrics: dict[str, float], device_seconds: float) -> Evaluation:
        """Append an evaluation of the current weights to the progress, and return it."""
        progress = self.progress
        evaluation = Evaluation(
            step=progress.step,
            epoch=progress.step / self.schedule.steps_per_epoch,
            bases_seen=progress.bases_seen,
            metrics=metrics,
            device_seconds=device_seconds,
            peak_memory_bytes=self.context.peak_memory_bytes(),
            learning_rate=self.schedule.learning_rate(max(progress.step - 1, 0)),
            train_loss=progress.nats / progress.weight if progress.weight else 0.0,
        )
        progress.evaluations.append(evaluation)
        progress.nats = progress.weight = 0.0
        return evaluation

    def _better(self, now: Evaluation, before: Evaluation) -> bool:
        if self.task.selection is None:
            return True
        name, direction = self.task.selection
        sign = 1 if direction == "max" else -1
        return now.metrics[name] * sign > before.metrics[name] * sign

    def keep_if_best(self) -> None:
        """Keep the last weights if their evaluation is the best, or if the last are requested."""
        progress = self.progress
        before = None if progress.best is None else progress.evaluations[progress.best]
        if before is not None and not self._better(progress.evaluations[-1], before):
            return
        progress.best = len(progress.evaluations) - 1
        self.best = self._weights()
        if self.task.probabilities is not None:
            self.probabilities = torch.from_numpy(self.task.probabilities)

    def save(self, storage: StateStorage) -> None:
        """Save the state; only worker 0 writes it."""
        if self.context.rank == 0:
            self.progress.guard = self.guard.state()
            tensors = pack(self.model, self.optimizer, self.best, self.probabilities)
            storage.save(self.progress, tensors)

    def resume(self, storage: StateStorage) -> None:
        """Resume from the newest state in a storage, if there is one."""
        found = storage.load(self.progress.fingerprint, self.context)
        if found is not None:
            self.progress, tensors = found
            self.best, self.probabilities = unpack(tensors, self.model, self.optimizer)
            self.guard.load_state(self.progress.guard)

    def restore_best(self) -> None:
        """Load the best weights into the model, and switch it to evaluation mode."""
        with torch.no_grad():
            for name, parameter in trained_weights(self.model):
                parameter.copy_(self.best[name])
        self.optimizer.zero_grad(set_to_none=True)
        self.model.eval()

    def close(self) -> None:
        """Stop the thread that makes batches."""
        self._pool.shutdown(wait=True, cancel_futures=True)
