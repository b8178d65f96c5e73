"""What psets print: passed on, logged, or stored."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from paramsurvey import errors
from paramsurvey.backends.multiprocessing.output_relay import WorkerStream, _labelled
from paramsurvey.results.map_results import MapResults
from paramsurvey.transport.output_store import KEPT_BYTES, OutputStore, new_file


def talk(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, Any] | None:
    kind, i = pset["kind"], pset["i"]
    if kind == "silent":
        return None
    print(f"out {i}")
    print(f"err {i}", file=sys.stderr)
    if kind == "program":
        subprocess.run(["echo", f"program {i}"], check=True)
    elif kind == "c":
        ctypes.CDLL(None).printf(b"C code\n")
    elif kind == "long":
        print("x" * 100 * KEPT_BYTES)
    elif kind == "raises":
        print("no newline", end="")
        raise ValueError("bad")
    elif kind == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "hangs":
        time.sleep(1000)
    return {"b": i}


def survey(*kinds: str, backend: str = "multiprocessing", verbose: int = 0, **options: Any) -> MapResults:
    paramsurvey.init(backend=backend, ncores=2, verbose=verbose)
    return paramsurvey.map(talk, [{"kind": kind, "i": i} for i, kind in enumerate(kinds)], **options)


@pytest.mark.parametrize("backend", ["multiprocessing", "serial"])
def test_what_psets_print_is_stored_with_their_results(
    backend: str, capfd: pytest.CaptureFixture[str]
) -> None:
    kinds = ("silent", "prints", "program", "c", "raises", "prints")
    results = survey(*kinds, backend=backend, capture_output="store")
    stored = {results.i[label]: results.output_of(label) for label in results.index}
    assert stored == {
        0: "",
        1: "out 1\nerr 1\n",
        2: "out 2\nerr 2\nprogram 2\n",
        3: "out 3\nerr 3\nC code\n",
        5: "out 5\nerr 5\n",
    }
    assert results.missing.output_of(0) == "out 4\nerr 4\nno newline"
    assert results.missing._traceback[0].count("File ") == 1
    assert capfd.readouterr() == ("", "")


def test_what_a_pset_printed_before_its_end_is_stored() -> None:
    results = survey("prints", "dies", "hangs", capture_output="store", timeout=1)
    assert results.missing.i.tolist() == [1, 2]
    assert results.missing.output_of(0) == "out 1\nerr 1\n"
    assert results.missing._traceback[0].endswith("err 1\n")
    assert results.missing.output_of(1) == "out 2\nerr 2\n"


def test_long_output_is_bounded_and_all_of_it_is_in_a_file() -> None:
    results = survey("prints", "long", capture_output="store")
    text = results.output_of(1)
    (path,) = Path.cwd().glob(".paramsurvey-*-pset-1.txt")
    assert len(text) < 3 * KEPT_BYTES
    assert text.startswith("out 1\nerr 1\nxxx")
    assert str(path) in text
    assert path.read_text() == "out 1\nerr 1\n" + "x" * 100 * KEPT_BYTES + "\n"


def test_stored_output_is_told_by_chosen_rows_and_by_pickles() -> None:
    import pickle

    results = pickle.loads(pickle.dumps(survey("raises", "prints", "raises", capture_output="store")))
    assert results.output_of(0) == "out 1\nerr 1\n"
    assert results.missing[results.missing.i == 2].output_of(1) == "out 2\nerr 2\nno newline"
    with pytest.raises(KeyError, match="no pset 7"):
        results.output_of(7)


def test_the_output_of_the_last_attempt_is_the_one_that_is_kept() -> None:
    def work(pset: dict[str, Any], *_: object) -> None:
        if not Path("tried").exists():
            Path("tried").touch()
            print("trouble")
            raise ValueError("bad")

    paramsurvey.init(backend="serial", verbose=0)
    results = paramsurvey.map(work, [{"a": 1}], capture_output="store", retries=1)
    assert results.output_of(0) == ""


def test_each_map_has_a_mode_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    assert survey("prints", capture_output="store").output_of(0) == "out 0\nerr 0\n"
    assert survey("prints").output_of(0) == ""
    paramsurvey.finalize()
    assert capfd.readouterr() == ("out 0\n", "err 0\n")


def test_lines_without_an_end_are_there_when_the_map_is_over(capfd: pytest.CaptureFixture[str]) -> None:
    paramsurvey.init(ncores=2, verbose=0)
    for _ in range(2):
        paramsurvey.map(lambda p, s, u: print("begun", end="", flush=True), [{"a": 1}, {"a": 2}])
        out = capfd.readouterr().out
        assert out.replace("\n", "") == "begunbegun"
        assert out.endswith("begun\n")


def test_a_log_per_worker(capfd: pytest.CaptureFixture[str]) -> None:
    survey("prints", "program", "prints", "raises", capture_output="log", group_size=1)
    paramsurvey.finalize()
    logs = list(Path.cwd().glob(".paramsurvey-*-worker-*.log"))
    assert 1 <= len(logs) <= 2
    text = "".join(log.read_text() for log in logs)
    assert text.count("out ") == text.count("err ") == 4
    assert "program 1\n" in text
    assert capfd.readouterr() == ("", "")


def test_lines_name_their_pset_at_verbose_3(capfd: pytest.CaptureFixture[str]) -> None:
    survey("prints", "raises", "program", "silent", verbose=3)
    paramsurvey.finalize()
    out, err = capfd.readouterr()
    assert sorted(out.splitlines()) == [
        "pset 0: out 0",
        "pset 1: no newline",
        "pset 1: out 1",
        "pset 2: out 2",
        "pset 2: program 2",
    ]
    assert "pset 2: err 2\n" in err
    assert "\0" not in out + err


def test_lines_are_not_labelled_any_more_in_the_next_map(capfd: pytest.CaptureFixture[str]) -> None:
    survey("prints", verbose=3)
    paramsurvey.map(talk, [{"kind": "prints", "i": 7}], verbose=1)
    paramsurvey.finalize()
    assert sorted(capfd.readouterr().out.splitlines()) == ["out 7", "pset 0: out 0"]


def test_labels_are_found_wherever_a_read_ends() -> None:
    stream = WorkerStream(0, "stdout")
    texts = ["before\n", "\0" + "7\none\ntw", "o\nthree\0" + "8\nfour\n"]
    passed = [line for text in texts for line in _labelled(stream, text)]
    assert passed[:2] == ["before\n", "pset 7: one\n"]
    assert passed[-2:] == ["pset 7: three\n", "pset 8: four\n"]


def test_whole_lines_of_many_writers_are_never_mixed(capfd: pytest.CaptureFixture[str]) -> None:
    def chat(pset: dict[str, Any], *rest: object) -> None:
        for _ in range(200):
            sys.stdout.write(str(pset["i"]) * 50)
            sys.stdout.flush()
            sys.stdout.write(str(pset["i"]) * 50 + "\n")

    paramsurvey.init(ncores=2, verbose=0)
    paramsurvey.map(chat, [{"i": i} for i in range(6)], group_size=1)
    paramsurvey.finalize()
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 1200
    assert all(line == line[0] * 100 for line in lines)


@pytest.mark.parametrize("mode", ["LOG", "keep", 3])
def test_an_unknown_mode_is_refused(mode: object) -> None:
    with pytest.raises(errors.OptionError, match="capture_output takes 'pass', 'log' or 'store'"):
        survey("silent", capture_output=mode)


def test_a_backend_that_cannot_do_it_says_what_it_can() -> None:
    with pytest.raises(
        errors.OptionError, match="serial backend cannot do capture_output='log': choose 'pass' or"
    ):
        survey("silent", backend="serial", capture_output="log")


def test_the_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMSURVEY_CAPTURE_OUTPUT", "store")
    assert survey("prints", capture_output="pass").output_of(0) == "out 0\nerr 0\n"


def test_nothing_is_left_behind(nothing_left: None) -> None:
    survey("prints", "dies", "raises", capture_output="store")
    survey("prints", backend="serial", capture_output="store")


def test_a_store_cuts_while_another_process_writes() -> None:
    found: dict[int, str] = {}
    with new_file() as file:
        store = OutputStore(file.fileno(), "x-")
        store.begin()
        try:
            for offset in range(3):
                function = store.around(
                    lambda *_: os.system("echo one; echo two >&2"), range(3), [offset], found
                )
                function({}, {}, None)
        finally:
            store.end()
    assert found == dict.fromkeys(range(3), "one\ntwo\n")


PRINTS = """
import paramsurvey

def talk(pset, system_kwargs, user_kwargs):
    print("grün")

paramsurvey.init(backend="{backend}", ncores=1, verbose=0)
paramsurvey.map(talk, [{{"a": 1}}])
print(ascii(paramsurvey.map(talk, [{{"a": 1}}], capture_output="store").output_of(0)))
"""


@pytest.mark.parametrize("backend", ["multiprocessing", "serial"])
def test_letters_arrive_whatever_the_encoding_of_the_system_is(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    done = subprocess.run([sys.executable, "-c", PRINTS.format(backend=backend)], capture_output=True)
    assert done.stdout.decode("latin-1") == "grün\n'gr\\xfcn\\n'\n", done.stderr
