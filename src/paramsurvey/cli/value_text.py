"""How a value is written into a command, a variable or a directory's name: lists as Hydra writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PLAIN = re.compile(r"[A-Za-z_./~@%+-][\w./~@%+-]*")  # of a text inside a list: needs no quotes
AS_IN_JSON = {None: "null", True: "true", False: "false"}
READ_AS_OTHERS = frozenset({"true", "false", "null", "none", "nan", "inf"})


def value_text(value: Any) -> str:
    """Return a value as text; from that, `--sweep` and Hydra read the same lists and dicts again.

    Examples
    --------
    >>> value_text(["a", "b", "two words"]), value_text({"n": 1, "on": True}), value_text("it's")
    ("[a,b,'two words']", '{n:1,on:true}', "it's")
    """
    return _inside(value) if isinstance(value, (list, tuple, Mapping)) else str(value)


def _inside(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_inside, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_inside(str(key))}:{_inside(one)}' for key, one in value.items())}}}"
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    return AS_IN_JSON[value] if value is None or isinstance(value, bool) else str(value)


def _is_plain(text: str) -> bool:
    return (
        PLAIN.fullmatch(text) is not None
        and text.lstrip("+-").lower() not in READ_AS_OTHERS
        and (re.match(r"[+-]?\.?\d", text) is None)
    )


def _quoted(text: str) -> str:
    escaped = re.sub(r"(['\\])", r"\\\1", text)
    return f"'{escaped}'"
