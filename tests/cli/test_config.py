"""Configurations: `survey.toml` and `pyproject.toml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from paramsurvey.cli.errors import BadUsage
from paramsurvey.cli.options.config import load_config
from paramsurvey.cli.subcommands.run import run


def test_survey_toml_sets_defaults(in_tmp: Path) -> None:
    Path("survey.toml").write_text(
        'timeout = 5\nok-codes = [0, 3]\nmax_failures = 7\nparse = "json"\n'
        'command = "./sim \'a b\' {a}"\n[params]\na = [1, "x"]\nb = "0:1:0.5"\nc = 3\n'
    )
    assert load_config(run, None) == {
        "timeout": 5.0,
        "ok_codes": "0,3",
        "max_failures": 7,
        "parse": ["json"],
        "params_config": {"a": '[1, "x"]', "b": "0:1:0.5", "c": "[3]"},
        "command_config": ["./sim", "a b", "{a}"],
    }


def test_pyproject_is_found_above(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("pyproject.toml").write_text("[tool.paramsurvey]\nretries = 2\n[tool.other]\nx = 1\n")
    (in_tmp / "below").mkdir()
    monkeypatch.chdir("below")
    assert load_config(run, None)["retries"] == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("retires = 2", "no option 'retires'; did you mean 'retries'"),
        ("retries = 'x'", "retries: 'x' is not a whole number"),
        ("retries = [1, 2]", "wrong type"),
        ("shell = 1", "wrong type"),
        ("retries", "is not valid TOML"),
        ("command = 1", "command is neither"),
        ("params = 1", "params is not a table"),
        ("psets = 5", "psets: 5 is not a path"),
        ("parse = [[1]]", "wrong type"),
        ("command = 'echo \"{a}'", "my.toml: command = .* cannot be split into words"),
    ],
)
def test_wrong_configurations_are_refused(in_tmp: Path, text: str, says: str) -> None:
    Path("my.toml").write_text(text)
    with pytest.raises(BadUsage, match=says):
        load_config(run, "my.toml")


def test_a_pyproject_without_tables(in_tmp: Path) -> None:
    Path("pyproject.toml").write_text("tool = 3\n")
    with pytest.raises(BadUsage, match=r"pyproject.toml: tool.paramsurvey is not a table"):
        load_config(run, None)
