"""What a report is about: one survey's columns, and what is known of its run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.report.markup import LinkedText
from paramsurvey.views import SurveyData, Timeline

STATES = {
    "finished": "The run is complete.",
    "running": "The run is still going: this is what was stored when the report was written.",
    "interrupted": "The run was interrupted before its end; it can resume from where it was.",
    "failed": "An error stopped the run before its end; it can resume from where it was.",
    "died": "The run was killed, or its machine went down; it can resume from where it was.",
    "": "How far the run got is not known.",
}
"""What the page says about each status; ``died`` means that its program ended without noting an end."""


CHOOSING = ("--only", "--shard", "--where", "--shuffle", "--sample", "--limit")
"""Options of ``paramsurvey run`` that change the numbers of the sets."""


@dataclass(frozen=True)
class Subject:
    """One survey.

    Attributes
    ----------
    name : str
        The map's name.
    data : SurveyData
    status : str
        One of `STATES`.
    counts : mapping of str to int
        ``total``, ``finished``, ``failures``, ``not_run``, ``retried``, ``resumed``.
    run : mapping
        Its ``run.json``; empty if there is none.
    timeline : callable, optional
        Returns when which worker was busy, or None if that is not known.
    directory : str
        The checkpoint's; empty if there is none.
    complaints : tuple of str
        What is damaged, in sentences.
    link : callable, optional
        Returns the address of a page about the pset with this number; None where there are no such pages.
    """

    name: str
    data: SurveyData
    status: str
    counts: Mapping[str, int]
    run: Mapping[str, Any] = field(default_factory=dict)
    timeline: Callable[[], Timeline | None] = lambda: None
    directory: str = ""
    complaints: tuple[str, ...] = ()
    link: Callable[[int], str] | None = None

    @property
    def why_empty(self) -> str:
        """Why there is nothing to see, in a sentence; empty if there is something."""
        if self.data.ended:
            return ""
        if self.counts.get("finished", 0):
            return "The results were not kept in memory: a report of the checkpoint has them."
        return "No pset has ended so far." if self.counts.get("total", 0) else "There are no psets."

    def linked(self, pset: str, number: int | None) -> str | LinkedText:
        """Return a pset's text, as a link if there is a page about it."""
        return pset if self.link is None or number is None else LinkedText(pset, self.link(number))

    def again(self, label: object, number: int | None = None) -> str:
        """Return the command, or the line of Python, that runs a pset without a result again.

        Parameters
        ----------
        label : object
            That of its row in what is missing.
        number : int, optional
            Its number in the survey.
        """
        if not self.directory:
            return f"results.missing.reproduce({label!r})"
        if (command := self.command_again(number)) is not None:
            return command
        module, name = self.function()
        directory, row = json.dumps(self.directory), json.dumps(label, default=str)
        code = (
            f"import paramsurvey; from {module} import {name}; "
            f"paramsurvey.load({directory}).missing.reproduce({row}, {name})"
        )
        return f"python -c {shlex.quote(code)}"

    def command_again(self, number: int | None) -> str | None:
        """Return what runs a pset of ``paramsurvey run`` again, None if that is not known."""
        words = self.run.get("command")
        if number is None or not isinstance(words, list) or words[1:2] != ["run"] or "--" not in words:
            return None
        at = words.index("--")
        options = [one for one in words[2:at] if isinstance(one, str)]
        if any(one.partition("=")[0] in CHOOSING for one in options):
            return None
        words = [
            "paramsurvey",
            "run",
            *_without(options, "--checkpoint"),
            "--only",
            f"{number + 1}",
            *words[at:],
        ]
        return f"cd {shlex.quote(str(self.run.get('directory', '.')))} && {shlex.join(map(str, words))}"

    def function(self) -> tuple[str, str]:
        """Return the worker function's module and name; placeholders where it cannot be imported."""
        function = self.run.get("function")
        known = function if isinstance(function, dict) else {}
        name, file = str(known.get("name", "")).rpartition(".")[2], str(known.get("file") or "")
        stem = file.rpartition("/")[2].removesuffix(".py")
        if name.isidentifier() and stem.isidentifier() and file.endswith(".py"):
            return stem, name
        return "YOUR_MODULE", "YOUR_FUNCTION"


def _without(words: list[str], option: str) -> list[str]:
    """Return the words of a command line without an option and its value."""
    kept, after = [], False
    for word in words:
        if not after and word != option and not word.startswith(f"{option}="):
            kept.append(word)
        after = word == option
    return kept
