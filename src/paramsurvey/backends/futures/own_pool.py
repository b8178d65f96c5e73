"""A pool of loky's that is ours: it stands in for worker processes of our own, see `backends.stand_in`."""

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
    """The executor backend on a pool that is started, mended and ended here.

    Parameters
    ----------
    options : Options
        ``ncores`` and ``threads_per_worker`` count.
    own : mapping
        There are no options of its own.
    """

    def __init__(self, options: Options, own: Mapping[str, Any]) -> None:
        self._size = wanted_workers(options.ncores, options.threads_per_worker)
        super().__init__(replace(options, backend=self._new_pool()), own)

    def _new_pool(self) -> Any:
        try:
            from loky import ProcessPoolExecutor
        except ImportError as error:
            raise BackendMissing(
                "this system has no worker processes of our kind, and loky, which stands in for them, is not "
                "installed: pip install loky, or use init(backend='serial')"
            ) from error
        return ProcessPoolExecutor(self._size)

    def open(self, job: Job, options: Mapping[str, Any]) -> None:
        """Begin a map, on a new pool where the one before was broken."""
        if self._broken is not None:
            self.close()
            self._executor = self._new_pool()
        super().open(job, options)

    def close(self) -> None:
        """End the pool's processes."""
        self._executor.shutdown(wait=True, kill_workers=True)


if TYPE_CHECKING:
    from paramsurvey.engine.options import DEFAULTS

    _: Backend = OwnPoolBackend(DEFAULTS, {})
