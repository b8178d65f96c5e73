"""The text of code that is in no file, so that tracebacks in the workers can show its lines.

Code of a notebook, of standard input or of ``python -c`` has a file name that only the driver can make
something of. Its text travels with the `Job`, once, and is then found by `linecache`, where tracebacks,
`inspect` and debuggers look.
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

LARGEST = 1 << 20  # characters of one job's texts; what is beyond travels without its text


def texts_of(codes: Iterable[CodeType]) -> dict[str, tuple[str, ...]]:
    """Return the lines of those files of `codes` that workers cannot read from the disk, by file name."""
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
    """Have `linecache` find the lines in this process; without a date, it never drops them."""
    for file, lines in texts.items():
        linecache.cache[file] = (sum(map(len, lines)), None, list(lines), file)


def _known_lines(code: CodeType) -> tuple[str, ...]:
    """Return the lines that IPython, doctest, the interactive Python of 3.13 and others have kept."""
    try:
        return tuple(inspect.findsource(code)[0])
    except (OSError, IndexError, SyntaxError):
        return ()


def _lines_of_program(codes: list[CodeType]) -> tuple[str, ...]:
    """Return the lines of `codes` in the program that Python was given, the lines of others empty.

    The file name alone proves nothing: ``<string>`` is also what the code of dataclasses has. So each
    code must be what its text compiles to, and only its own lines are shown.
    """
    for text in _programs_given():
        known = set(_compiled(text, codes[0].co_filename))
        shown = {number for code in codes if code in known for number in _span(code)}
        if shown:
            lines = text.splitlines(keepends=True)[: max(shown)]
            return tuple(line if number in shown else "\n" for number, line in enumerate(lines, 1))
    return ()


def _programs_given() -> Iterator[str]:
    """Yield what may be the text of the main program: the argument of ``-c``, a file as standard input."""
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
