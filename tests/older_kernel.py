"""Run a command as on an older kernel, or in a sandbox: the system refuses some system calls, for good.

Usage: python tests/older_kernel.py ERROR FIRST LAST COMMAND...

FIRST and LAST are numbers of system calls, ERROR that of the error that they get. Neither the
command nor what it starts can undo this. The filter is a program of five instructions; see seccomp(2).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

SET_NO_NEW_PRIVILEGES, SET_SECCOMP, MODE_FILTER = 38, 22, 2  # of prctl(2)
LOAD_NUMBER, JUMP_IF_AT_LEAST, JUMP_IF_ABOVE, RETURN = 0x20, 0x35, 0x25, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000


class Program(ctypes.Structure):
    """What prctl(2) takes: how many instructions, and where they are."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def refuse(error: int, first: int, last: int) -> None:
    """Have the system refuse the calls from `first` to `last`, in this process and all that it starts."""
    instructions = [
        (LOAD_NUMBER, 0, 0, 0),
        (JUMP_IF_AT_LEAST, 0, 2, first),
        (JUMP_IF_ABOVE, 1, 0, last),
        (RETURN, 0, 0, REFUSE | error),
        (RETURN, 0, 0, ALLOW),
    ]
    memory = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in instructions))
    program = Program(len(instructions), ctypes.cast(memory, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((SET_NO_NEW_PRIVILEGES, 1, 0), (SET_SECCOMP, MODE_FILTER, ctypes.byref(program))):
        if libc.prctl(*arguments, 0, 0):
            raise OSError(ctypes.get_errno(), "this system takes no filter of system calls")


if __name__ == "__main__":
    refuse(*(int(number) for number in sys.argv[1:4]))
    os.execvp(sys.argv[4], sys.argv[4:])
