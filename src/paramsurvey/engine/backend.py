"""The contract between the survey's loop and what runs its groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from paramsurvey.errors import UnknownOption
from paramsurvey.transport.messages import Answers, CaptureMode, Group, Job

Resources = dict[str, float]
"""One node: ``num_cores``, ``memory`` in bytes, ``num_gpus`` where there are any."""


class Backend(Protocol):
    """Runs groups somewhere.

    The law: every submitted group is answered until a `Reply` that is ``done``, or lost by one
    `LostGroup`, exactly once, whatever happens. Nothing is reported but by `poll`, in the thread that
    calls it.
    """

    name: str
    runs_here: bool
    """Whether psets run in the caller's thread, inside `poll`, so that Ctrl-C must go right through it."""

    captures: frozenset[CaptureMode]
    """What it can do with what psets print; `CaptureMode.PASS` is always among it."""

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a pset's or a map's own options in their canonical form.

        Raises
        ------
        OptionError
            When there is one that this backend does not know; it is named.
        """
        ...

    def open(self, job: Job, options: Mapping[str, Any]) -> None:
        """Begin a map: every group from now on belongs to `job`."""
        ...

    def capacity(self) -> int:
        """How many more groups it wants in hand now. It may grow and shrink during a map."""
        ...

    def largest_group(self) -> int | None:
        """How many psets the next group may have; None: any number."""
        ...

    def submit(self, group: Group) -> None:
        """Hand over one group. Only after `capacity` said that there is room."""
        ...

    def poll(self, timeout: float) -> Answers:
        """Wait at most `timeout` seconds for news, and return all there is. The only place that waits."""
        ...

    def running(self, group_id: int) -> tuple[int, float] | None:
        """The offset of the pset that runs now and for how many seconds, or None if that is not known."""
        ...

    def abort(self, group_id: int) -> str | None:
        """Stop a group for good. No answer of it comes any more, not even a loss.

        Returns what the pset that ran had printed, where that is stored.
        """
        ...

    def end_job(self) -> None:
        """End the map: whatever is still in hand is aborted, what was shipped for the job is dropped."""
        ...

    def core_count(self) -> int:
        """Cores that the workers use now."""
        ...

    def resources(self) -> list[Resources]:
        """One dict per node."""
        ...

    def close(self) -> None:
        """Leave nothing behind: no process, no file, no thread. May be called twice."""
        ...


def no_options(backend: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse any option, for a backend that has none.

    Raises
    ------
    UnknownOption
    """
    for name in options:
        raise UnknownOption(f"the {backend} backend has no option {name!r}: leave it out")
    return options
