"""The project's configuration: ``survey.toml``, or ``[tool.paramsurvey]`` in ``pyproject.toml``."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from paramsurvey.cli.errors import BadUsage
from paramsurvey.errors import suggestion

SURVEY = "survey.toml"
PYPROJECT = "pyproject.toml"


def load_config(command: click.Command, path: str | None) -> dict[str, Any]:
    """Return the configured defaults of a command's parameters.

    Parameters
    ----------
    command : click.Command
        Its long options are the keys that may be there, and ``command``, ``params``.
    path : str, optional
        What ``--config`` says. By default ``survey.toml`` here, else the nearest ``pyproject.toml``
        with a table ``[tool.paramsurvey]``, here or above.

    Raises
    ------
    BadUsage
        The file cannot be read, or has an unknown key or a value that cannot be one.
    """
    file, table = _found(path)
    if file is None:
        return {}
    known = {_key(option): option for option in command.params if isinstance(option, click.Option)}
    known.pop("config")
    defaults: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("_", "-")
        if name in ("params", "command"):
            continue
        if name not in known:
            names = [*known, "params", "command"]
            raise BadUsage(f"{file}: there is no option {key!r}{suggestion(name, names)}")
        defaults[str(known[name].name)] = _checked(f"{file}: {key}", known[name], value)
    return defaults | _params(file, table) | _command(file, table)


def _found(path: str | None) -> tuple[Path | None, Mapping[str, Any]]:
    if path is not None:
        return Path(path), _table(Path(path))
    if Path(SURVEY).is_file():
        return Path(SURVEY), _table(Path(SURVEY))
    here = Path.cwd()
    for directory in (here, *here.parents):
        file = directory / PYPROJECT
        if file.is_file() and (table := _table(file)):
            return file, table
    return None, {}


def _table(file: Path) -> Mapping[str, Any]:
    """Return the file's table for us: all of it, but in a pyproject.toml."""
    try:
        whole = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadUsage(f"{file} cannot be read ({error.strerror}): give a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadUsage(f"{file} is no TOML ({error}): correct that") from None
    return _our_part(file, whole) if file.name == PYPROJECT else whole


def _our_part(file: Path, whole: Mapping[str, Any]) -> Mapping[str, Any]:
    tools = whole.get("tool", {})
    table = tools.get("paramsurvey", {}) if isinstance(tools, dict) else None
    if not isinstance(table, dict):
        raise BadUsage(f"{file}: tool.paramsurvey is no table: write [tool.paramsurvey]")
    return table


def _key(option: click.Option) -> str:
    return max(option.opts, key=len).lstrip("-")


def _checked(where: str, option: click.Option, value: Any) -> Any:
    """Return the value as the option's type, which TOML may have in another form."""
    values = value if isinstance(value, list) else [value]
    if option.name == "ok_codes":
        values = [",".join(str(code) for code in values)]
    try:
        if isinstance(value, bool) != bool(option.is_flag) or (len(values) > 1 and not option.multiple):
            raise click.BadParameter(f"{value!r} is of the wrong type")
        if any(isinstance(one, (dict, list)) for one in values):
            raise click.BadParameter(f"{value!r} is of the wrong type")
        cast = [_converted(option, one) for one in values]
    except click.BadParameter as error:
        text = error.message.rstrip(".")
        raise BadUsage(f"{where}: {text}: write it as the option --{_key(option)} has it") from None
    return cast if option.multiple else cast[0]


def _converted(option: click.Option, value: Any) -> Any:
    if isinstance(option.type, click.Path) and not isinstance(value, str):
        raise click.BadParameter(f"{value!r} is no path")
    return option.type.convert(value, option, None)


def _params(file: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``[params]`` in the form of -p: a text is an axis as it is typed, a list is its values."""
    params = table.get("params", {})
    if not isinstance(params, dict):
        raise BadUsage(f"{file}: params is no table: write [params] and below it a = [1, 2, 3]")
    return {"params_config": {str(name): _axis_text(value) for name, value in params.items()}}


def _axis_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value if isinstance(value, list) else [value], default=str)


def _command(file: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the command: a list as it is, a text cut as a shell would, but for --shell."""
    command = table.get("command")
    if command is None:
        return {}
    if isinstance(command, str):
        return {"command_config": [command] if table.get("shell") else _words(file, command)}
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        return {"command_config": command}
    raise BadUsage(
        f"{file}: command is neither a text nor a list of texts: write command = ['./program', '{{a}}']"
    )


def _words(file: Path, command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise BadUsage(
            f"{file}: command = {command!r} cannot be cut into words ({error}): close it, "
            "or write a list, such as command = ['./program', '{a}']"
        ) from None
