"""What ``paramsurvey run`` was asked for: made from its arguments, checked, and shown by ``--dry-run``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.psets.axis_syntax import FROM_STDIN, Axis, DistributionCall, parse_axes
from paramsurvey.cli.run_options import COMMAND_OPTIONS, RunOptions

if TYPE_CHECKING:
    from paramsurvey.cli.command.tasks import Task
    from paramsurvey.engine.options import Options
    from paramsurvey.params.spaces import Space


@dataclass(frozen=True)
class Plan:
    """What ``paramsurvey run`` was asked for.

    Parameters
    ----------
    options : RunOptions
        As the user gave them.
    resolved : Options
        The options of `paramsurvey.map` and `init`, with the environment variables, which win.
    psets : Space
    task : Task
        The command or the Python function that runs for each of them.
    stdin_values : mapping of str to values
        The values that came from standard input, by parameter; it cannot be read a second time.
    """

    options: RunOptions
    resolved: Options
    psets: Space
    task: Task
    stdin_values: Mapping[str, Sequence[Any]] = field(default_factory=dict)

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

    def print_commands(self) -> None:
        """Print what would run, a line for each pset."""
        for number, pset in enumerate(self.psets):
            if number == self.resolved.limit:
                break
            print(self.task.show(pset))
        sys.stdout.flush()

    def check(self) -> None:
        """Refuse, before anything runs, whatever is bound to fail."""
        from paramsurvey.cli.tables.output_file import check_output

        if self.options.output:
            check_output(self.options.output)
        chdir = self.options.chdir
        if chdir and not os.path.isdir(chdir):
            raise BadUsage(f"--chdir {chdir}: there is no such directory: create it first")
        self.task.check_values(self.psets)
        if self.resolved.backend != "ray":  # its nodes may have programs that this machine does not have
            self.task.check_program(chdir)
        self._make_output_dir()

    def _make_output_dir(self) -> None:
        directory = self.options.output_dir
        if not directory:
            return
        try:
            os.makedirs(directory, exist_ok=True)
        except OSError as error:
            raise BadUsage(
                f"--output-dir {directory} is not a directory and cannot be created ({error.strerror}): "
                "give another directory"
            ) from None


def make_plan(
    options: RunOptions, words: Sequence[str], command: Sequence[str] | None, config: Mapping[str, Any]
) -> Plan:
    """Return what the arguments ask for; nothing runs yet, and no file is written.

    Parameters
    ----------
    options : RunOptions
    words : sequence of str
        What stands between the options and ``--``: nothing, or ``module:function``.
    command : sequence of str, optional
        What stands after ``--``; None where there is no ``--``.
    config : mapping
        What `load_config` returned: its ``params_config`` and ``command_config`` are no options.

    Raises
    ------
    BadUsage
        The arguments contradict each other, or one of them cannot be understood.
    """
    from paramsurvey.engine.options import resolve

    axes, stdin_values = _read_axes(options.params, config.get("params_config", {}))
    psets = _make_psets(options, axes)
    resolved = resolve(os.environ, options.for_session(), options.for_map())
    task = _make_task(options, words, command, config.get("command_config"))
    task.check_names(psets.names)
    return Plan(options, resolved, psets, task, stdin_values)


def _read_axes(
    params: Sequence[str], configured: Mapping[str, str]
) -> tuple[dict[str, Axis], dict[str, Sequence[Any]]]:
    """Return the axes, and those values of them that came from standard input."""
    typed = {text.partition("=")[0].strip() for text in params}
    texts = [f"{name}={axis}" for name, axis in configured.items() if name not in typed]
    texts += params
    axes = parse_axes(texts)
    split = (text.partition("=") for text in texts)
    from_stdin = [name.strip() for name, _, axis in split if axis == FROM_STDIN]
    values = {name: axis for name, axis in axes.items() if not isinstance(axis, DistributionCall)}
    return axes, {name: values[name] for name in from_stdin}


def _make_psets(options: RunOptions, axes: Mapping[str, Axis]) -> Space:
    from paramsurvey.cli.psets.pset_files import read_psets
    from paramsurvey.cli.psets.space import Sampling, make_space

    table = read_psets(options.psets) if options.psets else None
    sampling = Sampling(options.sample, options.method, options.seed) if options.sample else None
    return make_space(axes, table, options.zipped, sampling)


def _make_task(
    options: RunOptions,
    words: Sequence[str],
    command: Sequence[str] | None,
    configured: Sequence[str] | None,
) -> Task:
    """Return the task: what stands after ``--``, else ``module:function``, else the configured one."""
    from paramsurvey.cli.command.functions import is_function_reference
    from paramsurvey.cli.command.tasks import FunctionTask, make_command_task

    reference = None
    if words:
        reference = _function_reference(words, command)
    elif command is None and configured and len(configured) == 1 and not options.shell:
        reference = configured[0] if is_function_reference(configured[0]) else None
    if reference is None:
        words_to_run = configured if command is None else command
        return make_command_task(words_to_run or (), options.shell, options.parse, options.ok_codes)
    for name in COMMAND_OPTIONS:
        if getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise BadUsage(f"{option} applies to commands, and {reference} is a function: leave {option} out")
    return FunctionTask(reference)


def _function_reference(words: Sequence[str], command: Sequence[str] | None) -> str:
    from paramsurvey.cli.command.functions import is_function_reference

    first, *others = words
    if command is not None:
        raise BadUsage(f"there are both {first!r} before -- and a command after it: leave one of them out")
    if not is_function_reference(first):
        raise BadUsage(f"{first!r} is not a module:function: if it is a command, write -- before it")
    if others:
        raise BadUsage(
            f"{others[0]!r} cannot stand after {first}: a function gets its arguments from -p name=values"
        )
    return first
