"""The options of ``ray.init`` and of tasks, checked, and what a node has of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from paramsurvey.backends.ray.connection import Node
from paramsurvey.engine.backend import Resources
from paramsurvey.errors import OptionError, UnknownOption, suggestion

TASK_OPTIONS = ("num_cpus", "num_gpus", "memory", "name")
RESOURCES = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}  # as Ray's nodes call them
ALIASES = {"num_cores": "num_cpus"}


def check_task_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a map's or a pset's options with Ray's own names.

    Raises
    ------
    OptionError
        Names the one that is unknown, or has an impossible value.
    """
    checked = {}
    for given, value in options.items():
        name = ALIASES.get(given, given)
        if name not in TASK_OPTIONS:
            known = (*TASK_OPTIONS, *ALIASES)
            raise UnknownOption(f"a map or a pset has no ray option {given!r}{suggestion(given, known)}")
        checked[name] = check_value(given, value, str if name == "name" else float)
    return checked


def check_init_options(ray: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options for ``ray.init`` with Ray's own names.

    Raises
    ------
    UnknownOption
    """
    known = [name for name in inspect.signature(ray.init).parameters if name != "kwargs"]
    checked = {ALIASES.get(name, name): value for name, value in options.items()}
    for name in checked:
        if name not in known and not name.startswith("_"):
            public = [*(name for name in known if not name.startswith("_")), *ALIASES]
            raise UnknownOption(f"ray.init() has no option {name!r}{suggestion(name, public)}")
    return checked


def check_value(name: str, value: Any, kind: Callable[[Any], Any]) -> Any:
    """Return an option's value: a text, or a number that is not negative.

    Raises
    ------
    OptionError
    """
    if kind is str and isinstance(value, str):
        return value
    if kind is float and isinstance(value, (int, float)) and value >= 0:
        return value
    wanted = "a text" if kind is str else "a number, 0 or more"
    raise OptionError(f"the ray option {name}={value!r} is not possible: give {wanted}")


def task_slots(node: Node, options: Mapping[str, Any]) -> int:
    """Return how many tasks with these options a node can run at a time."""
    has = node["Resources"]
    needs = {resource: options.get(name, 0) for name, resource in RESOURCES.items()}
    slots = [has.get(resource, 0) // amount for resource, amount in needs.items() if amount]
    return int(min(slots, default=has.get("CPU", 0)))


def resources_of(resources: Mapping[str, float]) -> Resources:
    """Return a node's resources, from Ray, by our own names."""
    node: Resources = {"num_cores": int(resources.get("CPU", 0)), "memory": int(resources.get("memory", 0))}
    if resources.get("GPU"):
        node["num_gpus"] = resources["GPU"]
    return node
