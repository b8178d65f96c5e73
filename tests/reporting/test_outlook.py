"""What other processes are told of a survey: bounded, whatever the survey is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict

import pytest

from conftest import FakeClock, wait_until
from paramsurvey.engine.backend import WorkerPlace
from paramsurvey.engine.failure_causes import Causes
from paramsurvey.reporting.outlook import OutlookMaker
from paramsurvey.reporting.worker_usage import WorkerUsage
from paramsurvey.transport.messages import Pset
from paramsurvey.worker.machine import host_name


class Hostile:
    def __repr__(self) -> str:
        return "x" * 10**6


class HugeSurvey:
    """A survey with many workers, and psets that are anything but small."""

    def running(self) -> list[tuple[int, float]]:
        return [(row, 1000.0 - row) for row in range(1000)]

    def workers(self) -> list[tuple[WorkerPlace, int | None]]:
        return [(WorkerPlace(number, number, "elsewhere"), number) for number in range(1000, 0, -1)]

    def core_count(self) -> int:
        return 1000

    def pset(self, row: int) -> Pset:
        text = {f"key{at}": "\x1b[31m" * 10**4 for at in range(50)}
        return {"n": row, "big": 10**100, "odd": float("nan"), "thing": Hostile(), **text}


def test_the_largest_survey_is_told_in_few_bytes(clock: FakeClock) -> None:
    causes = Causes()
    for number in range(1000):
        causes.add(number, "raised", f"Error{number}('{'y' * 10**4}')", "")
    outlook = OutlookMaker(clock).make(HugeSurvey(), 1e6, (1.0, 2.0), causes.most_frequent())
    told = json.dumps(asdict(outlook), allow_nan=False)
    assert len(told) < 1 << 20
    assert "\\u001b" not in told.partition('"values"')[0]
    assert len(outlook.running) == len(outlook.workers) == 100
    assert [one.number for one in outlook.running[:2]] == [0, 1]
    assert set(outlook.running[0].values) >= {"n", "key0"}
    assert not {"big", "odd", "thing"} & set(outlook.running[0].values)


def test_workers_are_measured_every_few_seconds(clock: FakeClock) -> None:
    class OneWorker(HugeSurvey):
        def running(self) -> list[tuple[int, float]]:
            return []

        def workers(self) -> list[tuple[WorkerPlace, int | None]]:
            return [(WorkerPlace(1, os.getpid(), host_name()), None)]

    maker, survey = OutlookMaker(clock), OneWorker()
    (first,) = maker.make(survey, None, None, []).workers
    clock.now += 1
    (second,) = maker.make(survey, None, None, []).workers
    clock.now += 1
    (third,) = maker.make(survey, None, None, []).workers
    assert first.cpu is None
    assert second == first
    assert third.cpu is not None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells quickly who has started whom")
def test_what_a_worker_has_started_counts(clock: FakeClock) -> None:
    here = WorkerPlace(1, os.getpid(), host_name())
    usage = WorkerUsage(clock)
    ((_, alone),) = usage.measure([here])
    holds = "import sys; x = bytes(range(256)) * 200_000; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        wait_until(lambda: (usage.measure([here])[0][1] or 0) > (alone or 0) + 4e7, "its memory is not seen")
        child.communicate()


def test_a_worker_that_is_gone_or_elsewhere_costs_nothing(clock: FakeClock) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    places = [WorkerPlace(1, ended.pid, host_name()), WorkerPlace(2, os.getpid(), "elsewhere")]
    assert WorkerUsage(clock).measure(places) == [(None, None), (None, None)]
