"""Units of columns: those that the psets bring, and who shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import paramsurvey
from paramsurvey import MapResults
from paramsurvey.checkpoint.format.part_files import live_parts, read_part
from paramsurvey.checkpoint.format.part_table import PartTable, join_tables
from paramsurvey.results.report_subjects import checkpoint_subject


def double(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    return {"y": 2 * pset["x"]}


def survey(psets: Any, worker: Any = double, **options: Any) -> MapResults:
    paramsurvey.init(backend="serial", verbose=0)
    return paramsurvey.map(worker, psets, **options)


def test_units_of_a_dataframe_are_those_of_the_results_and_their_own() -> None:
    psets = pd.DataFrame({"x": [1.0, 2.0]})
    psets.attrs["units"] = {"x": "m"}
    results = survey(psets)
    results.units["y"] = "km"
    assert results.units == {"x": "m", "y": "km"}
    assert psets.attrs["units"] == {"x": "m"}


def test_results_without_keys_have_them_as_well() -> None:
    psets = pd.DataFrame({"x": [1.0, 2.0]})
    psets.attrs["units"] = {"x": "m"}
    assert survey(psets, lambda pset, system_kwargs, user_kwargs: {}).units == {"x": "m"}


@pytest.mark.parametrize("word", ["unit", "units"])
def test_units_of_arrow_fields(word: str) -> None:
    arrow = pytest.importorskip("pyarrow")
    schema = arrow.schema([arrow.field("x", arrow.float64(), metadata={word: "µm"}), ("z", arrow.int64())])
    assert survey(arrow.table({"x": [1.0, 2.0], "z": [1, 2]}, schema=schema)).units == {"x": "µm"}


def test_units_of_xarray_arrive_and_are_passed_on() -> None:
    xarray = pytest.importorskip("xarray")
    arrays = {"z": ("x", [3.0, 4.0], {"units": "K"})}
    results = survey(xarray.Dataset(arrays, coords={"x": ("x", [1.0, 2.0], {"units": "m"})}))
    results.units |= {"y": "km", "gone": "s"}
    found = results.to_xarray()
    assert {str(name): found[name].attrs.get("units") for name in found.variables} == {
        "x": "m",
        "y": "km",
        "z": "K",
    }


def test_what_is_no_mapping_is_no_units() -> None:
    psets = pd.DataFrame({"x": [1.0]})
    psets.attrs["units"] = "SI"
    assert survey(psets).units == {}


class Unit:
    """A unit as packages for them have it: an object that prints itself."""

    def __str__(self) -> str:
        return "km"


def test_units_that_are_objects_are_kept_as_texts_so_that_files_can_hold_them() -> None:
    psets = pd.DataFrame({"x": [1.0, 2.0]})
    psets.attrs["units"] = {"x": Unit()}
    results = survey(psets)
    assert results.units == {"x": "km"}
    results.to_parquet("results.parquet")
    results.units = {"y": Unit()}  # type: ignore[dict-item]
    assert results.units == {"y": "km"}
    results.to_parquet("results.parquet")


class Unprintable:
    """A unit that cannot be printed, nor compared."""

    def __str__(self) -> str:
        raise RuntimeError("no registry")

    __bool__ = __str__  # type: ignore[assignment]


def test_a_unit_that_cannot_be_printed_is_named_by_its_class_and_costs_nothing() -> None:
    psets = pd.DataFrame({"x": [1.0, 2.0]})
    psets.attrs["units"] = {"x": Unprintable(), Unprintable(): "m", "y": ""}
    results = survey(psets, checkpoint="run")
    assert results.units == {"x": "Unprintable", "Unprintable": "m", "y": ""}
    assert paramsurvey.load("run").units["x"] == "Unprintable"
    results.units = {"y": Unprintable()}  # type: ignore[dict-item]
    assert results.units == {"y": "Unprintable"}


def test_a_unit_of_xarray_that_cannot_be_printed_costs_nothing() -> None:
    xarray = pytest.importorskip("xarray")
    coords = {"x": ("x", [1.0, 2.0], {"units": Unprintable()})}
    assert survey(xarray.Dataset(coords=coords)).units == {"x": "Unprintable"}


def test_a_text_that_is_no_units_does_not_hide_those_of_arrow_fields() -> None:
    arrow = pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    frame.attrs["units"] = "SI"
    table = arrow.Table.from_pandas(frame)
    fields = [field.with_metadata({"unit": "m"}) for field in table.schema]
    table = table.cast(arrow.schema(fields, metadata=table.schema.metadata))
    assert survey(table).units == {"x": "m"}


# ---- in checkpoints


def psets_with_units() -> pd.DataFrame:
    psets = pd.DataFrame({"x": [1.0, 2.0, 3.0], "z": [1, 2, 3]})
    psets.attrs["units"] = {"x": "µm", "y": "km", "gone": Unit()}
    return psets


def all_but_the_first(pset: dict[str, Any], system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    if pset["z"] == 1:
        raise ValueError("fails")
    return double(pset, system_kwargs, user_kwargs)


KNOWN = {"x": "µm", "y": "km"}


def stored_units(directory: str = "run") -> dict[str, str]:
    """Return the units in a checkpoint, which all that read it must agree upon."""
    units = paramsurvey.load(directory).units
    assert checkpoint_subject(directory).data.units == units
    scanned = paramsurvey.scan(directory).to_table()
    assert survey(scanned.select(["x", "z"])).units == {"x": units["x"]}
    parts = live_parts(Path(directory) / "results")[0]
    assert PartTable(join_tables([read_part(part) for part in parts])).units == units
    return units


def test_a_checkpoint_has_the_units_that_the_psets_bring() -> None:
    survey(psets_with_units(), all_but_the_first, checkpoint="run")
    assert stored_units() == KNOWN


def test_units_outlast_resuming_without_them() -> None:
    survey(psets_with_units(), all_but_the_first, checkpoint="run")
    survey([{"x": float(z), "z": z} for z in range(1, 5)], all_but_the_first, checkpoint="run")
    assert stored_units() == KNOWN


def test_units_outlast_the_merging_of_files() -> None:
    survey(psets_with_units(), all_but_the_first, checkpoint="run")
    survey([{"x": 4.0, "z": 4}], all_but_the_first, checkpoint="run")
    parts = live_parts(Path("run/results"))[0]
    assert PartTable(join_tables([read_part(part) for part in parts])).units == KNOWN


def corrected() -> pd.DataFrame:
    psets = psets_with_units()
    psets.attrs["units"] |= {"x": "nm"}
    return psets


def test_a_unit_that_was_corrected_is_that_of_the_results_that_were_computed_last() -> None:
    survey(psets_with_units(), all_but_the_first, checkpoint="run")
    survey(
        corrected(), checkpoint="run", on_change="ignore"
    )  # only the first, whose part comes before the other
    assert stored_units() == KNOWN | {"x": "nm"}


def test_a_unit_that_was_corrected_is_not_stored_where_there_is_nothing_to_run() -> None:
    survey(psets_with_units(), checkpoint="run")
    assert survey(corrected(), checkpoint="run").units["x"] == "nm"
    assert stored_units() == KNOWN


def test_where_all_psets_fail_their_units_are_stored() -> None:
    survey(psets_with_units()[:1], all_but_the_first, checkpoint="run")
    assert paramsurvey.load("run").units["x"] == checkpoint_subject("run").data.units["x"] == "µm"


def test_a_checkpoint_without_units_is_read_as_before() -> None:
    survey([{"x": 1.0}], checkpoint="run")
    assert paramsurvey.load("run").units == checkpoint_subject("run").data.units == {}
