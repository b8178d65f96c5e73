"""The project's configuration: ``survey.toml``, or ``[tool.paramsurvey]`` in ``pyproject.toml``."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.options.types import Converted
from paramsurvey.errors import suggestion

SURVEY = "survey.toml"
PYPROJECT = "pyproject.toml"


def load_config(command: click.Command, path: str | None) -> dict[str, Any]:
    """Return the configured defaults of a command's parameters.

    Parameters
    ----------
    command : click.Command
        Its long options, ``command`` and ``params`` are the keys that a configuration may have.
    path : str, optional
        The value of ``--config``. By default ``survey.toml`` in the current directory, else the nearest
        ``pyproject.toml`` with a table ``[tool.paramsurvey]``, in this directory or above it.

    Returns
    -------
    dict
        By the names of the command's parameters; ``params_config`` has the axes of ``params`` and
        ``command_config`` the words of ``command``.

    Raises
    ------
    BadUsage
        The file cannot be read, has an unknown key, or a value that its option cannot have.
    """
    file, table = _find_table(path)
    if file is None:
        return {}
    known = {_long_name(option): option for option in command.params if isinstance(option, click.Option)}
    known.pop("config")
    defaults: dict[str, Any] = {}
    for key, value in table.items():
        name = key.replace("_", "-")
        if name in ("params", "command"):
            continue
        if name not in known:
            names = [*known, "params", "command"]
            raise BadUsage(f"{file}: there is no option {key!r}{suggestion(name, names)}")
        defaults[str(known[name].name)] = _convert(f"{file}: {key}", known[name], value)
    return defaults | _params(file, table) | _command(file, table)


def _find_table(path: str | None) -> tuple[Path | None, Mapping[str, Any]]:
    if path is not None:
        return Path(path), _read_table(Path(path))
    if Path(SURVEY).is_file():
        return Path(SURVEY), _read_table(Path(SURVEY))
    here = Path.cwd()
    for directory in (here, *here.parents):
        file = directory / PYPROJECT
        if file.is_file() and (table := _read_table(file)):
            return file, table
    return None, {}


def _read_table(file: Path) -> Mapping[str, Any]:
    """Return the configuration in a file: [tool.paramsurvey] of a pyproject.toml, all of others."""
    import tomllib  # here, because few runs have a configuration

    try:
        whole = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadUsage(f"{file} cannot be read ({error.strerror}): give a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadUsage(f"{file} is not valid TOML ({error}): correct it") from None
    return _tool_table(file, whole) if file.name == PYPROJECT else whole


def _tool_table(file: Path, whole: Mapping[str, Any]) -> Mapping[str, Any]:
    tools = whole.get("tool", {})
    table = tools.get("paramsurvey", {}) if isinstance(tools, dict) else None
    if not isinstance(table, dict):
        raise BadUsage(f"{file}: tool.paramsurvey is not a table: write [tool.paramsurvey]")
    return table


def _long_name(option: click.Option) -> str:
    """Return the long name of an option without its dashes, such as ``ok-codes``."""
    return max(option.opts, key=len).lstrip("-")


def _convert(source: str, option: click.Option, value: Any) -> Any:
    """Return a value from TOML as the option's own type, as click does with words that were typed."""
    if value is True and not option.is_flag and option._flag_needs_value:
        value = option.flag_value  # as if the option had been typed without a value
    values = value if isinstance(value, list) else [value]
    if option.name == "ok_codes":
        values = [",".join(str(code) for code in values)]
    try:
        if isinstance(value, bool) != bool(option.is_flag) or (len(values) > 1 and not option.multiple):
            raise click.BadParameter(f"{value!r} is of the wrong type")
        if any(isinstance(item, (dict, list)) for item in values):
            raise click.BadParameter(f"{value!r} is of the wrong type")
        converted = [_convert_item(option, item) for item in values]
    except click.BadParameter as error:
        text = error.message.rstrip(".")
        raise BadUsage(f"{source}: {text}: give what --{_long_name(option)} takes") from None
    return converted if option.multiple else converted[0]


def _convert_item(option: click.Option, value: Any) -> Any:
    if isinstance(option.type, click.Path) and not isinstance(value, str):
        raise click.BadParameter(f"{value!r} is not a path")
    found = option.type.convert(value, option, None)
    return value if isinstance(option.type, Converted) else found  # click converts it; a checkpoint saves it


def _params(file: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``[params]`` in the syntax of -p: a text is an axis as it is typed, a list has the values."""
    params = table.get("params", {})
    if not isinstance(params, dict):
        raise BadUsage(f"{file}: params is not a table: write [params], and below it a = [1, 2, 3]")
    return {"params_config": {str(name): _axis_text(value) for name, value in params.items()}}


def _axis_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    from json import dumps

    return dumps(value if isinstance(value, list) else [value], default=str)


def _command(file: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of the command: those of a list, or of a text, which --shell leaves whole."""
    command = table.get("command")
    if command is None:
        return {}
    if isinstance(command, str):
        return {"command_config": [command] if table.get("shell") else _split_words(file, command)}
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        return {"command_config": command}
    raise BadUsage(
        f"{file}: command is neither a string nor a list of strings: write command = ['./program', '{{a}}']"
    )


def _split_words(file: Path, command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise BadUsage(
            f"{file}: command = {command!r} cannot be split into words ({error}): close its quotes, "
            "or write a list, such as command = ['./program', '{a}']"
        ) from None
