"""Source lines of code that is in no file, so that tracebacks in workers can show them.

The file name of code from a notebook, standard input or ``python -c`` means something in the driver only.
Such code's lines are sent once, with the `Job`. The worker puts them into `linecache`, where tracebacks,
`inspect` and debuggers look for lines.
"""

from __future__ import annotations

import inspect
import linecache
import os
import stat
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType

LARGEST = 1 << 20  # characters that are sent per job; code beyond has no lines in tracebacks


def texts_of(codes: Iterable[CodeType]) -> dict[str, tuple[str, ...]]:
    """Return, by file name, the lines of the code objects' files that workers cannot read from the disk."""
    by_file: dict[str, list[CodeType]] = {}
    for code in codes:
        by_file.setdefault(code.co_filename, []).append(code)
    texts: dict[str, tuple[str, ...]] = {}
    left = LARGEST
    for file, own in by_file.items():
        if os.path.isabs(file) and os.path.isfile(file):
            continue
        lines = _known_lines(own[0]) or _lines_of_program(own)
        left -= sum(map(len, lines))
        if left < 0:
            break
        if lines:
            texts[file] = lines
    return texts


def remember(texts: Mapping[str, tuple[str, ...]]) -> None:
    """Put the lines into this process's `linecache`; entries without a modification time stay there."""
    for file, lines in texts.items():
        linecache.cache[file] = (sum(map(len, lines)), None, list(lines), file)


def _known_lines(code: CodeType) -> tuple[str, ...]:
    """Return the lines that IPython, doctest, Python 3.13's prompt or another program has stored."""
    try:
        return tuple(inspect.findsource(code)[0])
    except (OSError, IndexError, SyntaxError):
        return ()


def _lines_of_program(codes: list[CodeType]) -> tuple[str, ...]:
    """Return the lines of the main program that `codes` come from; its other lines are empty.

    The file name alone proves nothing: code that dataclasses generate is also in ``<string>``. So the main
    program is compiled, and only lines of code objects that occur in it are returned.
    """
    for text in _programs_given():
        compiled = set(_code_objects(text, codes[0].co_filename))
        shown = {number for code in codes if code in compiled for number in _line_numbers(code)}
        if shown:
            lines = text.splitlines(keepends=True)[: max(shown)]
            return tuple(line if number in shown else "\n" for number, line in enumerate(lines, 1))
    return ()


def _programs_given() -> Iterator[str]:
    """Yield texts that may be the main program: the argument of ``-c``, a file as standard input."""
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
