"""What ``ray.get_gpu_ids()`` says in a worker function: the GPUs that Ray has assigned.

The function runs in a process beside the Ray worker, which Ray knows nothing of. There, Ray would connect to
the cluster once more, and say that there are none.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def answer_with(gpu_ids: Sequence[int | str]) -> None:
    """Let ``ray.get_gpu_ids()`` return these ids, when the worker function imports ray."""
    sys.meta_path.insert(0, _RayFinder(list(gpu_ids)))


class _RayFinder(MetaPathFinder):
    """Finds ray as others do, and has its function replaced."""

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
    """Loads ray as its own loader does, and replaces the function."""

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
