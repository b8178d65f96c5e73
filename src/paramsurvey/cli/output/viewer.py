"""``--tag`` and ``--follow``: what the commands print, on the terminal, in whole lines.

A thread writes them, so that the survey goes on when a pager or a terminal stands still. What is not shown
yet waits in the files of the commands.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from paramsurvey.cli.output.printed_output import VerbatimOutput
from paramsurvey.cli.output.spool import STREAMS, numbers_in_spool, spool_path
from paramsurvey.cli.placeholders import NUMBER, fill, placeholder_values
from paramsurvey.cli.value_text import value_text
from paramsurvey.reporting.console import show
from paramsurvey.transport.patient_writing import write_patiently
from paramsurvey.transport.safe_text import safe_output
from paramsurvey.transport.threads import start_thread

LOOK_SECONDS = 0.1  # between two looks at what commands have written
CATCH_UP_SECONDS = 1.0  # the longest that the summary waits for what comes before it
STALL_SECONDS = 0.5  # of waiting for a reader, before it is checked whether the rest is still to be shown
NOT_SHOWN = "paramsurvey: the rest of what the commands have printed is not shown, because nobody reads it"
LAST_SECONDS = 5.0  # how long an interrupted survey waits while nobody reads its output


class ReaderGone(BaseException):
    """Nobody reads stdout any more: ``| head`` has all that it wants."""


class OutputViewer:
    """Shows the output of commands: each when it has ended, or line by line while they run.

    Parameters
    ----------
    spool : str
        Where the commands write.
    tag : str, optional
        The template of what precedes each line, before a tab. None: the values of the parameters; empty:
        nothing.
    names : mapping
        By column, names that were typed with dots.
    follows : bool
        Whether to show lines as they come.
    in_order : bool
        Whether to show the psets in their order: each waits for those before it.
    pset_of : callable
        Returns a pset by its number.
    numbers : list of int
        The psets' numbers, in their order.
    kept_in : str
        The end of the message about output that nobody has read: where else it is.
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
        kept_in: str = "",
    ) -> None:
        self._spool = spool
        self._tag = tag
        self._names = names
        self._in_order = in_order and not follows
        self._pset_of = pset_of
        self._kept_in = f"; {kept_in}" if kept_in else ""
        self._turn = {number: turn for turn, number in enumerate(numbers)} if self._in_order else {}
        self._next = 0
        self._waiting: dict[int, int] = {}  # by turn, the number of a pset that is done
        self._shown: dict[tuple[int, str], int] = {}  # how many bytes of a file have been shown
        self._follows = follows
        self._look_at = 0.0
        self._streams: dict[str, VerbatimOutput] = {}  # by name, once something is written to them
        # psets with their tags; an event is set when all before it is shown; None is the end
        self._done: SimpleQueue[tuple[int, str] | threading.Event | None] = SimpleQueue()
        self._written = 0  # characters
        self._gone = self._abandoned = False
        self._error: BaseException | None = None
        self._ended = threading.Event()  # a thread whose join a signal interrupts may be taken for dead
        self._thread = threading.Thread(target=self._run, daemon=True, name="paramsurvey-viewer")

    def __enter__(self) -> OutputViewer:
        start_thread(self._thread)
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        """Wait until all is shown: as long as it takes, but not where the survey was interrupted."""
        for turn in sorted(self._waiting):
            self._show_soon(self._waiting[turn])
        self._done.put(None)
        written = -1
        try:
            while not self._ended.is_set() and (kind is None or written != self._written):
                written = self._written
                self._ended.wait(None if kind is None else LAST_SECONDS)
        finally:
            self._abandoned = True
            if not self._ended.is_set():
                show(NOT_SHOWN + self._kept_in)
        if kind is None:
            self._check()

    def done(self, user_ret: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> None:
        """Show what a command that has ended has printed; this is the out_func of the map.

        Raises
        ------
        ReaderGone
        """
        number = user_ret["pset"].get(NUMBER, 0)
        if not self._in_order:
            self._show_soon(number)
        else:
            self._waiting[self._turn[number]] = number
            while self._next in self._waiting:
                self._show_soon(self._waiting.pop(self._next))
                self._next += 1
        self._check()

    def skip(self, numbers: set[int]) -> None:
        """Do not wait for psets that will not run: an earlier run has finished them."""
        for number in numbers & self._turn.keys():
            self._waiting.setdefault(self._turn[number], number)

    def catch_up(self) -> None:
        """Wait a moment until what is done is shown: the summary of the survey then stands below it."""
        reached = threading.Event()
        self._done.put(reached)
        reached.wait(CATCH_UP_SECONDS)

    def _show_soon(self, number: int) -> None:
        self._done.put((number, self._tag_of(number)))

    def _check(self) -> None:
        """Raise what the thread could not."""
        if self._error is not None:
            raise self._error
        if self._gone:
            raise ReaderGone

    # in the thread

    def _run(self) -> None:
        try:
            while (done := self._next_done()) is not None:
                self._show(*done)
            for number in numbers_in_spool(self._spool):  # what was stopped
                self._show(number, self._tag_of(number))
        except BaseException as error:
            self._error = error
        finally:
            for stream in self._streams.values():
                stream.close()
            self._ended.set()

    def _next_done(self) -> tuple[int, str] | None:
        """Wait for a pset that is done; meanwhile show what others print, if that is followed."""
        while True:
            if self._follows and monotonic() >= self._look_at:
                for number in numbers_in_spool(self._spool):
                    self._show(number, self._tag_of(number), is_done=False)
                self._look_at = monotonic() + LOOK_SECONDS
            try:
                done = self._done.get(
                    timeout=max(0.0, self._look_at - monotonic()) if self._follows else None
                )
            except Empty:
                continue
            if isinstance(done, threading.Event):
                done.set()
            else:
                return done

    def _show(self, number: int, tag: str, is_done: bool = True) -> None:
        """Show what is new: if the command is done, all of it, and remove its files; else whole lines."""
        for name in STREAMS:
            new = self._new_lines(number, name, is_done)
            if new:
                self._write(name, tag, new)
            if is_done:
                self._shown.pop((number, name), None)
                with suppress(OSError):
                    spool_path(self._spool, number, name).unlink()

    def _new_lines(self, number: int, name: str, is_done: bool) -> bytes:
        at = self._shown.get((number, name), 0)
        try:
            with open(spool_path(self._spool, number, name), "rb") as file:
                size = file.seek(0, 2)
                file.seek(0 if size < at else at)  # it is shorter than before: a retry has begun it again
                at = file.tell()
                data = file.read()
        except OSError:
            return b""
        if not is_done:
            data = data[: data.rfind(b"\n") + 1]
        self._shown[number, name] = at + len(data)
        return data

    def _write(self, name: str, tag: str, data: bytes) -> None:
        try:
            if name not in self._streams:
                self._streams[name] = VerbatimOutput(getattr(sys, name))
            output = self._streams[name]
            lines = output.text(data.removesuffix(b"\n")).split("\n")
            if output.is_terminal:  # it gets colors, but no other control sequences
                lines = [safe_output(line.removesuffix("\r")) for line in lines]
            rest = "".join(f"{tag}{line}\n" for line in lines)
            while rest and not self._abandoned:
                written = write_patiently(output.stream, rest, STALL_SECONDS)
                self._written += written
                rest = rest[written:]
        except (OSError, ValueError):
            self._gone = self._gone or name == "stdout"

    def _tag_of(self, number: int) -> str:
        if self._tag == "":
            return ""
        pset = {self._names.get(name, name): value for name, value in self._pset_of(number).items()}
        if self._tag is None:
            tag = " ".join(value_text(value) for name, value in pset.items() if name != NUMBER)
        else:
            tag = fill(self._tag, placeholder_values(pset, number, ""))
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in tag) + "\t"
