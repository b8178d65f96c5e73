"""Metrics for Prometheus: what a real scrape finds, what the file holds, and that trouble costs no result."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import paramsurvey
from conftest import wait_until
from paramsurvey.engine.option_precedence import resolve
from paramsurvey.engine.progress import MapProgress
from paramsurvey.errors import DirectoryMissing, OptionError, PackageMissing
from paramsurvey.reporting.reporters import carbon
from paramsurvey.reporting.snapshot import Snapshot
from paramsurvey.stats import PerfStats
from paramsurvey.transport.messages import FailureKind

prometheus_client = pytest.importorskip("prometheus_client")
from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

from paramsurvey.reporting.reporters.prometheus.metrics import BOUNDS, KINDS  # noqa: E402
from paramsurvey.reporting.reporters.prometheus.reporter import PrometheusReporter  # noqa: E402
from paramsurvey.reporting.reporters.prometheus.textfile import write_metrics  # noqa: E402

DASHBOARD = Path(__file__).parents[2] / "docs" / "how-to" / "grafana-dashboard.json"
MOST_SERIES = 200

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(text: str) -> Series:
    """Return every series of a scrape, by name and labels, as Prometheus reads it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float:
    return series[f"paramsurvey_{name}", tuple(sorted({"map": "fit", **labels}.items()))]


def get(port: int, host: str = "127.0.0.1") -> str:
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Seen:
    """A monitor that has seen something."""

    def __init__(self) -> None:
        self.snapshot = Snapshot(
            per_second=2.5, seconds_left=(10.0, 20.0), running=3, workers=4, failures={FailureKind.RAISED: 2}
        )

    def look(self) -> Snapshot:
        return self.snapshot


def reporter(notes: list[str], port: int | None = None, path: str | None = None) -> PrometheusReporter:
    stats = PerfStats()
    stats.add("fit_wallclock", np.array([0.02, 0.2, 0.2, 50.0]))
    stats.peak_memory = 1000
    address = None if port is None else ("127.0.0.1", port)
    return PrometheusReporter("fit", address, path, Seen(), stats, notes.append)


PROGRESS = MapProgress("fit", total=9, active=3, finished=4, failures=3, exceptions=2, retried=1, resumed=1)


def test_a_scrape_has_the_counters_the_gauges_and_a_histogram(nothing_left: None) -> None:
    notes: list[str] = []
    port = free_port()
    one = reporter(notes, port)
    one.report(PROGRESS, final=False)
    found = scraped(get(port))
    assert value(found, "psets") == 9
    assert value(found, "psets_finished_total") == 4
    assert value(found, "psets_failed_total", kind="raised") == 2
    assert value(found, "psets_failed_total", kind="earlier run") == 1, "nobody told of it in this run"
    assert value(found, "psets_retried_total") == 1
    assert value(found, "psets_resumed") == 1
    assert value(found, "psets_active") == 3
    assert value(found, "psets_running") == 3
    assert value(found, "workers") == 4
    assert value(found, "psets_per_second") == 2.5
    assert [value(found, "eta_seconds", bound=bound) for bound in ("low", "high")] == [10, 20]
    assert value(found, "exceptions_total") == 2
    assert value(found, "worker_peak_memory_bytes") == 1000
    assert value(found, "pset_seconds_count") == 4
    assert value(found, "pset_seconds_sum") == pytest.approx(50.42)
    buckets = {
        le: value(found, "pset_seconds_bucket", le=le) for le in ("0.01", "0.1", "1.0", "100.0", "+Inf")
    }
    assert list(buckets.values()) == [0, 1, 3, 4, 4]
    one.close()
    with pytest.raises(urllib.error.URLError):
        get(port)
    assert notes == []


def test_at_the_end_there_is_no_rate_any_more_and_no_time_left(tmp_path: Path) -> None:
    one = reporter([], path=str(tmp_path / "fit.prom"))
    one.report(PROGRESS, final=True)
    one.close()
    found = scraped((tmp_path / "fit.prom").read_text())
    assert value(found, "psets_per_second") == 0
    assert [value(found, "eta_seconds", bound=bound) for bound in ("low", "high")] == [0, 0]
    assert value(found, "psets_finished_total") == 4


def scrape_until_one_has_finished(pset: Any, system_kwargs: Any, user_kwargs: Any) -> dict[str, Any]:
    """Scrape the driver, from a worker, until it tells that another pset has finished."""
    if pset["secret"] == 0:
        return {"text": ""}
    found: list[str] = []

    def arrived() -> bool:
        found[:] = [get(user_kwargs)]
        return 'paramsurvey_psets_finished_total{map="fit"} 1.0' in found[0]

    wait_until(arrived, "no scrape tells of the pset that has finished")
    if pset["secret"] == 2:
        raise ValueError("no")
    return {"text": found[0]}


def test_a_survey_is_scraped_while_it_runs(nothing_left: None) -> None:
    port = free_port()
    paramsurvey.init(backend="multiprocessing", ncores=1, verbose=0)
    psets = [{"secret": i, "kind": "hidden"} for i in range(3)]
    results = paramsurvey.map(
        scrape_until_one_has_finished,
        psets,
        user_kwargs=port,
        name="fit",
        group_size=1,
        metrics_port=port,
        metrics_file="fit.prom",
    )
    paramsurvey.finalize()
    text = results["text"][1]
    found = scraped(text)
    assert value(found, "psets") == 3
    assert value(found, "psets_running") <= 1
    assert value(found, "workers") == 1
    assert len(found) <= MOST_SERIES
    assert "secret" not in text
    assert "hidden" not in text
    end = scraped(Path("fit.prom").read_text())
    assert value(end, "psets_finished_total") == 2
    assert value(end, "psets_failed_total", kind="raised") == 1
    assert value(end, "psets_active") == 0
    assert value(end, "pset_seconds_count") == 3


def test_what_was_not_run_is_counted_at_the_end(nothing_left: None) -> None:
    paramsurvey.init(backend="serial", verbose=0)

    def fail(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        raise ValueError("no")

    psets = [{"i": i} for i in range(9)]
    results = paramsurvey.map(
        fail, psets, name="fit", max_failures=2, group_size=1, metrics_file="fit.prom", checkpoint="run"
    )
    found = scraped(Path("fit.prom").read_text())
    kinds = {kind: value(found, "psets_failed_total", kind=kind) for kind in KINDS}
    assert kinds["raised"] == (results.missing.kinds() == "raised").sum()
    assert kinds["not run"] == (results.missing.kinds() == "not run").sum()
    assert sum(kinds.values()) == 9
    again = {"name": "fit", "retry_failed": False, "checkpoint": "run", "metrics_file": "fit.prom"}
    paramsurvey.map(lambda pset, system_kwargs, user_kwargs: None, psets, **again)
    found = scraped(Path("fit.prom").read_text())
    assert value(found, "psets_failed_total", kind="earlier run") == kinds["raised"]


def test_the_series_are_as_many_for_any_survey(nothing_left: None) -> None:
    name = 'x"\n\x1b[31m' + "y" * 10_000
    one = PrometheusReporter(name, None, "fit.prom", Seen(), PerfStats(), pytest.fail)
    one.report(MapProgress(name, total=10**9), final=True)
    one.close()
    text = Path("fit.prom").read_text()
    found = scraped(text)
    assert len(found) == 22 + len(BOUNDS) + 3
    assert len(found) <= MOST_SERIES
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) < 1000


# ---- the file


def test_the_file_is_there_whole_and_others_may_read_it(nothing_left: None) -> None:
    notes: list[str] = []
    one = reporter(notes, path="fit.prom")
    one.report(PROGRESS, final=True)
    one.close()
    assert value(scraped(Path("fit.prom").read_text()), "psets") == 9
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(Path("fit.prom").stat().st_mode) == 0o666 & ~umask
    assert [path.name for path in Path().iterdir()] == ["fit.prom"]


def test_a_link_is_replaced_and_not_followed(in_tmp: Path) -> None:
    Path("precious").write_text("mine")
    Path("fit.prom").symlink_to("precious")
    write_metrics("fit.prom", b"x 1\n")
    assert Path("precious").read_text() == "mine"
    assert Path("fit.prom").read_bytes() == b"x 1\n"


def test_a_file_that_cannot_be_written_costs_one_note(nothing_left: None) -> None:
    notes: list[str] = []
    Path("folder").mkdir()
    one = reporter(notes, path="folder")
    one.report(PROGRESS, final=True)
    one.close()
    one.close()
    assert len(notes) == 1
    assert "choose another metrics_file" in notes[0]
    assert os.listdir() == ["folder"], "nothing is left beside it"


# ---- trouble


def test_a_port_that_is_taken_costs_one_note_and_no_result(nothing_left: None) -> None:
    notes: list[str] = []
    first = reporter(notes, free_port())
    assert first._server is not None
    second = reporter(notes, first._server.port)
    second.report(PROGRESS, final=True)
    second.close()
    first.close()
    (note,) = notes
    assert "cannot be served at 127.0.0.1:" in note
    assert "choose another metrics_port" in note


def test_port_0_finds_a_free_one_and_tells_it(nothing_left: None) -> None:
    notes: list[str] = []
    one = reporter(notes, 0)
    one.report(PROGRESS, final=False)
    (port,) = re.findall(r"^metrics: http://127\.0\.0\.1:(\d+)/metrics$", notes[0])
    assert value(scraped(get(int(port))), "psets") == 9
    one.close()


def test_what_cannot_be_had_is_refused_before_any_work(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paramsurvey.init(backend="serial", verbose=0)

    def ran(pset: Any, system_kwargs: Any, user_kwargs: Any) -> None:
        pytest.fail("it ran")

    with pytest.raises(DirectoryMissing, match=r"metrics_file='nowhere/x\.prom'"):
        paramsurvey.map(ran, [{"i": 1}], metrics_file="nowhere/x.prom")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(PackageMissing, match=r"paramsurvey\[metrics\]"):
        paramsurvey.map(ran, [{"i": 1}], metrics_port=0)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (9000, ("127.0.0.1", 9000)),
        ("9000", ("127.0.0.1", 9000)),
        ("0.0.0.0:9000", ("0.0.0.0", 9000)),
        ("[::1]:0", ("::1", 0)),
    ],
)
def test_a_port_is_one_of_this_machine_unless_an_address_is_given(
    given: Any, address: tuple[str, int]
) -> None:
    assert resolve({}, {}, {"metrics_port": given}).metrics_port == address
    assert resolve({"PARAMSURVEY_METRICS_PORT": str(given)}, {}).metrics_port == address


@pytest.mark.parametrize("given", [-1, 65536, "x", ":9000", "host:", 1.5])
def test_what_is_no_port_is_refused(given: Any) -> None:
    with pytest.raises(OptionError, match="metrics_port"):
        resolve({}, {}, {"metrics_port": given})


def test_nothing_of_it_is_loaded_where_nobody_asks_for_it(in_tmp: Path) -> None:
    program = (
        "import sys, paramsurvey; paramsurvey.init(backend='serial', verbose=0); "
        "paramsurvey.map(lambda pset, system_kwargs, user_kwargs: None, [{'i': 1}]); "
        "print([name for name in sys.modules if 'prometheus' in name])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# ---- the dashboard


def queries() -> Iterator[tuple[str, str]]:
    """Yield the type of the data source and the text of every query of the dashboard."""
    board = json.loads(DASHBOARD.read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            kind = target["datasource"]["type"]
            yield kind, target["expr" if kind == "prometheus" else "target"]


def test_the_dashboard_asks_for_series_that_there_are(nothing_left: None) -> None:
    one = reporter([], path="fit.prom")
    one.close()
    exported = {name for name, _ in scraped(Path("fit.prom").read_text())}
    asked = [query for kind, query in queries() if kind == "prometheus"]
    assert len(asked) >= 8
    names = {name for query in asked for name in re.findall(r"paramsurvey_\w+", query)}
    assert names <= exported
    assert all('map=~"$map"' in query for query in asked)
    labels = {name for query in asked for name in re.findall(r"\bby \(([\w, ]+)\)", query)}
    assert labels <= {"kind", "le", "map"}


def test_the_dashboard_asks_carbon_for_what_is_sent_there() -> None:
    asked = [query for kind, query in queries() if kind == "graphite"]
    assert len(asked) >= 2
    names = {name for query in asked for name in re.findall(r"\$prefix\.(\w+)", query)}
    assert names <= set(carbon.COUNTERS)
    assert {"finished", "failures", "active"} <= names


def test_the_dashboards_panels_lie_beside_each_other_and_have_names() -> None:
    board = json.loads(DASHBOARD.read_text())
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24
    names = {variable["name"] for variable in board["templating"]["list"]}
    text = DASHBOARD.read_text()
    assert set(re.findall(r"\$\{?([a-z]+)\b", text)) <= names
