"""The contract's tests as a class that the author of a backend inherits from."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import cloudpickle
import pytest

from paramsurvey import MapResults, Session
from paramsurvey.testing import contract
from paramsurvey.testing.contract import SUBJECTS, environment, out_func, pickling, results
from paramsurvey.testing.place import Place, undisturbed
from paramsurvey.testing.traits import needed

CORES = 2  # some tests count workers
TESTS: dict[str, Callable[..., Any]] = {
    name: test for subject in SUBJECTS for name, test in vars(subject).items() if name.startswith("test_")
}


class BackendContract:
    """What every backend must do, as tests.

    Give a subclass a name that begins with ``Test``, and the name of the backend. Say with the other
    attributes what the backend can do beyond what all must: there are tests for that, too. To leave a
    test out, set it to None.

    Attributes
    ----------
    backend : str or Executor
        As for `paramsurvey.Session`.
    concurrent : bool
        Psets do not run in the thread that calls `map`.
    processes : bool
        Nor in its process.
    own_directory : bool
        A pset that changes the directory does that for itself alone.
    own_stdin : bool
        A pset that reads from standard input finds nothing there.
    prints_here : bool
        What psets print arrives at the streams of the process that calls `map`, also at new ones.
    spawns : bool
        A pset may spawn processes with `multiprocessing`.
    replaces_workers : bool
        A worker that dies, and a pset that takes longer than ``timeout=``, cost that pset alone.

    Examples
    --------
    >>> class TestSerial(BackendContract):
    ...     backend = "serial"
    ...     own_directory = prints_here = spawns = True
    """

    backend: ClassVar[Any] = None
    concurrent: ClassVar[bool] = False
    processes: ClassVar[bool] = False
    own_directory: ClassVar[bool] = False
    own_stdin: ClassVar[bool] = False
    prints_here: ClassVar[bool] = False
    spawns: ClassVar[bool] = False
    replaces_workers: ClassVar[bool] = False
    _left_out: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        """Take out the tests that the backend's traits do not allow."""
        super().__init_subclass__()
        out = {name for name, test in TESTS.items() if not all(getattr(cls, one) for one in needed(test))}
        for name in out:
            setattr(cls, name, None)
        for name in cls._left_out - out:  # of the class that this one inherits from
            setattr(cls, name, staticmethod(TESTS[name]))
        cls._left_out = frozenset(out)

    @classmethod
    @contextmanager
    def session(cls, **options: Any) -> Iterator[Session]:
        """Open a session with the backend and at most two workers, and close it.

        Override it where a backend needs more than its name.
        """
        with Session(**{"backend": cls.backend, "ncores": CORES, "verbose": 0, **options}) as session:
            yield session

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def by_value(cls) -> Iterator[None]:
        """Send the tests' functions like those of a program: workers need neither these files nor pytest."""
        cloudpickle.register_pickle_by_value(contract)
        yield
        cloudpickle.unregister_pickle_by_value(contract)

    @pytest.fixture(scope="class")
    @classmethod
    def only_place(cls) -> Iterator[Place]:
        """One session for all tests: what one leaves behind disturbs the next."""
        log = io.StringIO()
        with pytest.MonkeyPatch.context() as settings:
            for name in environment.THREADS:  # the developer's own, or what other tests have left
                settings.delenv(name, raising=False)
            with cls.session(pslogger_fd=log) as session:
                yield Place(session, log)

    @pytest.fixture
    def place(self, only_place: Place, in_tmp: Path) -> Place:
        """The backend, with a log in which nothing is new."""
        only_place.new_log()
        return only_place

    @pytest.fixture
    def open_session(self, in_tmp: Path) -> Iterator[Callable[..., Session]]:
        """Open sessions with options of their own, and close them."""
        with ExitStack() as stack:
            yield lambda **options: stack.enter_context(self.session(**options))

    @pytest.fixture(autouse=True)
    def in_tmp(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """Run the test in an empty directory, free of the developer's settings."""
        with undisturbed(tmp_path, monkeypatch):
            yield tmp_path

    @pytest.fixture
    def out(self) -> out_func.Recorder:
        """An out_func that remembers how it was called."""
        return out_func.Recorder()

    @pytest.fixture
    def not_loadable(self) -> Any:
        """An object that can be pickled and cannot be unpickled anywhere."""
        return pickling.not_loadable()

    @pytest.fixture
    def some_failed(self, place: Place) -> MapResults:
        """Ten psets, of which the odd ones failed."""
        return results.some_failed(place)


for name, test in TESTS.items():
    setattr(BackendContract, name, staticmethod(test))
