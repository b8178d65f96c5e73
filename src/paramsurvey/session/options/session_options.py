"""The options of a session: as they were given, and their values with those of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from paramsurvey.backends import registry as backends
from paramsurvey.engine.option_precedence import check_init, check_map, resolve
from paramsurvey.engine.options import Options
from paramsurvey.reporting.console import warn
from paramsurvey.session.options.pool_options import replace_pool_options

BACKEND_OPTIONS = (
    "backend",
    "ncores",
    "max_tasks_per_child",
    "isolate",
    "start_timeout",
    "threads_per_worker",
)
LOG_OPTIONS = ("pslogger_prefix", "pslogger_fd")


class SessionOptions:
    """The options that a session was given, checked. It never changes.

    Parameters
    ----------
    given : mapping
        The keyword arguments of `init` or `Session`.

    Attributes
    ----------
    values : Options
        The values for a map that is not given its own.

    Raises
    ------
    OptionError
        A ValueError that names what is wrong.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        check_init(given, backends.keywords(given))
        self._given = replace_pool_options(given)
        self.values = self._resolved({})

    def for_map(self, given: Mapping[str, Any]) -> Options:
        """Return the options of a map that is given these keyword arguments."""
        check_map(given, backends.keywords(given))
        return self._resolved(given)

    def for_backend(self) -> Mapping[str, Any]:
        """Return what was given as ``<backend name>={...}``."""
        return self._given.get(backends.name_of(self.values.backend)) or {}

    def needs_another_log(self, before: SessionOptions) -> bool:
        """Tell whether the log that was opened with the options `before` can no longer be used."""
        return self._differ(before, LOG_OPTIONS)

    def needs_another_backend(self, before: SessionOptions) -> bool:
        """Tell whether the workers that were started with the options `before` can no longer be used."""
        return self._differ(before, BACKEND_OPTIONS) or self.for_backend() != before.for_backend()

    def _differ(self, before: SessionOptions, names: Sequence[str]) -> bool:
        return any(getattr(before.values, name) != getattr(self.values, name) for name in names)

    def _resolved(self, for_map: Mapping[str, Any]) -> Options:
        warnings: list[str] = []
        options = resolve(os.environ, self._given, for_map, warnings.append)
        backends.name_of(options.backend)  # refuses what is not a backend, before anything is started
        for text in warnings if options.verbose > 0 else []:
            warn(text)
        return options
