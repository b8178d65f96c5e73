"""Every file of a checkpoint may be deleted, cut off or overwritten; whoever looks is told which one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import paramsurvey
from paramsurvey.checkpoint import gone_parts as module
from paramsurvey.checkpoint.gone_parts import gone_parts
from paramsurvey.checkpoint.locking.lock import Lock
from paramsurvey.checkpoint.part_set import PartSet
from paramsurvey.checkpoint.run_json.run_file import read_run
from paramsurvey.cli.checkpoints.run_state import describe, read_state
from paramsurvey.errors import ParamsurveyWarning
from paramsurvey.live_page.sections import Shown, computed
from paramsurvey.results.report_subjects import checkpoint_subject
from paramsurvey.results.tracing.checkpoint_trace import trace_of_checkpoint

RUN = Path("run")
FILES = ("results/00000001-", "results/00000002-", "failures/00000001-")


def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["a"] in (3, 6):
        raise ValueError("three, or six")
    return {"y": 2 * pset["a"]}


def survey(count: int = 8, path: Path = RUN, verbose: int = 0) -> Any:
    with paramsurvey.Session(backend="serial", verbose=verbose, pslogger_prefix=None) as session:
        return session.map(worker, [{"a": a} for a in range(count)], checkpoint=path, retry_failed=False)


@pytest.fixture(scope="module")
def several_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with several files of each kind."""
    path = tmp_path_factory.mktemp("several")
    for count in (2, 5, 8):
        survey(count, path / RUN)
    return path / RUN


@pytest.fixture(autouse=True)
def checkpoint(in_tmp: Path, several_runs: Path) -> None:
    """The same, for each test its own."""
    shutil.copytree(several_runs, RUN)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 4)


def the(beginning: str) -> Path:
    return next(RUN.glob(f"{beginning}*"))


def what_report_says() -> list[str]:
    return list(checkpoint_subject(RUN).complaints)


def what_page_says() -> list[str]:
    *_, shown = computed(RUN, str, Shown({}))
    return list(shown.complaints)


def what_status_says() -> list[str]:
    state = read_state(str(RUN))
    assert list(state.complaints) == state.to_json()["complaints"]
    assert any("run the same program again" in line for line in describe(state))
    return [line for line in describe(state) if line.strip() in state.complaints]


def what_trace_says() -> list[str]:
    return list(trace_of_checkpoint(RUN)[2])


def what_load_says() -> list[str]:
    with pytest.warns(ParamsurveyWarning) as told:
        paramsurvey.load(RUN)
    return [str(one.message) for one in told]


LOOKS = [what_report_says, what_page_says, what_status_says, what_trace_says, what_load_says]


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramsurvey.report.pictures.Pictures.draw", lambda *view, **size: "")


@pytest.mark.parametrize("damage", [Path.unlink, cut_off, overwrite], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("look", LOOKS)
def test_a_damaged_file_is_named(
    look: Callable[[], list[str]], file: str, damage: Callable[[Path], None]
) -> None:
    damage(the(file))
    said = look()
    assert len(said) == 1
    folder, number = file.split("/")
    assert f"run/{folder}" in said[0]
    assert number in said[0]


@pytest.mark.parametrize("kind", ["results", "failures"])
@pytest.mark.parametrize("look", LOOKS)
def test_a_whole_folder_that_is_gone_is_named(look: Callable[[], list[str]], kind: str) -> None:
    shutil.rmtree(RUN / kind)
    (said,) = look()
    assert f"files are gone from 'run/{kind}'" in said
    assert "hold 0;" in said


@pytest.mark.parametrize("damage", [Path.unlink, cut_off, overwrite], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("look", [what_report_says, what_page_says, what_trace_says, what_load_says])
def test_a_damaged_run_json_is_named_and_nothing_is_promised(
    look: Callable[[], list[str]], damage: Callable[[Path], None]
) -> None:
    damage(RUN / "run.json")
    (said,) = look()
    assert "the run.json of the checkpoint 'run' is damaged or gone" in said
    assert "whether these are all" in said


def test_the_last_file_has_no_successor_whose_number_tells_and_is_missed() -> None:
    max((RUN / "results").iterdir()).unlink()
    (said,) = gone_parts(RUN, read_run(RUN))
    assert "the checkpoint stored 6 results" in said
    assert "numbers" not in said


def test_a_checkpoint_that_is_whole_is_not_complained_of() -> None:
    assert gone_parts(RUN, read_run(RUN)) == []
    assert what_report_says() == []
    assert read_state(str(RUN)).complaints == []


@pytest.mark.parametrize("which", [min, max], ids=["the first", "the last, which leaves no gap"])
def test_what_is_gone_is_told_by_the_next_map_which_makes_it_whole(
    capsys: pytest.CaptureFixture[str], which: Callable[[Iterable[Path]], Path]
) -> None:
    which((RUN / "results").iterdir()).unlink()
    assert len(survey(verbose=1)) == 6
    assert "files are gone from" in capsys.readouterr().err
    assert what_report_says() == []


@pytest.mark.parametrize("kind", ["results", "failures"])
def test_a_file_that_was_set_aside_is_not_missed_after_the_survey_was_resumed(kind: str) -> None:
    overwrite(the(f"{kind}/00000001-"))
    survey()
    assert list((RUN / kind).glob("*.bad"))
    assert what_report_says() == []


def test_what_was_merged_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramsurvey.checkpoint.format.part_files.FAN_IN", 2)
    assert PartSet(RUN / "results").merge(lambda: True)
    assert what_report_says() == []


def test_while_a_run_goes_on_only_what_has_left_a_gap_is_missed() -> None:
    """Files that were just written may not be seen from another machine yet."""
    lock = Lock(RUN)
    try:
        max((RUN / "results").iterdir()).unlink()
        assert gone_parts(RUN, read_run(RUN)) == []
        the("results/00000001-").unlink()
        assert "files are gone" in gone_parts(RUN, read_run(RUN))[0]
    finally:
        lock.release()


def test_a_driver_that_has_just_begun_may_be_setting_files_aside() -> None:
    lock = Lock(RUN)
    try:
        the("results/00000001-").unlink()
        assert gone_parts(RUN, {**read_run(RUN), "pid": 1}) == []
    finally:
        lock.release()


def test_files_that_are_merged_while_they_are_counted_are_counted_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, look, seen = read_run(RUN), module.live_parts, []

    def in_between(directory: Path) -> Any:
        """The old files are gone from the first list, and the new one is not there yet."""
        seen.append(directory)
        return look(directory if len(seen) > 1 else RUN / "nothing")

    monkeypatch.setattr(module, "live_parts", in_between)
    assert gone_parts(RUN, run, kinds=["results"]) == []
    assert len(seen) == 2, "what is whole is not looked at again"


@pytest.mark.parametrize(("there", "more"), [(6, ""), (7, ", and 1 more")])
def test_five_gaps_are_named_and_the_others_counted(there: int, more: str) -> None:
    names = [f"{2 * number:08d}-{2 * number:08d}" for number in range(1, there)]
    said = module._loss_text(RUN, "results", 9, 5, names)
    for name in names[:5]:
        assert name in said
    assert all(name not in said for name in names[5:])
    assert f"{names[:5][-1]}{more});" in said


def test_other_files_are_not_missed() -> None:
    before = set(RUN.iterdir())
    (RUN / "live.json").write_text("{")
    (RUN / ".command.json").write_text("{")
    assert what_report_says() == []
    assert json.dumps(read_state(str(RUN)).to_json())
    assert before < set(RUN.iterdir())
