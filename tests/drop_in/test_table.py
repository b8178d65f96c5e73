"""Each row of the table of differences that were found between 0.4.21 and this package: a program on both."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from drop_in.conftest import Both, Same
from drop_in.releases import ROOT

TWO_RAYS = pytest.mark.limit(300)  # each program starts a Ray of its own


def counter_names(text: str) -> list[str]:
    """Return the timers whose statistics are printed, one for each first line of a timer."""
    return re.findall(r"^counter (.*), total \S+, mean \S+, counts \d+$", text, re.MULTILINE)


def test_a_results_have_native_dtypes(same: Same) -> None:
    same("row_a_results.py")


def test_a_a_categorical_of_the_user_stays_one_here(both: Both) -> None:
    """On purpose: API and order of the categories are the user's own; 0.4 with pandas 3 lost them."""
    old, new = both("row_a_own_category.py")
    assert old["results"]["rows"] == new["results"]["rows"]
    assert old["results"]["dtypes"] == ["str", "int64", "str"]
    assert new["results"]["dtypes"] == ["category", "int64", "str"]


def test_b_what_a_worker_changes_reaches_no_other_pset(same: Same) -> None:
    same("row_b_changes.py")


def test_c_a_main_file_with_a_guard_runs_in_each_worker(same: Same) -> None:
    _, new = same("row_c_main_file.py")
    assert new["draws"]["value"] == 40


def test_d_tracebacks_have_file_line_and_source(same: Same) -> None:
    _, new = same("row_d_traceback.py")
    assert 'File "HERE/row_d_traceback.py", line 11, in deep' in new["traceback"]["value"]


def test_e_psets_have_the_types_of_their_columns_when_asked(both: Both) -> None:
    old, new = both("row_e_column_types.py", "column")
    assert old.shown == new.shown


def test_e_psets_arrive_as_they_were_given_here(both: Both) -> None:
    """On purpose: an integer beside a float stays one, so that names made of it stay what they say."""
    old, new = both("row_e_column_types.py")
    assert old["files"]["value"] == ["run-1.0.txt", "run-2.5.txt", "run-3.0.txt"]
    assert new["files"]["value"] == ["run-1.txt", "run-2.5.txt", "run-3.txt"]


def test_f_out_func_may_be_the_third_argument(same: Same) -> None:
    same("row_f_positional.py")


def test_g_product_takes_scalars_records_and_shared_columns(same: Same) -> None:
    same("row_g_product.py")


def test_h_the_options_of_multiprocessings_pool_work(same: Same) -> None:
    same("row_h_pool_options.py")


def test_i_two_threads_may_map_at_once(same: Same) -> None:
    same("row_i_threads.py")


@TWO_RAYS
def test_j_num_cores_of_a_pset_is_num_cpus_where_it_is_read(same: Same) -> None:
    same("row_j_ray_options.py")


def test_k_statistics_reach_stderr_at_the_end_of_a_map(both: Both) -> None:
    old, new = both("row_k_statistics.py")
    assert counter_names(old.stderr) == counter_names(new.stderr)
    assert sorted(counter_names(new.stderr)) == ["nap_iowait", "nap_wallclock", "sleeping"]


def test_l_statistics_of_the_users_own_print_to_the_log(same: Same) -> None:
    old, new = same("row_l_own_statistics.py")
    assert counter_names(old.log()) == counter_names(new.log()) != []
    assert counter_names(old.stderr) == counter_names(new.stderr) == ["fitting"]
    assert histogram_lines(old.log())
    # 0.4 prints the last of these lines again and again: a list of one iterator, many times
    assert histogram_lines(new.log())[:3] == ["0.01 1", "0.02 1", "0.03 1"]


def histogram_lines(log: str) -> list[str]:
    """Return the lines of histograms: a value in seconds, and how many there are up to it."""
    return re.findall(r"^counter reading, ([\d.]+ \d+)$", log, re.MULTILINE)


def test_m_progress_dt_prints_at_verbose_0(both: Both) -> None:
    for ran in both("row_m_progress_dt.py"):
        lines = [line for line in ran.stderr.splitlines() if "watched" in line and "progress" in line]
        assert len(lines) >= 6, "at least one line for each pset"
        assert lines[-1].endswith("total: 6, active: 0, finished: 6, failures: 0, exceptions: 0")


def test_n_a_result_that_overrides_a_pset_key_keeps_integers(same: Same) -> None:
    same("row_n_overridden.py")


def test_o_counts_and_rows_agree_when_out_func_raises(both: Both) -> None:
    """0.4 counts such a pset among the finished and among the failures; here a failure has no result."""
    old, new = both("row_o_out_func.py")
    for name in ("results", "missing", "finished", "exceptions", "active"):
        assert old[name] == new[name], name
    assert (old["failures"]["value"], new["failures"]["value"]) == (3, 1)
    assert new["finished"]["value"] == len(new["results"]["rows"])


def test_p_add_column_keeps_integers(same: Same) -> None:
    same("row_p_add_column.py")


def test_q_workers_have_numbers(same: Same) -> None:
    same("row_q_worker_number.py")


@TWO_RAYS
def test_q_psets_on_ray_have_the_ids_of_their_gpus(same: Same) -> None:
    same("row_q_gpu_ids.py")


def test_r_names_of_public_programs_work(same: Same) -> None:
    _, new = same("row_r_names.py")
    assert "failures: 2" in new.stderr, "0.4 tells of a group that is lost, also at verbose 0"


def test_s_workers_load_the_main_file_at_init(same: Same) -> None:
    same("row_s_first_map.py")


def test_t_no_log_is_left_where_it_is_turned_off(same: Same) -> None:
    """0.4 writes no log where pytest runs it, and accepts None only there."""
    for ran in same("row_t_no_log.py", env={"PYTEST_CURRENT_TEST": "test_t"}):
        assert ran.logs() == []


SURVEY = """
import paramsurvey
from paramsurvey import init

def double(pset, system_kwargs, user_kwargs):
    return {"y": 2 * pset["x"]}

def survey(start):
    start(ncores=1, verbose=0)
    return paramsurvey.map(double, [{"x": 3}])["y"].tolist()
"""
TESTS_OF_SURVEY = """
import paramsurvey
import survey

def test_survey():
    assert survey.survey(paramsurvey.init) == survey.survey(survey.init) == [6]
"""


def test_t_the_conftest_of_the_page_leaves_no_log_of_a_program_that_calls_init(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "moving-from-0.4.md").read_text(encoding="utf-8")
    _, _, section = page.partition("\n## pytest\n")
    (conftest,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    for name, text in {"conftest": conftest, "survey": SURVEY, "test_survey": TESTS_OF_SURVEY}.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr
    assert sorted(tmp_path.glob(".paramsurvey-*")) == []
