"""A stand-in for a GPU: a device of its own type in memory of the CPU, for tests on machines without a GPU.

What goes wrong on a GPU alone goes wrong here too. A tensor of the CPU that meets one of the device raises,
`numpy()` of a tensor of the device raises, and wherever the host would have to wait for a GPU is counted, with
the function of ours that made it wait. Numbers are those of the CPU, autocast and inference mode are torch's
own, and tensors are plain ones. What it does not show: speed, kernels of a GPU and their rounding, and reads of
memory that a copy under way has not written yet.

Once started it stays for the rest of the process, so tests that use it run in a process of their own
(`tests/unit/test_device.py` starts them).
"""

from __future__ import annotations

from standin.card import CARD, NAME
from standin.waits import WAITS

__all__ = ["CARD", "DEVICE", "WAITS", "start"]

DEVICE = f"{NAME}:0"


def start() -> None:
    """Make the device known to torch, and have the platform take it for a GPU; once a process."""
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

    from standin import autocast, copies, kernels, modules, pinned, platform

    _setup_privateuseone_for_python_backend(NAME, backend_module=CARD)
    kernels.register()
    autocast.register()
    copies.replace()
    modules.replace()
    pinned.replace()
    platform.replace()
