"""Which quotes are around a placeholder, as a shell reads the text."""

from __future__ import annotations

import pytest

from paramsurvey.cli.command.shell_quoting import PLACEHOLDER, Placement, Quotes, find_placements
from paramsurvey.cli.errors import BadUsage

OPEN, SINGLE, DOUBLE, USELESS = ".", "'", '"', "?"  # one for each @ of a text
NAMES = {Quotes.NONE: OPEN, Quotes.SINGLE: SINGLE, Quotes.DOUBLE: DOUBLE, Quotes.USELESS: USELESS}

TEXTS = {
    "nothing": ("", ""),
    "words": ("@ a@ @b @@", "....."),
    "single quotes": ("'@ a@'@ @", "''.."),
    "double quotes": ('"@ a@"@ @', '""..'),
    "quotes of the other kind": ("\"'@'\" '\"@\"'", "\"'"),
    "quotes without an end": ("'@", "'"),
    "double quotes without an end": ('"@', '"'),
    "an escaped quote": ("\\'@ \\\"@", ".."),
    "an escaped backslash": ("\\\\'@'", "'"),
    "a backslash in single quotes": ("'\\'@", "."),
    "an escaped quote in double quotes": ('"\\"@" @', '".'),
    "an escaped backslash in double quotes": ('"\\\\"@', "."),
    "a comment": ("# @ '\n@", "?."),
    "comments after what ends a word": ("a # @\nb;# @\n(# @\n)&#@\n|#@\n<#@\n>#@\n\t#@", "????????"),
    "no comment in a word": ("a#@ 'b'#@ \"c\"#@ ${d}#@", "...."),
    "no comment after what is escaped": ("a\\ #@ \\##@ \\\\#@", "..."),
    "a line that goes on": ("a \\\n#@", "?"),
    "a word that goes on in the next line": ("a\\\n#@", "."),
    "variables": ("$x @ $ @ ${x} @ ${x}a@ ${#x} @ ${x%.txt}@ ${x:-a b}@", "......."),
    "an expansion with quotes": ('${x:-"a"} @ "@"', "??"),
    "commands": ("$(date +%s) @ $(echo '@' @ \"@\")", ".'.\""),
    "variables in double quotes": ('"$x @ ${x} @ ${x}a@" @', '""".'),
    "a simple command in double quotes": ('"$(date +%s) @" @', '".'),
    "a command with quotes in double quotes": ('"$(echo "a") @" @', "??"),
    "a command with case in double quotes": ('"$(case x in x) @" @', "??"),
    "an expansion with quotes in double quotes": ('"${x:-"a"} @" @', "??"),
    "parentheses": ("(@) ( (@) )", ".."),
    "redirections": ("< @ > @ 2>&1 @", "..."),
    "backquotes": ("@ `a` @ '@'", ".??"),
    "backquotes in double quotes": ('"@ `a` @" @', '"??'),
    "a here-document": ("cat <<E @ '@'\n@\nE\n@", "????"),
    "arithmetic": ("$((1)) @", "?"),
    "an arithmetic command": ("((1)) @", "?"),
    "old arithmetic": ("$[1] @", "?"),
    "quotes of the C language": ("$'a' @", "?"),
    "quotes that are translated": ('$"a" @', "?"),
    "all that is one kind of quotes in others": ("'` << # $(( @' \"' # << @\"", "'\""),
}


def found_in(text: str) -> tuple[Placement, ...]:
    return find_placements(text.replace("@", PLACEHOLDER), tuple(f"{{{n}}}" for n in range(text.count("@"))))


@pytest.mark.parametrize(("text", "quotes"), TEXTS.values(), ids=TEXTS)
def test_the_quotes_are_those_of_the_shell(text: str, quotes: str) -> None:
    assert "".join(NAMES[one.quotes] for one in found_in(text)) == quotes


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("# @", "in a comment"),
        ("`@`", "after backquotes"),
        ('"`@`"', "after backquotes"),
        ("<<E\n@\nE", "after <<"),
        ("$((@))", "after $(("),
        ("$'@'", "after $'"),
        ('"${x:-"@"}"', "after ${"),
        ('"$(echo "@")"', "after $("),
    ],
)
def test_where_quotes_are_useless_the_place_is_named(text: str, place: str) -> None:
    (found,) = found_in(text)
    assert found == Placement(Quotes.USELESS, found.following, place)
    assert found.quote("{a}", "2.5e-3") == "2.5e-3"
    with pytest.raises(BadUsage, match="needs quotes") as caught:
        found.quote("{a}", "x y")
    assert f"{{a}} stands {place}, where quotes do not protect it, and its value 'x y'" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["@ \\@", "@ $@", '@ "\\@"', '@ "$@"', "@ a$@", "@ ${x}$@", "@ `\\@`", "@ <<E $@", "@ \\\n\\@"]
)
def test_a_placeholder_whose_quotes_would_mean_something_else_is_named(text: str) -> None:
    with pytest.raises(BadUsage, match=r"--shell: \{1\} follows a backslash or a dollar sign"):
        found_in(text)


def test_in_single_quotes_a_backslash_and_a_dollar_sign_mean_nothing() -> None:
    assert [one.quotes for one in found_in("'\\@' '$@'")] == [Quotes.SINGLE, Quotes.SINGLE]


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        ("@", "a", "a"),
        ("@", "a b", "'a b'"),
        ("@", "", "''"),
        ("@", "x=1", "'x=1'"),
        ("@>f", "2", "'2'"),
        ("@<f", "2", "'2'"),
        ("@ >f", "2", "2"),
        ("'@'", "a b", "''a b''"),
        ('"@"', "a b", "\"'a b'\""),
        ("'@'", "x=1", "x=1"),
        ("'@>f'", "2", "2"),
    ],
)
def test_a_value_is_quoted_as_its_place_needs_it(text: str, value: str, written: str) -> None:
    (found,) = found_in(text)
    assert found.quote("{a}", value) == written
