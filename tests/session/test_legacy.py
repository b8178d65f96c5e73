"""Names of release 0.4 that public programs use: they give what they gave, and say what to write instead."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import paramsurvey
from paramsurvey import utils
from paramsurvey.session.legacy import REPLACEMENTS


def double(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"b": pset["a"] * 2}


def test_a_name_of_0_4_warns_the_line_that_uses_it() -> None:
    with pytest.warns(DeprecationWarning, match=r"use paramsurvey\.backend\(\)") as caught:
        assert paramsurvey.our_backend is None
    assert caught[0].filename == __file__


@pytest.mark.parametrize("full", [name for name in REPLACEMENTS if name.startswith("paramsurvey.")])
def test_every_name_is_there_and_warns(full: str) -> None:
    module, _, name = full.rpartition(".")
    with pytest.warns(DeprecationWarning, match=f"^{full} .*will go in the next major release"):
        getattr(import_module(module), name)


@pytest.mark.parametrize("module", [paramsurvey, utils])
def test_other_names_are_as_unknown_as_ever(module: Any) -> None:
    with pytest.raises(AttributeError, match=r"module 'paramsurvey.*' has no attribute 'nonsense'"):
        _ = module.nonsense
    assert not hasattr(module, "__wrapped__")


def test_global_kwargs_tell_what_the_options_are_now() -> None:
    paramsurvey.init(backend="serial", verbose=0, limit=3)
    with pytest.warns(DeprecationWarning, match="global_kwargs"):
        kwargs = paramsurvey.global_kwargs
    assert kwargs["limit"] == {"env": "PARAMSURVEY_LIMIT", "default": None, "type": int, "value": 3}
    assert kwargs["carbon_port"] == {"default": None, "type": int, "value": None}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_wrapper_of_dicts_walks_through_any_table() -> None:
    frame = pd.DataFrame({"a": [1, 2], "_exception": ["x", "y"], "_traceback": ["", ""]})
    wrapped = utils.DFIterDictsWrapper(frame)
    assert [row["a"] for row in wrapped.iterdicts()] == [1, 2]
    assert list(wrapped.to_psets()) == ["a"]
    assert list(utils.DFListDictIter(frame[["a"]])) == [{"a": 1}, {"a": 2}]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pslogger_writes_to_the_log_and_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    log = io.StringIO()
    paramsurvey.init(backend="serial", verbose=0, pslogger_fd=log)
    paramsurvey.pslogger.log("read", 3, "files")
    paramsurvey.pslogger.log("quietly", stderr=False)
    assert capsys.readouterr().err == "read 3 files\n"
    assert "read 3 files\nquietly\n" in log.getvalue()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_helpers_of_map_check_as_they_did() -> None:
    assert utils.psets_empty([])
    assert utils.psets_empty(None)
    assert not utils.psets_empty(pd.DataFrame({"a": [1]}))
    assert list(utils.psets_prep([{"a": 1}])) == ["a"]
    with pytest.raises(ValueError, match=r"'_pset_id' begins with '_', which is reserved for p.*: rename"):
        utils.psets_prep([{"_pset_id": 1}])
    assert len(utils.make_subdir_name(100, prefix="prefix")) == 8
    with pytest.raises(ValueError, match="greater than 0"):
        utils.make_subdir_name(0)


def test_raise_in_wrapper_fails_the_psets_that_ask_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    paramsurvey.init(backend="serial", verbose=0)
    psets = [{"a": a, "actually_raise": a == 1} for a in range(3)]
    with pytest.warns(DeprecationWarning, match="an exception in the worker function"):
        results = paramsurvey.map(double, psets, raise_in_wrapper=KeyError("here"))
    assert results.b.tolist() == [0, 4]
    assert results.missing["_exception"].tolist() == ["KeyError('here')"]
    assert "failures: 1" in capsys.readouterr().err


def test_without_it_nothing_of_this_is_loaded(in_tmp: Path) -> None:
    sys.modules.pop("paramsurvey.session.legacy", None)
    paramsurvey.init(backend="serial", verbose=0)
    paramsurvey.map(double, [{"a": 1}])
    assert "paramsurvey.session.legacy" not in sys.modules
