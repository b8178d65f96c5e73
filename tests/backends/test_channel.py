"""Messages over a socket: whole, in order, and without waiting in the driver."""

from __future__ import annotations

import os
import socket
import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from paramsurvey.backends.multiprocessing import channel
from paramsurvey.backends.multiprocessing.channel import (
    HEADER,
    MARK,
    ConnectionGarbled,
    DriverChannel,
    WorkerChannel,
)

HUGE, ENDLESS = (
    MARK + b"\x00\x7f" + bytes(6),
    MARK + b"\xff" * 8,
)  # headers of messages that nobody has room for


@pytest.fixture
def ends() -> Iterator[tuple[DriverChannel, WorkerChannel]]:
    ours, theirs = socket.socketpair()
    driver, worker = DriverChannel(ours), WorkerChannel(theirs.detach())
    yield driver, worker
    driver.close()
    os.close(worker.fileno())


def received(driver: DriverChannel, count: int) -> list[bytes]:
    """Read until there are `count` messages."""
    messages: list[bytes] = []
    while len(messages) < count:
        messages += map(bytes, driver.receive())
    return messages


def test_messages_of_any_size_arrive_whole_and_in_order(ends: tuple[DriverChannel, WorkerChannel]) -> None:
    driver, worker = ends
    sent = [b"", b"a", b"b" * 100_000, b"c" * 5_000_000, b"d"]
    thread = threading.Thread(target=lambda: [worker.send(message) for message in sent])
    thread.start()
    assert received(driver, len(sent)) == sent
    thread.join()


def test_sending_to_a_worker_that_does_not_read_does_not_wait(
    ends: tuple[DriverChannel, WorkerChannel],
) -> None:
    driver, worker = ends
    large = os.urandom(10_000_000)
    driver.send(b"first ", b"message")
    driver.send(large)
    assert driver.has_unsent
    assert bytes(worker.receive()) == b"first message"
    arrived: list[bytes] = []
    thread = threading.Thread(target=lambda: arrived.append(bytes(worker.receive())))
    thread.start()
    while driver.has_unsent:
        driver.flush()
    thread.join()
    assert arrived == [large]


def test_reading_when_nothing_is_there_does_not_wait(ends: tuple[DriverChannel, WorkerChannel]) -> None:
    driver, _ = ends
    assert list(driver.receive()) == []


@pytest.mark.parametrize("count", [1, HEADER.size - 1, HEADER.size, HEADER.size + 3])
def test_half_a_message_is_waited_for_without_blocking(
    ends: tuple[DriverChannel, WorkerChannel], count: int
) -> None:
    driver, worker = ends
    message = HEADER.pack(MARK, 5) + b"hello"
    os.write(worker.fileno(), message[:count])
    assert list(driver.receive()) == []
    os.write(worker.fileno(), message[count:])
    assert list(driver.receive()) == [b"hello"]


@pytest.mark.parametrize("stray", [b"x", b"print me\n", b"ps?", bytes(100), HUGE, ENDLESS])
def test_what_is_no_message_is_noticed(ends: tuple[DriverChannel, WorkerChannel], stray: bytes) -> None:
    driver, worker = ends
    worker.send(b"a message")
    os.write(worker.fileno(), stray)
    messages = driver.receive()
    assert next(messages) == b"a message"
    with pytest.raises(ConnectionGarbled):
        next(messages)


def test_a_header_alone_takes_no_room_for_all_that_it_promises(
    ends: tuple[DriverChannel, WorkerChannel],
) -> None:
    driver, worker = ends
    os.write(worker.fileno(), HEADER.pack(MARK, 1 << 40) + b"all that comes")
    tracemalloc.start()
    assert list(driver.receive()) == []
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 * channel.MOST_ROOM


def test_the_room_for_a_message_grows_with_what_arrives(
    ends: tuple[DriverChannel, WorkerChannel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "MOST_ROOM", 1000)
    driver, worker = ends
    sent = [os.urandom(999), os.urandom(1_000_000), b"short", os.urandom(1_001_001)]
    thread = threading.Thread(target=lambda: [worker.send(message) for message in sent])
    thread.start()
    assert received(driver, len(sent)) == sent
    thread.join()


def test_only_much_of_a_long_message_or_its_end_is_a_sign_of_life(
    ends: tuple[DriverChannel, WorkerChannel], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(100))
    monkeypatch.setattr(channel, "perf_counter", lambda: next(times))
    monkeypatch.setattr(channel, "PIECE", 100)
    driver, worker = ends
    seen = []
    for part in [HEADER.pack(MARK, 300), b"x", b"x", b"x" * 98, b"x", b"x" * 100, b"x" * 98, b"x"]:
        os.write(worker.fileno(), part)
        messages, before = list(driver.receive()), driver.active
        seen.append((len(messages), before))
    assert [active - seen[0][1] for _, active in seen] == [0, 0, 0, 1, 1, 2, 2, 3]
    assert [count for count, _ in seen] == [0] * 7 + [1]


def test_the_end_comes_after_all_messages() -> None:
    ours, theirs = socket.socketpair()
    driver, worker = DriverChannel(ours), WorkerChannel(theirs.detach())
    worker.send(b"last words")
    os.close(worker.fileno())
    messages = driver.receive()
    assert next(messages) == b"last words"
    with pytest.raises(EOFError):
        next(messages)
    driver.close()


def test_a_file_descriptor_follows_its_message(ends: tuple[DriverChannel, WorkerChannel]) -> None:
    driver, worker = ends
    reading, writing = os.pipe()
    driver.send(b"here is a file", fd=writing)
    os.close(writing)  # the channel has its own
    driver.send(b"and more")
    assert bytes(worker.receive()) == b"here is a file"
    got = worker.receive_fd()
    assert bytes(worker.receive()) == b"and more"
    os.write(got, b"through")
    os.close(got)
    assert os.read(reading, 10) == b"through"
    os.close(reading)
