"""``dataclass`` as in the standard library, made in about a quarter of its time.

`dataclasses.dataclass` writes up to six methods of each class as text and compiles them: for 70 classes,
a fifth of all that a short program does from its start to its end. Here only ``__init__`` is compiled; the
other methods look up their fields when they are called.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # for mypy and pyright it is the standard library's
else:

    def dataclass(
        cls: type | None = None,
        /,
        *,
        frozen: bool = False,
        eq: bool = True,
        repr: bool = True,
        **options: Any,
    ) -> Any:
        """Make a dataclass: the same parameters, fields and methods.

        One thing differs: only mypy and pyright check that a class is frozen, nothing does at run time.
        """

        def make(cls: type) -> type:
            cls = dataclasses.dataclass(cls, eq=False, repr=False, **options)
            if repr:
                _define(cls, "__repr__", _repr(cls))
            if eq and _define(cls, "__eq__", _eq(cls)):
                cls.__hash__ = _hash(cls) if frozen else None
            return cls

        return make if cls is None else make(cls)


def _define(cls: type, name: str, method: Callable[..., Any]) -> bool:
    """Add a method, if the class has not written its own."""
    if name in vars(cls):
        return False
    method.__qualname__ = f"{cls.__qualname__}.{name}"
    setattr(cls, name, method)
    return True


def _repr(cls: type) -> Callable[[Any], str]:
    names = tuple(each.name for each in dataclasses.fields(cls) if each.repr)

    @recursive_repr()
    def __repr__(self: Any) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({shown})"

    return __repr__


def _eq(cls: type) -> Callable[[Any, object], bool]:
    names = tuple(each.name for each in dataclasses.fields(cls) if each.compare)

    def __eq__(self: Any, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _values(self, names) == _values(other, names)

    return __eq__


def _hash(cls: type) -> Callable[[Any], int]:
    names = tuple(
        each.name for each in dataclasses.fields(cls) if (each.compare if each.hash is None else each.hash)
    )

    def __hash__(self: Any) -> int:
        return hash(_values(self, names))

    return __hash__


def _values(instance: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(getattr(instance, name) for name in names)
