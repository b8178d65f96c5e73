"""Notices modules that the caller has reloaded: processes that loaded them before must no longer be used."""

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

    def any_since_last_call(self) -> bool:
        """Return whether any module has been reloaded since the last call.

        This is called for every map, and there may be thousands of modules. If they are the same as last
        time, they are compared without running Python code for each of them.
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
        # not vars(module), which would load a module that is loaded lazily, on first use
        self._dicts = [object.__getattribute__(module, "__dict__") for _, module in real]
        self._specs = _specs(self._dicts)


def _specs(dicts: list[dict[str, Any]]) -> list[object]:
    """Return every module's spec, which is a new object each time the module is loaded."""
    return [names.get("__spec__") for names in dicts]
