"""A real browser for tests: Chromium without a window, which asks nobody but this machine."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select
from selenium_axe_python import Axe

from paramsurvey.testing.waiting import wait_until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
REMEDY = "apt-get install chromium chromium-driver"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECONDS = 60.0  # that a page may take to show something, on a machine with much else to do


class Browser:
    """One window.

    Parameters
    ----------
    driver : selenium's
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, address: str, width: int = 1280) -> None:
        """Load a page in a window of this width."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get(address)

    def text(self, selector: str = "body") -> str:
        """Return what is to be read in an element; empty where there is none."""
        return str(self.script("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def script(self, code: str, *arguments: object) -> Any:
        """Run a script in the page, and return what it returns."""
        return self.driver.execute_script(code, *arguments)

    def wait(self, selector: str, said: str) -> None:
        """Wait until an element says this."""
        wait_until(
            lambda: said in self.text(selector), lambda: f"no {said!r} in {self.text(selector)!r}", SECONDS
        )

    def click(self, selector: str) -> None:
        """Click an element."""
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def choose(self, selector: str, shown: str) -> None:
        """Choose an option of a select."""
        Select(self.driver.find_element(By.CSS_SELECTOR, selector)).select_by_visible_text(shown)

    def press(self, *keys: str) -> None:
        """Press keys: the last one, while all others are held down."""
        *held, last = keys
        chain = ActionChains(self.driver)
        for key in held:
            chain.key_down(key)
        chain.send_keys(last)
        for key in held:
            chain.key_up(key)
        chain.perform()

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(
            self.script("const all = document.documentElement; return all.scrollWidth - all.clientWidth")
        )

    def prefer(self, colours: str) -> None:
        """Prefer pages that are ``'dark'``, or ``'light'``."""
        wish = {"name": "prefers-color-scheme", "value": colours}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [wish]})

    def barriers(self) -> list[str]:
        """Return what axe-core holds to be a serious or critical barrier for people who cannot see all.

        The driver runs its script: the page's own policy would not allow it.
        """
        axe = Axe(self.driver)
        axe.inject()
        self.driver.set_script_timeout(SECONDS)
        found = [one for one in axe.run()["violations"] if one["impact"] in ("serious", "critical")]
        return [f"{one['id']}: {one['help']}: {node['html']}" for one in found for node in one["nodes"]]

    def complaints(self) -> list[str]:
        """Return what the browser has complained of since the last time, such as refusals by a policy."""
        return [one["message"] for one in self.driver.get_log("browser")]


def chromium(is_needed: bool) -> str:
    """Return the program; where there is none the test is skipped, or fails if it is needed."""
    if CHROMIUM is None or DRIVER is None:
        said = f"there is no Chromium with its driver: {REMEDY}"
        pytest.fail(said) if is_needed else pytest.skip(said)
    return CHROMIUM


def shown(program: str, address: str, profile: Path, *options: str, seconds: float = 100.0) -> str:
    """Return a page as it is after its scripts have run."""
    command = [program, *FLAGS, f"--user-data-dir={profile.absolute()}", *options, "--dump-dom", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
    assert "Refused to" not in done.stderr, "a policy refused something"
    return done.stdout


@contextmanager
def opened(is_needed: bool) -> Iterator[Browser]:
    """A browser; where there is none the test is skipped, or fails if it is needed."""
    program = chromium(is_needed)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(prefix="browser", ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        try:
            yield Browser(driver)
        finally:
            driver.quit()
