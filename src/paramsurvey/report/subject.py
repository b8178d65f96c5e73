"""What a report is about: one survey's columns, and what is known of its run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from paramsurvey.report.markup import Link
from paramsurvey.views import SurveyData, Timeline

STATES = {
    "finished": "The run has come to its end.",
    "running": "The run goes on: this is what was stored when the report was written.",
    "interrupted": "The run was interrupted before its end; it can go on from where it was.",
    "failed": "An error has ended the run before its end; it can go on from where it was.",
    "died": "The run was killed, or its machine went down; it can go on from where it was.",
    "": "How far the run came is not known.",
}
"""What is said of each status; ``died`` means that its program ended without noting an end."""


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
        Returns when which worker was busy; None where it is not known.
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

    def linked(self, pset: str, number: int | None) -> str | Link:
        """Return a pset's text, as a link where there is a page about it."""
        return pset if self.link is None or number is None else Link(pset, self.link(number))

    def again(self, label: object) -> str:
        """Return the command, or the line of Python, that runs a pset without a result again."""
        if not self.directory:
            return f"results.missing.reproduce({label!r})"
        module, name = self.function()
        directory, row = json.dumps(self.directory), json.dumps(label, default=str)
        code = (
            f"import paramsurvey; from {module} import {name}; "
            f"paramsurvey.load({directory}).missing.reproduce({row}, {name})"
        )
        return f"python -c {shlex.quote(code)}"

    def function(self) -> tuple[str, str]:
        """Return the worker function's module and name; placeholders where it cannot be imported."""
        function = self.run.get("function")
        known = function if isinstance(function, dict) else {}
        name, file = str(known.get("name", "")).rpartition(".")[2], str(known.get("file") or "")
        stem = file.rpartition("/")[2].removesuffix(".py")
        if name.isidentifier() and stem.isidentifier() and file.endswith(".py"):
            return stem, name
        return "YOUR_MODULE", "YOUR_FUNCTION"
