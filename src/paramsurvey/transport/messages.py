"""The messages that the driver and its workers send each other.

All of them are frozen. "No result yet", "the function returned None" and "the result does not have this key"
are three different things: a row that no `Reply` covers; a row that a `Reply` covers but that has no value
in any column; and a row that has values in only some of the columns.
"""

from __future__ import annotations

import math
import pickle
from array import array
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from paramsurvey.fast_dataclass import dataclass

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from paramsurvey.transport.even_seconds import EvenSeconds
    from paramsurvey.transport.main_file import MainFile

Pset = dict[str, Any]
WorkerFunction = Callable[[Pset, dict[str, Any], Any], Mapping[Any, Any] | None]
OutFunction = Callable[[dict[str, Any], dict[str, Any], Any], object]

Rows: TypeAlias = "range | NDArray[np.int64]"
"""The row numbers of some psets of the survey; a range if they are consecutive."""

Values: TypeAlias = "NDArray[Any] | list[Any]"
"""Values of a column in the driver: a bool, int64 or float64 array, or a list of Python objects."""

PackedValues: TypeAlias = "array[Any] | bytes | list[Any]"
"""Values of a column as they are sent: an array of numbers, bytes (bools), or a list of Python objects."""

Offsets: TypeAlias = "range | array[int] | NDArray[np.int64]"
"""The positions of psets in their group, ascending. Only the driver has them in numpy arrays."""


class FailureKind(StrEnum):
    """Why a pset has no result."""

    RAISED = "raised"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    UNSENDABLE = "unsendable"
    NODE_LOST = "node lost"
    NOT_RUN = "not run"


class CaptureMode(StrEnum):
    """What becomes of workers' output: it is passed on, written to a log, or stored for each pset."""

    PASS = "pass"
    LOG = "log"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """How workers' output is captured.

    Attributes
    ----------
    mode : CaptureMode
    stem : str
        What the names of files begin with that receive output too long to be kept in memory.
    labels : bool
        Whether a line that names the pset precedes what the pset prints.
    """

    mode: CaptureMode = CaptureMode.PASS
    stem: str = ""
    labels: bool = False


class PlainFailure(Exception):
    """A failure that its message explains. No traceback is kept: it would show only paramsurvey's code."""


@dataclass(frozen=True, slots=True)
class Ran:
    """When and where a pset ran, and for how long, as far as that is known.

    Attributes
    ----------
    seconds : float
        nan if unknown.
    began : float
        In seconds since 1970, by the clock of `host`; nan if unknown.
    worker : int
        The worker's number, which psets find in ``system_kwargs['worker_number']``; 0 if unknown.
    host : str
        The name of the worker's machine; empty if unknown.
    """

    seconds: float = math.nan
    began: float = math.nan
    worker: int = 0
    host: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one pset has no result.

    Attributes
    ----------
    kind : FailureKind
    exception : str
        The exception in one line, such as ``ValueError('...')``.
    traceback : str
        Empty if there is none.
    output : str
        What the pset printed, if output is stored. Workers send it as `Reply.output` instead.
    retryable : bool
        False: the pset must not run again, because ``retry_on`` does not name the exception, or because no
        worker is left.
    ran : Ran
        When and where it failed. Workers send this as `Reply.walls` and so on instead.
    """

    kind: FailureKind
    exception: str
    traceback: str = ""
    output: str = ""
    retryable: bool = True
    ran: Ran = field(default_factory=Ran, compare=False)


def timed_out(seconds: float) -> Failure:
    """Return the failure of a pset that ran longer than the timeout."""
    return Failure(
        FailureKind.TIMED_OUT,
        f"TimeoutError('it ran longer than timeout={seconds:g} seconds and was stopped')",
    )


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker needs to know once per map.

    Attributes
    ----------
    key : str
        Different for every map, so that a worker can tell whether it has this job already.
    name : str
        The map's name.
    code : bytes
        The `JobCode`, pickled once for all workers, and separately so that a worker that cannot unpickle it
        can still answer.
    chdir : str
        The directory in which psets run.
    backend : str
        The backend's name, under which system_kwargs holds a pset's own backend options.
    path : tuple of str
        The driver's ``sys.path``, which may have grown since the worker was started.
    buffers : tuple
        Large arrays in `code`, kept outside the pickle so that they need not be copied.
    source_lines : mapping of str to tuple of str
        The source lines of code that is in no file, by file name, for tracebacks.
    pool : str
        A name that the workers of a pool share, if they choose their numbers themselves; else empty.
    main : MainFile or None
        The program's main file, which a worker imports first if it has a guard.
    environment : mapping of str to str
        Environment variables that the worker sets unless they are set.
    show_chdir : bool
        Whether the user gave ``chdir=``, so that system_kwargs contains it.
    out_subdirs : int or None
        Into how many directories psets spread their output files.
    keep_groups : bool
        Whether one worker runs a group to its end, because the user gave ``group_size=`` or ``batch=``.
    in_batches : bool
        Whether the function takes the columns of many psets instead of one pset.
    wants_results : bool
        Whether the results are used: kept, stored, or passed to out_func. If not, those of a batch are
        checked but not sent.
    timeout : float or None
        Seconds that a pset may run.
    max_memory : int or None
        Bytes that a worker may hold.
    capture : CaptureSettings
    worker_init : bytes or None
        The pickled function that is called once in each worker process.
    """

    key: str
    name: str
    code: bytes
    chdir: str
    backend: str = ""
    path: tuple[str, ...] = ()
    buffers: tuple[Any, ...] = ()
    source_lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pool: str = ""
    main: MainFile | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    show_chdir: bool = False
    out_subdirs: int | None = None
    keep_groups: bool = False
    in_batches: bool = False
    wants_results: bool = True
    timeout: float | None = None
    max_memory: int | None = None
    capture: CaptureSettings = field(default_factory=CaptureSettings)
    worker_init: bytes | None = None

    def private(self) -> Job:
        """Return a job with copies of the arrays, for psets that run in the caller's own process."""
        return replace(
            self, buffers=tuple(bytearray(pickle.PickleBuffer(buffer).raw()) for buffer in self.buffers)
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Psets that are sent to a worker together.

    Attributes
    ----------
    id : int
    rows : Rows
        The psets' row numbers in the survey.
    payload : Any
        What the job's decoder makes the psets from; None for a space, where row numbers are enough.
    options : mapping or None
        The psets' own options for the backend (their key ``ray``), which are the same for the whole group.
    """

    id: int
    rows: Rows
    payload: Any
    options: Mapping[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __reduce__(self) -> tuple[type[Group], tuple[Any, ...]]:
        """Return how to pickle it; see `ResultColumn`."""
        return Group, (self.id, self.rows, self.payload, self.options)


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """Values of one result key for some psets of a group.

    A key has several of these in one reply if its values are of several types.

    Attributes
    ----------
    offsets : Offsets
        The psets that the values belong to, in the order of the values.
    values : PackedValues or array
    """

    offsets: Offsets
    values: PackedValues | NDArray[Any]

    def __reduce__(self) -> tuple[type[ResultColumn], tuple[Any, ...]]:
        """Return how to pickle it: left alone, a dataclass with slots goes through its fields each time."""
        return ResultColumn, (self.offsets, self.values)


@dataclass(frozen=True, slots=True)
class Reply:
    """The results of some psets of a group.

    Attributes
    ----------
    group_id : int
    start, stop : int
        The reply covers the psets at the offsets from `start` up to, but not including, `stop`. Each of
        these psets is either in `failures` or has finished. A group's first reply starts at 0, and every
        other one where its predecessor stopped.
    columns : mapping of key to tuple of ResultColumn
    failures : mapping of int to Failure
        By offset.
    walls : array of float, or EvenSeconds
        The seconds that each pset took, up to the one before `stop`. They may begin before `start`, since a
        reply repeats the times of the early replies before it. Empty if they are not known.
    began : float
        When the first pset in `walls` began, in seconds since 1970.
    worker, host : int and str
        The number of the worker, and the name of its machine.
    early : bool
        Whether a later reply will repeat these times, together with their `idle`, for the statistics.
    attempts : mapping of int to int
        How often each pset that had failed before was tried, by offset. The driver adds this.
    idle : sequence of (int, float)
        The share of time that psets spent waiting, without CPU work. ``(4, .5), (9, 0.)`` means half of the
        time of the first 4 psets in `walls`, and none of that of the next 5.
    timings : mapping of str to array of float
        The seconds that the user's function recorded, by the user's names.
    done : bool
        Whether this is the group's last reply. The worker has not begun the psets from `stop` on, so that
        another worker may run them.
    peak_memory : int
        The most bytes that the worker has held so far.
    output : mapping of int to str
        What psets printed, by offset, if output is stored.
    outgrown : bool
        Whether the worker holds more memory than it may, and must be replaced.
    copying : float
        Seconds that it took to copy user_kwargs and system_kwargs for these psets.
    given_back : int or None
        The offset from which the worker will not begin the group's psets, so that another worker may run
        them; it still runs the psets before it. None: this reply gives nothing back (but see `done`).
    """

    group_id: int
    start: int
    stop: int
    columns: Mapping[Hashable, tuple[ResultColumn, ...]] = field(default_factory=dict)
    failures: Mapping[int, Failure] = field(default_factory=dict)
    walls: array[float] | EvenSeconds = field(default_factory=lambda: array("d"))
    began: float = math.nan
    worker: int = 0
    host: str = ""
    early: bool = False
    attempts: Mapping[int, int] = field(default_factory=dict)
    idle: Sequence[tuple[int, float]] = ()
    timings: Mapping[str, array[float]] = field(default_factory=dict)
    done: bool = True
    peak_memory: int = 0
    output: Mapping[int, str] = field(default_factory=dict)
    outgrown: bool = False
    copying: float = 0.0
    given_back: int | None = None

    def __reduce__(self) -> tuple[type[Reply], tuple[Any, ...]]:
        """Return how to pickle it; see `ResultColumn`."""
        return Reply, tuple(map(self.__getattribute__, Reply.__match_args__))


@dataclass(frozen=True, slots=True)
class LostGroup:
    """A group that gets no further reply, and why. The results of earlier replies stay valid.

    Attributes
    ----------
    group_id : int
    failure : Failure
        What happened to the pset that was running. If its kind is `FailureKind.NODE_LOST`, it happened to the
        whole group from outside, and no pset is the cause.
    offset : int or None
        The pset that was running; None if that is not known. In a batch, its first pset; any pset from there
        on may be to blame.
    """

    group_id: int
    failure: Failure  # its `ran` says since when and where the pset was running
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class JobRejected:
    """A worker cannot load the job. No other worker can either, so the map ends."""

    reason: str
    traceback: str = ""


Answer = Reply | LostGroup | JobRejected
Answers = Sequence[Answer]
