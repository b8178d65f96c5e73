"""Hides from paramsurvey what only Unix has: Python runs this when it starts with this directory on its path.

Modules of paramsurvey cannot import the modules, and do not find the functions and constants, that Windows
lacks. Other packages are left alone: those for Windows would have their own ways. So are the tests that
paramsurvey ships.
"""

from __future__ import annotations

import builtins
from types import ModuleType
from typing import Any

MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
HIDDEN = {
    "os": """
        O_ASYNC O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK chown chroot confstr ctermid eventfd fchmod fchown
        fork forkpty get_blocking getegid geteuid getgid getgroups getloadavg getpgid getpgrp getpriority
        getsid getuid killpg lchown memfd_create mkfifo mknod nice openpty pidfd_open pipe2 posix_spawn pread pwrite
        register_at_fork sched_getaffinity sched_setaffinity sendfile set_blocking setpgid setpriority setsid
        statvfs sync sysconf tcgetpgrp ttyname uname wait wait3 wait4 waitid
    """,
    "select": "epoll poll",
    "signal": """
        SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2 SIGWINCH
        alarm pause pthread_kill pthread_sigmask setitimer siginterrupt sigpending sigwait
    """,
    "socket": "AF_UNIX recv_fds send_fds",
    "time": "pthread_getcpuclockid tzset",
}

_import = builtins.__import__
_without: dict[str, ModuleType] = {}


class Without(ModuleType):
    """A module without some of its names."""

    def __init__(self, module: ModuleType, hidden: str) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(_module=module, _hidden=frozenset(hidden.split()))

    def __getattr__(self, name: str) -> Any:
        if name in self._hidden:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(self._module, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._module, name, value)


def import_without(name: str, globals: Any = None, *rest: Any, **options: Any) -> ModuleType:
    """Import a module, for a module of paramsurvey without what Unix alone has."""
    importer = (globals or {}).get("__name__", "")
    found = _import(name, globals, *rest, **options)
    if not importer.startswith("paramsurvey") or importer.startswith("paramsurvey.testing"):
        return found
    if name in MODULES:
        raise ModuleNotFoundError(f"No module named {name!r} here: it is hidden", name=name)
    if name in HIDDEN:
        return _without.setdefault(name, Without(found, HIDDEN[name]))
    return found


builtins.__import__ = import_without
