"""What a shell completes: the file of ``-p a=@...``, ``module:function``, and files after ``--``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def complete_axis(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the path in ``NAME=@path``."""
    from click.shell_completion import CompletionItem

    name, at, path = incomplete.partition("=@")
    if not at:
        return []
    return [CompletionItem(f"{name}=@{found}") for found in _paths(path)]


def complete_sweep(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a sweep file; the values of a key cannot be completed."""
    from click.shell_completion import CompletionItem

    return [] if "=" in incomplete else [CompletionItem(incomplete, type="file")]


def complete_words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a command after ``--`` with files, and ``module:function`` before it."""
    from click.shell_completion import CompletionItem

    words = os.environ.get("COMP_WORDS", "").split()
    if "--" in words:
        return [CompletionItem(incomplete, type="file")]
    module, colon, function = incomplete.partition(":")
    if colon:
        return [
            CompletionItem(f"{module}:{name}") for name in _functions(module) if name.startswith(function)
        ]
    return [CompletionItem(f"{path.stem}:") for path in sorted(Path().glob(f"{module}*.py"))]


def _paths(beginning: str) -> Iterator[str]:
    """Yield the files and directories whose paths begin like this; a directory ends with a slash."""
    directory, slash, name = beginning.rpartition("/")
    try:
        with os.scandir(directory + slash or ".") as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries if entry.name.startswith(name))
    except OSError:  # there is no such directory, or it cannot be read
        return
    for entry, is_directory in found:
        yield directory + slash + entry + ("/" if is_directory else "")


def _functions(module: str) -> list[str]:
    """Return the functions of a module in this directory; it is read, and not imported."""
    import ast

    path = Path(module if module.endswith(".py") else module.replace(".", "/") + ".py")
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return []
    return [one.name for one in body if isinstance(one, ast.FunctionDef) and not one.name.startswith("_")]
