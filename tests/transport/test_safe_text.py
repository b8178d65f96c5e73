"""Text of others in terminals and logs."""

from __future__ import annotations

import pytest

from paramsurvey.transport.safe_text import safe_block, safe_line, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("one\nforged\r\x0b\x0c", r"one\nforged\r\x0b\x0c"),
        ("a\u2028b\u2029c\x85", r"a\u2028b\u2029c\x85"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("half \ud800", r"half \ud800"),
        ("grüße 星 👩\u200d🔬", "grüße 星 👩\u200d🔬"),
    ],
    ids=["escapes", "one-byte escapes", "newlines", "other newlines", "direction", "surrogate", "letters"],
)
def test_what_a_terminal_obeys_is_shown_instead(text: str, shown: str) -> None:
    assert safe_line(text) == shown


def test_a_block_keeps_its_lines() -> None:
    assert safe_block("a\n\tb\r\n\x1b[1m") == "a\n\tb\\r\n\\x1b[1m"


def test_what_is_left_out_is_counted() -> None:
    assert shortened("x" * 1_000_000, 100).count("x") == 100
    assert "(999,900 characters left out)" in shortened("x" * 1_000_000, 100)
    assert shortened("short", 100) == "short"
