"""The source lines of code that is in no file, sent to workers so that their tracebacks show them.

Code from a notebook, from standard input or from ``python -c`` has a file name that means something only in
the driver. Its source lines are sent once, with the `Job`, and added to each worker's `linecache`, where
tracebacks, `inspect` and debuggers look for lines.
"""

from __future__ import annotations

import inspect
import linecache
import os
import stat
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from types import CodeType

LARGEST = 1 << 20  # characters to send per job; tracebacks show no source lines of further files

MAIN_PROGRAM = ("<string>", "<stdin>")  # file names that Python gives to a program from -c or standard input


def source_lines_to_send(codes: Iterable[CodeType]) -> dict[str, tuple[str, ...]]:
    """Return the lines of each file that these code objects come from and that workers cannot read.

    Returns
    -------
    dict of str to tuple of str
        File name -> its lines, each with its line end.
    """
    by_file: dict[str, list[CodeType]] = {}
    for code in codes:
        by_file.setdefault(code.co_filename, []).append(code)
    found: dict[str, tuple[str, ...]] = {}
    left = LARGEST
    for file, own in by_file.items():
        if os.path.isabs(file) and os.path.isfile(file):
            continue
        lines = _lines_of_program(own) if file in MAIN_PROGRAM else _known_lines(own[0])
        left -= sum(map(len, lines))
        if left < 0:
            break
        if lines:
            found[file] = lines
    return found


def add_to_linecache(source_lines: Mapping[str, tuple[str, ...]]) -> None:
    """Let tracebacks in this process show the lines that `source_lines_to_send` returned in the driver."""
    for file, lines in source_lines.items():  # with None as the file's date, linecache never drops them
        linecache.cache[file] = (sum(map(len, lines)), None, list(lines), file)


def _known_lines(code: CodeType) -> tuple[str, ...]:
    """Return the lines of a file if IPython, doctest or the interactive Python 3.13 has kept them."""
    try:
        return tuple(inspect.findsource(code)[0])
    except (OSError, IndexError, SyntaxError):
        return ()


def _lines_of_program(codes: list[CodeType]) -> tuple[str, ...]:
    """Return the lines of `codes` from the text of the main program; all other lines are empty.

    The file name alone proves nothing: generated code, such as a dataclass's, is in ``<string>``, too. So a
    code object counts only if the text compiles to an equal one, and only its lines are returned.
    """
    for text in _possible_programs():
        compiled = set(_code_objects(text, codes[0].co_filename))
        shown = {number for code in codes if code in compiled for number in _line_numbers(code)}
        if shown:
            lines = StringIO(text).readlines()[: max(shown)]  # unlike splitlines, not split at form feeds
            return tuple(line if number in shown else "\n" for number, line in enumerate(lines, 1))
    return ()


def _possible_programs() -> Iterator[str]:
    """Yield texts that may be the main program: Python's arguments, and a file on standard input."""
    for argument in sys.orig_argv[1:]:
        yield argument
        if argument.startswith("-"):  # -cCODE, -BcCODE
            yield argument.partition("c")[2]
    try:
        status = os.fstat(0)
        if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST:
            yield os.pread(0, status.st_size, 0).decode(errors="replace")
    except OSError:  # it is closed
        return


def _code_objects(text: str, file: str) -> Iterator[CodeType]:
    """Yield all code objects of a program; none if `text` is not a program."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user saw them when Python compiled the program
        try:
            found = [compile(text, file, "exec", dont_inherit=True)]
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
    while found:
        code = found.pop()
        yield code
        found.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))


def _line_numbers(code: CodeType) -> range:
    """Return the numbers of the lines that a code object was compiled from."""
    ends = (end for _, end, _, _ in code.co_positions() if end is not None)
    return range(code.co_firstlineno, max(ends, default=code.co_firstlineno) + 1)
