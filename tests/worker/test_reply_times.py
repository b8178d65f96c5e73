"""The times in replies: of early ones, too, whose rows the next reply does not repeat."""

from __future__ import annotations

import time
from typing import Any

from paramsurvey.transport.messages import Failure, FailureKind, Reply
from paramsurvey.worker.batch_calls import BatchBuffer, Outcome
from paramsurvey.worker.machine import host_name
from paramsurvey.worker.reply_buffer import ReplyBuffer


def test_an_early_reply_has_the_times_of_its_psets_and_the_next_one_those_of_all() -> None:
    buffer, early = ReplyBuffer(7, 3, worker=3), list[Reply]()
    before = time.time()
    buffer.start_clocks()
    buffer.walls.extend([0.25, 0.5])
    buffer.send_early(2, early.append)
    buffer.start_clocks()
    buffer.walls.append(1.0)
    late = buffer.reply(3, done=True)
    assert [(one.start, one.stop, list(one.walls)) for one in (*early, late)] == [
        (0, 2, [0.25, 0.5]),
        (2, 3, [0.25, 0.5, 1.0]),
    ]
    assert [one.early for one in (*early, late)] == [True, False]
    assert before <= early[0].began == late.began <= time.time()
    assert (late.worker, late.host) == (3, host_name())


def test_each_reply_begins_anew() -> None:
    buffer: Any = ReplyBuffer(7, 2)
    buffer.start_clocks()
    buffer.walls.append(0.5)
    first = buffer.reply(1, done=False)
    buffer.start_clocks()
    buffer.walls.append(0.25)
    second = buffer.reply(2, done=True)
    assert list(second.walls) == [0.25]
    assert second.began >= first.began


def test_parts_of_a_batch_begin_one_after_the_other_though_the_first_waited_for_calls_of_the_second() -> None:
    buffer = BatchBuffer(7, 6, worker=3)
    no = Failure(FailureKind.RAISED, "ValueError('no')")
    replies = list[Reply]()
    for start, stop, seconds in [(0, 3, 20.0), (3, 5, 10.0), (5, 6, 40.0)]:
        buffer.start_clocks()
        buffer.settle(Outcome(start, stop, seconds, failure=no))
        replies.append(buffer.reply(stop, done=stop == 6))
    assert [later.began - replies[0].began for later in replies[1:]] == [60.0, 80.0]
