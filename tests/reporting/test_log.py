"""The hidden log file: what it holds, and that it never stands in the way."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import types
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from paramsurvey.reporting.reporters import log as log_module
from paramsurvey.reporting.reporters.log import RunLog


def logs() -> list[Path]:
    return sorted(Path().glob(".paramsurvey-*.log"))


def text_of(log: RunLog) -> str:
    assert log.path is not None
    return Path(log.path).read_text()


class BrokenStream(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


class FixedTime(datetime):
    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def test_the_name_is_hidden_and_has_the_time_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "datetime", FixedTime)
    log = RunLog.open()
    assert log.path == os.path.abspath(".paramsurvey-20300102-030405.log")
    assert [path.name for path in logs()] == [".paramsurvey-20300102-030405.log"]
    log.close()


def test_runs_of_the_same_second_have_a_file_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "datetime", FixedTime)
    opened = [RunLog.open() for _ in range(4)]
    for number, log in enumerate(opened):
        log.write(f"run {number}")
        log.close()
    assert len(logs()) == 4
    assert [re.findall("^run .", text_of(log), re.M) for log in opened] == [[f"run {n}"] for n in range(4)]
    assert opened[3].path is not None
    assert opened[3].path.endswith(".paramsurvey-20300102-030405-000678-2.log")


def test_the_prefix_may_hold_a_directory(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    log = RunLog.open(prefix="logs/mine-")
    log.close()
    assert log.path is not None
    assert re.fullmatch(re.escape(str(tmp_path)) + r"/logs/mine-\d{8}-\d{6}\.log", log.path)


def test_its_owner_alone_may_read_it() -> None:
    before = os.umask(0)
    try:
        log = RunLog.open()
    finally:
        os.umask(before)
    log.close()
    assert Path(str(log.path)).stat().st_mode & 0o777 == 0o600


def test_the_header_explains_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMSURVEY_LIMIT", "17")
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda")
    monkeypatch.setenv("SOME_PASSWORD", "hush")
    monkeypatch.setattr(sys, "orig_argv", ["python", "survey.py", "two words"])
    log = RunLog.open()
    log.close()
    text = text_of(log)
    assert re.search(r"^paramsurvey start time \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", text, re.M)
    assert re.search(r"^paramsurvey end time \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", text, re.M)
    assert re.search(r"^host: \S+, process \d+, directory " + re.escape(os.getcwd()) + "$", text, re.M)
    assert "command line: python survey.py 'two words'" in text
    assert f"python: {sys.version.split()[0]}" in text
    assert f"pytest {pytest.__version__}" in text
    assert "PARAMSURVEY_LIMIT=17" in text
    assert "CONDA_PREFIX=/opt/conda" in text
    assert "hush" not in text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not remove a directory in use")
def test_a_directory_that_was_removed_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("gone").mkdir()
    monkeypatch.chdir("gone")
    Path("../gone").resolve().rmdir()
    stream = io.StringIO()
    RunLog.open(stream=stream).close()
    assert "directory (removed)" in stream.getvalue()


def test_versions_are_those_of_loaded_modules_and_nothing_is_loaded_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Lazy(types.ModuleType):
        def __getattr__(self, name: str) -> str:
            raise AssertionError(f"{name} was asked for")

    monkeypatch.setitem(sys.modules, "lazy_module", Lazy("lazy_module"))
    before = set(sys.modules)
    RunLog.open(stream=io.StringIO()).close()
    assert set(sys.modules) == before


def test_modules_that_were_loaded_later_are_listed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    log = RunLog.open(stream=stream)
    late = types.ModuleType("late_module")
    late.__version__ = "7.8"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "late_module", late)
    log.close()
    assert "versions of modules loaded since: late_module 7.8\n" in stream.getvalue()


def test_lines_are_in_the_file_when_write_returns() -> None:
    log = RunLog.open()
    log.write("one")
    log.write("two\nthree\n")
    assert text_of(log).endswith("one\ntwo\nthree\n")
    log.close()


def test_text_that_no_encoding_has_is_written_all_the_same() -> None:
    warnings: list[str] = []
    log = RunLog.open(on_warning=warnings.append)
    log.write("file \udcff\n")
    assert text_of(log).endswith("file \\udcff\n")
    assert warnings == []
    log.close()


def test_a_traceback_is_remembered() -> None:
    log = RunLog.open(stream=io.StringIO())
    assert not log.saw_traceback
    log.traceback("Traceback ...")
    assert log.saw_traceback
    log.close()


def test_closing_twice_writes_one_end() -> None:
    log = RunLog.open()
    log.close()
    log.close()
    log.write("too late")
    assert text_of(log).count("end time") == 1
    assert text_of(log).splitlines()[-1].startswith("paramsurvey end time ")


def test_a_stream_of_the_user_is_used_and_stays_open() -> None:
    stream = io.StringIO()
    log = RunLog.open(stream=stream)
    log.write("hello")
    log.close()
    assert log.path == "(the given stream)"
    assert not stream.closed
    assert "paramsurvey start time" in stream.getvalue()
    assert "\nhello\n" in stream.getvalue()
    assert "paramsurvey end time" in stream.getvalue()
    assert logs() == []


@pytest.mark.parametrize("prefix", ["logs/", "logs/of/mine/x-"])
def test_a_directory_for_logs_is_made(prefix: str, in_tmp: Path) -> None:
    for _ in range(2):
        RunLog.open(prefix=prefix).close()
    assert len(list(in_tmp.glob(f"{prefix}*.log"))) == 2


def test_a_file_that_cannot_be_created_is_a_warning(in_tmp: Path) -> None:
    (in_tmp / "no-directory").touch()
    warnings: list[str] = []
    log = RunLog.open(prefix="no-directory/x-", on_warning=warnings.append)
    log.write("nowhere")
    log.traceback("nowhere")
    log.close()
    assert log.path is None
    assert log.saw_traceback
    assert len(warnings) == 1
    assert "no-directory/x-" in warnings[0]
    assert warnings[0].endswith("give pslogger_prefix= a directory that you may write to.")


def test_without_on_warning_a_log_that_cannot_be_created_is_silent() -> None:
    RunLog.open(prefix="no-directory/x-").write("nowhere")


def closed_stream() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream_that_fails", [BrokenStream, closed_stream])
def test_a_stream_that_cannot_be_written_is_one_warning(stream_that_fails: Callable[[], io.StringIO]) -> None:
    warnings: list[str] = []
    log = RunLog.open(stream=stream_that_fails(), on_warning=warnings.append)
    log.write("one")
    log.traceback("two")
    log.close()
    assert len(warnings) == 1
    assert "(the given stream) cannot be written" in warnings[0]


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are Unix's")
def test_a_full_disk_is_one_warning_and_no_noise() -> None:
    program = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
from paramsurvey.reporting.reporters.log import RunLog
log = RunLog.open(on_warning=print)
for _ in range(100):
    log.write('x' * 1000)
log.close()
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    assert len(run.stdout.splitlines()) == 1
    assert "cannot be written" in run.stdout


def test_without_a_prefix_there_is_no_file_and_no_warning(tmp_path: Path) -> None:
    warnings: list[str] = []
    log = RunLog.open(None, on_warning=warnings.append)
    log.write("nobody reads this")
    log.traceback("nor this")
    log.close()
    assert log.path is None
    assert warnings == []
    assert list(tmp_path.iterdir()) == []


def test_a_worker_process_makes_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMSURVEY_WORKER", "1")
    log = RunLog.open()
    log.write("nowhere")
    log.close()
    assert log.path is None
    assert logs() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_does_not_end_the_log() -> None:
    program = """
import os
from paramsurvey.reporting.reporters.log import RunLog
log = RunLog.open()
child = os.fork()
if child == 0:
    log.close()
    os._exit(0)
os.waitpid(child, 0)
log.write('the driver goes on')
log.close()
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    (path,) = logs()
    assert path.read_text().count("end time") == 1
    assert "the driver goes on" in path.read_text()


def test_where_the_program_has_closed_its_descriptor_it_goes_on_in_its_file() -> None:
    number = os.open(os.devnull, os.O_RDONLY)
    os.close(number)
    log = RunLog.open()  # its file gets that number, the lowest that is free
    os.close(number)
    with open("other", "w") as other:
        assert other.fileno() == number
        log.write("one more line")
        log.close()
        other.write("untouched")
    assert Path("other").read_text() == "untouched"
    assert "\none more line\n" in text_of(log)
    assert "end time" in text_of(log)


def test_where_its_file_is_gone_as_well_that_is_told_once() -> None:
    said: list[str] = []
    number = os.open(os.devnull, os.O_RDONLY)
    os.close(number)
    log = RunLog.open(on_warning=said.append)
    os.close(number)
    assert log.path is not None
    os.unlink(log.path)
    log.write("lost")
    log.write("lost, too")
    log.close()
    assert len(said) == 1
    assert "make room there, or give pslogger_prefix= a directory" in said[0]
