"""Parallel coordinates: each link counts every pset once."""

from __future__ import annotations

import numpy as np
import pytest
from survey_tables import random_table, survey

from paramsurvey.views import parallel_of


def test_each_link_is_the_table_of_two_columns() -> None:
    frame = random_table(200)
    found = parallel_of(survey(frame, ["n", "x", "t", "b"]), ["n", "t", "b"], "y")
    assert [axis.name for axis in found.axes] == ["n", "t", "b"]
    for link in found.links:
        names = [link.left.name, link.right.name]
        counts = frame.groupby(names)["y"].agg(["size", "mean"])
        for at, left in enumerate(link.left.values):
            for to, right in enumerate(link.right.values):
                assert link.psets[at, to] == counts["size"].get((left, right), 0)
                np.testing.assert_allclose(link.mean[at, to], counts["mean"].get((left, right), np.nan))
    assert found.links[0].to_frame()["psets"].sum() == 200


def test_axes_with_many_values_are_cut() -> None:
    found = parallel_of(survey(random_table(300), ["n"]), ["n", "y"], most=8)
    assert [len(axis) for axis in found.axes] == [5, 8]
    assert found.links[0].psets.sum() == 300
    assert np.isnan(found.links[0].mean).all()


def test_one_column_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two columns, but got 1: name another"):
        parallel_of(survey(random_table(5), ["n"]), ["n"])


def test_one_name_is_no_list_of_columns() -> None:
    with pytest.raises(TypeError, match=r"a list of columns, but got 'y' alone: .* value='y'"):
        parallel_of(survey(random_table(5), ["n"]), "y")
