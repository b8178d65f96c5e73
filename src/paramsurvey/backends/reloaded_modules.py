"""Modules that the caller has loaded again: processes that loaded them before must not be used any more."""

from __future__ import annotations

import sys
from types import ModuleType


class Reloads:
    """Notices `importlib.reload`, and what notebooks do when a file has changed (``%autoreload``)."""

    def __init__(self) -> None:
        self._specs: dict[str, object] = {}

    def since_last_time(self) -> bool:
        """Return whether a module was loaded again since the last call."""
        before, self._specs = self._specs, dict(_specs())
        return any(before.get(name, spec) is not spec for name, spec in self._specs.items())


def _specs() -> list[tuple[str, object]]:
    """Return for every module the object that says where it comes from: each time it is loaded, a new one."""
    return [
        # not vars(module): a module that is loaded when it is first used must not be used here
        (name, object.__getattribute__(module, "__dict__").get("__spec__"))
        for name, module in list(sys.modules.items())
        if issubclass(type(module), ModuleType)
    ]
