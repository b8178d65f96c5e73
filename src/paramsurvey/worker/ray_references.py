"""References to Ray's objects and actors, in arguments, psets and results.

A reference that was not pickled by Ray's own pickler does not know its owner: getting its object fails, or
never ends.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

from paramsurvey.transport.pickling import reduce_with


def make_references_sendable(ray: Any) -> None:
    """Have Ray pickle its references from now on. What they refer to is then kept until this process ends."""

    def reduce(reference: Any) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        return _load, (ray.cloudpickle.dumps(reference),)

    for kind in (ray.ObjectRef, ray.actor.ActorHandle):
        reduce_with(kind, reduce)


def _load(pickled: bytes) -> Any:
    """Return the reference, in a process that is connected to the cluster: it must ask the owner."""
    import ray

    if not ray.is_initialized():
        ray.init(address=os.environ.get("RAY_ADDRESS", "auto"), logging_level=logging.WARNING)
    return ray.cloudpickle.loads(pickled)
