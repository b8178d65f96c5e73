"""Serving metrics over HTTP."""

from __future__ import annotations

import socket
import socketserver
import threading
from http.server import ThreadingHTTPServer

from prometheus_client import CollectorRegistry, MetricsHandler

from paramsurvey.errors import SurveyError
from paramsurvey.transport.threads import start_thread

PATIENCE = 10.0  # seconds for a client to send its request, and to read the answer
PARTING = 2.0  # seconds that close() may take


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without looking up the machine's full name as HTTPServer does, because that can take long."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing, because a client that hangs up is none of the survey's business."""


class MetricsServer:
    """Serves the metrics of a registry, in a thread that starts at once.

    Parameters
    ----------
    host : str
    port : int
        0 for any free one.
    registry : CollectorRegistry

    Raises
    ------
    OSError
        The address cannot be used.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        handler = type("Handler", (MetricsHandler,), {"registry": registry, "timeout": PATIENCE})
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        server = type("Server", (_Server,), {"address_family": family})
        self._server = server((host, port), handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=[0.1], name="paramsurvey-metrics", daemon=True
        )
        try:
            start_thread(self._thread)
        except SurveyError:
            self._server.server_close()
            raise

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop serving. It may be called twice."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PARTING)
