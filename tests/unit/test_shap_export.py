"""What is exported adds up, and the shap library's own plots draw it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
from attribution_toys import Planted, planted_tables, toy_tables
from dnasweep.attribution.shap_export import base_explanation, text_explanation, token_explanation
from dnasweep.errors import InputError

SMALL = [
    ("a", "ACGTAC", [(3, 6, 2.0), (0, 3, 1.0)]),
    ("b", "ACGACG", [(0, 3, -1.0), (3, 6, 0.5)]),
    ("c", "ACGTTT", [(0, 3, 3.0), (3, 4, 0.0), (4, 6, 1.0)]),
]


@pytest.fixture(scope="module")
def shap():
    return pytest.importorskip("shap")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module", params=["kmer-6", "kmer-6-overlap", "bpe-128"])
def planted(request: pytest.FixtureRequest) -> Planted:
    return planted_tables(request.param, per_species=6)


def test_text_holds_the_tokens_in_their_order(shap) -> None:
    made = text_explanation(toy_tables(SMALL), target="promoter")
    assert isinstance(made, shap.Explanation)
    assert made.shape == (3, None)
    assert made[0].values.tolist() == [1.0, 2.0]
    assert list(made[0].data) == ["ACG", "TAC"]
    assert made[2].values.tolist() == [3.0, 0.0, 1.0]
    assert made[0].base_values == -1.0
    assert made.output_names == "promoter"


def test_sequences_are_chosen_by_id(shap) -> None:
    tables = toy_tables(SMALL)
    made = text_explanation(tables, ["c", "a"])
    assert made.shape[0] == 2
    assert list(made[0].data) == ["ACG", "T", "TT"]
    assert token_explanation(tables, ["c"]).instance_names == ["c"]
    with pytest.raises(InputError, match="'x' is not in the table"):
        text_explanation(tables, ["x"])


def test_bases_are_positions_and_letters(shap) -> None:
    tables = toy_tables(SMALL)
    made = base_explanation(tables, ["a", "b"], tss_index=2)
    assert made.feature_names == ["-2", "-1", "0", "1", "2", "3"]
    np.testing.assert_allclose(made.values[0], [1 / 3] * 3 + [2 / 3] * 3)
    assert "".join(made.display_data[1]) == "ACGACG"
    assert made.data[1].tolist() == [0, 1, 2, 0, 1, 2]
    longer = toy_tables([*SMALL, ("d", "ACGTACG", [(0, 7, 1.0)])])
    with pytest.raises(InputError, match="different lengths"):
        base_explanation(longer)


def test_tokens_are_features_and_the_rest_shares_one(shap) -> None:
    made = token_explanation(toy_tables(SMALL), num_tokens=2)
    assert made.feature_names == ["ACG", "TAC", "other tokens"]
    assert made.values.tolist() == [[1.0, 2.0, 0.0], [-0.5, 0.0, 0.0], [3.0, 0.0, 1.0]]
    assert made.data.tolist() == [[1, 1, 0], [2, 0, 0], [1, 0, 2]]
    every = token_explanation(toy_tables(SMALL), num_tokens=9)
    assert "other tokens" not in every.feature_names
    with pytest.raises(InputError, match="num_tokens"):
        token_explanation(toy_tables(SMALL), num_tokens=0)


def test_values_and_base_values_add_up_to_the_output(shap, planted: Planted) -> None:
    tables = planted.tables
    full = tables.sequences["full"].to_numpy()
    text = text_explanation(tables)
    sums = [values.sum() for values in text.values] + np.asarray(text.base_values)
    np.testing.assert_allclose(sums, full, atol=1e-6)
    for made in (base_explanation(tables), token_explanation(tables, num_tokens=20)):
        np.testing.assert_allclose(made.values.sum(axis=1) + made.base_values, full, atol=1e-6)


def test_text_is_plotted(shap, planted: Planted) -> None:
    made = text_explanation(planted.tables)
    one = shap.plots.text(made[0], display=False)
    assert all(token in one for token in made[0].data)
    assert len(shap.plots.text(made[:2], display=False)) > len(one)
    for drawn in (
        shap.plots.bar(made[0], show=False),
        shap.plots.waterfall(made[0], show=False),
        shap.plots.bar(made.mean(0), show=False),
    ):
        assert [label.get_text() for label in drawn.get_yticklabels()]
        plt.close("all")


def test_tables_of_features_are_plotted(shap, planted: Planted) -> None:
    bases = base_explanation(planted.tables)
    drawn = shap.plots.heatmap(bases, feature_order=np.arange(300), max_display=20, show=False)
    assert drawn.images
    plt.close("all")
    for made in (bases, token_explanation(planted.tables, num_tokens=15)):
        for plot in (shap.plots.bar, shap.plots.beeswarm):
            labels = [label.get_text() for label in plot(made, show=False).get_yticklabels()]
            assert any(label.split(" = ")[-1] in made.feature_names for label in labels)
            plt.close("all")


def test_the_planted_box_leads_the_bars_by_position(shap) -> None:
    tables = planted_tables("char", per_species=40, species=("human",), noise=0.01).tables
    made = base_explanation(tables)
    strength = np.abs(made.values).mean(axis=0)
    best = [int(made.feature_names[i]) for i in np.argsort(-strength)[:5]]
    assert all(-33 <= position <= -19 for position in best)


def test_without_the_library_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(InputError, match=r"not installed.*pip install"):
        text_explanation(toy_tables(SMALL))


def test_the_library_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, dnasweep.attribution.shap_export; print({'shap', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
