"""What reporters see of a survey while it runs."""

from __future__ import annotations

from test_survey import FakeBackend, make

from paramsurvey.engine.backend import WorkerPlace
from paramsurvey.engine.overview import Overview


def test_which_psets_run_and_for_how_long_the_longest_first() -> None:
    backend = FakeBackend(workers=3, script=lambda seats: [])
    survey = make(psets=12, backend=backend, group_size=4).survey
    next(survey.rounds())
    backend.busy.update({1: (2, 0.5), 2: (0, 7.0), 3: (99, 1.0)})  # of the last, a worker says what cannot be
    assert Overview(survey).running() == [(4, 7.0), (2, 0.5)]


def test_how_many_psets_have_ended_that_no_worker_has_answered_for() -> None:
    backend = FakeBackend(workers=3, script=lambda seats: [])
    survey = make(psets=12, backend=backend, group_size=4).survey
    next(survey.rounds())
    backend.busy.update({1: (2, 0.5), 2: (0, 7.0), 3: (99, 1.0)})  # of the last, a worker says what cannot be
    assert Overview(survey).running_and_unreported() == ([(2, 0.5), (4, 7.0)], 2)


def test_the_workers_are_told_each_with_the_pset_that_it_runs() -> None:
    backend = FakeBackend(workers=2, script=lambda seats: [])
    survey = make(psets=12, backend=backend, group_size=4).survey
    next(survey.rounds())
    backend.busy[1] = (2, 0.5)  # of the second group, nothing is known yet
    groups = (1, 2, None, 99)  # the third worker has nothing to do; the group of the last one has just ended
    places = [WorkerPlace(i, 100 + i, "here", group_id) for i, group_id in enumerate(groups)]
    backend.workers = lambda: places  # type: ignore[assignment, return-value]
    assert Overview(survey).workers() == list(zip(places, (2, None, None, None), strict=True))
    survey.backend = object()  # type: ignore[assignment]
    assert Overview(survey).workers() == [], "a backend that cannot tell"


def test_what_reporters_ask_for() -> None:
    survey = make(psets=12, backend=FakeBackend(workers=2, script=lambda seats: []), group_size=2).survey
    next(survey.rounds())
    overview = Overview(survey)
    assert overview.core_count() == 2
    assert overview.waiting(100).tolist() == list(range(4, 12))  # type: ignore[union-attr]
    assert overview.waiting(4).tolist() == [4, 6, 8, 10]  # type: ignore[union-attr]
    assert overview.pset(7) == {"a": 7}
