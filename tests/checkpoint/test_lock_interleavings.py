"""The lock of a checkpoint, when several programs want it, and take turns at each system call, in any order.

Every order with up to so many switches from a program that could go on to another one (EXPLORE_FAULTS=1
allows one more; `make explore`); and each program may die before any of its system calls. At any time, at
most one living program believes that it holds the lock.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from decisions import Decisions, all_decisions
from paramsurvey.checkpoint.locking import lock as lock_module
from paramsurvey.checkpoint.locking.lock import Lock
from paramsurvey.checkpoint.locking.lock_holder import LockHolder
from paramsurvey.errors import CheckpointInUse

CALLS = ("open", "link", "unlink", "replace", "scandir", "utime", "write")  # where others may come in between
MORE_SWITCHES = int(os.environ.get("EXPLORE_FAULTS", "0"))


class Died(BaseException):
    """A program ends here, and cleans up nothing."""


class Program(threading.Thread):
    """A program that goes on to its next system call whenever it is told to."""

    def __init__(self, number: int, action: Callable[[Program], None]) -> None:
        super().__init__(daemon=True)
        self.number, self.is_dead, self.waits = number, False, False
        self._action = action
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        self._go.acquire()
        try:
            self._action(self)
        except Died:
            pass
        except BaseException as error:
            self.error = error
        self.has_ended = True
        self._stopped.release()

    has_ended = False

    def go_on(self) -> None:
        """Let it run up to its next system call."""
        self.waits = False
        self._go.release()
        self._stopped.acquire()

    def die(self) -> None:
        """Let it end, without any further system call."""
        self.is_dead = True
        self.go_on()

    def stop_before_call(self) -> None:
        if not self.is_dead:
            self._stopped.release()
            self._go.acquire()
        if self.is_dead:
            raise Died


@dataclass(frozen=True)
class Scene:
    """Who wants the lock of a directory, and what may happen."""

    programs: int
    switches: int
    deaths: int = 0
    dead_holder: bool = True
    links: bool = True
    releases: bool = True


class Play:
    """One run of a scene."""

    def __init__(self, scene: Scene, decisions: Decisions, directory: Path) -> None:
        self.scene, self.decisions, self.directory = scene, decisions, directory
        self.inside: set[int] = set()
        self.holders = 0
        self.programs: list[Program] = []
        self._switches, self._deaths = scene.switches, scene.deaths

    def run(self) -> None:
        """Let the programs take turns until all have ended, then one more that comes later."""
        if self.scene.dead_holder:
            self._program(self._die_with_the_lock).go_on()
            self._finish(self.programs[0])
        self.holders = 0
        for _ in range(self.scene.programs):
            self._program(self._hold)
        current = self.programs[-self.scene.programs]
        while living := [one for one in self.programs if not one.has_ended]:
            current = self._next(current, living)
            if current.has_ended:
                continue
            current.go_on()
            self._check()
        if not self.scene.deaths:
            assert self.holders >= 1, "nobody got it"
        self._later()

    def _program(self, action: Callable[[Program], None]) -> Program:
        self.programs.append(Program(len(self.programs) + 1, action))
        return self.programs[-1]

    def _finish(self, program: Program) -> None:
        while not program.has_ended:
            program.go_on()
            self._check()

    def _next(self, current: Program, living: list[Program]) -> Program:
        """Decide who goes on, and whether somebody dies before."""
        others = [one for one in living if one is not current]
        must_switch = current.has_ended or (current.waits and bool(others))
        possible: list[Program] = [] if must_switch else [current]
        if must_switch or self._switches > 0:
            possible += others
        dies: list[Program | None] = [None]
        if self._deaths > 0 and not current.has_ended:
            dies.append(current)
        victim = self.decisions.choose(dies)
        if victim is not None:
            self._deaths -= 1
            victim.die()
            self._end_of(victim)
            return victim
        chosen = self.decisions.choose(possible)
        if chosen is not current and not must_switch:
            self._switches -= 1
        return chosen

    def _end_of(self, program: Program) -> None:
        self.inside.discard(program.number)

    def _check(self) -> None:
        assert len(self.inside) <= 1, f"{len(self.inside)} programs hold it"
        for program in self.programs:
            if program.error is not None:
                raise program.error

    def _later(self) -> None:
        """Let one more try: it gets the lock if nobody alive has it."""
        for path in self.directory.iterdir():  # a minute later
            os.utime(path, (time.time() - 100, time.time() - 100))
        had_holder = bool(self.inside)
        before = self.holders
        late = self._program(self._hold)
        self._finish(late)
        assert (self.holders == before) == had_holder, "a lock is free when its holder is dead or has ended"

    # what a program does

    def _hold(self, program: Program) -> None:
        try:
            held = Lock(self.directory)
        except CheckpointInUse:
            return
        self.holders += 1
        self.inside.add(program.number)
        assert held.check() is None, "the holder does not hold it"
        if self.scene.releases:
            self.inside.discard(program.number)
            held.release()

    def _die_with_the_lock(self, program: Program) -> None:
        Lock(self.directory)
        program.is_dead = True

    def is_alive(self, holder: LockHolder) -> bool:
        program = self.programs[holder.pid - 1]
        return not program.is_dead and not (program.has_ended and holder.pid not in self.inside)


@contextmanager
def patched(play: Callable[[], Play], links: bool) -> Iterator[None]:
    """Have programs stop before their system calls, and be known by their numbers."""
    with pytest.MonkeyPatch.context() as patch:
        me = LockHolder.me()

        def stopping(name: str) -> Callable[..., Any]:
            call = getattr(os, name)

            def wrapper(*arguments: Any, **keywords: Any) -> Any:
                program = threading.current_thread()
                if isinstance(program, Program):
                    program.stop_before_call()
                    if name == "link" and not links:
                        raise OSError(errno.EPERM, "no hard links here")
                return call(*arguments, **keywords)

            return wrapper

        def sleep(seconds: float) -> None:
            program = threading.current_thread()
            assert isinstance(program, Program)
            program.waits = True
            program.stop_before_call()

        def identity() -> LockHolder:
            program = threading.current_thread()
            assert isinstance(program, Program)
            return replace(me, pid=program.number, token=f"{program.number:032x}")

        for name in CALLS:
            patch.setattr(os, name, stopping(name))
        patch.setattr(lock_module.time, "sleep", sleep)
        patch.setattr(LockHolder, "me", identity)
        patch.setattr(LockHolder, "is_alive", lambda holder, silent_for: play().is_alive(holder))
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


SCENES = {
    "a dead holder, two programs": Scene(programs=2, switches=2),
    "a dead holder, two programs, no links": Scene(programs=2, switches=2, links=False),
    "a dead holder, three programs": Scene(programs=3, switches=1),
    "a dead holder, two that stay": Scene(programs=2, switches=2, releases=False),
    "a dead holder, two programs, of which one dies": Scene(programs=2, switches=2, deaths=1, releases=False),
    "nobody yet, two programs": Scene(programs=2, switches=3, dead_holder=False),
    "nobody yet, two programs, of which one dies": Scene(2, 2, deaths=1, dead_holder=False, releases=False),
}


@pytest.mark.limit(300 + 3600 * MORE_SWITCHES)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_at_any_time_one_living_program_holds_it(scene: Scene, tmp_path: Path) -> None:
    scene = replace(scene, switches=scene.switches + MORE_SWITCHES)
    runs, current = 0, list[Play]()
    with patched(lambda: current[-1], scene.links):
        for decisions in all_decisions():
            directory = tmp_path / "dir"
            directory.mkdir()
            current[:] = [Play(scene, decisions, directory)]
            current[0].run()
            for path in directory.iterdir():
                path.unlink()
            directory.rmdir()
            runs += 1
    assert runs > 20
    print(f"{runs} runs")
