"""The options of `paramsurvey run`, declared for click and as a dataclass."""

from __future__ import annotations

from dataclasses import fields

import click

from paramsurvey.cli.control.limits import Timeout
from paramsurvey.cli.options.run_options import RunOptions
from paramsurvey.cli.subcommands.resume import resume
from paramsurvey.cli.subcommands.run import run


def names_of_options(command: click.Command) -> set[str | None]:
    return {option.name for option in command.params if isinstance(option, click.Option)}


def test_every_option_is_a_field() -> None:
    assert names_of_options(run) == {field.name for field in fields(RunOptions)}


def test_without_arguments_each_field_has_the_default_of_its_option() -> None:
    parsed = run.make_context("run", []).params
    parsed.pop("words")
    assert RunOptions(**parsed) == RunOptions()


def test_what_resume_takes_run_takes_too() -> None:
    assert names_of_options(resume) <= names_of_options(run)


def test_only_what_was_given_goes_to_the_session_and_the_map() -> None:
    options = RunOptions(ncores=2, timeout=Timeout(5.0), limit=0, keep_failed=True, output=("r.csv",))
    assert options.for_session() == {"ncores": 2}
    assert options.for_map() == {"timeout": 5.0, "limit": 0, "retry_failed": False}
