"""A process with the estimators of shapiq, started by `shap_fidelity.py`.

shapiq 1.6 needs Python 3.12, which dnasweep does not. A request is a line of JSON on standard input:
estimator, evaluations, tokens and seed. For each request, this process writes coalitions (a line with their
number, then packed bits) and reads outputs (eight bytes each), and ends with a line `done` and a line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import shapiq
from shapiq import approximator

MAKERS: dict[str, Callable[[int, int], Any]] = {
    "KernelSHAP": lambda n, seed: approximator.KernelSHAP(n, random_state=seed),
    # Leverage scores are the same for all sizes (Musco & Witter 2025).
    "LeverageSHAP": lambda n, seed: approximator.KernelSHAP(
        n, random_state=seed, pairing_trick=True, sampling_weights=np.ones(n + 1)
    ),
    "OddSHAP": lambda n, seed: approximator.OddSHAP(n, random_state=seed),
    "OddSHAP, factor 5": lambda n, seed: approximator.OddSHAP(
        n, random_state=seed, interaction_factor=5
    ),
    "PermutationSamplingSV": lambda n, seed: approximator.PermutationSamplingSV(
        n, random_state=seed
    ),
    "SVARM": lambda n, seed: approximator.SVARM(n, random_state=seed),
    "RegressionMSR": lambda n, seed: approximator.RegressionMSR(n, index="SV", random_state=seed),
    "ProxySPEX": lambda n, seed: approximator.ProxySPEX(
        n=n, index="SV", max_order=1, random_state=seed
    ),
    "ProxySHAP": lambda n, seed: approximator.ProxySHAP(
        n=n, index="SV", max_order=1, random_state=seed
    ),
}


def main() -> None:
    """Answer requests until there are none."""
    warnings.simplefilter("ignore")
    # What libraries print must not get among the answers.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        name, budget, tokens, seed = json.loads(line)
        waited, asked = 0.0, 0

        def game(masks: np.ndarray) -> np.ndarray:
            nonlocal waited, asked
            start = time.perf_counter()
            rows = np.atleast_2d(masks).astype(bool)
            out.write(b"%d\n" % len(rows) + np.packbits(rows, axis=1).tobytes())
            out.flush()
            found = np.frombuffer(sys.stdin.buffer.read(8 * len(rows)))
            waited += time.perf_counter() - start
            asked += len(rows)
            return found.copy()

        start = time.perf_counter()
        try:
            values = MAKERS[name](tokens, seed).approximate(budget, game)
            answer: dict[str, Any] = {"phi": [float(values[(i,)]) for i in range(tokens)]}
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        answer |= {
            "seconds": time.perf_counter() - start - waited,
            "evaluations": asked,
            "version": shapiq.__version__,
        }
        out.write(b"done\n" + json.dumps(answer).encode() + b"\n")
        out.flush()


if __name__ == "__main__":
    main()
