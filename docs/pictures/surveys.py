"""The survey that the pictures show: how far a ball flies."""

from __future__ import annotations

import math
import os
import signal
import stat
import subprocess
import time
import urllib.request
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


def results() -> Any:
    """Run the survey of the report and of the first picture, once."""
    if not hasattr(results, "kept"):
        paramsurvey.init(verbose=0)
        psets = params.grid(drag=[0, 0.005, 0.01, 0.02, 0.03], speed=range(10, 41, 3), angle=range(10, 81, 5))
        kept = paramsurvey.map(throw, psets, name="throw", checkpoint="night")
        kept.units = {"drag": "1/m", "speed": "m/s", "angle": "°", "distance": "m", "height": "m"}
        results.kept = kept  # type: ignore[attr-defined]
    return results.kept  # type: ignore[attr-defined]


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
    """Draw what a survey looks like, for the first page: a slice, what matters, and where it failed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(15, 4.2), layout="constrained")
    results().plot.slice("angle", "speed", "distance", at={"drag": 0.01}, ax=axes[0])
    results().plot.importance("distance", ax=axes[1])
    results().plot.failures(ax=axes[2])
    figure.savefig(path, dpi=100)
    plt.close(figure)


def draw_plots(path: Path) -> None:
    """Draw one picture of each kind, for the page about plots."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(15, 8.4), layout="constrained")
    plot, ((slice_, importance, failures), (distribution, parallel, cost)) = results().plot, axes
    plot.slice("angle", "speed", "distance", at={"drag": 0.01}, ax=slice_)
    plot.importance("distance", ax=importance)
    plot.failures(ax=failures)
    plot.distribution("distance", ax=distribution)
    plot.parallel(value="distance", ax=parallel)
    plot.cost("speed", ax=cost)
    figure.savefig(path, dpi=100)
    plt.close(figure)
