"""Explanations from Python: the values of the job, by sequence, token and base, and their pictures."""

from __future__ import annotations

import re
from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import pytest
from api_toys import toy_labelled, toy_model
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.attribution.tables import StoredAttributions
from explainer_toys import learnt


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dnasweep.Model:
    return dnasweep.load_model(toy_model(tmp_path_factory.mktemp("api")))


@pytest.fixture(scope="module")
def found(model: dnasweep.Model) -> dnasweep.Attributions:
    sequences, _ = toy_labelled(6)
    return dnasweep.explain(model, [*sequences, "ACGTACGTACGTACGT"], max_evals=128, progress=False)


def test_values_are_those_of_the_engine(found: dnasweep.Attributions) -> None:
    toy = learnt("kmer-3")
    sequences = [*toy_labelled(6)[0], "ACGTACGTACGTACGT"]
    explainer = Explainer(toy.model, ExplainConfig(max_evals=128), tokenizer=toy.tokenizer)
    for values, one in zip(found.values, explainer.explain(sequences), strict=True):
        np.testing.assert_allclose(values, one.phi, atol=1e-5)


def test_one_sequence_and_a_part(found: dnasweep.Attributions) -> None:
    assert len(found) == 7
    assert "7 sequences to 'promoter'" in repr(found)
    one = found[1]
    assert one.sequence == toy_labelled(2)[0][1]
    np.testing.assert_array_equal(one.values, found.values[1])
    # Shapley values add up to the change that all tokens make.
    assert one.values.sum() == pytest.approx(one.prediction - one.base_value, abs=1e-6)
    assert found[-1].id == "6"
    part = found[2:4]
    assert [len(part), part[0].id] == [2, "2"]
    np.testing.assert_array_equal(part.values[1], found.values[3])
    assert [one.id for one in found] == [str(i) for i in range(7)]
    with pytest.raises(IndexError):
        found[7]
    with pytest.raises(dnasweep.InputError, match="no sequence in this part"):
        found[3:3]


def test_values_of_bases_and_rows(found: dnasweep.Attributions) -> None:
    bases = found.per_base()
    assert bases.shape == (7, 36)
    assert np.isnan(bases[6, 16:]).all()
    np.testing.assert_allclose(
        np.nansum(bases, axis=1), [v.sum() for v in found.values], atol=1e-9
    )
    frame = found.to_frame()
    assert len(frame) == sum(map(len, found.values))
    assert {"token", "start", "end", "phi", "standard_error"} <= set(frame)
    assert {"id", "prediction", "base_value", "probability"} <= set(found.sequences)


def test_pictures_and_report(found: dnasweep.Attributions, tmp_path: Path) -> None:
    for figure in (found.plot(0), found.logo(1), found[:6].plot()):
        assert figure._repr_png_().startswith(b"\x89PNG")
        figure.savefig(tmp_path / "one.png")
    html = found._repr_html_()
    assert "<svg " in html
    assert "and 2 more" in html
    page = found.report(tmp_path / "report")
    assert "Attributions to promoter" in page.read_text()


def test_pictures_in_a_notebook_do_not_share_ids(found: dnasweep.Attributions) -> None:
    shown = [found._repr_html_(), found[6:]._repr_html_()]
    ids = [set(re.findall(r' id="(f[\d-]+)"', html)) for html in shown]
    assert all(ids)
    assert ids[0].isdisjoint(ids[1])


def test_a_logit_has_no_probability_in_its_title(found: dnasweep.Attributions) -> None:
    tables = found.tables
    bare = tables.sequences.assign(probability=np.nan, full=1.25)
    logits = dnasweep.Attributions(
        tables._replace(sequences=bare, settings={**tables.settings, "value": "logit"})
    )
    drawn = logits.plot(0).axes[0]
    assert drawn.get_title("left") == "0: logit 1.250"
    assert drawn.get_xlabel() == "position (first base: 0)"


def test_the_mean_at_the_transcription_start_counts_from_there(
    found: dnasweep.Attributions,
) -> None:
    tokens, sequences, settings, *_ = found[0:1].tables
    long = sequences.assign(sequence="A" * 300, num_tokens=1)
    whole = tokens.iloc[:1].assign(start=0, end=300)
    shown = dnasweep.Attributions(StoredAttributions(whole, long, settings)).plot()
    assert shown.axes[0].get_xlabel() == "bases from the transcription start (0 is base +1)"
    assert shown.axes[0].get_xlim() == (-249.5, 50.5)


def test_with_a_storage_the_job_is_kept_and_found_again(
    model: dnasweep.Model, tmp_path: Path
) -> None:
    sequences, names = toy_labelled(4)
    table = pd.DataFrame({"sequence": sequences, "label": [n == "promoter" for n in names]})
    table["label"] = table["label"].astype(int)
    how = {"storage": tmp_path / "runs", "tracking_uri": "none", "progress": False}
    first = dnasweep.explain(model, table, estimator="integrated_gradients", **how)
    (folder,) = (tmp_path / "runs" / "attributions").glob("*")
    written = {path: path.stat().st_mtime_ns for path in folder.glob("shards/*/*")}
    again = dnasweep.explain(model, table, estimator="integrated_gradients", **how)
    assert written == {path: path.stat().st_mtime_ns for path in folder.glob("shards/*/*")}
    pd.testing.assert_frame_equal(first.to_frame(), again.to_frame())
    assert not (tmp_path / "runs" / "mlflow.db").exists()
    assert list(first.sequences["label"]) == list(table["label"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "enhancer"}, "no class 'enhancer'"),
        ({"estimator": "shapley"}, "estimator is 'shapley'"),
        ({"max_evals": 2}, "max_evals is 2"),
        ({"max_eval": 20}, "Did you mean 'max_evals'"),
        ({"max_evals": "20"}, "max_evals is '20'. Give it as int"),
        ({"reference": "zeros"}, "reference is 'zeros'. Use mask"),
        ({"dry_run": True}, "no option 'dry_run'"),
        ({"crop": 10}, "crop and species apply only to files"),
    ],
)
def test_wrong_options_are_refused(
    model: dnasweep.Model, options: dict[str, object], message: str
) -> None:
    with pytest.raises(dnasweep.InputError, match=message):
        dnasweep.explain(model, ["ACGTACGTACGT"], progress=False, **options)
