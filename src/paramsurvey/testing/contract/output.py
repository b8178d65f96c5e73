"""What a map says: on stderr by its verbosity, and in the log always; the same on every backend."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from paramsurvey.testing.place import Place
from paramsurvey.testing.traits import needs

PSETS = [{"a": i} for i in range(5)]


def fail_on_3(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["a"] == 3:
        raise ValueError("the third")
    return {"b": 1}


def run(place: Place, **options: Any) -> None:
    by_value = fail_on_3
    place.map(lambda p, s, u: by_value(p, s, u), PSETS, **options)


def progress_lines(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if "progress" in line and name in line]


FINAL = "total: 5, active: 0, finished: 4, failures: 1, exceptions: 1"


# stderr


@pytest.mark.parametrize("vstats", [0, 1, 2, 3])
def test_verbose_0_prints_nothing_at_all(
    place: Place, vstats: int, capfd: pytest.CaptureFixture[str]
) -> None:
    run(place, verbose=0, vstats=vstats)
    place.map(lambda p, s, u: {"a": 1}, PSETS, verbose=0, out_func=lambda *args: 1 / 0, keep_results=False)
    with pytest.raises(ValueError):  # noqa: PT011
        place.map(lambda p, s, u: None, [{"a b": 1}], verbose=0)
    assert capfd.readouterr() == ("", "")


def test_progress_dt_prints_progress_and_nothing_else_at_verbose_0(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    run(place, verbose=0, progress_dt=0.0, name="watched")
    out, err = capfd.readouterr()
    assert out == ""
    assert all(line.startswith("watched progress: ") for line in err.splitlines())
    assert err.splitlines()[-1].endswith(FINAL)


def test_progress_dt_may_be_longer_than_the_map(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    run(place, verbose=0, progress_dt=1000.0, name="watched")
    assert capfd.readouterr().err == f"watched progress: {FINAL}\n"


@pytest.mark.parametrize("verbose", [1, 2, 3])
def test_nothing_is_ever_printed_on_stdout(
    place: Place, verbose: int, capfd: pytest.CaptureFixture[str]
) -> None:
    run(place, verbose=verbose, vstats=verbose)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("verbose", [1, 2, 3])
def test_a_progress_line_is_written_at_the_end(
    place: Place, verbose: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run(place, verbose=verbose, name="my survey")
    lines = progress_lines(capsys.readouterr().err, "my survey")
    assert lines
    assert FINAL in lines[-1]


def test_verbose_1_is_one_line_for_a_short_map(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.map(lambda p, s, u: None, PSETS, verbose=1, name="short")
    assert len(progress_lines(capsys.readouterr().err, "short")) == 1


@pytest.mark.parametrize("options", [{"verbose": 3}, {"verbose": 1, "progress_dt": 0.0}], ids=str)
def test_progress_after_every_action(
    place: Place, options: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run(place, name="every", group_size=1, **options)
    lines = progress_lines(capsys.readouterr().err, "every")
    assert len(lines) >= 2 * len(PSETS)
    counts = [re.search(r"total: 5, active: (\d+), finished: (\d+), failures: (\d+)", line) for line in lines]
    done = [int(count[2]) + int(count[3]) for count in counts if count]
    assert len(done) == len(lines)
    assert done == sorted(done)
    assert done[-1] == 5


def test_a_failure_points_to_the_log_at_once(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    run(place, verbose=1)
    err = capsys.readouterr().err
    assert "ValueError('the third')" in err
    assert "traceback is in" in err
    assert err.index("traceback is in") < err.index("total: 5")


def test_the_traceback_and_the_pset_are_shown_at_verbose_2(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    run(place, verbose=1)
    assert "Traceback" not in capsys.readouterr().err
    run(place, verbose=2)
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "{'a': 3}" in err


@pytest.mark.parametrize(
    ("verbose", "vstats", "shown"), [(2, 2, True), (1, 2, True), (1, 1, False), (2, 0, False), (0, 2, False)]
)
def test_vstats_shows_percentiles(
    place: Place, verbose: int, vstats: int, shown: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    run(place, verbose=verbose, vstats=vstats, name="timed")
    assert ("timed_wallclock" in capsys.readouterr().err) == shown


def own_timer(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> None:
    system_kwargs["raw_stats"]["reading"] = [0.25]


@pytest.mark.parametrize(
    ("verbose", "vstats", "times"), [(0, 0, 0), (0, 1, 1), (0, 3, 1), (1, 0, 0), (1, 1, 1), (2, 2, 1)]
)
def test_timers_of_the_psets_own_are_shown_once_at_the_end_unless_vstats_is_0(
    place: Place, verbose: int, vstats: int, times: int, capsys: pytest.CaptureFixture[str]
) -> None:
    by_value = own_timer
    place.map(lambda p, s, u: by_value(p, s, u), PSETS, verbose=verbose, vstats=vstats, name="timed")
    err = capsys.readouterr().err
    assert err.count("counter reading, total 1s, mean 0.25s, counts 5") == times
    assert err.count("counter timed_wallclock, total") == times


@needs("prints_here")
def test_what_workers_print_arrives(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    def loud(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        print(f"out {pset['a']}\n", end="")  # at one go: threads would write between a line and its end
        print(f"err {pset['a']}\n", end="", file=sys.stderr)

    place.map(loud, PSETS)
    arrived = Arrived(capfd)
    arrived.wait_for([f"out {i}" for i in range(5)], [f"err {i}" for i in range(5)])


class Arrived:
    """What was captured, all together."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.capfd, self.out, self.err = capfd, "", ""

    def read(self) -> None:
        out, err = self.capfd.readouterr()
        self.out += out
        self.err += err

    def wait_for(self, out: list[str], err: list[str]) -> None:
        """Wait until all these lines are there: workers' output takes another way than their answers."""
        from paramsurvey.testing.waiting import wait_until

        def there() -> bool:
            self.read()
            return set(out) <= set(self.out.splitlines()) and set(err) <= set(self.err.splitlines())

        wait_until(there, "not all of it arrived")


def test_without_a_stderr_the_map_goes_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    run(place, verbose=3)


# the log


@pytest.mark.parametrize("verbose", [0, 1])
def test_the_log_has_progress_exceptions_tracebacks_and_psets_whatever_the_verbosity(
    place: Place, verbose: int
) -> None:
    run(place, verbose=verbose, name="logged")
    log = place.new_log()
    assert FINAL in progress_lines(log, "logged")[-1]
    assert "ValueError('the third')" in log
    assert "Traceback (most recent call last)" in log
    assert "ValueError: the third" in log
    assert "pset: {'a': 3}" in log


def test_the_log_has_the_statistics(place: Place) -> None:
    run(place, name="timed")
    assert re.search(r"counter timed_wallclock, 50%tile", place.new_log())


def test_every_exception_is_in_the_log_the_same_traceback_once(place: Place) -> None:
    place.map(lambda p, s, u: 1 / 0, [{"a": i} for i in range(30)])
    log = place.new_log()
    assert len(re.findall(r"pset: \{'a': \d+\}", log)) == 30
    assert log.count("Traceback (most recent call last)") == 1


def test_a_worker_may_have_a_session_of_its_own(place: Place) -> None:
    def nested(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
        import paramsurvey

        with paramsurvey.Session(backend="serial", verbose=0) as inner:
            found = inner.map(lambda p, s, u: {"b": p["a"] * 10}, [{"a": pset["a"]}])
        return {"b": found["b"].tolist()}

    results = place.map(nested, PSETS)
    assert results["b"].tolist() == [[i * 10] for i in range(5)]


@needs("processes")
def test_no_worker_process_makes_a_log_of_its_own(place: Place, in_tmp: Path) -> None:
    def nested(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> None:
        import paramsurvey

        with paramsurvey.Session(backend="serial", verbose=0) as inner:
            inner.map(lambda p, s, u: None, [{"a": pset["a"]}])

    place.map(nested, PSETS)
    assert list(in_tmp.glob(".paramsurvey-*")) == []
