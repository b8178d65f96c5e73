"""Warnings about text that a shell would have expanded: ``-p f=*.txt``, and ``echo {a} '|' wc``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from itertools import pairwise

from paramsurvey.cli.psets.axis_syntax import CALL
from paramsurvey.cli.psets.values import items_between_commas

OPERATORS = frozenset({"|", "|&", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1", "&>"})
TAKE_OPERATORS = frozenset({"expr", "test", "[", "find", "bc"})  # as arguments


def operator_warnings(words: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for the first word of a command that would be an operator in a shell.

    Parameters
    ----------
    words : sequence of str
        The command. A word after an option, as in ``awk -F '|'``, is taken to be meant as text.
    """
    for before, word in pairwise(words):
        if word in OPERATORS and not before.startswith("-") and words[0] not in TAKE_OPERATORS:
            yield f"{word!r} is an argument of {words[0]} here: for what a shell makes of it, add --shell"
            return


def pattern_warnings(texts: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each value that is a text, but would be some files if a shell had expanded it.

    Parameters
    ----------
    texts : sequence of str
        The values of ``-p``. What is in double quotes is meant as text.
    """
    for text in texts:
        name, _, values = text.partition("=")
        if values.startswith(("@", "[")) or CALL.fullmatch(values):
            continue
        for item in items_between_commas(values):
            pattern = item[2] or ""
            files = 0 if not has_magic(pattern) or os.path.lexists(pattern) else len(glob(pattern))
            if files:
                yield (
                    f"{name}={pattern} is the text {pattern!r}: for the files ({files:,}), write "
                    f"-p '{name}=glob({pattern})', and for the text itself, {name}='\"{pattern}\"'"
                )
