"""Whether a checkpoint's results were computed by the same function, and with the same arguments, as now."""

from __future__ import annotations

import ast
import difflib
import functools
import hashlib
import inspect
import os
import reprlib
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from paramsurvey.checkpoint.canonical_form import canonical, code_of
from paramsurvey.errors import CheckpointChanged, with_article
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.safe_repr import describe
from paramsurvey.worker.keywords import KeywordWorker

LONGEST_REPR = 10_000  # characters
LONGEST_SOURCE = 100_000
LONGEST_NAME = 200
SHOWN_LINES = 60  # of a difference


class ChangeOptions(Protocol):
    """The options that say what to do if the program has changed."""

    @property
    def path(self) -> str: ...
    @property
    def on_change(self) -> str: ...
    @property
    def keep(self) -> str: ...


def refuse_or_warn(
    before: Program, now: Program, options: ChangeOptions, tell: Callable[[str], object]
) -> None:
    """Do what the options say if the checkpoint holds results of another program.

    Raises
    ------
    CheckpointChanged
        The program has changed, and `on_change` is ``'error'``.
    """
    difference = before.difference(now) if options.on_change != "ignore" else ""
    if difference and options.on_change == "error":
        raise CheckpointChanged(
            f"the checkpoint {options.path!r} was made by another program: {difference}\n"
            f"give another directory, or {options.keep} if the results stay the same"
        )
    if difference:
        tell(
            f"the results in the checkpoint {options.path!r} were computed differently: {difference}\n"
            "they are used nevertheless; give another directory to compute all of them again, "
            f"or {options.keep} to silence this"
        )


@dataclass(frozen=True, slots=True)
class Program:
    """What was run: the function and its arguments, as far as they can be compared.

    The rest of the function's module, and the files that it reads, are not part of this.
    """

    function: str
    file: str
    source_hash: str
    source: str
    kwargs_hash: str
    kwargs_type: str
    kwargs: str | None

    @classmethod
    def of(cls, function: Any, user_kwargs: Any, store_user_kwargs: bool = False) -> Program:
        """Describe a worker function and its user_kwargs.

        The text of the user_kwargs is included only if it is to be stored, because it may hold passwords. So
        may the arguments that a partial carries with it.
        """
        inner = _innermost(function)
        name = (
            f"{getattr(inner, '__module__', '?')}.{getattr(inner, '__qualname__', type(inner).__qualname__)}"
        )
        source = _source(inner)
        text = _own_text(inner, source) or describe(function if store_user_kwargs else inner, LONGEST_REPR)
        return cls(
            name,
            _file(inner),
            _hash(canonical([source or _behaviour(inner), _carried_values(function)])),
            text[:LONGEST_SOURCE],
            _hash(canonical(user_kwargs)),
            type(user_kwargs).__qualname__[:LONGEST_NAME],
            _limited_repr(user_kwargs) if store_user_kwargs else None,
        )

    @classmethod
    def from_json(cls, run: Mapping[str, Any]) -> Program:
        """Return the program that a run.json describes."""
        function, kwargs = run["function"], run["user_kwargs"]
        return cls(
            function["name"],
            function["file"],
            function["hash"],
            function["source"],
            kwargs["hash"],
            kwargs.get("type", "value"),  # format 1 does not have it
            kwargs.get("repr"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return what a run.json says about the program."""
        return {
            "function": {
                "name": self.function,
                "file": self.file,
                "hash": self.source_hash,
                "source": self.source,
            },
            "user_kwargs": {
                "hash": self.kwargs_hash,
                "type": self.kwargs_type,
                **({} if self.kwargs is None else {"repr": self.kwargs}),
            },
        }

    def difference(self, new: Program) -> str:
        """Return what is different in `new`, for people to read; empty if nothing is."""
        parts = []
        if self.source_hash != new.source_hash:
            parts.append("the worker function has changed:\n" + _diff(self.source, new.source))
        if self.kwargs_hash != new.kwargs_hash:
            parts.append(self._difference_of_kwargs(new))
        return "\n".join(parts)

    def _difference_of_kwargs(self, new: Program) -> str:
        if self.kwargs is not None and new.kwargs is not None:
            return "user_kwargs have changed:\n" + _diff(_lines(self.kwargs), _lines(new.kwargs))
        return (
            f"user_kwargs have changed ({with_article(self.kwargs_type)} before, "
            f"{with_article(new.kwargs_type)} now; their text is not stored, "
            "because it may hold passwords: store_user_kwargs=True stores and shows it from now on)"
        )


def _limited_repr(thing: Any) -> str:
    """Return a repr, with dicts in order, that is limited in length and in the time that it takes."""
    shortened = _Repr()
    shortened.maxlevel = 10
    shortened.maxdict = shortened.maxlist = shortened.maxtuple = shortened.maxset = 200
    shortened.maxstring = shortened.maxother = shortened.maxlong = 1000
    try:
        return shortened.repr(thing)[:LONGEST_REPR]
    except Exception:  # the user's objects may raise any exception
        return describe(thing, LONGEST_REPR)


class _Repr(reprlib.Repr):
    """Also shows integers that have more digits than Python is willing to convert."""

    def repr_int(self, x: int, level: int) -> str:
        try:
            return super().repr_int(x, level)
        except ValueError:
            return f"<an integer of {x.bit_length()} bits>"


def _innermost(function: Any) -> Any:
    while isinstance(function, functools.partial) or hasattr(function, "__wrapped__"):
        function = function.func if isinstance(function, functools.partial) else inspect.unwrap(function)
    if inspect.ismethod(function):
        return function.__func__
    is_plain = inspect.isroutine(function) or isinstance(function, type)
    return function if is_plain else type(function)


def _carried_values(function: Any) -> list[Any]:
    """Return what a function carries with it: a partial's arguments, defaults, a closure's values."""
    if isinstance(function, KeywordWorker):
        return [function.result, _carried_values(function.__wrapped__.__wrapped__)]
    if isinstance(function, functools.partial):
        return [list(function.args), dict(function.keywords), _carried_values(function.func)]
    if inspect.isfunction(function):
        cells = [_cell(cell) for cell in function.__closure__ or ()]
        return [list(function.__defaults__ or ()), cells]
    return []


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty
        return None


def _source(thing: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError, IndentationError):
        return ""


def _own_text(thing: Any, source: str) -> str:
    """Return a function's source without the code around it, which for a lambda may contain user_kwargs."""
    if getattr(thing, "__name__", "") != "<lambda>":
        return source
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # such as a part of a longer call
        return ""
    lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    return ast.get_source_segment(source, lambdas[0]) or "" if len(lambdas) == 1 else ""


def _behaviour(thing: Any) -> Any:
    """Return what identifies a function whose source is not available."""
    code = getattr(thing, "__code__", None)
    return code_of(code) if code is not None else getattr(thing, "__qualname__", repr(type(thing)))


def _file(thing: Any) -> str:
    try:
        file = inspect.getsourcefile(thing)
    except TypeError:
        return ""
    return os.path.abspath(file) if file else ""


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _lines(text: str) -> str:
    """Break a repr into lines at its commas, so that a difference shows the item that has changed."""
    return text.replace(", ", ",\n")


def _diff(old: str, new: str) -> str:
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "now", lineterm="", n=2))
    if not lines:
        return "  (the difference is in the values that it carries with it)"
    shown = [f"  {line}" for line in lines[:SHOWN_LINES]]
    return "\n".join([*shown, *([f"  ... ({len(lines)} lines)"] if len(lines) > SHOWN_LINES else [])])
