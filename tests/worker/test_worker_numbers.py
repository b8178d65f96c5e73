"""Numbers of workers: the lowest that is free, also among processes that know nothing of each other."""

from __future__ import annotations

import subprocess
import sys

import pytest

from paramsurvey.worker.worker_numbers import WorkerNumbers

CLAIM = """
import sys
from paramsurvey.worker.worker_numbers import claimed_number
print(claimed_number(sys.argv[1]), claimed_number(sys.argv[1]), flush=True)
sys.stdin.read()
"""


def test_a_number_that_was_given_back_is_the_next() -> None:
    numbers = WorkerNumbers(first=3)
    assert [numbers.take() for _ in range(3)] == [3, 4, 5]
    numbers.give_back(4)
    assert [numbers.take() for _ in range(2)] == [4, 6]


class Claimer:
    """A process that claims a number, twice, and keeps it until it is told to end."""

    def __init__(self, pool: str) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen([sys.executable, "-c", CLAIM, pool], **pipes)
        assert self._process.stdout is not None
        first, again = map(int, self._process.stdout.readline().split())
        assert first == again
        self.number = first

    def end(self) -> None:
        self._process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names without a file")
def test_processes_claim_the_lowest_number_that_no_living_one_has(tmp_path: object) -> None:
    pool = str(tmp_path)[-60:]
    one, two, other = Claimer(pool), Claimer(pool), Claimer(pool + "x")
    assert (one.number, two.number, other.number) == (1, 2, 1)
    one.end()
    again = Claimer(pool)
    assert again.number == 1
    for claimer in (two, other, again):
        claimer.end()
