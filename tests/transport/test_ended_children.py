"""A child process that has ended is noticed while it is a zombie, also where Python has no os.waitid."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paramsurvey.transport.ended_children import has_ended, wait_until_ended

WITHOUT_WAITID = "import os\ndel os.waitid\n"  # as on macOS, before Python 3.13
SURVEY = """
import os
import paramsurvey

def work(pset, system_kwargs, user_kwargs):
    if pset["i"] == 7:
        os._exit(3)
    return {"i2": pset["i"] ** 2}

paramsurvey.init(ncores=2, verbose=0, max_tasks_per_child=5)
results = paramsurvey.map(work, [{"i": i} for i in range(20)])
print(len(results), [text.split("(")[0] for text in results.missing["_exception"]])
"""


@pytest.fixture(params=["as it is", "without os.waitid"])
def waitid(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without os.waitid":
        monkeypatch.delattr(os, "waitid")


@pytest.mark.usefixtures("waitid")
def test_it_is_known_when_a_child_has_ended_and_its_exit_code_is_still_there() -> None:
    with subprocess.Popen(["sh", "-c", "read line; exit 5"], stdin=subprocess.PIPE) as child:
        assert not has_ended(child.pid)
        assert not wait_until_ended(child.pid, 0.0)
        assert child.stdin is not None
        child.stdin.close()
        assert wait_until_ended(child.pid)
        assert has_ended(child.pid)
        assert child.wait() == 5


@pytest.mark.usefixtures("waitid")
def test_a_child_that_somebody_else_has_waited_for_is_none_of_ours() -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
        with pytest.raises(ChildProcessError):
            has_ended(child.pid)


@pytest.fixture
def without_waitid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every Python that is started from here on lack os.waitid."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_WAITID)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


@pytest.mark.usefixtures("without_waitid")
def test_a_survey_with_workers_that_die_or_are_replaced_needs_no_waitid() -> None:
    done = run_python("-c", SURVEY)
    assert (done.stdout, done.stderr) == ("19 ['WorkerDied']\n", "")


@pytest.mark.usefixtures("without_waitid")
@pytest.mark.parametrize("options", [(), ("--timeout=60s",)], ids=["no timeout", "a timeout"])
def test_commands_need_no_waitid(options: tuple[str, ...]) -> None:
    command = ["--", "sh", "-c", "exit {code}"]
    words = ["run", "-v0", *options, "--ok-codes=0,3", "-p", "code=0,3"]
    done = run_python("-m", "paramsurvey", *words, *command)
    assert [line.split(",")[:2] for line in done.stdout.splitlines()] == [
        ["code", "exit_code"],
        ["0", "0"],
        ["3", "3"],
    ], done.stderr
