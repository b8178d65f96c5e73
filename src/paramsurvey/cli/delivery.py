"""Where the results of ``paramsurvey run`` go: files, stdout, or a checkpoint that has them already."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from paramsurvey.cli.checkpoints.lost_results import count_lost, count_stored, why_unwritable
from paramsurvey.cli.errors import RunFailed, say
from paramsurvey.cli.plan import Plan
from paramsurvey.cli.run_files import RunFiles
from paramsurvey.cli.tables.output_file import rescue, write_table
from paramsurvey.cli.tables.stdout import STDOUT
from paramsurvey.cli.tables.survey_table import survey_table
from paramsurvey.cli.tables.table import Table

if TYPE_CHECKING:
    from paramsurvey.session.map_run import MapRun


class Delivery:
    """Writes the results of a run where the user wants them: once, however the run ends.

    Parameters
    ----------
    plan : Plan
    files : RunFiles
    """

    def __init__(self, plan: Plan, files: RunFiles) -> None:
        self._plan = plan
        self._files = files
        self._stored_before = count_stored(plan.checkpoint) if plan.checkpoint else 0
        self._is_written = self._ended_early = False
        self._failed: RunFailed | None = None

    def write_files(self, run: MapRun) -> None:
        """Write all but what goes to stdout; what a checkpoint did not store goes into a file.

        If that fails, `finish` raises the error: first, the commands' output is shown.
        """
        if self._is_written:
            return
        try:
            self._write_files(run)
        except RunFailed as error:
            self._failed = error
        self._is_written = True

    def write_finished(self, run: MapRun | None) -> None:
        """Write the same for a run that ends early: what had finished."""
        self._ended_early = True
        if run is not None and run.survey.progress.finished:
            self.write_files(run)

    def finish(self, run: MapRun) -> None:
        """Write all that is not written yet.

        Raises
        ------
        RunFailed
            A file could not be written; the message says where the results are.
        """
        self.write_files(run)
        if self._failed is not None:
            raise self._failed
        is_wanted = STDOUT in self._plan.options.output
        if is_wanted or not (self._plan.options.output or self._plan.checkpoint or self._files.shows_output):
            write_table(self._table(run), STDOUT)

    def finish_early(self, run: MapRun | None) -> None:
        """Write what had finished when the run ended early, and say how to resume it."""
        if run is None:
            return
        checkpoint = self._plan.checkpoint
        try:
            if run.survey.progress.finished:
                self.finish(run)
        except RunFailed as error:
            say(f"paramsurvey: {error}")
            if checkpoint and not self._plan.options.output:
                return
        if checkpoint and self._ended_early:
            again = shlex.quote(checkpoint)
            say(f"paramsurvey: finished results are saved; to go on, type: paramsurvey resume {again}")

    def _write_files(self, run: MapRun) -> None:
        plan = self._plan
        paths = [path for path in plan.options.output if path != STDOUT]
        if paths:
            table = self._table(run)
            for path in paths:
                write_table(table, path, announce=plan.resolved.verbose > 0)
        elif plan.checkpoint and not plan.options.output:
            self._rescue_lost(run, plan.checkpoint)

    def _table(self, run: MapRun) -> Table:
        plan = self._plan
        table = survey_table(run.survey.state, run.build, plan.requested.dotted, self._files.all_rows())
        return table.flat() if plan.options.flatten else table

    def _rescue_lost(self, run: MapRun, checkpoint: str) -> None:
        finished = run.survey.progress.finished
        lost = count_lost(checkpoint, finished - run.survey.progress.resumed, self._stored_before)
        if lost:
            reason = why_unwritable(checkpoint) or "it could not be written for a while"
            raise RunFailed(
                f"the checkpoint {checkpoint} did not store {lost:,} of {finished:,} results ({reason}): "
                f"{rescue(self._table(run), checkpoint)}; "
                "once there is room, the same command computes them again"
            )
