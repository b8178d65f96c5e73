"""Finding the guard ``if __name__ == '__main__':`` in a program, and what the program defines outside it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType

BLOCKS = ("body", "orelse", "finalbody")  # attributes of statements whose blocks may contain a guard
EXITS = ("sys.exit", "exit", "SystemExit")


def has_guard(text: str) -> bool:
    """Tell whether workers can import a program: it has a guard, and is not just a launcher.

    A launcher, such as pip installs for commands, has nothing outside its guard that a worker could need.

    Examples
    --------
    >>> has_guard("def f(): pass\\nif __name__ == '__main__': f()")
    True
    >>> has_guard("import sys, tool\\nif __name__ == '__main__': sys.exit(tool.main())")
    False
    """
    try:
        with _no_second_warning():
            statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    guards = list(_guards(statements))
    return bool(guards) and not _is_launcher(statements, guards)


@dataclass(frozen=True, slots=True)
class Definitions:
    """What a program defines.

    Attributes
    ----------
    names : frozenset of str
        The names that exist when the program is imported.
    guarded : frozenset of str
        The names that are defined below the guard, and exist only when the program is run.
    codes : frozenset of code
        The code objects of all functions and classes that exist when the program is imported.
    """

    names: frozenset[str]
    guarded: frozenset[str]
    codes: frozenset[CodeType]


def definitions(text: str, path: str) -> Definitions:
    """Return what a program with a guard defines."""
    with _no_second_warning():
        tree = ast.parse(text)
        guarded = [statement for guard in _guards(tree.body) for statement in guard.body]
        tree.body = list(_unguarded(tree.body))
        code = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
    return Definitions(frozenset(_bound(tree.body)), frozenset(_bound(guarded)), frozenset(_codes_in(code)))


@contextmanager
def _no_second_warning() -> Iterator[None]:
    """Say nothing about the program that was said when Python compiled it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _guards(statements: list[ast.stmt]) -> Iterator[ast.If]:
    """Yield the guards of a module, including those inside other ifs, try and with."""
    for statement in statements:
        if isinstance(statement, ast.If) and _is_guard(statement.test):
            yield statement
        else:
            for block in _blocks(statement).values():
                yield from _guards(block)


def _blocks(statement: ast.stmt) -> dict[str, list[ast.stmt]]:
    """Return the blocks of an if, try or with, by the name of the attribute; none for other statements."""
    if not isinstance(statement, (ast.If, ast.Try, ast.With)):
        return {}
    return {name: block for name in BLOCKS if (block := getattr(statement, name, None))}


def _is_guard(test: ast.expr) -> bool:
    """Tell whether a condition is ``__name__ == '__main__'``, in either order, or implies it (and)."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(map(_is_guard, test.values))
    if not isinstance(test, ast.Compare) or [type(op) for op in test.ops] != [ast.Eq]:
        return False
    sides = test.left, test.comparators[0]
    return any(map(_is_dunder_name, sides)) and any(map(_is_dunder_main, sides))


def _is_dunder_name(side: ast.expr) -> bool:
    return isinstance(side, ast.Name) and side.id == "__name__"


def _is_dunder_main(side: ast.expr) -> bool:
    return isinstance(side, ast.Constant) and side.value == "__main__"


def _is_launcher(statements: list[ast.stmt], guards: list[ast.If]) -> bool:
    others = [statement for statement in statements if statement not in guards]
    if not all(isinstance(other, (ast.Import, ast.ImportFrom)) or _is_text(other) for other in others):
        return False
    return any(_exits(statement) for guard in guards for statement in guard.body)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _exits(statement: ast.stmt) -> bool:
    """Tell whether a statement is ``sys.exit(...)`` or ``raise SystemExit(...)``."""
    called = statement.exc if isinstance(statement, ast.Raise) else getattr(statement, "value", None)
    return isinstance(called, ast.Call) and ast.unparse(called.func) in EXITS


def _unguarded(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when a module is imported: of a guard, only its else block."""
    for statement in statements:
        if isinstance(statement, ast.If) and _is_guard(statement.test):
            yield from _unguarded(statement.orelse)
            continue
        for name, block in _blocks(statement).items():
            setattr(statement, name, list(_unguarded(block)) or [ast.Pass()])
        yield statement


def _bound(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements of a module bind."""
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name
            continue
        for node in ast.walk(statement):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield node.name
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.alias):
                yield (node.asname or node.name).partition(".")[0]


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_in(constant)
