"""A damaged ``run.json`` says what was written, or that it is damaged, and never something else."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import paramsurvey
from paramsurvey.checkpoint.atomic_files import CHECKSUM, read_json, replace_json
from paramsurvey.checkpoint.run_json.run_file import RunUnreadable, history, read_run
from paramsurvey.checkpoint.same_program import Program
from paramsurvey.cli.checkpoints.run_state import describe, read_state
from paramsurvey.cli.checkpoints.saved_command import SavedCommand, load_command, save_command
from paramsurvey.cli.errors import BadUsage
from paramsurvey.errors import NotACheckpoint

FORMAT_1 = Path(__file__).parent / "fixtures" / "format-1"


@pytest.fixture(autouse=True)
def quiet_serial() -> None:
    paramsurvey.init(backend="serial", verbose=0)


def work(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["a"] == 3:
        raise ValueError("three")
    return {"b": pset["a"]}


PSETS = [{"a": a} for a in range(8)]


@pytest.fixture
def run_json(in_tmp: Path) -> Path:
    paramsurvey.map(work, PSETS, checkpoint="dir", name="digits", user_kwargs={"x": 1})
    return Path("dir/run.json")


def flipped(content: bytes, *bits: int) -> bytes:
    damaged = bytearray(content)
    for bit in bits:
        damaged[bit // 8 % len(damaged)] ^= 1 << bit % 8
    return bytes(damaged)


def all_values(run: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name != CHECKSUM}


def use(directory: Path) -> dict[str, Any]:
    """Do with a run.json what all its readers do."""
    run = read_run(directory)
    Program.from_json(run).difference(Program.of(work, {}))
    history(run)
    state = read_state(str(directory))
    json.dumps(state.to_json())
    describe(state)
    return run


# ---- one bit, and more of them


def test_a_run_json_with_a_flipped_bit_says_the_same_or_that_it_is_damaged(run_json: Path) -> None:
    content = run_json.read_bytes()
    values = all_values(read_run(Path("dir")))
    outcomes = {"the same": 0, "damaged": 0}
    for at in range(len(content)):
        run_json.write_bytes(flipped(content, 8 * at + at % 8))
        try:
            assert all_values(read_run(Path("dir"))) == values
            outcomes["the same"] += 1
        except RunUnreadable:
            outcomes["damaged"] += 1
    assert outcomes["damaged"] > len(content) / 2


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bits=st.lists(st.integers(0, 8 * 8192), min_size=1, max_size=6))
def test_a_run_json_of_format_1_that_is_damaged_raises_nothing_strange(bits: list[int], in_tmp: Path) -> None:
    directory = in_tmp / "old"
    if not directory.exists():
        shutil.copytree(FORMAT_1, directory)
    (directory / "run.json").write_bytes(flipped((FORMAT_1 / "run.json").read_bytes(), *bits))
    with suppress(NotACheckpoint):
        use(directory)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted(json.loads((FORMAT_1 / "run.json").read_text()))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(NAMES), value=VALUES, inner=st.text(max_size=3) | st.sampled_from(["hash", "total"])
)
def test_a_run_json_of_format_1_with_another_value_raises_nothing_strange(
    name: str, value: Any, inner: str, in_tmp: Path
) -> None:
    directory = in_tmp / "old"
    if not directory.exists():
        shutil.copytree(FORMAT_1, directory)
    run = json.loads((FORMAT_1 / "run.json").read_text())
    for changed in ({**run, name: value}, {**run, name: {**_dict(run[name]), inner: value}}):
        (directory / "run.json").write_text(json.dumps(changed))
        with suppress(NotACheckpoint):
            use(directory)


def _dict(thing: Any) -> dict[str, Any]:
    return thing if isinstance(thing, dict) else {}


@pytest.mark.parametrize("name", NAMES)
def test_a_run_json_of_format_1_that_lacks_something_raises_nothing_strange(in_tmp: Path, name: str) -> None:
    shutil.copytree(FORMAT_1, "old")
    run = json.loads(Path("old/run.json").read_text())
    del run[name]
    Path("old/run.json").write_text(json.dumps(run))
    with pytest.raises(RunUnreadable, match="damaged or gone"):
        use(Path("old"))


# ---- what the user sees


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"finished": 7', b'"finished": 5'),
        (b'"counts"', b'"cousts"'),
        (b'"name": "digits"', b'"name": "digiti"'),
        (b'"first_position": 0', b'"first_position": 4'),
        (b'"format": 2', b'"format": 3'),
        (b'"checksum"', b'"checksun"'),
    ],
)
def test_every_reader_says_that_it_is_damaged(
    run_json: Path, capfd: pytest.CaptureFixture[str], before: bytes, after: bytes
) -> None:
    content = run_json.read_bytes()
    assert before in content
    damaged = content.replace(before, after, 1)
    run_json.write_bytes(damaged)
    with pytest.raises(RunUnreadable, match="damaged or gone"):
        read_state("dir")
    with pytest.warns(UserWarning, match=r"run\.json of the checkpoint 'dir' is damaged"):
        loaded = paramsurvey.load("dir")
    assert (loaded.progress.total, loaded.progress.finished, loaded.progress.failures) == (8, 7, 1)
    results = paramsurvey.map(work, PSETS, checkpoint="dir", verbose=1)
    assert "it is now run.json.bad" in capfd.readouterr().err
    assert results.progress.resumed == 7
    assert Path("dir/run.json.bad").read_bytes() == damaged
    assert read_state("dir").status == "finished"


def test_a_damaged_run_json_of_a_run_that_has_stored_nothing_is_set_aside(in_tmp: Path) -> None:
    paramsurvey.map(work, [], checkpoint="dir")
    Path("dir/run.json").write_text("{}")
    assert len(paramsurvey.map(work, PSETS, checkpoint="dir")) == 7


def test_another_format_is_no_damage(run_json: Path) -> None:
    run = all_values(json.loads(run_json.read_text()))
    run_json.write_text(json.dumps({**run, "format": 3}))
    with pytest.raises(NotACheckpoint, match="the format 3"):
        read_run(Path("dir"))


# ---- files with a checksum


@pytest.mark.parametrize(
    "content", [{}, {"a": "\ud800"}, {"a": float("nan"), "ü": [1, {"b": None}], "p": Path("x")}]
)
def test_what_is_written_can_be_read_again(in_tmp: Path, content: dict[str, Any]) -> None:
    replace_json(Path("file"), content)
    read = read_json(Path("file"))
    assert read is not None
    assert read.keys() == {*content, CHECKSUM}


def test_a_saved_command_that_is_damaged_is_not_run(in_tmp: Path) -> None:
    command = SavedCommand(["-p", "a=1"], ["rm", "run-1", "\udcff"], ".", {"ok-codes": 0})
    save_command("out", command)
    assert load_command("out") == command
    path = Path("out/.command.json")
    path.write_bytes(path.read_bytes().replace(b"run-1", b"run-3"))
    with pytest.raises(BadUsage, match=r"is damaged.*run the same paramsurvey command again"):
        load_command("out")


@pytest.mark.parametrize("change", [{"options": "-p"}, {"command": [1]}, {"directory": None}, {"config": []}])
def test_a_saved_command_of_before_is_looked_at(in_tmp: Path, change: dict[str, Any]) -> None:
    saved = {"options": ["-p", "a=1"], "command": None, "directory": "."}
    Path("out").mkdir()
    Path("out/.command.json").write_text(json.dumps(saved))
    assert load_command("out") == SavedCommand(["-p", "a=1"], None, ".")
    Path("out/.command.json").write_text(json.dumps({**saved, **change}))
    with pytest.raises(BadUsage, match="is damaged"):
        load_command("out")
