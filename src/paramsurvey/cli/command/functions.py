"""``paramsurvey run module:function``: Python functions as worker functions."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.parameter_names import find_overlap, nested
from paramsurvey.errors import WorkerFunctionError, suggestion, with_article
from paramsurvey.worker.keywords import EXTRAS, KeywordFunction, KeywordWorker, check_keys_fit, keywords

FUNCTION_REFERENCE = re.compile(r"([\w./-]+):([A-Za-z_][\w.]*)")
WORKER_ARGUMENTS = 3  # pset, system_kwargs, user_kwargs

Function = Callable[..., Any]


def is_function_reference(text: str) -> bool:
    """Tell whether a text has the form ``module:function`` or ``file.py:function``."""
    return FUNCTION_REFERENCE.fullmatch(text) is not None


def load_function(reference: str) -> Function:
    """Import a module, which may be in the current directory, and return its function.

    Raises
    ------
    BadUsage
        There is no such module or function, or the module cannot be imported.
    """
    module_name, _, name = reference.partition(":")
    if module_name.endswith(".py"):
        module = _import_file(Path(module_name))
    else:
        module = _import(module_name, os.getcwd())
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [
                key for key, value in vars(module).items() if callable(value) and not key.startswith("_")
            ]
            raise BadUsage(
                f"the module {module.__name__!r} has no function {name!r}{suggestion(name, known)}"
            )
        found = getattr(found, part)
    if not callable(found):
        raise BadUsage(f"{reference} is {with_article(type(found).__name__)}: give a function")
    return found  # type: ignore[no-any-return]  # it is callable


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise BadUsage(f"there is no file {path}: correct its name")
    module = _import(path.stem, str(path.resolve().parent))
    own = getattr(module, "__file__", None)
    if own is None or not os.path.isfile(own) or not os.path.samefile(own, path):  # it may be in an archive
        raise BadUsage(
            f"{path} cannot be imported, because Python has another module {path.stem!r} "
            f"({own or 'built in'}): rename the file"
        )
    return module


def _import(name: str, directory: str) -> ModuleType:
    """Import a module, which may be in a directory where Python would not look for it."""
    if directory not in sys.path:
        sys.path.insert(0, directory)  # workers get the same sys.path
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise BadUsage(
                f"there is no module {name!r}: run this in the directory of {name}.py, or install the module"
            ) from None
        raise BadUsage(
            f"the module {name!r} cannot be imported ({error}): install the module that it needs"
        ) from None
    except BaseException as error:  # a module may raise anything, or call sys.exit()
        if isinstance(error, KeyboardInterrupt):
            raise
        raise BadUsage(
            f"the module {name!r} cannot be imported ({type(error).__name__}: {error}): correct it first"
        ) from error


class WithNestedPsets:
    """A worker function whose psets have a dict ``model`` where parameters are called ``model.lr``.

    Parameters
    ----------
    function : callable
        A worker function.
    dotted : mapping of str to str
        The names with dots, by column.
    """

    def __init__(self, function: Function, dotted: Mapping[str, str]) -> None:
        self.__wrapped__ = function
        own_call = WithNestedPsets.__call__.__get__(self)
        self.__signature__ = inspect.signature(own_call)  # not that of `function`
        self._dotted = dict(dotted)

    def __call__(self, pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> Any:
        """Return what the function returns."""
        return self.__wrapped__(nested(pset, self._dotted), system_kwargs, user_kwargs)


def as_worker(
    function: Function, names: Collection[str], dotted: Mapping[str, str] | None = None
) -> Function:
    """Return what to give to `paramsurvey.map`.

    A function that has no parameter ``model__lr`` gets a dict ``model`` with the value of ``model.lr``.

    Parameters
    ----------
    function : callable
        ``func(pset, system_kwargs, user_kwargs)``, or a function for `paramsurvey.keywords`.
    names : collection of str
        The names of the parameters, as columns.
    dotted : mapping of str to str, optional
        Those that were typed with dots, by column.

    Raises
    ------
    BadUsage
        The function is neither, or does not take the parameters.
    """
    dotted = {column: name for column, name in (dotted or {}).items() if not _has(function, column)}
    overlap = find_overlap([dotted.get(name, name) for name in names])
    if overlap is not None:
        outer, inner = overlap
        raise BadUsage(f"{outer!r} is a parameter, and {inner!r} is a part of it: rename one of them")
    keys = list(nested(dict.fromkeys(names), dotted))
    try:
        if not isinstance(function, KeywordFunction):
            if _is_worker_function(function, keys):
                return WithNestedPsets(function, dotted) if dotted else function
            function = keywords(function)
        check_keys_fit(function, keys, EXTRAS)
    except WorkerFunctionError as error:
        raise BadUsage(str(error)) from None
    return WithNestedPsets(KeywordWorker(function), dotted) if dotted else function


def _has(function: Function, name: str) -> bool:
    """Tell whether a function has a parameter of this name."""
    function = function.__wrapped__ if isinstance(function, KeywordFunction) else function
    try:
        return name in inspect.signature(function).parameters
    except (ValueError, TypeError):  # it is written in C and has no signature
        return False


def _is_worker_function(function: Function, names: Collection[str]) -> bool:
    """Tell a worker function by its three arguments, none of which has the name of a parameter."""
    try:
        arguments = inspect.signature(function).parameters
    except (ValueError, TypeError):  # it is written in C and has no signature
        return True
    if next(iter(arguments), "") == "pset" and "pset" not in names:
        return True
    required = {
        one.name
        for one in arguments.values()
        if one.default is one.empty and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    }
    return len(required) == WORKER_ARGUMENTS and required.isdisjoint(names)
