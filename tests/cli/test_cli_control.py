"""The program: what it shows while commands run, when they start and end, and what it keeps of each."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from test_cli import PROGRAM, paramsurvey, script, start

from conftest import wait_until
from paramsurvey import load, scan
from paramsurvey.cli.control.gate import Control, Gate
from paramsurvey.cli.control.joblog import JobRecord, append_record
from paramsurvey.cli.control.limits import Timeout
from paramsurvey.cli.control.shared import MOST_DURATIONS, SharedDirectory
from paramsurvey.cli.failures import CommandFailed
from paramsurvey.cli.output.result_tree import tree_path
from paramsurvey.cli.program import run_program
from paramsurvey.reporting.console import warn
from paramsurvey.results.scan_checkpoint import failures_table


def run(*arguments: str, code: int = 0) -> None:
    assert run_program(["run", "-v0", *arguments]) == code


# ---- never stale


def test_the_results_of_another_command_are_refused(capfd: pytest.CaptureFixture[str]) -> None:
    axes = ["-p", "a=1,2", "--checkpoint", "out"]
    run(*axes, "--", "echo", "one", "{a}")
    capfd.readouterr()
    run(*axes, "--", "echo", "two", "{a}", code=2)
    assert "echo [-one-]{+two+} {a}: give another --checkpoint" in capfd.readouterr().err
    run(*axes, "--parse", "(?P<x>.)", "--", "echo", "one", "{a}", code=2)
    assert "{+--parse" in capfd.readouterr().err
    run(
        "-p",
        "a=1..4",
        "--checkpoint",
        "out",
        "--on-change",
        "keep",
        "-o",
        "r.csv",
        "--",
        "echo",
        "two",
        "{a}",
    )
    results = pd.read_csv("r.csv")
    assert results["stdout"].tolist() == ["one 1", "one 2", "two 3", "two 4"]
    assert results["command"].tolist() == ["echo one {a}"] * 2 + ["echo two {a}"] * 2
    capfd.readouterr()
    assert run_program(["status", "out"]) == 0
    assert "2 of them by another command: echo one {a}" in capfd.readouterr().out


def test_results_of_another_directory_are_refused(capfd: pytest.CaptureFixture[str]) -> None:
    Path("one").mkdir()
    Path("two").mkdir()
    axes, command = ("-p", "a=1", "--checkpoint", "out"), ("--", "sh", "-c", "pwd; : {a}")
    run(*axes, "--chdir", "one", *command)
    run(*axes, "--chdir", "two", *command, code=2)
    assert "--chdir [-one-]{+two+}" in capfd.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_joblog_on_a_full_disk_costs_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    record = JobRecord.of(1, 0.0, 1.0, 0, 0, "true")
    said: list[str] = []
    monkeypatch.setattr("paramsurvey.cli.control.joblog.say", said.append)
    for _ in range(2):
        append_record("/dev/full", record)
    (only,) = said
    assert "/dev/full cannot be written (No space left on device), so it lacks some lines" in only


def test_shards_become_one_checkpoint(capfd: pytest.CaptureFixture[str]) -> None:
    for k in (1, 2, 3):
        run("-p", "m.a=1..7", "--shard", f"{k}/3", "--checkpoint", f"out{k}", "--", "echo", "{m.a}", "{#}")
    assert run_program(["merge", "all", "out1", "out3"]) == 0
    assert "all: 5 of 7 psets; to run the other 2: paramsurvey resume all" in capfd.readouterr().err
    assert run_program(["resume", "all", "-o", "r.csv"]) == 0
    results = pd.read_csv("r.csv")
    assert results["m.a"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert results["stdout"].tolist() == [f"{i} {i}" for i in range(1, 8)]


def test_psets_of_shards_keep_their_times_and_the_shards_their_workers() -> None:
    for k in (1, 2, 3):
        run("-p", "a=1..7", "--shard", f"{k}/3", "--checkpoint", f"out{k}", "-j1", "--", "echo", "{a}")
    assert run_program(["merge", "all", "out1", "out2", "out3"]) == 0
    shards = [load(f"out{k}") for k in (1, 2, 3)]
    merged = load("all")
    seconds = {a: s for shard in shards for a, s in zip(shard["a"], shard.seconds, strict=True)}
    assert dict(zip(merged["a"], merged.seconds, strict=True)) == seconds
    starts = pd.concat([shard.timeline()["start"] for shard in shards])
    assert sorted(merged.timeline()["start"]) == sorted(starts)
    assert merged.timeline()["worker"].nunique() == 3


FAILS_FROM_4_ON = ("sh", "-c", "test {a} -lt 4 || exit {a}")


def told(checkpoint: str) -> dict[str, list[object]]:
    """Return what a checkpoint says of the psets without a result, by pset."""
    columns = ["_kind", "_exception", "_traceback", "_attempts", "_seconds", "_start", "_host"]
    rows = failures_table(checkpoint, tell=warn).to_pylist()
    return {str(row["a"]): [row[name] for name in columns] for row in rows}


def test_failed_psets_of_shards_keep_what_is_known_of_them(capfd: pytest.CaptureFixture[str]) -> None:
    for k in (1, 2):
        shard = ("-p", "a=1..6", "--shard", f"{k}/2", "--retries", str(k), "--checkpoint", f"out{k}", "-j1")
        run(*shard, "--", *FAILS_FROM_4_ON, code=1)
    assert run_program(["merge", "all", "out1", "out2"]) == 0
    assert told("all") == told("out1") | told("out2")
    assert [told("all")[a][3] for a in ("4", "5", "6")] == [3, 2, 3]
    workers = failures_table("all", tell=warn)["_worker"].to_pylist()
    assert len(set(workers)) == 2
    capfd.readouterr()
    assert run_program(["status", "all"]) == 0
    shown = capfd.readouterr().out
    assert "3 failed" in shown
    assert "ExitCode5('exit code 5')" in shown
    assert "none of the merged checkpoints" not in shown
    assert run_program(["resume", "all", "-o", "r.csv"]) == 1
    assert sorted(pd.read_csv("r.csv")["a"]) == [1, 2, 3]


def test_a_result_of_any_merged_checkpoint_replaces_a_failure_and_a_later_failure_an_earlier() -> None:
    test = "test -e works-{a} || exit $(cat code)"
    run_of = ("-p", "a=1..3", "--", "sh", "-c", test)
    Path("code").write_text("7")
    run("--checkpoint", "early", *run_of, code=1)
    Path("code").write_text("9")
    Path("works-2").touch()
    run("--checkpoint", "late", *run_of, code=1)
    assert run_program(["merge", "one", "early", "late"]) == 0
    assert run_program(["merge", "other", "late", "early"]) == 0
    for merged in ("one", "other"):
        assert load(merged)["a"].tolist() == [2]
        assert [exception for _, exception, *_ in told(merged).values()] == ["ExitCode9('exit code 9')"] * 2


def test_merged_results_are_exactly_those_of_the_shards() -> None:
    Path("exact.py").write_text(
        "def f(x, n):\n"
        "    more = {'large': 2**60 + n} if n % 2 else {}\n"
        "    return {'none': None, 'nan': float('nan'), 'y': n if n < 3 else 0.5, 'x': x, **more}\n"
    )
    axes = ("-p", "x=1,a,true,2.5,none", "-p", "n=1..4", "exact:f")
    run("--checkpoint", "whole", *axes)
    for k in (1, 2):
        run("--shard", f"{k}/2", "--checkpoint", f"out{k}", *axes)
    assert run_program(["merge", "all", "out1", "out2"]) == 0
    pd.testing.assert_frame_equal(load("all").to_df(), load("whole").to_df())
    types = [
        dict(zip(one.names, one.types, strict=True)) for one in (scan("all").schema, scan("whole").schema)
    ]
    assert types[0] == types[1]
    large = scan("all").to_table(columns=["large"])["large"].drop_null().to_pylist()
    assert sorted(large) == [2**60 + 1] * 5 + [2**60 + 3] * 5


def test_a_damaged_file_of_a_shard_costs_its_psets_and_the_merged_checkpoint_is_resumed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    for k in (1, 2):
        run("-p", "a=1..6", "--shard", f"{k}/2", "--checkpoint", f"out{k}", "-j1", "--", "echo", "{a}")
    for part in Path("out2/results").glob("*.parquet"):
        content = part.read_bytes()
        part.write_bytes(content[:100] + b"????" + content[104:])
    capfd.readouterr()
    assert run_program(["merge", "all", "out1", "out2"]) == 0
    assert "3 of 6 psets; to run the other 3: paramsurvey resume all" in capfd.readouterr().err
    assert run_program(["resume", "all", "-o", "r.csv"]) == 0
    assert pd.read_csv("r.csv")["a"].tolist() == [1, 2, 3, 4, 5, 6]


def test_of_psets_that_no_merged_checkpoint_knows_it_is_said_that_none_has_them() -> None:
    run("-p", "a=1..4", "--shard", "2/2", "--checkpoint", "out", "--", *FAILS_FROM_4_ON, code=1)
    assert run_program(["merge", "all", "out"]) == 0
    exceptions = {a: exception for a, (_, exception, *_) in told("all").items()}
    assert exceptions.keys() == {"1", "3", "4"}
    assert "none of the merged checkpoints has its result" in str(exceptions["1"])
    assert exceptions["4"] == "ExitCode4('exit code 4')"


# ---- every row


def test_all_rows_and_the_joblog() -> None:
    failing = "exit {a}; "
    run(
        *("-p", "a=0,3", "--retries", "1", "--all-rows", "--joblog", "log", "-o", "r.csv", "-o", "r.jsonl"),
        *("--no-stdout", "--", "sh", "-c", failing),
        code=1,
    )
    results = pd.read_csv("r.csv")
    assert results["exit_code"].tolist() == [0, 3]
    assert results["attempts"].tolist() == [1, 2]
    assert results["signal"].tolist() == [0, 0]
    assert results["error"].fillna("").tolist() == ["", "ExitCode3('exit code 3')"]
    assert {"start", "host", "duration"} <= set(results)
    assert "stdout" not in results
    lines = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()]
    assert [line["exit_code"] for line in lines] == [0, 3]
    log = pd.read_csv("log", sep="\t")
    assert list(log) == [
        "Seq",
        "Host",
        "Starttime",
        "JobRuntime",
        "Send",
        "Receive",
        "Exitval",
        "Signal",
        "Command",
    ]
    assert sorted(log["Seq"]) == [1, 2, 2]


def test_no_value_in_the_joblog_commands_a_terminal() -> None:
    Path("values").write_text("\x1b]0;title\x07\x1b[2J\n\u202e\x9b31m\r\n")
    run("-p", "a=@values", "--joblog", "log", "--", "true", "{a}")
    lines = Path("log").read_text().splitlines()
    assert len(lines) == 3
    assert all(line.replace("\t", "").isprintable() for line in lines)
    assert any(r"\x1b]0;title\x07\x1b[2J" in line for line in lines)


def test_signals_and_timeouts_in_the_joblog() -> None:
    run("-p", "a=9,TERM", "--joblog", "log", "--", "sh", "-c", "kill -{a} $$", code=1)
    run("-p", "a=600", "--joblog", "slow", "--timeout", "200ms", "--", "sleep", "{a}", code=1)
    log = pd.read_csv("log", sep="\t").sort_values("Seq")
    assert log[["Exitval", "Signal"]].to_numpy().tolist() == [[0, 9], [0, 15]]
    assert pd.read_csv("slow", sep="\t")["Exitval"].tolist() == [-1]


def test_nested_json_becomes_columns() -> None:
    text = '{{"loss": {{"train": {a}, "test": [1]}}}}'
    run("-p", "a=1,2", "--parse", "json", "--flatten", "-o", "r.tsv", "--", "echo", text)
    assert pd.read_csv("r.tsv", sep="\t")["loss.train"].tolist() == [1, 2]


def test_results_are_kept_in_a_tree() -> None:
    run(
        "-p",
        "a=1",
        "-p",
        "f=x/y",
        "--results",
        "res",
        "--chdir",
        "runs/{a}",
        "--",
        "sh",
        "-c",
        "pwd; echo {f} >&2",
    )
    assert Path("res/a/1/f/x%2Fy/stdout").read_text() == f"{Path('runs/1').resolve()}\n"
    assert Path("res/a/1/f/x%2Fy/stderr").read_text() == "x/y\n"
    assert json.loads(Path("res/a/1/f/x%2Fy/params.json").read_text())["pset"] == {"a": 1, "f": "x/y"}


@pytest.mark.parametrize("value", ["..", ".", "/etc", "../..", "", "a/../b", "\0"])
def test_no_value_leads_out_of_the_tree(value: str) -> None:
    path = tree_path({"f": value})
    assert len(path.parts) == 2
    assert not {".", "..", "/"}.intersection(path.parts)


def test_a_program_that_is_not_in_the_directory_of_each_set_is_refused(
    capfd: pytest.CaptureFixture[str],
) -> None:
    program = script("here", "#!/bin/sh\necho x > out\n")
    whole = str(Path(program).resolve())
    own = ("-p", "a=1", "--chdir", "runs/{a}", "--unused", "ok", "--")
    run(*own, program, code=2)
    assert f"in runs/1, where --chdir runs it: give its full path, {whole}" in capfd.readouterr().err
    run(*own, whole)
    assert Path("runs/1/out").exists()


@pytest.mark.parametrize(
    "option", ["--env=X={a:03d}", "--chdir={a:03d}", "--results={a:03d}", "--tag={a:03d}"]
)
def test_a_format_that_does_not_fit_is_refused_in_every_option(
    option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    run("-p", "a=1,x", option, "--", "echo", "{a}", code=2)
    assert "{a:03d} does not fit a=x" in capfd.readouterr().err


def test_placeholders_name_the_tree() -> None:
    run("-p", "a=x,u/v", "-p", "b=1", "--results", "out/{b}-{a}.d", "--", "echo", "{a}", "{b}")
    assert Path("out/1-x.d/stdout").read_text() == "x 1\n"
    assert Path("out/1-u%2Fv.d/stdout").read_text() == "u/v 1\n"
    run("-p", "a=x", "-p", "b=1,2", "--results", "o/{a}", "--", "echo", "{a}", "{b}")
    assert Path("o/x/b/2/stdout").read_text() == "x 2\n"
    run("-p", "a=x", "--results", "o/{c}", "--", "echo", "{a}", code=2)
    run("-p", "a=x", "--results", "o.csv", "--", "echo", "{a}", code=2)
    assert sorted(one.name for one in Path().iterdir() if one.name.startswith("o")) == ["o", "out"]


# ---- what commands print


def test_tags() -> None:
    done = paramsurvey(
        "run", "-v0", "-p", "a=2,1", "-k", "--tag={#}-{a}", "--", "sh", "-c", "echo x; echo y; sleep 0.{a}"
    )
    assert done.stdout == "1-2\tx\n1-2\ty\n2-1\tx\n2-1\ty\n"
    done = paramsurvey(
        "run", "-v0", "-p", "a=x,y", "-k", "--tag", "--", "sh", "-c", "echo 1; printf {a}; echo e >&2"
    )
    assert done.stdout == "x\t1\nx\tx\ny\t1\ny\ty\n"
    assert done.stderr == "x\te\ny\te\n"


def test_lines_are_followed_while_commands_run() -> None:
    waiting = script(
        "waiting", "#!/bin/sh\necho begin $1\nwhile [ ! -e go ]; do sleep 0.05; done\necho end $1\n"
    )
    process = start("run", "-v0", "-j2", "-p", "a=1,2", "--follow", "--", waiting, "{a}")
    assert process.stdout is not None
    assert {process.stdout.readline() for _ in range(2)} == {"1\tbegin 1\n", "2\tbegin 2\n"}
    Path("go").touch()
    out, _ = process.communicate()
    assert sorted(out.splitlines()) == ["1\tend 1", "2\tend 2"]


def test_tail_shows_what_a_command_prints() -> None:
    waiting = script(
        "waiting", "#!/bin/sh\necho begin $1\nwhile [ ! -e go ]; do sleep 0.05; done\necho end $1\n"
    )
    process = start("run", "-v0", "-j1", "-p", "a=5,6", "--checkpoint", "out", "--", waiting, "{a}")

    def shown() -> str:
        return subprocess.run([PROGRAM, "tail", "out"], capture_output=True, text=True).stdout

    wait_until(lambda: shown() == "==> 1 stdout <==\nbegin 5\n", "tail shows nothing", 60)
    tail = start("tail", "out", "1")
    assert tail.stdout is not None
    assert tail.stdout.readline() == "begin 5\n"
    Path("go").touch()
    assert tail.communicate()[0] == "end 5\n"
    process.communicate()
    assert "nothing is running now" in paramsurvey("tail", "out", code=2).stderr


def test_tail_shows_it_also_after_another_run_was_refused() -> None:
    waiting = script("waiting", "#!/bin/sh\necho begin $1\nwhile [ ! -e go ]; do sleep 0.05; done\n")
    words = ["-v0", "-j1", "-p", "a=5", "--checkpoint", "out", "--", waiting, "{a}"]
    process = start("run", *words)

    def shown() -> str:
        return subprocess.run([PROGRAM, "tail", "out"], capture_output=True, text=True).stdout

    wait_until(lambda: shown() == "==> 1 stdout <==\nbegin 5\n", "tail shows nothing", 60)
    assert "is in use" in paramsurvey("run", *words, code=3).stderr
    assert shown() == "==> 1 stdout <==\nbegin 5\n"
    Path("go").touch()
    process.communicate()


def test_the_order_of_a_few_of_many_sets_needs_no_memory_for_all_of_them() -> None:
    done = paramsurvey(
        "run", "-v0", "-p", "a=1:1000000000000", "--limit", "2", "--tag=", "-k", "--", "echo", "{a}"
    )
    assert done.stdout == "1\n2\n"


# ---- when commands start and end


def test_a_run_is_halted(capfd: pytest.CaptureFixture[str]) -> None:
    run("-p", "a=1..50", "-j2", "--halt", "now,fail=1", "--", "sh", "-c", "exit {a}", code=1)
    Path("log").unlink(missing_ok=True)
    run("-p", "a=1..50", "-j2", "--halt", "soon,success=1", "--joblog", "log", "--", "echo", "{a}")
    assert len(Path("log").read_text().splitlines()) < 50


def test_nothing_starts_after_the_halt() -> None:
    axes, command = ("-p", "a=0,0,0,0,1,0,0,0", "-j1"), ("--", "sh", "-c", "exit {a}")
    for halt in ("now,fail=1", "soon,fail=1", "1", "2"):
        run(*axes, "--halt", halt, "--joblog", "log", *command, code=1)
        assert len(pd.read_csv("log", sep="\t")) == 5


def test_a_halt_of_the_configuration_is_taken_back() -> None:
    Path("survey.toml").write_text('halt = "now,fail=1"\n')
    for never in ("never", "0"):
        run("-p", "a=1,0,0", "-j1", "--halt", never, "--joblog", never, "--", "sh", "-c", "exit {a}", code=1)
        assert len(pd.read_csv(never, sep="\t")) == 3


def test_failures_before_the_success_that_was_waited_for_do_not_matter() -> None:
    command = ("--", "sh", "-c", "exit {a}")
    run("-p", "a=1,1,0,0", "-j1", "--halt", "now,success=1", *command)
    run("-p", "a=1,1,0", "-j1", "--halt", "now,success=1", *command)
    run("-p", "a=1,1", "-j1", "--halt", "now,success=1", *command, code=1)
    run("-p", "a=0,0,0", "-j1", "--halt", "soon,done=2", *command)
    run("-p", "a=1,0,0", "-j1", "--halt", "soon,done=2", *command, code=1)


def test_a_halt_counts_what_fails_in_this_run_and_not_what_had_failed_before() -> None:
    options = ("-p", "a=1..4", "-j1", "--checkpoint=out", "--keep-failed", "--halt=now,fail=1")
    for failed in (1, 2):
        run(*options, "--", "sh", "-c", "exit {a}", code=1)
        assert len(load("out").missing) == failed


def test_a_percentage_of_what_is_done_is_one_of_what_this_run_has_to_do() -> None:
    options = ("-p", "a=1..20", "-j1", "--checkpoint=out")
    for halt, finished in (("now,done=12", 12), ("now,done=50%", 16)):
        run(*options, f"--halt={halt}", "--", "true", "{a}")
        assert len(load("out")) == finished


def test_starts_keep_their_distance() -> None:
    run("-p", "a=1..3", "-j3", "--delay", "300ms", "--joblog", "log", "--", "true", "{a}")
    starts = sorted(pd.read_csv("log", sep="\t")["Starttime"])
    assert all(later - earlier > 0.25 for earlier, later in pairwise(starts))


def test_the_youngest_makes_room_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramsurvey.cli.control.gate.free_memory", lambda: 100)
    gate = Gate(Control(memfree=1000, directory=str(tmp_path / "shared")))
    with gate.running():
        assert not gate.must_make_room()  # it is alone
        (tmp_path / "shared" / f"runs-{1}").write_bytes(b"\0" * 8)
        assert gate.must_make_room()
    monkeypatch.setattr("paramsurvey.cli.control.gate.free_memory", lambda: 600)
    with gate.running():
        assert not gate.must_make_room()  # more than half of it is free


def test_a_timeout_of_the_median(tmp_path: Path) -> None:
    gate = Gate(Control(Timeout(None, 2.0), directory=str(tmp_path)))
    assert gate.seconds_left(1000) is None  # there is no median yet
    for seconds in (1.0, 3.0, 2.0):
        gate.note_end(seconds)
    assert gate.seconds_left(1.0) == 3.0


def test_the_median_is_that_of_the_last_commands_so_that_it_costs_the_same_however_many_there_were(
    tmp_path: Path,
) -> None:
    shared = SharedDirectory(str(tmp_path))
    for seconds in [100.0] * 1500 + [1.0] * (MOST_DURATIONS - 2) + [3.0] * 2:
        shared.add_duration(seconds)
    assert shared.median_duration(3) == 1.0


@pytest.mark.parametrize("chosen", [["--only", "3,2"], ["--shard", "2/2"], []], ids=" ".join)
def test_messages_number_sets_as_placeholders_do(
    chosen: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["--", "sh", "-c", "test {#} != 2 # {a}"]
    run("-p", "a=5,6,7", *chosen, "-j1", "--retries", "1", "-v3", *command, code=1)
    said = capfd.readouterr().err
    assert "pset 2 (a=6) is tried again after: ExitCode1" in said
    assert "sent: pset 2 (a=6)" in said


def test_a_niceness_that_only_administrators_may_have_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: int) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "setpriority", refuse)
    with pytest.raises(CommandFailed, match="--nice -5 needs the rights of an administrator"):
        Gate(Control(nice=-5))


def test_psets_are_in_the_environment() -> None:
    text = 'echo "$PARAMSURVEY_PSET_A $PARAMSURVEY_PSET_M_LR $S"'
    run("-j1", "-p", "a=1", "-p", "m.lr=x y", "--env", "S={a}-{job}", "--shell", "-o", "r.csv", "--", text)
    assert pd.read_csv("r.csv")["stdout"].tolist() == ["1 x y 1-1"]


def test_a_run_of_commands_loads_no_pandas(in_tmp: Path) -> None:
    code = (
        "import sys; from paramsurvey.cli.program import run_program; "
        "run_program(['run', '-p', 'a=1,2', '-o', 'r.csv', '-o', '-', '--', 'echo', '{a}']);"
        "print([name for name in ('pandas', 'pyarrow', 'rich', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
