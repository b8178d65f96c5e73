"""The workers of the pool: starting them, keeping spare ones, and letting them go."""

from __future__ import annotations

import selectors
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

from paramsurvey.backends.multiprocessing.output_relay import OutputRelay, selector_descriptors
from paramsurvey.backends.multiprocessing.pool.pool_worker import PoolWorker
from paramsurvey.backends.multiprocessing.process import WorkerProcess
from paramsurvey.errors import WorkerStartError
from paramsurvey.transport import main_file
from paramsurvey.transport.own_descriptors import OwnDescriptors, never_finalize
from paramsurvey.worker.machine import available_memory, used_memory
from paramsurvey.worker.worker_numbers import WorkerNumbers

RETIRED_SECONDS = 10.0  # how long a worker that was replaced may take to end by itself; then it is killed
FREE_MEMORY = 2  # a spare worker is started only if this many times a worker's memory is available
GOODBYE_SECONDS = 2.0  # how long workers may take to end by themselves when the pool is closed


class WorkerSet:
    """As many workers as were asked for, and sometimes spare ones, to take the places of the next ones lost.

    Parameters
    ----------
    size : int
        The number of workers.
    relay : OutputRelay
        Gets what they print.
    max_tasks : int or None
        How many psets each may run before it is replaced; None: any number.
    first_number : int
        The number of the first worker.
    gpu_ids : sequence, optional
        What ``ray.get_gpu_ids()`` returns in the workers.

    Attributes
    ----------
    spares : list of PoolWorker
        The spare workers, in the order in which they were started.
    """

    def __init__(
        self,
        size: int,
        relay: OutputRelay,
        max_tasks: int | None,
        first_number: int,
        gpu_ids: Sequence[int | str] | None,
    ) -> None:
        self.spares: list[PoolWorker] = []
        self._size = size
        self._relay = relay
        self._max_tasks = max_tasks
        self._numbers = WorkerNumbers(first_number)
        self._gpu_ids = gpu_ids
        self._selector = selectors.DefaultSelector()
        self._own = OwnDescriptors(*selector_descriptors(self._selector))
        self._workers: dict[int, PoolWorker] = {}  # by pid, without the spare ones
        self._retired: dict[PoolWorker, float] = {}  # with the time by which each must have ended

    def __iter__(self) -> Iterator[PoolWorker]:
        """Yield the workers, without the spare ones."""
        return iter(list(self._workers.values()))

    def __contains__(self, worker: PoolWorker) -> bool:
        """Tell whether this is a worker, or a spare one, that has not been let go."""
        return worker in self.spares or self._workers.get(worker.pid) is worker

    def with_spares(self) -> list[PoolWorker]:
        """Return all workers, the spare ones included."""
        return [*self._workers.values(), *self.spares]

    def has_ready_spare(self) -> bool:
        """Tell whether a spare worker could begin a pset at once."""
        return any(spare.is_ready and spare.has_loaded_job() for spare in self.spares)

    def fill_up(self) -> list[PoolWorker]:
        """Start workers for the empty places; return those that can already take a group.

        Places stay empty while more retired workers are still ending than there are places, and while the
        system lets no more start, if there are other workers.

        Raises
        ------
        WorkerStartError
            No worker can be started, and there is none.
        """
        waiting = []
        while len(self._workers) < self._size and len(self._retired) <= self._size:
            try:
                worker = self._promoted(self.spares.pop(0)) if self.spares else self._start()
            except OSError as error:
                if any(worker.is_ready for worker in self):
                    break
                raise WorkerStartError(
                    f"no worker can be started ({error}): close files or end processes that are not needed, "
                    "raise the limits (ulimit -n, ulimit -u), or give a smaller ncores="
                ) from error
            self._workers[worker.pid] = worker
            if worker.is_ready:
                waiting.append(worker)
        return waiting

    def _promoted(self, spare: PoolWorker) -> PoolWorker:
        """Return a spare worker, with the number of the worker whose place it takes."""
        self._numbers.give_back(spare.number)
        spare.renumber(self._numbers.take())
        self.watch(spare)
        return spare

    def start_spare(self, most: int) -> None:
        """Start a spare worker, if there are fewer than `most`, no place is empty, and there is memory."""
        if len(self.spares) >= most or len(self._workers) < self._size:
            return
        largest = max(used_memory(worker.pid) for worker in self)
        if available_memory() > FREE_MEMORY * largest:
            with suppress(OSError):  # the system lets no more start at the moment
                self.spares.append(self._start())

    def _start(self) -> PoolWorker:
        number = self._numbers.take()
        try:
            process = WorkerProcess(self._relay, main_file.current(), number, self._gpu_ids)
        except BaseException:
            self._numbers.give_back(number)
            raise
        worker = PoolWorker(process, number, self._max_tasks)
        self._selector.register(process.channel, selectors.EVENT_READ, worker)
        if process.pidfd is not None:
            self._selector.register(process.pidfd, selectors.EVENT_READ, worker)
        self.watch(worker)
        return worker

    # waiting for them

    def watch(self, worker: PoolWorker) -> None:
        """Wait for a worker's messages; if not everything could be sent to it, also until it takes more."""
        events = selectors.EVENT_READ
        if worker.process.channel.has_unsent:
            events |= selectors.EVENT_WRITE
        if self._selector.get_key(worker.process.channel).events != events:
            self._selector.modify(worker.process.channel, events, worker)

    def wait(self, seconds: float) -> Iterator[tuple[PoolWorker, bool]]:
        """Wait for workers that sent something, ended, or take more; yield (worker, takes more)."""
        for key, events in self._selector.select(seconds):
            if key.data in self:
                yield key.data, bool(events & selectors.EVENT_WRITE)

    # letting them go

    def remove(self, worker: PoolWorker) -> None:
        """Forget a worker that has ended, or that the caller will end."""
        if worker in self.spares:
            self.spares.remove(worker)
        else:
            del self._workers[worker.pid]
        self._numbers.give_back(worker.number)
        self._selector.unregister(worker.process.channel)
        if worker.process.pidfd is not None:
            self._selector.unregister(worker.process.pidfd)

    def retire(self, worker: PoolWorker) -> None:
        """Let a worker that has nothing in hand end by itself."""
        self.remove(worker)
        worker.process.hang_up()
        self._retired[worker] = time.monotonic() + RETIRED_SECONDS

    def end_retired(self) -> None:
        """Drop retired workers that have ended, and kill those that have not ended in `RETIRED_SECONDS`."""
        for worker, latest in list(self._retired.items()):
            if worker.process.has_exited() or time.monotonic() > latest:
                worker.process.end()
                del self._retired[worker]

    def has_its_files(self) -> bool:
        """Tell whether the files that lead to the workers are still the driver's own."""
        workers = [*self.with_spares(), *self._retired]
        return (
            self._own.are_ours()
            and self._relay.is_ours()
            and all(worker.process.has_its_files() for worker in workers)
        )

    def abandon(self) -> None:
        """Kill all workers without touching file descriptors, which may now belong to other files."""
        for worker in (*self.with_spares(), *self._retired):
            worker.process.kill()
        self._relay.abandon()
        never_finalize(self._selector, self._relay, *self.with_spares(), *self._retired)
        self._workers.clear()
        self._retired.clear()
        self.spares.clear()

    def close(self) -> None:
        """End all workers: those that wait end by themselves; those that still run or start are killed."""
        workers = [*self.with_spares(), *self._retired]
        for worker in workers:
            with suppress(OSError):
                worker.process.hang_up()
        deadline = time.monotonic() + GOODBYE_SECONDS
        for worker in workers:
            if worker.is_ready and not worker.groups:
                worker.process.await_exit(deadline - time.monotonic())
            worker.process.end()
        self._workers.clear()
        self._retired.clear()
        self.spares.clear()
        self._selector.close()
