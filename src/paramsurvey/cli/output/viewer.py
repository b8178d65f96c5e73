"""``--tag`` and ``--follow``: what the commands print, on the terminal, in whole lines."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TextIO

from paramsurvey.cli.output.spool import STREAMS, running, spool_path
from paramsurvey.cli.placeholders import NUMBER, fill, filled_with
from paramsurvey.cli.value_text import value_text
from paramsurvey.transport.safe_text import safe_output

LOOK_SECONDS = 0.1  # between two looks at what commands have written


class ReaderGone(BaseException):
    """Nobody reads stdout any more: ``| head`` has all that it wants."""


class OutputViewer:
    """Shows the output of commands: each when it has ended, or line by line while they run.

    Parameters
    ----------
    spool : str
        Where the commands write.
    tag : str, optional
        The template of what stands before each line, and a tab. None: the values of the parameters; empty:
        nothing.
    names : mapping
        By column, names that were typed with dots.
    follows : bool
        Show lines as they come.
    in_order : bool
        Show the psets in their order: each waits for those before it.
    pset_of : callable
        Returns a pset by its number.
    numbers : list of int
        The psets' numbers, in their order.
    """

    def __init__(
        self,
        spool: str,
        tag: str | None,
        names: Mapping[str, str],
        follows: bool,
        in_order: bool,
        pset_of: Callable[[int], Mapping[str, Any]],
        numbers: list[int],
    ) -> None:
        self._spool = spool
        self._tag = tag
        self._names = names
        self._in_order = in_order and not follows
        self._pset_of = pset_of
        self._turn = {number: turn for turn, number in enumerate(numbers)} if self._in_order else {}
        self._next = 0
        self._waiting: dict[int, int] = {}  # by turn, the number of a pset that is done
        self._shown: dict[tuple[int, str], int] = {}  # how many bytes of a file have been shown
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._gone = False
        self._thread = threading.Thread(target=self._follow, daemon=True) if follows else None

    def __enter__(self) -> OutputViewer:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        for turn in sorted(self._waiting):
            self._show(self._waiting[turn])
        for number in running(self._spool):  # what was stopped
            self._show(number)

    def done(self, user_ret: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> None:
        """Show what a command has printed that has ended: it is the out_func of the map.

        Raises
        ------
        ReaderGone
        """
        number = user_ret["pset"].get(NUMBER, 0)
        if not self._in_order:
            self._show(number)
        else:
            self._waiting[self._turn[number]] = number
            while self._next in self._waiting:
                self._show(self._waiting.pop(self._next))
                self._next += 1
        if self._gone:
            raise ReaderGone

    def skip(self, numbers: set[int]) -> None:
        """Do not wait for psets that will not run: an earlier run has finished them."""
        for number in numbers & self._turn.keys():
            self._waiting.setdefault(self._turn[number], number)

    def _follow(self) -> None:
        while not self._end.wait(LOOK_SECONDS):
            for number in running(self._spool):
                self._show(number, is_done=False)

    def _show(self, number: int, is_done: bool = True) -> None:
        """Show what is new, all of it or whole lines, and remove the files of what is done."""
        with self._lock:
            for name in STREAMS:
                new = self._new_lines(number, name, is_done)
                if new:
                    self._write(sys.stdout if name == "stdout" else sys.stderr, number, new)
                if is_done:
                    self._shown.pop((number, name), None)
                    with suppress(OSError):
                        spool_path(self._spool, number, name).unlink()

    def _new_lines(self, number: int, name: str, is_done: bool) -> str:
        at = self._shown.get((number, name), 0)
        try:
            with open(spool_path(self._spool, number, name), "rb") as file:
                size = file.seek(0, 2)
                file.seek(0 if size < at else at)  # it has begun again: a retry
                at = file.tell()
                data = file.read()
        except OSError:
            return ""
        if not is_done:
            data = data[: data.rfind(b"\n") + 1]
        self._shown[number, name] = at + len(data)
        return data.decode(errors="backslashreplace")

    def _write(self, stream: TextIO, number: int, text: str) -> None:
        tag = self._tag_of(number)
        lines = text.removesuffix("\n").split("\n")
        try:
            if stream.isatty():  # it gets the colors that a command prints, and obeys nothing else
                lines = [safe_output(line.removesuffix("\r")) for line in lines]
            stream.write("".join(f"{tag}{line}\n" for line in lines))
            stream.flush()
        except (OSError, ValueError):
            self._gone = self._gone or stream is sys.stdout

    def _tag_of(self, number: int) -> str:
        if self._tag == "":
            return ""
        pset = {self._names.get(name, name): value for name, value in self._pset_of(number).items()}
        if self._tag is None:
            tag = " ".join(value_text(value) for name, value in pset.items() if name != NUMBER)
        else:
            tag = fill(self._tag, filled_with(pset, number, ""))
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in tag) + "\t"
