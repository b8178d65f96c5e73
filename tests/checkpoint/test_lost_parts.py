"""Parts of a checkpoint that are gone: what is read back agrees with the rows that are left, and is told."""

from __future__ import annotations

from pathlib import Path

import pytest

import paramsurvey
from paramsurvey.examples import sleep_worker

PSETS = [{"duration": 0.0, "number": number} for number in range(20)]


@pytest.fixture(autouse=True)
def quiet_serial() -> None:
    paramsurvey.init(backend="serial", verbose=0)


def remove_parts(kind: str) -> None:
    for part in Path("dir", kind).iterdir():
        part.unlink()


def test_results_that_are_gone_are_not_counted_as_finished(in_tmp: Path) -> None:
    paramsurvey.map(sleep_worker, PSETS, checkpoint="dir")
    remove_parts("results")
    with pytest.warns(UserWarning, match="files are gone from 'dir/results'"):
        loaded = paramsurvey.load("dir")
    assert (len(loaded), loaded.progress.finished, loaded.progress.total) == (0, 0, 20)


def test_failures_that_are_gone_are_not_counted(in_tmp: Path) -> None:
    paramsurvey.map(sleep_worker, [*PSETS, {"duration": "long", "number": 20}], checkpoint="dir")
    assert (len(paramsurvey.load("dir").missing), paramsurvey.load("dir").progress.failures) == (1, 1)
    remove_parts("failures")
    with pytest.warns(UserWarning, match="files are gone from 'dir/failures'"):
        loaded = paramsurvey.load("dir")
    assert (len(loaded.missing), loaded.progress.failures, loaded.progress.finished) == (0, 0, 20)


def test_what_is_whole_is_not_complained_about(in_tmp: Path, recwarn: pytest.WarningsRecorder) -> None:
    paramsurvey.map(sleep_worker, PSETS, checkpoint="dir")
    paramsurvey.map(sleep_worker, PSETS[:5], checkpoint="dir")  # the last run had fewer psets than are stored
    loaded = paramsurvey.load("dir")
    assert (len(loaded), loaded.progress.finished) == (20, 5)
    assert not recwarn.list


def test_the_survey_goes_on_with_what_is_left(in_tmp: Path) -> None:
    paramsurvey.map(sleep_worker, PSETS, checkpoint="dir")
    remove_parts("results")
    results = paramsurvey.map(sleep_worker, PSETS, checkpoint="dir")
    assert (len(results), results.progress.resumed) == (20, 0)
