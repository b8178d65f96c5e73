"""What executors and the engines behind them differ in: can they be used, and how many workers have they?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Container
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import Any

from paramsurvey.errors import OptionError, with_article

WORKER_COUNTS = ("_max_workers", "num_workers", "max_workers")  # attributes that executors do not promise
ASK_SECONDS = 2.0  # workers come and go over minutes, and asking costs the engine something
GONE = ("closing", "closed")  # the status of a Dask client that has lost its scheduler
Ask = Callable[[Any], int]


def checked_executor(executor: Any) -> Executor:
    """Return the executor.

    Raises
    ------
    OptionError
        It is only a name, or not a `concurrent.futures.Executor`, so that what its ``submit`` returns can
        neither be waited for nor cancelled like a Future.
    """
    if isinstance(executor, str):
        raise OptionError("backend='futures' needs an executor: give it itself, as in init(backend=executor)")
    if not isinstance(executor, Executor):
        raise OptionError(
            f"{full_name(executor)} is not a concurrent.futures.Executor, so its submit() need not return a "
            "concurrent.futures.Future: give an executor, such as client.get_executor() of a Dask client"
        )
    return executor


def checked_future(
    future: Any, executor: Executor, others: Container[Future[list[bytes]]] = ()
) -> Future[list[bytes]]:
    """Return what ``submit`` returned.

    Parameters
    ----------
    future : object
    executor : Executor
    others : container of Future
        Those of other groups: none can stand for two.

    Raises
    ------
    OptionError
        It is not a `concurrent.futures.Future`, or is one of the others.
    """
    if not isinstance(future, Future):
        with suppress(Exception):  # whatever it is, perhaps it can be cancelled
            future.cancel()
        fault = "not a concurrent.futures.Future"
    elif future in others:
        fault = "the future of other work"
    else:
        return future
    raise OptionError(
        f"{full_name(executor)}.submit() returned {with_article(full_name(future))}, which is {fault}: "
        "use another executor, or the multiprocessing backend"
    )


def outcome_of(future: Future[Any]) -> tuple[Any, BaseException | None]:
    """Return a finished future's result and None; or None and its exception, even if it was cancelled."""
    try:
        error = future.exception()
        return (future.result(), None) if error is None else (None, error)
    except BaseException as error:  # of the executor's transport, even asyncio's CancelledError
        return None, error


def full_name(thing: object) -> str:
    """Return the name of an object's class, with its module.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> full_name(ThreadPoolExecutor())
    'concurrent.futures.thread.ThreadPoolExecutor'
    """
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def may_cancel(executor: Any) -> bool:
    """Tell whether futures may be cancelled; executorlib's own threads die when one is."""
    return not type(executor).__module__.startswith("executorlib.")


def why_gone(executor: Any) -> str:
    """Return why an engine is gone, even though its ``submit`` does not say so; else an empty text."""
    with suppress(Exception):  # none of this is part of what executors promise
        status = getattr(getattr(executor, "_client", None), "status", None)
        if status in GONE:  # its futures would wait for it for ever
            return f"its Dask client is {status}, and the scheduler probably dead"
    with suppress(Exception):
        engines = _parsl_engines(executor)
        if any(_has_lost_its_interchange(engine) for engine in engines):  # what it had never comes back
            return "the interchange of Parsl's HighThroughputExecutor has ended"
        if engines and all(engine.bad_state_is_set for engine in engines):
            return (
                "Parsl has given up because its blocks ended; with block_error_handler=False, its "
                "HighThroughputExecutor starts others"
            )
    return ""


def _has_lost_its_interchange(engine: Any) -> bool:
    """Tell whether the process that passes on tasks and results is gone, which Parsl does not notice."""
    process = getattr(engine, "interchange_proc", None)
    return process is not None and process.poll() is not None


def how_to_renew(executor: Any) -> str:
    """Return what to do when an executor is broken for good."""
    kind = full_name(executor)
    if kind.startswith("loky.reusable_executor."):
        return "call loky.get_reusable_executor() again, which makes a new one, for what is missing"
    if kind.startswith("executorlib."):
        return "make a new executor for what is missing, with restart_limit=, so that it replaces processes"
    return "make a new executor for what is missing"


class WorkerCount:
    """How many workers an executor has.

    If workers come and go, a thread asks again and again while a map runs: a dead engine may never answer,
    and the survey must not wait for it.

    Parameters
    ----------
    executor : Executor
    given : int, optional
        The number that the user has given. If it is above 0, the engine is not asked.
    otherwise : int
        The number to assume if the executor says nothing.

    Attributes
    ----------
    now : int
    """

    def __init__(self, executor: Any, given: int | None, otherwise: int) -> None:
        self._executor = executor
        changing = None if given else next((ask for ask in ELASTIC if ask_safely(ask, executor)), None)
        self._ask = changing
        self._ended = threading.Event()
        self._heard = time.monotonic()  # when the engine last told of workers
        self.now = given or ask_safely(changing or _as_attribute, executor) or otherwise

    def begin(self) -> None:
        """Ask from now on."""
        self._heard = time.monotonic()
        if self._ask is not None:
            self._ended = threading.Event()
            asks = threading.Thread(
                target=self._keep_asking,
                args=(self._ask, self._ended),
                daemon=True,
                name="paramsurvey-workers",
            )
            with suppress(RuntimeError):  # no thread can be started: the count stays as it is
                asks.start()

    def end(self) -> None:
        """Ask no more; a question that is still unanswered is left behind."""
        self._ended.set()

    def seconds_without_workers(self) -> float:
        """Return for how long the engine has had no workers, or not answered; 0 if it is not asked."""
        return 0.0 if self._ask is None else time.monotonic() - self._heard

    def _keep_asking(self, ask: Ask, ended: threading.Event) -> None:
        while not ended.is_set():
            if count := ask_safely(ask, self._executor):  # while there are none, the last number stays
                self.now, self._heard = count, time.monotonic()
            ended.wait(ASK_SECONDS)


def ask_safely(ask: Ask, executor: Any) -> int:
    """Return what an executor says; 0 if it says nothing."""
    try:
        return ask(executor)
    except Exception:  # none of this is part of what executors promise
        return 0


def _as_attribute(executor: Any) -> int:
    for name in WORKER_COUNTS:
        count = getattr(executor, name, None)
        if isinstance(count, int) and count > 0:
            return count
    return 0


def _of_dask(executor: Any) -> int:
    """Return how many threads the cluster's workers have, each of which runs a group."""
    return int(sum(executor._client.nthreads().values()))


def _of_parsl(executor: Any) -> int:
    """Return how many workers there are; before the first one has come, how many a block will have."""
    return sum(_of_parsl_engine(engine) for engine in _parsl_engines(executor))


def _parsl_engines(executor: Any) -> list[Any]:
    wanted = getattr(executor, "executors", "all")
    return [
        engine
        for label, engine in executor._dfk.executors.items()
        if label in wanted or (wanted == "all" and not label.startswith("_parsl"))
    ]


def _of_parsl_engine(engine: Any) -> int:
    if hasattr(engine, "connected_managers"):
        there = sum(manager["worker_count"] for manager in engine.connected_managers() if manager["active"])
        return int(there or engine.workers_per_node * engine.provider.nodes_per_block)
    return int(getattr(engine, "max_threads", 0) or getattr(engine, "max_workers", 0))


ELASTIC = (_of_dask, _of_parsl)
