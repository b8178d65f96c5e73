"""The file that was run as the program, where workers import it: when it has a guard.

A file with ``if __name__ == '__main__':`` says what may run in a worker: all but what is below. So every
process that runs psets imports it once, as multiprocessing's spawn does, under the name ``__mp_main__``, and
what it defines travels by name. Without a guard, importing it would run the survey again: then its functions
travel by value.

Workers run the text that the driver has read, whatever becomes of the file meanwhile.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import os
import sys
import tokenize
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from paramsurvey.transport.main_guard import Definitions, definitions, has_guard
from paramsurvey.transport.source_text import add_to_linecache

SPAWNED_MAIN = "__mp_main__"  # the main module's name in a process that is not the program itself
MAINS = ("__main__", SPAWNED_MAIN)
LRU_CACHE = type(functools.lru_cache(lambda: None))


class NotInMainFile(AttributeError):
    """The main file, imported in a worker, does not define what it defines in the driver."""


@dataclass(frozen=True, slots=True)
class MainFile:
    """A main file with a guard.

    Attributes
    ----------
    path : str
        Its ``__file__``.
    text : str
    name : str
        What it was called in ``python -m name``, empty where it was run as a file.
    """

    path: str
    text: str
    name: str = ""

    @property
    def key(self) -> str:
        """A short text by which this very file is known in all processes."""
        return _key(self)

    def imported(self) -> ModuleType:
        """Return a new module, with all run that is not below the guard. Raises what that raises."""
        from importlib.util import find_spec

        module = ModuleType(SPAWNED_MAIN)
        spec = find_spec(self.name) if self.name else None
        module.__spec__ = spec
        module.__package__ = "" if spec is None else spec.parent
        module.__loader__ = None if spec is None else spec.loader
        vars(module).update(__file__=self.path, __builtins__=builtins)
        if not os.path.isfile(self.path):  # it is in a zip archive, or on another machine
            add_to_linecache({self.path: tuple(self.text.splitlines(keepends=True))})
        before = sys.modules.get(SPAWNED_MAIN)
        sys.modules[SPAWNED_MAIN] = module
        try:
            exec(compile(self.text, self.path, "exec", dont_inherit=True), vars(module))
        except BaseException:
            del sys.modules[SPAWNED_MAIN]
            if before is not None:
                sys.modules[SPAWNED_MAIN] = before
            raise
        return module


@functools.lru_cache(maxsize=8)
def _key(main: MainFile) -> str:
    import hashlib

    content = f"{main.path}\0{main.name}\0{main.text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=8).hexdigest()


@functools.lru_cache(maxsize=8)
def _definitions(main: MainFile) -> Definitions:
    return definitions(main.text, main.path)


class _Process:
    """What this process knows of main files.

    Attributes
    ----------
    main : MainFile or None
        That of the program that this process is, or works for.
    loaded : dict
        The main files that are here, each with its module. A process of an executor may work for
        several programs.
    failed : dict
        What was raised by those that cannot be imported here.
    module : module or None
        The main module whose file was looked for.
    adopted : bool
        Whether a driver has told the main file.
    is_worker : bool
        Whether this process is a worker of ours, whose ``__main__`` the main file becomes.
    """

    def __init__(self) -> None:
        self.main: MainFile | None = None
        self.loaded: dict[str, tuple[MainFile, ModuleType]] = {}
        self.failed: dict[str, BaseException] = {}
        self.module: ModuleType | None = None
        self.adopted = self.is_worker = False


_process = _Process()


def current() -> MainFile | None:
    """Return the main file of the program that this process belongs to, None where workers import none."""
    module = sys.modules.get("__main__")
    if not _process.adopted and module is not None and module is not _process.module:
        _process.module, _process.main = module, _main_file_of(module)
        if _process.main is not None:
            _process.loaded[_process.main.key] = _process.main, module
    return _process.main


def adopt(main: MainFile | None) -> None:
    """Work from now on for a program with this main file; it is imported when `load` is called."""
    _process.adopted, _process.main = True, main


def become_worker() -> None:
    """Be a process that does nothing else, so that the main file that is loaded becomes its ``__main__``."""
    _process.is_worker = _process.adopted = True


def load(main: MainFile | None) -> None:
    """Import a main file in this process, unless it is here: in the program itself, it always is.

    Raises
    ------
    BaseException
        Whatever running the file raises, each time again.
    """
    if main != current():
        adopt(main)
    if main is None or main.key in _process.loaded:
        return
    if main.key in _process.failed:
        raise _process.failed[main.key]
    try:
        module = _already_here(main) or main.imported()
    except BaseException as error:
        _process.failed[main.key] = error
        raise
    _process.loaded[main.key] = main, module
    if _process.is_worker:
        sys.modules["__main__"] = module


def _already_here(main: MainFile) -> ModuleType | None:
    """Return the main module that whoever started this process has imported, or that a fork has left."""
    for name in MAINS:
        module = sys.modules.get(name)
        if module is not None and os.path.abspath(getattr(module, "__file__", None) or "") == main.path:
            return module
    return None


# by name


def found(key: str, name: str) -> Any:
    """Return what a main file calls by this name: so it travels.

    Raises
    ------
    NotInMainFile
    """
    main, thing = _process.loaded[key]
    try:
        return functools.reduce(getattr, name.split("."), thing)
    except AttributeError as error:
        raise NotInMainFile(
            f"the main file {main.path} defines no {name!r} when a worker imports it: "
            "define it there under no condition that does not hold in a worker"
        ) from error


def reference(thing: Any) -> tuple[str, str] | None:
    """Return how `found` finds a function or class in a main file.

    None where it would not find this very one in a worker: it is defined below the guard, or inside a
    function, or it was defined anew while the program ran.
    """
    if not isinstance(thing, (FunctionType, type, LRU_CACHE)):
        return None
    name = getattr(thing, "__qualname__", None)
    if not isinstance(name, str) or "<" in name:
        return None
    for key, (main, module) in _process.loaded.items():
        of_main = getattr(thing, "__module__", None) in (*MAINS, module.__name__)
        if not of_main or _looked_up(module, name) is not thing:
            continue
        if _is_defined_on_import(thing, name, main):
            return key, name
    return None


def _looked_up(module: ModuleType, name: str) -> Any:
    thing: Any = module
    for part in name.split("."):
        thing = getattr(thing, part, None)
    return thing


def _is_defined_on_import(thing: Any, name: str, main: MainFile) -> bool:
    file = _definitions(main)
    if name.partition(".")[0] not in file.names:
        return False
    if not isinstance(thing, type):
        return _innermost_code(thing) in file.codes
    codes = [one.__code__ for one in vars(thing).values() if isinstance(one, FunctionType)]
    if hasattr(sys, "ps1"):  # it may be defined anew at the prompt, and a class does not tell where it was
        return bool(codes) and file.codes.issuperset(codes)
    written = [code for code in codes if os.path.basename(code.co_filename) == os.path.basename(main.path)]
    return file.codes.issuperset(written) if written else name not in file.guarded


def _innermost_code(function: Any) -> Any:
    """Return the code of the function that others are wrapped around."""
    try:
        return getattr(inspect.unwrap(function), "__code__", None)
    except ValueError:  # it is wrapped around itself
        return None


# finding it


def _main_file_of(module: ModuleType) -> MainFile | None:
    """Return a program's main file, if it is one that workers can import."""
    path = getattr(module, "__file__", None)
    if not isinstance(path, str) or hasattr(builtins, "__IPYTHON__"):  # its cells come and go
        return None
    spec = getattr(module, "__spec__", None)
    text = _text_of(path, spec)
    if text is None or not has_guard(text):
        return None
    return MainFile(os.path.abspath(path), text, "" if spec is None or spec.name == "__main__" else spec.name)


def _text_of(path: str, spec: Any) -> str | None:
    try:
        if os.path.isfile(path):
            with tokenize.open(path) as file:
                return file.read()
        text: str | None = spec.loader.get_source(spec.name)  # in a zip archive
    except Exception:  # there is none, or it is not for us: a frozen program, compiled code, a broken loader
        return None
    return text
