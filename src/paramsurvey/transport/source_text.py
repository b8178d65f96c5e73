"""The source lines of code that is in no file, sent to the workers so that their tracebacks show them.

Code from a notebook, from standard input or from ``python -c`` has a file name that means something only in
the driver. Its source lines are sent once, with the `Job`, and added to each worker's `linecache`, where
tracebacks, `inspect` and debuggers look lines up.
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

LARGEST = 1 << 20  # characters that one job sends; files beyond that are shown without their lines

MAIN_PROGRAM = ("<string>", "<stdin>")  # the file names of what -c or standard input has given to Python


def source_lines_to_send(codes: Iterable[CodeType]) -> dict[str, tuple[str, ...]]:
    """Return the lines of each file that code objects come from and that workers cannot read themselves.

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
    """Let tracebacks of this process show the lines that `source_lines_to_send` returned in the driver."""
    for file, lines in source_lines.items():  # None for the file's date: linecache never drops them
        linecache.cache[file] = (sum(map(len, lines)), None, list(lines), file)


def _known_lines(code: CodeType) -> tuple[str, ...]:
    """Return the lines of a file where IPython, doctest, or the interactive Python 3.13 has kept them."""
    try:
        return tuple(inspect.findsource(code)[0])
    except (OSError, IndexError, SyntaxError):
        return ()


def _lines_of_program(codes: list[CodeType]) -> tuple[str, ...]:
    """Return the lines of `codes` from the text of the main program; all other lines are empty.

    The file name alone proves nothing: generated code, such as a dataclass's, is in ``<string>``, too. So a
    code object counts only if the text compiles to an equal one, and only its own lines are returned.
    """
    for text in _programs_given():
        known = set(_compiled(text, codes[0].co_filename))
        shown = {number for code in codes if code in known for number in _span(code)}
        if shown:
            lines = StringIO(text).readlines()[: max(shown)]  # which does not split at a form feed
            return tuple(line if number in shown else "\n" for number, line in enumerate(lines, 1))
    return ()


def _programs_given() -> Iterator[str]:
    """Yield texts of which one may be the main program: arguments of Python, a file on standard input."""
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


def _compiled(text: str, file: str) -> Iterator[CodeType]:
    """Yield all code objects of a program, none where `text` is no program."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user has seen them when the program was compiled
        try:
            found = [compile(text, file, "exec", dont_inherit=True)]
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
    while found:
        code = found.pop()
        yield code
        found.extend(one for one in code.co_consts if isinstance(one, CodeType))


def _span(code: CodeType) -> range:
    """Return the numbers of the lines that a code object comes from."""
    ends = (end for _, end, _, _ in code.co_positions() if end is not None)
    return range(code.co_firstlineno, max(ends, default=code.co_firstlineno) + 1)
