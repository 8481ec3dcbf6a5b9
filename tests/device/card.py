"""`make gpu-check` on the device: every line of it but Ray's actors, which are processes of their own."""

from __future__ import annotations

from pathlib import Path

import device_toys  # noqa: F401 starts the device
import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.slow
def test_the_check_passes_and_its_table_has_every_column(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a card")
    import gpu_check

    # The library's own loop is no subject of ours, and knows nothing of the device.
    monkeypatch.setattr(gpu_check, "their_explainer", lambda directory: lambda *a, **k: None)
    options = gpu_check.Options(ray=False, presets=("2x64",), steps=2, explained=2)
    assert gpu_check.main(options) == 0
    said = capsys.readouterr().out
    assert "✗" not in said
    assert said.count("✓") >= 6
    row = next(line for line in said.splitlines() if "training" in line and "2x64" in line)
    assert "tokens/s" in row
    assert "3.2 GB" in row
    assert "bf16 peak" in said


@pytest.mark.slow
def test_a_wrong_number_makes_it_fail(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import card_checks
    import gpu_check

    monkeypatch.setattr(card_checks, "FP32", -1.0)
    options = gpu_check.Options(ray=False, table=False)
    assert gpu_check.main(options) == 1
    assert "✗ predictions: NotEqual" in capsys.readouterr().out
