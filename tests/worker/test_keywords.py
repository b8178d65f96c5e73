"""Ordinary functions, called with the psets' keys: `paramsurvey.keywords`."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

import paramsurvey
from paramsurvey import Session, keywords, params
from paramsurvey.errors import WorkerFunctionError
from paramsurvey.worker.keywords import columns_of


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(backend="serial", verbose=0, pslogger_prefix=None) as session:
        yield session


def area(width: float, height: float = 2) -> float:
    return width * height


@dataclass
class Fit:
    slope: float
    name: str


class Peak(NamedTuple):
    at: int
    height: float


def test_a_function_gets_the_keys_of_each_pset_as_keywords(session: Session) -> None:
    results = session.map(keywords(area), params.grid(width=[1, 2], height=[3, 4]))
    assert results.result.tolist() == [3, 4, 6, 8]
    assert list(results.columns) == ["width", "height", "result"]


def test_a_key_that_no_pset_has_keeps_its_default(session: Session) -> None:
    assert session.map(keywords(area), [{"width": 3}]).result.tolist() == [6]


def test_a_decorated_function_can_still_be_called(session: Session) -> None:
    @keywords
    def double(x: int) -> int:
        """Twice."""
        return 2 * x

    assert double(4) == double(x=4) == 8
    assert (double.__name__, double.__doc__) == ("double", "Twice.")
    assert session.map(double, [{"x": 5}]).result.tolist() == [10]


def test_the_result_has_the_name_that_is_given(session: Session) -> None:
    @keywords(result="loss")
    def train(rate: float) -> float:
        return rate**2

    assert session.map(train, [{"rate": 3}]).loss.tolist() == [9]
    assert session.map(keywords(train, result="error"), [{"rate": 3}]).error.tolist() == [9]


def test_a_key_may_be_called_self(session: Session) -> None:
    def add(self: int, function: int, pset: int) -> int:
        return self + function + pset

    psets = [{"self": 1, "function": 2, "pset": 3}]
    assert session.map(keywords(add), psets).result.tolist() == [6]
    assert keywords(add)(**psets[0]) == 6


class Model:
    """A callable object whose attributes are called as those of the wrapper."""

    def __init__(self, result: int) -> None:
        self.result = result
        self.__name__ = "model"

    def __call__(self, x: int) -> int:
        return x * self.result


@pytest.mark.parametrize(
    ("function", "psets", "expected"),
    [
        (Model(3), [{"x": 2}], 6),
        (int, [{}], 0),
        (complex, [{"real": 1, "imag": 2}], 1 + 2j),
    ],
    ids=["an object", "int", "complex"],
)
def test_of_objects_and_classes_only_the_call_travels(function: Any, psets: Any, expected: Any) -> None:
    with Session(ncores=1, verbose=0, pslogger_prefix=None) as session:
        assert session.map(keywords(function), [{**psets[0]}]).result.tolist() == [expected]
    assert set(vars(keywords(function))) <= {"result", "__wrapped__", "__module__", "__name__", "__doc__"} | {
        "__qualname__"
    }


def test_a_value_never_replaces_a_parameter_of_its_name(session: Session) -> None:
    def double(result: int) -> int:
        return 2 * result

    missing = session.map(keywords(double), [{"result": 1}]).missing
    assert "name its column: keywords(double, result='...')" in missing._exception[0]
    assert session.map(keywords(double, result="doubled"), [{"result": 1}]).doubled.tolist() == [2]


def test_a_parameters_name_for_the_result_is_refused_before_any_work(session: Session) -> None:
    with pytest.raises(WorkerFunctionError, match="result='width' is a key of the psets"):
        session.map(keywords(area, result="width"), [{"width": 3}])


def test_a_dict_may_replace_a_parameter_as_that_of_any_worker_function(session: Session) -> None:
    def clipped(result: int) -> dict[str, int]:
        return {"result": min(result, 5)}

    assert session.map(keywords(clipped), [{"result": 9}]).result.tolist() == [5]


@pytest.mark.parametrize("name", ["", "two words", "_hidden", 3])
def test_a_name_that_no_column_can_have_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="name of a column"):
        keywords(area, result=name)


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        (None, None),
        (3, {"result": 3}),
        ("text", {"result": "text"}),
        (np.float64(2.5), {"result": 2.5}),
        ({"a": 1}, {"a": 1}),
        (Peak(3, 4.5), {"at": 3, "height": 4.5}),
        (Fit(1.5, "line"), {"slope": 1.5, "name": "line"}),
        ((1, 2), {"result": (1, 2)}),
        (Fit, {"result": Fit}),
    ],
)
def test_what_is_returned_becomes_columns(value: Any, columns: Any) -> None:
    assert columns_of(value, "result") == columns


def test_numbers_of_numpy_become_a_column_of_numbers(session: Session) -> None:
    results = session.map(keywords(lambda x: np.float32(x) / 2), [{"x": 1}, {"x": 2}])
    assert results.result.tolist() == [0.5, 1.0]
    assert results.result.dtype == float


def test_a_partial_carries_constants(session: Session) -> None:
    assert session.map(keywords(partial(area, height=5)), [{"width": 2}]).result.tolist() == [10]


def test_workers_share_the_memory_of_a_large_array_in_a_partial() -> None:
    def owns_memory(x: int, data: Any) -> bool:
        return bool(data.flags.owndata)

    with Session(ncores=1, verbose=0, pslogger_prefix=None) as session:
        results = session.map(keywords(partial(owns_memory, data=np.zeros(1 << 18))), [{"x": 1}])
    assert results.result.tolist() == [False]


def test_a_function_gets_what_worker_functions_get_where_it_has_the_parameters() -> None:
    def model(x: int, user_kwargs: Any, system_kwargs: Any, worker_state: Any) -> dict[str, Any]:
        return {"y": x * user_kwargs["scale"], "name": system_kwargs["name"], "state": worker_state}

    options: dict[str, Any] = {"backend": "serial", "verbose": 0, "pslogger_prefix": None}
    with Session(worker_init=lambda: "ready", **options) as session:
        results = session.map(keywords(model), [{"x": 2}], user_kwargs={"scale": 10}, name="fit")
    assert results[["y", "name", "state"]].to_dict("records") == [{"y": 20, "name": "fit", "state": "ready"}]


def test_any_key_goes_to_a_function_that_takes_any(session: Session) -> None:
    results = session.map(keywords(lambda **keys: sorted(keys)), [{"a": 1, "b": 2}])
    assert results.result.tolist() == [["a", "b"]]


def in_every_form(pset: dict[str, Any]) -> list[Any]:
    return [[pset], params.grid(**{key: [value] for key, value in pset.items()}), iter([pset])]


@pytest.mark.parametrize("form", [0, 1, 2], ids=["list", "space", "iterator"])
@pytest.mark.parametrize(
    ("pset", "message"),
    [
        ({"height": 1}, r"area\(.*\) needs 'width', which the psets do not have \(their keys are 'height'\)"),
        ({"width": 1, "depth": 2}, r"area\(.*\) has no parameter 'depth', which the psets have"),
        ({"width": 1, "heigth": 2}, r"\(did you mean 'height'\?\)"),
        ({"widht": 1}, "needs 'width', which the psets do not have, and does not take 'widht'"),
    ],
)
def test_keys_that_do_not_fit_are_refused_before_any_work(
    session: Session, form: int, pset: dict[str, Any], message: str
) -> None:
    with pytest.raises(WorkerFunctionError, match=message):
        session.map(keywords(area), in_every_form(pset)[form])
    assert session.last_results() is None


def test_the_first_pset_of_an_iterator_is_not_lost(session: Session) -> None:
    results = session.map(keywords(area), ({"width": width} for width in (1, 2, 3)))
    assert results.result.tolist() == [2, 4, 6]


@pytest.mark.parametrize("psets", [[], iter([])], ids=["list", "iterator"])
def test_where_there_is_no_pset_there_is_nothing_to_refuse(session: Session, psets: Any) -> None:
    assert len(session.map(keywords(area), psets)) == 0


def test_user_kwargs_that_would_not_arrive_are_refused(session: Session) -> None:
    with pytest.raises(WorkerFunctionError, match="user_kwargs= would not reach area"):
        session.map(keywords(area), [{"width": 1}], user_kwargs={"height": 3})


def test_a_state_that_nobody_makes_is_refused(session: Session) -> None:
    with pytest.raises(WorkerFunctionError, match=r"give init\(\) a worker_init"):
        session.map(keywords(lambda x, worker_state: x), [{"x": 1}])


async def is_async(*arguments: Any, **keys: Any) -> dict[str, Any]:
    return {}


def generates(*arguments: Any, **keys: Any) -> Iterator[dict[str, Any]]:
    yield {}


class Asynchronous:
    async def __call__(self, *arguments: Any, **keys: Any) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("function", [is_async, generates, partial(is_async, x=1), Asynchronous()])
@pytest.mark.parametrize("wrap", [lambda function: function, keywords], ids=["plain", "keywords"])
def test_a_function_that_is_not_called_at_once_is_refused_before_any_work(
    session: Session, wrap: Callable[[Any], Any], function: Any
) -> None:
    with pytest.raises(WorkerFunctionError, match=r"async|generator"):
        session.map(wrap(function), [{"x": 1}])


def test_parameters_without_names_are_refused() -> None:
    def model(x: int, /) -> int:
        return x

    with pytest.raises(WorkerFunctionError, match="takes 'x' by position only"):
        keywords(model)


@pytest.mark.parametrize("make", [is_async, generates, lambda: 3.0])
@pytest.mark.filterwarnings("error")
def test_what_is_no_result_is_the_psets_failure(session: Session, make: Callable[[], Any]) -> None:
    results = session.map(lambda *arguments: make(), [{"x": 1}])
    assert "must return a dict or None" in results.missing._exception[0]


def test_the_failure_of_a_function_with_the_psets_keys_says_what_its_arguments_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def total(x: int, y: int, z: int) -> int:
        return x + y + z

    with Session(backend="serial", pslogger_prefix=None) as session:
        results = session.map(total, params.grid(x=[1], y=[2], z=[3]))
    said = "total(pset, system_kwargs, user_kwargs), where pset is a dict"
    assert said in results.missing._traceback[0]
    assert "give paramsurvey.keywords(total)" in results.missing._traceback[0]
    assert said in capsys.readouterr().err


def test_a_function_of_two_arguments_is_told_of_keywords(session: Session) -> None:
    with pytest.raises(WorkerFunctionError, match=r"or give paramsurvey\.keywords"):
        session.map(area, [{"width": 1, "height": 2}])  # type: ignore[arg-type]  # that is the mistake


@pytest.mark.parametrize("make", [partial, lambda *a, **k: keywords(partial(*a, **k))])
def test_a_message_names_a_partial_without_all_that_it_carries(session: Session, make: Any) -> None:
    with pytest.raises(WorkerFunctionError) as raised:
        session.map(make(area, height=np.zeros((40, 40))), [{"length": 1}])
    assert " area(width" in str(raised.value) or str(raised.value).startswith("area(width")
    assert " at 0x" not in str(raised.value)
    assert len(str(raised.value)) < 500


def test_a_traceback_begins_in_the_users_code(session: Session) -> None:
    results = session.map(keywords(lambda x: 1 / x), [{"x": 0}])
    frames = [line for line in results.missing._traceback[0].splitlines() if line.startswith("  File")]
    assert len(frames) == 1
    assert __file__ in frames[0]


def test_a_decorated_function_of_a_module_is_pickled_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("models")
    exec("import paramsurvey\n@paramsurvey.keywords\ndef model(x): return x", vars(module))
    monkeypatch.setitem(sys.modules, "models", module)
    assert pickle.loads(pickle.dumps(module.model)) is module.model


def test_it_works_in_other_processes_and_in_loops(session: Session) -> None:
    @keywords
    def model(x: int) -> int:
        return x if x == 0 else model(x - 1)

    with Session(ncores=2, verbose=0, pslogger_prefix=None) as workers:
        assert workers.map(model, params.grid(x=range(5))).result.tolist() == [0] * 5
    rows = list(session.imap_unordered(model, ({"x": x} for x in range(3))))
    assert rows == [{"x": x, "result": 0} for x in range(3)]


def test_a_missing_pset_can_be_reproduced(session: Session) -> None:
    results = session.map(keywords(lambda x: 1 / x), [{"x": 0}])
    with pytest.raises(ZeroDivisionError):
        results.missing.reproduce(0)
    assert results.missing.reproduce(0, func=keywords(lambda x: x)) == {"result": 0}


def test_a_changed_function_or_constant_is_seen_by_the_checkpoint(session: Session, in_tmp: Any) -> None:
    def run(height: int) -> None:
        function = keywords(partial(area, height=height))
        session.map(function, [{"width": 1}], checkpoint="there", on_change="error")

    run(2)
    run(2)
    with pytest.raises(paramsurvey.errors.CheckpointChanged):
        run(3)
