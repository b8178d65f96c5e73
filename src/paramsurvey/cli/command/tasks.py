"""What ``paramsurvey run`` runs for each pset: a command, or a Python function."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from paramsurvey.cli.command.captured_output import RESULT_COLUMNS
from paramsurvey.cli.command.execute import SETTINGS_KEY, Command, CommandSettings, run_command
from paramsurvey.cli.command.functions import as_worker, load_function
from paramsurvey.cli.command.orphan_guard import GRACE_SECONDS
from paramsurvey.cli.command.output_parsers import make_parsers
from paramsurvey.cli.command.template import make_template, placeholders_in
from paramsurvey.cli.errors import BadUsage


class Task(Protocol):
    """What runs for each pset."""

    @property
    def name(self) -> str:
        """A short name, for the log and for messages."""
        ...

    def check_names(self, names: Collection[str]) -> None:
        """Refuse a task that does not fit the names of the parameters."""
        ...

    def check_values(self, psets: Iterable[Mapping[str, Any]]) -> None:
        """Refuse values of parameters that the task cannot take."""
        ...

    def check_program(self, chdir: str | None) -> None:
        """Refuse a task that cannot be started on this machine."""
        ...

    def show(self, pset: Mapping[str, Any]) -> str:
        """Return what runs for a pset, as a user would type it."""
        ...

    def map_arguments(self, names: Collection[str], output_dir: str, timeout: float | None) -> dict[str, Any]:
        """Return the arguments of `paramsurvey.map` that are the task's own, its ``func`` among them.

        Parameters
        ----------
        names : collection of str
            The names of the parameters.
        output_dir : str
            Where outputs go that are too long for the table.
        timeout : float, optional
            Seconds that one pset may take.
        """
        ...


@dataclass(frozen=True)
class CommandTask:
    """A command with placeholders."""

    command: Command

    @property
    def name(self) -> str:
        """The file name of the program."""
        return os.path.basename(self.command.template.arguments[0].split()[0])

    def check_names(self, names: Collection[str]) -> None:
        """Refuse unknown placeholders, and parameters that have the name of a result."""
        self.command.template.check(names)
        for name in RESULT_COLUMNS:
            if name in names:
                raise BadUsage(
                    f"the parameter {name!r} has the name of a result: rename it, for example to {name}_"
                )

    def check_values(self, psets: Iterable[Mapping[str, Any]]) -> None:
        """Refuse values that a shell would execute where they stand."""
        self.command.template.check_values(psets)

    def check_program(self, chdir: str | None) -> None:
        """Refuse a program that does not exist, where its name does not depend on the pset."""
        template = self.command.template
        program = template.arguments[0]
        if template.shell:
            return
        if len(template.arguments) == 1 and " " in program and not shutil.which(program):
            raise BadUsage(f"there is no program {program!r}: if it is a text for a shell, add --shell")
        path = os.path.join(chdir, program) if chdir and os.sep in program else program
        if placeholders_in(program) or shutil.which(path):
            return
        if os.sep in path and os.path.isfile(path):
            raise BadUsage(f"{program!r} is not executable: make it so with chmod +x {program}")
        is_here = os.path.isfile(os.path.join(chdir or ".", program))
        remedy = f"; did you mean ./{program}?" if is_here else ": correct its name, or give its full path"
        raise BadUsage(f"there is no program {program!r}{remedy}")

    def show(self, pset: Mapping[str, Any]) -> str:
        """Return the command of a pset."""
        return self.command.template.show(pset)

    def map_arguments(self, names: Collection[str], output_dir: str, timeout: float | None) -> dict[str, Any]:
        """Return the worker function that runs the command, and its arguments.

        `run_command` itself stops a command at the timeout, first with SIGTERM. The engine's timeout,
        which kills the worker, comes later: it is there in case that fails.
        """
        settings = CommandSettings(os.path.abspath(output_dir), timeout)
        arguments: dict[str, Any] = {
            "func": run_command,
            "user_kwargs": self.command,
            "system_kwargs": {SETTINGS_KEY: settings},
        }
        if timeout is not None:
            arguments["timeout"] = timeout + 2 * GRACE_SECONDS + 1
        return arguments


@dataclass(frozen=True)
class FunctionTask:
    """A Python function: ``module:function``."""

    reference: str

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.reference.partition(":")[2]

    def check_names(self, names: Collection[str]) -> None:
        """Refuse nothing: the function's parameters are known when it is imported, in `map_arguments`."""

    def check_values(self, psets: Iterable[Mapping[str, Any]]) -> None:
        """Refuse nothing: a function can take any value."""

    def check_program(self, chdir: str | None) -> None:
        """Refuse nothing: `map_arguments` imports the function."""

    def show(self, pset: Mapping[str, Any]) -> str:
        """Return the call for a pset."""
        return f"{self.reference}({', '.join(f'{name}={value!r}' for name, value in pset.items())})"

    def map_arguments(self, names: Collection[str], output_dir: str, timeout: float | None) -> dict[str, Any]:
        """Import the function and return it as a worker function.

        Raises
        ------
        BadUsage
            It cannot be imported, or does not take the parameters.
        """
        return {"func": as_worker(load_function(self.reference), names)}


if TYPE_CHECKING:
    _: tuple[type[Task], ...] = (CommandTask, FunctionTask)


def make_command_task(
    words: Sequence[str], shell: bool, parse: Sequence[str], ok_codes: str | None
) -> CommandTask:
    """Return the task of a command.

    Parameters
    ----------
    words : sequence of str
        The command, with placeholders.
    shell : bool
        They are a text for a shell.
    parse : sequence of str
        Of ``--parse``.
    ok_codes : str, optional
        Of ``--ok-codes``.
    """
    template = make_template(words, shell)
    return CommandTask(Command(template, _exit_codes(ok_codes or "0"), make_parsers(parse)))


def _exit_codes(text: str) -> frozenset[int]:
    try:
        return frozenset(int(code) for code in text.split(","))
    except ValueError:
        raise BadUsage(f"--ok-codes {text!r} is not a list of exit codes: write it like 0,3") from None
