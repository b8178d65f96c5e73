"""``paramsurvey run module:function``: Python functions as worker functions."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.errors import suggestion

FUNCTION_REFERENCE = re.compile(r"([\w./-]+):([A-Za-z_][\w.]*)")
WORKER_ARGUMENTS = 3  # pset, system_kwargs, user_kwargs

Function = Callable[..., Any]


def is_function_reference(text: str) -> bool:
    """Tell whether a text has the form ``module:function`` or ``file.py:function``."""
    return FUNCTION_REFERENCE.fullmatch(text) is not None


def load_function(reference: str) -> Function:
    """Import a module, also from the current directory, and return its function.

    Raises
    ------
    BadUsage
        There is no such module or function, or the module cannot be imported.
    """
    module_name, _, name = reference.partition(":")
    directory = os.getcwd()
    if module_name.endswith(".py"):
        path = Path(module_name)
        directory, module_name = str(path.resolve().parent), path.stem
    if directory not in sys.path:
        sys.path.insert(0, directory)  # workers get the same sys.path
    module = _import(module_name)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [
                key for key, value in vars(module).items() if callable(value) and not key.startswith("_")
            ]
            raise BadUsage(f"the module {module_name!r} has no function {name!r}{suggestion(name, known)}")
        found = getattr(found, part)
    if not callable(found):
        raise BadUsage(f"{reference} is a {type(found).__name__}: give a function")
    return found  # type: ignore[no-any-return]  # it is callable


def _import(name: str) -> Any:
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


def as_worker(function: Function, names: Collection[str]) -> tuple[Function, Any]:
    """Return a worker function and its user_kwargs.

    Parameters
    ----------
    function : callable
        ``func(pset, system_kwargs, user_kwargs)``, or a function whose arguments have the names of the
        parameters.
    names : collection of str
        The names of the parameters.

    Raises
    ------
    BadUsage
        The function is neither.
    """
    try:
        arguments = inspect.signature(function).parameters
    except (ValueError, TypeError):  # it is written in C and has no signature
        return function, None
    kinds = inspect.Parameter
    named = [a for a in arguments.values() if a.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)]
    takes_any_name = any(a.kind == kinds.VAR_KEYWORD for a in arguments.values())
    required = {a.name for a in named if a.default is kinds.empty}
    if required <= set(names) and (takes_any_name or set(names) <= {a.name for a in named}):
        return call_by_name, function
    if len(required) == WORKER_ARGUMENTS or next(iter(arguments), "") == "pset":
        return function, None
    raise BadUsage(
        f"{function.__name__}({', '.join(arguments)}) does not take the parameters {', '.join(names)}: "
        "give it arguments with these names, or (pset, system_kwargs, user_kwargs)"
    )


def call_by_name(
    pset: dict[str, Any], system_kwargs: dict[str, Any], function: Function
) -> Mapping[str, Any]:
    """Call a function with the parameters as its arguments; a result that is not a dict is ``result``."""
    value = function(**pset)
    if value is None:
        return {}
    return dict(value) if isinstance(value, Mapping) else {"result": value}
