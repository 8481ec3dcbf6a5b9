"""Parts of `shap_fidelity.py`: games of sequences, converged references, a shapiq process."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from dnasweep.attribution.block import Block
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.estimators import ESTIMATORS
from dnasweep.attribution.settings import SAMPLING_ESTIMATORS, ExplainConfig
from dnasweep.config import content_key
from dnasweep.storage import Storage
from rich.progress import track

SIDE = Path(__file__).with_name("shapiq_side.py")


class Reference(NamedTuple):
    """Shapley values of a sequence by permutations, twice and independently."""

    first: np.ndarray
    second: np.ndarray
    error: np.ndarray
    """Standard error of the mean of both, (tokens,)."""

    @property
    def mean(self) -> np.ndarray:
        """The best known values, (tokens,)."""
        return (self.first + self.second) / 2

    def squared_error(self, phi: np.ndarray) -> float:
        """Return the squared error relative to the squared values.

        Errors of the references are independent, so the expected product of the differences from
        the two references is the squared distance from the true values, however small.
        """
        return float((phi - self.first) @ (phi - self.second) / (self.first @ self.second))


class Found(NamedTuple):
    """Result of an estimator."""

    phi: np.ndarray
    error: np.ndarray | None
    evaluations: int
    seconds: float
    """Seconds in addition to those of the model."""


class Game:
    """A sequence with the interface of a block, which measures the time of the model."""

    cost = 1
    num_sequences = 1

    def __init__(self, explainer: Explainer, sequence: str) -> None:
        self.explainer, self.sequence = explainer, sequence
        self.num_tokens = len(explainer.tokenizer.encode([sequence]).ids) - 2
        self.seconds = 0.0

    def values(self, sequences: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Return the value of coalitions, (rows,)."""
        start = time.perf_counter()
        (found,) = self.explainer.values([self.sequence], [masks])
        self.seconds += time.perf_counter() - start
        return found

    # By `values` alone.
    values_of_each = Block.values_of_each


def ours(game: Game, estimator: str, budget: int, seed: int) -> Found:
    """Return the result of a sampling estimator of the platform."""
    config = ExplainConfig(estimator=estimator, max_evals=budget)  # type: ignore[arg-type]
    block: Any = game
    before, start = game.seconds, time.perf_counter()
    made = ESTIMATORS[estimator](block, config, [np.random.default_rng([seed, budget])])
    seconds = time.perf_counter() - start - (game.seconds - before)
    return Found(made.phi[0], made.standard_error[0], int(made.num_evals[0]), seconds)


def by_default(folder: Path, estimator: str, sequence: str) -> Found:
    """Return the result of an estimator of the platform with its own number of evaluations."""
    config = ExplainConfig(estimator=estimator, precision="fp32")  # type: ignore[arg-type]
    (one,) = Explainer(folder, config).explain([sequence])
    # Other estimators give no errors of Shapley values.
    error = one.standard_error if estimator in SAMPLING_ESTIMATORS else None
    return Found(one.phi, error, one.num_evals, float("nan"))


class Shapiq:
    """A Python process with shapiq, which answers one request after another."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, str(SIDE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def __call__(self, game: Game, estimator: str, budget: int, seed: int) -> Found | None:
        """Return the result of an estimator; None if it refuses."""
        there, back = self._process.stdin, self._process.stdout
        assert there is not None
        assert back is not None
        tokens = game.num_tokens
        there.write(json.dumps([estimator, budget, tokens, seed]).encode() + b"\n")
        there.flush()
        while (line := back.readline().strip()) != b"done":
            packed = np.frombuffer(back.read(int(line) * -(-tokens // 8)), np.uint8)
            masks = np.unpackbits(packed.reshape(int(line), -1), axis=1, count=tokens) == 1
            there.write(game.values(np.zeros(len(masks), int), masks).tobytes())
            there.flush()
        said = json.loads(back.readline())
        if "phi" not in said:
            return None
        return Found(np.array(said["phi"]), None, said["evaluations"], said["seconds"])


def references(
    storage: str, folder: Path, sequences: list[str], evaluations: int
) -> list[Reference]:
    """Return the references of sequences, computed unless they are stored.

    Parameters
    ----------
    storage
        Storage of the references.
    folder
        The classifier.
    sequences
        The sequences.
    evaluations
        Number of evaluations of each of the two, by antithetic permutations.
    """
    found = []
    for sequence in track(sequences, f"references of {folder.name}"):
        settings = {"model": folder.name, "sequence": sequence, "evaluations": evaluations}

        def build(target: Path, sequence: str = sequence) -> None:
            columns = {}
            for half in (1, 2):
                config = ExplainConfig(
                    estimator="permutation", precision="fp32", seed=half, max_evals=evaluations
                )
                (one,) = Explainer(folder, config).explain([sequence])
                columns |= {f"phi{half}": one.phi, f"error{half}": one.standard_error}
            pd.DataFrame(columns).to_parquet(target / "reference.parquet")

        kept = Storage(storage).obtain("benchmark-references", content_key(settings), build)
        table = pd.read_parquet(kept / "reference.parquet")
        error = np.hypot(table["error1"], table["error2"]) / 2
        found.append(
            Reference(table["phi1"].to_numpy(), table["phi2"].to_numpy(), error.to_numpy())
        )
    return found
