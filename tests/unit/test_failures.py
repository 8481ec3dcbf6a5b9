"""What is worth another attempt, and what is said of what is not."""

from __future__ import annotations

import errno
import pickle

import pytest
import torch
from dnasweep.errors import InputError
from dnasweep.runtime.training.failures import (
    RESTARTS,
    Hung,
    Lost,
    describe_error,
    is_final,
    is_out_of_memory,
    lost,
    portable,
)
from ray.exceptions import ActorDiedError, RayActorError, WorkerCrashedError

DIED = (
    "The actor died unexpectedly before finishing this task.\n\tpid: 7\nThe actor is dead because its "
    "worker process has died. Worker exit type: SYSTEM_ERROR Worker exit detail: Worker unexpectedly "
    "exits with a connection error code 2. End of file.\nmore"
)


def real_out_of_memory() -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    return caught.value


def test_memory_that_cannot_be_had_is_known_whoever_says_so() -> None:
    assert is_out_of_memory(real_out_of_memory())
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert is_out_of_memory(RayActorError(error_msg="Worker exit type: NODE_OUT_OF_MEMORY"))
    assert not is_out_of_memory(RuntimeError("index 5 is out of bounds"))


def test_only_what_would_come_again_is_final() -> None:
    for error in (
        InputError("a row is bad"),
        Hung("no step for 9 s"),
        MemoryError(),
        real_out_of_memory(),
        OSError(errno.ENOSPC, "No space left on device"),
    ):
        assert is_final(error), error
    for error in (
        RuntimeError("[gloo] Connection closed by peer"),
        RayActorError(error_msg="low on memory"),
        WorkerCrashedError(),
        ActorDiedError(),
    ):
        assert not is_final(error), error


def test_a_lost_process_is_told_by_what_ended_it() -> None:
    said = lost(RayActorError(error_msg=DIED))
    assert isinstance(said, Lost)
    assert str(said) == (
        f"its process was lost {RESTARTS + 1} times: Worker unexpectedly exits with a connection error "
        "code 2. End of file."
    )
    killed = lost(RayActorError(error_msg="Worker exit detail: the node was low on memory"))
    assert str(killed).startswith(f"its process ran out of memory {RESTARTS + 1} times: the node")
    hung = lost(RayActorError(error_msg=DIED), hang="no step for 9 s, in forward (x.py:1)")
    assert isinstance(hung, Hung)
    assert str(hung) == "no step for 9 s, in forward (x.py:1)"


def test_errors_in_words_name_memory_first_and_their_kind_where_they_are_a_defect() -> None:
    assert describe_error(real_out_of_memory()).startswith("out of memory: RuntimeError: ")
    assert describe_error(KeyError("x")) == "KeyError: 'x'"
    assert (
        describe_error(InputError("a row is bad", file="a.csv", row=3))
        == "a.csv, row 3: a row is bad"
    )


class Unpicklable(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def test_what_reaches_the_driver_survives_the_way() -> None:
    told = portable(Unpicklable(1, 2))
    assert str(pickle.loads(pickle.dumps(told))) == "Unpicklable: 1 and 2"
    bad = InputError("a row is bad")
    assert portable(bad) is bad
    full = portable(OSError(errno.ENOSPC, "No space left on device", "/disk/x"))
    assert isinstance(full, InputError)
    assert full.file == "/disk/x"
