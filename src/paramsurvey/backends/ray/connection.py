"""The connection to a Ray cluster: which cluster, the nodes in it, and whether it still answers."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from paramsurvey.errors import BackendLost, BackendUnreachable
from paramsurvey.transport.threads import start_thread

HEAD_FILE = "~/.ray-head-details"
CONNECT_SECONDS = 2.0  # for a cluster to accept a connection
FIRST_WORD_SECONDS = 15.0  # for its head to say something then
CLIENT = "ray://"  # what the addresses of Ray Client begin with
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5)  # of gRPC, which heads speak
GOODBYE_SECONDS = 30.0  # Ray takes 25 if the head is dead
ASK_SECONDS = 1.0  # between two requests for the nodes, which come and go over minutes
Node = dict[str, Any]


class ClusterWatch:
    """Asks for the nodes again and again, in a thread.

    If the head of a cluster is gone, Ray does not answer for a minute, and then ends the process.

    Parameters
    ----------
    ask : callable
        Returns the nodes. It may block for ever, and it may raise.
    clock : callable
        Returns seconds.
    """

    def __init__(self, ask: Callable[[], list[Node]], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._nodes: list[Node] = []
        self._answers = self._seen_answers = 0
        self._silence = 0.0
        self._looked = clock()
        self._ended = threading.Event()
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._keep_asking, daemon=True, name="paramsurvey-cluster")
        start_thread(self._thread)

    def nodes(self, patience: float = 0.0) -> list[Node]:
        """Return the living nodes as of the last answer; until the next one, this is the same list.

        Wait at most `patience` seconds for the first answer. If there is none, all that time is silence.
        """
        begun = self._clock()
        if not self._first.wait(patience):
            waited = self._clock() - begun
            self._silence += waited
            self._looked += waited
        return self._nodes

    def has_answered(self) -> bool:
        """Tell whether there ever was an answer."""
        return self._first.is_set()

    def silence(self) -> float:
        """Return for how many seconds there has been no answer. Call this every second or so.

        If the caller was busy for longer, the thread may not have run, so each call counts at most a second.
        """
        now = self._clock()
        self._silence += min(now - self._looked, ASK_SECONDS)
        self._looked = now
        if self._answers != self._seen_answers:
            self._seen_answers, self._silence = self._answers, 0.0
        return self._silence

    def close(self) -> None:
        """Ask no more; a question that is still unanswered is left behind."""
        self._ended.set()
        self._thread.join(ASK_SECONDS)

    def _keep_asking(self) -> None:
        while not self._ended.is_set():
            try:
                self._nodes = [node for node in self._ask() if node["Alive"]]
            except Exception:  # this is no answer, so the silence goes on
                pass
            else:
                self._answers += 1
                self._first.set()
            self._ended.wait(ASK_SECONDS)


class Connection:
    """This process as a driver of a Ray cluster. If it is connected to one already, that is used as it is.

    Parameters
    ----------
    ray : module
    own : mapping
        The user's options for ``ray.init``.
    cores : int
        For a Ray that is started here.
    verbose : int
        0: Ray prints nothing, not even what workers print.

    Attributes
    ----------
    is_ours : bool
        Whether it was made here, and so ends here.
    is_local : bool
        Whether the cluster was started here.
    node_id : str
        The node that this process belongs to.
    """

    def __init__(self, ray: Any, own: Mapping[str, Any], cores: int, verbose: int) -> None:
        self._ray = ray
        self._goodbye: threading.Thread | None = None
        self.is_ours = not ray.is_initialized()
        if is_client(ray):
            raise BackendUnreachable(no_client("ray://..."))
        self.is_local = False
        if self.is_ours:
            self._begin({**output_options(verbose), **address_options(own), **own}, cores)
        self.node_id, self._job_id = self._identity()

    def _identity(self) -> tuple[str, str]:
        """Return the node and the job that this process is to Ray now; a new connection has another pair."""
        context = self._ray.get_runtime_context()
        return context.get_node_id(), context.get_job_id()

    def _begin(self, options: dict[str, Any], cores: int) -> None:
        self.is_local = options["address"] == "local"
        if self.is_local:
            options = {"num_cpus": cores, "include_dashboard": False, **options}
        wait_until_reachable(options["address"])
        try:
            show_token_to_this_machine(self._ray, options["address"])
            self._ray.init(**options)
        except Exception as error:
            raise BackendUnreachable(why_unusable(options["address"], error)) from error

    def is_open(self) -> bool:
        """Tell whether this connection still stands, as far as this process knows.

        The program may have ended it, and made another one since.
        """
        if self._goodbye is not None or not self._ray.is_initialized():
            return False
        try:
            return self._identity() == (self.node_id, self._job_id)
        except Exception:  # another thread has shut Ray down just now
            return False

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Use Ray in this context.

        Raises
        ------
        BackendLost
            The program has shut Ray down before or meanwhile. Using Ray then would start another one.
        """
        self._check_open()
        try:
            yield
        except Exception:
            self._check_open()
            raise

    def _check_open(self) -> None:
        if not self.is_open():
            raise BackendLost(
                "the program has shut Ray down while this map ran, by ray.shutdown(); what had finished is "
                "in paramsurvey.last_results(): run what is missing, and shut Ray down when the map has ended"
            )

    def nodes(self) -> list[Node]:
        """Return all nodes, including dead ones; this may block for as long as the head does not answer."""
        if not self.is_open():
            raise ConnectionError  # Ray would connect to whatever it finds
        return [self._checked(node) for node in self._ray.nodes()]

    def _checked(self, node: Node) -> Node:
        """Ask our own node itself, because Ray ends this process once the head notices that it has died."""
        if node["NodeID"] != self.node_id:
            return node
        alive = node["Alive"] and is_listening(f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}")
        return {**node, "Alive": alive}

    def drop(self) -> None:
        """Leave a dead cluster, even one that was not joined here, because Ray would end this process.

        This takes up to 25 seconds, in a thread; only `close` waits for it.
        """
        goodbye = threading.Thread(target=self._ray.shutdown, daemon=True, name="paramsurvey-goodbye")
        with suppress(RuntimeError):  # no thread can be started
            goodbye.start()
            self._goodbye = goodbye

    def close(self) -> None:
        """Leave the cluster if it was joined here. May be called twice."""
        if self._goodbye is not None:
            self._goodbye.join(GOODBYE_SECONDS)
        elif self.is_ours and self.is_open():
            self._ray.shutdown()
        self.is_ours = False


def output_options(verbose: int) -> dict[str, Any]:
    """Return how much Ray may say, for ``ray.init``."""
    return {"log_to_driver": verbose > 0, "logging_level": "info" if verbose > 2 else "error"}


def address_options(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return where to find the cluster, for ``ray.init``: what the user says, or else whatever there is."""
    if own.get("address"):
        return {"address": own["address"]}
    head_file = Path(os.environ.get("RAY_HEAD_FILE") or os.path.expanduser(HEAD_FILE))
    if "RAY_HEAD_FILE" in os.environ or head_file.exists():
        return read_head_file(head_file)
    if os.environ.get("RAY_ADDRESS"):
        return {"address": os.environ["RAY_ADDRESS"]}
    return {"address": None if is_listening(last_started_here(own.get("_temp_dir"))) else "local"}


def read_head_file(path: Path) -> dict[str, Any]:
    """Return the address, and the password if there is one, from a line ``address password``.

    Raises
    ------
    BackendUnreachable
    """
    try:
        words = path.read_text().split()
    except OSError as error:
        raise BackendUnreachable(
            f"the file with the address of the Ray head cannot be read ({error}): correct RAY_HEAD_FILE"
        ) from error
    if not 1 <= len(words) <= 2:
        raise BackendUnreachable(
            f"{path} has {len(words)} words: write one line into it, 'address password' or 'address'"
        )
    return dict(zip(("address", "_redis_password"), words, strict=False))


def last_started_here(temp_dir: str | None) -> str | None:
    """Return the address of the cluster that ``ray start`` has last started on this machine."""
    with suppress(Exception):  # no part of Ray's public interface
        from ray._private.utils import read_ray_address

        return str(read_ray_address(temp_dir) or "") or None
    return None


def is_listening(address: str | None) -> bool:
    """Tell whether a process listens at ``host:port``; a cluster that died leaves its address behind."""
    host, _, port = (address or "").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True


def says_something(address: str) -> bool:
    """Tell whether what listens at ``host:port`` says anything, even if that is goodbye."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS) as connection:
            connection.settimeout(FIRST_WORD_SECONDS)
            connection.sendall(HELLO)
            connection.recv(1)
    except TimeoutError:
        return False
    except OSError:  # it wants something else, such as TLS
        pass
    return True


def wait_until_reachable(address: str | None) -> None:
    """Raise soon if no cluster answers at the address, since Ray would try for minutes.

    Raises
    ------
    BackendUnreachable
    """
    if (address or "").startswith(CLIENT):
        raise BackendUnreachable(no_client(address))
    if address is None or not address.rpartition(":")[2].isdigit():
        return
    if not is_listening(address):
        raise BackendUnreachable(why_unusable(address, ConnectionRefusedError("nothing listens there")))
    if not says_something(address):
        silence = f"what listens there has said nothing for {FIRST_WORD_SECONDS:.0f} s"
        raise BackendUnreachable(why_unusable(address, TimeoutError(silence)))


def is_client(ray: Any) -> bool:
    """Tell whether the program has connected itself to a cluster through Ray Client."""
    with suppress(Exception):  # no part of Ray's public interface
        return bool(ray.util.client.ray.is_connected())
    return False


def no_client(address: str | None) -> str:
    """Return why Ray Client cannot be used, and what to do."""
    return (
        f"{address} is an address of Ray Client, which cannot pass on the answers of running tasks: run the "
        "program on a machine of the cluster, with the address of the head itself, such as host:6379, "
        "or submit it with ray job submit"
    )


def show_token_to_this_machine(ray: Any, address: str | None) -> None:
    """Let Ray authenticate itself to a cluster on this machine whose address was given.

    If there is a token, ``ray start`` requires it, but ``ray.init`` shows it only to clusters that it has
    found by itself. It is shown to other machines only if RAY_AUTH_MODE says so.
    """
    host = (address or "").rpartition(":")[0]
    here = ("localhost", "127.0.0.1", ray.util.get_node_ip_address())
    if "RAY_AUTH_MODE" in os.environ or host not in here:
        return
    logging.getLogger("ray").setLevel(logging.ERROR)  # it would warn that it shows the token
    with suppress(Exception):  # no part of Ray's public interface
        from ray._private.authentication import authentication_token_setup as setup

        setup.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)


def why_unusable(address: str | None, error: Exception) -> str:
    """Return why Ray cannot be used, and what to do."""
    if address == "local":
        return f"a local Ray cannot be started ({error}): see its logs in /tmp/ray, or use another backend"
    return (
        f"the Ray cluster at {address or 'the address of the last ray start'} cannot be used ({error}): "
        "check that it runs (ray status), correct the address, or set RAY_AUTH_MODE=token if it wants a token"
    )
