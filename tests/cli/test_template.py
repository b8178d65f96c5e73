"""Commands with placeholders, and how a shell reads the values."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from paramsurvey.cli.command.template import Template
from paramsurvey.cli.errors import BadUsage


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{a}", "1"),
        ("--x={a}:{b}", "--x=1:{a} 'q' \n"),
        ("{{a}}", "{a}"),
        ("{{{a}}}", "{1}"),
        ('{"k": {a}}', '{"k": 1}'),
        ("{print $1}", "{print $1}"),
        ("{}", "{}"),
        ("{ a }", "{ a }"),
    ],
)
def test_templates(text: str, filled: str) -> None:
    assert Template((text,)).fill({"a": 1, "b": "{a} 'q' \n"}) == [filled]


def test_an_unknown_placeholder_is_named() -> None:
    with pytest.raises(BadUsage, match=r"\{kin\}.*did you mean 'kind'"):
        Template(("x", "{kin}")).check(["kind", "a"])


SECRET = "'$(touch pwned)' `touch pwned` \"; touch pwned #\n touch pwned"

SAFE = [
    "printf %s {a}",
    "echo 'it' \"is\" >/dev/null; printf %s {a} | cat",
    'printf %s "$(printf %s ok)" >/dev/null; printf %s $(true {a}) {a}',
    'x={a}; printf %s "$x"',
    "# don't\nprintf %s {a}",
    "echo a#b \\' >/dev/null; printf %s {a}",
    'x="5$ ${HOME%/*} $(date +%s)"; printf %s {a}',
    "true\\\n; printf %s {a}",
    "cat <<E >/dev/null; #'\nx\nE\nprintf %s x",
]

SAFE += [
    'printf %s "{a}"',
    "printf %s '{a}'",
    'printf %s "{a}" >/dev/null; printf %s\'\' "{a}"',
]

BARE = [  # only for values that need no quotes
    "echo `echo {a}`",
    "cat <<E\n{a}\nE",
    'echo "$(echo "{a}")"',
    'echo "`echo "{a}"`"',
    'echo "$(case x in x) echo "{a}";; esac)"',
    'echo "${x:-"{a}"}"',
    "echo $(( {a} ))",
    "echo {a} # {a}",
    'cat <<E\n"{a}" and {a}\nE',
]

NOWHERE = ["echo \\{a}", "echo ${a}", 'echo "x \\{a}"', 'echo "${a}"', "echo `echo \\{a}`"]


@pytest.mark.parametrize("text", SAFE)
def test_no_value_is_executed_by_a_shell(in_tmp: Path, text: str) -> None:
    template = Template((text,), shell=True)
    template.check(["a"])
    done = subprocess.run(template.fill({"a": SECRET}), capture_output=True, text=True)
    assert done.stdout == (SECRET if "{a}" in text else "x")
    assert done.stderr == ""
    assert os.listdir() == []


@pytest.mark.parametrize("text", BARE)
def test_where_nothing_can_be_quoted_only_values_stand_that_need_no_quotes(text: str) -> None:
    template = Template((text,), shell=True)
    template.check(["a"])
    template.check_values([{"a": 2}, {"a": "2.5e-3"}])
    printed = subprocess.run(template.fill({"a": 2}), capture_output=True, text=True).stdout
    assert "2" in printed
    with pytest.raises(
        BadUsage, match=r"--shell: \{a\} stands .* and its value '\$HOME' needs quotes: .*x=\{a\}"
    ):
        template.check_values([{"a": 2}, {"a": "$HOME"}])


@pytest.mark.parametrize("text", NOWHERE)
def test_a_placeholder_that_changes_its_meaning_there_is_refused(text: str) -> None:
    with pytest.raises(BadUsage, match=r"--shell: \{a\} follows a .*: put it into a variable"):
        Template((text,), shell=True).check(["a"])


@pytest.mark.parametrize(
    ("text", "value", "printed"),
    [
        ("echo {a}>&1", 2, "2\n"),
        ('echo "{a}+1" | cat', 2, "2+1\n"),
        ("awk 'BEGIN{{print {a}*2}}'", 2, "4\n"),
        ("{a} env | grep -c ^x=", "x=1", "0\n"),
    ],
)
def test_a_value_is_a_word_and_no_syntax(text: str, value: Any, printed: str) -> None:
    command = Template((text,), shell=True).fill({"a": value})
    assert subprocess.run(command, capture_output=True, text=True).stdout == printed
