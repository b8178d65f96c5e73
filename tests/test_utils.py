"""The public helpers: `paramsurvey.utils`."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import pytest

from paramsurvey.utils import flatten_results, subprocess_run_worker, vmem
from paramsurvey.worker import machine as host

CAPTURE = {"stdout": subprocess.PIPE, "encoding": "utf-8"}


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_vmem_is_in_gigabytes() -> None:
    assert 0.001 < vmem() < 1000


def test_vmem_grows_with_the_peak_and_stays_there() -> None:
    code = """
from paramsurvey.utils import vmem
before = vmem()
memory = b'x' * 2**28
peak = vmem()
del memory
assert peak > before + 0.2, (before, peak)
assert vmem() > before + 0.2
"""
    subprocess.run(python(code), check=True)


def test_vmem_of_a_new_process_leaves_out_its_parent() -> None:
    memory = b"x" * 2**28
    done = subprocess.run(
        python("from paramsurvey.utils import vmem; print(vmem())"),
        capture_output=True,
        text=True,
        check=True,
    )
    del memory
    if host.LINUX_STATUS.exists():
        assert float(done.stdout) < 0.25


@pytest.mark.parametrize("status", ["", "Name:\tpython\n\nVmRSS:\t12 kB\n"])
def test_vmem_works_where_linux_does_not_tell(
    status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "status"
    if status:
        path.write_text(status)
    monkeypatch.setattr(host, "LINUX_STATUS", path)
    assert 0.001 < vmem() < 1000


def test_a_command_returns_its_completed_process() -> None:
    result = subprocess_run_worker({"run_args": python("print('hello')"), "run_kwargs": CAPTURE}, {}, None)
    assert list(result) == ["cli"]
    assert (result["cli"].returncode, result["cli"].stdout) == (0, "hello\n")


def test_run_kwargs_come_from_the_pset_first_and_then_from_user_kwargs() -> None:
    pset = {"run_args": "echo $ANIMAL"}
    common = {"run_kwargs": {**CAPTURE, "shell": True, "env": {"ANIMAL": "cat"}}}
    own = {"run_kwargs": {**CAPTURE, "shell": True, "env": {"ANIMAL": "dog"}}}
    assert subprocess_run_worker(pset, {}, common)["cli"].stdout == "cat\n"
    assert subprocess_run_worker({**pset, **own}, {}, common)["cli"].stdout == "dog\n"


@pytest.mark.parametrize("user_kwargs", [None, {}, {"run_kwargs": None}, "something else"])
def test_run_kwargs_are_optional(user_kwargs: object) -> None:
    assert subprocess_run_worker({"run_args": python("")}, {}, user_kwargs)["cli"].returncode == 0


def test_a_missing_value_among_other_psets_is_no_value() -> None:
    nan = float("nan")
    pset = {"run_args": python("print(1)"), "run_kwargs": nan}
    assert subprocess_run_worker(pset, {}, {"run_kwargs": CAPTURE})["cli"].stdout == "1\n"
    with pytest.raises(ValueError, match="run_args"):
        subprocess_run_worker({"run_args": nan}, {}, None)


def test_a_program_that_fails_is_a_result() -> None:
    assert subprocess_run_worker({"run_args": python("raise SystemExit(3)")}, {}, {})["cli"].returncode == 3


def test_a_pset_without_a_command_is_refused() -> None:
    with pytest.raises(ValueError, match="run_args"):
        subprocess_run_worker({}, {}, {})


def test_the_caller_s_objects_are_left_alone() -> None:
    pset = {"run_args": python(""), "run_kwargs": {"stdout": subprocess.PIPE}}
    user_kwargs = {"run_kwargs": {"stdout": subprocess.DEVNULL}}
    before = copy.deepcopy((pset, user_kwargs))
    subprocess_run_worker(pset, {}, user_kwargs)
    assert (pset, user_kwargs) == before


def test_a_command_with_spaces_gets_a_hint(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileNotFoundError):
        subprocess_run_worker({"run_args": "no-such-program --help"}, {}, None)
    assert "shell=True" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("run_args", "run_kwargs"),
    [
        ("no-such-program", {}),
        (["no-such-program", "--help"], {}),
        ("echo a b", {"cwd": "/no/such/directory"}),
    ],
)
def test_other_missing_files_get_no_hint(
    run_args: object, run_kwargs: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FileNotFoundError):
        subprocess_run_worker({"run_args": run_args, "run_kwargs": run_kwargs}, {}, None)
    assert capfd.readouterr().err == ""


def test_flatten_results_merges_psets_and_results() -> None:
    results = [{"pset": {"a": 1}, "result": {"b": 2}}, {"pset": {"a": 3}, "result": {"b": 4, "c": 5}}]
    before = copy.deepcopy(results)
    assert flatten_results(results) == [{"a": 1, "b": 2}, {"a": 3, "b": 4, "c": 5}]
    assert results == before


def test_flatten_results_takes_failures_and_nothing() -> None:
    failed = {"pset": {"a": 1}, "exception": "ValueError()", "traceback": "..."}
    assert flatten_results([failed, {"pset": {"a": 2}, "result": {}}]) == [{"a": 1}, {"a": 2}]
    assert flatten_results([]) == []


def test_flatten_results_refuses_a_key_that_is_in_both() -> None:
    with pytest.raises(ValueError, match="'b'"):
        flatten_results([{"pset": {"a": 1, "b": 0}, "result": {}}, {"pset": {"a": 1}, "result": {"b": 2}}])


def test_importing_it_loads_no_pandas() -> None:
    code = "import sys, paramsurvey.utils; print({'pandas', 'hdrh', 'psutil'} & set(sys.modules))"
    assert subprocess.run(python(code), capture_output=True, text=True, check=True).stdout == "set()\n"
