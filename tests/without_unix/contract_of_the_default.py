"""The contract of all backends, kept by what the default is where Unix is hidden; see `sitecustomize`."""

from __future__ import annotations

import os

from paramsurvey.backends import stand_in
from paramsurvey.testing import BackendContract


class TestDefault(BackendContract):  # with the traits of loky
    backend = "multiprocessing"
    concurrent = processes = own_directory = True

    def test_it_is_not_our_own_pool(self) -> None:
        assert stand_in.is_needed()
        assert hasattr(os, "killpg"), "hidden from paramsurvey, and from nobody else"

    def test_it_is_the_executor_backend(self, place: object) -> None:
        assert place.session.backend.name == "futures"  # type: ignore[attr-defined]

    def test_a_broken_pool_is_replaced_for_the_next_map(self, place: object) -> None:
        session = place.session  # type: ignore[attr-defined]
        assert len(session.map(lambda p, s, u: os._exit(1), [{"a": 1}]).missing) == 1
        assert len(session.map(lambda p, s, u: None, [{"a": 1}])) == 1
