"""What ``paramsurvey run`` does before its first command: little, and a worker starts meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramsurvey.backends.multiprocessing import started_ahead
from paramsurvey.backends.multiprocessing.new_process import StartedProcess
from paramsurvey.cli.command import orphan_guard
from paramsurvey.cli.options.run_options import RunOptions
from paramsurvey.cli.worker_ahead import MODULES, worker_ahead

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these workers are Unix's")

NO_LOOK = "import math; from paramsurvey.reporting.monitor import Monitor; Monitor.interval = math.inf"
RUN = f"{NO_LOOK}; from paramsurvey.cli.program import run_program; run_program({{arguments!r}})"
SHOW = "import sys; print(*sys.modules)"


def modules_after(statement: str) -> set[str]:
    """Return the modules that a new interpreter has loaded after a statement."""
    code = f"{statement}\n{SHOW}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def modules_of_run(*arguments: str) -> set[str]:
    """Return what a run loads that ends before anybody looks at its counters, however busy the machine is."""
    return modules_after(RUN.format(arguments=["run", *arguments]))


# ---- what is not loaded


def test_a_run_loads_no_module_that_only_other_runs_need(in_tmp: Path) -> None:
    loaded = modules_of_run("-j1", "-p", "i=1", "--", "echo", "{i}")
    others = {"tomllib", "statistics", "hashlib", "click.shell_completion", "pandas", "multiprocessing"}
    others |= {"json"}
    others |= {
        f"paramsurvey.cli.psets.{name}" for name in ("sweep_files", "hydra_syntax", "where", "pset_files")
    }
    others |= {f"paramsurvey.cli.command.{name}" for name in ("functions", "output_parsers")}
    others |= {"paramsurvey.cli.output.result_tree"}
    assert not loaded & others


def test_what_tells_the_time_left_is_loaded_when_a_run_has_lasted_for_a_while() -> None:
    loaded = modules_after("import paramsurvey.cli.run_plan, paramsurvey.reporting.watch")
    assert "paramsurvey.reporting.monitor" in loaded
    assert not loaded & {"paramsurvey.reporting.eta", "statistics", "hashlib"}


def test_a_run_loads_no_other_subcommand(in_tmp: Path) -> None:
    loaded = modules_of_run("-j1", "-p", "i=1", "--", "echo", "{i}")
    beginning = "paramsurvey.cli.subcommands."
    assert {name for name in loaded if name.startswith(beginning)} == {f"{beginning}run"}


def test_the_program_itself_loads_no_numpy() -> None:
    assert not modules_after("import paramsurvey.cli.subcommands.run") & {"numpy", "pandas", "pyarrow"}


def test_the_guard_of_a_worker_loads_only_what_it_always_needs() -> None:
    code = f"exec(open({orphan_guard.__file__!r}).read(), {{'__name__': 'guard'}}); {SHOW}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert not set(done.stdout.split()) & {"subprocess", "signal", "typing", "re", "enum", "threading"}


def test_a_worker_of_commands_loads_no_module_that_few_commands_need(in_tmp: Path) -> None:
    code = f"import {', '.join((*started_ahead.MODULES, *MODULES))}"
    others = {"numpy", "pandas", "hashlib", "statistics", "difflib", "click"}
    others |= {"cloudpickle", "logging", "uuid", "json"}
    others |= {"paramsurvey.cli.command.output_parsers", "paramsurvey.cli.output.result_tree"}
    assert not modules_after(code) & others


# ---- a worker that starts meanwhile


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[StartedProcess]]:
    """The processes that are started while a test runs; none is left at its end."""
    all_of_them: list[StartedProcess] = []
    start = StartedProcess.__init__

    def note(process: StartedProcess, modules: tuple[str, ...] = ()) -> None:
        start(process, modules)
        all_of_them.append(process)

    monkeypatch.setattr(StartedProcess, "__init__", note)
    yield all_of_them
    started_ahead.end()
    assert all(one.process.poll() is not None for one in all_of_them)


def test_what_was_started_ahead_is_taken_in_its_order(started: list[StartedProcess]) -> None:
    started_ahead.start()
    started_ahead.start()
    taken = [started_ahead.take(), started_ahead.take()]
    assert taken == started
    assert started_ahead.take() is None
    for one in started:
        one.end()


def test_what_nobody_needs_is_ended(started: list[StartedProcess]) -> None:
    with worker_ahead(RunOptions(ncores=1)):
        assert len(started) == 1
        assert started[0].process.poll() is None
    assert started[0].process.poll() is not None


@pytest.mark.parametrize(
    "options",
    [RunOptions(dry_run=True), RunOptions(backend="serial"), RunOptions(backend="nonsense")],
    ids=["a dry run", "a backend without workers", "a mistake"],
)
def test_none_is_started_for(options: RunOptions, started: list[StartedProcess]) -> None:
    with worker_ahead(options):
        assert started == []


def test_the_variables_of_threads_are_set_and_not_left(
    started: list[StartedProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with worker_ahead(RunOptions(ncores=1)):
        assert "OMP_NUM_THREADS" not in os.environ
        assert started_ahead.take() is None  # without them, it is not what would be started


def test_one_that_would_be_different_now_is_not_taken(
    started: list[StartedProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    started_ahead.start()
    monkeypatch.setenv("SETTING", "of today")
    assert started_ahead.take() is None
    assert started[0].process.poll() is not None


def test_one_that_has_ended_is_not_taken(started: list[StartedProcess]) -> None:
    started_ahead.start()
    started[0].process.kill()
    started[0].process.wait()
    assert started_ahead.take() is None


def test_one_that_was_started_in_a_directory_that_is_gone_is_not_taken(
    started: list[StartedProcess], in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = in_tmp / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    started_ahead.start()
    gone.rmdir()
    assert started_ahead.take() is None


COUNTS_STARTS = """
from paramsurvey.backends.multiprocessing import new_process
from paramsurvey.cli.program import run_program

start, started = new_process.StartedProcess.__init__, []


def note(process, ahead=()):
    started.append(ahead)
    start(process, ahead)


new_process.StartedProcess.__init__ = note
run_program(["run", "-v0", "-j2", "-p", "i=1,2,3", "--", "echo", "{i}"])
print([bool(ahead) for ahead in started])
"""


def test_a_run_of_commands_starts_its_first_worker_ahead_and_no_more_than_it_needs(in_tmp: Path) -> None:
    done = subprocess.run([sys.executable, "-c", COUNTS_STARTS], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[True, False]", done.stderr


IGNORES_CHILDREN = """
import os, signal, sys

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, "-m", "paramsurvey", *sys.argv[1:]])
"""


@pytest.mark.parametrize("backend", ["multiprocessing", "serial"])
def test_a_run_learns_how_commands_end_even_if_what_started_it_ignores_such_news(
    in_tmp: Path, backend: str
) -> None:
    words = ["run", "-v0", "--backend", backend, "--ok-codes=0,3", "-p", "code=0,3"]
    command = [sys.executable, "-c", IGNORES_CHILDREN, *words, "--", "sh", "-c", "exit {code}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    rows = [line.split(",")[:2] for line in done.stdout.splitlines()[1:]]
    assert rows == [["0", "0"], ["3", "3"]], done.stderr
