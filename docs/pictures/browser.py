"""Screenshots of pages, by a Chromium without a window and without a network."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

OFFLINE = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--allow-file-access-from-files",
    "--virtual-time-budget=5000",
]
# A window is at least 500 pixels wide; a frame in it can be as narrow as a telephone.
FRAME = """<!doctype html><html style="color-scheme: {scheme}"><body style="margin: 0">
<iframe src="{address}" style="border: 0; width: {width}px; height: {height}px"></iframe></body></html>"""


def photograph(page: Path, picture: Path, width: int, height: int, *, dark: bool = False) -> None:
    """Write what a window of this size shows of the page, at its top."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        raise SystemExit("make pictures needs Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        frame = Path(folder, "frame.html")
        scheme = "dark" if dark else "light"
        frame.write_text(
            FRAME.format(address=page.absolute().as_uri(), width=width, height=height, scheme=scheme)
        )
        command = [
            program,
            *OFFLINE,
            f"--user-data-dir={folder}/profile",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            f"--window-size={max(width, 500)},{height + 150}",
            f"--screenshot={folder}/shot.png",
            frame.as_uri(),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        cut(Path(folder, "shot.png"), picture, width, height)


def cut(shot: Path, picture: Path, width: int, height: int) -> None:
    """Keep the frame alone, with few colours: a page has no more."""
    from PIL import Image

    with Image.open(shot) as image:
        page = image.convert("RGB").crop((0, 0, width, height))
        page.quantize(128, dither=Image.Dither.NONE).save(picture, optimize=True)
