"""A few psets as a list, which workers get with the job. They load this module, and it loads no numpy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paramsurvey.fast_dataclass import dataclass


@dataclass(frozen=True)
class ListedPsets:
    """Makes psets from row numbers: copies of those in a list, whose values nobody can change."""

    listed: tuple[dict[str, Any], ...]

    def isolated(self, payload: None) -> None:
        """Return None: there is no payload."""

    def pickled_bytes(self, payload: None) -> int:
        """Return 0: there is no payload."""
        return 0

    def psets(self, rows: Any, payload: object = None) -> Iterator[dict[str, Any]]:
        """Yield one dict for each of `rows`."""
        return (dict(self.listed[int(row)]) for row in rows)
