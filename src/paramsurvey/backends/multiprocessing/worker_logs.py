"""With ``capture_output='log'``, a file for each worker that gets what the worker prints."""

from __future__ import annotations

from contextlib import suppress

from paramsurvey.transport.new_files import first_new, open_own


class WorkerLogs:
    """The log files of all workers.

    Attributes
    ----------
    stem : str or None
        What the names of this map's files begin with, directory included. None: it has none.
    """

    def __init__(self) -> None:
        self.stem: str | None = None
        self._paths: dict[tuple[str, int], str] = {}

    def write(self, stem: str, pid: int, text: str) -> None:
        """Append what the worker with this process id has printed; a full disk costs only that text."""
        with suppress(Exception):
            path = self._path(stem, pid)
            with open(path, "a", errors="backslashreplace", opener=open_own) as file:
                file.write(text)

    def _path(self, stem: str, pid: int) -> str:
        """Return the path of a worker's file, which is made when the worker first prints."""
        if (stem, pid) not in self._paths:
            name = f"{stem}worker-{pid}"
            names = (f"{name}.log" if number == 1 else f"{name}-{number}.log" for number in range(1, 1000))
            self._paths[stem, pid] = first_new(names)
        return self._paths[stem, pid]
