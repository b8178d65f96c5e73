"""A process that was forked from the driver has neither its threads nor its connections to an engine."""

from __future__ import annotations

import os

from paramsurvey.errors import BackendLost


def check_not_forked(owner: int, engine: str) -> None:
    """Refuse to use an engine that another process has connected to, instead of waiting for it for ever.

    Raises
    ------
    BackendLost
        This is not the process `owner`.
    """
    if os.getpid() != owner:
        raise BackendLost(
            f"this process was forked from the one that uses {engine}, and cannot use it: "
            "call init() or make a Session in this process"
        )
