"""Everything that crosses the border between the driver and its workers.

All of these are frozen: what was sent is what is read. "No result yet", "the
result ``None``" and "no such key in this result" are three different things:
the first is a row that no `Reply` has covered, the second a row that a `Reply`
covers and none of its columns holds, the third a column whose offsets leave
the row out.
"""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from paramsurvey.transport.main_file import MainFile

Pset = dict[str, Any]
WorkerFunction = Callable[[Pset, dict[str, Any], Any], Mapping[Any, Any] | None]
OutFunction = Callable[[dict[str, Any], dict[str, Any], Any], object]

Rows: TypeAlias = "range | NDArray[np.int64]"
"""Which psets: positions in the survey's table, a range where they are neighbours."""

Values: TypeAlias = "NDArray[Any] | list[Any]"
"""A run of cells in the driver: a bool, int64 or float64 array, or a list of Python objects."""

PackedValues: TypeAlias = "array[Any] | bytes | list[Any]"
"""A run of cells that travels: numbers, bools (one byte each), or a list of Python objects."""

Offsets: TypeAlias = "range | array[int] | NDArray[np.int64]"
"""Which psets of a group, ascending: the array is numpy's in the driver only."""


class FailureKind(StrEnum):
    """Why a pset has no result."""

    RAISED = "raised"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    OUT_OF_MEMORY = "out of memory"
    UNSENDABLE = "unsendable"
    NOT_RUN = "not run"


class CaptureMode(StrEnum):
    """What becomes of what workers print."""

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
        What the names of the files begin with that are written on the way.
    labels : bool
        Whether lines shall tell which pset they are from.
    """

    mode: CaptureMode = CaptureMode.PASS
    stem: str = ""
    labels: bool = False


class PlainFailure(Exception):
    """Why one pset failed, all in its message: no traceback is kept, which would show our own code."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one pset has no result: a kind, one line, and a traceback where there is one."""

    kind: FailureKind
    exception: str
    traceback: str = ""
    output: str = ""  # what the pset had printed, where that is stored; a worker tells it with its `Reply`
    retryable: bool = True  # False: retry_on does not name the exception, or there is nobody left to try


def timed_out(seconds: float) -> Failure:
    """Return the failure of a pset that ran longer than the timeout."""
    return Failure(
        FailureKind.TIMED_OUT,
        f"TimeoutError('it ran longer than timeout={seconds:g} seconds and was stopped')",
    )


class Loadable(Protocol):
    """A pset with objects that are not unpickled yet."""

    def load(self) -> Pset:
        """Return the pset. May raise anything: the user's objects do that."""
        ...


class Decoder(Protocol):
    """Makes psets of what a group carries. It travels once, with the `Job`."""

    def isolated(self, load: Any) -> Any:
        """Return a group's load as it travels, so that no two psets share an object, and none can fail."""
        ...

    def weight(self, load: Any) -> int:
        """Return how many bytes the objects in a load have as it travels."""
        ...

    def psets(self, rows: Rows, load: Any) -> Iterator[Pset | Loadable]:
        """Yield one dict of native Python values for each of `rows`; of a pickled load, a private one."""
        ...


Pair: TypeAlias = tuple[Any, dict[str, Any]]
"""What a pset gets as user_kwargs, and the part of its system_kwargs that the caller has given."""


class Arguments(Protocol):
    """user_kwargs and system_kwargs, the same for all psets. They travel once, with the `Job`."""

    @property
    def has_large_arrays(self) -> bool:
        """Whether there are arrays that all psets share, and none may change."""
        ...

    @property
    def copying_is_costly(self) -> bool:
        """Whether copying may take so long that it is worth being timed."""
        ...

    def private_pair(self) -> Pair:
        """Return copies for one pset. May raise anything: the user's objects do that."""
        ...

    def copier(self) -> Callable[[], Pair] | None:
        """Return what makes such copies; None if only the dict system_kwargs itself must be copied."""
        ...


@dataclass(frozen=True, slots=True)
class JobCode:
    """Everything of the user's that is the same for all psets."""

    function: WorkerFunction
    arguments: Arguments
    decoder: Decoder
    retry_on: tuple[type[BaseException], ...] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker must know once per map.

    `code` is a pickled `JobCode`: bytes, so that a worker that cannot load it can say so, and so that
    it is pickled once for all workers.
    """

    key: str
    name: str
    code: bytes
    chdir: str
    backend: str = ""  # whose options a pset may bring along, under this key of system_kwargs
    path: tuple[str, ...] = ()  # the driver's sys.path, which may have grown since the worker started
    buffers: tuple[
        Any, ...
    ] = ()  # large arrays of `code`, pickled beside it, so that they need not be copied
    source_lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # lines of code, by file
    pool: str = ""  # names the workers that have numbers together, where they number themselves
    main: MainFile | None = None  # what workers import first, so that its functions are found there
    environment: Mapping[str, str] = field(default_factory=dict)  # defaults, where they are not set
    show_chdir: bool = False  # the user gave chdir=, so system_kwargs has it
    out_subdirs: int | None = None
    keep_groups: bool = False  # group_size= was given: a group is run to its end by one worker
    timeout: float | None = None
    max_memory: int | None = None  # bytes that a worker may hold
    capture: CaptureSettings = field(default_factory=CaptureSettings)
    worker_init: bytes | None = None  # pickled: called once in each worker process

    def private(self) -> Job:
        """Return a copy for the process of the caller, whose arrays the function must not change."""
        return replace(
            self, buffers=tuple(bytearray(pickle.PickleBuffer(buffer).raw()) for buffer in self.buffers)
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Some psets that go to a worker together.

    `options` are the pset's own options for the backend (its key ``ray``); all psets of a group
    have the same ones.
    """

    id: int
    rows: Rows
    load: Any
    options: Mapping[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """Values of one result key; `offsets` says for which psets of the group, in order.

    A key has several of these in one reply when its values are of several kinds.
    """

    offsets: Offsets
    values: PackedValues | NDArray[Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of the psets `start` to `stop` (offsets in the group).

    Every pset in there is either in `failures` or has finished. When `done`, the group is over and
    the psets from `stop` on, if there are any, were not begun: the worker gives them back.

    `walls` are the seconds of each pset that ended since the last reply with times, and `idle` says
    for stretches of them, up to how many they reach and which share of their time went without CPU
    work; `timings` are what the user's function timed.
    """

    group_id: int
    start: int
    stop: int
    columns: Mapping[Hashable, tuple[ResultColumn, ...]] = field(default_factory=dict)
    failures: Mapping[int, Failure] = field(default_factory=dict)
    walls: array[float] = field(default_factory=lambda: array("d"))
    idle: Sequence[tuple[int, float]] = ()
    timings: Mapping[str, array[float]] = field(default_factory=dict)
    done: bool = True
    peak_memory: int = 0  # bytes: the most that the worker has held so far
    output: Mapping[int, str] = field(default_factory=dict)  # what psets printed, where that is stored
    outgrown: bool = False  # the worker holds more than it may: it must be replaced
    copying: float = 0.0  # seconds that it took to copy user_kwargs and system_kwargs for these psets


@dataclass(frozen=True, slots=True)
class LostGroup:
    """A group that will not be answered (any more), and why.

    `offset` is the pset that was running, None when nobody knows; what earlier replies covered
    stays covered.
    """

    group_id: int
    failure: Failure
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class JobRejected:
    """A worker cannot take part in this map at all: no other worker will either."""

    reason: str
    traceback: str = ""


Answer = Reply | LostGroup | JobRejected
Answers = Sequence[Answer]
