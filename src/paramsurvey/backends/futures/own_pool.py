"""A loky pool of our own, which stands in for our kind of worker processes; see `backends.stand_in`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from paramsurvey.backends.futures.backend import FuturesBackend
from paramsurvey.errors import BackendMissing
from paramsurvey.transport.messages import Job
from paramsurvey.worker.machine import wanted_workers

if TYPE_CHECKING:
    from paramsurvey.engine.backend import Backend
    from paramsurvey.engine.options import Options


class OwnPoolBackend(FuturesBackend):
    """The executor backend on a pool that is started, renewed and ended here.

    Parameters
    ----------
    options : Options
        Only ``ncores`` and ``threads_per_worker`` are used.
    own : mapping
        As for `FuturesBackend`.
    """

    def __init__(self, options: Options, own: Mapping[str, Any]) -> None:
        self._size = wanted_workers(options.ncores, options.threads_per_worker)
        super().__init__(replace(options, backend=self._new_pool()), own)

    def _new_pool(self) -> Any:
        try:
            from loky import ProcessPoolExecutor
        except ImportError as error:
            raise BackendMissing(
                "this system cannot run our worker processes, and loky, which stands in for them, is not "
                "installed: pip install loky, or use init(backend='serial')"
            ) from error
        return ProcessPoolExecutor(self._size)

    def open(self, job: Job, options: Mapping[str, Any]) -> None:
        """Begin a map, on a new pool if the last one was broken."""
        if self._health.broken is not None:
            self.close()
            self._executor = self._new_pool()
        super().open(job, options)

    def close(self) -> None:
        """End the pool's processes."""
        self._executor.shutdown(wait=True, kill_workers=True)


if TYPE_CHECKING:
    from paramsurvey.engine.options import DEFAULTS

    _: Backend = OwnPoolBackend(DEFAULTS, {})
