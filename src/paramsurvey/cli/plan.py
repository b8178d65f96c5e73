"""What ``paramsurvey run`` was asked for: it is checked, shown or run, and what came out is delivered."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.problems import ALL_FINISHED, INTERRUPTED, SOME_FAILED, BadUsage, RunFailed, say
from paramsurvey.cli.saved_command import Remembered, forget, remember

if TYPE_CHECKING:
    from paramsurvey.cli.command.execute import Way
    from paramsurvey.cli.command.functions import Function
    from paramsurvey.cli.command.template import Template
    from paramsurvey.engine.options import Options
    from paramsurvey.params.spaces import Space
    from paramsurvey.results.map_results import MapResults
    from paramsurvey.session.session import Session

SESSION_OPTIONS = ("backend", "ncores", "threads_per_worker", "verbose")


@dataclass
class Plan:
    """What ``run`` was asked for.

    Parameters
    ----------
    space : Space
        The psets.
    work : Template or str
        The command, or ``module:function``.
    engine : dict
        What the user gave of the options of `paramsurvey.map` and `init`.
    options : Options
        The same with the environment variables, which win.
    given : dict
        All options of the program.
    remembered : Remembered, optional
        What the checkpoint shall remember.
    """

    space: Space
    work: Template | str
    engine: dict[str, Any]
    options: Options
    given: dict[str, Any]
    remembered: Remembered | None = None
    parsers: list[Any] = field(init=False)
    ok_codes: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        from paramsurvey.cli.command.parsing import parser_of

        self.parsers = [parser_of(text) for text in self.given["parse"]]
        self.ok_codes = _codes(self.given["ok_codes"] or "0")

    @property
    def checkpoint(self) -> str | None:
        """Where the results are kept while it runs, None: nowhere."""
        return getattr(self.options, "checkpoint", None)

    # before any work

    def check_names(self) -> None:
        """Refuse a command or options that do not fit the parameters."""
        if isinstance(self.work, str):
            for name in ("parse", "ok_codes", "shell", "output_dir"):
                if self.given[name]:
                    raise BadUsage(
                        f"--{name.replace('_', '-')} is for commands, not for functions: leave it out"
                    )
            return
        from paramsurvey.cli.command.execute import CAPTURED, FILES

        self.work.check(self.space.names)
        self._check_parsed()
        for name in {*CAPTURED, *FILES}.intersection(self.space.names):
            raise BadUsage(
                f"the parameter {name!r} has the name of a result: call it otherwise, e.g. {name}_"
            )

    def _check_parsed(self) -> None:
        """Refuse results that two ``--parse`` would find: one would be lost."""
        if self.given["parse"].count("json") > 1:
            raise BadUsage("--parse json is given twice: leave one out")
        names = [name for one in self.parsers for name in getattr(one, "names", ())]
        for name in names:
            if names.count(name) > 1:
                raise BadUsage(f"two --parse find {name!r}: call one otherwise, as in (?P<{name}_2>...)")

    def show(self) -> None:
        """Print the commands."""
        limit = self.options.limit
        for number, pset in enumerate(self.space):
            if number == limit:
                break
            print(self._shown(pset))
        sys.stdout.flush()

    def _shown(self, pset: dict[str, Any]) -> str:
        if isinstance(self.work, str):
            return f"{self.work}({', '.join(f'{name}={value!r}' for name, value in pset.items())})"
        return self.work.show(pset)

    def check(self) -> None:
        """Refuse what can be known to fail, before any work."""
        from paramsurvey.cli.tables.export import check_target

        if self.given["output"]:
            check_target(self.given["output"])
        chdir = self.given["chdir"]
        if chdir and not os.path.isdir(chdir):
            raise BadUsage(f"--chdir {chdir}: there is no such directory: make it first")
        if not isinstance(self.work, str):
            self.work.check_values(self.space)
            if self.options.backend != "ray":  # its nodes have other programs
                check_program(self.work, chdir)
        self._check_output_dir()

    def _check_output_dir(self) -> None:
        directory = self.given["output_dir"]
        if not directory:
            return
        try:
            os.makedirs(directory, exist_ok=True)
        except OSError as error:
            raise BadUsage(
                f"--output-dir {directory} is no directory and cannot be made one ({error.strerror}): "
                "give another one"
            ) from None

    # the work

    def run(self) -> int:
        """Run all, deliver the results, and return the exit code."""
        from paramsurvey.cli.next_steps import ShellSession

        work = self._function()
        init = {name: value for name, value in self.engine.items() if name in SESSION_OPTIONS}
        with ShellSession(**init) as session:
            before = self._count_stored()
            self._remember()
            try:
                results = self._map(session, *work)
            except BaseException as error:
                session.close()
                self._forget()
                self._deliver_rest(session.last_results(), before)
                if isinstance(error, SystemExit):  # a signal, from a batch system for example
                    return int(str(error.code))
                if isinstance(error, KeyboardInterrupt):
                    return INTERRUPTED
                self._explain(error)
                raise
        self._remember()  # by now the checkpoint is ours; at the beginning it may have been another run's
        self._deliver(results, before)
        return SOME_FAILED if len(results.missing) else ALL_FINISHED

    def _map(self, session: Session, function: Function, arguments: Any) -> MapResults:
        from paramsurvey.cli.command.execute import WAY

        way = None
        if not isinstance(self.work, str):
            way = {WAY: self._way()}
            self._take_timeout()
        return session.map(
            function,
            self.space,
            user_kwargs=arguments,
            system_kwargs=way,
            chdir=self.given["chdir"],
            name=self.given["name"] or self._name(),
            **{name: value for name, value in self.engine.items() if name not in SESSION_OPTIONS},
        )

    def _count_stored(self) -> int:
        from paramsurvey.cli.completeness import count_stored

        return count_stored(self.checkpoint) if self.checkpoint else 0

    def _explain(self, error: BaseException) -> None:
        """Say which disk it is where an error of the system does not."""
        from paramsurvey.cli.completeness import why_not_written

        if not isinstance(error, OSError) or error.filename or not self.checkpoint:
            return
        why = os.path.isdir(self.checkpoint) and why_not_written(self.checkpoint)
        if why:
            raise RunFailed(
                f"the checkpoint {self.checkpoint} cannot be written ({why}): "
                "make room on its disk, or give another directory"
            ) from error

    def _remember(self) -> None:
        if self.checkpoint and self.remembered is not None:
            remember(self.checkpoint, self.remembered)

    def _forget(self) -> None:
        if self.checkpoint and self.remembered is not None:
            forget(self.checkpoint)

    def _name(self) -> str:
        if isinstance(self.work, str):
            return self.work.partition(":")[2]
        return os.path.basename(self.work.arguments[0].split()[0])

    def _function(self) -> tuple[Function, Any]:
        if isinstance(self.work, str):
            from paramsurvey.cli.command.functions import as_worker, load_function

            return as_worker(load_function(self.work), self.space.names)
        from paramsurvey.cli.command.execute import Command, run_command

        return run_command, Command(self.work, self.ok_codes, tuple(self.parsers))

    def _way(self) -> Way:
        from paramsurvey.cli.command.execute import Way

        return Way(
            output_dir=os.path.abspath(self._output_dir()),
            timeout=self.options.timeout,
        )

    def _take_timeout(self) -> None:
        """End commands gently ourselves; the engine's timeout, which kills, is for when that fails."""
        from paramsurvey.cli.command.guard import GRACE_SECONDS

        os.environ.pop("PARAMSURVEY_TIMEOUT", None)
        if self.options.timeout is not None:
            self.engine["timeout"] = self.options.timeout + 2 * GRACE_SECONDS + 1

    def _output_dir(self) -> str:
        if self.given["output_dir"]:
            return str(self.given["output_dir"])
        if self.checkpoint:
            return os.path.join(self.checkpoint, "output")
        return time.strftime(".paramsurvey-%Y%m%d-%H%M%S-output", time.gmtime())

    # what came out

    def _deliver(self, results: MapResults, before: int) -> None:
        """Write the results where they are wanted, and somewhere if the checkpoint has not taken them."""
        from paramsurvey.cli.tables.export import STDOUT, deliver

        if self.given["output"]:
            deliver(results, self.given["output"])
        elif self.checkpoint:
            self._rescue_lost(self.checkpoint, results, before)
        else:
            deliver(results, STDOUT)

    def _rescue_lost(self, checkpoint: str, results: MapResults, before: int) -> None:
        from paramsurvey.cli.completeness import count_lost, why_not_written
        from paramsurvey.cli.tables.export import rescue

        lost = count_lost(checkpoint, results, before)
        if lost:
            why = why_not_written(checkpoint) or "it could not be written for a while"
            raise RunFailed(
                f"the checkpoint {checkpoint} has not taken {lost:,} of {len(results):,} results ({why}): "
                f"{rescue(results, checkpoint)}; with room there, the same command again computes the rest"
            )

    def _deliver_rest(self, results: MapResults | None, before: int) -> None:
        """Keep what had finished when the run ended early."""
        if results is None:
            return
        try:
            if len(results):
                self._deliver(results, before)
        except RunFailed as error:
            say(f"paramsurvey: {error.format_message()}")
            if self.checkpoint and not self.given["output"]:
                return
        if self.checkpoint:
            say(f"paramsurvey: what has finished is kept, go on with: paramsurvey resume {self.checkpoint}")


def _codes(text: str) -> frozenset[int]:
    try:
        return frozenset(int(code) for code in text.split(","))
    except ValueError:
        raise BadUsage(f"--ok-codes {text!r} are no exit codes: write them as 0,3") from None


def check_program(template: Template, chdir: str | None) -> None:
    """Refuse a program that is not there, where its name can be known."""
    from paramsurvey.cli.command.template import placeholders_in

    program = template.arguments[0]
    if template.shell:
        return
    if len(template.arguments) == 1 and " " in program and not shutil.which(program):
        raise BadUsage(f"there is no program {program!r}: for a text that a shell understands, add --shell")
    path = os.path.join(chdir, program) if chdir and os.sep in program else program
    if placeholders_in(program) or shutil.which(path):
        return
    if os.sep in path and os.path.isfile(path):
        raise BadUsage(f"{program!r} may not be executed: make it executable with chmod +x {program}")
    here = os.path.isfile(os.path.join(chdir or ".", program))
    remedy = f"; did you mean ./{program}?" if here else ": correct its name, or give its whole path"
    raise BadUsage(f"there is no program {program!r}{remedy}")
