"""The surveys that the pictures show: how far a ball flies, and that of the page about plots."""

from __future__ import annotations

import math
import os
import signal
import stat
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import browser

import paramsurvey
from paramsurvey import params

# What is typed in the terminal. The program takes its time, and fails where the air is too thick.
COMMANDS = [
    "paramsurvey run -p drag=0,0.01,0.02,0.4 -p speed=10:40:10 -p angle=15:75:15 \\\n"
    "    --parse json --checkpoint balls -- ./throw {drag} {speed} {angle}"
]
AFTERWARDS = ["paramsurvey status balls", "paramsurvey missing balls"]

PROGRAM = """#!/usr/bin/env python3
import json, math, sys, time

drag, speed, angle = map(float, sys.argv[1:])
time.sleep(0.1 + drag)
vx, vy = speed * math.cos(math.radians(angle)), speed * math.sin(math.radians(angle))
if drag * speed > 10:
    raise SystemExit("the ball bursts")
x = y = 0.0
while y >= 0:
    slow = drag * math.hypot(vx, vy)
    vx, vy = vx - slow * vx * 1e-3, vy - (9.81 + slow * vy) * 1e-3
    x, y = x + vx * 1e-3, y + vy * 1e-3
print(json.dumps({"distance": round(x, 1)}))
"""


LIVE = (
    COMMANDS[0].replace("balls", "live").replace("angle=15:75:15", "angle=15:75:3").replace("run", "run -v0")
)


def write_program() -> None:
    """Write ./throw, which the commands run."""
    program = Path("throw")
    program.write_text(PROGRAM)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


@paramsurvey.keywords
def throw(drag: float, speed: float, angle: float) -> dict[str, float]:
    """Return how far the ball flies, and how high."""
    if drag * speed > 0.85 and angle > 60:
        raise ValueError("the wind has taken the ball")
    vx, vy = speed * math.cos(math.radians(angle)), speed * math.sin(math.radians(angle))
    x, y, highest = 0.0, 0.0, 0.0
    while y >= 0:
        slow = drag * math.hypot(vx, vy)
        vx, vy = vx - slow * vx * 1e-3, vy - (9.81 + slow * vy) * 1e-3
        x, y = x + vx * 1e-3, y + vy * 1e-3
        highest = max(highest, y)
    return {"distance": x, "height": highest}


@cache
def results() -> Any:
    """Run the survey of the report and of the first picture, once."""
    paramsurvey.init(verbose=0)
    psets = params.grid(drag=[0, 0.005, 0.01, 0.02, 0.03], speed=range(10, 41, 3), angle=range(10, 81, 5))
    found = paramsurvey.map(throw, psets, name="throw", checkpoint="night")
    found.units = {"drag": "1/m", "speed": "m/s", "angle": "°", "distance": "m", "height": "m"}
    return found


def report() -> Path:
    """Return the report of the survey."""
    path = Path("night.html")
    if not path.exists():
        results().report(path)
    return path


def photograph_live(picture: Path) -> None:
    """Take a picture of the live page of a survey that runs."""
    run = subprocess.Popen(["bash", "-c", LIVE], start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        while not list(Path().glob("live/results/*")):  # something to see
            time.sleep(0.2)
        command = ["paramsurvey", "view", "live", "--no-browser"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as page:
            assert page.stdout is not None
            address = page.stdout.readline().strip()
            wait_for_slices(address)
            browser.shoot(address, picture, 1280, 1000)
            page.send_signal(signal.SIGINT)
    finally:
        os.killpg(run.pid, signal.SIGINT)
        run.wait()


def wait_for_slices(address: str) -> None:
    """Look at the live page until it has slices: it computes nothing while nobody looks."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    while 'id="slicer"' not in opener.open(address).read().decode():
        time.sleep(1)


def draw_start(path: Path) -> None:
    """Draw what a survey looks like, for the README: a slice, what matters, and where it failed."""
    with drawing(path, figsize=(15, 4.2), ncols=3) as axes:
        for draw, one in zip((draw_slice, draw_importance, draw_failures), axes, strict=True):
            draw(results().plot, one)


def draw_alone(draw: Callable[[Any, Any], object], survey: Callable[[], Any], path: Path) -> None:
    """Draw one plot of a survey, so small that its letters can be read on a telephone."""
    with drawing(path, figsize=(7 if "parallel" in path.name else 4.8, 4)) as axes:
        draw(survey().plot, axes)


@contextmanager
def drawing(path: Path, **options: Any) -> Iterator[Any]:
    """Let the caller draw into new axes, and write the figure."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(layout="constrained", **options)
    yield axes
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_slice(plot: Any, axes: Any) -> object:
    return plot.slice("angle", "speed", "distance", at={"drag": 0.01}, ax=axes)


def draw_importance(plot: Any, axes: Any) -> object:
    return plot.importance("distance", ax=axes)


def draw_failures(plot: Any, axes: Any) -> object:
    return plot.failures(ax=axes)


START: dict[str, Callable[[Any, Any], object]] = {
    "start-slice.png": draw_slice,
    "start-importance.png": draw_importance,
    "start-failures.png": draw_failures,
}

# The pictures of the page about plots show the survey on that page.
PLOTS: dict[str, Callable[[Any, Any], object]] = {
    "plot-slice.png": lambda plot, axes: plot.slice("C", "gamma", "score", ax=axes),
    "plot-importance.png": lambda plot, axes: plot.importance("score", ax=axes),
    "plot-failures.png": lambda plot, axes: plot.failures(ax=axes),
    "plot-distribution.png": lambda plot, axes: plot.distribution("score", ax=axes),
    "plot-parallel.png": lambda plot, axes: plot.parallel(value="score", ax=axes),
    "plot-cost.png": lambda plot, axes: plot.cost("C", seconds="took", ax=axes),
}


@cache
def survey_of_the_plots_page() -> Any:
    """Run the first program of the page about plots, and return its results."""
    paramsurvey.init(verbose=0)
    page = (Path(__file__).parents[1] / "how-to/plots.md").read_text(encoding="utf-8")
    program: dict[str, Any] = {"__name__": "plots"}
    exec(page.split("```python\n")[1].split("```")[0], program)
    return program["results"]
