"""What ``paramsurvey run`` runs for each pset: a command, or a Python function."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from paramsurvey.cli.command.captured_output import RESULT_COLUMNS
from paramsurvey.cli.command.execute import (
    SETTINGS_KEY,
    Command,
    CommandSettings,
    run_command,
    variable_name,
)
from paramsurvey.cli.command.orphan_guard import GRACE_SECONDS
from paramsurvey.cli.command.process import no_program
from paramsurvey.cli.command.template import SHELL, make_template
from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.options.run_options import RunOptions
from paramsurvey.cli.placeholders import (
    JOB,
    Placeholder,
    escape_braces,
    names_used,
    placeholder_values,
    placeholders_in,
    tokens,
)
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.params.column_names import escape_surrogates

if TYPE_CHECKING:
    from paramsurvey.cli.command.output_parsers import Parser
    from paramsurvey.cli.psets.requested import RequestedPsets

VARIABLE_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class Task(Protocol):
    """What runs for each pset."""

    @property
    def name(self) -> str:
        """A short name, for the log and for messages."""
        ...

    @property
    def text(self) -> str | None:
        """What decides the results, as a text to compare with that of another run; None: not known here."""
        ...

    def check_names(self, requested: RequestedPsets, options: RunOptions) -> None:
        """Refuse a task that does not fit the names of the parameters."""
        ...

    def check_values(self, psets: Iterable[Mapping[str, Any]]) -> None:
        """Refuse values of parameters that the task cannot take."""
        ...

    def check_program(self, chdir: str | None) -> None:
        """Refuse a task that cannot be started on this machine."""
        ...

    def show(self, pset: Mapping[str, Any], number: int) -> str:
        """Return what runs for a pset, as a user would type it."""
        ...

    def map_arguments(self, requested: RequestedPsets, settings: CommandSettings) -> dict[str, Any]:
        """Return the arguments of `paramsurvey.map` that are the task's own: its ``func``, and the psets.

        Parameters
        ----------
        requested : RequestedPsets
        settings : CommandSettings
            Of commands.
        """
        ...


@dataclass(frozen=True)
class CommandTask:
    """A command with placeholders.

    Parameters
    ----------
    command : Command
    directory : str, optional
        What the user gave as --chdir.
    other_texts : tuple of str
        Other texts with placeholders: what the user gave as --tag and --results.
    """

    command: Command
    directory: str | None = None
    other_texts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file name of the program."""
        return os.path.basename(self.command.template.arguments[0].split()[0])

    @property
    def text(self) -> str:
        """The command as it was typed, with the options that decide what becomes of it.

        Bytes that are not UTF-8 are escaped, because checkpoints and messages hold only text.
        """
        command = self.command
        words = ["--shell"] if command.template.shell else []
        words += [word for name, text in command.environment for word in ("--env", f"{name}={text}")]
        words += [word for parser in command.parsers for word in ("--parse", str(parser))]
        words += ["--chdir", self.directory] if self.directory else []
        codes = sorted(command.ok_codes)
        words += ["--ok-codes", ",".join(map(str, codes))] if codes != [0] else []
        text = f"{shlex.join(words)} -- {command.template}" if words else str(command.template)
        return str(escape_surrogates(text))

    def check_names(self, requested: RequestedPsets, options: RunOptions) -> None:
        """Refuse unknown placeholders, axes that nothing uses, and parameters with the name of a result."""
        names = requested.names
        used = self.command.template.names_used(names)
        texts = [*(text for _, text in self.command.environment), options.chdir or "", options.tag or ""]
        used |= names_used(texts, names)
        names_used([options.results or ""], names)
        if JOB not in names and any(one.name == JOB for one in placeholders_in(options.tag or "")):
            raise BadUsage(
                "--tag cannot have {job}: write {#} there (to go on with a run that had {job}, run it "
                "with {#} and the same --checkpoint); its command may print {job}"
            )
        is_list = options.together and len(names) == 1 and options.unused != "ok"
        if is_list and not self.command.template.has_spread:
            raise BadUsage(
                f"-N makes lists: write {{{names[0]}:args}} to make each item an argument of its own, "
                "or give --unused ok"
            )
        written = " ".join(self.command.template.arguments)
        used |= {name for name in names if variable_name(name) in written}
        for group in requested.must_use:
            if options.unused != "ok" and not used.intersection(group):
                raise BadUsage(_unused(group))
        for name in RESULT_COLUMNS:
            if name in names:
                raise BadUsage(
                    f"the parameter {name!r} has the name of a result: rename it, for example to {name}_"
                )

    def check_values(self, psets: Iterable[Mapping[str, Any]]) -> None:
        """Refuse values that a shell would execute where they stand."""
        other_texts = (
            *(text for _, text in self.command.environment),
            self.directory or "",
            *self.other_texts,
        )
        self.command.template.check_values(psets, other_texts)

    def check_program(self, chdir: str | None) -> None:
        """Refuse a program that does not exist, where its name does not depend on the pset."""
        template = self.command.template
        program = template.arguments[0]
        if template.shell:
            first = program.split()[0]
            if f"BASH_FUNC_{first}%%" in os.environ and not _shell_has(first):
                raise BadUsage(
                    f"{first!r} is a function of bash, but --shell is {SHELL}, which does not have it: "
                    f"write {_for_bash(template.arguments)}, without --shell"
                )
            return
        if len(template.arguments) == 1 and " " in program and not shutil.which(program):
            raise BadUsage(
                f"there is no program {program!r}: if it is a command line for a shell, add --shell"
            )
        path = os.path.join(chdir, program) if chdir and os.sep in program else program
        if placeholders_in(program) or shutil.which(path):
            return
        if os.sep in path and os.path.isfile(path):
            raise BadUsage(f"{program!r} is not executable: make it so with chmod +x {program}")
        if os.path.isfile(os.path.join(chdir or ".", program)):
            raise BadUsage(f"there is no program {program!r}; did you mean ./{program}?")
        if chdir and os.sep in program and shutil.which(program):
            raise BadUsage(
                f"there is no {program} in {chdir}, where --chdir runs it: "
                f"give its full path, {os.path.abspath(program)}"
            )
        raise BadUsage(no_program(program))

    def show(self, pset: Mapping[str, Any], number: int) -> str:
        """Return the command of a pset."""
        return self.command.template.show(placeholder_values(pset, number, 1))

    def map_arguments(self, requested: RequestedPsets, settings: CommandSettings) -> dict[str, Any]:
        """Return the worker function that runs the command, and its arguments.

        `run_command` itself stops a command at the timeout, first with SIGTERM. The engine's timeout,
        which kills the worker, comes later: it is there in case that fails.
        """
        from paramsurvey.cli.psets.selection import Numbered

        arguments: dict[str, Any] = {
            "func": run_command,
            "psets": Numbered(requested.selection),
            "user_kwargs": self.command,
            "system_kwargs": {SETTINGS_KEY: settings},
        }
        control = settings.control
        if control.timeout is not None and control.timeout.seconds is not None:
            # a command that is held back has not begun, and may be held as long as it takes
            held = control.delay or control.load is not None or control.memfree is not None
            arguments["timeout"] = None if held else control.timeout.seconds + 2 * GRACE_SECONDS + 1
        return arguments


def _shell_has(word: str) -> bool:
    """Tell whether the shell knows a command: if it is bash, it has the functions that bash exported."""
    query = [SHELL, "-c", 'command -v "$0"', word]
    return subprocess.run(query, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def _for_bash(arguments: Sequence[str]) -> str:
    """Return a text for the shell as a command that bash runs, with the values as its arguments."""
    parts = tokens(" ".join(arguments))
    values = [part.text for part in parts if isinstance(part, Placeholder)]
    numbers = iter(range(1, len(values) + 1))
    text = "".join(escape_braces(part) if isinstance(part, str) else f'"${next(numbers)}"' for part in parts)
    return " ".join(["bash -c", shlex.quote(text), "bash", *values])


def _unused(group: Sequence[str]) -> str:
    name = group[0]
    what = f"the parameter {name!r}" if len(group) == 1 else f"any of {', '.join(group)}"
    return (
        f"the command does not use {what}, so it would run several times in the same way: "
        f"write {{{name}}} into it, or give --unused ok (its variable is {variable_name(name)})"
    )


@dataclass(frozen=True)
class FunctionTask:
    """A Python function: ``module:function``."""

    reference: str

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.reference.partition(":")[2]

    @property
    def text(self) -> None:
        """Not known: what a function does is compared when it is loaded."""
        return

    def check_names(self, requested: RequestedPsets, options: RunOptions) -> None:
        """Refuse nothing: the function's parameters are known when it is imported, in `map_arguments`."""

    def check_values(self, psets: Iterable[Mapping[str, Any]]) -> None:
        """Refuse nothing: a function can take any value."""

    def check_program(self, chdir: str | None) -> None:
        """Refuse nothing: `map_arguments` imports the function."""

    def show(self, pset: Mapping[str, Any], number: int) -> str:
        """Return the call for a pset."""
        return f"{self.reference}({', '.join(f'{name}={value!r}' for name, value in pset.items())})"

    def map_arguments(self, requested: RequestedPsets, settings: CommandSettings) -> dict[str, Any]:
        """Import the function and return it as a worker function.

        Raises
        ------
        BadUsage
            It cannot be imported, or does not take the parameters.
        """
        from paramsurvey.cli.command.functions import as_worker, load_function

        selection = requested.selection
        function = as_worker(load_function(self.reference), selection.names, requested.dotted)
        return {"func": function, "psets": selection}


if TYPE_CHECKING:
    _: tuple[type[Task], ...] = (CommandTask, FunctionTask)


def make_command_task(words: Sequence[str], options: RunOptions) -> CommandTask:
    """Return the task of a command.

    Parameters
    ----------
    words : sequence of str
        The command, with placeholders.
    options : RunOptions
        Those that decide what it does, and what becomes of its output.
    """
    template = make_template(words, options.shell)
    environment = tuple(map(_variable, options.env))
    codes = _exit_codes(options.ok_codes or "0")
    command = Command(template, codes, _parsers(options), environment)
    return CommandTask(command, options.chdir, (options.tag or "", options.results or ""))


def _parsers(options: RunOptions) -> tuple[Parser, ...]:
    if not options.parse:
        return ()
    from paramsurvey.cli.command.output_parsers import make_parsers

    return make_parsers(options.parse)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not VARIABLE_NAME.fullmatch(name):
        raise BadUsage(
            f"--env {text!r} is not NAME=TEXT: write for example --env SEED={{seed}}; "
            "variables that exist already need no --env"
        )
    return name, value


def _exit_codes(text: str) -> frozenset[int]:
    try:
        return frozenset(int(code) for code in text.split(","))
    except ValueError:
        raise BadUsage(f"--ok-codes {text!r} is not a list of exit codes: write it like 0,3") from None
