"""Ctrl-C while a map is prepared: nothing of it stays behind that would keep the next one out."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from instructions import run_with
from paramsurvey.checkpoint import store, writer
from paramsurvey.session import prepare, session
from paramsurvey.testing.waiting import wait_until

FILES = [module.__file__ for module in (store, writer, prepare, session)]
EVERY = 7  # a prime, so that another place of each loop is interrupted


def square(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, int]:
    return {"b": pset["a"] ** 2}


def map_with_ctrl_c(at: int) -> bool:
    """Send this program a Ctrl-C at an instruction of `FILES`; tell whether the map got so far."""
    return run_with(
        lambda: signal.raise_signal(signal.SIGINT),
        at,
        lambda: paramsurvey.map(square, [{"a": 3}], checkpoint="stored"),
        FILES,
        KeyboardInterrupt,
    )


def nobody_writes() -> bool:
    return not any(thread.name.startswith("checkpoint") for thread in threading.enumerate())


@pytest.mark.limit(300)
def test_after_ctrl_c_at_any_instruction_the_checkpoint_is_free_and_nobody_writes(in_tmp: Path) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    at = 1
    while map_with_ctrl_c(at):
        at += EVERY
        wait_until(nobody_writes, "a thread writes on")
        assert not Path("stored/lock.json").exists()
    assert at > 500
    results = paramsurvey.map(square, [{"a": 3}], checkpoint="stored")
    assert results.b.tolist() == [9]
    assert json.loads(Path("stored/run.json").read_text())


INTERRUPTED_IMPORT = """
import signal, sys
import paramsurvey

class PressesCtrlC:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("pandas._libs.tslibs.") and self in sys.meta_path:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

def square(pset, system_kwargs, user_kwargs):
    return {"b": pset["a"] ** 2}

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, PressesCtrlC())
try:
    paramsurvey.init(backend="serial", verbose=0)
except KeyboardInterrupt:
    print("interrupted")
print(paramsurvey.map(square, [{"a": 3}]).b.tolist())
"""


def test_ctrl_c_while_pandas_is_loaded_leaves_no_half_of_it(in_tmp: Path) -> None:
    """Python cannot import the other half later: a compiled module that was interrupted stays broken."""
    program = [sys.executable, "-c", INTERRUPTED_IMPORT]
    run = subprocess.run(program, capture_output=True, text=True, check=False)
    assert run.stdout.splitlines() == ["interrupted", "[9]"], run.stderr
