"""What is said at the end of a map."""

from __future__ import annotations

from dataclasses import replace

import pytest

import paramsurvey
from paramsurvey.cli.shell_next_steps import ShellNextSteps
from paramsurvey.engine.failure_causes import Case, Cause
from paramsurvey.engine.progress import MapProgress
from paramsurvey.reporting.summary import SummaryFacts, summary


def case(kind: str, count: int, number: int = 0, line: str = "/fit.py:3 in fit") -> Case:
    return Case(Cause(kind, "ValueError", line), "ValueError('negative mass')", number, count)


def test_a_map_without_failures_takes_two_lines() -> None:
    progress = MapProgress("fit", total=1000, finished=1000)
    facts = SummaryFacts(
        progress=progress, elapsed=200, work=380, cores=2, percentiles=(0.3, 0.5, 12), log="x.log"
    )
    assert summary(facts).splitlines() == [
        "fit: 1,000 of 1,000 psets finished in 3 min 20 s, efficiency 95 % of 2 cores",
        "  time per pset: p50 0.30 s, p90 0.50 s, p99 12 s",
    ]


def test_failures_are_told_by_cause_with_the_next_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    progress = MapProgress("fit", total=9, finished=5, failures=4, retried=2)
    cases = [case("raised", 3, number=1), case("crashed", 1, line="")]
    facts = SummaryFacts(progress=progress, elapsed=2, cases=cases, log="x.log")
    assert summary(facts).splitlines() == [
        "fit: 5 of 9 psets finished, 4 failed, 2 tried again in 2.0 s",
        "  3 × raised at fit.py:3 in fit, e.g. ValueError('negative mass')",
        "  1 × crashed: ValueError('negative mass')",
        "  log: x.log",
        "  next: results.missing.summary(), or results.missing.reproduce(1)",
    ]


def test_what_an_earlier_run_did_is_told() -> None:
    facts = SummaryFacts(progress=MapProgress("fit", total=9, finished=9, resumed=4), elapsed=2)
    assert summary(facts) == "fit: 9 of 9 psets finished (4 of them by an earlier run) in 2.0 s"


def test_many_causes_stay_few_lines() -> None:
    cases = [case("raised", 10 - i, line=f"/fit.py:{i} in fit") for i in range(8)]
    facts = SummaryFacts(progress=MapProgress("fit", total=60, failures=52), elapsed=2, cases=cases)
    assert "12 × 3 other causes" in summary(facts)
    assert len(summary(facts).splitlines()) == 8
    assert summary(replace(facts, cases=cases[:6])).splitlines()[6] == "  5 × 1 other cause"


def test_an_interrupted_map_says_where_its_results_are() -> None:
    facts = SummaryFacts(
        progress=MapProgress("fit", total=9, finished=5, failures=4),
        elapsed=2,
        cases=[case("not run", 4, line="")],
        interrupted=True,
    )
    assert summary(facts).endswith("next: paramsurvey.map(..., paramsurvey.last_results().missing)")


def test_an_interrupted_map_with_a_checkpoint_goes_on_from_there() -> None:
    facts = SummaryFacts(
        progress=MapProgress("fit", total=9, finished=5, failures=4),
        elapsed=2,
        cases=[case("not run", 4, line="")],
        checkpoint="out",
        interrupted=True,
    )
    assert "checkpoint: out" in summary(facts)
    assert "run the same program again" in summary(facts)


@pytest.mark.parametrize(
    ("kind", "checkpoint", "said"),
    [
        ("raised", "my out", "paramsurvey missing 'my out'"),
        (
            "raised",
            None,
            "all reasons are in the log; with --checkpoint DIR, paramsurvey missing DIR shows them",
        ),
        ("not run", "out", "paramsurvey resume out"),
        (
            "not run",
            None,
            "run the same command again; with --checkpoint DIR, it would resume where it stopped",
        ),
    ],
)
def test_who_typed_a_command_is_told_commands(kind: str, checkpoint: str | None, said: str) -> None:
    facts = SummaryFacts(
        progress=MapProgress("fit", total=9, finished=5, failures=4),
        elapsed=2,
        cases=[case(kind, 4, line="")],
        checkpoint=checkpoint,
        next_steps=ShellNextSteps(),
    )
    assert summary(facts).endswith(f"next: {said}")


def half_fail(pset, system_kwargs, user_kwargs):  # type: ignore[no-untyped-def]
    if pset["a"] % 2:
        raise ValueError(f"odd: {pset['a']}")


def test_a_map_ends_with_its_progress_line_and_summary(capfd: pytest.CaptureFixture[str]) -> None:
    paramsurvey.init(backend="serial", verbose=1)
    paramsurvey.map(half_fail, [{"a": a} for a in range(6)], name="fit")
    lines = capfd.readouterr().err.splitlines()
    line = "fit progress: total: 6, active: 0, finished: 3, failures: 3, exceptions: 3"
    (place,) = [i for i, text in enumerate(lines) if text.startswith(line)]
    assert lines[place + 1].startswith("fit: 3 of 6 psets finished, 3 failed in ")
    assert any(
        "3 × raised at " in text and "in half_fail, e.g. ValueError('odd: 1')" in text for text in lines
    )
    assert lines[-1] == "  next: results.missing.summary(), or results.missing.reproduce(0)"


def test_nothing_is_said_at_verbose_0(capfd: pytest.CaptureFixture[str]) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    paramsurvey.map(half_fail, [{"a": a} for a in range(6)])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("copying", "work", "told"), [(5, 10, True), (0.5, 10, False), (0.9, 1, False)])
def test_copying_arguments_is_told_where_it_takes_much_of_the_time(
    copying: float, work: float, told: bool
) -> None:
    facts = SummaryFacts(
        progress=MapProgress("fit", total=9, finished=9), elapsed=work, work=work, copying=copying
    )
    line = (
        "50 % of that time was spent on copying user_kwargs for each pset: make what the function only reads"
    )
    assert (line in summary(facts)) is told
