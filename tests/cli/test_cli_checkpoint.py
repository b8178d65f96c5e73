"""The program on checkpoints: status, watch, resume, missing, export."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from test_cli import PROGRAM, paramsurvey, script, start

from conftest import wait_until
from paramsurvey.checkpoint.run_json.run_file import now
from paramsurvey.cli.checkpoints.run_state import RunState, describe
from paramsurvey.cli.checkpoints.saved_command import (
    SavedCommand,
    how_to_resume,
    load_command,
    save_command,
)
from paramsurvey.cli.output.spool import find_spool
from paramsurvey.cli.program import run_program
from paramsurvey.cli.run_files import RunFiles

SIMULATION = """\
#!/bin/sh
echo "$1" >> started
while [ "$1" -gt 2 ] && [ ! -e go ]; do sleep 0.05; done
[ "$1" = 2 ] && { echo "cannot do $1" >&2; exit 3; }
echo "loss=$1.5"
"""


@pytest.fixture
def simulate(in_tmp: Path) -> str:
    """A program of which 1 finishes, 2 fails, and all others wait for a file `go`."""
    return script("simulate", SIMULATION)


Here = Callable[..., tuple[str, str]]


@pytest.fixture
def here(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """Run the program in this process, which takes less time; return what it writes."""
    monkeypatch.setattr("sys.argv", ["paramsurvey"])

    def run(*arguments: str, code: int = 0) -> tuple[str, str]:
        capfd.readouterr()
        assert run_program(arguments) == code
        out, err = capfd.readouterr()
        return out, err

    return run


def started() -> list[str]:
    return Path("started").read_text().split() if Path("started").exists() else []


def run_arguments(simulate: str) -> list[str]:
    axes = ["-p", "a=1:4", "--parse", "loss=(.*)"]
    return ["run", "-v0", "-j2", *axes, "--checkpoint", "out", "--", simulate, "{a}"]


def test_what_was_not_run_has_not_failed_while_a_run_is_ending() -> None:
    counts = {"total": 20, "finished": 8, "failures": 12, "not_run": 11}
    state = RunState("out", {"status": "running", "counts": counts}, alive=True, driver="")
    assert (state.failed, state.settled) == (1, 9)


def test_the_state_has_percent_forecast_and_running_psets() -> None:
    counts = {"total": 200, "finished": 60, "failures": 3}
    running = [{"number": 7, "pset": "a=7, b=\x1b[31mred", "seconds": 40.0}]
    run = {
        "status": "running",
        "counts": counts,
        "elapsed": 60.0,
        "updated": now(),
    }
    live = {"seconds_left": [100.0, 140.0], "running": running}
    state = RunState("out", run, alive=True, driver="process 1", live=live)
    low, high = state.estimated_seconds_left() or (0.0, 0.0)
    assert 90 < low <= 100
    assert 130 < high <= 140
    assert state.to_json()["percent"] == 31.5
    lines = describe(replace(state, seconds_left=(low, high)))
    assert lines[1] == "  31 %: 60 of 200 psets finished, 3 failed"
    assert lines[2].startswith("  1 min 0 s, ETA ")
    assert lines[3].startswith("  running for 40 s: a=7, b=\\x1b[31mred")


def test_a_run_is_followed_interrupted_resumed_and_exported(simulate: str, here: Here) -> None:
    process = start(*run_arguments(simulate))
    wait_until(lambda: len(started()) == 4, "the programs do not start", 60)
    wait_until(lambda: stored() == (1, 1), "run.json does not say what is stored", 60)
    shown, _ = here("status", "out")
    assert "running, process" in shown
    assert "50 %: 1 of 4 psets finished, 1 failed" in shown
    wait_until(tells_all, "live.json does not say what is running, and for how long", 60)
    shown, _ = here("status", "out")
    assert ": a=3" in shown
    assert ": a=4" in shown
    assert "ETA " in shown
    assert "1 × raised: ExitCode3('exit code 3; stderr ends with: cannot do 2')" in shown
    _, err = here(
        "run", "-v0", "-p", "a=1", "--checkpoint", "out", "--on-change", "keep", "--", "echo", "{a}", code=3
    )
    assert "is in use by process" in err

    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err == "paramsurvey: finished results are saved; to go on, type: paramsurvey resume out\n"
    shown, _ = here("status", "out")
    assert "out: interrupted" in shown
    assert "1 of 4 psets finished, 1 failed, 2 not run" in shown
    assert shown.endswith("to go on: paramsurvey resume out\n")
    missing, more = here("missing", "out")
    assert "cannot do 2" in missing
    assert "2 more have not run yet" in more

    Path("go").touch()
    Path("started").unlink()
    paramsurvey("resume", "out", "-o", "again.csv", code=1)
    assert sorted(started()) == ["2", "3", "4"]
    assert pd.read_csv("again.csv")["loss"].tolist() == [1.5, 3.5, 4.5]
    status = json.loads(here("status", "--json", "out")[0])
    assert (status["status"], status["alive"], status["failed"]) == ("finished", False, 1)
    assert status["counts"]["finished"] == 3
    assert status["command"][1:4] == ["run", "-v0", "-j2"]
    assert [case["exception"] for case in status["failures"]] == ["ExitCode3"]

    for suffix in ("csv", "parquet", "feather", "sqlite", "nc"):
        here("export", "out", f"results.{suffix}")
    assert pd.read_csv("results.csv")["loss"].tolist() == [1.5, 3.5, 4.5]
    assert pd.read_parquet("results.parquet")["a"].tolist() == [1, 3, 4]
    assert sqlite3.connect("results.sqlite").execute("select sum(loss) from results").fetchone() == (9.5,)
    losses = pytest.importorskip("xarray").open_dataset("results.nc")["loss"]
    assert losses.sel(a=4) == 4.5
    assert losses.sel(a=2).isnull()


def tells_all() -> bool:
    """Tell whether the driver has told which two psets run, and when it will be over."""
    try:
        told = json.loads(Path("out/live.json").read_text())
    except FileNotFoundError:
        return False
    return len(told["running"]) == 2 and told["seconds_left"] is not None


def stored() -> tuple[int, int]:
    """Return how many results and failures are durable."""
    try:
        found = json.loads(Path("out/run.json").read_text())["stored"]
    except FileNotFoundError:
        return (0, 0)
    return found["results"], found["failures"]


def test_a_killed_driver_is_told_and_its_run_goes_on(simulate: str, here: Here) -> None:
    process = start(*run_arguments(simulate))
    wait_until(lambda: stored() == (1, 1) and len(started()) == 4, "it does not run", 60)
    process.kill()
    process.communicate()
    assert "its driver has died" in here("status", "out", code=4)[0]
    assert json.loads(here("status", "--json", "out", code=4)[0])["status"] == "died"
    assert "its driver has died" in here("watch", "out", code=4)[0]
    Path("go").touch()
    Path("started").unlink()
    paramsurvey("resume", "out", "--keep-failed", code=1)
    assert sorted(started()) == ["3", "4"]
    assert "3 of 4 psets finished, 1 failed" in here("watch", "out", code=1)[0]


def test_missing_does_not_advise_to_resume_what_runs(simulate: str, here: Here) -> None:
    process = start(*run_arguments(simulate))
    wait_until(lambda: stored() == (1, 1) and len(started()) == 4, "it does not run", 60)
    assert here("missing", "out")[1] == "2 more have not run yet; the run is still going\n"
    Path("go").touch()
    process.communicate()


def test_a_command_with_bytes_that_are_not_utf_8_is_the_same_command_afterwards(here: Here) -> None:
    run = ["run", "-v0", "-p", "a=1,2", "--checkpoint", "out", "--", "printf", "%s\udce9", "{a}"]
    here(*run)
    assert "another command" not in here("status", "out")[0]
    assert "2 psets were finished before" in here("resume", "out", "-v")[1]
    here(*run)
    run[-2] += "\udce8"
    assert "has results of another command" in here(*run, code=2)[1]


def test_watch_ends_with_the_run(simulate: str) -> None:
    process = start(*run_arguments(simulate))
    wait_until(lambda: len(started()) == 4, "it does not run", 60)
    watch = start("watch", "--json", "--every", "0.1", "out")
    assert watch.stdout is not None
    assert json.loads(watch.stdout.readline())["status"] == "running"
    Path("go").touch()
    out, _ = watch.communicate()
    assert json.loads(out.splitlines()[-1])["status"] == "finished"
    assert watch.returncode == 1
    assert process.wait() == 1


@pytest.mark.parametrize("command", ["status", "watch", "resume", "missing", "export x.csv", "run"])
def test_directories_that_are_no_checkpoints(command: str, here: Here) -> None:
    Path("other").mkdir()
    Path("other/file").touch()
    name, *file = command.split()
    run = ["-v0", "-p", "a=1", "--checkpoint", "other", "--", "echo", "{a}"]
    out, err = here(name, *(run if name == "run" else ["other", *file]), code=2)
    assert "other' is not a checkpoint" in err
    assert out == ""
    assert [path.name for path in Path("other").iterdir()] == ["file"]


def test_a_run_that_has_written_nothing_yet(here: Here) -> None:
    save_command("out", SavedCommand(["-v0", "-p", "a=1,2"], ["echo", "{a}"], "."))
    assert "has not written anything yet" in here("status", "out", code=2)[1]
    here("resume", "out")
    assert "2 of 2 psets finished" in here("status", "out")[0]


def test_a_run_whose_run_json_is_damaged_says_so_and_goes_on(here: Here) -> None:
    here("run", "-v0", "-p", "a=1,2", "--checkpoint", "out", "--", "echo", "{a}")
    Path("out/run.json").write_text('{"format": 1, "na')
    err = here("status", "out", code=2)[1]
    assert "the run.json of the checkpoint 'out' is damaged" in err
    assert "run the survey again, which goes on from" in err
    here("resume", "out")
    assert "2 of 2 psets finished, 2 from an earlier run" in here("status", "out")[0]


def test_the_status_of_a_run_with_a_damaged_part(here: Here) -> None:
    here("run", "-v0", "-p", "a=0,1", "--checkpoint", "out", "--", "test", "{a}", "=", "0", code=1)
    for part in Path("out/results").glob("*.parquet"):
        part.write_bytes(part.read_bytes()[:-50])
    assert "1 of 2 psets finished, 1 failed" in here("status", "out")[0]


def test_a_file_is_no_checkpoint(here: Here) -> None:
    Path("file").touch()
    err = here("run", "-v0", "-p", "a=1", "--checkpoint", "file", "--", "echo", "{a}", code=2)[1]
    assert "file' is a file: give an empty directory" in err


def test_a_run_that_is_refused_leaves_no_directory(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMSURVEY_BACKEND", "nothing")
    here("run", "-v0", "-p", "a=1", "--checkpoint", "out", "--", "echo", "{a}", code=2)
    assert not Path("out").exists()


def test_the_checkpoint_of_a_program_in_python(here: Here) -> None:
    paramsurvey_in_python("out")
    assert "was made by a Python program: run that program again" in here("resume", "out", code=2)[1]
    assert "1 of 1 psets finished" in here("status", "out")[0]
    assert here("export", "out", "-")[0] == "a,b\n1,2\n"


def test_of_a_python_program_nobody_is_told_to_type_what_cannot_resume_it(here: Here) -> None:
    with pytest.raises(KeyboardInterrupt):
        paramsurvey_in_python("out", stop_at=2)
    again = f"run the same program again, cd {shlex.quote(os.getcwd())} && python "
    assert f"to go on: {again}" in here("status", "out")[0]
    assert f"2 more have not run yet; to run them: {again}" in here("missing", "out")[1]


def test_what_to_type_can_be_pasted_into_a_shell(here: Here) -> None:
    save_command("my out", SavedCommand([], ["true"], os.getcwd()))
    assert how_to_resume("my out") == "paramsurvey resume 'my out'"


def paramsurvey_in_python(directory: str, stop_at: int = 0) -> None:
    """Run a survey in Python; with `stop_at`, of three psets, of which this one is interrupted."""
    from paramsurvey import Session

    def add_one(pset: dict[str, int], system_kwargs: object, user_kwargs: object) -> dict[str, int]:
        if pset["a"] == stop_at:
            raise KeyboardInterrupt
        return {"b": pset["a"] + 1}

    psets = [{"a": a} for a in range(1, 4 if stop_at else 2)]
    with Session(backend="serial", verbose=0) as session:
        session.map(add_one, psets, checkpoint=directory)


# ---- what resume needs


def interrupted(*arguments: str, stdin: str = "") -> None:
    """Start a run whose programs wait for a file `go`, and interrupt it."""
    process = subprocess.Popen(
        [PROGRAM, "run", "-v0", "-j1", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(stdin)
    process.stdin.close()
    wait_until(lambda: len(started()) > 0, "the program does not start", 60)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    process.stdout.close()  # type: ignore[union-attr]
    process.stderr.close()  # type: ignore[union-attr]
    Path("go").touch()


@pytest.mark.parametrize("words", [["-p", "a=@-"], ["-pa=@-"], ["--param=a=@-"]])
def test_resume_has_what_came_from_standard_input(here: Here, words: list[str]) -> None:
    waiting = script("waiting", '#!/bin/sh\necho "$1" >> started\nwhile [ ! -e go ]; do sleep 0.05; done\n')
    interrupted(*words, "--checkpoint", "out", "--", waiting, "{a}", stdin="007\ntwo words\n3\n")
    Path("started").unlink()
    here("resume", "-v", "out")
    assert Path("started").read_text() == "007\ntwo words\n3\n"


@pytest.mark.parametrize("options", [["--tag=set {#}", "-k"], ["--follow", "--tag=set {#}"]], ids=" ".join)
def test_resume_shows_output_as_the_run_did(here: Here, options: list[str]) -> None:
    base = ["run", "-v0", "-j1", "-p", "a=1..4", "--checkpoint", "out", *options]
    assert here(*base, "--limit", "2", "--", "echo", "{a}")[0] == "set 1\t1\nset 2\t2\n"
    assert here("resume", "--limit", "0", "out")[0] == "set 3\t3\nset 4\t4\n"


@pytest.mark.parametrize("option", ["--tag", "--follow", "-k", "-p", "--joblog"])
def test_resume_says_that_it_has_the_options_of_the_run(here: Here, option: str) -> None:
    here("run", "-v0", "-p", "a=1", "--checkpoint", "out", "--", "echo", "{a}")
    assert here("resume", "out", option, code=2)[1] == (
        f"paramsurvey: resume has no option {option}, because it uses those of the run: leave it out, or "
        f"continue the run by typing its command again, with {option} (see paramsurvey resume --help)\n"
    )
    assert "No such option '--tagg'" in here("resume", "out", "--tagg", code=2)[1]


def test_resume_has_the_configuration_of_then(here: Here) -> None:
    waiting = script(
        "waiting", '#!/bin/sh\necho "$1 $2" >> started\nwhile [ ! -e go ]; do sleep 0.05; done\n'
    )
    Path("survey.toml").write_text(
        f'command = ["{waiting}", "{{a}}", "{{b}}"]\ncheckpoint = "out"\n'
        'ok-codes = 0\nparams = {a = [1, "x"], b = "@-"}\n'
    )
    interrupted(stdin="5\n6\n")
    Path("started").unlink()
    Path("survey.toml").unlink()
    here("resume", "-v0", "out")
    assert Path("started").read_text() == "1 5\n1 6\nx 5\nx 6\n"


# ---- a full disk


FULL_DISK = """\
mount -t tmpfs -o size=400k tmpfs disk || exit 77
"$@" >out 2>err; echo $? > code
"$@" >out2 2>err2; echo $? > code2
rm disk/fill
"$@" >out3 2>err3; echo $? > code3
"$PROGRAM" export disk/ck all.csv
"""

FILLING = """\
#!/bin/sh
[ "$1" = 1 ] && seq 1 20000
[ "$1" = 3 ] && ! [ -e filled ] && touch filled && head -c 1000000 /dev/zero > disk/fill
[ "$1" = 4 ] && seq 1 100000
echo "$1"
"""


def on_a_small_disk(*arguments: str) -> None:
    """Run a program three times, with a disk that it fills, full, and with room, in `disk`."""
    Path("disk").mkdir()
    Path("rescued").mkdir()
    environ = {**os.environ, "TMPDIR": str(Path("rescued").resolve()), "PROGRAM": str(PROGRAM)}
    command = ["unshare", "-rm", "sh", "-c", FULL_DISK, "sh", str(PROGRAM), *arguments]
    try:
        code = subprocess.run(command, env=environ, capture_output=True).returncode
    except FileNotFoundError:
        code = 77
    if code == 77 or not Path("code").exists():
        pytest.skip("nothing can be mounted here")


@pytest.mark.skipif(not os.path.exists("/proc/self/ns/mnt"), reason="there are no name spaces")
@pytest.mark.parametrize("verbose", ["-v0", "-v1"])
def test_a_full_disk_under_the_checkpoint_loses_no_results(verbose: str) -> None:
    filling = script("filling", FILLING)
    on_a_small_disk("run", verbose, "-j1", "-p", "a=1:6", "--checkpoint", "disk/ck", "--", filling, "{a}")

    err = Path("err").read_text()
    assert Path("code").read_text() == "1\n"
    assert "Traceback" not in err
    assert "the checkpoint disk/ck did not store " in err
    assert "of 6 results (No space left on device): the results are in " in err
    (kept,) = Path("rescued").glob("paramsurvey-*-ck.csv")
    assert str(kept.resolve()) in err
    results = pd.read_csv(kept)
    assert results["a"].tolist() == [1, 2, 3, 4, 5, 6]
    assert results["exit_code"].eq(0).all()  # no program fails of the checkpoint's disk
    assert results["stdout"][3].endswith("\n100000\n4")

    assert Path("code2").read_text() == "1\n"
    again = Path("err2").read_text()
    assert re.search("checkpoint '?disk/ck'? cannot be written .*No space left on device.*: .*room", again)
    assert Path("code3").read_text() == "0\n"
    assert pd.read_csv("all.csv")["a"].tolist() == [1, 2, 3, 4, 5, 6]


def test_where_a_file_cannot_be_written_the_checkpoint_has_the_results_too(
    here: Here, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(in_tmp))
    Path("gone").mkdir()
    output = ["--checkpoint", "my run", "-o", "gone/r.csv"]
    _, err = here("run", "-v0", "-p", "a=1", *output, "--unused", "ok", "--", "rmdir", "gone", code=1)
    assert "gone/r.csv could not be written" in err
    assert err.endswith("; the checkpoint has them, too: paramsurvey export 'my run' FILE.csv writes them\n")
    here("export", "my run", "again.csv")
    assert pd.read_csv("again.csv")["a"].tolist() == [1]


def test_a_damaged_part_is_no_full_disk(here: Here) -> None:
    run = ["run", "-v0", "-p", "a=1:3", "--checkpoint", "out", "--", "echo", "{a}"]
    here(*run)
    part, *_ = Path("out/results").glob("*.parquet")
    part.write_bytes(part.read_bytes()[:-10])
    _, err = here(*run)
    assert "did not store" not in err
    assert len(here("export", "out", "-")[0].splitlines()) == 1 + 3


def test_the_output_of_a_run_is_found_again_where_one_that_began_at_the_same_moment_was_refused(
    tmp_path: Path,
) -> None:
    options = SimpleNamespace(tag=None, follow=False, joblog=None, all_rows=False, keep_order=False)
    plan: Any = SimpleNamespace(checkpoint=str(tmp_path), options=options)
    runs, refused = RunFiles(plan), RunFiles(plan)
    survey: Any = None
    with runs:
        runs.announce()
        own = find_spool(str(tmp_path))
        with refused:
            refused.announce()
        assert find_spool(str(tmp_path)) is None
        for function in runs.after_round:
            function(survey)
        assert own is not None
        assert find_spool(str(tmp_path)) == own
    assert find_spool(str(tmp_path)) is None


def test_a_checkpoint_of_a_run_with_j_0_which_once_was_one_on_each_core_is_resumed(here: Here) -> None:
    here("run", "-v0", "-p", "a=1,2", "-j", "1", "--limit", "1", "--checkpoint", "out", "--", "echo", "{a}")
    saved = load_command("out")
    options = [
        "0" if word == "1" and before == "-j" else word for before, word in pairwise(["", *saved.options])
    ]
    assert "0" in options
    options[options.index("--limit") + 1] = "0"
    save_command("out", replace(saved, options=options))
    here("resume", "out")
    assert "2 of 2 psets finished" in here("status", "out")[0]
    assert "write how many, as in -j 100" in here("resume", "out", "-j", "0", code=2)[1]


def test_what_to_type_next_quotes_the_directory(here: Here) -> None:
    here("run", "-v0", "-p", "a=1", "--checkpoint", "my runs", "--", "echo", "{a}")
    assert "paramsurvey export 'my runs' results.csv" in here("status", "my runs")[0]
    assert "paramsurvey export 'my runs' -" in here("tail", "my runs", code=2)[1]
    here("run", "-v0", "-p", "a=1", "--checkpoint", "my failures", "--", "false", "{a}", code=1)
    assert "paramsurvey missing 'my failures'" in here("status", "my failures")[0]
