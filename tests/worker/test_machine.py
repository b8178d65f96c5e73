"""How many cores this process may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from paramsurvey.worker import machine

CORES = 64
Group = Callable[..., None]


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Group:
    """Return a function that says which cgroup this process is in, and what the files of cgroups hold."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(CORES)), raising=False)
    monkeypatch.setattr(machine, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "OWN_CGROUPS", tmp_path / "own")

    def set_up(own: str | None, **files: str) -> None:
        if own is not None:
            (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return set_up


def test_without_a_quota_it_may_use_all_cores_of_its_affinity(cgroups: Group) -> None:
    cgroups(None)
    assert machine.core_count() == CORES
    cgroups("0::/\n", **{"cpu.max": "max 100000\n"})
    assert machine.core_count() == CORES


@pytest.mark.parametrize(
    ("quota", "cores"), [("400000 100000", 4), ("250000 100000", 2), ("50000 100000", 1)]
)
def test_the_quota_of_a_container_counts_in_whole_cores(cgroups: Group, quota: str, cores: int) -> None:
    cgroups("0::/\n", **{"cpu.max": f"{quota}\n"})
    assert machine.core_count() == cores


def test_so_does_that_of_a_user_on_a_shared_machine(cgroups: Group) -> None:
    # systemd: CPUQuota=800% for all of user 7, and 400% for one service of theirs
    cgroups(
        "0::/user.slice/user-7.slice/user@7.service/app.slice/job.service\n",
        **{
            "user.slice/cpu.max": "max 100000\n",
            "user.slice/user-7.slice/cpu.max": "800000 100000\n",
            "user.slice/user-7.slice/user@7.service/app.slice/job.service/cpu.max": "400000 100000\n",
        },
    )
    assert machine.core_count() == 4
    cgroups("0::/user.slice/user-7.slice/session-1.scope\n")
    assert machine.core_count() == 8


def test_quotas_of_the_first_version_count_too(cgroups: Group) -> None:
    own = "12:cpu,cpuacct:/slurm/uid_7/job_1\n3:memory:/slurm\n0::/\n"
    quota = {"cpu.cfs_quota_us": "300000\n", "cpu.cfs_period_us": "100000\n"}
    cgroups(own, **{f"cpu/slurm/uid_7/job_1/{name}": text for name, text in quota.items()})
    assert machine.core_count() == 3
    none = {"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}
    cgroups(own, **{f"cpu/slurm/uid_7/job_1/{name}": text for name, text in none.items()})
    assert machine.core_count() == CORES


def test_a_container_that_sees_the_hosts_name_of_its_cgroup_finds_its_quota(cgroups: Group) -> None:
    quota = {"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}
    cgroups("4:cpuacct,cpu:/docker/8eecb3ecd885\n", **quota)
    assert machine.core_count() == 2


def test_a_cgroup_whose_name_is_not_utf_8_is_no_obstacle(cgroups: Group, tmp_path: Path) -> None:
    cgroups(None, **{"cpu.max": "200000 100000\n"})
    (tmp_path / "own").write_bytes(b"0::/caf\xe9\n")
    assert machine.core_count() == 2


def test_files_that_hold_something_else_count_for_nothing(cgroups: Group) -> None:
    cgroups("nonsense\n0::/\n", **{"cpu.max": "nonsense\n"})
    assert machine.core_count() == CORES
