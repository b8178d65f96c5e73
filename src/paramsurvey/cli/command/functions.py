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

from paramsurvey.cli.problems import BadUsage
from paramsurvey.errors import suggestion

TARGET = re.compile(r"([\w./-]+):([A-Za-z_][\w.]*)")
WORKER_ARGUMENTS = 3

Function = Callable[..., Any]


def is_target(text: str) -> bool:
    """Tell whether a text is ``module:function`` or ``file.py:function``."""
    return TARGET.fullmatch(text) is not None


def load_function(target: str) -> Function:
    """Import a module, from the current directory too, and return its function.

    Raises
    ------
    BadUsage
        There is no such module or function, or the module cannot be imported.
    """
    module_name, _, name = target.partition(":")
    directory = os.getcwd()
    if module_name.endswith(".py"):
        path = Path(module_name)
        directory, module_name = str(path.resolve().parent), path.stem
    if directory not in sys.path:
        sys.path.insert(0, directory)  # the workers get the same
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
        raise BadUsage(f"{target} is a {type(found).__name__}: give a function")
    return found  # type: ignore[no-any-return]  # it is callable


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise BadUsage(f"there is no module {name!r}: run it where {name}.py is, or install it") from None
        raise BadUsage(f"the module {name!r} cannot be imported ({error}): install what it needs") from None
    except BaseException as error:  # anything can happen in there, also sys.exit()
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
        ``func(pset, system_kwargs, user_kwargs)``, or one whose arguments are named as the parameters are.
    names : collection of str
        The parameters.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (ValueError, TypeError):  # written in C, without a signature
        return function, None
    kinds = inspect.Parameter
    named = [p for p in parameters.values() if p.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)]
    open_ended = any(p.kind == kinds.VAR_KEYWORD for p in parameters.values())
    needed = {p.name for p in named if p.default is kinds.empty}
    if needed <= set(names) and (open_ended or set(names) <= {p.name for p in named}):
        return call_by_name, function
    if len(needed) == WORKER_ARGUMENTS or next(iter(parameters), "") == "pset":
        return function, None
    raise BadUsage(
        f"{function.__name__}({', '.join(parameters)}) does not fit the parameters {', '.join(names)}: "
        "let it take these by name, or (pset, system_kwargs, user_kwargs)"
    )


def call_by_name(
    pset: dict[str, Any], system_kwargs: dict[str, Any], function: Function
) -> Mapping[str, Any]:
    """Call a function with the parameters as its arguments; what is no dict is the column ``result``."""
    value = function(**pset)
    if value is None:
        return {}
    return dict(value) if isinstance(value, Mapping) else {"result": value}
