"""The installed program `paramsurvey`, with real programs, in clean directories."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import runs, wait_until
from paramsurvey.cli import exit_codes
from paramsurvey.cli.command import tasks
from paramsurvey.cli.command.tasks import make_command_task
from paramsurvey.cli.options.run_options import RunOptions
from paramsurvey.cli.program import run_program

PROGRAM = Path(sys.executable).with_name("paramsurvey")


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def paramsurvey(*arguments: str, code: int = 0, **options: object) -> subprocess.CompletedProcess[str]:
    process = start(*arguments, **options)
    out, err = process.communicate()
    assert process.returncode == code, err
    assert "Traceback" not in err
    return subprocess.CompletedProcess(arguments, code, out, err)


def survey(*arguments: str, code: int = 0) -> pd.DataFrame:
    """Run `paramsurvey run` in this process, which takes less time, and return its results."""
    assert run_program(["run", "-v0", "-o", "results.parquet", *arguments]) == code
    return pd.read_parquet("results.parquet")


def script(name: str, text: str) -> str:
    """Write an executable program into this directory, and return how to call it."""
    Path(name).write_text(text)
    Path(name).chmod(0o755)
    return f"./{name}"


# ---- a first look


def test_without_its_script_on_the_path_it_is_started_as_a_module(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text("def add(x, y):\n    return {'sum': x + y}\n")

    def module(*arguments: str) -> str:
        command = [sys.executable, "-m", "paramsurvey", *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    table = module("run", "-v0", "--checkpoint", "out", "-p", "x=1", "-p", "y=2,3", "models:add")
    assert table == ""
    assert "  python -m paramsurvey run -v0 --checkpoint out -p x=1 -p y=2,3 models:add\n" in module(
        "status", "out"
    )
    assert module("export", "out", "-") == "x,y,sum\n1,2,3\n1,3,4\n"


def test_help_fits_a_small_screen() -> None:
    lines = paramsurvey("--help").stdout.splitlines()
    assert len(lines) <= 23
    assert max(map(len, lines)) <= 80


def test_a_subcommand_with_a_slip_is_named() -> None:
    done = paramsurvey("rum", code=2)
    assert done.stderr == (
        "paramsurvey: there is no subcommand 'rum'; did you mean 'run'? (see paramsurvey --help)\n"
    )


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from paramsurvey.cli.program import run_program; run_program(['--help']);"
        "print([name for name in ('pandas', 'numpy', 'rich', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_importing_paramsurvey_does_not_load_click() -> None:
    code = "import sys, paramsurvey, paramsurvey.session; print('click' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_version() -> None:
    import paramsurvey as package

    assert paramsurvey("--version").stdout == f"paramsurvey {package.__version__}\n"


def test_the_shell_completes_commands_and_options() -> None:
    environment = {**os.environ, "_PARAMSURVEY_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
    done = paramsurvey(env={**environment, "COMP_WORDS": "paramsurvey run --ou"})
    assert done.stdout.splitlines() == ["plain,--output", "plain,--output-dir"]


def completed(line: str) -> list[str]:
    """Return what bash offers at the end of a line, as ``kind,word``."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - (not line.endswith(" ")))}
    done = paramsurvey(env={**os.environ, "_PARAMSURVEY_COMPLETE": "bash_complete", **words})
    return [line for line in done.stdout.splitlines() if line]


def test_the_shell_completes_files_after_the_dashes() -> None:
    Path("fit.py").touch()
    assert completed("paramsurvey run -p a=1 -- python fi") == ["file,fi"], "bash looks for the files"
    assert completed("paramsurvey run -p a=1 -- ") == ["file,"]


def test_the_shell_completes_the_file_of_an_axis() -> None:
    Path("data").mkdir()
    Path("data/stars.txt").touch()
    Path("dark.txt").touch()
    assert completed("paramsurvey run -p x=@da") == ["plain,x=@dark.txt", "plain,x=@data/"]
    assert completed("paramsurvey run -p x=@data/s") == ["plain,x=@data/stars.txt"]
    assert completed("paramsurvey run -p x=@nowhere/s") == []
    assert completed("paramsurvey run -p x=1") == []


def test_the_shell_completes_module_and_function_without_running_the_module() -> None:
    Path("shapes.py").write_text("def area(width): ...\ndef angle(a): ...\ndef _own(): ...\n1 / 0\n")
    Path("broken.py").write_text("def (")
    assert completed("paramsurvey run -p width=1 sha") == ["plain,shapes:"]
    assert completed("paramsurvey run -p width=1 shapes:") == ["plain,shapes:area", "plain,shapes:angle"]
    assert completed("paramsurvey run -p width=1 shapes:are") == ["plain,shapes:area"]
    assert completed("paramsurvey run -p width=1 broken:") == []


def test_the_help_lists_every_exit_code_that_the_documentation_has() -> None:
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
    table = page.partition("## Exit codes")[2].partition("\n## ")[0]
    codes = re.findall(r"^\| (\d+) \|", table, re.MULTILINE)
    told = paramsurvey("run", "--help").stdout.partition("Exit code: ")[2]
    assert re.findall(r"(?:^|, )\s*(\d+) ", told.replace("\n", " ")) == codes
    assert set(map(int, codes)) >= {
        exit_codes.ALL_FINISHED,
        exit_codes.SOME_FAILED,
        exit_codes.BAD_USAGE,
        exit_codes.IN_USE,
        exit_codes.RUN_DIED,
        exit_codes.INTERRUPTED,
    }


def test_failures_are_shown_with_their_parameters_as_they_were_typed() -> None:
    done = paramsurvey("run", "-v", "2", "-p", "model.lr=1,2", "--", "test", "{model.lr}", "=", "1", code=1)
    assert "pset: {'model.lr': 2}\n" in done.stderr
    assert "with the columns model.lr\n" in done.stderr


def test_the_first_example() -> None:
    done = paramsurvey("run", "-p", "a=1,2,3", "--", "echo", "{a}")
    lines = done.stdout.splitlines()
    assert lines[0] == "a,exit_code,duration,stdout,stderr"
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "2", "3"]
    assert "3 of 3 psets finished" in done.stderr


# ---- commands


def test_axes_and_parsed_numbers_with_awk() -> None:
    program = 'BEGIN {{ print "loss=" a * b; print "loss=" a + b }}'
    results = survey(
        *("-p", "a=1,2,3", "-p", "b=0:1:0.25", "--parse", "loss=([0-9.]+)"),
        *("--", "awk", "-v", "a={a}", "-v", "b={b}", program),
    )
    assert len(results) == 15
    assert results["loss"].tolist() == (results["a"] + results["b"]).tolist()
    assert results["exit_code"].eq(0).all()
    assert results["duration"].gt(0).all()


@pytest.mark.skipif(shutil.which("bc") is None, reason="there is no bc")
def test_a_pipe_into_bc_in_a_shell() -> None:
    results = survey(
        *("-p", "a=1,2,3", "-p", "b=10,0.5", "--shell", "--parse", "(?P<product>[0-9.]+)"),
        *("--", "echo {a} '*' {b} | bc"),
    )
    assert results["product"].tolist() == [10, 0.5, 20, 1.0, 30, 1.5]


SIMULATION = r"""
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    double a = atof(argv[1]), b = atof(argv[2]);
    printf("step {1}\n{\"sum\": %g, \"kind\": \"%s\", \"path\": [%g, %g]}\n", a + b, argv[3], a, b);
    if (b < 0) { fprintf(stderr, "b is negative\n"); return 3; }
    if (a == 9) abort();
    return 0;
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_c_program_with_json_results_and_failures() -> None:
    Path("simulate.c").write_text(SIMULATION)
    subprocess.run(["cc", "-o", "simulate", "simulate.c"], check=True)
    Path("kinds.txt").write_text("hot\nvery cold\n")
    command = ["--parse", "json", "--", "./simulate", "{a}", "{b}", "{kind}"]
    axes = ["-p", "a=1,9", "-p", "b=-1,1", "-p", "kind=@kinds.txt"]
    done = paramsurvey("run", *axes, "-o", "r.csv", *command, code=1)
    results = pd.read_csv("r.csv")
    assert results[["a", "b", "kind", "sum"]].values.tolist() == [[1, 1, "hot", 2], [1, 1, "very cold", 2]]
    assert results["path"].map(json.loads).tolist() == [[1, 1], [1, 1]]
    assert "exit code 3; stderr ends with: b is negative" in done.stderr
    assert "killed by SIGABRT" in done.stderr


def test_values_arrive_as_they_are() -> None:
    values = [
        "it's",
        'a "b"',
        "  two  spaces ",
        "new\nline",
        "{}",
        "{v}",
        "$HOME `ls` ; *",
        "\\",
        "ü",
        "-n",
        "",
    ]
    Path("values.json").write_text(json.dumps(values))
    show = "import sys; sys.stdout.write(sys.argv[1] + '|' + sys.argv[2])"
    results = survey("-p", "v=@values.json", "--", sys.executable, "-c", show, "{v}", "x={v}{{v}}")
    assert results["stdout"].tolist() == [f"{value}|x={value}{{v}}" for value in values]
    assert results["v"].tolist() == values


def test_a_shell_executes_no_value(capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "-v0", "-p", 'a=["$(touch pwned)"]', "--shell", "--", "cat <<END\n{a}\nEND"]
    assert run_program(arguments) == 2
    assert "--shell: {a} stands after <<" in capfd.readouterr().err
    results = survey(
        *("-p", 'a=["$(touch pwned)"]', "--shell"),
        *("--", """echo {a}; x={a}; echo "$x"; echo "{a}"; echo '{a}'"""),
    )
    assert results["stdout"].tolist() == ["\n".join(["$(touch pwned)"] * 4)]
    assert not Path("pwned").exists()


def test_the_shell_only_where_it_is_asked_for() -> None:
    Path("values.json").write_text(json.dumps(["it's", "$HOME; x"]))
    results = survey("-p", "v=@values.json", "--shell", "--", "printf %s {v} | tr a-z A-Z")
    assert results["stdout"].tolist() == ["IT'S", "$HOME; X"]


def test_a_million_lines_are_kept_in_a_file() -> None:
    counting = "BEGIN {{ for (i = 1; i <= 1000000; i++) print i }}"
    results = survey("-p", "a=1", "--unused", "ok", "--output-dir", "outputs", "--", "awk", counting)
    row = results.iloc[0]
    assert len(row["stdout"]) == 64 * 1024 - 1  # without the last newline
    assert row["stdout"].endswith("999999\n1000000")
    with open(row["stdout_file"]) as file:
        assert sum(1 for _ in file) == 1_000_000
    assert Path(row["stdout_file"]).parent == Path("outputs").resolve()


def test_what_a_failed_command_printed_is_kept() -> None:
    done = paramsurvey("run", "-p", "a=1000000", "--", "sh", "-c", "seq 1 {a}; exit 4", code=1)
    (kept,) = Path().glob(".paramsurvey-*-output/a=1000000-*.stdout")
    assert kept.read_text().endswith("\n999999\n1000000\n")
    assert f"stdout is in {kept.resolve()}" in done.stderr


def test_a_failed_command_that_has_said_all_leaves_no_directory() -> None:
    paramsurvey("run", "-p", "a=1,2", "--", "sh", "-c", "echo no >&2; test {a} = 1", code=1)
    assert [path.name for path in Path().iterdir() if path.is_dir()] == []


def test_a_result_that_is_called_like_a_parameter() -> None:
    results = survey(
        *("-p", "a=1,2", "-p", "b=7", "--parse", "a=(.*) b=(.*)"),
        *("--", "echo", "a=x{a} b={b}"),
    )
    assert results["a_parsed"].tolist() == ["x1", "x2"]
    assert list(results.columns).count("b") == 1
    assert "b_parsed" not in results


def test_a_program_that_ignores_sigterm_is_ended_with_its_children() -> None:
    stubborn = script(
        "stubborn", "#!/bin/sh\ntrap '' TERM\necho $$ >> pids\nsleep 600 &\necho $! >> pids\nwait\n"
    )
    done = paramsurvey("run", "-p", "a=1", "--timeout", "0.5", "--", stubborn, "{a}", code=1)
    assert "ran longer than the timeout of 0.5 s" in done.stderr
    pids = [int(pid) for pid in Path("pids").read_text().split()]
    assert len(pids) == 2
    wait_until(lambda: not any(map(runs, pids)), "the program, or its child, still runs")


def test_ok_codes_retries_and_results_that_are_not_there() -> None:
    flaky = script("flaky", '#!/bin/sh\n[ -e "done$1" ] && exit 5\ntouch "done$1"\nexit 1\n')
    results = survey("-p", "a=1,2", "--ok-codes", "0,5", "--retries", "1", "--", flaky, "{a}")
    assert results["exit_code"].tolist() == [5, 5]
    done = paramsurvey("run", "-p", "a=1", "--parse", "x=(.*)", "--", "echo", "y={a}", code=1)
    assert "does not match stdout" in done.stderr


def test_functions() -> None:
    Path("shapes.py").write_text("def area(width, height):\n    return width * height\n")
    done = paramsurvey("run", "-v0", "--zip", "-p", "width=1,2", "-p", "height=3,4", "shapes:area")
    assert done.stdout == "width,height,result\n1,3,3\n2,4,8\n"


def test_the_program_ends_without_the_interpreters_clean_up() -> None:
    program = """
import sys
from paramsurvey.cli import main

class Left:
    def __del__(self):
        print("cleaned up")

left = Left()
sys.argv[1:] = ["--version"]
main()
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("paramsurvey ")
    assert "cleaned up" not in run.stdout


def test_what_c_code_has_not_written_yet_is_written_at_the_end() -> None:
    Path("models.py").write_text("import ctypes\ndef f(a):\n    ctypes.CDLL(None).printf(b'from C')\n")
    assert "from C" in paramsurvey("run", "-v0", "--backend", "serial", "-p", "a=1", "models:f").stdout


def test_the_traceback_of_a_function_begins_in_its_file() -> None:
    Path("models.py").write_text("def loss(model):\n    return 1 / model['lr']\n")
    paramsurvey("run", "-p", "model.lr=0,1", "--checkpoint", "out", "models:loss", code=1)
    lines = paramsurvey("missing", "out").stdout.splitlines()
    assert [line.split('"')[2] for line in lines if "  File" in line] == [str(Path("models.py").absolute())]


def test_dry_run_and_limit() -> None:
    done = paramsurvey(
        "run", "-p", "a=1:10", "-p", "b=x y", "--limit", "2", "--dry-run", "--", "nothing", "{a}", "{b}"
    )
    assert done.stdout == "nothing 1 'x y'\nnothing 2 'x y'\n"
    assert os.listdir() == []


def test_precedence_of_variables_arguments_and_configuration() -> None:
    Path("survey.toml").write_text(
        "limit = 3\nverbose = 0\ncommand = 'echo {a} {b}'\nparams = {a = [1, 2, 3, 4], b = 7}\n"
    )
    assert len(paramsurvey("run", "--dry-run").stdout.splitlines()) == 3
    assert paramsurvey("run", "--dry-run", "-p", "b=8", "--limit", "1").stdout == "echo 1 8\n"
    environment = {**os.environ, "PARAMSURVEY_LIMIT": "2"}
    done = paramsurvey("run", "--dry-run", "--limit", "1", env=environment)
    assert len(done.stdout.splitlines()) == 2


# ---- what goes wrong


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-p", "a=1", "--", "nosuchprogram", "{a}"], "there is no program 'nosuchprogram'"),
        (["-p", "a=1", "--", "./text", "{a}"], "make it so with chmod +x"),
        (["-p", "a=1", "--", "text", "{a}"], "did you mean ./text?"),
        (["-p", "a=1", "--", "echo {a}"], "add --shell"),
        (["-p", "a=1", "--", "echo", "{b}"], "{b}, which is not a parameter; choose from: a"),
        (["-p", "a=1"], "there is no command"),
        (["-p", "a=1", "echo"], "write -- before it"),
        (["-p", "a=1", "text.py"], "name its function, as in text.py:main"),
        (["-p", "a=1", "a=2"], "write -p before each parameter, as in -p 'a=2'"),
        (["-p", "a=1", "b=2", "--", "echo", "{a}"], "write -p before each parameter, as in -p 'b=2'"),
        (["-p", "a=1", "2", "--", "echo", "{a}"], "write commas between the values"),
        (["--", "echo"], "there are no parameters"),
        (["--", "echo"], "with -p name=@- (a line of standard input for each)"),
        (["lr=1,2", "--", "echo"], "write -p before each parameter, as in -p 'lr=1,2'"),
        (["-p", "a=1,2,3", "-p", "b=1,2", "--zip", "--", "echo"], "repeat the values of b until there are 3"),
        (
            ["-p", "a=1", "-p", "b=1,2", "-p", "c=1,2,3", "--zip", "--", "echo"],
            "several values are not repeated, as in GNU parallel: repeat the values of b until there are 3",
        ),
        (["-p", "a=1", "-E", "stop", "--", "echo"], "sed '/^stop$/,$d' FILE | paramsurvey run -p NAME=@-"),
        (["-p", "a=1", "--skip-first-line", "--", "echo"], "tail -n +2 FILE | paramsurvey run -p NAME=@-"),
        (["-p", "a=1", "-cn", "x", "--", "echo"], "write --config FILE"),
        (["-p", "a=1", "-j", "0", "--", "echo"], "here, write how many, as in -j 100"),
        (["-p", "a=1", "-j", "00", "--", "echo"], "here, write how many, as in -j 100"),
        (["-p", "a=1", "-j", "0%", "--", "echo"], "here, write how many, as in -j 100"),
        (["-p", "a=1", "-e", "A=1", "--", "echo", "{a}"], "No such option"),
        (["-p", "class=1", "--", "echo"], "keyword of Python"),
        (["-p", "duration=1", "--", "sleep", "{duration}"], "has the name of a result"),
        (["-p", "a=1", "-o", "out.xls", "--", "echo", "{a}"], "there is no format '.xls'"),
        (["-p", "a=1", "-o", "no/out.csv", "--", "echo", "{a}"], "there is no directory no"),
        (["-p", "a=1", "--ncores", "x", "--", "echo"], "'x' is not a number; write it like 4, -1, +1 or 50%"),
        (["-p", "a=1", "--backend", "slrum", "--", "echo"], "there is no backend 'slrum'; choose from: "),
        (["-p", "a=1", "--retires", "1", "--", "echo"], "--retries"),
        (["-p", "a=1", "--link", "--", "echo"], "there is no option --link: write --zip"),
        (["-p", "a=1", "-S", "host", "--", "echo"], "there is no option -S: write --backend ray"),
        (["-p", "a=1", "-I", ",", "--", "echo"], "there is no option -I: write {NAME} where"),
        (["-p", "a=1", "-n", "2", "--", "echo"], "there is no option -n: write -N N, and {NAME:args}"),
        (["-p", "a=1", "--trim", "lr", "--", "echo"], "there is no option --trim: change the input first"),
        (
            ["-p", "a=1", "--", "exit", "{a}"],
            "'exit' is a command of the shell itself, not a program: add --shell",
        ),
        (["--", "echo", ":::", "a"], "::: is GNU parallel's: write -p NAME=A,B,C"),
        (["echo", "::::", "a.txt"], ":::: is GNU parallel's: write -p NAME=@FILE"),
        (["-p", "x=1..3", ":::", "a", "b"], "::: is GNU parallel's: write -p NAME=A,B,C"),
        (["-p", "a=1", "--multirun", "--", "echo"], "there is no option --multirun: leave it out"),
        (["-p", "a=1", "--n-jobs", "2", "--", "echo"], "there is no option --n-jobs: write -j N"),
        (["-p", "a=1", "--seed", "--", "echo"], "(see paramsurvey run --help)"),
        (["-p", "a=1", "--config", "no.toml", "--", "echo"], "no.toml cannot be read"),
        (["-p", "a=1", "--ok-codes", "x", "--", "echo"], "is not a list of exit codes"),
        (["-p", "a=1", "nosuchmodule:function"], "there is no module 'nosuchmodule'"),
        (["-p", "a=1", "broken:function"], "cannot be imported (ZeroDivisionError"),
        (["-p", "a=1", "broken:function", "extra"], "'extra' cannot follow broken:function"),
        (["-p", "a=1", "--ok-codes", "0", "broken:function"], "--ok-codes applies to commands"),
        (
            ["-p", "a=1", "--parse", "x=(.)", "--parse", "y=(?P<x>.)", "--", "echo"],
            "two --parse options make the column 'x'",
        ),
        (["-p", "a=1", "--parse", "json", "--parse", "json", "--", "echo"], "--parse json is given twice"),
        (["-p", "a=1", "--limit", "-1", "--", "echo"], "-1 is not in the range x>=0 (see"),
        (
            ["-p", "a=1", "--limit", "./busy", "--", "echo"],
            "'./busy' is not a whole number; --limit says how many",
        ),
        (
            ["-p", "a=1", "-N0", "--", "echo"],
            "0 is not in the range x>=1; for a command without the value, leave it out and add --unused ok",
        ),
        (["-p", "a=1", "-N", "-3", "--", "echo"], "-3 is not in the range x>=1 (see"),
        (["-p", "a=1", "-N", "x", "--", "echo"], "'x' is not a whole number (see"),
        (["-p", "a=1", "--record-env", "--", "echo"], "get all exported variables (export X)"),
        (
            ["-p", "a=1", "--halt", "fail=1", "--", "echo"],
            "write it like now,fail=1 or soon,fail=10% (or with success or done), "
            "or never, to cancel what the configuration says",
        ),
        (["--sweep", "~db", "--", "echo"], "--sweep '~db' removes a setting of a configuration"),
        (["-p", "a=1", "--retries", "x", "--", "echo"], "'x' is not a whole number (see"),
        (["-p", "a=1", "--tag={#} {job}", "--", "echo", "{a}"], "run it with {#} and the same --checkpoint"),
        (["-p", "a=1", "--halt-on-error", "2", "--", "echo"], "write --halt now,fail=1"),
        (["-p", "a=1", "--output-dir", "text", "--", "echo", "{a}"], "--output-dir text is not a directory"),
        (["-p", "a=b c", "--shell", "--", "echo `{a}`"], "{a} stands after backquotes"),
    ],
)
def test_bad_usage_is_one_line_and_leaves_nothing(
    arguments: list[str], says: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("text").write_text("x")
    Path("broken.py").write_text("1 / 0\n")
    monkeypatch.setattr("sys.path", sys.path.copy())
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    before = sorted(os.listdir())
    assert run_program(["run", "-v0", *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert says in err
    assert err.startswith("paramsurvey: ")
    assert len(err.splitlines()) == 1
    assert [name for name in sorted(os.listdir()) if not name.endswith(".log")] == before


def test_options_without_a_value_take_no_word_of_what_follows() -> None:
    Path("shapes.py").write_text("def area(width):\n    return width\n")
    for options in (["--zip"], ["--shuffle"], ["-v"], ["-vv"], ["-vvv"], ["--verbose"]):
        done = paramsurvey("run", "-p", "width=1,2", "--dry-run", *options, "shapes:area")
        assert sorted(done.stdout.splitlines()) == ["shapes:area(width=1)", "shapes:area(width=2)"]


def test_a_function_of_bash_is_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASH_FUNC_greet%%", "() {  echo hello\n}")
    done = paramsurvey("run", "-p", "a=1", "--", "greet", "{a}", code=2)
    remedy = "'greet' is a function of bash, not a program: write bash -c 'greet \"$@\"' bash {NAME}"
    assert remedy in done.stderr


def test_a_function_of_bash_runs_where_the_shell_is_bash_and_else_bash_is_advised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BASH_FUNC_greet%%", "() {  echo hello $1\n}")
    asked = subprocess.run(["/bin/sh", "-c", "command -v greet"], capture_output=True)
    words = ["run", "-v0", "-p", "a=1", "--tag=", "--shell", "--", "greet {a} && echo '{{}}'"]
    done = paramsurvey(*words, code=2 if asked.returncode else 0)
    if asked.returncode:
        assert (
            """write bash -c 'greet "$1" && echo '"'"'{{}}'"'"'' bash {a}, without --shell""" in done.stderr
        )
    else:
        assert done.stdout == "hello 1\n{}\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_shell_that_is_bash_is_asked_for_its_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASH_FUNC_greet%%", "() {  echo hello\n}")
    monkeypatch.setattr(tasks, "SHELL", shutil.which("bash"))
    make_command_task(["greet && echo {a}"], RunOptions(shell=True)).check_program(None)


def test_verbose_0_says_nothing_where_nothing_went_wrong() -> None:
    quiet = paramsurvey("run", "-v0", "-p", "a=1", "-o", "r.csv", "--", "echo", "{a}")
    assert (quiet.stdout, quiet.stderr) == ("", "")
    told = paramsurvey("run", "-v1", "-p", "a=1", "-o", "r.csv", "--", "echo", "{a}")
    assert told.stdout == ""
    assert "r.csv: 1 row\n" in told.stderr


def test_a_program_that_cannot_be_started_fails_alone() -> None:
    good = script("good", "#!/bin/sh\necho fine\n")
    Path("bad").write_text("no program")
    Path("bad").chmod(0o755)
    done = paramsurvey("run", "-p", f"p={good},./bad,./missing", "-o", "r.csv", "--", "{p}", code=1)
    assert pd.read_csv("r.csv")["stdout"].tolist() == ["fine"]
    assert "there is no program './missing'" in done.stderr
    assert "'./bad' cannot be started" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_loses_no_results(in_tmp: Path) -> None:
    full, elsewhere = in_tmp / "full", in_tmp / "elsewhere"
    full.mkdir()
    elsewhere.mkdir()
    limited = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh"]
    command = ["run", "-v0", "-p", "a=1:300", "-o", str(full / "r.csv"), "--", "echo", "x" * 60 + "{a}"]
    done = subprocess.run(
        [*limited, PROGRAM, *command],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(elsewhere)},
    )
    assert done.returncode == 1
    assert "r.csv could not be written (File too large)" in done.stderr
    assert "the results are on stdout" in done.stderr
    assert len([line for line in done.stdout.splitlines() if line.startswith("300,")]) == 1
    assert os.listdir(full) == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_keeps_what_has_finished_and_leaves_no_process(number: int, code: int) -> None:
    waiting = script(
        "waiting", "#!/bin/sh\nif [ $1 -lt 3 ]; then echo quick; else echo $$ >> pids; sleep 600; fi\n"
    )
    process = start("run", "-v0", "-j2", "-p", "a=1:5", "-o", "r.csv", "--", waiting, "{a}")
    pids = Path("pids")
    wait_until(
        lambda: pids.exists() and len(pids.read_text().splitlines()) == 2, "the program does not run", 60
    )
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert pd.read_csv("r.csv")["a"].tolist() == [1, 2]
    running = [int(pid) for pid in pids.read_text().split()]
    wait_until(lambda: not any(map(runs, running)), "a program still runs")


INTERRUPTED_WHILE_LOADING = """
import sys


class CtrlC:
    def find_spec(self, name, path, target=None):
        if name == "paramsurvey.cli.program":
            raise KeyboardInterrupt


from paramsurvey.cli import main

sys.meta_path.insert(0, CtrlC())
main()
"""


def test_ctrl_c_while_modules_load_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_WHILE_LOADING], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "paramsurvey: interrupted\n")


def test_no_more_workers_are_started_than_there_are_psets() -> None:
    words = ["run", "-v2", "-j3", "-p", "a=1..2", "-o", "r.csv", "--", "true", "{a}"]
    assert "multiprocessing backend with 2 cores" in paramsurvey(*words).stderr


def test_the_remedy_for_a_changed_function_is_an_option_of_the_shell() -> None:
    Path("m.py").write_text("def f(a):\n    return a + 1\n")
    words = ["run", "-v0", "-p", "a=1", "--checkpoint", "out", "m:f"]
    paramsurvey(*words)
    Path("m.py").write_text("def f(a):\n    return a + 22\n")
    refused = paramsurvey(*words, code=2)
    assert "or --on-change keep if the results stay the same" in refused.stderr
    told = paramsurvey(*words[:1], "-v1", "--on-change", "warn", *words[2:])
    assert "or --on-change keep to silence this" in told.stderr
    assert "on_change" not in refused.stderr + told.stderr


def test_a_killed_driver_leaves_no_program() -> None:
    waiting = script("waiting", "#!/bin/sh\necho $$ >> pids\nsleep 600\n")
    process = start("run", "-v0", "-j1", "-p", "a=1", "--", waiting, "{a}")
    pids = Path("pids")
    wait_until(lambda: pids.exists() and pids.read_text().endswith("\n"), "the program does not run", 60)
    process.kill()
    process.communicate()
    pid = int(pids.read_text())
    wait_until(lambda: not runs(pid), "the program still runs")


# ---- what is said


def test_a_run_says_nothing_of_python(in_tmp: Path) -> None:
    fail = script("fail", "#!/bin/sh\necho lost >&2; exit 3\n")
    environ = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    done = paramsurvey("run", "-p", "a=1,2", "--checkpoint", "out", "--", fail, "{a}", code=1, env=environ)
    for word in ("your code", "threads_per_worker", "results.missing", "traceback", ".py"):
        assert word not in done.stderr
    assert "  next: paramsurvey missing out\n" in done.stderr
    assert "--threads-per-worker" in done.stderr
    assert "Traceback" not in next(Path().glob(".paramsurvey-*.log")).read_text()
