"""The precision that `auto` means on a kind of GPU."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from dnasweep.models.encoder.precision import precision_on_device, resolve_here


@pytest.mark.parametrize(
    ("generation", "expected"), [(7, "fp32"), (8, "bf16")], ids=["Turing", "Ampere"]
)
def test_bf16_is_used_where_it_is_not_emulated(monkeypatch, generation, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda device: SimpleNamespace(major=generation)
    )
    # Every GPU can hold bf16 tensors.
    monkeypatch.setattr(torch.cuda, "_check_bf16_tensor_supported", lambda device: True)
    assert precision_on_device("auto", torch.device("cuda")) == expected
    assert precision_on_device("bf16", torch.device("cuda")) == "bf16"


@pytest.mark.parametrize(
    ("driver", "has_bf16", "expected"),
    [(True, False, "fp32"), (True, True, "bf16"), (False, False, "bf16")],
    ids=["Turing", "Ampere", "GPUs elsewhere"],
)
def test_requested_gpus_compute_in_bf16_unless_those_here_cannot(
    monkeypatch, driver, has_bf16, expected
):
    where = "dnasweep.models.encoder.precision"
    monkeypatch.setattr(f"{where}.has_gpu_driver", lambda: driver)
    monkeypatch.setattr(f"{where}.this_machine_has_bf16", lambda: has_bf16)
    assert resolve_here("auto", gpus=1) == expected
    assert resolve_here("auto", gpus=0) == "fp32"
