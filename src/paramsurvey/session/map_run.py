"""One call of `map` while it runs, round by round, up to its results."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from paramsurvey.engine.backend import Backend, CallsForeignCode
from paramsurvey.engine.checkpoint import Status
from paramsurvey.engine.options import Options
from paramsurvey.engine.survey import Survey
from paramsurvey.errors import INTERRUPTIONS, SessionClosed
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.reporting.watch import Watch
from paramsurvey.session.late_answers import wait_for_late_answers
from paramsurvey.transport.messages import Job
from paramsurvey.worker.forked_children import end_if_forked

if TYPE_CHECKING:
    from paramsurvey.results.map_results import MapResults
    from paramsurvey.results.missing import WorkerCall


@dataclass
class MapRun:
    """One map, prepared by `paramsurvey.session.prepare`, which can run once.

    Parameters
    ----------
    backend : Backend
    backend_options : mapping
        What was given as ``<backend name>={...}``, checked.
    job : Job
        What the workers must know.
    survey : Survey
    watch : Watch
        Shows the user what happens.
    options : Options
    call : WorkerCall or None
        How the worker function is called, so that it can be called again.
    stop : Event
        Set when the session is closed: the map ends before its next round.
    ready : deque
        The rows that are done but not yet yielded, if the caller iterates.

    Attributes
    ----------
    results : MapResults or None
        None while the map runs. They are there after an interruption, too.
    """

    backend: Backend
    backend_options: Mapping[str, Any]
    job: Job
    survey: Survey
    watch: Watch
    options: Options
    call: WorkerCall | None
    stop: threading.Event
    ready: deque[dict[str, Any]]
    results: MapResults | None = None

    def __post_init__(self) -> None:
        self._ran_to_the_end = False
        self._is_closed = False
        self._owner = os.getpid()

    def run(self) -> MapResults:
        """Run to the end, and return the results."""
        with self.watch.signals:
            try:
                self._run_rounds()
            finally:
                results = self.conclude()
        return results

    def conclude(self) -> MapResults:
        """Leave nothing running, and return the results. A second call finishes what Ctrl-C interrupted."""
        self.watch.signals.hold()
        self._close(Status.INTERRUPTED)
        if self.results is None:
            self.results = self.build()
        return self.results

    def finish(self, after_round: Sequence[Callable[[Survey], None]] = ()) -> None:
        """Run to the end, and leave the results in the survey's ``state``.

        Parameters
        ----------
        after_round : sequence of callable
            Called with the survey after each round.
        """
        with self.watch.signals:
            try:
                self._run_rounds(after_round)
            finally:
                self.watch.signals.hold()
                self._close(Status.INTERRUPTED)  # does nothing unless Ctrl-C has interrupted the first call

    def _run_rounds(self, after_round: Sequence[Callable[[Survey], None]] = ()) -> None:
        for _ in self._rounds():
            for function in after_round:
                function(self.survey)

    def stream(self) -> Generator[dict[str, Any]]:
        """Yield the outcome of each pset as it comes; hand out work only while the caller takes rows."""
        rounds = self._rounds(interactive=False)
        try:
            while True:
                with self.watch.signals:
                    more = next(rounds, self) is not self
                while self.ready:
                    yield self.ready.popleft()
                if not more:
                    return
        finally:
            with self.watch.signals:
                rounds.close()

    def _rounds(self, interactive: bool = True) -> Generator[None]:
        """Open the job, run the survey's loop, and leave nothing running, however it ends."""
        self.watch.begin(self.survey, interactive)
        status = Status.FINISHED
        try:
            self.watch.signals.check()  # whatever is raised from here on, the map will be closed
            if isinstance(self.backend, CallsForeignCode):
                self.backend.may_block = self.watch.signals.may_block
            self.backend.open(self.job, self.backend_options)
            for _ in self.survey.rounds():
                self._check_stop()
                yield
                end_if_forked(self._owner)  # in a loop over `imap_unordered`, or while a result was unpickled
            self._ran_to_the_end = True
        except BaseException as error:
            if os.getpid() != self._owner and isinstance(error, GeneratorExit):
                raise  # a forked child has left the loop, as it should: the workers' answers are its parent's
            end_if_forked(self._owner, error)
            status = status_of(error)
            if status is Status.INTERRUPTED:
                with suppress(Exception):  # the interruption is what the caller must see
                    self.survey.settle_arrived()  # at once, since a batch system may kill the process soon
                    if isinstance(error, INTERRUPTIONS):  # another one of these ends the waiting
                        wait_for_late_answers(self.backend, self.watch.console.say)
                    self.survey.settle_arrived()
            raise
        finally:
            self.watch.signals.hold()
            self._close(status)

    def _check_stop(self) -> None:
        progress = self.survey.progress
        is_left = progress.finished + progress.failures < progress.total or self.survey.more_may_come
        if self.stop.is_set() and is_left:
            raise SessionClosed(
                "the session was closed while its map ran, by close(), finalize(), or init() with another "
                "backend or log; last_results() has what had finished: call them when the map has ended"
            )

    def _close(self, status: Status) -> None:
        """Settle what is left, and leave nothing running. Only the first call does anything.

        A forked child does nothing here: the map, its lock and its workers belong to the parent.
        """
        if self._is_closed or os.getpid() != self._owner:
            return
        survey = self.survey
        with ExitStack() as last_first:  # calls each of them, from the last one up, whatever the others raise
            last_first.callback(self.watch.end, survey, interrupted=not self._ran_to_the_end)
            last_first.callback(survey.checkpoint.close, status)
            last_first.callback(self.backend.end_job)
            last_first.callback(survey.source.stop_reading)
            last_first.callback(survey.give_up)
            self._is_closed = True

    def build(self) -> MapResults:
        """Return a table of what came back."""
        from paramsurvey.results.table_building import build

        survey, options = self.survey, self.options
        self.watch.note_conflicts(survey.source.names, survey.collector.columns)
        return build(
            survey.state,
            options.verbose,
            options.keep_results,
            self.call,
            options.checkpoint,
            survey.checkpoint.started,
        )


def status_of(error: BaseException) -> Status:
    """Return the status of a run that `error` ended."""
    interrupted = isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit))
    return Status.INTERRUPTED if interrupted else Status.FAILED
