"""Options that may stand without their value: ``--zip``, ``--shuffle``, ``-v``."""

from __future__ import annotations

import re

import click

from paramsurvey.cli.options.declarations import ALL_AXES
from paramsurvey.fast_dataclass import dataclass


@dataclass(frozen=True)
class Bare:
    """What an option means without a value.

    Attributes
    ----------
    instead : str
        The same option with a value.
    values : str
        A regular expression: the following word is its value if it matches.
    """

    instead: str
    values: str


NAMES = r"[^\W\d][\w.]*(,[^\W\d][\w.]*)*"
NUMBER = r"\d+"
NEVER = r"(?!)"
BARE = {
    "--zip": Bare(f"--zip={ALL_AXES}", NAMES),
    "--shuffle": Bare("--shuffle=0", NUMBER),
    "-v": Bare("--verbose=2", NUMBER),
    "--verbose": Bare("--verbose=2", NUMBER),
    "-vv": Bare("--verbose=3", NEVER),
    "-vvv": Bare("--verbose=3", NEVER),  # which is what there is
}


class BareCommand(click.Command):
    """A click command whose options may stand without their value."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words, with the values that were left out."""
        return super().parse_args(ctx, with_values(args))


def with_values(args: list[str]) -> list[str]:
    """Return the words of a command line, with the values of options that were typed without one.

    Otherwise click would take the next word as the value, whatever it is: module:function, or another option.

    Examples
    --------
    >>> with_values(["--zip", "-v", "3", "--shuffle", "module:function"])
    ['--zip=*', '-v', '3', '--shuffle=0', 'module:function']
    """
    following = [*args[1:], ""][: len(args)]
    return [_with_value(word, after) for word, after in zip(args, following, strict=True)]


def _with_value(word: str, after: str) -> str:
    bare = BARE.get(word)
    return word if bare is None or re.fullmatch(bare.values, after) else bare.instead
