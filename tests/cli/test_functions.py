"""Python functions as workers."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from paramsurvey import keywords
from paramsurvey.cli.command.functions import as_worker, load_function
from paramsurvey.cli.errors import BadUsage


def test_a_function_is_called_by_name() -> None:
    def area(width: float, height: float = 2) -> float:
        return width * height

    worker = as_worker(area, ["width"])
    assert repr(worker) == "<keywords(area)>"
    assert worker(width=3) == 6
    with pytest.raises(BadUsage, match="needs 'width', which the psets do not have"):
        as_worker(area, ["length"])
    with pytest.raises(BadUsage, match="has no parameter 'depth'"):
        as_worker(area, ["width", "depth"])


def test_a_function_for_keywords_is_taken_as_it_is() -> None:
    @keywords(result="loss")
    def train(rate: float) -> float:
        return rate

    assert as_worker(train, ["rate"]) is train


def test_a_worker_function_is_taken_as_it_is() -> None:
    def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None: ...

    assert as_worker(worker, ["a", "b", "c"]) is worker


def test_a_mistake_in_one_of_three_names_is_no_worker_function() -> None:
    def model(x: float, y: float, z: float) -> float:
        return x + y + z

    assert repr(as_worker(model, ["x", "y", "z"])) == "<keywords(model)>"
    with pytest.raises(BadUsage, match="needs 'z', which the psets do not have, and does not take 'zz'"):
        as_worker(model, ["x", "y", "zz"])


# ---- files


@pytest.fixture
def own_path(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget at the end where modules were imported from."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})


@pytest.mark.usefixtures("own_path")
def test_the_function_of_a_file_is_found_wherever_the_file_is(in_tmp: Path) -> None:
    (in_tmp / "sub").mkdir()
    (in_tmp / "sub" / "my-shapes.py").write_text("def area(width):\n    return 2 * width\n")
    assert load_function("sub/my-shapes.py:area")(3) == 6


def test_a_file_that_does_not_exist_is_named(in_tmp: Path) -> None:
    with pytest.raises(BadUsage, match=r"there is no file sub/shapes\.py: correct its name"):
        load_function("sub/shapes.py:area")


@pytest.mark.usefixtures("own_path")
def test_a_file_with_the_name_of_another_module_is_to_be_renamed(in_tmp: Path) -> None:
    (in_tmp / "random.py").write_text("def area(width):\n    return 2 * width\n")
    with pytest.raises(BadUsage, match=r"random\.py .* another module 'random' \(.*\): rename the file"):
        load_function("random.py:area")


@pytest.mark.usefixtures("own_path")
def test_the_other_module_may_be_in_an_archive(in_tmp: Path) -> None:
    (in_tmp / "shapes.py").write_text("def area(width):\n    return 2 * width\n")
    with ZipFile("library.zip", "w") as archive:
        archive.writestr("shapes.py", "")
    sys.path.insert(0, "library.zip")
    importlib.import_module("shapes")
    with pytest.raises(BadUsage, match=r"another module 'shapes' \(.*library\.zip.*\): rename the file"):
        load_function("shapes.py:area")


# ---- names with dots

DOTTED = {"model__lr": "model.lr", "model__opt__name": "model.opt.name"}
COLUMNS = ["seed", *DOTTED]
PSET = {"seed": 1, "model__lr": 0.1, "model__opt__name": "adam"}
MODEL = {"lr": 0.1, "opt": {"name": "adam"}}


def test_names_with_dots_are_dicts_in_dicts() -> None:
    def train(model: Any, seed: int) -> dict[str, Any]:
        return {"model": model, "twice": 2 * seed}

    worker = as_worker(train, COLUMNS, DOTTED)
    assert worker(PSET, {}, None) == {"model": MODEL, "twice": 2}
    with pytest.raises(BadUsage, match="has no parameter 'model'"):
        as_worker(lambda seed: seed, COLUMNS, DOTTED)


def test_a_worker_function_gets_them_so_as_well() -> None:
    def worker(pset: Any, system_kwargs: Any, user_kwargs: Any) -> Any:
        return pset

    assert as_worker(worker, COLUMNS, DOTTED)(dict(PSET), {}, None) == {"seed": 1, "model": MODEL}
    assert as_worker(worker, ["seed"], {}) is worker


def test_a_function_that_has_the_columns_name_gets_the_value() -> None:
    def train(model__lr: float, model: Any, seed: int) -> list[Any]:
        return [model__lr, model, seed]

    worker = as_worker(train, COLUMNS, DOTTED)
    assert worker(PSET, {}, None) == {"result": [0.1, {"opt": {"name": "adam"}}, 1]}
    flat = as_worker(keywords(lambda model__lr: model__lr), ["model__lr"], {"model__lr": "model.lr"})
    assert flat(model__lr=3) == 3


def test_a_name_that_is_a_part_of_another_is_refused() -> None:
    with pytest.raises(BadUsage, match=r"'model' is a parameter, and 'model\.lr' is a part of it"):
        as_worker(lambda model: model, ["model", "model__lr"], {"model__lr": "model.lr"})
