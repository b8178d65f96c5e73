"""Calls functions that take a batch: a group is a batch, and one call gets all its columns.

When a call fails, the batch is halved, and each half is called for by itself, and so on, until the psets that
make calls fail stand alone. These fail, and all others get their results; each failing pset costs about
2 log2(n) more calls.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field, replace
from functools import partial
from time import perf_counter
from typing import Any

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.even_seconds import EvenSeconds
from paramsurvey.transport.job_code import Decoder, Pair
from paramsurvey.transport.messages import Failure, Group, Reply, WorkerFunction
from paramsurvey.worker.batch_columns import arrays_of
from paramsurvey.worker.batch_results import (
    BatchPiece,
    BatchResults,
    ColumnValues,
    WrongLength,
    checked_columns,
)
from paramsurvey.worker.forked_children import end_if_forked
from paramsurvey.worker.reply_buffer import ReplyBuffer, unpicklable_failure
from paramsurvey.worker.return_checks import WorkerFunctionMisused, checked_timers
from paramsurvey.worker.running_mark import IDLE, RunningMark

MANY_MISFITS = 7  # a batch, its halves and their halves: if no result ever fits, suspect the function


@dataclass(slots=True)
class FitHistory:
    """Whether a function has ever returned what fits its batch: columns with one value for each pset.

    Batches of one pset do not count: a function that returns one value for a whole batch is right for them by
    accident.

    Attributes
    ----------
    misfits : int
        How many times the result did not fit.
    has_fit : bool
        Whether it ever did.
    failure : Failure or None
        Why the last misfit failed.
    """

    misfits: int = 0
    has_fit: bool = False
    failure: Failure | None = None

    def observe(self, outcome: Outcome) -> None:
        """Take note of a call."""
        if len(outcome) == 1:
            return
        if outcome.failure is None:
            self.has_fit = True
        elif outcome.is_misfit:
            self.misfits += 1
            self.failure = outcome.failure

    def never_fit(self) -> bool:
        """Tell whether the result has failed to fit many times, and has never fit."""
        return self.misfits >= MANY_MISFITS and not self.has_fit


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call for the psets at the offsets from `start` up to, but not including, `stop`.

    Attributes
    ----------
    start, stop : int
    seconds : float
        How long each of the psets took: its share of the call's seconds, plus its shares of those of the
        failed calls that it was part of before.
    piece : BatchPiece or None
        The results; None if the call failed.
    failure : Failure or None
        Why it failed.
    is_misfit : bool
        Whether it failed because of what the function returned.
    lengths : dict
        How many values each returned column had, if the function returned columns.
    """

    start: int
    stop: int
    seconds: float
    piece: BatchPiece | None = None
    failure: Failure | None = None
    is_misfit: bool = False
    lengths: dict[Hashable, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.stop - self.start


class BatchBuffer(ReplyBuffer):
    """A reply buffer for batches: psets before the running batch may still wait for a call of their own.

    Attributes
    ----------
    settled : int
        The offset up to which all psets are in the buffer or in a reply.
    """

    results: BatchResults  # type: ignore[assignment]  # does the same, but takes batches
    walls: EvenSeconds  # type: ignore[assignment]  # likewise

    def __init__(self, group_id: int, size: int, worker: int) -> None:
        super().__init__(group_id, size, can_give_back=False, worker=worker)
        self.results, self.walls = BatchResults(), EvenSeconds()
        self.settled = 0
        self._ended = math.nan  # when the last pset of the previous reply ended

    def settle(self, outcome: Outcome) -> None:
        """Add what became of a call that will not be repeated."""
        if outcome.piece is not None:
            self.results.add_piece(outcome.piece)
            for offset, error in outcome.piece.refused.items():
                self.failures[offset] = unpicklable_failure(error)
        elif outcome.failure is not None:
            self.failures.update(dict.fromkeys(range(outcome.start, outcome.stop), outcome.failure))
        self.walls.add(len(outcome), outcome.seconds)
        self.settled = outcome.stop  # last, because another thread sends what stands before it

    def _reply(self, stop: int, done: bool, outgrown: bool) -> Reply:
        later = {offset: text for offset, text in self.output.items() if offset >= stop}
        ended = self._began + self.walls[: stop - self._first_timed].total()
        reply = super()._reply(stop, done, outgrown)
        self.output.update(later)  # from calls that may have to be repeated
        self._ended = ended
        return reply

    def _next_start_time(self) -> float:
        # Not the current time: calls that have settled nothing yet ran since then, and count for these psets.
        return super()._next_start_time() if math.isnan(self._ended) else self._ended

    def send_early(self, running: int, send: Callable[[Reply], Any]) -> None:
        """Send what is settled before the running batch."""
        super().send_early(min(running, self.settled), send)


@dataclass(frozen=True, slots=True)
class BatchCalls:
    """Calls a function for a group, or for parts of it.

    Parameters
    ----------
    function : callable
        The user's function.
    decoder : Decoder
    arguments : callable
        Makes user_kwargs and system_kwargs for a call.
    failure_of : callable
        Makes a `Failure` from what the function raised.
    enter_directory : callable
        Changes to the directory in which psets run.
    subdir_of : callable or None
        Returns the output subdirectory of a row.
    let_through : tuple of exception classes
        Exceptions that end the run instead of being a failure.
    fit : FitHistory
        That of the job in this worker.
    wants_results : bool
        See `Job`.
    """

    function: WorkerFunction
    decoder: Decoder
    arguments: Callable[[], Pair]
    failure_of: Callable[[BaseException], Failure]
    enter_directory: Callable[[], None]
    subdir_of: Callable[[int], str] | None
    let_through: tuple[type[BaseException], ...]
    fit: FitHistory
    wants_results: bool

    def run(self, group: Group, buffer: BatchBuffer, mark: RunningMark) -> Iterator[tuple[int, float]]:
        """Call the function for the group, or for its parts; yield (offset, time) after each part."""
        mark.group[0] = group.id
        call = partial(self._call, group, buffer, mark)
        buffer.start_clocks()
        whole = call(0, len(group))
        if len(whole) == 1 and whole.lengths and self.fit.never_fit():
            whole = replace(whole, piece=None, failure=self.fit.failure)  # it was right by accident
        for outcome in parts_of(whole, call, self.fit):
            buffer.settle(outcome)
            now = perf_counter()
            buffer.read_clocks(now)
            yield outcome.stop - 1, now
            buffer.start_clocks()

    def _call(self, group: Group, buffer: BatchBuffer, mark: RunningMark, start: int, stop: int) -> Outcome:
        """Call the function for the psets from `start` up to, but not including, `stop`."""
        outcome, owner = Outcome(start, stop, 0.0), os.getpid()
        raw_stats: dict[str, list[float]] = {}
        mark.begun[0] = begun = perf_counter()
        mark.offset[0] = start
        try:
            result = self._call_function(group, start, stop, raw_stats)
            buffer.add_timers(checked_timers(raw_stats))
            piece = BatchPiece.packed(start, result, stop - start, copied=stop - start < len(group))
            if not self.wants_results:
                piece.columns.clear()
            outcome = replace(
                outcome, piece=piece, lengths={key: len(values) for key, values in result.items()}
            )
        except self.let_through:
            raise
        except BaseException as error:  # even SystemExit, as for single psets
            end_if_forked(owner, error)
            outcome = self._with_failure(outcome, error)
            with suppress(WorkerFunctionMisused):
                buffer.add_timers(checked_timers(raw_stats))
        end_if_forked(owner)
        mark.offset[0] = IDLE
        mark.begun[0] = ended = perf_counter()
        outcome = replace(outcome, seconds=(ended - begun) / (stop - start))
        self.fit.observe(outcome)
        return outcome

    def _call_function(
        self, group: Group, start: int, stop: int, raw_stats: dict[str, list[float]]
    ) -> dict[Hashable, ColumnValues]:
        self.enter_directory()
        user_kwargs, system_kwargs = self.arguments()
        system_kwargs["raw_stats"] = raw_stats
        if self.subdir_of is not None:
            system_kwargs["out_subdir"] = [self.subdir_of(int(row)) for row in group.rows[start:stop]]
        columns: dict[str, Any] = arrays_of(self.decoder.columns(group.rows, group.payload, start, stop))
        names = frozenset(columns)  # the function may change the dict
        return checked_columns(self.function(columns, system_kwargs, user_kwargs), stop - start, names)

    def _with_failure(self, outcome: Outcome, error: BaseException) -> Outcome:
        failure, lengths = self.failure_of(error), {}
        is_misused = isinstance(error, WorkerFunctionMisused)
        if is_misused:  # with one pset, a wrong return may look right
            failure = replace(failure, retryable=False)
        if isinstance(error, WrongLength):
            lengths = error.lengths
        return replace(outcome, failure=failure, is_misfit=is_misused, lengths=lengths)


def parts_of(outcome: Outcome, call: Callable[[int, int], Outcome], fit: FitHistory) -> Iterator[Outcome]:
    """Yield the outcome of a call, or of calls for parts of its psets: each has results, or failed for good.

    Parameters
    ----------
    outcome : Outcome
    call : callable
        Calls the function for the psets from one offset up to, but not including, another.
    fit : FitHistory
    """
    if outcome.failure is None or len(outcome) == 1:
        yield outcome
        return
    if outcome.is_misfit and not outcome.lengths and fit.never_fit():  # no columns at all
        yield outcome
        return
    middle = outcome.start + len(outcome) // 2
    halves = [call(outcome.start, middle), call(middle, outcome.stop)]
    # each half also took its share of the failed call
    halves = [replace(half, seconds=half.seconds + outcome.seconds) for half in halves]
    if fit.never_fit() and function_is_to_blame(outcome, halves):
        yield replace(outcome, seconds=sum(len(half) * half.seconds for half in halves) / len(outcome))
        return
    for half in halves:
        yield from parts_of(half, call, fit)


def function_is_to_blame(whole: Outcome, halves: Sequence[Outcome]) -> bool:
    """Tell whether a wrong number of values shows that the function is wrong, and not just some psets.

    If the function leaves out only some psets, the values of the halves add up to those of the whole. If they
    do not, as with one mean value for all psets, no pset is to blame; nor if each part has the same number of
    values per pset, such as none or two.
    """
    for key, length in whole.lengths.items():
        of_halves = [half.lengths[key] for half in halves if half.lengths.get(key) is not None]
        if length == len(whole) or len(of_halves) < len(halves):
            continue
        are_even = all(
            count * len(whole) == length * len(half) for count, half in zip(of_halves, halves, strict=True)
        )
        if sum(of_halves) != length or are_even:
            return True
    return False
