"""The page's server: a socket that only this machine can reach, and uvicorn."""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

from paramsurvey.errors import PackageMissing
from paramsurvey.transport.child_startup import note_begun

BACKLOG = 64
GOODBYE_SECONDS = 1
NICE = 10  # next to something else that is busy, a process this nice gets a tenth of a core
SESSION_NICE = Path("/proc/self/autogroup")  # where Linux shares out the cores by session, its priority


def listening_socket(port: int = 0) -> socket.socket:
    """Return a socket that listens on 127.0.0.1.

    Parameters
    ----------
    port : int
        0: any that is free.

    Raises
    ------
    OSError
        The port is taken.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let others take the same port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def need_packages() -> None:
    """Raise `PackageMissing` if a package that the page needs cannot be imported."""
    import importlib.util

    for name in ("starlette", "uvicorn", "matplotlib", "pyarrow"):
        if importlib.util.find_spec(name) is None:
            raise PackageMissing(f"the live page needs {name}: pip install 'paramsurvey[view]'")


def give_way() -> None:
    """Lower this process's priority: the survey goes first, and the page still answers beside it."""
    if os.name == "posix":
        with suppress(OSError):
            os.nice(NICE)


def serve(
    directory: str,
    listening: socket.socket,
    access: object,
    lifeline: IO[bytes] | None = None,
) -> None:
    """Serve the page until the process is interrupted, or `lifeline` ends.

    Parameters
    ----------
    directory : str
        The checkpoint's.
    listening : socket
    access : Access
    lifeline : file, optional
        It ends when the process that started the page is gone.
    """
    import uvicorn

    from paramsurvey.live_page.access import Access
    from paramsurvey.live_page.app import page_app

    assert isinstance(access, Access)
    app = page_app(directory, access)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GOODBYE_SECONDS,
        )
    )
    if lifeline is not None:

        def await_end() -> None:
            with suppress(OSError, ValueError):
                lifeline.read()
            server.should_exit = True

        threading.Thread(target=await_end, name="lifeline", daemon=True).start()
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after it has ended
        server.run(sockets=[listening])
    if not app.state.pages.sections.close(GOODBYE_SECONDS):
        sys.stdout.flush()
        os._exit(0)  # at the interpreter's own end, a thread inside Arrow would abort the process


def main(directory: str) -> None:
    """Serve the page of a session, whose process holds the other end of stdin, and reads the address.

    Parameters
    ----------
    directory : str
        The checkpoint's.
    """
    from paramsurvey.live_page.access import Access

    note_begun()
    give_way()
    with suppress(OSError):
        SESSION_NICE.write_text(str(NICE))  # the page has a session of its own
    listening = listening_socket()
    access = Access(listening.getsockname()[1])
    with suppress(OSError):  # a session that no longer waits
        sys.stdout.write(access.address + "\n")
        sys.stdout.flush()
    serve(directory, listening, access, sys.stdin.buffer)
