"""The times in replies: of early ones, too, whose rows the next reply does not repeat."""

from __future__ import annotations

import time
from typing import Any

from paramsurvey.transport.messages import Reply
from paramsurvey.worker.machine import host_name
from paramsurvey.worker.reply_buffer import ReplyBuffer


def test_an_early_reply_has_the_times_of_its_psets_and_the_next_one_those_of_all() -> None:
    buffer, early = ReplyBuffer(7, worker=3), list[Reply]()
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
    buffer: Any = ReplyBuffer(7)
    buffer.start_clocks()
    buffer.walls.append(0.5)
    first = buffer.reply(1, done=False)
    buffer.start_clocks()
    buffer.walls.append(0.25)
    second = buffer.reply(2, done=True)
    assert list(second.walls) == [0.25]
    assert second.began >= first.began
