"""Give each of the `targets` any bytes, for so many minutes of processor time; what they find is kept.

Usage: python tests/fuzz/fuzz.py [--minutes 1] [--found DIRECTORY] [TARGET...]

With atheris (``pip install atheris``), the bytes are led by what they reach; without it, they are random
changes of the corpus. An input that a target does not survive is kept in `--found`, once for each place where
it fails.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path

CORPUS = Path(__file__).resolve().with_name("corpus")
try:
    import atheris
except ImportError:
    atheris = None


class Finder:
    """Calls a target, and keeps the inputs on which it fails.

    Attributes
    ----------
    calls : int
    places : set of str
        Where it failed.
    """

    def __init__(self, name: str, target: Callable[[bytes], None], found: Path, seconds: float) -> None:
        self._name, self._target, self._found, self._seconds = name, target, found, seconds
        self.calls, self.places = 0, set[str]()
        self._began = time.process_time()

    def __call__(self, data: bytes) -> None:
        self.calls += 1
        if time.process_time() - self._began > self._seconds:  # atheris ends the process without a word
            self.report()
            os._exit(0)
        try:
            self._target(data)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._keep(error, data)

    def _keep(self, error: BaseException, data: bytes) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        ours = [one for one in traceback.extract_tb(error.__traceback__) if "paramsurvey" in one.filename]
        at = ours[-1] if ours else last
        place = f"{type(error).__name__} in {Path(at.filename).name}:{at.lineno}"
        if place in self.places:
            return
        self.places.add(place)
        self._found.mkdir(parents=True, exist_ok=True)
        path = self._found / f"{self._name}-{len(self.places)}"
        path.write_bytes(data)
        print(f"{self._name}: {place}: {str(error)[:100]!r}, kept in {path}", flush=True)

    def report(self) -> None:
        """Say what was done."""
        seconds = time.process_time() - self._began
        print(
            f"{self._name}: {self.calls:,} inputs in {seconds:.0f} s of processor time, "
            f"{len(self.places)} faults",
            flush=True,
        )


def examples(name: str) -> list[bytes]:
    """Return the inputs that are kept for a target."""
    folder = CORPUS / name
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def random_inputs(name: str, seconds: float) -> Iterator[bytes]:
    """Yield examples, and changes of them."""
    chance, known = random.Random(name), examples(name) or [b"a=1,2"]
    yield from known
    end = time.process_time() + seconds
    while time.process_time() < end:
        data = bytearray(chance.choice(known))
        for _ in range(chance.randint(1, 8)):
            at = chance.randint(0, len(data))
            other = chance.choice(known)
            piece = other[chance.randint(0, len(other)) :][: chance.randint(0, 9)]
            data[at : at + chance.randint(0, 4)] = chance.choice([piece, bytes([chance.randrange(256)])])
        yield bytes(data)


def run(name: str, seconds: float, found: Path) -> None:
    """Fuzz one target in this process, which atheris ends."""
    if atheris is None:
        from targets import TARGETS, place
    else:
        with redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["paramsurvey"]):
            from targets import TARGETS, place
    os.chdir(place())
    finder = Finder(name, TARGETS[name], found, seconds)
    if atheris is None:
        for data in random_inputs(name, seconds):
            finder(data)
        finder.report()
        return
    corpus = place() / "corpus"
    corpus.mkdir()
    for number, data in enumerate(examples(name)):
        (corpus / str(number)).write_bytes(data)
    options = ["-max_len=4096", "-verbosity=0", "-rss_limit_mb=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], finder)
    atheris.Fuzz()


def main() -> None:
    """Fuzz each target in a process of its own."""
    sys.path.insert(0, str(Path(__file__).parent))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--found", type=Path, default=Path("fuzz-found"))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*")
    given = parser.parse_args()
    found = given.found.resolve()
    if given.here:
        run(given.targets[0], 60 * given.minutes, found)
        return
    if not given.targets:
        from targets import TARGETS

        given.targets = list(TARGETS)
    print(f"fuzzing with {'atheris' if atheris else 'random changes: pip install atheris finds more'}")
    for name in given.targets:
        again = [
            sys.executable,
            __file__,
            "--here",
            "--minutes",
            str(given.minutes),
            "--found",
            str(found),
            name,
        ]
        if code := subprocess.call(again, env=os.environ):
            print(f"{name}: the process ended with {code}", flush=True)


if __name__ == "__main__":
    main()
