"""Functions keep their file in the workers, and code that is in no file brings its text along."""

from __future__ import annotations

import doctest
import linecache
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from notebooks import printed as printed_by_cell
from notebooks import run_notebook
from paramsurvey.transport.pickling import dump_code, dump_data
from paramsurvey.transport.source_text import LARGEST, add_to_linecache, source_lines_to_send

PROGRAM = """
import paramsurvey

def worker(pset, system_kwargs, user_kwargs):
    return 1 / pset["a"]

paramsurvey.init(backend="multiprocessing", ncores=1, verbose=0)
missing = paramsurvey.map(worker, [{"a": 0}]).missing
print(missing["_traceback"][0], end="")
"""


def compiled(text: str, file: str) -> FunctionType:
    """Return the function `f` of a program in `file`."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, file, "exec"), names)
    found: FunctionType = names["f"]
    return found


def kept(monkeypatch: pytest.MonkeyPatch, text: str, file: str) -> FunctionType:
    """Return the function `f` of a cell whose text linecache has, as IPython does it."""
    monkeypatch.setitem(linecache.cache, file, (len(text), None, text.splitlines(keepends=True), file))
    return compiled(text, file)


def codes_in(function: Any) -> list[CodeType]:
    found: list[CodeType] = []
    dump_code(function, on_code=found.append)
    return found


# files


@pytest.mark.parametrize("dump", [dump_code, dump_data])
def test_a_function_that_was_sent_keeps_its_file_and_so_do_those_in_it(dump: Callable[..., bytes]) -> None:
    f = compiled("def f():\n    return [lambda: lambda: 1]\n", "/nowhere/cell.py")
    sent = pickle.loads(dump(f))
    outer = sent()[0]
    assert [code.co_filename for code in (sent.__code__, outer.__code__, outer().__code__)] == [
        "/nowhere/cell.py"
    ] * 3
    assert outer()() == 1


def test_a_function_may_be_sent_on_and_on() -> None:
    f = compiled("def f():\n    return lambda: 1\n", "/nowhere/cell.py")
    twice = pickle.loads(dump_data(pickle.loads(dump_code(f))))
    assert twice().__code__.co_filename == "/nowhere/cell.py"
    assert twice.__code__ == f.__code__


def test_what_is_pickled_can_be_loaded_without_this_package() -> None:
    program = "import pickle, sys; print(pickle.load(sys.stdin.buffer).__code__.co_filename)"
    sent = dump_code(compiled("def f(): pass\n", "/nowhere/cell.py"))
    done = subprocess.run([sys.executable, "-c", program], input=sent, capture_output=True, check=True)
    assert done.stdout.decode().strip() == "/nowhere/cell.py"
    assert b"paramsurvey" not in sent


def test_cloudpickle_itself_is_left_as_it_is() -> None:
    import cloudpickle

    before = dict(cloudpickle.Pickler.dispatch_table)
    dump_code(lambda: 1), dump_data(lambda: 1)
    assert dict(cloudpickle.Pickler.dispatch_table) == before


# texts


def test_the_text_of_a_cell_travels_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "x = 1\ndef f():\n    return lambda: x  # \x0c is no line's end\n"
    f = kept(monkeypatch, text, "<ipython-input-1-abc>")
    texts = source_lines_to_send(codes_in(f))
    assert {file: "".join(lines) for file, lines in texts.items()} == {"<ipython-input-1-abc>": text}


def test_the_text_of_a_file_that_is_there_does_not_travel() -> None:
    assert source_lines_to_send(codes_in(lambda: 1)) == {}


def test_a_file_that_is_nowhere_has_no_text() -> None:
    assert source_lines_to_send(codes_in(compiled("def f(): pass\n", "/nowhere/gone.py"))) == {}


def test_texts_that_are_too_long_stay_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    short = kept(monkeypatch, "def f(): pass\n", "<short>")
    long = kept(monkeypatch, "def f(): pass\n" + "# \n" * LARGEST, "<long>")
    assert list(source_lines_to_send([*codes_in(short), *codes_in(long)])) == ["<short>"]


def test_text_that_is_remembered_is_found_by_linecache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linecache, "cache", {})
    add_to_linecache({"<cell>": ("def f():\n", "    pass\n")})
    linecache.checkcache()
    assert linecache.getline("<cell>", 2) == "    pass\n"


def test_the_text_of_a_doctest_is_found() -> None:
    found: list[Any] = []
    names = {"keep": lambda f: found.extend(source_lines_to_send(codes_in(f)).values())}
    text = ">>> def f():\n...     return 1\n>>> keep(f)\n"
    doctest.DocTestRunner().run(doctest.DocTestParser().get_doctest(text, names, "some", None, 0))
    assert found == [("def f():\n", "    return 1\n")]


# the program that Python was given


def printed(*arguments: str, **options: Any) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, **options)
    return done.stdout


@pytest.mark.parametrize("before", [["-c"], ["-Bc"], ["-W", "ignore", "-c"]])
def test_a_program_on_the_command_line_shows_its_lines(before: list[str], in_tmp: Path) -> None:
    shown = printed(*before, PROGRAM, "an argument", "-c", "print(1)")
    assert 'File "<string>", line 5, in worker\n    return 1 / pset["a"]\n' in shown


def test_a_program_behind_the_letter_c_shows_its_lines(in_tmp: Path) -> None:
    assert 'line 5, in worker\n    return 1 / pset["a"]\n' in printed(f"-c{PROGRAM}")


def test_a_file_as_standard_input_shows_its_lines(in_tmp: Path) -> None:
    Path("program.txt").write_text(PROGRAM)
    with open("program.txt") as program:
        shown = printed(stdin=program)
    assert 'File "<stdin>", line 5, in worker\n    return 1 / pset["a"]\n' in shown


def test_a_pipe_as_standard_input_shows_the_line_numbers(in_tmp: Path) -> None:
    assert 'File "<stdin>", line 5, in worker\nZeroDivisionError' in printed(input=PROGRAM)


def test_every_function_of_a_program_shows_its_lines_in_the_drivers_process_too(in_tmp: Path) -> None:
    second = PROGRAM.partition("\n\n")[2].replace("worker", "other").partition("paramsurvey.init")
    program = PROGRAM.replace('"multiprocessing"', '"serial"') + second[0] + second[2].partition("\n")[2]
    shown = printed("-c", program)
    assert 'line 5, in worker\n    return 1 / pset["a"]\n' in shown
    assert 'line 11, in other\n    return 1 / pset["a"]\n' in shown


def test_code_that_the_program_made_shows_no_line_of_the_program(in_tmp: Path) -> None:
    """The generated code of dataclasses is in ``<string>``, too, and the line numbers mean others."""
    program = PROGRAM.replace("return 1 / pset", "exec('1 / 0')\n    return pset")
    shown = printed("-c", program)
    assert shown.endswith('File "<string>", line 1, in <module>\nZeroDivisionError: division by zero\n')


def test_a_notebook_shows_the_lines_of_its_cells(in_tmp: Path) -> None:
    first, rest = PROGRAM.split("paramsurvey.init")
    _, outputs = run_notebook([first, f"paramsurvey.init{rest}"], in_tmp)
    wanted = r'File ".*ipykernel_.*\.py", line 4, in worker\n    return 1 / pset\["a"\]\n'
    assert re.search(wanted, printed_by_cell(outputs))
