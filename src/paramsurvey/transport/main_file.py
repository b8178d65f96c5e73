"""The main file: the one that was run as the program. Workers import it if it has a guard.

The guard ``if __name__ == '__main__':`` shows which part of the file must not run in a worker: what stands
below it. So every process that runs psets imports the file once, under the name ``__mp_main__``, as
multiprocessing's spawn does, and functions and classes of the file are pickled by name. Importing a file
without a guard would run the survey again; so no worker imports it, and its functions are pickled by value.

Workers run the text that the driver has read, even if the file has changed since.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import os
import sys
import tokenize
from types import FunctionType, ModuleType
from typing import Any

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.main_guard import Definitions, definitions, has_guard
from paramsurvey.transport.source_text import add_to_linecache

SPAWNED_MAIN = "__mp_main__"  # the main module's name in a process that is not the program itself
MAINS = ("__main__", SPAWNED_MAIN)
LRU_CACHE = type(functools.lru_cache(lambda: None))


class NotInMainFile(AttributeError):
    """When a worker imports the main file, a name is missing that it defines in the driver."""


@dataclass(frozen=True, slots=True)
class MainFile:
    """A main file with a guard.

    Attributes
    ----------
    path : str
        The absolute path of its ``__file__``.
    text : str
        Its source code.
    name : str
        The module's name if it was run as ``python -m name``, else empty.
    """

    path: str
    text: str
    name: str = ""

    @property
    def key(self) -> str:
        """A hash of path, name and text, by which all processes refer to this main file."""
        return _key(self)

    def imported(self) -> ModuleType:
        """Run the file, except what stands below its guard, and return the new module.

        This raises whatever the file raises.
        """
        from importlib.util import find_spec

        module = ModuleType(SPAWNED_MAIN)
        spec = find_spec(self.name) if self.name else None
        module.__spec__ = spec
        module.__package__ = "" if spec is None else spec.parent
        module.__loader__ = None if spec is None else spec.loader
        vars(module).update(__file__=self.path, __builtins__=builtins)
        if not os.path.isfile(self.path):  # in a zip archive, or on the driver's machine only
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


class _ProcessState:
    """What this process knows of main files.

    Attributes
    ----------
    main : MainFile or None
        The main file of the program that this process is, or works for.
    loaded : dict
        The main files that this process has imported, with their modules, by key. A process of another
        library's executor may work for several programs.
    failed : dict
        The exceptions of main files that could not be imported here, by key.
    module : module or None
        The ``__main__`` whose file is `main`; if ``__main__`` has changed, `current` looks again.
    adopted : bool
        Whether a driver has sent `main`, so that ``__main__`` of this process does not matter.
    is_worker : bool
        Whether paramsurvey started this process as a worker. The main file then becomes its ``__main__``.
    """

    def __init__(self) -> None:
        self.main: MainFile | None = None
        self.loaded: dict[str, tuple[MainFile, ModuleType]] = {}
        self.failed: dict[str, BaseException] = {}
        self.module: ModuleType | None = None
        self.adopted = self.is_worker = False


_process = _ProcessState()


def current() -> MainFile | None:
    """Return the main file of the program that this process is, or works for; None if workers import none."""
    module = sys.modules.get("__main__")
    if not _process.adopted and module is not None and module is not _process.module:
        _process.module, _process.main = module, _main_file_of(module)
        if _process.main is not None:
            _process.loaded[_process.main.key] = _process.main, module
    return _process.main


def adopt(main: MainFile | None) -> None:
    """Work for a program with this main file from now on. Importing it is left to `load`."""
    _process.adopted, _process.main = True, main


def become_worker() -> None:
    """Declare that this process is a worker and nothing else: the main file becomes its ``__main__``."""
    _process.is_worker = _process.adopted = True


def load(main: MainFile | None) -> None:
    """Import a main file in this process, unless it is loaded, as it always is in the program itself.

    Raises
    ------
    BaseException
        Whatever the file raises when it is run; a later call raises the same exception again.
    """
    if main != current():
        adopt(main)
    if main is None or main.key in _process.loaded:
        return
    if main.key in _process.failed:
        raise _process.failed[main.key]
    try:
        module = _module_in_memory(main) or main.imported()
    except BaseException as error:
        _process.failed[main.key] = error
        raise
    _process.loaded[main.key] = main, module
    if _process.is_worker:
        sys.modules["__main__"] = module


def _module_in_memory(main: MainFile) -> ModuleType | None:
    """Return the main module if this process has it: inherited by a fork, or imported by multiprocessing."""
    for name in MAINS:
        module = sys.modules.get(name)
        if module is not None and os.path.abspath(getattr(module, "__file__", None) or "") == main.path:
            return module
    return None


# pickling by name


def found(key: str, name: str) -> Any:
    """Return the function or class of this name in a main file. Pickles call this function.

    Raises
    ------
    NotInMainFile
        The main file does not define this name when it is imported.
    """
    main, module = _process.loaded[key]
    try:
        return functools.reduce(getattr, name.split("."), module)
    except AttributeError as error:
        raise NotInMainFile(
            f"the main file {main.path} defines no {name!r} when a worker imports it: "
            "define it there outside of any condition that is false in a worker"
        ) from error


def reference(thing: Any) -> tuple[str, str] | None:
    """Return the arguments with which `found` returns a function or class of a main file.

    None if `found` would not return the same definition in a worker: because it stands below the guard, or
    inside a function, or because the name was redefined while the program ran.
    """
    if not isinstance(thing, (FunctionType, type, LRU_CACHE)):
        return None
    name = getattr(thing, "__qualname__", None)
    if not isinstance(name, str) or "<" in name:
        return None
    for key, (main, module) in _process.loaded.items():
        of_main = getattr(thing, "__module__", None) in (*MAINS, module.__name__)
        if not of_main or _resolved(module, name) is not thing:
            continue
        if _is_defined_on_import(thing, name, main):
            return key, name
    return None


def _resolved(module: ModuleType, name: str) -> Any:
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
    codes = [member.__code__ for member in vars(thing).values() if isinstance(member, FunctionType)]
    if hasattr(sys, "ps1"):  # the class may have been redefined at the prompt, and a class has no file name
        return bool(codes) and file.codes.issuperset(codes)
    # without generated methods, such as a dataclass has
    written = [code for code in codes if os.path.basename(code.co_filename) == os.path.basename(main.path)]
    return file.codes.issuperset(written) if written else name not in file.guarded


def _innermost_code(function: Any) -> Any:
    """Return the code of a function without its decorators."""
    try:
        return getattr(inspect.unwrap(function), "__code__", None)
    except ValueError:  # it is wrapped around itself
        return None


# finding the main file


def _main_file_of(module: ModuleType) -> MainFile | None:
    """Return the file of a main module if workers can import it, else None."""
    path = getattr(module, "__file__", None)
    if not isinstance(path, str) or hasattr(builtins, "__IPYTHON__"):  # the cells of a notebook are no file
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
    except Exception:  # no source code, as in a frozen program, or a loader that fails
        return None
    return text
