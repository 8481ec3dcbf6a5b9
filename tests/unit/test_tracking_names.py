"""A name that MLflow would refuse after the training is refused before."""

from __future__ import annotations

import pytest
from dnasweep.errors import InputError
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.tracking.tags import check_name
from hypothesis import example, given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "name", ["a/b", "a:b", "", " ", "a ", ".", "..", "x" * 300, "a@b", "\x1b[2J", "a\nb", "\udcff"]
)
def test_names_that_cannot_be_used(name: str) -> None:
    with pytest.raises(InputError, match="name is") as caught:
        SweepOptions(name=name)
    assert caught.value.remedy
    str(caught.value).encode()


@pytest.mark.parametrize("name", [None, "promoters", "My sweep, 2nd", "Größe-1.2_x", "промотор"])
def test_names_that_can(name: str | None) -> None:
    assert SweepOptions(name=name).name == name


@settings(deadline=None)
@given(st.one_of(st.text(min_size=1, max_size=300), st.text("./:@ ab", min_size=1)))
@example("..a")
@example("a/../b")
def test_mlflow_takes_whatever_is_taken_here(name: str) -> None:
    from mlflow.utils.validation import _validate_experiment_name, _validate_model_name

    try:
        check_name(name)
    except InputError:
        return
    _validate_experiment_name(name)
    _validate_model_name(name)
