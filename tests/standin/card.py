"""The device's module, which torch and the platform ask about memory and arithmetic, as `torch.cuda`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

NAME = "standin"
GIB = 1 << 30


class Card:
    """One card whose free memory a test chooses."""

    def __init__(self) -> None:
        self.free = self.total = 80 * GIB
        self.reserved = self.allocated = 0
        self.peak = 3 * GIB
        self.bf16 = True
        self.emptied = 0
        """How often cached memory was given back."""
        self.reset = 0
        """How often the peak was reset."""

    @contextlib.contextmanager
    def with_free(self, num_bytes: int) -> Iterator[None]:
        """Have so much free memory meanwhile."""
        before, self.free = self.free, num_bytes
        try:
            yield
        finally:
            self.free = before

    def is_available(self) -> bool:
        return True

    def is_initialized(self) -> bool:
        return True

    def _is_in_bad_fork(self) -> bool:
        return False

    def device_count(self) -> int:
        return 1

    def current_device(self) -> int:
        return 0

    def synchronize(self, device: object = None) -> None:
        pass

    def manual_seed_all(self, seed: int) -> None:
        # Kernels draw from the CPU's generator, which torch has seeded.
        pass

    def get_rng_state(self, device: object = None) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, device: object = None) -> None:
        torch.set_rng_state(state)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]

    def is_bf16_supported(self, including_emulation: bool = True) -> bool:
        return self.bf16

    def mem_get_info(self, device: object = None) -> tuple[int, int]:
        return self.free, self.total

    def max_memory_allocated(self, device: object = None) -> int:
        return self.peak

    def memory_reserved(self, device: object = None) -> int:
        return self.reserved

    def memory_allocated(self, device: object = None) -> int:
        return self.allocated

    def reset_peak_memory_stats(self, device: object = None) -> None:
        self.reset += 1

    def empty_cache(self) -> None:
        self.emptied += 1


CARD = Card()
