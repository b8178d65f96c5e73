"""Finds a program's guard, ``if __name__ == '__main__':``, and what the program defines outside it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.main_conditions import Conditions

COMPOUND = (ast.If, ast.Try, ast.TryStar, ast.With, ast.For, ast.While)
BLOCKS = ("body", "orelse", "finalbody")  # attributes of statements whose blocks may contain a guard
EXITS = ("sys.exit", "exit", "SystemExit")


def has_guard(text: str) -> bool:
    """Tell whether workers can import a program: it must have a guard, and not be a mere launcher.

    A launcher, such as pip installs for commands, has nothing outside its guard that a worker could need.

    Examples
    --------
    >>> has_guard("def f(): pass\\nif __name__ == '__main__': f()")
    True
    >>> has_guard("import sys, tool\\nif __name__ == '__main__': sys.exit(tool.main())")
    False
    """
    try:
        with _warnings_ignored():
            statements = ast.parse(text).body
        conditions = Conditions(statements)
        guarded = list(_guarded(statements, conditions))
        return bool(guarded) and not _is_launcher(statements, conditions, guarded)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


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
    with _warnings_ignored():
        tree = ast.parse(text)
        conditions = Conditions(tree.body)
        guarded = list(_guarded(tree.body, conditions))
        tree.body = list(_unguarded(tree.body, conditions))
        code = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
    return Definitions(
        frozenset(_bound_names(tree.body)), frozenset(_bound_names(guarded)), frozenset(_codes_in(code))
    )


@contextmanager
def _warnings_ignored() -> Iterator[None]:
    """Suppress warnings about the program: Python gave them when it compiled the program to run it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _guarded(statements: list[ast.stmt], conditions: Conditions) -> Iterator[ast.stmt]:
    """Yield the statements below the guards of a module, wherever these are: in ifs, try, with and loops."""
    for statement in statements:
        if guard := _guard(statement, conditions):
            yield from guard.body
        else:
            for block in _blocks(_as_if(statement) or statement).values():
                yield from _guarded(block, conditions)


def _unguarded(statements: list[ast.stmt], conditions: Conditions) -> Iterator[ast.stmt]:
    """Yield the statements that run when a module is imported: of a guard, only the else block."""
    for statement in statements:
        if guard := _guard(statement, conditions):
            yield from _unguarded(guard.orelse, conditions)
            continue
        kept = statement if isinstance(statement, ast.While) else _as_if(statement) or statement
        for name, block in _blocks(kept).items():
            setattr(kept, name, list(_unguarded(block, conditions)) or [ast.Pass()])
        yield kept


def _guard(statement: ast.stmt, conditions: Conditions) -> ast.If | None:
    """Return a guard, in whatever form, as an if whose body runs only in the program; None if it is no guard.

    The usual form is ``if __name__ == '__main__':``.
    """
    choice = _as_if(statement)
    if choice is None:
        return None
    if conditions.holds_only_in_program(choice.test, True):
        return choice
    if choice.orelse and conditions.holds_only_in_program(choice.test, False):
        return ast.If(choice.test, choice.orelse, choice.body)
    return None


def _as_if(statement: ast.stmt) -> ast.If | None:
    """Return a conditional statement as an if; None if it is unconditional."""
    match statement:
        case ast.If():
            return statement
        case ast.While(test=test, body=body, orelse=orelse):
            return ast.If(test, body, orelse)
        case ast.Match(subject=subject, cases=cases) if cases:
            return _case_as_if(subject, cases)
        case ast.Expr(value=ast.IfExp(test=test, body=then, orelse=otherwise)):
            return ast.If(test, [ast.Expr(then)], [ast.Expr(otherwise)])
        case ast.Expr(value=ast.BoolOp(op=op, values=[*tests, last])):
            test = tests[0] if len(tests) == 1 else ast.BoolOp(op, tests)
            return ast.If(
                test if isinstance(op, ast.And) else ast.UnaryOp(ast.Not(), test), [ast.Expr(last)], []
            )
    return None


def _case_as_if(subject: ast.expr, cases: list[ast.match_case]) -> ast.If:
    """Return the cases of a match as an if with elifs."""
    first, *others = cases
    test = _pattern_as_test(subject, first.pattern)
    if first.guard is not None:
        test = ast.BoolOp(ast.And(), [test, first.guard])
    return ast.If(test, first.body, [_case_as_if(subject, others)] if others else [])


def _pattern_as_test(subject: ast.expr, pattern: ast.pattern) -> ast.expr:
    match pattern:
        case ast.MatchValue(value=value):
            return ast.Compare(subject, [ast.Eq()], [value])
        case ast.MatchOr(patterns=patterns):
            return ast.BoolOp(ast.Or(), [_pattern_as_test(subject, part) for part in patterns])
        case ast.MatchAs(pattern=None):
            return ast.Constant(True)
    return ast.Name("a condition that is not known", ast.Load())


def _blocks(statement: ast.stmt) -> dict[str, list[ast.stmt]]:
    """Return the blocks of an if, try, with or loop, by the attribute's name; none for other statements."""
    if not isinstance(statement, COMPOUND):
        return {}
    return {name: block for name in BLOCKS if (block := getattr(statement, name, None))}


def _is_launcher(statements: list[ast.stmt], conditions: Conditions, guarded: list[ast.stmt]) -> bool:
    others = [statement for statement in statements if _guard(statement, conditions) is None]
    if not all(isinstance(other, (ast.Import, ast.ImportFrom)) or _is_constant(other) for other in others):
        return False
    return any(map(_exits, guarded))


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _exits(statement: ast.stmt) -> bool:
    """Tell whether a statement is ``sys.exit(...)`` or ``raise SystemExit(...)``."""
    called = statement.exc if isinstance(statement, ast.Raise) else getattr(statement, "value", None)
    return isinstance(called, ast.Call) and ast.unparse(called.func) in EXITS


def _bound_names(statements: list[ast.stmt]) -> Iterator[str]:
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
