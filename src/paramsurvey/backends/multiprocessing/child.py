"""The life of a worker process: it serves one connection until the driver hangs up.

It is not started by `multiprocessing`, and imports the main file only if that has a guard. That is why no
``if __name__ == '__main__'`` is needed, and why a worker starts fast.
"""

from __future__ import annotations

import atexit
import faulthandler
import os
import pickle
import signal
import sys
import threading
from contextlib import suppress
from importlib import import_module
from time import sleep  # not time.sleep, which a pset may replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paramsurvey.backends.multiprocessing.channel import WorkerChannel

MODULES_OF_FIRST_JOB = ("cloudpickle", "paramsurvey.transport.decoders")  # modules that most functions need
HELLO = b"hello"  # a worker's first message, which says that it is ready
PARENT_SECONDS = 0.5  # between checks whether the driver is still there
CONNECTION_CLOSED = (
    "the function, or worker_init, has closed file descriptors that it had not opened (as os.closerange "
    "does), among them the worker's connection: close only what it has opened"
)


def main(
    socket_fd: int, mark_fd: int, output_fd: int, lifeline: int, driver: int, modules: Sequence[str]
) -> None:
    """Serve the driver on `socket_fd`; note the running pset in the memory behind `mark_fd`.

    If output is stored, what psets print goes to the file behind `output_fd`. The pipe `lifeline` breaks when
    the driver is gone; the system then ends this process, if it can. The `modules` are imported while
    the driver is busy.
    """
    from paramsurvey.backends.multiprocessing import identity
    from paramsurvey.backends.multiprocessing.channel import WorkerChannel
    from paramsurvey.transport.child_startup import note_begun
    from paramsurvey.transport.own_descriptors import OwnDescriptors

    note_begun()
    channel = WorkerChannel(socket_fd)
    _prepare_process(driver, mark_fd)
    for module in modules:
        import_module(module)
    sys.argv[:], main, number, gpu_ids = pickle.loads(channel.receive())
    identity.be_child_of(driver, lifeline)
    identity.be_worker(number)
    _report_gpu_ids(gpu_ids)
    _load_main_file(main)
    own = OwnDescriptors(socket_fd)
    try:
        serve(channel, mark_fd, output_fd, number, own.are_ours, () if modules else MODULES_OF_FIRST_JOB)
    except (BrokenPipeError, ConnectionResetError):  # the driver hung up, so it is not waiting for an answer
        pass
    except OSError:
        if own.are_ours():
            raise
    if not own.are_ours():
        sys.exit(CONNECTION_CLOSED)
    _exit_quickly()


def _report_gpu_ids(gpu_ids: Any) -> None:
    if gpu_ids is not None:
        from paramsurvey.worker.assigned_gpus import report_gpu_ids

        report_gpu_ids(gpu_ids)


def _load_main_file(main: Any) -> None:
    """Import the program's main file while the driver is busy; if it fails, the job that needs it says so."""
    from paramsurvey.transport import main_file
    from paramsurvey.worker.job_loading import JobNotLoadable, load_main_file

    main_file.become_worker()
    with suppress(JobNotLoadable):
        load_main_file(main)


def _exit_quickly() -> None:
    """Exit like `sys.exit`, but without tearing down all modules, because the driver waits for the end."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(0)


def _prepare_process(driver: int, mark_fd: int) -> None:
    os.lseek(mark_fd, 0, os.SEEK_END)
    faulthandler.enable(mark_fd)  # into the file behind the mark, which the driver reads
    # Ctrl-C is for the driver, which ends this worker if necessary
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # the program may ignore its children, and a function that runs programs would get 0 as every exit code
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):  # which the driver reads as UTF-8, whatever the locale is
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]  # real files here
    threading.Thread(target=_die_with_driver, args=(driver,), daemon=True, name="paramsurvey-parent").start()


def _die_with_driver(driver: int) -> None:
    """End this process and all that it started when the driver is gone, even by ``kill -9``."""
    while os.getppid() == driver:
        sleep(PARENT_SECONDS)
    os.killpg(0, signal.SIGKILL)


def serve(
    channel: WorkerChannel,
    mark_fd: int,
    output_fd: int,
    number: int,
    is_connected: Callable[[], bool],
    modules: Sequence[str],
) -> None:
    """Answer jobs and groups until there are no more, or until loading a job has closed the connection.

    The modules are imported while the driver is still getting ready.
    """
    # imported only here, now that sys.path leads to the packages
    from paramsurvey.backends.multiprocessing.inbox import ArrivedJob, Inbox
    from paramsurvey.backends.multiprocessing.served_job import ServedJob
    from paramsurvey.backends.multiprocessing.shared_mark import shared_mark
    from paramsurvey.transport.messages import Answer
    from paramsurvey.worker.runner import pickle_reply

    sending = threading.Lock()

    def send(answer: Answer) -> None:
        message = pickle_reply(answer)
        with sending:
            channel.send(message)

    mark = shared_mark(mark_fd)
    channel.send(HELLO)
    for module in modules:
        import_module(module)
    inbox = Inbox(channel, mark.running, send, number)
    job = ServedJob(mark, output_fd, send)
    while (arrived := inbox.take()) is not None:
        if not isinstance(arrived, ArrivedJob):
            job.run(arrived, inbox.number)
            continue
        runner = job.load(arrived)
        if not is_connected():
            return  # worker_init has closed it, and a pset must not begin if it cannot be answered
        if runner is not None:
            inbox.follow(runner)
