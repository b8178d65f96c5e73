"""A session for the command line: it speaks to users of a shell, and keeps what came back as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.shell_next_steps import ShellNextSteps
from paramsurvey.session.session import Session

if TYPE_CHECKING:
    from paramsurvey.engine.survey import Survey
    from paramsurvey.reporting.next_steps import NextSteps
    from paramsurvey.session.map_run import MapRun

AfterRound = Callable[["Survey"], None]


class ShellSession(Session):
    """A session whose messages name options and subcommands of the command line.

    Attributes
    ----------
    last_run : MapRun or None
        What `run` has run, also when it was interrupted.
    """

    next_steps: NextSteps = ShellNextSteps()
    last_run: MapRun | None = None

    def run(self, func: Any, psets: Any, after_round: Sequence[AfterRound] = (), **options: Any) -> MapRun:
        """Run a worker function for every pset, as `map` does, but build no DataFrame.

        pandas takes longer to load than many a survey of commands takes to run.

        Parameters
        ----------
        func, psets, **options
            As for `map`.
        after_round : sequence of callable
            Called with the survey after each round of its loop.

        Returns
        -------
        MapRun
            Its survey's ``state`` has what came back; `MapRun.build` makes a `MapResults` of it.

        Raises
        ------
        ValueError, SurveyError, KeyboardInterrupt
            As `map`; `last_run` has what had finished.
        """
        with self._gate.turn(), self._gate.working():
            run = self.last_run = self._prepare(func, psets, options, columns_only=True)
            run.finish(after_round)
            return run
