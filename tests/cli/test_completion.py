"""Completion by the Tab key, in real shells."""

from __future__ import annotations

import os
import pty
import select
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from terminals import CODE

PROGRAM = str(Path(sys.executable).with_name("paramsurvey"))
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "", "bash_source"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u; ", "zsh_source"),
}
DEADLINE = 60.0
TAB, CTRL_U = b"\t", b"\x15"  # the latter removes the line
READY = "are ready"
SAY_READY = b'echo "are" "ready"\n'  # typed, it has quotes; printed, it has none
in_each_shell = pytest.mark.parametrize(
    "name",
    [
        pytest.param(one, marks=pytest.mark.skipif(not shutil.which(one), reason=f"there is no {one}"))
        for one in SHELLS
    ],
)


class Shell:
    """A shell in a pseudo-terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def type(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    def read_until(self, text: str) -> None:
        raw, end = "", time.monotonic() + DEADLINE
        while text not in as_seen(raw):
            left = end - time.monotonic()
            assert left > 0, repr(raw)
            assert select.select([self._descriptor], [], [], left)[0], repr(raw)
            raw += os.read(self._descriptor, 65536).decode(errors="replace")

    def completes(self, typed: str, to: str) -> None:
        """Type a text and Tab: what is there then begins with the text that is expected."""
        self.type(typed.encode() + TAB)
        self.read_until(to)
        self.type(CTRL_U + SAY_READY)
        self.read_until(READY)


def as_seen(raw: str) -> str:
    """Return what a person sees: the cursor goes back, and overwrites."""
    return "\n".join(map(_line_as_seen, CODE.sub("", raw).split("\n")))


def _line_as_seen(raw: str) -> str:
    line: list[str] = []
    at = 0
    for character in raw:
        if character in "\b\r":
            at = 0 if character == "\r" else max(0, at - 1)
        elif character != "\a":
            line[at : at + 1] = [character]
            at += 1
    return "".join(line)


@contextmanager
def shell(name: str) -> Iterator[Shell]:
    words, before, kind = SHELLS[name]
    directory = os.path.dirname(PROGRAM)
    environment = {**os.environ, "TERM": "dumb", "PS1": "$ ", "PATH": f"{directory}:{os.environ['PATH']}"}
    child, descriptor = pty.fork()
    if child == 0:
        os.execvpe(words[0], words, environment)
    try:
        opened = Shell(descriptor)
        opened.type(f'{before}eval "$(_PARAMSURVEY_COMPLETE={kind} paramsurvey)"; '.encode() + SAY_READY)
        opened.read_until(READY)
        yield opened
    finally:
        os.close(descriptor)  # which hangs up the terminal, and ends the shell
        os.waitpid(child, 0)


@in_each_shell
def test_the_tab_key_completes_what_a_shell_takes_for_several_words(name: str) -> None:
    Path("data").mkdir()
    Path("data/deep one.txt").touch()
    Path("sweep.yaml").touch()
    Path("train.py").write_text("def fit(x): ...\ndef predict(x): ...\n")
    with shell(name) as opened:
        opened.completes("paramsurvey run -p f=@da", "f=@data/")
        opened.completes("paramsurvey run -p f=@data/d", "f=@data/deep\\ one.txt")
        opened.completes("paramsurvey run -p x=1 tra", "train:")
        opened.completes("paramsurvey run -p x=1 train:f", "train:fit")
        opened.completes("paramsurvey run --sweep sw", "sweep.yaml")
        opened.completes("paramsurvey run -p x=1 --met", "--method")
        opened.completes("paramsurvey run -p x=1 --method so", "sobol")
        opened.completes("paramsurvey run -p x=@data/x -- cat data/de", "data/deep\\ one.txt")


@in_each_shell
def test_a_word_goes_on_behind_a_directory_and_a_module_without_a_space(name: str) -> None:
    Path("data").mkdir()
    Path("data/stars.txt").touch()
    Path("train.py").write_text("def fit(x): ...\n")
    with shell(name) as opened:
        opened.completes("paramsurvey run -p f=@da\t", "f=@data/stars.txt")
        opened.completes("paramsurvey run -p x=1 tra\tf", "train:fit")


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_bash_completes_within_quotes() -> None:
    Path("data").mkdir()
    Path("data/stars.txt").touch()
    with shell("bash") as opened:
        opened.completes("paramsurvey run -p 'f=@data/st", "'f=@data/stars.txt'")


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_bash_keeps_what_its_user_has_taken_out_of_what_ends_a_word_and_takes_no_name_for_a_pattern() -> None:
    Path("data").mkdir()
    Path("data/st[a]r.txt").touch()
    settings = "shopt -s failglob; COMP_WORDBREAKS=${COMP_WORDBREAKS//[=@]/}; "
    with shell("bash") as opened:
        opened.type(settings.encode() + SAY_READY)
        opened.read_until(READY)
        opened.completes("paramsurvey run -p f=@data/s", "f=@data/st\\[a\\]r.txt")
        opened.completes("paramsurvey run --method=so", "--method=sobol")
