"""Whether a checkpoint has the results of another command: they must never pass for those of this one."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from paramsurvey.cli.checkpoints.saved_command import FILE_NAME, has_started, saved_text
from paramsurvey.cli.errors import BadUsage, say
from paramsurvey.cli.plan import Plan
from paramsurvey.errors import OptionError

ON_CHANGE_VARIABLE = "PARAMSURVEY_ON_CHANGE"
WORDS = re.compile(r"\S+|\s+")


def check_command(plan: Plan) -> str:
    """Compare the command with that of the checkpoint, and return what the engine does about changes.

    Raises
    ------
    BadUsage
        The command is another, and the user has not said that earlier results are to be kept.
    """
    wanted = plan.options.on_change or os.environ.get(ON_CHANGE_VARIABLE) or "error"
    if wanted not in ("error", "warn", "keep", "ignore"):
        raise OptionError(
            f"{ON_CHANGE_VARIABLE}={wanted!r} is not error, warn, keep or ignore: choose one of them"
        )
    for_engine = "ignore" if wanted == "keep" else wanted
    text, directory = plan.task.text, plan.checkpoint
    if text is None or directory is None or not has_started(directory):
        return for_engine if text is None else "ignore"
    before = saved_text(directory)
    if before is None:
        return for_engine if (Path(directory) / FILE_NAME).exists() or wanted != "error" else "warn"
    if before != text:
        _tell(directory, word_diff(before, text), wanted)
    return "ignore"


def _tell(directory: str, difference: str, wanted: str) -> None:
    where = f"{directory} has results of another command, {difference}"
    if wanted == "error":
        quoted = shlex.quote(directory)
        raise BadUsage(
            f"{where}: give another --checkpoint, remove {quoted}, or keep its results with --on-change keep"
        )
    if wanted == "warn":
        say(f"paramsurvey: {where}; they are kept, and the column command tells them apart")


def word_diff(old: str, new: str) -> str:
    """Return the difference of two commands on one line.

    Examples
    --------
    >>> word_diff("./sim -n 1 {a}", "./sim -n 2 {a} -v")
    './sim -n [-1-]{+2+} {a}{+ -v+}'
    """
    from difflib import SequenceMatcher  # only now: nearly all commands are new, or the same

    before, after = WORDS.findall(old), WORDS.findall(new)
    parts = []
    for kind, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append("".join(before[i:j]))
            continue
        removed, added = "".join(before[i:j]), "".join(after[k:m])
        parts.append((f"[-{removed}-]" if removed else "") + (f"{{+{added}+}}" if added else ""))
    return "".join(parts).replace("\n", "\\n")
