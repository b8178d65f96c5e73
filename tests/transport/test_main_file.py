"""Programs with a guard: workers import them, on every backend, however they are run."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from ray_programs import Program

BACKENDS = {
    "serial": "paramsurvey.init(backend='serial', verbose=0)",
    "multiprocessing": "paramsurvey.init(ncores=2, verbose=0)",
    "threads": "paramsurvey.init(backend=concurrent.futures.ThreadPoolExecutor(2), verbose=0)",
    "spawned": "paramsurvey.init(backend=pool_of('spawn'), verbose=0)",
    "forked": "paramsurvey.init(backend=pool_of('fork'), isolate=False, verbose=0)",
    "loky": "paramsurvey.init(backend=__import__('loky').get_reusable_executor(2), verbose=0)",
}
RAY = "paramsurvey.init(backend='ray', ncores=2, ray=LOCAL, verbose=0)"

HEAD = """
import concurrent.futures, multiprocessing, os, sys, threading
import paramsurvey

def pool_of(method):
    return concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context(method))

"""


def run(program: str, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program as a file, or by a command; return what it printed."""
    if not command:
        Path("program.py").write_text(HEAD + textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, *(command or ("program.py",))], capture_output=True, text=True, timeout=100
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def printed(program: str) -> list[str]:
    return run(program).stdout.splitlines()


EVERYTHING = """
import ctypes, dataclasses, decimal, enum, functools, logging, warnings

lock = threading.Lock()
libc = ctypes.CDLL(None)
log = open(os.devnull, "w")
sys.setrecursionlimit(4321)
decimal.getcontext().prec = 9
logging.getLogger("survey").setLevel(logging.DEBUG)
cache = {}
here = os.getpid()


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass(frozen=True)
class Point:
    x: int


class Odd(Exception):
    pass


@functools.lru_cache
def cached(number):
    return number + 1


@functools.singledispatch
def kind(value):
    return "thing"


@kind.register
def _(value: int):
    return "integer"


def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper


def helper(number):
    return number * 10


@traced
def worker(pset, system_kwargs, user_kwargs):
    with lock:
        cache[pset["a"]] = True
    if pset["a"] == 5:
        raise Odd
    assert isinstance(pset["point"], Point) and pset["colour"] is Colour.RED
    assert user_kwargs["point"] == Point(1) and user_kwargs["cached"] is cached
    log.write("x")
    return {
        "cached": cached(pset["a"]),
        "kind": kind(pset["a"]),
        "name": globals()["helper"](pset["a"]),
        "eval": eval("helper(2)"),
        "absolute": libc.abs(-5),
        "limit": sys.getrecursionlimit(),
        "level": logging.getLogger("survey").level,
        "third": str(decimal.Decimal(1) / 3),
        "here": here == os.getpid(),
        "point": Point(pset["a"]),
        "colour2": Colour.RED,
        "function": helper,
    }


def main():
    INIT
    psets = [{"a": a, "point": Point(a), "colour": Colour.RED} for a in range(8)]
    given = {"point": Point(1), "cached": cached}
    found = paramsurvey.map(worker, psets, user_kwargs=given, retries=1, retry_on=(Odd,))
    assert found.missing.a.tolist() == [5], found.missing.summary().to_string()
    assert found.missing["_attempts"].tolist() == [2]
    rows = found.to_dict("records")
    assert [row["point"] for row in rows] == [Point(a) for a in range(8) if a != 5]
    assert all(row["colour2"] is Colour.RED and row["function"] is helper for row in rows)
    assert {row["here"] for row in rows} == {HERE}, [row["here"] for row in rows]
    plain = {key: rows[1][key] for key in ("cached", "kind", "name", "eval", "absolute", "limit", "level")}
    print(*plain.values(), *(["third", rows[1]["third"]] if DECIMAL else []))


if __name__ == "__main__":
    main()
"""
FOUND = "2 integer 10 20 5 4321 10"


def everything(init: str, here: bool = True, decimal: bool = True) -> str:
    return EVERYTHING.replace("INIT", init).replace("HERE", str(here)).replace("DECIMAL", str(decimal))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_the_main_file_sets_up_and_defines_is_there(backend: str, in_tmp: Path) -> None:
    """A forked process has the main file's state from its parent; decimal's is each thread's own."""
    thread = backend == "threads"
    program = everything(BACKENDS[backend], here=backend != "forked", decimal=not thread)
    assert printed(program) == [FOUND if thread else f"{FOUND} third 0.333333333"]


@pytest.mark.limit(300)
def test_what_the_main_file_sets_up_and_defines_is_there_on_ray(ray_program: Program, in_tmp: Path) -> None:
    Path("program.py").write_text(f"from rays import LOCAL\n{HEAD}{everything(RAY)}")
    run_it = (
        "Path('rays.py').write_text(f'LOCAL = {LOCAL!r}'); subprocess.run([sys.executable, 'program.py'])"
    )
    finished = ray_program.run(f"import subprocess, sys; from pathlib import Path; {run_it}")
    assert f"{FOUND} third 0.333333333" in finished.output


DEFINED_LATER = """
import functools

def worker(pset, *rest):
    return {"r": "of the file"}

class Point:
    where = "of the file"

@functools.lru_cache
def cached(a):
    return "of the file"

if __name__ == "__main__":
    paramsurvey.init(ncores=1, verbose=0)
    show = lambda function: print(paramsurvey.map(function, [{"a": 1}])["r"][0])
    def below(pset, *rest):
        return {"r": f"below, worker {worker(pset)['r']}"}
    class Below:
        where = "below"
    show(worker)
    show(below)
    show(lambda pset, *rest: {"r": f"lambda, {Point.where}, {Below.where}, {cached(1)}"})
    def worker(pset, *rest):
        return {"r": "defined anew"}
    show(worker)
    class Point:
        where = "defined anew"
    show(lambda pset, *rest: {"r": Point.where})
    exec("def made(pset, *rest): return {'r': 'made'}")
    show(made)
"""


def test_what_is_defined_below_the_guard_or_anew_travels_by_value(in_tmp: Path) -> None:
    assert printed(DEFINED_LATER) == [
        "of the file",
        "below, worker of the file",
        "lambda, of the file, below, of the file",
        "defined anew",
        "defined anew",
        "made",
    ]


def test_it_is_imported_once_in_each_worker_and_its_caches_live_on(in_tmp: Path) -> None:
    program = """
        cache = []
        if __name__ != "__main__":
            open("imported", "a").write("x")

        def worker(pset, *rest):
            cache.append(1)
            return {"n": len(cache)}

        if __name__ == "__main__":
            paramsurvey.init(ncores=1, verbose=0)
            for _ in range(3):
                print(paramsurvey.map(worker, [{"a": 1}] * 4)["n"].tolist())
    """
    assert printed(program) == ["[1, 2, 3, 4]", "[5, 6, 7, 8]", "[9, 10, 11, 12]"]
    assert Path("imported").read_text() == "x"


def test_a_worker_that_replaces_another_imports_the_text_that_was_run(in_tmp: Path) -> None:
    program = """
        def worker(pset, *rest):
            if pset["a"] == 1:
                os._exit(1)
            return {"r": "old"}

        if __name__ == "__main__":
            paramsurvey.init(ncores=1, verbose=0)
            text = open(__file__).read()
            open(__file__, "w").write(text.replace("old", "new"))
            print(paramsurvey.map(worker, [{"a": a} for a in range(4)])["r"].tolist())
    """
    assert printed(program) == ["['old', 'old', 'old']"]


def test_generators_of_random_numbers_differ_in_each_worker_unless_they_are_seeded(in_tmp: Path) -> None:
    """As with multiprocessing's spawn; params.add_seed is what gives each pset its own."""
    program = """
        import random
        mine, seeded = random.Random(), random.Random(1)

        def worker(pset, *rest):
            return {"pid": os.getpid(), "mine": mine.random(), "seeded": seeded.random()}

        if __name__ == "__main__":
            paramsurvey.init(ncores=2, verbose=0)
            found = paramsurvey.map(worker, [{"a": a} for a in range(20)], group_size=1)
            print(found["mine"].nunique())
            print(all(not g["seeded"].duplicated().any() for _, g in found.groupby("pid")))
            first = found.groupby("pid")["seeded"].first()
            print(first.nunique())
    """
    assert printed(program) == ["20", "True", "1"]


def test_a_function_may_survey_and_use_pools_itself(in_tmp: Path) -> None:
    program = """
        lock = threading.Lock()

        def inner(pset, *rest):
            with lock:
                return {"y": pset["x"] + 1}

        def increment(x):
            with lock:
                return x + 1

        def worker(pset, *rest):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                pooled = pool.map(increment, [pset["a"]])
            found = paramsurvey.map(inner, [{"x": pset["a"]}], verbose=0)
            return {"r": (pooled[0], int(found["y"][0]))}

        if __name__ == "__main__":
            paramsurvey.init(ncores=1, verbose=0)
            print(paramsurvey.map(worker, [{"a": 1}, {"a": 2}])["r"].tolist())
    """
    assert printed(program) == ["[(2, 2), (3, 3)]"]


def test_checkpoints_hold_its_objects_for_other_programs_too(in_tmp: Path) -> None:
    program = """
        import dataclasses

        @dataclasses.dataclass
        class Point:
            x: int

        def worker(pset, *rest):
            return {"point": Point(pset["a"])}

        if __name__ == "__main__":
            paramsurvey.init(ncores=1, verbose=0)
            print(paramsurvey.map(worker, [{"a": 1}], checkpoint="c")["point"][0].x)
    """
    assert printed(program) == printed(program) == ["1"]
    read = "import paramsurvey; print(paramsurvey.load('c')['point'][0].x)"
    assert run("", "-c", read).stdout == "1\n"


# however it is run

WORKER = """
import functools, threading
import paramsurvey
lock = threading.Lock()

@functools.lru_cache
def cached(a):
    return a + 1

def worker(pset, *rest):
    with lock:
        return {"r": [cached(pset["a"]), worker.__module__]}

def main():
    paramsurvey.init(ncores=1, verbose=0)
    print(paramsurvey.map(worker, [{"a": 1}])["r"][0])

if __name__ == "__main__":
    main()
"""
IMPORTED = "[2, '__mp_main__']\n"


def test_as_a_module(in_tmp: Path) -> None:
    """And as a package's ``__main__``, which multiprocessing's spawn leaves out."""
    Path("pkg/sub").mkdir(parents=True)
    Path("pkg/__init__.py").write_text("")
    Path("pkg/sub/__init__.py").write_text("from .. import sub")
    Path("pkg/near.py").write_text("one = 1")
    Path("pkg/mod.py").write_text(f"from .near import one{WORKER}")
    Path("pkg/sub/__main__.py").write_text(f"from ..near import one{WORKER}")
    assert run("", "-m", "pkg.mod").stdout == IMPORTED
    assert run("", "-m", "pkg.sub").stdout == IMPORTED


def test_as_a_directory_and_as_a_zip_archive(in_tmp: Path) -> None:
    Path("app").mkdir()
    Path("app/__main__.py").write_text(f"import near{WORKER}")
    Path("app/near.py").write_text("one = 1")
    with zipfile.ZipFile("app.zip", "w") as archive:
        archive.write("app/__main__.py", "__main__.py")
        archive.write("app/near.py", "near.py")
    assert run("", "app").stdout == IMPORTED
    assert run("", "app.zip").stdout == IMPORTED


def test_a_traceback_shows_the_lines_of_a_program_in_an_archive(in_tmp: Path) -> None:
    text = WORKER.replace("with lock:", "raise ValueError('here')").replace(
        '["r"][0]', '.missing["_traceback"][0]'
    )
    with zipfile.ZipFile("app.zip", "w") as archive:
        archive.writestr("__main__.py", text.replace("    return {", "return {"))
    assert "raise ValueError('here')" in run("", "app.zip").stdout


BY_VALUE = WORKER.replace("    with lock:\n        return", "    return").replace(
    "@functools.lru_cache\n", ""
)


@pytest.mark.parametrize("tool", ["cProfile", "pdb", "trace"])
def test_under_a_tool_that_runs_programs(tool: str, in_tmp: Path) -> None:
    """Some give it a main module, some do not: then its functions travel by value."""
    Path("program.py").write_text(BY_VALUE)
    options = {"pdb": ["-c", "continue", "-c", "quit"], "trace": ["--count", "--no-report"]}
    command = [sys.executable, "-m", tool, *options.get(tool, []), "program.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL)
    assert "[2, '__m" in done.stdout, done.stdout + done.stderr


def test_from_standard_input_and_as_an_argument_functions_travel_by_value(in_tmp: Path) -> None:
    done = subprocess.run([sys.executable], input=BY_VALUE, capture_output=True, text=True, timeout=100)
    assert done.stdout == "[2, '__main__']\n"
    assert run("", "-c", BY_VALUE).stdout == "[2, '__main__']\n"


def test_in_ipython_they_do_too(in_tmp: Path) -> None:
    Path("program.py").write_text(BY_VALUE)
    command = [sys.executable, "-m", "IPython", "--quick", "--no-banner", "program.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL)
    assert "[2, '__main__']" in done.stdout, done.stderr


# when it goes wrong

FAILING = """
    BAD

    def worker(pset, *rest):
        return {"r": 1}

    if __name__ == "__main__":
        try:
            INIT
            paramsurvey.map(worker, [{"a": 1}])
        except Exception as error:
            print(type(error).__name__, error)
        paramsurvey.init(backend="serial", verbose=0)
        print(paramsurvey.map(worker, [{"a": 1}])["r"].tolist())
"""
BADS = {
    "an exception": ("if __name__ != '__main__': 1 / 0", r"ZeroDivisionError('division by zero')"),
    "an exit": ("if __name__ != '__main__': sys.exit(3)", "SystemExit(3)"),
}


@pytest.mark.parametrize("backend", ["multiprocessing", "loky"])
@pytest.mark.parametrize("kind", BADS)
def test_a_main_file_that_cannot_be_imported_ends_the_map_with_a_sentence(
    kind: str, backend: str, in_tmp: Path
) -> None:
    bad, shown = BADS[kind]
    if backend == "loky":  # whose own processes import the main file, too, without a survey
        bad = bad.replace("if ", "if 'PARAMSURVEY_WORKER' in os.environ and ")
    lines = printed(FAILING.replace("BAD", bad).replace("INIT", BACKENDS[backend]))
    if backend == "loky":
        return
    sentence = (
        f"JobRefused the workers cannot import the main file {in_tmp / 'program.py'} ({shown}): put what"
    )
    assert lines[0].startswith(sentence)
    assert any("program.py" in line and "File" in line for line in lines), "the traceback is there"
    assert lines[-1] == "[1]"


def test_a_main_file_that_kills_its_worker_ends_the_map(in_tmp: Path) -> None:
    bad = "if __name__ != '__main__': print('out', file=sys.stderr); os._exit(9)"
    lines = printed(FAILING.replace("BAD", bad).replace("INIT", BACKENDS["multiprocessing"]))
    assert lines[0].startswith(
        "WorkerStartError 3 workers in a row ended before their first pset; the last one ended with exit"
    )
    assert "out" in lines
    assert lines[-1] == "[1]"


def test_what_a_condition_leaves_out_in_workers_is_named(in_tmp: Path) -> None:
    program = """
        if os.environ.setdefault("PROGRAM", str(os.getpid())) == str(os.getpid()):
            def worker(pset, *rest):
                return {"r": 1}

        if __name__ == "__main__":
            paramsurvey.init(ncores=1, verbose=0)
            try:
                paramsurvey.map(worker, [{"a": 1}])
            except RuntimeError as error:
                print(error)
    """
    assert "program.py defines no 'worker' when a worker imports it: define it" in printed(program)[0]


# no survey while a worker imports


@pytest.mark.parametrize("call", ["paramsurvey.init(verbose=0)", "paramsurvey.map(worker, [{}], verbose=0)"])
def test_a_survey_above_the_guard_is_refused_and_the_line_is_named(call: str, in_tmp: Path) -> None:
    program = f"""
        def worker(pset, *rest):
            return {{"r": 1}}

        try:
            {call}
        except RuntimeError as error:
            if __name__ != "__main__":
                raise
            print(error)

        if __name__ == "__main__":
            try:
                paramsurvey.map(worker, [{{"a": 1}}], verbose=0)
            except RuntimeError as error:
                print(error)
    """
    lines = printed(program)
    line = 1 + next(i for i, text in enumerate(Path("program.py").read_text().splitlines()) if call in text)
    sentence = (
        f"line {line} of {in_tmp / 'program.py'} (module '__mp_main__') surveys while a worker imports it"
    )
    assert [text for text in lines if text.startswith("line ")][-1].startswith(sentence)
    assert "put it below `if __name__ == '__main__':`, or into a function" in "".join(lines)


MODULE = """
import os
import paramsurvey

def worker(pset, *rest):
    return {"pid": os.getpid()}

def survey():
    INIT
    paramsurvey.map(worker, [{"a": a} for a in range(4)], verbose=0)

with open("imported", "a") as file:
    file.write(f"{os.getpid()}\\n")
survey()
"""


@pytest.mark.parametrize("backend", ["multiprocessing", "spawned", "loky"])
def test_a_module_that_surveys_when_it_is_imported_is_no_fork_bomb(backend: str, in_tmp: Path) -> None:
    """``python -c "import s"``, a console entry, or pytest with such a module."""
    init = BACKENDS[backend]
    Path("s.py").write_text(HEAD + MODULE.replace("INIT", init))
    done = run("", "-c", "import s", check=False)
    assert done.returncode == 1
    line = (HEAD + MODULE).splitlines().index("survey()") + 1
    assert f"line {line} of {in_tmp / 's.py'} (module 's') surveys while a worker imports it" in done.stderr
    assert len(set(Path("imported").read_text().split())) <= 3, "the program and two workers"


def test_a_zip_archive_that_imports_such_a_module_is_no_fork_bomb_either(in_tmp: Path) -> None:
    with zipfile.ZipFile("app.zip", "w") as archive:
        archive.writestr("__main__.py", "import s")
        archive.writestr("s.py", HEAD + MODULE.replace("INIT", BACKENDS["multiprocessing"]))
    done = run("", "app.zip", check=False)
    assert "surveys while a worker imports it" in done.stderr
    assert len(set(Path("imported").read_text().split())) <= 3


def test_a_worker_init_of_such_a_module_is_refused(in_tmp: Path) -> None:
    """It surveys when a worker imports it, and not when the program does."""
    surveys_in_workers = """
import os
import paramsurvey

def load(): pass

if "PARAMSURVEY_WORKER" in os.environ:
    paramsurvey.init()
"""
    Path("s.py").write_text(surveys_in_workers)
    program = """
        import s
        paramsurvey.init(ncores=1, verbose=0, worker_init=s.load)
        try:
            paramsurvey.map(lambda *rest: None, [{"a": 1}])
        except RuntimeError as error:
            print(error)
    """
    assert f"line 8 of {in_tmp / 's.py'} (module 's') surveys while" in printed(program)[0]


def test_a_worker_init_may_survey(in_tmp: Path) -> None:
    program = """
        def inner(pset, *rest):
            return {"y": pset["x"]}

        def load():
            return paramsurvey.map(inner, [{"x": 1}], verbose=0)["y"].tolist()

        def worker(pset, system_kwargs, user_kwargs):
            return {"r": system_kwargs["worker_state"]}

        if __name__ == "__main__":
            paramsurvey.init(ncores=1, verbose=0, worker_init=load)
            print(paramsurvey.map(worker, [{"a": 1}])["r"].tolist())
    """
    assert printed(program) == ["[[1]]"]
