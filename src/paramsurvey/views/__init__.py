"""Views: what there is to see of a survey, as small tables and matrices.

Each view is a function from a `SurveyData` to a frozen dataclass of numpy arrays. It reads the columns
that it needs a chunk at a time and keeps sums and counts, never a list of rows. Plots, reports and
pages draw from these, and from nothing else.

===================  ===========================================================================
`slices`             two axes, and a reduction of a value over all the others
`cube`               what a page needs to slice by any two axes
`distribution`       histogram and quantiles of a column
`importance`         how much of a value's variance each axis, and each pair, explains
`cost`               the seconds by the values of each axis; the psets that took longest
`failures`           where psets fail, by cause
`timeline`           how busy each worker was
`blocks`             what each worker did, tiny psets together
`parallel`           parallel coordinates, binned
`provenance`         what is known of a run
`comparison`         two surveys, pset by pset
`columns`            what all of them read
===================  ===========================================================================
"""

from __future__ import annotations

from paramsurvey.views.blocks import Blocks, blocks_of
from paramsurvey.views.columns.frame import data_of
from paramsurvey.views.columns.survey_data import FAILING, SECONDS, SurveyData
from paramsurvey.views.comparison import Comparison, compare
from paramsurvey.views.cost import Cost, SlowPset, cost_of, slowest
from paramsurvey.views.cube import Cube, cube_of
from paramsurvey.views.distribution import Distribution, distribution_of
from paramsurvey.views.failures import Failures, failures_of
from paramsurvey.views.importance import Importance, importance_of
from paramsurvey.views.parallel import Parallel, parallel_of
from paramsurvey.views.provenance import Provenance, provenance_of
from paramsurvey.views.slices import Slice, slice_of
from paramsurvey.views.timeline import Timeline, measured_timeline, timeline_of

__all__ = [
    "FAILING",
    "SECONDS",
    "Blocks",
    "Comparison",
    "Cost",
    "Cube",
    "Distribution",
    "Failures",
    "Importance",
    "Parallel",
    "Provenance",
    "Slice",
    "SlowPset",
    "SurveyData",
    "Timeline",
    "blocks_of",
    "compare",
    "cost_of",
    "cube_of",
    "data_of",
    "distribution_of",
    "failures_of",
    "importance_of",
    "measured_timeline",
    "parallel_of",
    "provenance_of",
    "slice_of",
    "slowest",
    "timeline_of",
]
