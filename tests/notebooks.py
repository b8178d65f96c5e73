"""Runs notebooks, each in a process of its own, as ``jupyter execute`` does.

What Jupyter's client leaves in a process, such as sockets, cannot meet what other tests leave there.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

EXECUTE = "from nbclient.cli import main; main()"


def run_notebook(cells: Sequence[str], directory: Path) -> list[list[Any]]:
    """Run a notebook with these cells in a directory; return the outputs of each cell."""
    import nbformat

    path = directory / "notebook.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, path)
    command = [sys.executable, "-c", EXECUTE, "--inplace", "--kernel_name=python3", str(path)]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [cell.outputs for cell in nbformat.read(path, as_version=4).cells]


def printed(outputs: Sequence[Any], name: str = "stdout") -> str:
    """Return what a cell has printed on one of its streams."""
    return "".join(
        output.text for output in outputs if output.output_type == "stream" and output.name == name
    )
