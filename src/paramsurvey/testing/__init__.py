"""Tests for whoever writes a backend: make a subclass of `BackendContract`, and pytest runs them.

Nothing else of paramsurvey loads this package, or needs pytest.
"""

from __future__ import annotations

from paramsurvey.errors import PackageMissing

try:
    import pytest
except ImportError as error:
    raise PackageMissing("paramsurvey.testing needs pytest: pip install 'paramsurvey[testing]'") from error

pytest.register_assert_rewrite("paramsurvey.testing.contract", "paramsurvey.testing.place")

from paramsurvey.testing.backend_contract import BackendContract  # noqa: E402  (rewritten from here on)
from paramsurvey.testing.place import Place  # noqa: E402

__all__ = ["BackendContract", "Place"]
