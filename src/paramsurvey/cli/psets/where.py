"""``--where 'a < b and kind != "slow"'``: a Python expression, limited to what is harmless."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

from paramsurvey.cli.errors import BadUsage
from paramsurvey.errors import suggestion

FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(math, name)
        for name in ("sqrt", "log", "log10", "log2", "exp", "floor", "ceil", "isclose")
    },
    **{one.__name__: one for one in (abs, min, max, round, int, float, str, len)},
}
CONSTANTS = {"pi": math.pi, "nan": math.nan, "inf": math.inf}
ALLOWED = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot),
    *(ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.List, ast.IfExp, ast.Call, ast.Attribute),
)


class Condition:
    """A condition on the parameters.

    Parameters
    ----------
    text : str
        A Python expression with the parameters' names.
    names : collection of str

    Raises
    ------
    BadUsage
        It is not an expression, has a name that is not a parameter, or does anything but compute.
    """

    def __init__(self, text: str, names: Collection[str]) -> None:
        self._text = text
        self._names = names
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError) as error:
            raise self._refusal(f"is not an expression ({getattr(error, 'msg', error)})") from None
        tree = ast.fix_missing_locations(_Dotted(names).visit(tree))
        for node in ast.walk(tree):
            self._check(node)
        self._code = compile(tree, "--where", "eval")

    def __call__(self, pset: Mapping[str, Any]) -> bool:
        """Tell whether a pset fulfils it."""
        values = {**CONSTANTS, **FUNCTIONS, **pset, "__builtins__": {}}
        try:
            return bool(eval(self._code, values))
        except Exception as error:
            shown = ", ".join(f"{name}={value}" for name, value in pset.items())
            raise self._refusal(f"cannot be computed for {shown} ({error})") from None

    def _check(self, node: ast.AST) -> None:
        if not isinstance(node, ALLOWED) or isinstance(node, ast.Attribute):
            raise self._refusal(
                f"has something other than comparisons and arithmetic ({type(node).__name__})"
            )
        if isinstance(node, ast.Call):
            if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS or node.keywords:
                raise self._refusal(f"calls something other than {', '.join(FUNCTIONS)}")
        elif isinstance(node, ast.Name) and node.id not in {*self._names, *FUNCTIONS, *CONSTANTS}:
            quoted = f' (text needs quotes: "{node.id}")'
            raise self._refusal(
                f"has {node.id!r}, which is not a parameter{suggestion(node.id, self._names)}{quoted}"
            )

    def _refusal(self, what: str) -> BadUsage:
        return BadUsage(f"--where {self._text!r} {what}: write it like 'a < b' or 'kind in (\"x\", \"y\")'")


class _Dotted(ast.NodeTransformer):
    """Turns ``model.lr`` into a single name if that is a parameter."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Return the name, or the attribute, which is then refused."""
        name = ast.unparse(node)
        return ast.Name(name, ast.Load()) if name in self._names else node
