"""The log, as programs written for release 0.4 write to it: see `paramsurvey.session.legacy`."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module 'paramsurvey.pslogger' has no attribute {name!r}")
    from paramsurvey.session import legacy

    return legacy.find("paramsurvey.pslogger", name)
