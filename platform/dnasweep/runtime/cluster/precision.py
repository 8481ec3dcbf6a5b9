"""What `--precision auto` stands for, settled once before anything is named by it.

The arithmetic is part of what a result is made of, and so of its key. Left to each worker, one sweep
could mix two, and a second one with other machines would be served what it did not ask for.
"""

from __future__ import annotations

import os
from typing import Literal

import ray

from dnasweep.models.encoder.precision import this_machine_has_bf16
from dnasweep.runtime.cluster.autoscaler import machine_kinds
from dnasweep.runtime.cluster.session import look_around, session


def resolve_precision(
    asked: Literal["auto", "fp32", "bf16"], *, gpus: float | None, address: str | None
) -> Literal["fp32", "bf16"]:
    """Return the arithmetic of a whole sweep or job: `auto` is bf16 where it computes on GPUs.

    Parameters
    ----------
    gpus
        GPUs of a worker as asked for; None: some wherever there are any, as workers get them.
    address
        Ray cluster to join, which is asked what it has; None: RAY_ADDRESS, else this machine.

    Raises
    ------
    InputError
        When there is no cluster at the address.
    """
    if asked != "auto":
        return asked
    if gpus is None:
        where = address or os.environ.get("RAY_ADDRESS") or "local"
        if ray.is_initialized():
            found = look_around(machine_kinds()).grown(at_most=1).gpus > 0
        elif where == "local":
            found = this_machine_has_bf16()
        else:
            with session(address) as resources:
                found = resources.grown(at_most=1).gpus > 0
    else:
        found = gpus > 0
    return "bf16" if found else "fp32"
