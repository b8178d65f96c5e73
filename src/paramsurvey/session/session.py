"""A session: surveys with the same options, one after another, on the same workers."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Unpack

from paramsurvey.engine.backend import Backend
from paramsurvey.engine.options import Options
from paramsurvey.errors import OptionError
from paramsurvey.live_page.launch import Pages
from paramsurvey.live_page.serving import need_packages
from paramsurvey.plurals import counted
from paramsurvey.reporting.console import Console, show, warn
from paramsurvey.reporting.next_steps import IN_A_LOOP, IN_PYTHON, NextSteps
from paramsurvey.reporting.reporters.log import RunLog
from paramsurvey.session.last_function import LastFunction
from paramsurvey.session.map_gate import MapGate
from paramsurvey.session.map_run import MapRun
from paramsurvey.session.options.keyword_options import (
    InitOptions,
    IterationOptions,
    MapOptions,
    lists_options,
)
from paramsurvey.session.options.session_options import SessionOptions
from paramsurvey.session.own_frames import interrupted, interrupted_at_start
from paramsurvey.session.prepare import MapRequest, SessionContext, check_current_directory, prepare
from paramsurvey.session.running_backend import RunningBackend
from paramsurvey.session.told_once import was_told_before
from paramsurvey.transport.messages import OutFunction, WorkerFunction
from paramsurvey.transport.safe_text import safe_line
from paramsurvey.worker.forked_children import children_end_here
from paramsurvey.worker.keywords import KeywordFunction
from paramsurvey.worker.nested_session import refuse_while_loading

if TYPE_CHECKING:
    from paramsurvey.results.map_results import MapResults

AnyFunction = KeywordFunction[Any, Any] | WorkerFunction  # so mypy infers lambdas in keywords()


@lists_options(InitOptions)
class Session:
    """Surveys with the same options, one after another, on the same workers.

    Parameters
    ----------
    **options
        Everything that `init` takes.

    Raises
    ------
    OptionError
        A ValueError that names the option that is unknown or whose value is not valid.

    Examples
    --------
    >>> with Session(ncores=2, verbose=0) as session:  # doctest: +SKIP
    ...     results = session.map(worker, psets)
    """

    next_steps: NextSteps = IN_PYTHON  # the command line has a subclass with its own

    def __init__(self, **options: Unpack[InitOptions]) -> None:
        refuse_while_loading()
        check_current_directory()
        self._owner = os.getpid()
        self._last_results: MapResults | None = None
        self._last_function = LastFunction()
        self._max_verbose = 0  # of all maps so far
        self._has_said_threads = False
        self._pages = Pages()
        self._options = SessionOptions(options)
        self._log = self._open_log()
        self._gate = MapGate(lambda text: self._console().say(text), self._end)
        try:
            self._running_backend = self._start_backend()
        except BaseException:
            self._log.close()
            raise

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._gate.is_closed:
            return "<Session: closed>"
        return f"<Session: {self.backend.name}, {counted(self.backend.core_count(), 'core')}>"

    @property
    def options(self) -> Options:
        """The values of all options."""
        return self._options.values

    @property
    def backend(self) -> Backend:
        """What runs the groups."""
        return self._running_backend.backend

    @property
    def log(self) -> RunLog:
        """The log of this session."""
        return self._log

    @property
    def runs_a_map(self) -> bool:
        """Whether a map has begun and not ended."""
        return self._gate.is_taken

    @lists_options(InitOptions)
    def update(self, **options: Unpack[InitOptions]) -> None:
        """Replace all options; keep the workers and the log unless their options change.

        Parameters
        ----------
        **options
            As for the session itself. An option that is not given has its default again.

        Raises
        ------
        OptionError
            A ValueError; the options stay as they were.

        Examples
        --------
        >>> with Session(ncores=2, verbose=0) as session:  # doctest: +SKIP
        ...     session.update(ncores=1, verbose=0)
        """
        self._gate.check_open()
        before, self._options = self._options, SessionOptions(options)
        try:
            log = self._options.needs_another_log(before)
            backend = self._options.needs_another_backend(before)
            if log or backend:
                with self._gate.between_maps():
                    if log:
                        self._replace_log()
                    if backend:
                        self._replace_backend(before)
        except BaseException:  # also Ctrl-C: starting another backend may take long
            self._options = before
            raise

    def close(self) -> None:
        """End the workers and the log. It may be called twice, and does nothing in a forked child process.

        Leaving the ``with`` block of a session calls it. A map that is running in another thread, or that
        calls this from its out_func, ends with a `SessionClosed`; `last_results` has what had finished.
        """
        if os.getpid() == self._owner:
            self._gate.close()

    def last_results(self) -> MapResults | None:
        """Return the results of the last map, even if it was interrupted.

        Returns
        -------
        MapResults, or None
            None before the first map. `paramsurvey.last_results` also returns None after
            `paramsurvey.finalize`, unless that ended a map. `imap_unordered` leaves them unchanged.

        Examples
        --------
        >>> results = paramsurvey.last_results()  # after Ctrl-C  # doctest: +SKIP
        >>> again = paramsurvey.map(worker, results.missing)  # doctest: +SKIP
        """
        return self._last_results

    @lists_options(MapOptions)
    def map(
        self,
        func: AnyFunction,
        psets: Any,
        out_func: OutFunction | None = None,
        **options: Unpack[MapOptions],
    ) -> MapResults:
        """Run a worker function once for every parameter set.

        An option that `init` takes as well and that is left out here has the value that it was given there.

        Parameters
        ----------
        func : callable
            ``func(pset, system_kwargs, user_kwargs)``, returning a dict of results or None; or, with
            `paramsurvey.keywords`, any function that takes the psets' keys. It may be a lambda, a closure, or
            a function of a notebook.
        psets : DataFrame, iterable of dicts, dict of columns, polars or Arrow table, path, or space
            The parameter sets. They are not changed. A path is that of a Parquet file; a space is from
            `paramsurvey.params`.
        out_func : callable, optional
            ``out_func(user_ret, system_kwargs, user_kwargs)``, called in this process for every pset that is
            done.
        **options
            Each is described in the options table of the documentation.

        Returns
        -------
        MapResults
            A DataFrame with one row for each pset that finished, in the order of the psets: the pset's
            columns, then the result's. ``.missing`` has the psets without a result, each with the
            reason, ``.progress`` the counters, and ``.stats`` the times.

        Raises
        ------
        ValueError, TypeError
            Before any work starts: the function, the psets or an option cannot be used as they are.
        SurveyError
            The survey cannot go on; `last_results` has what had finished.
        KeyboardInterrupt
            After Ctrl-C; `last_results` has what had finished.
        RuntimeError
            This thread is already in a map of this session: in its out_func, in a loop over
            `imap_unordered`, or in the worker function. A map of another thread is waited for.
        SessionClosed
            Also a RuntimeError: the session is closed, or was closed while the map ran or waited.

        Examples
        --------
        >>> import paramsurvey
        >>> def add(pset, system_kwargs, user_kwargs):
        ...     return {"c": pset["a"] + pset["b"]}
        >>> results = paramsurvey.map(add, [{"a": 1, "b": 2}], verbose=0)  # doctest: +SKIP
        >>> results.c.tolist()  # doctest: +SKIP
        [3]
        """
        with self._gate.turn(), self._gate.working():
            run = self._prepare(func, psets, {**options, "out_func": out_func})
            self._last_function.forget()
            __tracebackhide__ = True
            try:
                results = run.run()
                self._last_function.remember(func, run.survey)
                return results
            except KeyboardInterrupt as error:
                raise interrupted(error) from None
            finally:
                self._last_results = run.conclude()

    @lists_options(IterationOptions)
    def imap_unordered(
        self, func: AnyFunction, psets: Any, **options: Unpack[IterationOptions]
    ) -> Iterator[dict[str, Any]]:
        """Run a worker function for every parameter set, and yield the outcome of each as it comes.

        Nothing is kept: the psets may come from an endless iterator, and the results may be more than fits
        into memory. While nobody takes results, no more work is handed out. Leaving the loop ends the map.

        Parameters
        ----------
        func, psets
            As for `map`.
        **options
            As for `map`.

        Yields
        ------
        dict
            The pset's keys and the result's; for a pset without a result, its own keys,
            ``_exception`` and ``_traceback``.

        Raises
        ------
        ValueError, TypeError, SurveyError, KeyboardInterrupt
            As for `map`, but only when the first result is asked for.

        Examples
        --------
        >>> import paramsurvey
        >>> def square(pset, system_kwargs, user_kwargs):
        ...     return {"y": pset["x"] ** 2}
        >>> for row in paramsurvey.imap_unordered(square, ({"x": x} for x in range(10**9))):  # doctest: +SKIP
        ...     if row["y"] > 100:
        ...         break
        """
        with self._gate.turn():
            with self._gate.working():
                rows = self._prepare(func, psets, {**options, "keep_results": False}, iterates=True).stream()
            __tracebackhide__ = True
            try:
                while True:
                    with self._gate.working():
                        row = next(rows, None)
                    if row is None:
                        return
                    yield row
                    self._gate.continue_here()
            except KeyboardInterrupt as error:
                raise interrupted(error) from None
            finally:
                with self._gate.working():
                    rows.close()

    @children_end_here()  # the arguments are pickled, which may run the user's code
    def _prepare(
        self,
        func: AnyFunction,
        psets: Any,
        given: Mapping[str, Any],
        iterates: bool = False,
        columns_only: bool = False,
    ) -> MapRun:
        stop, running = self._gate.begin(), self._running_backend
        options = self._options.for_map(given)
        has_page = options.view and options.checkpoint is not None
        if given.get("view") and not has_page:
            raise OptionError("view=True shows a checkpoint, but there is none: give checkpoint='DIR', too")
        if has_page:
            need_packages()
        backend_options = given.get(running.backend.name) or {}
        self._max_verbose = max(self._max_verbose, options.verbose)
        self._say_threads(Console(self._log, options.verbose))
        next_steps = IN_A_LOOP if iterates and self.next_steps is IN_PYTHON else self.next_steps
        context = SessionContext(
            running.backend,
            self._log,
            running.environment,
            next_steps,
            stop,
            self._last_function,
            self._gate.cleanup,
        )
        request = MapRequest(func, psets, options, backend_options, iterates, columns_only)
        try:
            run = prepare(context, request)
        except KeyboardInterrupt as error:
            raise interrupted_at_start(error) from None
        if has_page:
            self._open_page(options)
        return run

    def _open_page(self, options: Options) -> None:
        """Start the live page of a checkpoint, unless it is running; if that fails, the map goes on."""
        address = self._pages.open(str(options.checkpoint))
        if address == "":
            directory = shlex.quote(str(options.checkpoint))
            text = f"the live page could not be started: paramsurvey view {directory} says why"
            Console(self._log, options.verbose).say(text)
        elif address is not None and options.verbose > 0:
            # not written to the log, which is kept, because the token in the address gives access
            show(f"the live page, until this session ends: {address}")

    def _say_threads(self, console: Console) -> None:
        """Say, before the first map, how many threads each worker has, unless the user chose the number.

        A user who has seen this in an earlier run finds it in the log, and on the screen at verbose 2.
        """
        notice = self._running_backend.threads_notice()
        if notice and not self._has_said_threads:
            self._has_said_threads = True
            console.say(notice, at=2 if was_told_before("threads") else 1)

    # ---- the log and the backend

    def _console(self) -> Console:
        return Console(self._log, self.options.verbose)

    def _start_backend(self) -> RunningBackend:
        try:
            return RunningBackend(self._options, self._console(), self.next_steps)
        except KeyboardInterrupt as error:
            raise interrupted_at_start(error) from None

    def _open_log(self) -> RunLog:
        options = self.options
        return RunLog.open(
            options.pslogger_prefix,
            options.pslogger_fd,
            on_warning=warn if options.verbose > 0 else None,
            elsewhere=self.next_steps.log_elsewhere(),
        )

    def _replace_log(self) -> None:
        self._log.close()
        self._log = self._open_log()

    def _replace_backend(self, before: SessionOptions) -> None:
        """End the backend and start another; if that fails, start one with the options `before`."""
        try:
            self._running_backend.close()
            self._running_backend = self._start_backend()
        except BaseException:
            self._options = before
            self._running_backend = self._start_backend()
            raise

    def _end(self) -> None:
        self._pages.close()
        self._running_backend.close()
        if self._log.saw_traceback and self._log.path and self._max_verbose > 0:
            show(f"your code raised exceptions: every traceback is in {safe_line(self._log.path)}")
        self._log.saw_traceback = False
        self._log.close()
