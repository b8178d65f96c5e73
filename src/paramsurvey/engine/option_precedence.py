"""Which value an option has: environment variables come before `map`'s arguments, these before `init`'s."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paramsurvey.engine import option_values
from paramsurvey.engine.option_values import ValueDoesNotFit
from paramsurvey.engine.options import OPTION_INFO, Options, OptionScope, variable
from paramsurvey.engine.other_words import hint_for
from paramsurvey.errors import OptionError, UnknownOption, suggestion

Warn = Callable[[str], None]

IN_WORDS = {  # how a sentence names what the table of options calls a type
    "int": "a whole number",
    "int or None": "a whole number, or None",
    "int, or 'host:port'": "a whole number, or 'host:port'",
    "bool": "True or False",
    "bool or int": "True, False or a whole number",
    "str": "a text",
    "str or None": "a text, or None",
    "dict": "a dict",
    "function": "a function",
    "path": "a path",
    "seconds": "a number of seconds",
    "text stream": "an open text stream",
}


def check_init(given: Mapping[str, Any], backends: tuple[str, ...]) -> None:
    """Refuse keyword arguments that `init` does not take."""
    _check_names(given, "init()", OptionScope.MAP, "map()", backends)


def check_map(given: Mapping[str, Any], backends: tuple[str, ...]) -> None:
    """Refuse keyword arguments that `map` does not take."""
    _check_names(given, "map()", OptionScope.INIT, "init()", backends)


def _check_names(
    given: Mapping[str, Any], here: str, elsewhere: OptionScope, there: str, backends: tuple[str, ...]
) -> None:
    for name in given:
        if name in backends:
            _parsed(name, name, {} if given[name] is None else given[name], option_values.mapping, "dict")
        elif name not in OPTION_INFO:
            known = [key for key, info in OPTION_INFO.items() if info.scope != elsewhere]
            hint = hint_for(name) or _close_name(name, [*known, *backends], there)
            raise UnknownOption(f"{here} has no option {name!r}{hint}")
        elif OPTION_INFO[name].scope == elsewhere:
            raise OptionError(f"{name!r} is not an option of {here}: give it to {there} instead")


def _close_name(name: str, known: list[str], there: str) -> str:
    """Return the end of a sentence that names the option that was meant, even if it belongs elsewhere."""
    from difflib import get_close_matches  # here, because only an error needs it

    close = get_close_matches(name, [*known, *OPTION_INFO], n=1)
    if close and close[0] not in known:
        return f"; did you mean {close[0]}=, which is an option of {there}?"
    return suggestion(name, known)


def resolve(
    environ: Mapping[str, str],
    init: Mapping[str, Any],
    map: Mapping[str, Any] | None = None,
    warn: Warn = lambda text: None,
) -> Options:
    """Return all options. Environment variables override `map`'s arguments, and these override `init`'s.

    Parameters
    ----------
    environ, init, map : mapping
        The environment variables, and the arguments of `init` and `map`. An argument that is None counts as
        omitted, unless the option takes None.
    warn : callable
        Called with a message for each environment variable that is ignored because it is empty.

    Raises
    ------
    OptionError
        A ValueError that names the variable or argument whose value is wrong.
    """
    given = {**init, **{name: value for name, value in (map or {}).items() if _is_given(name, value)}}
    values = {
        name: _parsed(name, f"{name}=", given[name], info.parse, info.kind)
        for name, info in OPTION_INFO.items()
        if name in given and _is_given(name, given[name])
    }
    for name, info in OPTION_INFO.items():
        text = environ.get(variable(name)) if info.env else None
        if text == "":
            warn(
                f"the environment variable {variable(name)} is empty and ignored: unset it or give it a value"
            )
        elif text is not None:
            values[name] = _parsed(name, variable(name), text, info.parse, info.kind)
    return Options(**values)


def _is_given(name: str, value: Any) -> bool:
    """Tell whether an argument was given: None counts only where the option takes it."""
    return value is not None or (name in OPTION_INFO and OPTION_INFO[name].takes_none)


def _parsed(name: str, source: str, value: Any, parse: Callable[[Any], Any], kind: str) -> Any:
    try:
        return parse(value)
    except ValueDoesNotFit as error:
        reason = f", which is {error}"
    except (ValueError, TypeError):
        reason = ""  # what int() or float() says would not help a user
    raise OptionError(f"{source} has the value {value!r}{reason}: {name} takes {IN_WORDS.get(kind, kind)}")
