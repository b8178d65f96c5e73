"""The report: one HTML file with all views of a survey, which needs nothing but a browser.

Its pictures are those of `results.plot`, its numbers those of `views`; every number can be read without
JavaScript, which only the slicer's form needs.
"""

from __future__ import annotations

from paramsurvey.report.page import page_of
from paramsurvey.report.subject import STATES, Subject

__all__ = ["STATES", "Subject", "page_of"]
