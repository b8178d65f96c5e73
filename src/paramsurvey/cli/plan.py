"""What ``paramsurvey run`` was asked for: made from its arguments, checked, and shown by ``--dry-run``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.options.run_options import COMMAND_OPTIONS, RunOptions
from paramsurvey.cli.placeholders import fill, placeholder_values, placeholders_in
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.new_files import make_directory, resolve_links

if TYPE_CHECKING:
    from paramsurvey.cli.command.tasks import Task
    from paramsurvey.cli.psets.requested import RequestedPsets
    from paramsurvey.engine.options import Options


@dataclass(frozen=True)
class Plan:
    """What ``paramsurvey run`` was asked for.

    Parameters
    ----------
    options : RunOptions
        As the user gave them.
    resolved : Options
        The options of `paramsurvey.map` and `init`, with the environment variables, which win.
    requested : RequestedPsets
    task : Task
        The command or the Python function that runs for each of them.
    """

    options: RunOptions
    resolved: Options
    requested: RequestedPsets
    task: Task

    @property
    def checkpoint(self) -> str | None:
        """The directory in which the results are saved while the survey runs, None without a checkpoint."""
        directory: str | None = self.resolved.checkpoint
        return directory

    @property
    def output_dir(self) -> str:
        """The directory for outputs that are too long for the table; it is made when there is one."""
        if self.options.output_dir:
            return self.options.output_dir
        if self.checkpoint:
            return os.path.join(self.checkpoint, "output")
        return time.strftime(".paramsurvey-%Y%m%d-%H%M%S-output", time.gmtime())

    @property
    def common_chdir(self) -> str | None:
        """The directory of all commands, None if each pset has its own, or none was given."""
        return None if self.has_own_directories else self.options.chdir

    @property
    def has_own_directories(self) -> bool:
        """Whether --chdir has placeholders, so that each pset runs in a directory of its own."""
        return bool(self.options.chdir and placeholders_in(self.options.chdir))

    @property
    def _first_directory(self) -> str:
        """The directory of the first pset, where --chdir has placeholders."""
        number, pset = next(self.requested.numbered())
        return fill(str(self.options.chdir), placeholder_values(pset, number, 1))

    def print_commands(self) -> None:
        """Print what would run, a line for each pset."""
        for number, pset in islice(self.requested.numbered(), self.resolved.limit):
            print(self.task.show(pset, number))
        sys.stdout.flush()

    def check_values(self) -> None:
        """Refuse values that the task cannot take."""
        self.task.check_values(self.requested.named())

    def check(self) -> None:
        """Refuse, before anything runs, whatever is bound to fail; directories are made."""
        from paramsurvey.cli.tables.output_file import check_output

        for path in self.options.output:
            check_output(path)
        chdir = self.common_chdir
        if chdir and not os.path.isdir(chdir):
            raise BadUsage(f"--chdir {chdir}: there is no such directory: create it first")
        self._check_link("chdir")
        self._check_link("joblog")
        if self.resolved.backend != "ray":  # its nodes may have programs that this machine does not have
            self.task.check_program(self._first_directory if self.has_own_directories else chdir)
        if self.options.results and self.options.results.endswith((".csv", ".tsv", ".json")):
            raise BadUsage(
                f"--results takes a directory, not {self.options.results}: for a table, write -o instead"
            )
        for option in ("output_dir", "results"):
            self._make_directory(option)

    def _check_link(self, option: str) -> None:
        """Refuse a link that another user may have put there."""
        path = getattr(self.options, option)
        try:
            resolve_links(path or "")
        except PermissionError as error:
            raise BadUsage(f"--{option} {path} cannot be used: {error.strerror}") from None

    def _make_directory(self, option: str) -> None:
        directory, name = getattr(self.options, option), option.replace("_", "-")
        if not directory or (option == "results" and placeholders_in(directory)):
            return
        try:
            make_directory(directory)
        except FileExistsError:
            raise BadUsage(f"--{name} {directory} is not a directory: give another one") from None
        except OSError as error:
            raise BadUsage(
                f"--{name} {directory} cannot be used as a directory ({error.strerror}): give another one"
            ) from None


def make_plan(
    options: RunOptions,
    words: Sequence[str],
    command: Sequence[str] | None,
    config: Mapping[str, Any],
    stdin: str | None = None,
) -> Plan:
    """Return what the arguments ask for; nothing runs yet, and no file is written.

    Parameters
    ----------
    options : RunOptions
    words : sequence of str
        What stands between the options and ``--``: nothing, or ``module:function``.
    command : sequence of str, optional
        What stands after ``--``; None if there is no ``--``.
    config : mapping
        What `load_config` returned: its ``params_config`` and ``command_config`` are no options.
    stdin : str, optional
        What standard input had when an earlier run read it.

    Raises
    ------
    BadUsage
        The arguments contradict each other, or one of them cannot be understood.
    """
    from paramsurvey.cli.psets.requested import request_psets
    from paramsurvey.engine.option_precedence import resolve

    has_axes = options.params or options.psets or options.sweep
    _refuse_values_of_parallel(words if has_axes else [*words, *(command or ())])
    if not has_axes and words and "=" in words[0]:
        raise BadUsage(_stray_word(words[0], command))
    requested = request_psets(options, config.get("params_config", {}), stdin)
    resolved = resolve(os.environ, options.for_session(), options.for_map())
    task = _make_task(options, words, command, config.get("command_config") or requested.command)
    task.check_names(requested, options)
    return Plan(options, resolved, requested, task)


def _refuse_values_of_parallel(words: Sequence[str]) -> None:
    from paramsurvey.cli.options.other_words import VALUES_OF_PARALLEL

    for word in words:
        if word in VALUES_OF_PARALLEL:
            raise BadUsage(
                f"{word} is GNU parallel's: write {VALUES_OF_PARALLEL[word]} before --, "
                "and after it the command, with {NAME} where the value should be"
            )


def _make_task(
    options: RunOptions,
    words: Sequence[str],
    command: Sequence[str] | None,
    configured: Sequence[str] | None,
) -> Task:
    """Return the task: what stands after ``--``, else ``module:function``, else the configured one."""
    from paramsurvey.cli.command.tasks import FunctionTask, make_command_task

    reference = None
    if words:
        reference = _function_reference(words, command)
    elif command is None and configured and len(configured) == 1 and not options.shell:
        from paramsurvey.cli.command.functions import is_function_reference

        reference = configured[0] if is_function_reference(configured[0]) else None
    if reference is None:
        return make_command_task(_check_configured(configured or ()) if command is None else command, options)
    for name in COMMAND_OPTIONS:
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise BadUsage(f"{option} applies to commands, and {reference} is a function: leave {option} out")
    if options.timeout is not None and options.timeout.seconds is None:
        raise BadUsage(
            f"--timeout {options.timeout} applies to commands, and {reference} is a function: give seconds"
        )
    return FunctionTask(reference)


def _check_configured(configured: Sequence[str]) -> Sequence[str]:
    """Return a command; refuse one from a sweep file that has what only W&B can fill in."""
    for word in configured:
        if word.startswith("${args"):
            raise BadUsage(
                f"the command of the sweep file has {word}, which cannot be filled in here: "
                "write the command after --, with {NAME} for each parameter"
            )
    return configured


def _function_reference(words: Sequence[str], command: Sequence[str] | None) -> str:
    from paramsurvey.cli.command.functions import is_function_reference

    first, *others = words
    if not is_function_reference(first):
        raise BadUsage(_stray_word(first, command))
    if command is not None:
        raise BadUsage(f"there are both {first!r} before -- and a command after it: leave one of them out")
    if others:
        raise BadUsage(
            f"{others[0]!r} cannot follow {first}: a function gets its arguments from -p name=values"
        )
    return first


def _stray_word(word: str, command: Sequence[str] | None) -> str:
    """Return why a word cannot be there: most often it belongs to an axis."""
    if "=" in word:
        return f"{word!r} has no option: write -p before each parameter, as in -p {word!r}"
    if command is not None:
        return f"{word!r} has no option before it: write commas between the values, as in -p a=1,2,3"
    if word.endswith(".py"):
        module = word.removesuffix(".py")
        return f"{word!r} is a file: name its function, as in {module}.py:main, or write -- python before it"
    return f"{word!r} is not a module:function: if it is a command, write -- before it"
