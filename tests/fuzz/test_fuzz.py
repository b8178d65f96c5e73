"""What fuzzing has found stays mended, and any bytes at all do no harm; ``make fuzz`` is the long version."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from targets import TARGETS

from fuzz import CORPUS, examples


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_once(name: str) -> None:
    for data in examples(name):
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_read_or_refused(name: str) -> None:
    known = examples(name)
    pieces = st.one_of(st.binary(max_size=30), *([st.sampled_from(known)] if known else []))

    @settings(max_examples=20)
    @given(st.lists(pieces, max_size=3).map(b"".join))
    def any_bytes(data: bytes) -> None:
        TARGETS[name](data)

    any_bytes()


def test_every_example_belongs_to_a_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} <= TARGETS.keys()
