"""Handing finished psets to the caller: by calling out_func, or one by one, as imap_unordered yields them."""

from __future__ import annotations

import os
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from paramsurvey.engine.receivers import ResultReceiver
from paramsurvey.transport.messages import Failure, OutFunction, Pset
from paramsurvey.transport.safe_repr import describe
from paramsurvey.worker.forked_children import end_if_forked


class OutFuncCaller:
    """Calls ``out_func(user_ret, system_kwargs, user_kwargs)``; reports what it raises and goes on.

    Parameters
    ----------
    function : callable
    system_kwargs : dict
        Its second argument.
    user_kwargs : object
        The caller's own object.
    complain : callable
        Called with a line and the traceback for each exception.
    """

    def __init__(
        self,
        function: OutFunction,
        system_kwargs: dict[str, Any],
        user_kwargs: Any,
        complain: Callable[[str, str], None],
    ) -> None:
        self._function = function
        self._system_kwargs = system_kwargs
        self._user_kwargs = user_kwargs
        self._complain = complain
        self._owner = os.getpid()

    def finished(self, pset: Pset, result: Mapping[Any, Any]) -> bool:
        """Hand over a result; return False if out_func raised."""
        return self._call({"pset": pset, "result": result})

    def failed(self, pset: Pset, failure: Failure) -> bool:
        """Hand over a failure; return False if out_func raised."""
        return self._call({"pset": pset, "exception": failure.exception, "traceback": failure.traceback})

    def _call(self, user_ret: dict[str, Any]) -> bool:
        try:
            self._function(user_ret, self._system_kwargs, self._user_kwargs)
        except BaseException as error:
            end_if_forked(self._owner, error)
            if not isinstance(error, Exception):
                raise
            self._complain(f"out_func raised {describe(error)}", traceback.format_exc())
            return False
        end_if_forked(self._owner)
        return True


class ResultFeed:
    """Collects rows for a caller that takes them one by one.

    Parameters
    ----------
    ready : deque
        Gets one dict for each pset: its keys and the result's, or ``_exception`` and ``_traceback``.
    then : OutFuncCaller, optional
        Calls the user's out_func as well.
    """

    def __init__(self, ready: deque[dict[str, Any]], then: ResultReceiver | None) -> None:
        self._ready = ready
        self._then = then

    def finished(self, pset: Pset, result: Mapping[Any, Any]) -> bool:
        """Add a result."""
        self._ready.append({**pset, **result})
        return self._then is None or self._then.finished(pset, result)

    def failed(self, pset: Pset, failure: Failure) -> bool:
        """Add a failure."""
        self._ready.append({**pset, "_exception": failure.exception, "_traceback": failure.traceback})
        return self._then is None or self._then.failed(pset, failure)
