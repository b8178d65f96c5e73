"""The files and directories of one run: joblog, spool, what workers share. Makes and removes them."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.options.declarations import DEFAULT_TAG
from paramsurvey.cli.output.spool import announce_spool, forget_spool
from paramsurvey.cli.placeholders import NUMBER
from paramsurvey.cli.plan import Plan
from paramsurvey.cli.tables.stdout import STDOUT
from paramsurvey.transport.new_files import make_directory

if TYPE_CHECKING:
    from paramsurvey.cli.command.execute import CommandSettings
    from paramsurvey.cli.output.viewer import OutputViewer
    from paramsurvey.cli.tables.survey_table import AllRows
    from paramsurvey.engine.survey import Survey

JOBLOG = ".joblog"  # in a checkpoint: what --all-rows needs


class RunFiles:
    """What a run has besides its results; leaving the ``with`` block removes what is temporary.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._temporary: str | None = None
        self._has_seen_first_round = False
        self._is_announced = self._is_announced_for_certain = False
        self._done: set[int] = set()

    def __enter__(self) -> RunFiles:
        if self._joblog is not None:
            self._start_joblog(self._joblog)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
        if self._plan.checkpoint and self._is_announced:
            forget_spool(self._plan.checkpoint, str(self._spool))

    def announce(self) -> None:
        """Tell ``paramsurvey tail`` where the output is, unless another run has the checkpoint."""
        from paramsurvey.cli.checkpoints.saved_command import may_save

        if self._plan.checkpoint and may_save(Path(self._plan.checkpoint)):
            self._is_announced = True
            announce_spool(self._plan.checkpoint, str(self._spool))

    def _directory(self, name: str) -> str:
        if self._temporary is None:
            self._temporary = tempfile.mkdtemp(prefix="paramsurvey-")
        return os.path.join(self._temporary, name)

    @property
    def shows_output(self) -> bool:
        """Whether what the commands print is shown, so that stdout has no room for a table."""
        return self._plan.options.tag is not None or self._plan.options.follow

    @cached_property
    def _spool(self) -> str | None:
        """Not in the checkpoint: its disk may be full, and a command must not fail because of that."""
        return self._directory("output") if self.shows_output or self._plan.checkpoint else None

    @cached_property
    def _joblog(self) -> str | None:
        plan = self._plan
        if plan.options.joblog:
            return os.path.abspath(plan.options.joblog)
        if not plan.options.all_rows:
            return None
        return (
            os.path.join(os.path.abspath(plan.checkpoint), JOBLOG)
            if plan.checkpoint
            else self._directory("log")
        )

    def _start_joblog(self, path: str) -> None:
        from paramsurvey.cli.checkpoints.saved_command import has_started
        from paramsurvey.cli.control.joblog import start_joblog

        checkpoint = self._plan.checkpoint
        go_on = bool(checkpoint) and has_started(str(checkpoint))
        try:
            if checkpoint and not self._plan.options.joblog:
                make_directory(checkpoint)
            start_joblog(path, go_on)
        except OSError as error:
            raise BadUsage(
                f"--joblog {path} cannot be written ({error.strerror}): give another file"
            ) from None

    @cached_property
    def settings(self) -> CommandSettings:
        """The settings of commands."""
        from paramsurvey.cli.command.execute import CommandSettings
        from paramsurvey.cli.control.gate import Control
        from paramsurvey.cli.control.limits import Timeout

        plan, options = self._plan, self._plan.options
        seconds = plan.resolved.timeout
        timeout = Timeout(seconds) if seconds is not None else options.timeout
        control = Control(timeout, options.delay or 0.0, options.load, options.memfree, options.nice)
        if control.needs_directory:
            control = replace(control, directory=self._directory("shared"))
        return CommandSettings(
            output_dir=os.path.abspath(plan.output_dir),
            control=control,
            names=plan.requested.dotted,
            directory=options.chdir if plan.has_own_directories else None,
            results=os.path.abspath(options.results) if options.results else None,
            joblog=self._joblog,
            spool=self._spool,
            is_shown=self.shows_output,
            keeps_output=not options.no_stdout,
            command_text=plan.task.text if plan.checkpoint else None,
        )

    # ---- what the commands print

    @cached_property
    def viewer(self) -> AbstractContextManager[Any]:
        """What shows the output of the commands; it does nothing if nobody wants to see it."""
        return self._viewer or nullcontext()

    @cached_property
    def _viewer(self) -> OutputViewer | None:
        if not self.shows_output:
            return None
        from paramsurvey.cli.output.viewer import OutputViewer

        plan, options = self._plan, self._plan.options
        selection = plan.requested.selection
        tag = options.tag
        if tag is None:
            tag = f"{{{NUMBER}}}"
        count = min(len(selection), plan.resolved.limit or len(selection))
        numbers = selection.numbers(range(count)) if options.keep_order else []
        names, shown = plan.requested.dotted, None if tag == DEFAULT_TAG else tag
        return OutputViewer(
            str(self._spool),
            shown,
            names,
            options.follow,
            options.keep_order,
            selection.pset,
            numbers,
            self._kept_in,
        )

    @property
    def _kept_in(self) -> str:
        """Where the commands' output is kept, although nobody reads it."""
        plan, options = self._plan, self._plan.options
        files = [path for path in options.output if path != STDOUT]
        if options.no_stdout:
            return ""
        if files:
            return f"{files[0]} has it, in the columns stdout and stderr"
        if plan.checkpoint:
            checkpoint = shlex.quote(plan.checkpoint)
            return f"paramsurvey export {checkpoint} FILE.csv writes it, in the columns stdout and stderr"
        return "with -o FILE or --checkpoint DIR, it is kept"

    @property
    def out_func(self) -> Callable[..., None] | None:
        """What the map calls for every pset that is done."""
        return self._note_done if self._viewer else None

    def _note_done(self, user_ret: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> None:
        assert self._viewer is not None
        if not self._has_seen_first_round:
            self._done.add(user_ret["pset"].get(NUMBER, 0))
        self._viewer.done(user_ret, system_kwargs, user_kwargs)

    @property
    def after_round(self) -> list[Callable[[Survey], None]]:
        """What is called after each round of the survey's loop."""
        functions: list[Callable[[Survey], None]] = []
        if self._plan.checkpoint:
            functions.append(self._announce_again)
        if self._viewer is not None and self._plan.options.keep_order:
            functions.append(self._skip_finished)
        if self._viewer is not None:
            functions.append(self._catch_up)
        return functions

    def _announce_again(self, survey: Survey) -> None:
        """Write where the output is, now that no other run can have the checkpoint.

        One that began at the same moment, and was refused, may have written its own, and removed it.
        """
        if self._plan.checkpoint and not self._is_announced_for_certain:
            self._is_announced = self._is_announced_for_certain = True
            announce_spool(self._plan.checkpoint, str(self._spool))

    def _catch_up(self, survey: Survey) -> None:
        """Let the viewer show what is done before the session writes its summary."""
        progress = survey.progress
        if self._viewer is not None and progress.finished + progress.failures >= progress.total:
            self._viewer.catch_up()

    def _skip_finished(self, survey: Survey) -> None:
        """Tell the viewer, after the first round, which psets an earlier run has finished."""
        if self._has_seen_first_round or self._viewer is None:
            return
        self._has_seen_first_round = True
        rows = range(len(survey.source))
        columns = list(survey.collector.columns.values())
        there = columns[0].get(rows)[1].tolist() if columns else []
        settled = {*(row for row, has in enumerate(there) if has), *survey.collector.failed}
        numbers = self._plan.requested.selection.numbers(rows)
        self._viewer.skip({numbers[row] for row in settled} - self._done)

    # ---- all rows

    def all_rows(self) -> AllRows | None:
        """What --all-rows adds to the table; None without that option."""
        if not self._plan.options.all_rows or self._joblog is None:
            return None
        from paramsurvey.cli.control.joblog import read_records
        from paramsurvey.cli.tables.survey_table import AllRows

        return AllRows(list(read_records(self._joblog)), self._plan.requested.selection.numbers)
