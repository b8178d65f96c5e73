"""Writing metrics to a file, for the textfile collector of Prometheus' node_exporter."""

from __future__ import annotations

import os
import threading
import uuid
from contextlib import suppress

from prometheus_client import CollectorRegistry, generate_latest

from paramsurvey.transport.new_files import make_new
from paramsurvey.transport.threads import start_thread

INTERVAL = 5.0  # seconds between two writes
PARTING = 2.0  # seconds that the last one may take


class MetricsFile:
    """Writes the metrics of a registry to a file, in a thread that starts at once, and again at the end.

    A reader sees either the old content or all of the new. The last file stays, so that a map that has ended
    before the next reading is seen as well.

    Parameters
    ----------
    path : str
    registry : CollectorRegistry

    Attributes
    ----------
    trouble : Exception or None
        The first exception.
    """

    def __init__(self, path: str, registry: CollectorRegistry) -> None:
        self.trouble: Exception | None = None
        self.path = os.path.abspath(path)
        self._registry = registry
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="paramsurvey-metrics-file", daemon=True)
        start_thread(self._thread)

    def close(self) -> None:
        """Write the last numbers, and end. It may be called twice."""
        self._closing.set()
        self._thread.join(PARTING)
        if self._thread.is_alive():
            self.trouble = self.trouble or TimeoutError("its disk takes long to answer")

    def _run(self) -> None:
        while not self._closing.wait(INTERVAL):
            self._write()
        self._write()

    def _write(self) -> None:
        try:
            write_metrics(self.path, generate_latest(self._registry))
        except Exception as error:  # no survey may end because of a graph
            self.trouble = self.trouble or error


def write_metrics(path: str, content: bytes) -> None:
    """Replace a file with one that others can read, without following a link.

    Until it is finished, its name cannot be guessed, and does not end with ``.prom``, so nobody reads it.
    """
    folder, name = os.path.split(path)
    aside = os.path.join(folder, f".{name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(aside, "wb", opener=make_new) as file:
            file.write(content)
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(aside)
        raise
