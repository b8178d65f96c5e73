"""Timers and statistics: `paramsurvey.stats`."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest

import paramsurvey
from paramsurvey.stats import PerfStats, RawStats, record_iowait, record_wallclock


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.mark.parametrize("record", [record_wallclock, record_iowait])
def test_a_timer_appends_to_raw_stats(record) -> None:
    raw_stats: RawStats = {}
    for _ in range(2):
        with record("step", raw_stats):
            pass
    assert list(raw_stats) == ["step"]
    assert len(raw_stats["step"]) == 2
    assert all(isinstance(seconds, float) and seconds >= 0 for seconds in raw_stats["step"])


@pytest.mark.parametrize("record", [record_wallclock, record_iowait])
def test_a_timer_records_a_body_that_raises(record) -> None:
    raw_stats: RawStats = {}
    with pytest.raises(KeyError), record("step", raw_stats):
        raise KeyError("lost")
    assert len(raw_stats["step"]) == 1


@pytest.mark.parametrize("record", [record_wallclock, record_iowait])
def test_a_timer_adds_to_statistics(record) -> None:
    stats = PerfStats()
    with record("step", obj=stats):
        pass
    assert stats.read_stats("step")[0] == 1


def test_a_timer_without_a_destination_is_harmless() -> None:
    with record_wallclock("step"), record_iowait("step"):
        pass


def test_wallclock_is_no_shorter_than_the_body() -> None:
    raw_stats: RawStats = {}
    with record_wallclock("nap", raw_stats):
        time.sleep(0.05)
    assert raw_stats["nap"][0] >= 0.05


def test_iowait_leaves_out_the_cpu_time() -> None:
    raw_stats: RawStats = {}
    with record_wallclock("wall", raw_stats), record_iowait("wait", raw_stats):
        stop = time.process_time() + 0.05
        while time.process_time() < stop:
            pass
        time.sleep(0.05)
    assert raw_stats["wait"][0] <= raw_stats["wall"][0] - 0.05


def test_iowait_is_never_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = iter([0.0, 100.0])  # as when several threads are busy
    monkeypatch.setattr(time, "process_time", lambda: next(cpu))
    raw_stats: RawStats = {}
    with record_iowait("busy", raw_stats):
        pass
    assert raw_stats["busy"] == [0.0]


RAW_STATS = {"foo": [0.1, 0.3], "bar": [3.0, 4.0, 5.0], "baz": [3.0, -4.0, 5.0], "tiny": [2e-6, 0.0]}


@pytest.mark.parametrize("name", RAW_STATS)
def test_count_and_mean_are_exact_and_the_histogram_is_in_milliseconds(name: str) -> None:
    count, mean, histogram = PerfStats(RAW_STATS).read_stats(name)
    values = RAW_STATS[name]
    assert count == histogram.get_total_count() == len(values)
    assert mean == sum(values) / len(values)
    for percent, seconds in ((0, min(values)), (100, max(values))):
        expected = max(1000 * seconds, 1)  # what is too short, or negative, counts as the smallest
        assert histogram.get_value_at_percentile(percent) == pytest.approx(expected, rel=0.01)


def test_every_value_finds_its_place_in_the_histogram_to_two_digits() -> None:
    for seconds in np.geomspace(1e-3, 1e6, 500):
        _, _, histogram = PerfStats({"t": [seconds]}).read_stats("t")
        assert histogram.get_value_at_percentile(50) / 1000 == pytest.approx(seconds, rel=0.01, abs=6e-4)


def test_a_long_value_makes_the_histogram_grow() -> None:
    stats = PerfStats({"job": [1.0]})
    year = 365 * 24 * 3600.0
    stats.combine_stats({"job": [year]})
    count, _, histogram = stats.read_stats("job")
    assert count == histogram.get_total_count() == 2
    assert histogram.get_max_value() == pytest.approx(1000 * year, rel=0.01)


def test_without_hdrhistogram_reading_says_what_to_install_and_all_else_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "hdrh.histogram", None)
    stats = PerfStats(RAW_STATS)
    with pytest.raises(ImportError, match=r"pip install hdrhistogram$"):
        stats.read_stats("foo")
    stats.print_percentiles("foo", stderr=True)
    stats.print_histograms("foo", stderr=True)
    assert "foo" in capsys.readouterr().err
    assert stats.percentiles("foo", [100]) == [pytest.approx(0.3, rel=0.01)]


def test_nothing_is_known_of_a_timer_without_values() -> None:
    stats = PerfStats({"empty": []})
    assert stats.all_stat_names() == []
    assert stats.read_stats("empty") is None
    assert stats.percentiles("empty") == []


def test_combining_leaves_the_caller_s_dict_as_it_is() -> None:
    raw_stats = {"a": [1.0]}
    PerfStats(raw_stats).combine_stats(raw_stats)
    assert raw_stats == {"a": [1.0]}


def test_combining_nothing_changes_nothing() -> None:
    stats = PerfStats({"a": [1.0]})
    stats.combine_stats(None)
    stats.combine_stats({})
    assert stats.all_stat_names() == ["a"]


def test_arrays_and_lists_give_the_same_statistics() -> None:
    seconds = np.random.default_rng(1).gamma(2.0, 1e-3, 5000)
    whole, pieces, lists = PerfStats(), PerfStats(), PerfStats({"t": seconds.tolist()})
    whole.add("t", seconds)
    for part in np.array_split(seconds, 7):
        pieces.add("t", part)
    for other in (pieces, lists):
        count, mean, histogram = other.read_stats("t")
        assert (count, mean) == (5000, pytest.approx(seconds.mean(), rel=1e-12))
        assert histogram.encode() == whole.read_stats("t")[2].encode()
        assert other.percentiles("t") == whole.percentiles("t")


def test_adding_an_array_never_looks_at_its_values_one_by_one() -> None:
    class Counted(np.ndarray):
        def __iter__(self):
            raise AssertionError("iterated")

        def __getitem__(self, index):
            raise AssertionError("indexed")

    PerfStats().add("t", np.full(1000, 1e-6).view(Counted))


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e4])
def test_percentiles_are_good_to_a_fifth_of_a_percent(scale: float) -> None:
    seconds = np.random.default_rng(2).gamma(2.0, scale, 20_001)
    found = PerfStats({"t": seconds.tolist()}).percentiles("t", (99, 50, 0, 100))
    assert found == pytest.approx(np.percentile(seconds, (99, 50, 0, 100)), rel=2e-3)


def test_percentiles_are_the_same_whichever_values_come_first() -> None:
    steps = [np.full(5000, seconds) for seconds in (1e-3, 1e-6, 10.0, 0.0, 1e-4)]
    together, one_by_one = PerfStats(), PerfStats()
    together.add("step", np.concatenate(steps))
    for values in steps:
        one_by_one.add("step", values)
    one_by_one.add_equal("step", 100.0, 1)
    together.add("step", np.array([100.0]))
    percents = (0, 20, 21, 40, 41, 60, 61, 80, 81, 100)
    assert one_by_one.percentiles("step", percents) == together.percentiles("step", percents)
    assert together.percentiles("step", (0, 100)) == pytest.approx([0.0, 100.0], rel=2e-3)


def test_percentiles_of_one_value_are_that_value() -> None:
    assert PerfStats({"t": [0.3]}).percentiles("t") == pytest.approx([0.3] * 4, rel=1e-3)


def test_values_that_are_no_durations_do_no_harm() -> None:
    stats = PerfStats({"odd": [float("nan"), float("inf"), -1.0, 1e-300, 1e300]}, emit=lambda line: None)
    count, _, histogram = stats.read_stats("odd")
    assert count == histogram.get_total_count() == 5
    stats.print_percentiles()
    stats.print_histograms()


def test_print_percentile_writes_five_lines(lines: list[str]) -> None:
    PerfStats({"cpu loop": [2.0] * 5}, emit=lines.append).print_percentile("cpu loop")
    assert lines == [
        "counter cpu loop, total 10s, mean 2.00s, counts 5",
        "counter cpu loop, 50%tile: 2.00s",
        "counter cpu loop, 90%tile: 2.00s",
        "counter cpu loop, 95%tile: 2.00s",
        "counter cpu loop, 99%tile: 2.00s",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.00s"), (1e-6, "0.0000010s"), (0.00123, "0.0012s"), (0.00999, "0.010s"), (0.0456, "0.046s")],
)
def test_short_times_are_printed_with_more_digits(seconds: float, text: str, lines: list[str]) -> None:
    PerfStats({"t": [seconds]}, emit=lines.append).print_percentile("t")
    assert lines[0] == f"counter t, total {text}, mean {text}, counts 1"
    assert lines[1:] == [f"counter t, {percent}%tile: {text}" for percent in (50, 90, 95, 99)]


def test_print_histogram_accounts_for_every_value(lines: list[str]) -> None:
    for values in ([0.3] * 4, [0.001, 0.2, 70.0], [0.0, 0.0], np.linspace(4.0, 6.0, 100).tolist()):
        lines.clear()
        PerfStats({"t": values}, emit=lines.append).print_histogram("t")
        assert all(line.startswith("counter t, ") for line in lines)
        counts = [int(line.split(": ")[1].split()[0]) for line in lines]
        assert sum(counts) == len(values)
        assert len(lines) <= 21


def test_bars_touch_each_other_and_hold_what_they_say(lines: list[str]) -> None:
    PerfStats({"t": [1.1, 1.3, 6.0, 42.0]}, emit=lines.append).print_histogram("t")
    assert [line.split("#")[0].strip() for line in lines] == [
        "counter t, 1s to 2s: 2",
        "counter t, 2s to 5s: 0",
        "counter t, 5s to 10s: 1",
        "counter t, 10s to 20s: 0",
        "counter t, 20s to 50s: 1",
    ]


@pytest.mark.parametrize("print_all", [PerfStats.print_percentiles, PerfStats.print_histograms])
@pytest.mark.parametrize(
    ("first", "order"),
    [("default", ["default", "a", "z"]), ("z", ["z", "a", "default"]), (None, ["a", "default", "z"])],
)
def test_printing_all_begins_with_the_named_one(
    print_all, first: str | None, order: list[str], lines
) -> None:
    print_all(PerfStats({"z": [1.0], "default": [1.0], "a": [1.0]}, emit=lines.append), first)
    names = [line.split(",")[0].removeprefix("counter ") for line in lines]
    assert list(dict.fromkeys(names)) == order


@pytest.mark.parametrize("print_all", [PerfStats.print_percentiles, PerfStats.print_histograms])
def test_a_timers_name_commands_no_terminal_and_forges_no_line(
    print_all, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    stats = PerfStats({"red\x1b[31m\nforged": [0.1, 0.3]}, emit=lines.append)
    print_all(stats, stderr=True)
    assert lines
    for text in [*lines, repr(stats), *capsys.readouterr().err.splitlines()]:
        assert text.isprintable()
        assert "red" in text, "a line of its own"


@pytest.mark.parametrize("name", ["print_percentile", "print_histogram"])
def test_printing_a_timer_that_is_not_there_prints_nothing(name: str, lines: list[str]) -> None:
    getattr(PerfStats(emit=lines.append), name)("nobody")
    assert lines == []


@pytest.mark.parametrize("name", ["print_percentiles", "print_histograms"])
def test_printing_goes_to_the_log_and_to_stderr_only_where_asked(
    name: str, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    stats = PerfStats({"t": [1.0]}, emit=lines.append)
    getattr(stats, name)()
    assert capsys.readouterr() == ("", "")
    logged = lines.copy()
    getattr(stats, name)(stderr=True)
    assert capsys.readouterr() == ("", "".join(f"{line}\n" for line in logged))
    assert lines == 2 * logged


def test_pickling_keeps_the_statistics_and_drops_the_log(lines: list[str]) -> None:
    stats = PerfStats({"t": [1.0, 2.0]}, vstats=2, emit=lines.append)
    copy = pickle.loads(pickle.dumps(stats))
    copy.print_percentiles()
    assert lines == []
    assert copy.vstats == 2
    assert copy.read_stats("t")[:2] == (2, 1.5)
    stats.print_percentiles()  # the original still has its log
    assert lines


def test_importing_it_loads_neither_pandas_nor_the_histograms() -> None:
    code = "import sys, paramsurvey.stats; print({'pandas', 'hdrh', 'psutil'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_histogram_in_even_buckets_has_a_line_for_each(lines: list[str]) -> None:
    stats = PerfStats({"t": [0.004, 0.004, 0.03]}, emit=lines.append)
    stats.print_histogram("t", value_units_per_bucket=10)
    stats.print_histogram("nobody", value_units_per_bucket=10)
    assert lines == ["counter t, 0.01 2", "counter t, 0.02 0", "counter t, 0.03 1"]


def test_statistics_of_ones_own_print_to_the_log_of_init() -> None:
    log, stats = io.StringIO(), PerfStats({"t": [2.0]})
    stats.print_percentiles()
    paramsurvey.init(backend="serial", verbose=0, pslogger_fd=log)
    stats.print_percentiles()
    paramsurvey.finalize()
    stats.print_percentiles()
    assert log.getvalue().count("counter t, total 2s") == 1


def test_values_that_come_a_few_at_a_time_count_as_those_that_come_together() -> None:
    seconds = np.random.default_rng(1).lognormal(-9, 2, 10_000)
    together, in_pieces = PerfStats(), PerfStats()
    together.add("step", seconds)
    for start in range(0, len(seconds), 7):
        piece = seconds[start : start + 7].copy()
        in_pieces.add("step", piece)
        piece[:] = -1  # the caller may use the array again
    assert in_pieces.percentiles("step") == together.percentiles("step")
    assert in_pieces.total("step") == pytest.approx(together.total("step"))
