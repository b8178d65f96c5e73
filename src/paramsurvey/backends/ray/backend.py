"""Workers on a Ray cluster, or on a Ray of our own on this machine.

Each group is a Ray task, and Ray chooses the node. In a Ray worker, a `NestedWorker` has the group run by a
worker process like those of the multiprocessing backend, so that it is known which pset crashed or took too
long, and no Ray worker ends because of it.
"""

from __future__ import annotations

import gc
import os
import time
import uuid
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from paramsurvey.backends.answer_deadline import AnswerDeadline
from paramsurvey.backends.answers import AnswerUnreadable, read_answer
from paramsurvey.backends.forked_process import check_not_forked
from paramsurvey.backends.nested_worker_setup import NestedWorkerSetup
from paramsurvey.backends.ray.calls_in_threads import call_in_thread
from paramsurvey.backends.ray.connection import ClusterWatch, Connection, Node
from paramsurvey.backends.ray.lost_tasks import LossesInARow, answer_for, died, node_lost, out_of_memory
from paramsurvey.backends.ray.ray_options import (
    check_init_options,
    check_task_options,
    resources_of,
    task_slots,
)
from paramsurvey.backends.ray.stopped_worker import TaskBegun, end_worker
from paramsurvey.backends.ray.task import run_group
from paramsurvey.backends.reloaded_modules import Reloads
from paramsurvey.engine.backend import Backend, CallsForeignCode, Resources
from paramsurvey.engine.deadline import LONGEST_WAIT
from paramsurvey.engine.options import Options
from paramsurvey.errors import (
    BackendLost,
    BackendMissing,
    OptionError,
    ParamsurveyWarning,
)
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.messages import (
    Answer,
    Answers,
    CaptureMode,
    FailureKind,
    Group,
    Job,
    LostGroup,
    Reply,
)
from paramsurvey.worker.machine import wanted_workers
from paramsurvey.worker.ray_references import make_references_sendable

HEAD_SECONDS = 15.0  # without an answer, before the head counts as dead; after 60, Ray ends this process
FIRST_ANSWER_SECONDS = 10.0  # to wait until the nodes are known
MOST_LOSSES = 10  # of Ray workers, one after the other without an answer; one pset alone costs up to four


@dataclass(slots=True)
class RayTask:
    """A group that Ray has, the generator of its answers, and, once it has begun, where it runs.

    A task says that it has begun only if there is a timeout, because each message costs the driver time.
    """

    group: Group
    answers: Any
    losses_before: int
    where: TaskBegun | None = None
    last_heard: float | None = None


class RayBackend:
    """Ray tasks, one for each group.

    Parameters
    ----------
    options : Options
        ``ncores`` (how many cores a local Ray gets, or how many of a cluster's to use),
        ``threads_per_worker``, ``max_tasks_per_child``, ``start_timeout`` and ``verbose`` are used.
    own : mapping
        For ``ray.init``.

    Raises
    ------
    BackendMissing
        Ray is not installed.
    BackendUnreachable
        No Ray answers at the address, or it is one of Ray Client.
    """

    name = "ray"
    captures = frozenset({CaptureMode.PASS, CaptureMode.STORE})
    runs_here = False
    can_recall = False

    def __init__(self, options: Options, own: Mapping[str, Any]) -> None:
        self._ray = import_ray()
        self._owner = os.getpid()
        make_references_sendable(self._ray)
        self._options = options
        self._own = check_init_options(self._ray, own)
        self._in_hand: dict[int, RayTask] = {}  # by group
        self._tasks: dict[tuple[tuple[str, Any], ...], Any] = {}
        self._suspects: set[int] = set()  # rows that were running when memory ran out
        self._reloads = Reloads()
        self._generation = 0  # of the caller's modules
        self.may_block: Callable[[], AbstractContextManager[None]] = nullcontext
        self._pool = uuid.uuid4().hex  # by which Ray workers number themselves
        self._connect()

    def _connect(self) -> None:
        threads, ncores = self._options.threads_per_worker, self._options.ncores
        cores = threads * wanted_workers(ncores, threads)
        self._connection = Connection(self._ray, self._own, cores, self._options.verbose)
        self._limit = None if self._connection.is_local else ncores  # a local Ray has only that many cores
        self._watch = ClusterWatch(self._connection.nodes)

    def check_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a map's or a pset's options with Ray's own names.

        Raises
        ------
        OptionError
            Names the one that is unknown, or has an impossible value.
        """
        checked = check_task_options(options)
        self._check_possible(options, {**self._defaults(), **checked})
        return checked

    def _defaults(self) -> dict[str, Any]:
        return {"num_cpus": self._options.threads_per_worker}

    def _check_possible(self, given: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        """Refuse what no node of our own Ray has; for a cluster, only warn, since such a node may join."""
        if any(task_slots(node, options) for node in self._nodes()):
            return
        wanted = ", ".join(f"{name}={value}" for name, value in given.items())
        if self._connection.is_local:
            raise OptionError(f"the local Ray has less than {wanted}: ask for less, or use a cluster")
        if self._options.verbose > 0:
            warnings.warn(
                f"no node of the cluster has {wanted}: psets wait until one joins; ask for less, or add one",
                ParamsurveyWarning,
                stacklevel=2,
            )

    def open(self, job: Job, options: Mapping[str, Any]) -> None:
        """Put the job where all nodes find it."""
        check_not_forked(self._owner, "Ray")
        if not self._connection.is_open():
            self._leave()
            self._connect()
        self._job = job
        self._generation += self._reloads.any_since_last_call()
        self._map_options = {**self._defaults(), "name": job.name, **options}
        self._job_ref = call_in_thread(partial(self._ray.put, job), self.may_block)
        self._answer_deadline = AnswerDeadline(job.timeout, job.keep_groups)
        self._losses, self._last_loss = LossesInARow(), ""
        self._counted: list[Node] | None = None  # the nodes whose slots `_map_slots` is the number of
        self._map_slots = 0
        self._tasks.clear()
        self._suspects.clear()

    def capacity(self) -> int:
        """Return how many more groups the living nodes can take: one for each slot, and a few that wait."""
        nodes = self._nodes()
        if nodes is not self._counted:
            self._counted, self._map_slots = nodes, self._slots(self._map_options)
        waiting = 0 if self._limit else 1 + self._map_slots // 4
        return self._map_slots + waiting - len(self._in_hand)

    def _slots(self, options: Mapping[str, Any]) -> int:
        slots = sum(task_slots(node, options) for node in self._nodes())
        return min(slots, self.core_count()) if self._limit else slots

    def reserve(self) -> int:
        """Return 0: no group waits in a worker."""
        return 0

    def largest_group(self) -> int | None:
        """Return how many psets a worker may run in its lifetime."""
        return self._options.max_tasks_per_child

    def submit(self, group: Group) -> None:
        """Make the group a task."""
        with self._connection.connected():
            self._in_hand[group.id] = RayTask(group, self._start(group), self._losses.total)

    def _start(self, group: Group) -> Any:
        options = {**self._map_options, **(group.options or {})}
        setup = self._setup(options["num_cpus"])
        if not self._suspects.isdisjoint(group.rows):
            options["num_cpus"] = max(self._largest_node(), options["num_cpus"])
        tells = self._job.timeout is not None
        key = tuple(sorted(options.items()))
        is_new = key not in self._tasks  # then Ray asks the head first, which may hang
        if is_new:
            task = self._ray.remote(max_retries=0, num_returns="streaming", **options)
            self._tasks[key] = task(run_group)
        start = partial(self._tasks[key].remote, setup, self._job.key, [self._job_ref], group, tells)
        return call_in_thread(start, self.may_block) if is_new else start()

    def _largest_node(self) -> float:
        """Return the cores of the largest node, so that a task that asks for all of them runs alone there."""
        return max((node["Resources"].get("CPU", 0.0) for node in self._nodes()), default=1.0)

    def _setup(self, cores: float) -> NestedWorkerSetup:
        threads = str(max(1, int(cores)))
        variables = tuple((name, threads) for name in self._job.environment)
        options = self._options
        return NestedWorkerSetup(
            options.max_tasks_per_child, variables, self._generation, self._pool, options.start_timeout
        )

    def poll(self, timeout: float) -> Answers:
        """Return what nested workers have answered, and the losses of tasks that will not answer."""
        self._check_losses()
        with self._connection.connected():
            answers = self._arrived(timeout)
        self._check_cluster()
        return [*answers, *self._overdue()]

    def _arrived(self, timeout: float) -> list[Answer]:
        """Wait for answers, and return them."""
        answers: list[Answer] = []
        for group_id in self._ready(min(timeout, LONGEST_WAIT)):
            task = self._in_hand[group_id]
            answer = self._read_message(task)
            task.last_heard = time.perf_counter()
            if isinstance(answer, TaskBegun):
                task.where = answer
                continue
            self._answer_deadline.answered()
            self._note_loss(task, answer)
            answers.append(answer)
            if not isinstance(answer, Reply) or answer.done:
                del self._in_hand[group_id]
        return answers

    def _overdue(self) -> list[Answer]:
        """Give up groups whose Ray worker no longer answers, and have it killed, to free its core."""
        if not self._answer_deadline.is_check_due():
            return []
        is_over = self._answer_deadline.is_over
        late = [task for task in self._in_hand.values() if is_over(len(task.group), task.last_heard)]
        for task in late:
            self.abort(task.group.id)
            if task.where is not None:
                end_worker(self._ray, task.where)
        losses: list[Answer] = [
            LostGroup(task.group.id, node_lost("its Ray worker no longer answers")) for task in late
        ]
        for task, loss in zip(late, losses, strict=True):
            self._note_loss(task, loss)
        return losses

    def _note_loss(self, task: RayTask, answer: Answer) -> None:
        """Count a loss of a Ray worker; an answer of any is the end of the row."""
        if isinstance(answer, LostGroup) and answer.failure.kind is FailureKind.NODE_LOST:
            self._losses.lost(task.losses_before)
            self._last_loss = answer.failure.exception
        elif isinstance(answer, Reply):
            self._losses.answered()

    def _check_losses(self) -> None:
        """Raise BackendLost if no Ray worker lives long enough to answer."""
        if self._losses.count >= MOST_LOSSES:
            raise BackendLost(
                f"Ray workers were lost {self._losses.count} times one after the other, without an answer "
                f"({self._last_loss}); what had finished is in paramsurvey.last_results(): see whether "
                "worker_init or the psets end their parent process, and Ray's logs in "
                "/tmp/ray/session_latest/logs, and run what is missing"
            )

    def _ready(self, timeout: float) -> list[int]:
        """Wait for an answer; return the ids of the groups that have one now."""
        if not self._in_hand:
            time.sleep(timeout)  # for nodes to join
            return []
        groups = {task.answers: group_id for group_id, task in self._in_hand.items()}
        ready, rest = self._ray.wait(list(groups), num_returns=1, timeout=timeout)
        if ready and rest:
            ready += self._ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        return [groups[answers] for answers in ready]

    def _read_message(self, task: RayTask) -> Answer | TaskBegun:
        group = task.group
        try:
            packed = self._ray.get(next(task.answers))
        except StopIteration:
            return LostGroup(group.id, died("its Ray task ended without an answer"))
        except self._ray.exceptions.OutOfMemoryError as error:
            self._suspects.update(group.rows)  # Ray only guessed which worker to end: run these one by one
            return out_of_memory(group.id, str(error))
        except self._ray.exceptions.RayError as error:
            return answer_for(self._ray.exceptions, group.id, error)
        try:
            answer: Answer | TaskBegun = read_answer(packed)
        except AnswerUnreadable as error:
            return LostGroup(group.id, error.failure)
        return answer

    def _check_cluster(self) -> None:
        """Raise BackendLost if the head, or the node that this process belongs to, is gone."""
        silence, nodes = self._watch.silence(), self._watch.nodes()
        if silence > HEAD_SECONDS:
            self._give_up(
                f"the head of the Ray cluster has been silent for {silence:.0f} s, and is probably dead"
            )
        if self._watch.has_answered() and self._connection.node_id not in [node["NodeID"] for node in nodes]:
            self._give_up("the Ray node to which this program is connected has died")

    def _give_up(self, reason: str) -> None:
        # After the connection is dropped, Ray ends this process if it is asked for anything, or if one of its
        # references is freed. So none may be left, in the exception's frames or in garbage not yet collected.
        self._watch.close()
        self._in_hand.clear()
        self._job_ref = None
        gc.collect()
        self._connection.drop()
        raise BackendLost(
            f"{reason}; what had finished is in paramsurvey.last_results(): "
            "start the cluster again, and run what is missing"
        )

    def running(self, group_id: int) -> tuple[int, float] | None:
        """Return None: the nested workers enforce the timeout."""
        return None

    def recall(self, group_id: int) -> None:
        """Do nothing: a group that has begun runs to its end."""

    def abort(self, group_id: int) -> None:
        """Cancel the task, and end the Ray worker that runs it, if any."""
        task = self._in_hand.pop(group_id, None)
        if task is not None and self._connection.is_open():
            # a TypeError is raised if its node is lost
            with suppress(self._ray.exceptions.RayError, ValueError, TypeError):
                self._ray.cancel(task.answers, force=True)

    def end_job(self) -> None:
        """Cancel what is still in hand."""
        for group_id in list(self._in_hand):
            self.abort(group_id)
        self._job_ref = None

    def core_count(self) -> int:
        """Return the cores of all living nodes, or how many of them may be used."""
        total = int(sum(node["Resources"].get("CPU", 0) for node in self._nodes()))
        limit = self._limit or total
        return max(1, total + limit) if limit < 0 else min(limit, total)

    def resources(self) -> list[Resources]:
        """Return the living nodes."""
        return [resources_of(node["Resources"]) for node in self._nodes()]

    def _nodes(self) -> list[Node]:
        return self._watch.nodes(FIRST_ANSWER_SECONDS)

    def close(self) -> None:
        """Leave the cluster; end Ray if it was started here."""
        self._leave()

    def _leave(self) -> None:
        self._watch.close()
        self._connection.close()


def import_ray() -> Any:
    """Return the package ray.

    Raises
    ------
    BackendMissing
    """
    try:
        import ray
    except ImportError as error:
        raise BackendMissing("ray is not installed: pip install 'paramsurvey[ray]'") from error
    return ray


if TYPE_CHECKING:
    from paramsurvey.engine.options import DEFAULTS

    _: Backend = RayBackend(DEFAULTS, {})
    _calls: CallsForeignCode = RayBackend(DEFAULTS, {})
