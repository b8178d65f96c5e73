"""Which programs workers import, and what a program defines when it is imported."""

from __future__ import annotations

import textwrap

import pytest

from paramsurvey.transport.main_guard import Definitions, definitions, has_guard

GUARDS = {
    "usual": "if __name__ == '__main__': f()",
    "double quotes": 'if __name__ == "__main__": f()',
    "the other order": "if '__main__' == __name__: f()",
    "in brackets": "if (__name__ == '__main__'): f()",
    "and more": "if __name__ == '__main__' and x: f()",
    "more and": "if x and '__main__' == __name__: f()",
    "with an else": "if __name__ == '__main__': f()\nelse: g()",
    "in another if": "if x:\n    if __name__ == '__main__': f()",
    "in a try": "try:\n    if __name__ == '__main__': f()\nfinally:\n    g()",
    "as elif": "if x: g()\nelif __name__ == '__main__': f()",
    "exits, beside a function": "def f(): pass\nif __name__ == '__main__': sys.exit(f())",
    "not unequal": "if not __name__ != '__main__': f()",
    "the else of unequal": "if __name__ != '__main__': g()\nelse: f()",
    "in a tuple": "if __name__ in ('__main__',): f()",
    "one of two names": "if __name__ == '__main__' or __name__ == 'program': f()",
    "by a name": "is_program = __name__ == '__main__'\nif is_program: f()",
    "by a name that is given there": "if (name := __name__) == '__main__': f()",
    "by a name of the name": "name = __name__\nif name == '__main__': f()",
    "an expression with and": "def f(): pass\n__name__ == '__main__' and f()",
    "an expression with or": "def f(): pass\n__name__ != '__main__' or f()",
    "an expression with if": "def f(): pass\nf() if __name__ == '__main__' else None",
    "a match": "match __name__:\n    case '__main__': f()",
    "a match with more cases": "match __name__:\n    case 'x' | '__main__': f()\n    case _: g()",
    "all other cases": "match __name__:\n    case '__mp_main__': g()\n    case _: f()",
    "the process's name": "if multiprocessing.current_process().name == 'MainProcess': f()",
    "in a loop": "for x in y:\n    if __name__ == '__main__': f()\n    else: break",
    "a while": "while __name__ == '__main__':\n    f()\n    break",
}
NONE = {
    "nothing": "",
    "no guard": "f()",
    "another name": "if __name__ == '__mp_main__': f()",
    "another variable": "if name == '__main__': f()",
    "not equal": "if __name__ != '__main__': f()",
    "or": "if __name__ == '__main__' or x: f()",
    "in a list": "if __name__ in ('__main__', '__mp_main__'): f()",
    "in a function": "def f():\n    if __name__ == '__main__': g()",
    "a name that is changed": "is_program = __name__ == '__main__'\nis_program = True\nif is_program: f()",
    "a name that a loop changes": "is_main = __name__ == '__main__'\nfor is_main in x: g()\nif is_main: f()",
    "a name that is only read": "print(__name__ == '__main__')\nf()",
    "the body of unequal": "if __name__ != '__main__': g()\nf()",
    "another process": "if multiprocessing.current_process().name == 'Worker': f()",
    "no program": "if __name__ == '__main__' f()",
    "null bytes": "\0",
    "in a text": "'''\nif __name__ == '__main__': f()\n'''",
}
LAUNCHERS = {
    "pip's": """
        #!/usr/bin/python
        # -*- coding: utf-8 -*-
        import re
        import sys
        from pytest import console_main
        if __name__ == '__main__':
            sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
            sys.exit(console_main())
        """,
    "a package's": '''
        """The entry point."""
        from __future__ import annotations
        import pytest
        if __name__ == "__main__":
            raise SystemExit(pytest.console_main())
        ''',
}


@pytest.mark.parametrize("kind", GUARDS)
def test_a_program_with_a_guard_can_be_imported(kind: str) -> None:
    assert has_guard(GUARDS[kind])


@pytest.mark.parametrize("kind", NONE)
def test_a_program_without_one_cannot(kind: str) -> None:
    assert not has_guard(NONE[kind])


@pytest.mark.parametrize("kind", LAUNCHERS)
def test_a_launcher_holds_nothing_that_workers_could_need(kind: str) -> None:
    assert not has_guard(textwrap.dedent(LAUNCHERS[kind]))


PROGRAM = """
from collections import namedtuple
import os.path as path, sys
Point = namedtuple("Point", "x y")
first, (second, *rest) = 1, (2, 3)

def outer():
    def inner(): pass
    return inner

class Box:
    def method(self): pass

if sys.argv:
    def under_a_condition(): pass
try:
    import numpy
except ImportError:
    numpy = None

if __name__ == "__main__":
    local = 1
    def below(): pass
    class Below: pass
else:
    in_workers = 1
"""


def test_what_a_program_defines_when_it_is_imported() -> None:
    found = definitions(PROGRAM, "program.py")
    top = {"namedtuple", "path", "sys", "Point", "first", "second", "rest", "outer", "Box"}
    assert found.names >= top | {"under_a_condition", "numpy", "in_workers"}
    assert not found.names & {"local", "below", "Below"}
    assert found.guarded == {"local", "below", "Below"}
    assert names_of_codes(found) == {
        "outer",
        "outer.<locals>.inner",
        "Box",
        "Box.method",
        "under_a_condition",
    }


OTHER_FORMS = """
import sys
is_program = __name__ == "__main__"
if __name__ != "__main__":
    def in_workers(): pass
else:
    def below(): pass
if is_program:
    def below_a_name(): pass
match __name__:
    case "__main__":
        def below_a_match(): pass
    case _:
        def in_the_other_case(): pass
while __name__ == "__main__":
    def below_a_while(): pass
    break
is_program and sys.exit(f())
"""


def test_what_is_below_guards_of_other_forms_is_not_defined_when_it_is_imported() -> None:
    found = definitions(OTHER_FORMS, "program.py")
    assert found.names == {"sys", "is_program", "in_workers", "in_the_other_case"}
    assert found.guarded == {"below", "below_a_name", "below_a_match", "below_a_while"}
    assert names_of_codes(found) == {"in_workers", "in_the_other_case"}


def names_of_codes(found: Definitions) -> set[str]:
    return {code.co_qualname for code in found.codes}


def test_the_code_of_functions_is_that_of_the_program_itself() -> None:
    names: dict[str, object] = {"__name__": "program"}
    exec(compile(PROGRAM, "program.py", "exec", dont_inherit=True), names)
    codes = definitions(PROGRAM, "elsewhere.py").codes
    assert names["outer"].__code__ in codes  # type: ignore[attr-defined]
    exec(compile(PROGRAM.replace("return inner", "return None"), "program.py", "exec"), names)
    assert names["outer"].__code__ not in codes, "it was changed"  # type: ignore[attr-defined]


def test_what_python_has_warned_of_is_not_said_again(recwarn: pytest.WarningsRecorder) -> None:
    text = "x = '\\d' is 'e'\ndef f(): return '\\d'\nif __name__ == '__main__': f()"
    assert has_guard(text)
    definitions(text, "program.py")
    assert not recwarn.list
