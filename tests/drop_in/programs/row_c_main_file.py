"""Row C: the top level of a script with a guard runs in each worker, and its functions are found there."""

import ctypes
import decimal
import functools
import logging
import sys
import threading
import warnings

import numpy as np
import shown

import paramsurvey

rng = np.random.default_rng()
np.seterr(divide="raise")
decimal.getcontext().prec = 9
sys.setrecursionlimit(4321)
warnings.simplefilter("error", DeprecationWarning)
logging.getLogger("survey").setLevel(logging.DEBUG)
lock = threading.Lock()
libc = ctypes.CDLL(None)
calls = 0


@functools.lru_cache
def cached(number):
    return number + 1


@functools.singledispatch
def kind(value):
    return "thing"


@kind.register
def _(value: int):
    return "integer"


def helper(number):
    return number * 10


def worker(pset, system_kwargs, user_kwargs):
    global calls
    with lock:
        calls += 1
    try:
        np.ones(1) / np.zeros(1)
        divided = "in silence"
    except FloatingPointError as error:
        divided = str(error)
    try:
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        warned = "in silence"
    except DeprecationWarning as error:
        warned = str(error)
    return {
        "draw": float(rng.random()),
        "divided": divided,
        "warned": warned,
        "third": str(decimal.Decimal(1) / 3),
        "limit": sys.getrecursionlimit(),
        "level": logging.getLogger("survey").level,
        "cached": cached(pset["i"]) + (cached.cache_info().currsize > 0),
        "kind": kind(pset["i"]),
        "by_name": globals()["helper"](pset["i"]),
        "evaluated": eval("helper(2)"),
        "absolute": libc.abs(-5),
        "module": worker.__module__,
        "called": calls > 0,
    }


def main():
    paramsurvey.init(ncores=2, verbose=0)
    results = paramsurvey.map(worker, [{"i": i} for i in range(40)], verbose=0)
    shown.missing("missing", results.missing)
    shown.value("draws", results.draw.nunique())
    shown.table("results", results.drop(columns="draw"))


if __name__ == "__main__":
    main()
