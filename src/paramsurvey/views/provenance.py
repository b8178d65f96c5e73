"""What is known of a run: what was run, on what, where and when, and how far it got."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from paramsurvey.fast_dataclass import dataclass

CODE = ("function", "code", "arguments", "commit")
"""The facts that tell whether two runs ran the same."""


@dataclass(frozen=True)
class Provenance:
    """What is known of a run, in words.

    Attributes
    ----------
    facts : dict
        By their names, in the order in which they are to be read; what is unknown is not there.
    source : str
        The worker function's source; empty if it is not known.
    """

    facts: Mapping[str, str]
    source: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each fact."""
        return pd.DataFrame({"fact": list(self.facts), "is": list(self.facts.values())})

    def changes(self, after: Provenance) -> list[tuple[str, str, str]]:
        """Return what is different in another run's code and versions: the fact, before, after."""
        names = [
            name for name in dict.fromkeys([*self.facts, *after.facts]) if name in CODE or _is_version(name)
        ]
        pairs = [(name, self.facts.get(name, ""), after.facts.get(name, "")) for name in names]
        return [(name, old, new) for name, old, new in pairs if old != new]


def provenance_of(run: Mapping[str, Any], progress: Any = None) -> Provenance:
    """Return what is known of a run.

    Parameters
    ----------
    run : mapping
        A checkpoint's ``run.json``; empty where there is none. Whatever it lacks is left out.
    progress : MapProgress, optional
        The counters, where they are not in `run`.
    """
    facts = {name: text for name, text in _facts(run, progress) if text}
    source = _part(run, "function").get("source", "")
    return Provenance(facts, source if isinstance(source, str) else "")


def _facts(run: Mapping[str, Any], progress: Any) -> Iterator[tuple[str, str]]:
    function, git = _part(run, "function"), _part(run, "git")
    yield "map", _text(run.get("name", getattr(progress, "name", "")))
    yield "status", _text(run.get("status", ""))
    yield "psets", _counts(_part(run, "counts") or getattr(progress, "__dict__", {}))
    yield "started", _text(run.get("started", ""))
    yield "ended", _text(run.get("ended", ""))
    yield "elapsed", f"{run['elapsed']:,.1f} s" if isinstance(run.get("elapsed"), (int, float)) else ""
    yield "function", _text(function.get("name", ""))
    yield "file", _text(function.get("file", ""))
    yield "code", _text(function.get("hash", ""))
    yield "arguments", _text(_part(run, "user_kwargs").get("hash", ""))
    yield "commit", _text(git.get("commit", "")) + (" and changed files" if git.get("dirty") else "")
    yield "host", _text(run.get("host", ""))
    yield "command", _command(run.get("command"))
    yield "directory", _text(run.get("directory", ""))
    for package, version in _part(run, "versions").items():
        yield f"version of {package}", _text(version)
    earlier = run.get("history")
    yield "earlier runs", str(len(earlier)) if isinstance(earlier, list) and earlier else ""


def _part(run: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = run.get(key)
    return part if isinstance(part, Mapping) else {}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _command(command: Any) -> str:
    if not isinstance(command, list):
        return ""
    import shlex

    return shlex.join(map(str, command))


def _counts(counts: Mapping[str, Any]) -> str:
    names = ("total", "finished", "failures", "not_run", "active", "resumed", "retried")
    known = [(name, counts.get(name)) for name in names]
    return ", ".join(
        f"{count:,} {name.replace('_', ' ')}" for name, count in known if isinstance(count, int) and count
    )


def _is_version(name: str) -> bool:
    return name.startswith("version of ")
