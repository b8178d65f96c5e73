"""Makes ``ray.get_gpu_ids()`` return, in a worker function, the GPUs that Ray has assigned to the task.

The function runs in a process that paramsurvey starts beside the Ray worker. Ray does not know this process:
it would connect it to the cluster as another driver, and return no GPUs. When the process loads ray, the
references that the function returns are made sendable, too.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from paramsurvey.worker.ray_references import make_references_sendable


def report_gpu_ids(gpu_ids: Sequence[int | str]) -> None:
    """Let ``ray.get_gpu_ids()`` return these ids once the worker function has imported ray."""
    sys.meta_path.insert(0, _RayFinder(list(gpu_ids)))


class _RayFinder(MetaPathFinder):
    """Finds the package ray as usual, and has `_RayLoader` load it."""

    def __init__(self, gpu_ids: list[int | str]) -> None:
        self._gpu_ids = gpu_ids

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "ray":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _RayLoader(spec.loader, self._gpu_ids)
        return spec


class _RayLoader(Loader):
    """Loads the package ray as usual, and then replaces its ``get_gpu_ids``."""

    def __init__(self, loader: Loader, gpu_ids: list[int | str]) -> None:
        self._loader = loader
        self._gpu_ids = gpu_ids

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        assert spec is not None
        module.__loader__ = spec.loader = self._loader
        self._loader.exec_module(module)
        ids = self._gpu_ids
        vars(module)["get_gpu_ids"] = lambda: list(ids)
        make_references_sendable(module)
