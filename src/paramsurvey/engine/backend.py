"""The contract between the survey's loop and the backends, which run its groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from paramsurvey.errors import UnknownOption
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import Answers, CaptureMode, Group, Job

Resources = dict[str, float]
"""The resources of one node: ``num_cores``, ``memory`` in bytes, and ``num_gpus`` if it has GPUs."""


class Backend(Protocol):
    """Runs groups: in this process, in other processes, or on other machines.

    One rule binds every backend: whatever happens, each submitted group ends exactly once, either with a
    `Reply` that is ``done`` (other replies may precede it) or with a `LostGroup`. A group that no worker has
    begun may come back with a reply that is ``done`` and covers no pset. A backend reports only by what
    `poll` returns.

    A class that inherits from this one gets what has a default here.
    """

    name: str
    runs_here: bool = False
    """Whether psets run in the caller's thread, inside `poll`. Ctrl-C must then interrupt `poll`."""

    can_recall: bool = False
    """Whether `recall` makes workers give back psets, so that sending too large a group costs little."""

    captures: frozenset[CaptureMode] = frozenset({CaptureMode.PASS})
    """The ways in which it can capture output; `CaptureMode.PASS` is always among them."""

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the backend options of a pset or a map in canonical form, so that equal ones compare equal.

        The default refuses every option.

        Raises
        ------
        OptionError
            Names an option that this backend does not have.
        """
        return no_options(self.name, options)

    def open(self, job: Job, options: Mapping[str, Any]) -> None:
        """Begin a map: the groups that are submitted from now on belong to `job`."""
        ...

    def capacity(self) -> int:
        """Return how many more groups may be submitted now. The number may change during a map."""
        ...

    def reserve(self) -> int:
        """Return how many groups may be submitted beyond `capacity`, each to wait behind a running group.

        The default is 0: the backend has no place for waiting groups.
        """
        return 0

    def largest_group(self) -> int | None:
        """Return how many psets the next group may have at most. The default, None, sets no limit."""
        return None

    def submit(self, group: Group) -> None:
        """Accept a group. Called only while `capacity` or `reserve` is above 0."""
        ...

    def poll(self, timeout: float) -> Answers:
        """Wait at most `timeout` seconds for answers, and return all there are. No other method waits."""
        ...

    def running(self, group_id: int) -> tuple[int, float] | None:
        """Return the offset of the pset that runs now, and for how many seconds it has run.

        A pset whose worker is idle, and so will begin it at once, may count as having run for 0 seconds.
        The default, None, means that this is not known: then the workers must enforce `timeout` themselves.
        """
        return None

    def recall(self, group_id: int) -> None:
        """Ask the worker that has the group to give back, soon, all psets that it has not begun.

        They come back with a `Reply` that is ``done``, or through `Reply.given_back`. A backend may ignore
        the request, as the default does.
        """
        return

    def abort(self, group_id: int) -> str | None:
        """Stop a group. `poll` returns no further answer for it, not even a `LostGroup`.

        Returns
        -------
        str or None
            What the running pset had printed, if output is stored.
        """
        ...

    def end_job(self) -> None:
        """End the map: abort the unanswered groups, and drop what was sent for the job.

        Also called when an interruption has prevented `open`.
        """
        ...

    def core_count(self) -> int:
        """Return how many cores the workers use now."""
        ...

    def resources(self) -> list[Resources]:
        """Return the resources of each node."""
        ...

    def close(self) -> None:
        """End all processes and threads, and remove all temporary files. May be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Where a worker runs: its number, process and machine, and the id of the group that it has."""

    number: int
    pid: int
    host: str
    group_id: int | None = None


@runtime_checkable
class ListsWorkers(Protocol):
    """A backend that can list its workers' processes. This is optional."""

    def workers(self) -> Sequence[WorkerPlace]:
        """Return where each worker runs."""
        ...


@runtime_checkable
class CallsForeignCode(Protocol):
    """A backend that calls an engine's own code, which may block for ever. This is optional.

    Attributes
    ----------
    may_block : callable
        Set before `Backend.open`. Returns a context to enter around each such call, and around nothing else:
        if the user has pressed Ctrl-C, KeyboardInterrupt is soon raised in it, repeatedly until it is left.
    """

    may_block: Callable[[], AbstractContextManager[None]]


@runtime_checkable
class AnswersLate(Protocol):
    """A backend that needs time to read what has come back, in a thread. This is optional.

    An interrupted map waits for that, though not for long, and keeps what had finished.
    """

    def is_reading(self) -> bool:
        """Tell whether an answer is being read just now."""
        ...

    def last_answers(self) -> Answers:
        """Return the answers that have been read; neither wait nor call an engine's own code."""
        ...


def last_answers(backend: Backend) -> Answers:
    """Return what an interrupted map can still have from its backend, without waiting."""
    return backend.last_answers() if isinstance(backend, AnswersLate) else backend.poll(0.0)


def places_of(backend: Backend) -> Sequence[WorkerPlace]:
    """Return where a backend's workers run; nothing if it does not list them."""
    workers = getattr(backend, "workers", None)
    return workers() if callable(workers) else ()


def no_options(backend: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse every option, for a backend that has none.

    Raises
    ------
    UnknownOption
        Names the first option.
    """
    for name in options:
        raise UnknownOption(f"the {backend} backend has no option {name!r}: leave it out")
    return options
