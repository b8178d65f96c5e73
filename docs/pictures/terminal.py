"""What a terminal shows of a command, as an SVG file: one picture, or one that moves."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from html import escape
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

COLUMNS, ROWS = 96, 24
WIDE, HIGH = 8.4, 18.0  # pixels of a character
MOST_FRAMES = 12
PAUSE = 3.0  # seconds that the last frame stays
COLOURS = {
    "default": "#d8dee9",
    "black": "#6c7a96",
    "red": "#ff7b86",
    "green": "#8fd18b",
    "brown": "#f0c674",
    "yellow": "#f0c674",
    "blue": "#81a9e0",
    "magenta": "#d3a0d8",
    "cyan": "#7fd0d8",
    "white": "#ffffff",
}
STYLE = """
  rect { fill: #10151f }
  text { font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre }
  .frame { visibility: hidden }
  .last { visibility: visible }
"""


def record(commands: list[str], path: Path, *, moving: bool = True) -> None:
    """Run commands in a terminal, one after the other, and write what it showed."""
    import pyte

    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    frames: list[tuple[float, list[list[Any]]]] = []
    begun = time.monotonic()
    for command in commands:
        typed = command.replace("\n", "\r\n")
        stream.feed(f"\x1b[32m$\x1b[0m {typed}\r\n".encode())
        frames.append((time.monotonic() - begun, shown(screen)))
        for output in run(command):
            stream.feed(output.replace(os.getcwd().encode(), b"~/balls"))
            frames.append((time.monotonic() - begun, shown(screen)))
    path.write_text(drawing(chosen(frames) if moving else frames[-1:]), encoding="utf-8")


def run(command: str) -> Any:
    """Yield what a command writes into a terminal, as it comes."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PARAMSURVEY")}
    environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS), LINES=str(ROWS), PARAMSURVEY_NCORES="2")
    process = subprocess.Popen(
        ["bash", "-c", command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environ,
        start_new_session=True,
    )
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        while True:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                output = terminal.read(65536)
            except OSError:  # Linux says so at the end
                break
            if not output:
                break
            yield output
    process.wait()


def shown(screen: Any) -> list[list[Any]]:
    """Copy the screen's characters."""
    return [[screen.buffer[row][column] for column in range(COLUMNS)] for row in range(ROWS)]


def chosen(frames: list[tuple[float, list[list[Any]]]]) -> list[tuple[float, list[list[Any]]]]:
    """Keep the first and the last frame, and as many between, at even times."""
    begin, end = frames[0][0], frames[-1][0]
    times = [begin + (end - begin) * k / (MOST_FRAMES - 1) for k in range(MOST_FRAMES)]
    kept = [max((frame for frame in frames if frame[0] <= at), key=lambda frame: frame[0]) for at in times]
    return [frame for number, frame in enumerate(kept) if number == 0 or frame[1] != kept[number - 1][1]]


def drawing(frames: list[tuple[float, list[list[Any]]]]) -> str:
    """Return an SVG file whose frames take turns; where motion is not wanted, the last one stays."""
    rows = max(last_row(frame) for _, frame in frames) + 1
    width, height = COLUMNS * WIDE + 24, rows * HIGH + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img">',
        f"<style>{STYLE}{motion(frames)}</style>",
        f'<rect width="{width:g}" height="{height:g}" rx="8"/>',
    ]
    for number, (_, frame) in enumerate(frames):
        last = " last" if number == len(frames) - 1 else ""
        parts.append(f'<g class="frame f{number}{last}">{"".join(lines(frame[:rows]))}</g>')
    return "\n".join([*parts, "</svg>\n"])


def motion(frames: list[tuple[float, list[list[Any]]]]) -> str:
    if len(frames) == 1:
        return ""
    total = frames[-1][0] - frames[0][0] + PAUSE
    begins = [100 * (at - frames[0][0]) / total for at, _ in frames] + [100]
    rules = []
    for number, (begin, end) in enumerate(pairwise(begins)):
        before = f"0%, {begin - 0.01:.2f}% {{ visibility: hidden }}\n" if number else ""
        after = f"{end - 0.01:.2f}% {{ visibility: visible }}\n{end:.2f}%, 100% {{ visibility: hidden }}"
        if number == len(frames) - 1:
            after = "100% { visibility: visible }"
        rules.append(f"@keyframes f{number} {{ {before}{begin:.2f}% {{ visibility: visible }}\n{after} }}")
        rules.append(f".f{number} {{ animation: f{number} {total:.1f}s step-end infinite }}")
    return "@media (prefers-reduced-motion: no-preference) {\n" + "\n".join(rules) + "\n}"


def last_row(frame: list[list[Any]]) -> int:
    return max(
        (row for row, cells in enumerate(frame) if any(cell.data.strip() for cell in cells)), default=0
    )


def lines(frame: list[list[Any]]) -> list[str]:
    """Return a text element for each run of characters of one colour."""
    found = []
    for row, cells in enumerate(frame):
        column = 0
        for style, run_of in groupby(cells, key=lambda cell: (cell.fg, cell.bold)):
            text = "".join(cell.data for cell in run_of)
            if text.strip():
                found.append(piece(text, style, column, row))
            column += len(text)
    return found


def piece(text: str, style: tuple[str, bool], column: int, row: int) -> str:
    colour, bold = style
    lead = len(text) - len(text.lstrip())
    text = text.strip()
    return (
        f'<text x="{12 + (column + lead) * WIDE:g}" y="{12 + (row + 0.75) * HIGH:g}" '
        f'fill="{COLOURS.get(colour, "#" + colour if len(colour) == 6 else COLOURS["default"])}"'
        f"{' font-weight=' + chr(34) + 'bold' + chr(34) if bold else ''} "
        f'textLength="{len(text) * WIDE:g}" xml:space="preserve">{escape(text)}</text>'
    )
