"""Whether the conditions in a program's text are true when it is run, and when a worker imports it.

Two things differ between the two: the module's ``__name__``, and the name of the process. Of a condition that
depends on anything else, nothing is known.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda a, b: a == b,
    ast.Is: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.IsNot: lambda a, b: a != b,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
UNKNOWN = object()
WORKER_NAME = object()  # stands for the name of a worker's process, which is not that of the main process
IN_PROGRAM = {"__name__": "__main__", "current_process().name": "MainProcess"}
IN_WORKER = {"__name__": "__mp_main__", "current_process().name": WORKER_NAME}


class Conditions:
    """The conditions of one module.

    Parameters
    ----------
    statements : list of ast.stmt
        All statements of the module.
    """

    def __init__(self, statements: list[ast.stmt]) -> None:
        self._names = _assigned_once(statements)

    def holds_only_in_program(self, test: ast.expr, wanted: bool) -> bool:
        """Tell whether a condition can be `wanted` (True or False) in the program but never in a worker."""
        in_worker = self._truth(test, IN_WORKER)
        return in_worker is (not wanted) and self._truth(test, IN_PROGRAM) is not in_worker

    def _truth(self, test: ast.expr, known: dict[str, Any]) -> bool | None:
        """Return whether a condition is true, given the values of `known`; None if the text does not tell."""
        match test:
            case ast.BoolOp(op=op, values=values):
                decisive = isinstance(op, ast.Or)
                truths = [self._truth(value, known) for value in values]
                if decisive in truths:
                    return decisive
                return None if None in truths else not decisive
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                truth = self._truth(operand, known)
                return None if truth is None else not truth
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                a, b = self._value(left, known), self._value(right, known)
                if UNKNOWN in (a, b) or (isinstance(op, (ast.In, ast.NotIn)) and not isinstance(b, tuple)):
                    return None
                return COMPARISONS[type(op)](a, b)
            case ast.NamedExpr(value=value):
                return self._truth(value, known)
            case ast.Name(id=name) if name in self._names:
                return self._truth(self._names[name], known)
        value = self._value(test, known)
        return None if value in (UNKNOWN, WORKER_NAME) else bool(value)

    def _value(self, expression: ast.expr, known: dict[str, Any]) -> Any:
        """Return the value of an expression, or `UNKNOWN`."""
        match expression:
            case ast.Constant(value=value):
                return value
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                values = tuple(self._value(part, known) for part in parts)
                return UNKNOWN if UNKNOWN in values else values
            case ast.NamedExpr(value=value):
                return self._value(value, known)
            case ast.Name(id=name) if name in self._names:
                return self._value(self._names[name], known)
            case ast.Name() | ast.Call() | ast.Attribute():
                text = ast.unparse(expression)
                return next((value for end, value in known.items() if _is_expression(text, end)), UNKNOWN)
        return UNKNOWN


def _is_expression(text: str, end: str) -> bool:
    """Tell whether an expression's text is `end`, perhaps as a member of a module."""
    return text == end or (end != "__name__" and text.endswith(f".{end}"))


def _assigned_once(statements: list[ast.stmt]) -> dict[str, ast.expr]:
    """Return the names that a module assigns exactly once, with their values."""
    values: dict[str, ast.expr] = {}
    times: Counter[str] = Counter()
    for node in _module_nodes(statements):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                values[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                values[name] = value
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                values[name] = value
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                times[name] += 1
            case ast.Global(names=names):
                times.update(names * 2)
    return {name: value for name, value in values.items() if times[name] == 1 and name != "__name__"}


def _module_nodes(nodes: list[Any]) -> Iterator[ast.AST]:
    """Yield the nodes of a module; of its functions, only their ``global`` statements."""
    for node in nodes:
        if isinstance(node, FUNCTIONS):
            yield from (inner for inner in ast.walk(node) if isinstance(inner, ast.Global))
        else:
            yield node
            yield from _module_nodes(list(ast.iter_child_nodes(node)))
