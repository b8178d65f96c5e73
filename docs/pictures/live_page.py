"""Screenshots of the live page, in the middle of a survey that runs for them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import browser

SURVEY = [
    *("paramsurvey", "run", "-v0", "-j4", "-p", "drag=0,0.01,0.02,0.4", "-p", "speed=10:40:10"),
    *("-p", "angle=15:75:5", "--parse", "json", "--checkpoint", "balls-live", "--", "./throw"),
    *("{drag}", "{speed}", "{angle}"),
]
SHARE = 40  # per cent of the survey: the moment of the picture
PATIENCE = 60.0  # seconds


def photograph(picture: Path, width: int, height: int, *, dark: bool = False) -> None:
    """Write what a window of this size shows of the page, at its top, while the survey runs."""
    from selenium import webdriver

    run = subprocess.Popen(SURVEY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not Path("balls-live/run.json").exists():
        time.sleep(0.1)
    command = ["paramsurvey", "view", "balls-live", "--no-browser"]
    page = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for flag in (*browser.OFFLINE[:7], f"--user-data-dir={folder}"):
            options.add_argument(flag)
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=options, service=service)
        try:
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
            assert page.stdout is not None
            driver.get(page.stdout.readline().strip())
            _wait(driver)
            driver.save_screenshot(f"{folder}/shot.png")
            browser.cut(Path(folder, "shot.png"), picture, width, height)
        finally:
            driver.quit()
            for process in (page, run):
                process.terminate()
                process.wait()
            shutil.rmtree("balls-live")  # the next picture is one of a survey that begins


def _wait(driver: object) -> None:
    """Return when the survey is far enough, and its cells are marked."""
    script = (
        "return [document.querySelector('.progress strong')?.innerText, document.querySelector('td.running')]"
    )
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        share, cell = driver.execute_script(script)  # type: ignore[attr-defined]
        if share and int(share.split()[0]) >= SHARE and cell is not None:
            return
        time.sleep(0.2)
    raise SystemExit("the live page has not shown a running survey in time")
