"""Whole programs as users write them: as a script, from standard input, in a notebook; without a guard."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from conftest import runs, wait_until
from notebooks import printed, run_notebook

README_EXAMPLE = """
import time
import paramsurvey


def sleep_worker(pset, system_kwargs, user_kwargs):
    time.sleep(pset['duration'])
    return {'slept': pset['duration']}


paramsurvey.init(backend='multiprocessing')  # or 'ray', if you installed it

psets = [{'duration': 0.3}] * 5

results = paramsurvey.map(sleep_worker, psets, verbose=2)

for r in results.itertuples():
    print(r.duration, r.slept)
for r in results.iterdicts():
    print(r['duration'], r['slept'])
"""
TEN_LINES = "0.3 0.3\n" * 10


def run_script(program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    Path("program.py").write_text(textwrap.dedent(program))
    return subprocess.run(
        [sys.executable, "program.py", *arguments], capture_output=True, text=True, check=check
    )


def run_stdin(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-"], input=textwrap.dedent(program), capture_output=True, text=True, check=True
    )


def logs() -> list[Path]:
    return sorted(Path().glob(".paramsurvey-*.log"))


# the example of the README


@pytest.mark.parametrize("run", [run_script, run_stdin])
def test_the_readme_example_prints_its_ten_lines_and_leaves_one_log(run: Any, in_tmp: Path) -> None:
    finished = run(README_EXAMPLE)
    assert finished.stdout == TEN_LINES
    assert "total: 5, active: 0, finished: 5, failures: 0, exceptions: 0" in finished.stderr
    assert len(logs()) == 1


def test_the_readme_example_in_a_notebook(in_tmp: Path) -> None:
    outputs = run_notebook(README_EXAMPLE.strip().split("\n\n\n"), in_tmp)
    assert "".join(map(printed, outputs)) == TEN_LINES
    assert len(logs()) == 1


@pytest.mark.parametrize("backend", ["serial", "multiprocessing"])
def test_the_environment_chooses_the_backend(
    backend: str, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARAMSURVEY_BACKEND", backend)
    monkeypatch.setenv("PARAMSURVEY_LIMIT", "1")
    monkeypatch.setenv("PARAMSURVEY_VERBOSE", "0")
    finished = run_script(README_EXAMPLE)
    assert finished.stdout == "0.3 0.3\n" * 2
    assert finished.stderr == ""


# what stands in __main__

EVERYTHING_OF_MAIN = """
import enum, json, os, sys
from dataclasses import dataclass
import paramsurvey

paramsurvey.init(ncores=2, verbose=0)
FACTOR = 10


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0

    def moved(self):
        return Point(self.x + 10, helper(self.y))


def helper(y):
    return y - 1


def worker(pset, system_kwargs, user_kwargs):
    return {
        'point': pset['point'].moved(),
        'colour': Colour.BLUE if pset['colour'] is Colour.RED else Colour.RED,
        'json': json.dumps({'a': FACTOR}),
        'argv': sys.argv[1:],
        'name': __name__,
        'mine': user_kwargs.x,
    }


psets = [{'point': Point(i), 'colour': colour} for i, colour in enumerate(Colour)]
results = paramsurvey.map(worker, psets, user_kwargs=Point(7))
assert not len(results.missing), results.missing._traceback[0]
assert results.point.tolist() == [Point(10, -1), Point(11, -1)], results.point.tolist()
assert results.colour.tolist() == [Colour.BLUE, Colour.RED]
assert set(results.mine) == {7}
print(results.json[0], results.argv[0], results.name[0])

FACTOR = 20
assert paramsurvey.map(worker, psets, user_kwargs=Point(7)).json[0] == '{"a": 20}'

for frame in (paramsurvey.params.product({'colour': list(Colour), 'point': [Point(1)]}),
              paramsurvey.params.grid(colour=list(Colour), point=[Point(1)])):
    results = paramsurvey.map(worker, frame, user_kwargs=Point(8))
    assert results.colour.tolist()[:2] == [Colour.BLUE, Colour.RED], results.missing
"""


@pytest.mark.parametrize("run", [run_script, run_stdin])
def test_functions_classes_and_globals_of_the_program(run: Any, in_tmp: Path) -> None:
    arguments = ["-x", "two words"] if run is run_script else []
    finished = run(EVERYTHING_OF_MAIN, *arguments)
    assert finished.stdout == f'{{"a": 10}} {arguments} __main__\n'
    assert finished.stderr == ""


CALLABLES_OF_MAIN = """
import functools, multiprocessing, sys
import paramsurvey

FACTOR = 10


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, pset, system_kwargs, user_kwargs):
        return {'y': pset['x'].value * self.factor * FACTOR}

    run = __call__


class Box:
    def __init__(self, value):
        self.value = value


def scaled(factor, pset, system_kwargs, user_kwargs):
    return Scale(factor)(pset, system_kwargs, user_kwargs)


def square(x):
    return x * x


def pooled(pset, system_kwargs, user_kwargs):
    with multiprocessing.get_context('fork').Pool(1) as pool:
        return {'y': 5 * pool.map(square, [2 * pset['x'].value])[0]}


def survey():
    psets = [{'x': Box(1)}, {'x': Box(2)}]
    for function in (Scale(2), Scale(2).run, functools.partial(scaled, 2)):
        print(paramsurvey.map(function, psets, verbose=0).y.tolist(), flush=True)
    print(paramsurvey.map(pooled, psets, verbose=0).y.tolist(), flush=True)


if __name__ == '__main__':
    if len(sys.argv) == 1:
        survey()
    else:
        child = multiprocessing.get_context(sys.argv[1]).Process(target=survey)
        child.start()
        child.join()
"""


@pytest.mark.parametrize("child", [[], ["fork"], ["spawn"], ["forkserver"]], ids=str)
def test_callables_of_the_program_also_in_a_process_that_it_starts(child: list[str], in_tmp: Path) -> None:
    finished = run_script(CALLABLES_OF_MAIN, *child)
    assert finished.stdout == "[20, 40]\n" * 3 + "[20, 80]\n"
    assert finished.stderr == ""


def test_a_module_that_was_reloaded_is_reloaded_by_the_workers(in_tmp: Path) -> None:
    Path("helper.py").write_text("FACTOR = 1\n")
    Path("mine.py").write_text("import helper\ndef work(p, s, u): return {'y': p['x'] * helper.FACTOR}\n")
    finished = run_script("""
        import importlib, os, time
        from pathlib import Path
        import paramsurvey, helper, mine

        paramsurvey.init(ncores=1, verbose=0)

        def show():
            print(paramsurvey.map(mine.work, [{'x': 1}, {'x': 2}]).y.tolist())

        show()
        Path('helper.py').write_text('FACTOR = 1000\\n')
        show()
        importlib.reload(helper)
        show()
        Path('mine.py').write_text("def work(p, s, u): return {'y': 'another'}\\n")
        importlib.reload(mine)
        show()
        show()
    """)
    assert finished.stdout.splitlines() == ["[1, 2]"] * 2 + ["[1000, 2000]"] + ["['another', 'another']"] * 2
    assert finished.stderr == ""


def test_a_worker_may_hand_functions_of_the_program_to_a_pool_of_its_own(in_tmp: Path) -> None:
    finished = run_script("""
        import multiprocessing
        import paramsurvey

        def square(x):
            return x * x

        def worker(pset, system_kwargs, user_kwargs):
            with multiprocessing.get_context('fork').Pool(2) as pool:
                return {'squares': pool.map(square, range(pset['n']))}

        paramsurvey.init(ncores=1, verbose=0)
        print(paramsurvey.map(worker, [{'n': 3}, {'n': 4}])['squares'].tolist())
    """)
    assert finished.stdout == "[[0, 1, 4], [0, 1, 4, 9]]\n"


def test_one_log_per_run_even_when_workers_survey_too(in_tmp: Path) -> None:
    finished = run_script("""
        import os
        import paramsurvey

        def inner(pset, system_kwargs, user_kwargs):
            return {'b': pset['a'] + 1}

        def outer(pset, system_kwargs, user_kwargs):
            paramsurvey.init(ncores=1, verbose=0)
            return {'b': paramsurvey.map(inner, [{'a': pset['a']}])['b'][0]}

        paramsurvey.init(ncores=2, verbose=0)
        results = paramsurvey.map(outer, [{'a': i} for i in range(4)])
        print(results['b'].tolist(), len(results.missing))
    """)
    assert finished.stdout == "[1, 2, 3, 4] 0\n"
    assert len(logs()) == 1


def test_modules_beside_the_program_are_found_wherever_the_workers_run(in_tmp: Path) -> None:
    Path("beside.py").write_text("def worker(pset, system_kwargs, user_kwargs):\n    return {'b': 1}\n")
    Path("lib").mkdir()
    Path("lib/later.py").write_text("def worker(pset, system_kwargs, user_kwargs):\n    return {'b': 2}\n")
    Path("elsewhere").mkdir()
    program = """
        import paramsurvey
        paramsurvey.init(ncores=1, verbose=0)
        import sys, beside
        print(paramsurvey.map(beside.worker, [{'a': 1}], chdir='elsewhere')['b'].tolist())
        sys.path.insert(0, 'lib')
        import later
        print(paramsurvey.map(later.worker, [{'a': 1}])['b'].tolist())
    """
    for run in (run_script, run_stdin):
        assert run(program).stdout == "[1]\n[2]\n"


def test_a_program_without_a_guard_that_workers_would_have_to_import_again(in_tmp: Path) -> None:
    finished = run_script("""
        import os
        import paramsurvey
        with open('started', 'a') as file:
            file.write('x')
        paramsurvey.map(lambda p, s, u: {'pid': os.getpid()}, [{'a': i} for i in range(4)], verbose=0)
    """)
    assert finished.stdout == ""
    assert Path("started").read_text() == "x"


# how a program ends


def test_the_tracebacks_are_pointed_to_at_once_and_at_the_end_of_the_program(in_tmp: Path) -> None:
    finished = run_script("""
        import sys
        import paramsurvey

        def worker(pset, system_kwargs, user_kwargs):
            raise ValueError('no way')

        paramsurvey.init(ncores=1)
        paramsurvey.map(worker, [{'a': 1}])
        print('THE PROGRAM GOES ON', file=sys.stderr)
    """)
    before, after = finished.stderr.split("THE PROGRAM GOES ON")
    (log,) = logs()
    assert "traceback is in" in before
    assert log.name in before
    assert log.name in after
    text = log.read_text()
    assert "ValueError: no way" in text
    assert "command line:" in text
    assert "program.py" in text
    assert re.search(r"start time \d{4}-\d\d-\d\d", text)
    assert text.splitlines()[-1].startswith("paramsurvey end time")


@pytest.mark.parametrize("how", ["sys.exit(3)", "raise RuntimeError", "os._exit(3)"])
def test_a_program_that_ends_otherwise_leaves_no_worker(how: str, in_tmp: Path) -> None:
    finished = run_script(
        f"""
        import os, sys
        import paramsurvey
        paramsurvey.init(ncores=2, verbose=0)
        results = paramsurvey.map(lambda p, s, u: {{'pid': os.getpid()}}, [{{'a': i}} for i in range(9)])
        print(*set(results['pid']), flush=True)
        {how}
        """,
        check=False,
    )
    assert finished.returncode != 0
    pids = [int(pid) for pid in finished.stdout.split()]
    assert pids
    wait_until(lambda: not any(map(runs, pids)), f"workers {pids} still run")


def test_workers_end_when_the_driver_is_killed(in_tmp: Path) -> None:
    driver = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, time, paramsurvey\n"
            "paramsurvey.init(ncores=2, verbose=0)\n"
            "paramsurvey.map(lambda p, s, u: [print(os.getpid(), flush=True), time.sleep(1000)], [{}] * 2)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert driver.stdout is not None
    pids = [int(driver.stdout.readline()) for _ in range(2)]
    driver.kill()
    driver.wait()
    driver.stdout.close()
    wait_until(lambda: not any(map(runs, pids)), f"workers {pids} still run")


# imports


def loaded_by(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint(*(name.partition('.')[0] for name in sys.modules))"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(finished.stdout.split())


HEAVY = {"pandas", "pyarrow", "rich", "ray", "psutil", "hdrh", "polars", "scipy", "matplotlib", "IPython"}


@pytest.mark.parametrize(
    ("statement", "also"),
    [
        ("import paramsurvey", {"numpy", "cloudpickle"}),
        ("import paramsurvey.worker.runner", set()),
        ("import paramsurvey.backends.multiprocessing.child, paramsurvey.worker.runner", set()),
        ("import paramsurvey.stats", set()),
        ("import paramsurvey; paramsurvey.utils; paramsurvey.examples; paramsurvey.__version__", set()),
    ],
)
def test_importing_loads_nothing_heavy(statement: str, also: set[str]) -> None:
    assert not loaded_by(statement) & (HEAVY | also)


def test_a_short_map_never_loads_what_it_does_not_need() -> None:
    statement = "import paramsurvey; paramsurvey.map(lambda p, s, u: None, [{'a': 1}], verbose=0)"
    assert not loaded_by(statement) & (HEAVY - {"pandas", "pyarrow", "psutil"})


def test_a_worker_loads_nothing_heavy(in_tmp: Path) -> None:
    finished = run_script("""
        import sys
        import paramsurvey
        paramsurvey.init(ncores=1, verbose=0)
        psets = [{'a': 1, 'b': 'x', 'c': None}] * 3
        results = paramsurvey.map(lambda p, s, u: {'modules': list(sys.modules), 'r': p['b']}, psets)
        print(*results['modules'][2])
    """)
    assert not {name.partition(".")[0] for name in finished.stdout.split()} & HEAVY


def test_workers_load_neither_numpy_nor_pandas_where_the_users_function_needs_neither(in_tmp: Path) -> None:
    done = run_script("""
        import sys
        import paramsurvey
        def loaded(pset, system_kwargs, user_kwargs):
            return {"loaded": str({"numpy", "pandas"} & set(sys.modules))}
        results = paramsurvey.map(loaded, [{"a": 1, "b": 0.5, "c": "x", "d": True, "e": [1]}] * 3, verbose=0)
        print(*set(results.loaded))
        """)
    assert done.stdout == "set()\n"
