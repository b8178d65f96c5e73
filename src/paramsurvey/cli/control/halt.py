"""``--halt now,fail=1``: ends a run early, between two rounds of the survey's loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paramsurvey.cli.control.limits import Halt
from paramsurvey.engine.dispatch.group_size import GroupSizer
from paramsurvey.transport.messages import Failure, FailureKind

if TYPE_CHECKING:
    from paramsurvey.engine.survey import Survey

PERCENTAGE_NEEDS = 3  # events, before a percentage means anything; as in GNU parallel


class OneByOne(GroupSizer):
    """Gives each worker one command at a time: what waited in a worker would still start after the halt."""

    def size(self, remaining: int, cores: int) -> int:
        """Return 1."""
        return 1

    def psets_are_short(self) -> bool:
        """Return False, so that no worker has a second command."""
        return False


class Halting:
    """Checks after every round whether the condition is fulfilled, and then ends the survey.

    Only this run counts, not what a checkpoint already has: neither as done, nor as something to do.

    Attributes
    ----------
    event : str
        What it counts.
    is_over : bool
        Whether it has ended the survey.
    """

    def __init__(self, halt: Halt) -> None:
        self._halt = halt
        self.event = halt.event
        self.is_over = False

    def __call__(self, survey: Survey) -> None:
        """End the survey if it is time: at once, or when the running commands have ended."""
        if not isinstance(survey.sizer, OneByOne):
            survey.sizer = OneByOne()
        if not self.is_over and not self._is_fulfilled(survey):
            return
        was_over, self.is_over = self.is_over, True
        failure = Failure(FailureKind.NOT_RUN, f"not run: --halt {self._halt} was fulfilled before its turn")
        if not self._halt.now:
            survey.drop_queue(failure)  # again after each round: what a worker did not begin comes back
        elif not was_over:
            survey.give_up(failure)

    def _is_fulfilled(self, survey: Survey) -> bool:
        progress, halt = survey.progress, self._halt
        succeeded = progress.finished - progress.resumed
        failed = progress.failures - survey.failed_before
        done = succeeded + failed
        count = {"fail": failed, "success": succeeded, "done": done}[halt.event]
        if halt.is_percent:
            to_do = progress.total - progress.resumed - survey.failed_before
            whole = to_do if halt.event == "done" else done
            return count >= PERCENTAGE_NEEDS and 100 * count >= halt.count * whole
        return count >= halt.count
