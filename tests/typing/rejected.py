# ruff: noqa: B018
"""What programs must not write: mypy and pyright complain of every line marked so, and of no other."""

from __future__ import annotations

from typing import Any

import paramsurvey
from paramsurvey import MapResults, Session, params
from paramsurvey.backends import Backend
from paramsurvey.errors import SurveyError
from paramsurvey.stats import record_wallclock

PSETS = [{"x": 1}]


def worker(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> dict[str, float]:
    return {"y": 1.0}


def of_two_arguments(pset: dict[str, Any], system_kwargs: dict[str, Any]) -> None: ...


def returns_a_number(pset: dict[str, Any], system_kwargs: dict[str, Any], user_kwargs: Any) -> float:
    return 1.0


def takes_a_number(pset: float, system_kwargs: dict[str, Any], user_kwargs: Any) -> None: ...


class HalfABackend:
    name = "half"

    def capacity(self) -> int:
        return 1


paramsurvey.map(worker)  # error
paramsurvey.map(3, PSETS)  # error
paramsurvey.map(of_two_arguments, PSETS)  # error
paramsurvey.map(returns_a_number, PSETS)  # error
paramsurvey.map(takes_a_number, PSETS)  # error
paramsurvey.map(lambda pset: {"y": 1}, PSETS)  # error
paramsurvey.map(worker, PSETS, of_two_arguments)  # error
paramsurvey.imap_unordered(returns_a_number, PSETS)  # error
results: dict[str, Any] = paramsurvey.map(worker, PSETS)  # error
sure: MapResults = paramsurvey.last_results()  # error
paramsurvey.init("serial")  # error
paramsurvey.init(bakend="ray")  # error
paramsurvey.init(backend=3)  # error
paramsurvey.init(timeout="abc")  # error
paramsurvey.init(checkpoint="there")  # error
paramsurvey.map(worker, PSETS, tiemout=3)  # error
paramsurvey.map(worker, PSETS, timeout="abc")  # error
paramsurvey.map(worker, PSETS, ncores=2)  # error
paramsurvey.map(worker, PSETS, on_change="eror")  # error
paramsurvey.imap_unordered(worker, PSETS, tiemout=3)  # error
Session(tiemout=3)  # error
Session(backend="serial").map(worker, PSETS, retries="many")  # error
paramsurvey.keywords(returns_a_number, reslut="y")  # error
paramsurvey.keywords(returns_a_number)(PSETS[0], {}, None, 4)  # error
paramsurvey.backend() + 1  # error
paramsurvey.load()  # error
paramsurvey.no_such_function()  # error
paramsurvey.map(worker, PSETS).progress.finnished  # error
paramsurvey.map(worker, PSETS).missing.to_pset()  # error
params.product({"x": [1]}, infer_categories=False)  # error
params.grid([1, 2, 3])  # error
record_wallclock()  # error
for row in paramsurvey.imap_unordered(worker, PSETS):
    row.y  # error
with Session(backend="serial") as session:
    session.mapp(worker, PSETS)  # error
    half: Backend = HalfABackend()  # error
try:
    paramsurvey.map(worker, PSETS)
except SurveyError as error:
    error.code  # error
