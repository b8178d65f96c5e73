"""The job that a worker process has."""

from __future__ import annotations

import os
import pickle

from paramsurvey.backends.multiprocessing.inbox import ArrivedJob
from paramsurvey.backends.multiprocessing.served_job import ServedJob
from paramsurvey.backends.multiprocessing.shared_job import JobMessage
from paramsurvey.backends.multiprocessing.shared_mark import SharedMark
from paramsurvey.transport.messages import Answer, Job, JobRejected
from paramsurvey.worker.running_mark import RunningMark


def test_a_group_of_the_last_job_is_not_taken_for_one_of_the_next() -> None:
    """Each map counts its groups from 1."""
    mark, sent = SharedMark(RunningMark.private(), [2]), list[Answer]()
    mark.running.group[0] = 1
    job = Job("key", "name", b"no code", os.getcwd())
    message = memoryview(pickle.dumps(JobMessage(job, ())))
    ServedJob(mark, -1, sent.append).load(ArrivedJob(message, None))
    assert mark.running.group[0] == 0
    assert mark.jobs[0] == 4, "the driver sees that it was loaded, or refused"
    assert [type(answer) for answer in sent] == [JobRejected]
