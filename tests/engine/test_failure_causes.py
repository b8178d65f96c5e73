"""Failures by cause."""

from __future__ import annotations

import traceback

import pytest

from paramsurvey.engine.failure_causes import Causes, cause_of, raising_line, readable_path
from paramsurvey.transport.messages import FailureKind
from paramsurvey.worker.keywords import KeywordWorker, keywords

CRASH = """the last lines that the worker wrote on stderr:
Fatal Python error: Segmentation fault

Thread 0x00007efc0211a6c0 (most recent call first):
  File "/lib/threading.py", line 982 in run

Current thread 0x00007efc02733b80 (most recent call first):
  File "/home/me/fit.py", line 4 in fit
  File "/lib/worker.py", line 156 in run
"""


def fail(depth: int) -> None:
    if depth:
        fail(depth - 1)
    raise ValueError(f"too deep, {depth}")


def traceback_of_failure(depth: int) -> str:
    with pytest.raises(ValueError, match="too deep") as caught:
        fail(depth)
    return "".join(traceback.format_exception(caught.value))


def test_the_raising_line_is_the_innermost() -> None:
    assert raising_line(traceback_of_failure(3)) == f"{__file__}:{fail.__code__.co_firstlineno + 3} in fail"


def test_the_raising_line_of_a_chained_exception_is_that_of_the_last() -> None:
    text = "".join(traceback.format_exception(chained()))
    assert raising_line(text).endswith("in chained")


def chained() -> Exception:
    try:
        try:
            fail(0)
        except ValueError as error:
            raise KeyError("lost") from error
    except KeyError as error:
        return error


def test_the_raising_line_of_a_crash_is_that_of_the_thread_that_crashed() -> None:
    assert raising_line(CRASH) == "/home/me/fit.py:4 in fit"


def test_what_was_raised_around_the_function_was_raised_by_no_line_of_the_users() -> None:
    with pytest.raises(ValueError, match="would replace") as caught:
        KeywordWorker(keywords(lambda result: 1))({"result": 2}, {}, None)
    around = "".join(traceback.format_exception(caught.value.with_traceback(caught.tb.tb_next)))
    assert around.count('File "') == 1
    assert raising_line(around) == ""


@pytest.mark.parametrize("text", ["", "ValueError: no frames here\n"])
def test_where_no_line_is_known_it_is_empty(text: str) -> None:
    assert raising_line(text) == ""


def test_the_same_line_and_type_are_one_cause_whatever_the_message_says() -> None:
    causes = Causes()
    text = traceback_of_failure(1)
    for number in range(3):
        causes.add(number, FailureKind.RAISED, f"ValueError('bad {number}')", text)
    causes.add(3, FailureKind.RAISED, "ValueError('elsewhere')", text.replace("in fail", "in other"))
    (case, other) = causes.most_frequent()
    assert (case.count, case.number, case.example) == (3, 0, "ValueError('bad 0')")
    assert other.count == 1


def test_deaths_of_different_workers_by_the_same_signal_are_one_cause() -> None:
    first = cause_of("crashed", "WorkerDied('the worker process 17 was killed by SIGKILL')", "")
    second = cause_of("crashed", "WorkerDied('the worker process 23 was killed by SIGKILL')", "")
    other = cause_of("crashed", "WorkerDied('the worker process 23 was killed by SIGABRT')", "")
    assert first == second != other
    codes = [f"WorkerDied('the worker process 1{code} ended with exit code {code}')" for code in (3, 14)]
    assert cause_of("crashed", codes[0], "") != cause_of("crashed", codes[1], "")


def test_a_line_is_shown_as_seen_from_here_where_that_is_shorter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    assert readable_path(f"{tmp_path}/fit.py:3 in fit") == "fit.py:3 in fit"
    monkeypatch.chdir("/")
    assert readable_path("/fit.py:3 in fit") == "fit.py:3 in fit"
    assert readable_path("") == ""
