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


@pytest.mark.parametrize(("gpus", "expected"), [(None, "fp32"), (1, "fp32"), (0, "fp32")])
def test_a_number_of_gpus_does_not_make_them_compute_in_bf16(monkeypatch, gpus, expected):
    monkeypatch.setattr("dnasweep.models.encoder.precision.this_machine_has_bf16", lambda: False)
    assert resolve_here("auto", gpus=gpus) == expected
    monkeypatch.setattr("dnasweep.models.encoder.precision.this_machine_has_bf16", lambda: True)
    assert resolve_here("auto", gpus=gpus) == ("fp32" if gpus == 0 else "bf16")
