"""Small helpers for workers and drivers: memory, command-line programs, lists of results."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from paramsurvey.transport.messages import Pset
from paramsurvey.worker.machine import peak_memory

GB = 2**30


def vmem() -> float:
    """Return the peak memory of this process so far, in GB (2**30 bytes).

    Call it in a worker to see what a pset needs, or in several places to find a leak.

    Returns
    -------
    float
        The peak resident set size, on Linux, macOS and Windows.

    Examples
    --------
    >>> vmem() > 0.001
    True
    """
    return peak_memory() / GB


def subprocess_run_worker(pset: Pset, system_kwargs: Mapping[str, Any], user_kwargs: Any) -> Pset:
    """Run a command-line program: a ready-made worker function for `paramsurvey.map`.

    Parameters
    ----------
    pset : dict
        ``run_args`` is the command, a list or a string, as `subprocess.run` takes it. ``run_kwargs`` is an
        optional dict of keyword arguments for `subprocess.run`.
    system_kwargs : dict
        Not used.
    user_kwargs : dict, optional
        Its ``run_kwargs`` are used for all psets that have none of their own.

    Returns
    -------
    dict
        ``cli``: the `subprocess.CompletedProcess`.

    Raises
    ------
    ValueError
        The pset has no ``run_args``.
    FileNotFoundError
        There is no such program.

    Examples
    --------
    >>> run_kwargs = {'stdout': subprocess.PIPE, 'encoding': 'utf-8'}
    >>> pset = {'run_args': ['echo', 'hello'], 'run_kwargs': run_kwargs}
    >>> subprocess_run_worker(pset, {}, None)['cli'].stdout
    'hello\\n'
    """
    command = _option(pset, "run_args")
    if command is None:
        raise ValueError("the pset has no command to run: give it a key 'run_args', a list or a string")
    run_kwargs = _option(pset, "run_kwargs") or _option(user_kwargs, "run_kwargs") or {}
    try:
        return {"cli": subprocess.run(command, **run_kwargs)}
    except FileNotFoundError as error:
        if _needs_a_shell(command, run_kwargs) and error.filename in (command, None):
            print(f"there is no program {command!r}: did you mean shell=True in run_kwargs?", file=sys.stderr)
        raise


def _option(options: Any, key: str) -> Any:
    """Return an option, or None if it is not given: a pset that lacks a key which others have gets NaN."""
    value = options.get(key) if isinstance(options, Mapping) else None
    return None if isinstance(value, float) else value


def _needs_a_shell(command: Any, run_kwargs: Mapping[str, Any]) -> bool:
    return isinstance(command, str) and " " in command and not run_kwargs.get("shell")


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module 'paramsurvey.utils' has no attribute {name!r}")
    from paramsurvey.session import legacy

    return legacy.find("paramsurvey.utils", name)


def flatten_results(results: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Merge each pset with its result: turn what an `out_func` has collected into a list of dicts.

    Parameters
    ----------
    results : iterable of dict
        What `out_func` gets as ``user_ret``: ``{'pset': dict, 'result': dict}``. A pset that failed has no
        ``result``, and is returned alone.

    Returns
    -------
    list of dict
        New dicts, in the same order.

    Raises
    ------
    ValueError
        A key is in both a pset and a result, so that one of its two values would be lost.

    Examples
    --------
    >>> flatten_results([{'pset': {'a': 1}, 'result': {'b': 2}}])
    [{'a': 1, 'b': 2}]
    """
    pairs = [(each.get("pset") or {}, each.get("result") or {}) for each in results]
    both = {key for pset, _ in pairs for key in pset} & {key for _, result in pairs for key in result}
    if both:
        names = ", ".join(sorted(map(repr, both)))
        raise ValueError(f"a pset and a result both have the key {names}: rename it in the worker's result")
    return [{**pset, **result} for pset, result in pairs]
