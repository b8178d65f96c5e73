"""The options of `multiprocessing.Pool`, which release 0.4 passed on to it, as options of paramsurvey."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from paramsurvey.engine.option_precedence import resolve
from paramsurvey.errors import OptionError

BACKEND = "multiprocessing"
POOL_OPTIONS = ("processes", "initializer", "initargs", "maxtasksperchild")


def replace_pool_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given to `init`, with pool options in ``multiprocessing={...}`` as options of ours.

    If another backend is asked for, they are ignored, as all options of another backend are. If an option of
    ours is given as well, it wins; but a `worker_init` is called after the initializer.
    """
    own = given.get(BACKEND)
    if not isinstance(own, Mapping) or resolve(os.environ, given).backend != BACKEND:
        return dict(given)
    rest = {name: value for name, value in own.items() if name not in POOL_OPTIONS}
    ours = {"ncores": own.get("processes"), "max_tasks_per_child": own.get("maxtasksperchild")}
    kept = {name: value for name, value in given.items() if value is not None}
    return {**ours, **kept, BACKEND: rest, **_worker_init(own, given.get("worker_init"))}


def _worker_init(own: Mapping[str, Any], worker_init: Any) -> dict[str, Any]:
    initializer, arguments = own.get("initializer"), own.get("initargs", ())
    if initializer is None:
        return {}
    if not callable(initializer):
        raise OptionError(
            f"multiprocessing={{'initializer': {initializer!r}}} is not callable: give a function, "
            "or worker_init="
        )
    return {"worker_init": partial(initialize, initializer, tuple(arguments), worker_init)}


def initialize(initializer: Any, arguments: tuple[Any, ...], worker_init: Any) -> Any:
    """Call both in a worker; return the state that `worker_init` returns."""
    initializer(*arguments)
    return None if worker_init is None else worker_init()
