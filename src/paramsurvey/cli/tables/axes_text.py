"""Axes as they are typed: ``1,2,3``, ``0:1:0.25``, ``linspace(0,1,11)``, ``@file``, ``uniform(0,1)``."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paramsurvey.cli.problems import BadUsage

if TYPE_CHECKING:
    from paramsurvey.params.spaces import Space

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
INTEGER = re.compile(r"-?(?:0|[1-9]\d*)")  # 007 and +7 stay text: as numbers they would look different
FLOAT = re.compile(r"-?(?:(?:0|[1-9]\d*)?\.\d+|(?:0|[1-9]\d*)\.?)(?:[eE][-+]?\d+)?")
STEPS = re.compile(rf"\s*({NUMBER})\s*:\s*({NUMBER})\s*(?::\s*({NUMBER})\s*)?")
CALL = re.compile(r"\s*([A-Za-z_]\w*)\((.*)\)\s*", re.DOTALL)
STEPS_BEGIN = re.compile(rf"\s*{NUMBER}\s*:\s*{NUMBER}\s*(?=[,:]|$)")
CALL_BEGIN = re.compile(r"\s*([A-Za-z_]\w*)\(")
ITEM = re.compile(r'"((?:[^"]|"")*)"(?=,|$)|([^,]*)', re.DOTALL)
MOST_STEPS = 10_000_000  # what a typing error such as 0:1:1e-12 asks for does not fit into memory

Values = Sequence[Any]


@dataclass(frozen=True)
class Drawn:
    """A distribution: its name and its arguments, for `paramsurvey.params`."""

    name: str
    arguments: tuple[Any, ...]


Axis = Values | Drawn


def parse_axes(texts: Sequence[str]) -> dict[str, Axis]:
    """Return the axes of several ``name=axis``, in their order.

    Raises
    ------
    BadUsage
        A text has no name or no values, a name is there twice, or an axis cannot be read.
    """
    axes: dict[str, Axis] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not name:
            lacks = "values" if name else "name"
            raise BadUsage(f"-p {text!r} has no {lacks}: write it as name=values, for example -p a=1,2,3")
        if name in axes:
            raise BadUsage(f"the parameter {name!r} is given twice: put all its values into one -p")
        axes[name] = _in_unicode(name, parse_axis(name, values))
    return axes


def _in_unicode(name: str, axis: Axis) -> Axis:
    """Refuse what no table can hold: half a surrogate pair, or a byte that is no UTF-8."""
    for value in axis if isinstance(axis, list) else ():
        try:
            str(value).encode()
        except UnicodeEncodeError:
            raise BadUsage(
                f"the parameter {name!r} has the value {value!r}, which is no UTF-8 text: change it"
            ) from None
    return axis


def parse_axis(name: str, text: str) -> Axis:
    """Return the values, or the distribution, that one text describes.

    Examples
    --------
    >>> parse_axis("a", "1,2.5,x")
    [1, 2.5, 'x']
    >>> parse_axis("a", "0:1:0.25")
    [0.0, 0.25, 0.5, 0.75, 1.0]
    >>> parse_axis("a", "linspace(0,1,3)")
    [0.0, 0.5, 1.0]
    >>> parse_axis("a", '["two, in one", null]')
    ['two, in one', None]
    """
    if text.startswith("@"):
        return _not_empty(name, read_values(name, text[1:]))
    if text.startswith("[") and (listed := _json_list(text)) is not None:
        return _not_empty(name, listed)
    if steps := STEPS.fullmatch(text):
        return _steps(name, *steps.groups())
    if (call := CALL.fullmatch(text)) and (made := _called(name, text, call[1], call[2])) is not None:
        return made
    if not text:
        raise BadUsage(f"the parameter {name!r} has no values: give some, or {name}='\"\"' for an empty text")
    _refuse_pieces(name, text)
    return split_values(text)


def _refuse_pieces(name: str, text: str) -> None:
    """Refuse a text that would be cut at its commas, and in which something begins that has commas itself."""
    for item in _items(text):
        piece = item[2]
        if piece is None:
            continue
        what = _what_begins(piece, text)
        if what:
            as_text = piece.replace('"', '""')
            raise BadUsage(
                f"{name}={text}: {piece!r} begins like {what} and is none: correct it, "
                f"or put each text into double quotes, as in {name}='\"{as_text}\",...'"
            )


def _what_begins(piece: str, whole: str) -> str:
    """Return as what a piece of a text was probably meant, empty: as a text."""
    if STEPS_BEGIN.match(piece):
        return "a range start:stop:step"
    if piece.lstrip().startswith("["):
        return "a JSON list"
    call = CALL_BEGIN.match(piece)
    is_cut = call is not None and piece.count("(") > piece.count(")") and ")" in whole
    known = call is not None and call[1] in {**RANGES, **DISTRIBUTIONS}
    return f"the call {call[1]}(...)" if call is not None and (known or is_cut) else ""


def value_of(text: str) -> Any:
    """Return a number where the text is one, else the text itself.

    Examples
    --------
    >>> [value_of(text) for text in ("7", "007", "1e-3", " x ")]
    [7, '007', 0.001, ' x ']
    """
    stripped = text.strip()
    if INTEGER.fullmatch(stripped):
        return int(stripped)
    return float(stripped) if FLOAT.fullmatch(stripped) else text


def split_values(text: str) -> Values:
    """Return the values between commas; one in double quotes is text, and may hold commas.

    Examples
    --------
    >>> split_values('1,"1","a,b"')
    [1, '1', 'a,b']
    """
    return [value_of(item[2]) if item[1] is None else item[1].replace('""', '"') for item in _items(text)]


def _items(text: str) -> Iterator[re.Match[str]]:
    """Yield what stands between commas: group 1 is in double quotes, group 2 is not."""
    at = 0
    while at <= len(text):
        item = ITEM.match(text, at)
        assert item is not None
        yield item
        at = item.end() + 1


def read_values(name: str, path: str) -> Values:
    """Return the values in a file: one per line, or a JSON list; ``-`` is standard input."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise BadUsage(
            f"{name}=@{path} cannot be read ({reason}): give a text file, one value per line"
        ) from None
    if path.endswith(".json"):
        if (listed := _json_list(text)) is None:
            raise BadUsage(f"{name}=@{path} is no JSON list: write for example [1, 2, 3] into it")
        return listed
    return [value_of(line) for line in text.removeprefix("\ufeff").split("\n") if line.strip()]


def _json_list(text: str) -> Values | None:
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return listed if isinstance(listed, list) else None


def _not_empty(name: str, values: Values) -> Values:
    if not values:
        raise BadUsage(f"the parameter {name!r} has no values: put at least one there")
    return values


def _steps(name: str, start: str, stop: str, step: str | None) -> Values:
    """Return the values from start to stop, stop included; in decimals, so that 0:0.3:0.1 has it."""
    first, last, by = Decimal(start), Decimal(stop), Decimal(step or "1")
    whole = f"{name}={start}:{stop}" + (f":{step}" if step else "")
    if by == 0 or (last - first) / by < 0:
        raise BadUsage(f"{whole} never gets there: write start:stop:step with a step from start towards stop")
    count = int((last - first) / by) + 1
    if all(INTEGER.fullmatch(text) for text in (start, stop, step or "1")):
        return range(int(first), int(first) + count * int(by), int(by))  # which costs nothing
    if count > MOST_STEPS:
        raise BadUsage(f"{whole} is {count:,} values: {MOST_STEPS:,} is the most, take a larger step")
    return [float(first + i * by) for i in range(count)]


# ---- linspace(...), uniform(...)


def _called(name: str, text: str, function: str, inside: str) -> Axis | None:
    """Return what a function's name and arguments stand for; None where the text is no such call."""
    known = {**RANGES, **DISTRIBUTIONS}
    if function not in known:
        close = get_close_matches(function, known, n=1, cutoff=0.8)
        if close:
            raise BadUsage(
                f"{name}={text}: there is no {function}(...); did you mean {close[0]}(...)? "
                f"For the text as it is, write {name}='\"{text}\"'"
            )
        return None
    arguments = split_values(inside) if inside.strip() else []
    if function == "choice":
        return Drawn("choice", (_not_empty(name, arguments),))
    _check_arguments(f"{name}={text}", known[function], arguments)
    if function in DISTRIBUTIONS:
        return Drawn(function, tuple(arguments))
    return _spaced(f"{name}={text}", function, *arguments)


RANGES = {
    "linspace": ("first", "last", "how many"),
    "logspace": ("first power of 10", "last power of 10", "how many"),
    "geomspace": ("first", "last", "how many"),
}
DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "loguniform": ("low", "high"),
    "integers": ("lowest", "highest"),
    "choice": (),
}


def _check_arguments(text: str, wanted: tuple[str, ...], given: Values) -> None:
    if len(given) != len(wanted) or not all(isinstance(value, (int, float)) for value in given):
        raise BadUsage(f"{text} needs {len(wanted)} numbers: {', '.join(wanted)}")


def _spaced(text: str, function: str, first: float, last: float, count: Any) -> Values:
    import numpy as np

    if not isinstance(count, int) or not 1 <= count <= MOST_STEPS:
        raise BadUsage(
            f"{text}: the third number is how many values, a whole number from 1 to {MOST_STEPS:,}"
        )
    try:
        with np.errstate(all="raise"):
            values: Values = getattr(np, function)(first, last, count).tolist()
    except (ValueError, FloatingPointError) as error:
        raise BadUsage(f"{text} cannot be computed ({error}): give other ends") from None
    return values


# ---- from axes to psets


@dataclass(frozen=True)
class Sampling:
    """How the psets of a sample are drawn."""

    count: int
    method: str = "random"
    seed: int = 0


def make_space(
    axes: Mapping[str, Axis],
    table: Space | None = None,
    zipped: bool = False,
    sampling: Sampling | None = None,
) -> Space:
    """Return the psets that axes, a table and the options describe.

    Parameters
    ----------
    axes : mapping of str to values or Drawn
    table : Space, optional
        The rows of ``--psets``: each is crossed with all that the axes make.
    zipped : bool
        Axes side by side instead of crossed.
    sampling : Sampling, optional
        Draw so many psets from the axes; a list of values is drawn from, too.
    """
    from paramsurvey.params.spaces import Aligned, Grid, Product

    if zipped and sampling:
        raise BadUsage("--zip and --sample exclude each other: leave one of them out")
    drawn = [name for name, axis in axes.items() if isinstance(axis, Drawn)]
    if drawn and sampling is None:
        raise BadUsage(f"the parameter {drawn[0]!r} is a distribution: say how many to draw with --sample N")
    if not axes:
        if table is None:
            raise BadUsage("there are no parameters: give some with -p name=1,2,3 or with --psets FILE")
        if zipped:
            raise BadUsage("--zip puts the values of -p side by side, and there are none: leave it out")
        if sampling:
            raise BadUsage("--sample has nothing to draw from: add for example -p 'x=uniform(0,1)'")
        return table
    if sampling:
        made: Space = _sample(axes, sampling)
    else:
        lists = {name: axis for name, axis in axes.items() if not isinstance(axis, Drawn)}
        made = Aligned(_equally_long(lists)) if zipped else Grid(lists)
    return made if table is None else Product([table, made])


def _sample(axes: Mapping[str, Axis], sampling: Sampling) -> Space:
    from paramsurvey.params.sampling import Sample

    drawers = {name: _distribution(name, axis) for name, axis in axes.items()}
    return Sample(sampling.count, drawers, sampling.method, sampling.seed)


def _distribution(name: str, axis: Axis) -> Any:
    from paramsurvey import params

    if not isinstance(axis, Drawn):
        return params.choice(axis)
    try:
        return getattr(params, axis.name)(*axis.arguments)
    except (ValueError, TypeError) as error:
        raise BadUsage(f"the parameter {name!r}: {error}") from None


def _equally_long(axes: Mapping[str, Values]) -> dict[str, Values]:
    """Return the axes of a --zip; a single value goes with all values of the others."""
    lengths = {name: len(values) for name, values in axes.items()}
    longest = max(lengths.values())
    if set(lengths.values()) - {1, longest}:
        shown = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise BadUsage(
            f"--zip needs equally many values of each parameter, but {shown}: mend that, or drop --zip"
        )
    return {name: list(values) * longest if len(values) == 1 else values for name, values in axes.items()}
