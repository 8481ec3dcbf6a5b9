"""Runs a command to which no lock on a file is granted, as on some NFS mounts: `python no_locks.py COMMAND ...`.

A filter of system calls lets flock and the locking calls of fcntl fail with ENOLCK; x86-64 Linux alone.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

LOAD, IS_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.ENOLCK
X86_64, FCNTL, FLOCK = 0xC000003E, 72, 73
LOCKING = (5, 6, 7, 36, 37, 38)
"""Commands of fcntl: F_GETLK, F_SETLK, F_SETLKW and those of open file descriptions."""
SET_NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2


class Program(ctypes.Structure):
    """A filter as the kernel takes it."""

    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def code() -> bytes:
    """Return the filter: (operation, steps if true, steps if false, value) each."""
    number = len(LOCKING)
    lines = [
        (LOAD, 0, 0, 4),
        (IS_EQUAL, 1, 0, X86_64),
        (RETURN, 0, 0, ALLOW),
        (LOAD, 0, 0, 0),
        (IS_EQUAL, number + 3, 0, FLOCK),
        (IS_EQUAL, 0, number + 1, FCNTL),
        (LOAD, 0, 0, 24),
        *((IS_EQUAL, number - i, 0, command) for i, command in enumerate(LOCKING)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def refuse_locks() -> None:
    """Let every lock of this process and of those it starts fail."""
    text = code()
    buffer = ctypes.create_string_buffer(text, len(text))
    program = Program(len(text) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    calls = [(SET_NO_NEW_PRIVILEGES, 1, 0), (SET_SECCOMP, FILTER, ctypes.byref(program))]
    for call in calls:
        if libc.prctl(*call, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse_locks()
    os.execvp(sys.argv[1], sys.argv[1:])
