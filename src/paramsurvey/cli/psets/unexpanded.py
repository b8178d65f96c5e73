"""Patterns such as ``-p f=*.txt``, which no shell expands and which are texts here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from glob import glob, has_magic

from paramsurvey.cli.psets.axis_syntax import CALL
from paramsurvey.cli.psets.values import items_between_commas


def told_patterns(texts: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for each value that is a text, but would be some files if a shell had expanded it.

    Parameters
    ----------
    texts : sequence of str
        What ``-p`` was given. What stands in double quotes is meant to be a text.
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
                    f"{name}={pattern} is the text {pattern!r}: for the files ({files:,}) write "
                    f"-p '{name}=glob({pattern})', and to be sure of the text {name}='\"{pattern}\"'"
                )
