"""Workers that die, are stopped, or have run enough: other workers take their places."""

from __future__ import annotations

from paramsurvey.backends.multiprocessing.pool import worker_failures
from paramsurvey.backends.multiprocessing.pool.groups_in_hand import GroupsInHand
from paramsurvey.backends.multiprocessing.pool.pool_worker import PoolWorker
from paramsurvey.backends.multiprocessing.pool.spare_workers import SpareWorkers
from paramsurvey.backends.multiprocessing.pool.worker_files import WorkerFiles
from paramsurvey.backends.multiprocessing.pool.worker_set import WorkerSet
from paramsurvey.transport import main_file
from paramsurvey.transport.messages import Failure, Job

MOST_FAILED_STARTS = 3  # workers in a row that end before their first pset; then the map ends
LAST_STEPS_SECONDS = 1.0  # for a worker whose connection has ended to exit; then it is killed


class WorkerReplacement:
    """Ends workers, reports what they had in hand, and starts others in their places.

    Parameters
    ----------
    workers : WorkerSet
    in_hand : GroupsInHand
        Told which groups are lost, and given the workers that can begin a group at once.
    files : WorkerFiles
        The files that lead to the workers.
    size : int
        The number of workers.
    start_timeout : float
        How many seconds a worker may take to start, and to load a job.
    """

    def __init__(
        self, workers: WorkerSet, in_hand: GroupsInHand, files: WorkerFiles, size: int, start_timeout: float
    ) -> None:
        self._workers = workers
        self._in_hand = in_hand
        self._files = files
        self._size = size
        self._start_timeout = start_timeout
        self._spare_workers = SpareWorkers(size)
        self._failed_starts = 0
        self._output_stem = ""

    def begin_map(self, job: Job, losses_are_likely: bool) -> None:
        """Begin counting anew, for a new map.

        Parameters
        ----------
        job : Job
        losses_are_likely : bool
            Whether psets may run out of time, or workers are replaced after a while.
        """
        self._failed_starts = 0
        self._spare_workers = SpareWorkers(self._size, losses_are_likely)
        self._output_stem = job.capture.stem

    def end_map(self) -> None:
        """Keep no more of what psets print."""
        self._output_stem = ""

    def note_reply(self) -> None:
        """Take note that workers can run psets."""
        self._failed_starts = 0

    # starting workers

    def fill_up(self) -> None:
        """Start workers for all places that are empty."""
        self._in_hand.waiting.extend(self._workers.fill_up())

    def start_spare(self) -> None:
        """Start a spare worker if one is wanted."""
        self._workers.start_spare(self._spare_workers.wanted(list(self._workers)))

    # ending workers

    def retire_used_up(self, worker: PoolWorker) -> None:
        """Let a worker that has run enough end by itself, and start another."""
        self._spare_workers.note_replacement()
        self._workers.retire(worker)
        self.fill_up()

    def stop(self, worker: PoolWorker, offset: int | None, failure: Failure) -> None:
        """Kill a worker, report why its first group is lost, and start another."""
        self._files.check()
        self.end(worker)
        self._in_hand.lose(worker, offset, failure)
        self.fill_up()

    def end(self, worker: PoolWorker) -> None:
        """Kill a worker, and give it no more groups."""
        self._forget(worker)
        worker.process.end(self._output_stem)

    def replace_dead(self, worker: PoolWorker) -> None:
        """Report what a dead worker had in hand, and start another.

        Raises
        ------
        WorkerStartError
            `MOST_FAILED_STARTS` workers in a row have ended before their first pset: no other will do better.
        """
        self._files.check()
        self._forget(worker)
        process = worker.process
        process.await_exit(LAST_STEPS_SECONDS)
        has_exited = process.has_exited()
        code = process.end(self._output_stem)
        crash, hung_up = worker_failures.crash_failure, worker_failures.hung_up_failure
        failure = crash(process, code) if has_exited else hung_up(process)
        self._in_hand.lose(worker, worker.last_offset(), failure)
        if not worker.ever_ran():
            self._failed_starts += 1
        if self._failed_starts >= MOST_FAILED_STARTS:
            self._failed_starts = 0
            raise worker_failures.never_started(MOST_FAILED_STARTS, process, code)
        self.fill_up()

    def stop_starting(self, worker: PoolWorker) -> None:
        """Replace a worker that takes too long to start, or to load the job.

        Raises
        ------
        WorkerStartError
            No other worker has got further.
        """
        others = [other for other in self._workers if other is not worker]
        main, was_ready = main_file.current(), worker.is_ready
        self._forget(worker)
        code = worker.process.end(report_line=True)
        self._in_hand.lose(worker, None, worker_failures.crash_failure(worker.process, code))
        if any(other.ever_ran() or (other.is_ready and not was_ready) for other in others):
            self.fill_up()
        elif main is not None and not was_ready:
            raise worker_failures.main_file_blocks(main, worker.process, self._start_timeout)
        else:
            raise worker_failures.loading_blocks(worker.process, self._start_timeout)

    def _forget(self, worker: PoolWorker) -> None:
        if worker.groups:
            self._spare_workers.note_loss(len(self._workers.spares), self._workers.has_ready_spare())
        self._workers.remove(worker)
        self._in_hand.forget_worker(worker)
