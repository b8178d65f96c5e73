"""Make the pictures of the documentation that need a browser or a terminal: `make pictures`.

They are what the programs really show, of surveys that are run for them, and are committed in
docs/_static/pictures: who builds the documentation needs no browser. `make pictures ARGS='run.svg'` makes
some of them only.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import browser
import surveys
import terminal

PLACE = Path(__file__).parents[1] / "_static/pictures"

MAKERS: dict[str, Callable[[Path], None]] = {
    "start.png": surveys.draw_start,
    **{name: partial(surveys.draw_alone, draw, surveys.results) for name, draw in surveys.START.items()},
    **{
        name: partial(surveys.draw_alone, draw, surveys.survey_of_the_plots_page)
        for name, draw in surveys.PLOTS.items()
    },
    "run.svg": lambda path: terminal.record(surveys.COMMANDS, path),
    "missing.svg": lambda path: terminal.record(surveys.AFTERWARDS, path, moving=False),
    "report.png": lambda path: browser.photograph(surveys.report(), path, 1280, 860),
    "report-dark.png": lambda path: browser.photograph(surveys.report(), path, 1280, 860, dark=True),
    "report-400.png": lambda path: browser.photograph(surveys.report(), path, 400, 860),
    "live.png": surveys.photograph_live,
}


def main() -> None:
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    wanted = sys.argv[1:] or list(MAKERS)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        surveys.write_program()
        for name in wanted:
            MAKERS[name](PLACE / name)
            print(f"{name}: {(PLACE / name).stat().st_size / 1000:.0f} kB")


main()
