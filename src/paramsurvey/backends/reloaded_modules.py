"""Modules that the caller has loaded again: processes that loaded them before must not be used any more."""

from __future__ import annotations

import sys
from operator import is_
from types import ModuleType
from typing import Any


class Reloads:
    """Notices `importlib.reload`, and what notebooks do when a file has changed (``%autoreload``)."""

    def __init__(self) -> None:
        self._modules: list[object] = []
        self._names: list[str] = []
        self._dicts: list[dict[str, Any]] = []
        self._specs: list[object] = []

    def since_last_time(self) -> bool:
        """Return whether a module was loaded again since the last call.

        It is called for every map, and there are some thousand modules: where they are the same as the last
        time, they are compared without a step of Python for each.
        """
        modules = list(sys.modules.values())
        if len(modules) == len(self._modules) and all(map(is_, modules, self._modules)):
            before, self._specs = self._specs, _specs(self._dicts)
            return not all(map(is_, before, self._specs))
        before_by_name = dict(zip(self._names, self._specs, strict=True))
        self._look_again()
        named = zip(self._names, self._specs, strict=True)
        return any(before_by_name.get(name, spec) is not spec for name, spec in named)

    def _look_again(self) -> None:
        known = list(sys.modules.items())
        self._modules = [module for _, module in known]
        real = [(name, module) for name, module in known if issubclass(type(module), ModuleType)]
        self._names = [name for name, _ in real]
        # not vars(module): a module that is loaded when it is first used must not be used here
        self._dicts = [object.__getattribute__(module, "__dict__") for _, module in real]
        self._specs = _specs(self._dicts)


def _specs(dicts: list[dict[str, Any]]) -> list[object]:
    """Return for every module the object that says where it comes from: each time it is loaded, a new one."""
    return [each.get("__spec__") for each in dicts]
