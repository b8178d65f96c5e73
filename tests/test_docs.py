"""The documentation tells the truth: its code runs, its links lead somewhere, its tables are up to date."""

from __future__ import annotations

import ast
import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from functools import reduce
from importlib import import_module
from inspect import getdoc, isclass, isfunction, isroutine, signature
from itertools import zip_longest
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any

import pytest

import paramsurvey
from paramsurvey.engine import options
from paramsurvey.report.page import TITLES
from paramsurvey.results.missing import Missing

ROOT = Path(__file__).parents[1]
DOCS = sorted(ROOT.glob("docs/**/*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *DOCS]
PROGRAMS = {"README", "index", "installation", "tutorial", "faq", "comparison"}  # and the how-tos
RUNNABLE = [page for page in PAGES if page.stem in PROGRAMS or "how-to" in page.parts]
OPTIONS_PAGE = ROOT / "docs/options.md"
STRUCTURE_PAGE = ROOT / "docs/structure.md"
SOURCE = ROOT / "src/paramsurvey"
FLOORS = (  # the packages from the bottom up
    *("stats", "transport", "worker", "params", "engine", "backends", "checkpoint", "reporting", "views"),
    *("plotting", "report", "results", "live_page", "session", "cli", "examples", "testing"),
)
REGENERATE = "python tests/test_docs.py"
HANGS = 110  # seconds: no page takes that long on any machine
MODULES = ("params", "stats", "utils", "examples", "errors")

BLOCK = re.compile(
    r"(?P<mark><!-- not run[^\n]*-->\n+)?^```(?P<kind>\w*)[^\n]*\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
NEEDS = re.compile(r"^<!-- needs ([\w ]+) -->$", re.MULTILINE)
FILE = re.compile(r"`(\w+(?:/\w+)*(?:\.py|/)?)`")
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")
NODE = re.compile(r"`((?:src|tests)/[\w/]+\.py)(?:::(\w+))?`")
CUT = "\x1e"  # between the outputs of two blocks


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


def text_of(page: str | Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


# ---- what is generated


def with_generated(page: Path) -> str:
    """Return a page with what is generated between its comments ``begin table`` and ``end table``."""
    head, begin, rest = text_of(page).partition("<!-- begin table -->\n")
    _, end, tail = rest.partition("<!-- end table -->")
    assert begin, f"{page.name} has lost the comment at which its table begins"
    assert end, f"{page.name} has lost the comment at which its table ends"
    return f"{head}{begin}{GENERATED[page]()}\n{end}{tail}"


def files_by_package() -> str:
    """Return a heading and a table for each package, with the first line of each file's docstring."""
    packages = [folder for folder in SOURCE.iterdir() if (folder / "__init__.py").exists()]
    parts = [file_table(SOURCE, sorted(SOURCE.glob("[a-z]*.py")))]
    for folder in sorted(packages, key=lambda folder: FLOORS.index(folder.name)):
        inside = sorted(folder.rglob("*.py"), key=lambda file: (file.parent, file.name))
        files = [file for file in inside if file != folder / "__init__.py"]
        parts.append(f"### {folder.name}\n\n{subject_of(folder / '__init__.py')}\n")
        parts.append(file_table(folder, files))
    return "\n".join(parts)


def file_table(folder: Path, files: list[Path]) -> str:
    """Return a row for each file, and for each folder in its ``__init__.py``'s place."""
    rows = ["| file | subject |", "|---|---|"]
    for file in files:
        name = file.relative_to(folder).with_suffix("").as_posix()
        rows.append(f"| `{name.removesuffix('__init__')}` | {subject_of(file)} |")
    return "\n".join(rows) + "\n"


def subject_of(file: Path) -> str:
    """Return the first line of a file's docstring, as Markdown."""
    docstring = ast.get_docstring(ast.parse(text_of(file)))
    assert docstring, f"{file.relative_to(ROOT)} has no docstring that says what its subject is"
    return docstring.splitlines()[0].replace("``", "`").replace("|", "\\|")


GENERATED = {OPTIONS_PAGE: options.table, STRUCTURE_PAGE: files_by_package}


@pytest.mark.parametrize("page", GENERATED, ids=lambda page: page.stem)
def test_what_is_generated_is_up_to_date(page: Path) -> None:
    assert text_of(page) == with_generated(page), f"{page.name} is not up to date: run {REGENERATE}"


# ---- links and names


@pytest.mark.parametrize("page", names(PAGES))
def test_relative_links_lead_somewhere(page: str) -> None:
    broken = [link for link in LINK.findall(text_of(page)) if not leads_somewhere(ROOT / page, link)]
    assert broken == []


def leads_somewhere(page: Path, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return True  # elsewhere: not asked, for the tests need no network
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> set[str]:
    """Return what the page's headings are called in links."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", names(PAGES))
def test_tests_that_are_named_exist(page: str) -> None:
    for file, test in NODE.findall(text_of(page)):
        assert (ROOT / file).exists(), file
        assert not test or f"def {test}(" in text_of(file), f"{file}::{test}"


# ---- the structure page

HEAVY = {"pandas", "pyarrow", "rich", "ray", "scipy"}
LOADED_BY_WORKERS = (
    "transport",
    "worker",
    "params.spaces",
    "backends.multiprocessing.child",
    "backends.futures.task",
)


def test_the_pages_on_reports_and_on_the_live_page_tell_what_every_section_shows() -> None:
    rows = re.findall(r"^\| ([A-Z][\w, ]+) \|", text_of("docs/how-to/report.md"), re.MULTILINE)
    assert rows == list(TITLES.values())
    live = " ".join(re.findall(r"^\| ([A-Z][\w, ]+) \|", text_of("docs/how-to/live-page.md"), re.MULTILINE))
    untold = {title for title in TITLES.values() if title.lower() not in live.lower()}
    assert untold == {"Summary", "Comparison"}, "the live page has its own counts, and no earlier survey"


def test_the_files_that_the_structure_page_names_exist() -> None:
    page = text_of("docs/structure.md")
    paths = {name for name in FILE.findall(page.partition("<!-- begin table -->")[0]) if "/" in name}
    places = (ROOT, SOURCE, *(SOURCE / package for package in FLOORS))
    lost = [
        name
        for name in paths
        if not any((place / name).exists() or (place / f"{name}.py").exists() for place in places)
    ]
    assert lost == []


def test_what_workers_load_is_light(tmp_path: Path) -> None:
    modules = ", ".join(f"paramsurvey.{name}" for name in loaded_by_workers())
    program = f"import sys, {modules}; print(*{HEAVY!r} & set(sys.modules))"
    assert run(["-c", program], tmp_path).stdout.strip() == ""


def loaded_by_workers() -> Iterator[str]:
    for name in LOADED_BY_WORKERS:
        yield name
        folder = SOURCE / name.replace(".", "/")
        yield from (f"{name}.{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__")


# ---- names


def test_every_public_name_is_on_the_reference_page() -> None:
    page = text_of("docs/api.md")
    assert [name for name in public_names() if f"`{name}" not in page] == []


def public_names() -> Iterator[str]:
    """Yield every public name, those of the public modules as ``module.name``."""
    for name in paramsurvey.__all__:
        yield name
        if name in MODULES:
            yield from (f"{name}.{one}" for one in members(getattr(paramsurvey, name)))


def members(module: ModuleType) -> list[str]:
    """Return the functions and classes that a public module has for its users."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [name for name, thing in vars(module).items() if is_public(thing, module)]


def is_public(thing: Any, module: ModuleType) -> bool:
    if getattr(thing, "__module__", None) != module.__name__ or thing.__name__.startswith("_"):
        return False
    return isclass(thing) or (isfunction(thing) and module is not paramsurvey.errors)


# ---- docstrings


def public(path: str) -> Any:
    return reduce(getattr, path.split("."), paramsurvey)


def documented() -> Iterator[tuple[str, Any]]:
    """Yield every public function, class and method with its name."""
    for path, thing in [*((path, public(path)) for path in public_names()), ("missing", Missing)]:
        if isclass(thing) and issubclass(thing, (Exception, Warning)):
            continue
        if isclass(thing):
            yield from (
                (f"{path}.{name}", member)
                for owner in thing.__mro__
                if owner.__module__.startswith("paramsurvey.")
                for name, member in vars(owner).items()
                if not name.startswith("_") and isroutine(member)
            )
        if isclass(thing) or isfunction(thing):
            yield path, thing


@pytest.mark.parametrize(("name", "thing"), list(documented()))
def test_the_docstring_of_a_public_name_is_complete(name: str, thing: Any) -> None:
    doc = getdoc(thing)
    assert doc, f"{name} has no docstring"
    told = doc.partition("\nParameters\n---")[2]
    parameters = list(signature(thing).parameters.values()) if isroutine(thing) else []
    untold = [
        one.name for one in parameters if one.name != "self" and not re.search(rf"\b{one.name}\b", told)
    ]
    assert untold == [], f"{name} does not tell of these parameters"
    if isfunction(thing) and "." not in thing.__qualname__:
        returned = str(signature(thing).return_annotation)
        silent = returned in ("None", "Iterator[None]")
        assert silent or re.search(r"\n(Returns|Yields)\n---", doc), f"{name} does not tell what it returns"
        assert "\nExamples\n---" in doc, f"{name} has no example"


def test_the_arguments_of_a_public_dataclass_are_in_its_docstring() -> None:
    made = [(name, thing) for name, thing in documented() if isclass(thing) and is_dataclass(thing)]
    assert {name for name, _ in made} >= {"MapProgress"}
    for name, thing in made:
        untold = [one for one in signature(thing).parameters if f"\n{one} : " not in getdoc(thing)]
        assert untold == [], f"{name} does not tell of these arguments"


def modules() -> Iterator[str]:
    """Yield every module but the programs."""
    for module in walk_packages(paramsurvey.__path__, "paramsurvey."):
        if not module.name.startswith("paramsurvey.examples."):
            yield module.name


@pytest.mark.parametrize("name", list(modules()))
def test_the_examples_in_docstrings_are_right(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0


# ---- code


@dataclass(frozen=True)
class Block:
    """A piece of a page's Python program, and what it prints, where the page shows it."""

    code: str
    output: str | None


def blocks(page: str) -> list[Block]:
    """Return the Python blocks of a page that run: all without the comment ``<!-- not run ... -->``.

    A ``text`` block that follows at once shows what is printed.
    """
    found = list(BLOCK.finditer(text_of(page)))
    return [
        Block(one["code"], following["code"] if follows(one, following) else None)
        for one, following in zip_longest(found, found[1:])
        if one["kind"] == "python" and not one["mark"]
    ]


def follows(one: re.Match[str], other: re.Match[str] | None) -> bool:
    if other is None or other["kind"] != "text":
        return False
    return not one.string[one.end() : other.start()].strip()


@pytest.mark.parametrize("page", [name for name in names(RUNNABLE) if blocks(name)])
def test_the_code_of_a_page_runs_and_prints_what_is_shown(page: str, tmp_path: Path) -> None:
    for package in needed(page):
        pytest.importorskip(package)
    program = f"\nprint({CUT!r}, end='', flush=True)\n".join(block.code for block in blocks(page))
    (tmp_path / "page.py").write_text(program, encoding="utf-8")
    outputs = run(["page.py"], tmp_path).stdout.split(CUT)
    for block, output in zip(blocks(page), outputs, strict=True):
        if block.output is not None:
            shown = f"{block.code}\nprinted\n\n{output}\nand the page shows\n\n{block.output}"
            assert same(block.output, output), shown


def needed(page: str) -> list[str]:
    """Return the packages without which a page cannot run: those of the comment ``<!-- needs ... -->``."""
    return [name for names in NEEDS.findall(text_of(page)) for name in names.split()]


def same(shown: str, printed: str) -> bool:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(shown, printed, flags)


def test_the_first_hour_is_what_happens(tmp_path: Path) -> None:
    """A block with ``# name.py`` at its top is that file; what follows ``$`` is typed and prints the rest."""
    for block in BLOCK.finditer(text_of("docs/first-hour.md")):
        if block["kind"] == "python":
            name = block["code"].partition("\n")[0].removeprefix("# ")
            assert name.endswith(".py")
            (tmp_path / name).write_text(block["code"], encoding="utf-8")
        else:
            assert block["kind"] == "console"
            check_session(block["code"], tmp_path)


def check_session(text: str, directory: Path) -> None:
    """Type the lines of a shell session, and compare what each prints with what stands below it."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PARAMSURVEY")}
    environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environ["PATH"]])
    for line in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = line.partition("\n")
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=directory,
            env=environ,
            capture_output=True,
            text=True,
            timeout=HANGS,
        )
        assert done.returncode == (0 if "2>&1" not in command else 1), done.stderr
        lines = zip_longest(shown.rstrip().splitlines(), done.stdout.splitlines(), fillvalue="no line")
        for one, other in lines:  # ... stands for a part of a line, never for the beginning of the next one
            assert same(one, other), f"{command}\nprinted\n\n{done.stdout}\nand the page shows\n\n{shown}"


def run(arguments: list[str], directory: Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python as a user does, where nothing of the developer's is set."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        input=stdin,
        env={key: value for key, value in os.environ.items() if not key.startswith("PARAMSURVEY")},
        capture_output=True,
        text=True,
        timeout=HANGS,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_example_of_the_readme_is_the_installed_program(tmp_path: Path) -> None:
    example = blocks("README.md")[0].code
    assert "__main__" not in example
    from_stdin = run(["-"], tmp_path, stdin=example)
    installed = run(["-m", "paramsurvey.examples.readme"], tmp_path)
    assert from_stdin.stdout == installed.stdout == "0.3 0.3\n" * 10
    assert len(list(tmp_path.glob(".paramsurvey-*.log"))) == 2


if __name__ == "__main__":
    for generated in GENERATED:
        generated.write_text(with_generated(generated), encoding="utf-8")
        print(f"{generated.relative_to(ROOT)} has the tables of the code now")
