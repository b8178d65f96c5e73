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
            self._write_table(run, self._table(run), STDOUT)

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
        if not checkpoint:
            return
        quoted = shlex.quote(checkpoint)
        if self._ended_early:
            say(f"paramsurvey: finished results are saved; to go on, type: paramsurvey resume {quoted}")
        elif not self._plan.options.output:
            say(f"paramsurvey: all results are saved; for the table: paramsurvey export {quoted} FILE.csv")

    def _write_files(self, run: MapRun) -> None:
        plan = self._plan
        paths = [path for path in plan.options.output if path != STDOUT]
        if paths:
            table = self._table(run)
            for path in paths:
                self._write_table(run, table, path)
        elif plan.checkpoint and not plan.options.output:
            self._rescue_lost(run, plan.checkpoint)

    def _write_table(self, run: MapRun, table: Table, path: str) -> None:
        plan = self._plan
        try:
            write_table(table, path, announce=plan.resolved.verbose > 0)
        except RunFailed as error:
            if not plan.checkpoint or self._count_lost(run, plan.checkpoint):
                raise
            export = f"paramsurvey export {shlex.quote(plan.checkpoint)} FILE.csv"
            raise RunFailed(f"{error}; the checkpoint has them, too: {export} writes them") from error

    def _table(self, run: MapRun) -> Table:
        plan = self._plan
        table = survey_table(run.survey.state, run.build, plan.requested.dotted, self._files.all_rows())
        return table.flat() if plan.options.flatten else table

    def _count_lost(self, run: MapRun, checkpoint: str) -> int:
        progress = run.survey.progress
        return count_lost(checkpoint, progress.finished - progress.resumed, self._stored_before)

    def _rescue_lost(self, run: MapRun, checkpoint: str) -> None:
        finished, lost = run.survey.progress.finished, self._count_lost(run, checkpoint)
        if lost:
            reason = why_unwritable(checkpoint) or "it could not be written for a while"
            raise RunFailed(
                f"the checkpoint {checkpoint} did not store {lost:,} of {finished:,} results ({reason}): "
                f"{rescue(self._table(run), checkpoint)}; "
                "once there is room, the same command computes them again"
            )
