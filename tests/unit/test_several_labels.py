"""Labels of which a row may have several, from a table to predictions and explanations."""

from __future__ import annotations

import json
from pathlib import Path

import dnasweep
import numpy as np
import pytest
from task_toys import sweep_small
from toy_data import CLASS_MOTIFS, write_sets


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> dnasweep.Sweep:
    return sweep_small(write_sets(tmp_path_factory.mktemp("sets") / "marks.csv"))


def carrying(*names: str) -> str:
    bases = np.random.default_rng(3).choice(list("ACGT"), 60)
    for place, name in enumerate(("donor", "acceptor")):
        if name in names:
            motif = list(CLASS_MOTIFS[name])
            for start in (5 + 28 * place, 20 + 28 * place):
                bases[start : start + len(motif)] = motif
    return "".join(bases)


def test_a_sweep_ranks_and_tests_them(swept: dnasweep.Sweep) -> None:
    assert swept.metric == "mcc"
    # Processors round differently, and so short a training shows it.
    assert swept.selected["test_auroc"].iloc[0] > 0.75
    assert (swept.selected["test_auroc"] > 0.55).all()
    assert swept.tests[["mcc_p", "auroc_p", "ensemble_mcc_p"]].notna().all(axis=None)


def test_each_label_is_called_and_explained_by_name(swept: dnasweep.Sweep) -> None:
    model = swept.best()
    assert model.classes == ["acceptor", "donor"]
    sequences = [carrying(), carrying("donor"), carrying("donor", "acceptor")]
    found = model.predict(sequences, progress=False)
    assert found["call"].tolist() == ["none", "donor", "acceptor;donor"]
    explained = dnasweep.explain(model, sequences[1:2], target="donor", progress=False)
    odds = np.log(found["probability_donor"][1] / (1 - found["probability_donor"][1]))
    assert explained[0].prediction == pytest.approx(odds, abs=1e-3)
    with pytest.raises(dnasweep.InputError, match="2 classes, so one must be named"):
        dnasweep.explain(model, sequences, progress=False)


def test_a_scan_takes_the_threshold_of_its_label(swept: dnasweep.Sweep, tmp_path: Path) -> None:
    genome = tmp_path / "genome.fa"
    genome.write_text(">chr1\n" + carrying() * 3 + carrying("donor") + carrying() * 3 + "\n")
    model = swept.best()
    found = dnasweep.scan(model, genome, window=60, target="donor", progress=False)
    thresholds = json.loads((model.directory / "config.json").read_text())["decision_thresholds"]
    assert len(thresholds) == 2
    assert found.settings["threshold"] == thresholds[1]
