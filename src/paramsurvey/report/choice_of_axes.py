"""Which axes and which results the report shows, and in which order."""

from __future__ import annotations

from paramsurvey.fast_dataclass import dataclass
from paramsurvey.report.subject import Subject
from paramsurvey.views import FAILING, SECONDS, distribution_of, importance_of
from paramsurvey.views.distribution import Distribution
from paramsurvey.views.importance import Importance

MOST_VALUES = 6  # of the results: these have slices and importance
MOST_DISTRIBUTIONS = 16


@dataclass(frozen=True)
class ShownColumns:
    """The columns that several sections show.

    Attributes
    ----------
    distributions : list of Distribution
        Of the results.
    values : list of str
        The results that are numbers.
    importances : list of Importance
    """

    distributions: list[Distribution]
    values: list[str]
    importances: list[Importance]

    @property
    def axes(self) -> list[str]:
        """The axes that vary, the most important for the first value first."""
        return list(self.importances[0].to_frame().index) if self.importances else []


def shown_columns(subject: Subject) -> ShownColumns:
    """Choose the columns of a survey to show: results that are numbers and vary, and axes that vary."""
    data = subject.data
    found = [distribution_of(data, name) for name in data.results[:MOST_DISTRIBUTIONS]]
    values = [one.name for one in found if not one.labels and one.known and len(one.counts) > 1][:MOST_VALUES]
    failing = bool((data.states == 1).any())
    wanted = [*values, *([SECONDS] if data.has_seconds else []), *([FAILING] if failing else [])]
    return ShownColumns(found, values, [importance_of(data, name) for name in wanted or [FAILING]])
