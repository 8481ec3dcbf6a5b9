"""Checks of a GPU before its speed is measured: its numbers must agree with those of the CPU."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dnasweep
import numpy as np
import torch
import torch.nn.functional as F
from contenders import CLASSES, write_classifier
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.devices import best_device, is_accelerator
from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.models.encoder.forward import masked_logits
from dnasweep.models.encoder.packed import pack
from dnasweep.models.encoder.packed_attention import has_packed_kernel
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import load_classifier
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.loop import Loop
from dnasweep.models.training.train import train
from training_sides import Bench

CPU = torch.device("cpu")
FP32, BF16, LOSSES = 2e-3, 0.05, 1e-2
"""Maximum differences: of probabilities in fp32 and in bf16, and of losses in nats."""
WINDOW = 120
STEPS = 6


class NotEqual(Exception):
    """A computed value differs from the expected one."""


def check_near(what: str, found: Any, expected: Any, bound: float) -> str:
    """Return the difference between numbers; raise :class:`NotEqual` beyond a bound."""
    apart = float(np.abs(np.asarray(found, float) - np.asarray(expected, float)).max())
    if not apart <= bound:
        raise NotEqual(f"{what}: {apart:.2g} apart, {bound:g} allowed")
    return f"{what} {apart:.1e}"


class Bed:
    """A small model with random weights, and sequences for it.

    Parameters
    ----------
    folder
        Folder for the model.
    """

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        self.sequences = ["".join(rng.choice(list("ACGT"), WINDOW)) for _ in range(24)]
        self.folder = folder
        write_classifier(folder / "model", "2x64", "kmer-3", "".join(self.sequences), WINDOW)
        self.model = folder / "model"


def same_probabilities(bed: Bed, bench: Bench) -> str:
    """Compare predictions on the device with those on the CPU, in any batch, in fp32 and bf16."""
    exact = predict_probabilities(bed.model, None, bed.sequences, device=CPU, dtype="fp32")
    said = []
    for name, dtype, bound in (("fp32", "fp32", FP32), ("bf16", "bf16", BF16)):
        for rows in (1, 24):
            found = predict_probabilities(
                bed.model, None, bed.sequences,
                batch_size=rows, device=best_device(), dtype=dtype,  # type: ignore[arg-type]
            )  # fmt: skip
            said.append(check_near(f"{name} in batches of {rows}", found, exact, bound))
    return ", ".join(said)


def published_numbers(bed: Bed, bench: Bench) -> str:
    """Compare published families with the outputs of their authors' code, if these are available."""
    from safetensors.torch import load_file

    root = Path(os.environ.get("DNASWEEP_REAL_DATA", "../shared/data")) / "golden_models"
    worst, number = 0.0, 0
    for folder in sorted(root.glob("*/*/classifier")):
        model = torch.nn.Module.to(load_classifier(folder), best_device())
        expected = load_file(folder / "expected.safetensors")
        rows = json.loads((folder.parent / "inputs.json").read_text())["ids"]
        for i, ids in enumerate(rows):
            if (value := expected.get(f"alone.{i}.logits")) is None:
                continue
            with torch.inference_mode():
                found = model(input_ids=torch.tensor([ids]).to(best_device())).logits.cpu()
            worst = max(worst, float((found - value).abs().max()))
        number += 1
    if not number:
        return f"left out: no models at {root}, set DNASWEEP_REAL_DATA"
    return f"{number} models: " + check_near("logits", worst, 0.0, LOSSES)


def _losses(
    bench: Bench, device: torch.device, folder: Path | None = None, **how: Any
) -> list[float]:
    config = bench.config(16, STEPS, micro_batch_size=8)
    config = dataclasses.replace(config, evaluations=STEPS, **how.pop("changes", {}))
    context = DistributedContext(device=device)
    result = train(bench.task(), bench.model(), config, context=context, state_dir=folder, **how)
    return [one.train_loss for one in result.evaluations]


def same_training(bed: Bed, bench: Bench) -> str:
    """Compare the losses of a training run with those on the CPU, in fp32, compiled, and in bf16."""
    here, there = _losses(bench, CPU), _losses(bench, best_device())
    compiled = _losses(bench, best_device(), changes={"compile": True})
    rounded = _losses(bench, best_device(), changes={"precision": "bf16"})
    return ", ".join(
        [
            check_near("losses in fp32", there, here, LOSSES),
            check_near("compiled", compiled, here, LOSSES),
            check_near("in bf16", rounded, here, 10 * LOSSES),
        ]
    )


def real_tokens_alone(bed: Bed, bench: Bench) -> str:
    """Compare losses and gradients of rows of mixed lengths without padding with those of padded batches."""
    device, task, model = best_device(), bench.task(), bench.model()
    _, *rows = np.argsort(task.lengths)[:: max(1, len(task.lengths) // 8)]
    batch = task.batch(task.train_rows[rows], 0)
    lengths = np.linspace(8, batch.ids.shape[1], len(rows)).astype(int)
    real = torch.arange(batch.ids.shape[1]) < torch.from_numpy(lengths)[:, None]
    ids, attention = batch.ids.to(device), real.to(device)
    positions = real.flatten().nonzero()[::5, 0].to(device)
    said = []
    for dtype, bound in ((torch.float32, FP32), (torch.bfloat16, BF16)):
        found = []
        for where in (None, pack(real, device)):
            model.zero_grad(set_to_none=True)
            with torch.autocast(device.type, dtype=dtype, enabled=dtype is torch.bfloat16):
                logits = masked_logits(model, ids, attention, positions, where).float()
            nats = F.cross_entropy(logits, ids.flatten()[positions])
            nats.backward()
            norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters()])
            found.append([nats.item(), norm.item()])
        name = str(dtype).removeprefix("torch.")
        said.append(check_near(f"loss and norm of the gradient in {name}", *found, bound))
    heads = model.roberta.encoder.layer[0].attention.self
    query = torch.empty(1, heads.attention_head_size, dtype=torch.bfloat16, device=device)
    said.append("with the kernel" if has_packed_kernel(query) else "without a kernel")
    return ", ".join(said)


def resumed_training(bed: Bed, bench: Bench) -> str:
    """Stop a training run, resume it, and compare it with one that was not stopped."""

    class Stopped(Exception):
        pass

    def stop(done: int, total: int, bases: float, loss: float) -> None:
        if done == STEPS // 2 + 1:
            raise Stopped

    folder = bed.folder / "state"
    whole = _losses(bench, best_device())
    try:
        _losses(bench, best_device(), folder, on_step=stop)
        raise NotEqual("the training was not stopped")
    except Stopped:
        pass
    return check_near("losses", _losses(bench, best_device(), folder), whole, LOSSES)


def no_wait_in_a_step(bed: Bed, bench: Bench) -> str:
    """Run two steps in which torch raises an error if the host waits for the device."""
    device = best_device()
    loop = Loop(
        bench.task(), bench.model(), bench.config(16, STEPS), DistributedContext(device=device)
    )
    try:
        loop.train_step()
        strict = device.type == "cuda"
        if strict:
            torch.cuda.set_sync_debug_mode("error")
        try:
            loop.train_step()
            loop.train_step()
        finally:
            if strict:
                torch.cuda.set_sync_debug_mode("default")
        loop.check_losses()
    finally:
        loop.close()
    return "none in two steps" if strict else "left out: only a GPU of torch.cuda tells"


def an_attribution_job(bed: Bed, bench: Bench) -> str:
    """Explain sequences by a job in this process, and compare the values with those on the CPU."""
    found = _explained(bed)
    config = ExplainConfig(target=CLASSES[1], max_evals=100, precision="fp32")
    expected = [one.phi for one in Explainer(bed.model, config, device=CPU).explain(bed.sequences)]
    return check_near("attributions, nats", found, np.concatenate(expected), LOSSES)


def _explained(bed: Bed, **where: Any) -> np.ndarray:
    frame = dnasweep.explain(
        bed.model, bed.sequences,
        target=CLASSES[1], max_evals=100, precision="fp32", progress=False, **where,
    ).to_frame()  # fmt: skip
    return frame["phi"].to_numpy()


def a_scan(bed: Bed, bench: Bench) -> str:
    """Scan a small genome by a job in this process, and compare the track with the CPU's log odds."""
    genome = bed.folder / "genome.fa"
    text = "".join(bed.sequences[:8])
    genome.write_text(f">chr1\n{text}\n")
    tracks = dnasweep.scan(
        bed.model, genome,
        window=WINDOW, stride=WINDOW, target=CLASSES[1], threshold=0.5, shuffles=2,
        strands="forward", precision="fp32", progress=False,
    )  # fmt: skip
    found = tracks.to_frame().select_dtypes("number").iloc[:, -1].to_numpy()
    odds = SequenceValues(bed.model, target=CLASSES[1]).log_odds(bed.sequences[:8])
    return check_near("probabilities", found[:8], 1 / (1 + np.exp(-odds)), FP32)


def two_actors(bed: Bed, bench: Bench) -> str:
    """Explain with two Ray actors that share the device, and compare with one process."""
    share = 0.5 if is_accelerator(best_device()) else 0
    alone = _explained(bed)
    both = _explained(
        bed, storage=bed.folder / "runs", address="local", num_actors=2, gpus_per_actor=share,
        tracking_uri="none", preflight=False,
    )  # fmt: skip
    return check_near("attributions, nats", both, alone, LOSSES)


CHECKS: dict[str, Callable[[Bed, Bench], str]] = {
    "predictions": same_probabilities,
    "published models": published_numbers,
    "training": same_training,
    "real tokens alone": real_tokens_alone,
    "resumed training": resumed_training,
    "waits in a training step": no_wait_in_a_step,
    "attribution job": an_attribution_job,
    "scan": a_scan,
    "two actors on one device": two_actors,
}
"""Checks by name, in the order of their cost."""
