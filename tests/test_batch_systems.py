"""The scripts of the page on batch systems, on a real Slurm that these tests start on this machine.

They need root and the programs of Slurm, which ``make test`` installs where it may. Elsewhere they
are skipped. Slurm's checks of time limits decide how long they take: about a minute.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

import paramsurvey
from conftest import wait_until

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "batch-systems.md"
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
PATIENCE = 100.0  # seconds for what Slurm does in its own time

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
KillWait=2
JobRequeue=1
SchedulerParameters=sched_interval=2,batch_sched_delay=0
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={node} CPUs=2 State=UNKNOWN
PartitionName=main Nodes=n1 Default=YES MaxTime=INFINITE State=UP
"""

SURVEY = """
import os
import time

import paramsurvey

goes_on = os.path.exists("goes-on")


def work(pset, system_kwargs, user_kwargs):
    while pset["i"] >= 4 and not user_kwargs:
        time.sleep(0.05)
    return {"y": pset["i"] ** 2}


psets = [{"i": i} for i in range(8)]
paramsurvey.map(work, psets, checkpoint="run-7", user_kwargs=goes_on, on_change="ignore", group_size=1)
"""


@dataclass
class Slurm:
    """A Slurm with one node of two cores."""

    environment: dict[str, str]

    def run(self, *command: str) -> str:
        """Run one of its programs, and return what it prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def submit(self, script: str) -> str:
        """Submit a script, and return the job's number."""
        Path("job.sh").write_text(script)
        (number,) = re.findall(r"Submitted batch job (\d+)", self.run("sbatch", "--export=ALL", "job.sh"))
        return str(number)

    def state(self, job: str) -> str:
        """Return the job's state and its reason, such as ``PENDING BeginTime``."""
        return self.run("squeue", "--noheader", "--states=all", "--format=%T %r", f"--jobs={job}")

    def exit_code(self, job: str) -> str:
        """Return the exit code and the signal of a job that has ended, such as ``143:0``."""
        (code,) = re.findall(r"ExitCode=(\S+)", self.run("scontrol", "show", "job", job))
        return str(code)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent or os.geteuid() != 0:
        pytest.skip(
            f"SLURM IS NOT TESTED: it needs root, and these programs: {', '.join(absent) or 'all there'}"
        )
    home = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (home / name).mkdir()
    configuration = home / "slurm.conf"
    host = socket.gethostname().partition(".")[0]
    text = CONFIGURATION.format(home=home, host=host, controller=free_port(), node=free_port())
    configuration.write_text(text)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    found = Slurm({**os.environ, "SLURM_CONF": str(configuration), "PATH": path})
    with ExitStack() as stack:
        for program in (["slurmctld", "-D", "-i"], ["slurmd", "-D", "-N", "n1"]):
            log = stack.enter_context((home / f"{program[0]}.log").open("w"))
            daemon = subprocess.Popen(program, env=found.environment, stdout=log, stderr=log)
            stack.callback(daemon.wait)
            stack.callback(daemon.terminate)
        wait_until(lambda: "idle" in is_up(found), "the node of Slurm is not up", seconds=60)
        yield found
        found.run("scancel", "--me")


def is_up(slurm: Slurm) -> str:
    try:
        return slurm.run("sinfo", "--noheader", "--format=%t")
    except subprocess.CalledProcessError:  # the controller does not listen yet
        return ""


def script_of_the_page(number: int, *changes: tuple[str, str]) -> str:
    """Return a script of the page, with numbers that suit a test."""
    script: str = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)[number]
    for old, new in changes:
        assert script.count(old) == 1, old
        script = script.replace(old, new)
    return script


@pytest.fixture
def survey(in_tmp: Path) -> None:
    Path("survey.py").write_text(SURVEY)


def four_have_finished() -> bool:
    return Path("run-7/run.json").exists() and len(paramsurvey.load("run-7")) == 4


@pytest.mark.limit(300)
@pytest.mark.usefixtures("survey")
def test_a_survey_that_its_job_had_no_time_for_goes_on_in_the_next(slurm: Slurm) -> None:
    changes = ("=32", "=2"), ("--time=12:00:00", "--time=00:01:00"), ("TERM@120", "TERM@45")
    job = slurm.submit(script_of_the_page(0, *changes))
    wait_until(lambda: "PENDING BeginTime" in slurm.state(job), "the job is not requeued", seconds=PATIENCE)
    assert four_have_finished()
    assert "143" in Path(f"slurm-{job}.out").read_text(), "srun says so"
    Path("goes-on").touch()
    slurm.run("scontrol", "update", f"jobid={job}", "StartTime=now")  # Slurm would wait for two minutes
    wait_until(lambda: "COMPLETED" in slurm.state(job), "the job does not end", seconds=PATIENCE)
    results = paramsurvey.load("run-7")
    assert results["y"].tolist() == [i**2 for i in range(8)]
    assert results.progress.resumed == 4


@pytest.mark.limit(300)
@pytest.mark.usefixtures("survey")
def test_without_srun_the_signal_needs_a_b_and_python_in_place_of_the_shell(slurm: Slurm) -> None:
    assert "needs `--signal=B:TERM@120`, and `exec python survey.py`" in PAGE.read_text().replace("\n  ", " ")
    job = slurm.submit("#!/bin/sh\n#SBATCH --signal=B:TERM@120\nexec python survey.py\n")
    wait_until(four_have_finished, "the survey does not run", seconds=PATIENCE)
    slurm.run("scancel", "--batch", "--signal=TERM", job)  # what --signal=B:TERM does when its time has come
    wait_until(lambda: "FAILED" in slurm.state(job), "the job does not end", seconds=PATIENCE)
    assert slurm.exit_code(job) == "143:0"
    assert four_have_finished()


@pytest.mark.limit(300)
def test_the_parts_of_a_job_array_are_merged(slurm: Slurm, in_tmp: Path) -> None:
    changes = ("=1-100", "=1-2"), ("5000", "9"), ("/100", "/2"), ("./simulate", "echo")
    job = slurm.submit(script_of_the_page(2, *changes))
    wait_until(lambda: slurm.state(job).count("COMPLETED") == 2, "the jobs do not end", seconds=PATIENCE)
    assert "paramsurvey merge whole run-7/*" in PAGE.read_text()
    slurm.run("sh", "-c", "paramsurvey merge whole run-7/*")
    results = paramsurvey.load("whole")
    assert results["x"].tolist() == [*range(1, 10)]
    assert results["stdout"].tolist() == [str(x) for x in range(1, 10)]
