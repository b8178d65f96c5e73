"""The sections of the page, computed in its own process, and only when something new has been stored.

They are those of the report, and are published one by one as they are done. Computing takes only part of the
time, so that it does not take the cores away from the survey, and pauses while nobody looks.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from paramsurvey.checkpoint.format.part_files import FAILURES, RESULTS
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.report import Subject, run_sections, value_sections
from paramsurvey.report.choice_of_axes import ShownColumns, shown_columns
from paramsurvey.report.markup import paragraph, section
from paramsurvey.report.page import TITLES
from paramsurvey.report.pictures import Pictures
from paramsurvey.results.report_subjects import checkpoint_subject
from paramsurvey.views.columns.axes import OTHERS, Axis, Range, label

MANY = 1_000_000  # psets: of more than this, only one set of columns fits into memory
SHORTEST_PAUSE = 1.0  # seconds between two computations
PAUSE_PER_SECOND = 3.0  # of a computation: so it takes a quarter of the time of one core
NAMES = ("slices", "failures", "cost", "importance", "distributions", "parallel", "timeline", "provenance")
"""The sections in the order in which the page has them, and in which they are computed."""

Signature = tuple[Any, ...]


@dataclass(frozen=True)
class Shown:
    """What the page shows of what was stored.

    Attributes
    ----------
    sections : mapping of str to str
        HTML by name.
    cells : str
        The slicer's data, as JSON.
    axes : tuple of Axis
        Those of the slicer.
    subject : Subject, optional
    complaints : tuple of str
        What is damaged.
    status : str
        The status of the run when all sections were last computed; empty before that.
    """

    sections: Mapping[str, str]
    cells: str = "null"
    axes: tuple[Axis, ...] = ()
    subject: Subject | None = None
    complaints: tuple[str, ...] = ()
    status: str = ""

    @cached_property
    def digests(self) -> dict[str, str]:
        """A short text for each section, which changes when the section does."""
        content = {**self.sections, "cells": self.cells}
        return {name: digest(shown) for name, shown in content.items()}


def digest(content: str) -> str:
    """Return a short text that stands for a long one."""
    return hashlib.blake2b(content.encode("utf-8", "replace"), digest_size=8).hexdigest()


def waiting(name: str) -> str:
    """Return the section to show until the real one has been computed."""
    return section(name, TITLES[name], paragraph("It is being computed."))


NO_PARALLEL = section("parallel", TITLES["parallel"], paragraph("They need two columns that vary."))


class Sections:
    """Computes the sections of one checkpoint, in a thread of its own while there is something to do.

    Parameters
    ----------
    directory : Path
    link : callable
        Returns the address of the page about a pset.
    clock : callable
        Returns seconds that never go back.
    """

    def __init__(
        self, directory: Path, link: Callable[[int], str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._directory = directory
        self._link = link
        self._clock = clock
        self._shown = Shown({name: waiting(name) for name in NAMES})
        self._of: Signature | None = None
        self._next = -math.inf
        self._busy = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @property
    def shown(self) -> Shown:
        """What the page shows now."""
        return self._shown

    def look(self, state: str, wait: bool = False) -> None:
        """Compute what is new, if it is time.

        Parameters
        ----------
        state : str
            What else the sections depend on: the status of the run.
        wait : bool
            Whether to return only when all is computed.
        """
        if (self._busy.locked() or self._clock() < self._next) and not wait:
            return
        found = (state, *_signature(self._directory))
        if found == self._of or not self._busy.acquire(blocking=wait):
            return
        self._thread = threading.Thread(target=self._compute, args=(found,), name="sections", daemon=True)
        self._thread.start()
        if wait:
            self._thread.join()

    def close(self, seconds: float) -> bool:
        """Compute no other section; tell whether what is computed now has ended within these seconds."""
        self._is_closed = True
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _compute(self, found: Signature) -> None:
        begun = self._clock()
        if self._shown.subject is not None and len(self._shown.subject.data) > MANY:
            self._shown = replace(self._shown, subject=None)
        try:
            for shown in computed(self._directory, self._link, self._shown):
                self._shown = shown
                if self._is_closed:
                    return
            self._shown = replace(self._shown, status=found[0])
            self._of = found
        except Exception:  # a file that has just gone, or a disk that fails: the next look tries again
            logging.getLogger(__name__).exception("the sections of the live page cannot be computed")
        finally:
            took = self._clock() - begun
            self._next = self._clock() + max(SHORTEST_PAUSE, PAUSE_PER_SECOND * took)
            self._busy.release()


def _signature(directory: Path) -> Iterator[Any]:
    """Yield values that change when something is stored."""
    for kind in (RESULTS, FAILURES):
        try:
            yield tuple(sorted(os.listdir(directory / kind)))
        except OSError:
            yield ()


def computed(directory: Path, link: Callable[[int], str], before: Shown) -> Iterator[Shown]:
    """Yield what the page shows, again whenever another section is done."""
    subject = replace(checkpoint_subject(directory), directory=str(directory), link=link)
    seen = shown_columns(subject)
    slices = value_sections.slices(subject, seen)
    shown = replace(
        before,
        sections={**before.sections, "slices": slices.html},
        cells=slices.cells,
        axes=slices.axes,
        subject=subject,
        complaints=subject.complaints,
    )
    yield shown
    makers = _makers(subject, seen)
    for name in NAMES[1:]:
        shown = replace(
            shown, sections={**shown.sections, name: makers[name](Pictures(subject.data.units, f"{name}-"))}
        )
        yield shown


def _makers(subject: Subject, seen: ShownColumns) -> Mapping[str, Callable[[Pictures], str]]:
    return {
        "failures": lambda pictures: run_sections.failures(subject, pictures),
        "cost": lambda pictures: run_sections.cost(subject, pictures),
        "importance": lambda pictures: value_sections.importance(subject, seen, pictures),
        "distributions": lambda pictures: value_sections.distributions(subject, seen, pictures),
        "parallel": lambda pictures: value_sections.parallel(subject, seen, pictures) or NO_PARALLEL,
        "timeline": lambda pictures: run_sections.timeline(subject, pictures),
        "provenance": lambda pictures: run_sections.provenance(subject),
    }


@dataclass(frozen=True)
class RunningPlaces:
    """Where on some axes the running psets are.

    Attributes
    ----------
    places : list of lists of int
        For each pset the place on each axis; -1 on an axis that cannot have its value.
    values : list of lists of str
        For each axis the values that only running psets have, in the order of their places, which come after
        the axis' own.
    """

    places: list[list[int]]
    values: list[list[str]]


def running_places(psets: Sequence[Mapping[str, Any]], axes: Sequence[Axis]) -> RunningPlaces:
    """Return where psets with these keys and values are on some axes."""
    found = RunningPlaces([], [[] for _ in axes])
    for pset in psets:
        places = zip(axes, found.values, strict=True)
        found.places.append(
            [_place(pset[axis.name], axis, more) if axis.name in pset else -1 for axis, more in places]
        )
    return found


def _place(value: Any, axis: Axis, more: list[str]) -> int:
    try:
        return axis.place_of(value)
    except ValueError:
        if any(isinstance(known, Range) or known is OTHERS for known in axis.values):
            return -1
    shown = label(value)
    if shown not in more:
        more.append(shown)
    return len(axis) + more.index(shown)
