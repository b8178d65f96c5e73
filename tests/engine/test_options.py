"""Every option once: what it takes, where it may be given, and which value counts."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paramsurvey.engine.option_precedence import IN_WORDS, check_init, check_map, resolve
from paramsurvey.engine.options import DEFAULTS, OPTION_INFO, Options, OptionScope, table, variable
from paramsurvey.errors import OptionError, UnknownOption

BACKENDS = ("multiprocessing", "ray")


@pytest.mark.parametrize("name", OPTION_INFO)
def test_every_option_has_a_kind_a_sentence_and_a_default_that_it_takes(name: str) -> None:
    info = OPTION_INFO[name]
    assert info.kind
    assert info.doc.endswith(".")
    default = getattr(DEFAULTS, name)
    if default is not None:
        assert info.parse(default) == default


@pytest.mark.parametrize("name", [name for name, info in OPTION_INFO.items() if info.env])
def test_every_environment_variable_overrides_map_and_init(name: str) -> None:
    texts = {"backend": "serial", "capture_output": "log", "on_change": "error", "max_worker_memory": "2"}
    texts |= {"stop_signals": "SIGTERM", "checkpoint": "there", "retry_failed": "0", "store_user_kwargs": "1"}
    texts |= {"order": "longest", "isolate": "0", "view": "1"}
    text = texts.get(name, "2")
    given: dict[str, Any] = {name: OPTION_INFO[name].parse({"backend": "ray"}.get(name, text))}
    values = resolve({variable(name): text}, {}, given)
    assert getattr(values, name) == OPTION_INFO[name].parse(text)


def test_the_environment_then_map_then_init_then_the_default() -> None:
    environ = {"PARAMSURVEY_VERBOSE": "3"}
    assert resolve({}, {}).verbose == 1
    assert resolve({}, {"verbose": 0}).verbose == 0
    assert resolve({}, {"verbose": 0}, {"verbose": 2}).verbose == 2
    assert resolve(environ, {"verbose": 0}, {"verbose": 2}).verbose == 3


def test_none_counts_as_not_given() -> None:
    assert resolve({}, {"verbose": 2}, {"verbose": None}).verbose == 2
    assert resolve({}, {"verbose": None}).verbose == 1


@pytest.mark.parametrize(("name", "value"), [("limit", 3), ("carbon_server", "graphite")])
def test_none_in_map_undoes_what_init_was_given(name: str, value: Any) -> None:
    assert getattr(resolve({}, {name: value}, {name: None}), name) is None
    assert getattr(resolve({}, {name: value}, {}), name) == value
    assert resolve({"PARAMSURVEY_LIMIT": "2"}, {}, {"limit": None}).limit == 2


def test_none_as_the_prefix_of_the_log_turns_it_off() -> None:
    assert resolve({}, {"pslogger_prefix": None}).pslogger_prefix is None
    assert resolve({}, {}).pslogger_prefix == ".paramsurvey-"


def test_what_has_no_variable_is_not_read_from_the_environment() -> None:
    assert resolve({"PARAMSURVEY_CHDIR": "/"}, {}).chdir is None


def test_an_empty_variable_is_told_and_ignored() -> None:
    told: list[str] = []
    assert resolve({"PARAMSURVEY_LIMIT": ""}, {"limit": 5}, {}, told.append).limit == 5
    assert len(told) == 1
    assert "PARAMSURVEY_LIMIT is empty" in told[0]


def test_a_variable_that_is_not_there_is_not_told() -> None:
    resolve({}, {}, {}, pytest.fail)


GOOD: list[tuple[str, Any, Any]] = [
    ("ncores", -1, -1),
    ("ncores", "4", 4),
    ("ncores", np.int64(4), 4),
    ("ncores", 4.0, 4),
    ("limit", 0, None),
    ("limit", -3, None),
    ("limit", 3, 3),
    ("max_tasks_per_child", 0, None),
    ("max_failures", 0, None),
    ("out_subdirs", 0, None),
    ("out_subdirs", 10, 10),
    ("progress_dt", 0, 0.0),
    ("progress_dt", "0.5", 0.5),
    ("timeout", 3, 3.0),
    ("keep_results", False, False),
    ("keep_results", 0, False),
    ("keep_results", "no", False),
    ("chdir", Path("/tmp"), "/tmp"),
    ("pslogger_prefix", Path("logs") / "x-", str(Path("logs") / "x-")),
    ("retry_on", ValueError, (ValueError,)),
    ("retry_on", [ValueError, KeyError], (ValueError, KeyError)),
    ("system_kwargs", {"a": 1}, {"a": 1}),
    ("verbose", 7, 7),
]


@pytest.mark.parametrize(("name", "given", "expected"), GOOD, ids=lambda value: repr(value))
def test_values_that_are_taken(name: str, given: Any, expected: Any) -> None:
    assert getattr(resolve({}, {}, {name: given}), name) == expected


BAD: list[tuple[str, Any]] = [
    ("ncores", "many"),
    ("ncores", 1.5),
    ("ncores", float("nan")),
    ("ncores", float("inf")),
    ("ncores", [1]),
    ("verbose", -1),
    ("limit", "1.5"),
    ("group_size", 0),
    ("group_size", -1),
    ("timeout", 0),
    ("timeout", -1),
    ("timeout", float("nan")),
    ("progress_dt", float("nan")),
    ("progress_dt", -0.5),
    ("out_subdirs", -1),
    ("name", 3),
    ("name", b"x"),
    ("out_func", "print"),
    ("chdir", 3),
    ("checkpoint", ""),
    ("checkpoint", b""),
    ("checkpoint", 3),
    ("keep_results", "perhaps"),
    ("keep_results", 2),
    ("system_kwargs", [("a", 1)]),
    ("system_kwargs", {1: 2}),
    ("retry_on", "ValueError"),
    ("retry_on", (ValueError, 3)),
    ("pslogger_fd", "file.log"),
    ("carbon_port", 0),
]


@pytest.mark.parametrize(("name", "given"), BAD, ids=lambda value: repr(value))
def test_values_that_are_refused_by_name_and_shown(name: str, given: Any) -> None:
    with pytest.raises(OptionError) as caught:
        resolve({}, {}, {name: given})
    message = str(caught.value)
    assert message.startswith(f"{name}= has the value {given!r}")
    assert message.endswith(f"{name} takes {IN_WORDS.get(OPTION_INFO[name].kind, OPTION_INFO[name].kind)}")


def test_an_empty_text_is_no_directory_for_a_checkpoint_but_a_dot_is() -> None:
    with pytest.raises(OptionError, match=r"which is empty \(give a directory, '\.' for the current one\)"):
        resolve({}, {}, {"checkpoint": ""})
    assert resolve({}, {}, {"checkpoint": "."}).checkpoint == "."
    assert resolve({"PARAMSURVEY_CHECKPOINT": ""}, {}).checkpoint is None


@pytest.mark.parametrize("name", ["checkpoint", "metrics_file", "pslogger_prefix", "chdir"])
@pytest.mark.parametrize("given", ["a\0b", "a\ud800b", Path("a\0b")], ids=ascii)
def test_a_text_that_no_file_can_be_called_is_refused_with_what_to_leave_out(name: str, given: Any) -> None:
    with pytest.raises(OptionError, match=r"not a valid file name \(leave out the character"):
        resolve({}, {}, {name: given})


def test_a_variable_that_is_refused_is_named_and_shown() -> None:
    with pytest.raises(ValueError, match=r"^PARAMSURVEY_VERBOSE has the value 'None'.*takes a whole number$"):
        resolve({"PARAMSURVEY_VERBOSE": "None"}, {})


def test_a_mapping_of_the_caller_is_copied() -> None:
    mine = {"a": 1}
    found = resolve({}, {}, {"system_kwargs": mine}).system_kwargs
    assert found == mine
    assert found is not mine


def test_init_and_map_each_take_their_own_and_those_of_both() -> None:
    for name, info in OPTION_INFO.items():
        if info.scope != OptionScope.MAP:
            check_init({name: None}, BACKENDS)
        if info.scope != OptionScope.INIT:
            check_map({name: None}, BACKENDS)
    check_init({"ray": {"address": "auto"}}, BACKENDS)
    check_map({"ray": {}}, BACKENDS)
    check_map({"ray": None}, BACKENDS)


@pytest.mark.parametrize("check", [check_init, check_map])
def test_an_unknown_name_is_refused_with_the_nearest_one(check: Any) -> None:
    with pytest.raises(UnknownOption, match="no option 'verbos'; did you mean 'verbose'"):
        check({"verbos": 1}, BACKENDS)


def test_the_nearest_one_is_one_that_may_be_given_there() -> None:
    with pytest.raises(UnknownOption) as caught:
        check_map({"n_cores": 1}, BACKENDS)
    assert "'ncores'" not in str(caught.value)


@pytest.mark.parametrize("given", [3, [1], {1: 2}], ids=repr)
def test_options_of_a_backend_must_be_a_dict_with_strings_as_keys(given: Any) -> None:
    with pytest.raises(OptionError, match="ray"):
        check_map({"ray": given}, BACKENDS)


def test_the_table_has_a_row_for_every_option() -> None:
    rows = table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [one.name for one in fields(Options)]
    assert all(row.count(" | ") == 5 for row in rows)


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("workers", r"give init\(\) ncores="),
        ("n_jobs", r"give init\(\) ncores="),
        ("processes", r"give init\(\) ncores="),
        ("chunksize", r"give map\(\) group_size="),
        ("resume", "checkpoint="),
        ("seed", r"params\.add_seed"),
        ("cores", r"give init\(\) ncores="),
        ("on_error", r"results\.missing"),
    ],
)
def test_a_word_of_another_library_is_answered_with_ours(word: str, ours: str) -> None:
    for check in (check_init, check_map):
        with pytest.raises(UnknownOption, match=f"has no option '{word}': .*{ours}"):
            check({word: 2}, BACKENDS)


def test_a_misspelled_option_of_the_other_function_is_recognized() -> None:
    with pytest.raises(UnknownOption, match=r"did you mean checkpoint=, which is an option of map\(\)\?"):
        check_init({"checkpoints": "out"}, BACKENDS)
    with pytest.raises(UnknownOption, match=r"did you mean ncores=, which is an option of init\(\)\?"):
        check_map({"ncore": 2}, BACKENDS)
