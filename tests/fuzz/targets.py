"""What is read from disk, from pipes and from the command line, given any bytes.

A target is a function of some bytes. It returns when they were read, or refused with one of our own errors;
anything else that it raises is a fault. None of them starts a process.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import click

import paramsurvey
from paramsurvey.backends.multiprocessing.channel import HEADER, MARK, ConnectionGarbled, DriverChannel
from paramsurvey.checkpoint.atomic_files import CHECKSUM, checksum_of
from paramsurvey.checkpoint.locking.lock import NAME as LOCK
from paramsurvey.checkpoint.locking.lock import holder_of
from paramsurvey.cli.checkpoints.run_state import describe, read_state
from paramsurvey.cli.checkpoints.saved_command import load_command
from paramsurvey.cli.command.output_parsers import JsonParser, NothingParsed, RegexParser
from paramsurvey.cli.command.template import Template
from paramsurvey.cli.control.joblog import read_records
from paramsurvey.cli.errors import CommandLineError
from paramsurvey.cli.options.types import DELAY, SIZE_OF_MEMORY, TIMEOUT
from paramsurvey.cli.psets.axis_syntax import parse_axes
from paramsurvey.cli.psets.inputs import Inputs
from paramsurvey.cli.psets.pset_files import read_psets
from paramsurvey.cli.psets.selection import select
from paramsurvey.cli.psets.sweep_files import read_sweep
from paramsurvey.errors import PsetError, SurveyError
from paramsurvey.params import grid
from paramsurvey.results.load_checkpoint import load_without_unpickling

OURS = (SurveyError, PsetError, CommandLineError, NothingParsed, click.ClickException)
VALUES: list[Any] = [
    "x",
    "",
    "a b",
    "it's",
    "$(id)",
    "in/f.tar.gz",
    3,
    -0.5,
    10**10,
    float("nan"),
    None,
    True,
]


@cache
def place() -> Path:
    """Return a directory of this process, in memory where there is one."""
    inside = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="fuzz-", dir=inside))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


@contextmanager
def only_our_errors() -> Iterator[None]:
    """Let nothing out but faults."""
    with suppress(*OURS), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")


# ---- a checkpoint


@cache
def checkpoint() -> Path:
    """Return a checkpoint with results and failures."""

    def work(pset: dict[str, Any], *_: object) -> dict[Any, Any]:
        if pset["a"] == 2:
            raise ValueError("two")
        return {"b": pset["a"] / 2, 7: "x", "o": [pset["a"]]}

    directory = place() / "dir"
    with paramsurvey.Session(backend="serial", verbose=0) as session:
        session.map(work, [{"a": a, "t": str(a)} for a in range(4)], checkpoint=str(directory))
    written.update(json.loads((directory / "run.json").read_text()))
    return directory


written: dict[str, Any] = {}  # what run.json had at first


def write_run_json(content: dict[str, Any]) -> None:
    """Write it with the right checksum."""
    content[CHECKSUM] = checksum_of(content)
    (checkpoint() / "run.json").write_text(json.dumps(content))


def look_at(directory: Path) -> None:
    """Do all that looks at a checkpoint."""
    with only_our_errors():
        state = read_state(str(directory))
        describe(state)
        json.dumps(state.to_json())
    with only_our_errors():
        results = load_without_unpickling(directory)
        list(results.missing.iterdicts())
        str(results.progress)
    with only_our_errors():
        paramsurvey.scan(directory).to_table()


def run_json_bytes(data: bytes) -> None:
    """Be run.json."""
    (checkpoint() / "run.json").write_bytes(data)
    look_at(checkpoint())


def run_json_values(data: bytes) -> None:
    """Put JSON in some places of run.json, whose checksum is right: ``place.in.it=value``, one per line."""
    checkpoint()
    content = json.loads(json.dumps(written))
    for line in text_of(data).splitlines()[:4]:
        where, _, value = line.partition("=")
        with suppress(ValueError, RecursionError, KeyError, TypeError, IndexError):
            *path, last = where.split(".")
            into = content
            for name in path:
                into = into[name]
            into[last] = json.loads(value)
    try:
        write_run_json(content)
    except (ValueError, RecursionError):  # Python itself cannot write it
        return
    look_at(checkpoint())


@cache
def parts() -> list[Path]:
    return sorted(checkpoint().glob("*/*.parquet"))


def part_bytes(data: bytes) -> None:
    """Be a part, whose name has the right checksum; the first byte says which."""
    _replace_part(parts()[data[0] % len(parts())] if data else parts()[0], data[1:])


def part_metadata(data: bytes) -> None:
    """Be what the columns of a part say of themselves: ``which column=JSON``, one per line."""
    import pyarrow.parquet as pq

    path = parts()[data[0] % len(parts())] if data else parts()[0]
    table = pq.read_table(path) if path.exists() else _tables()[path]
    fields = list(table.schema)
    for line in text_of(data[1:]).splitlines()[:6]:
        number, _, said = line.partition("=")
        at = len(number) % len(fields)
        fields[at] = fields[at].with_metadata({"paramsurvey": said})
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(table.columns, schema=pa.schema(fields)), sink)
    _replace_part(path, sink.getvalue().to_pybytes())


@cache
def _tables() -> dict[Path, Any]:
    import pyarrow.parquet as pq

    return {path: pq.read_table(path) for path in parts()}


def _replace_part(path: Path, content: bytes) -> None:
    """Put a part with this content in the place of another; afterwards all is as it was."""
    _tables()
    write_run_json(dict(written))
    first, last, rows, _, writer = path.name.split("-")
    new = path.with_name(f"{first}-{last}-{rows}-{zlib.crc32(content):08x}-{writer}")
    away = path.rename(path.with_suffix(".away"))
    try:
        new.write_bytes(content)
        look_at(checkpoint())
    finally:
        for one in [*path.parent.glob("*.parquet"), *path.parent.glob("*damaged*")]:
            if one not in parts():
                one.unlink()
        away.rename(path)


def lock_json(data: bytes) -> None:
    """Be the lock of a checkpoint."""
    directory = place() / "locked"
    directory.mkdir(exist_ok=True)
    (directory / LOCK).write_bytes(data)
    with only_our_errors():
        holder_of(directory)


def command_json(data: bytes) -> None:
    """Be the command that ``resume`` runs."""
    directory = place() / "resumed"
    directory.mkdir(exist_ok=True)
    (directory / ".command.json").write_bytes(data)
    with only_our_errors():
        load_command(str(directory))


# ---- a pipe


def messages(data: bytes) -> None:
    """Come from a worker: a number of pieces, and what they are."""
    ours, theirs = socket.socketpair()
    channel = DriverChannel(ours)
    count, content = (data[0] % 8 + 1, data[1:]) if data else (1, b"")
    size = max(1, len(content) // count)
    try:
        for at in range(0, len(content), size):
            theirs.send(content[at : at + size])
            with suppress(ConnectionGarbled):
                for message in channel.receive():
                    assert HEADER.pack(MARK, len(message)) + message in content
                continue
            return
        theirs.close()
        with suppress(EOFError, ConnectionGarbled):
            list(channel.receive())
    finally:
        theirs.close()
        channel.close()


# ---- the command line


def axes(data: bytes) -> None:
    """Be ``-p name=AXIS``, one per line."""
    with only_our_errors():
        parse_axes(text_of(data).split("\n"), Inputs(stdin=""))


def selections(data: bytes) -> None:
    """Be ``--only``, ``--shard`` and a few values with units, one per line."""
    only, shard, *others = [*text_of(data).split("\n"), "", ""]
    space = grid(a=range(10), b=["x", "y", "z"])
    with only_our_errors():
        select(space, only=only)
    with only_our_errors():
        select(space, shard=shard)
    for text in others:
        for kind in (TIMEOUT, DELAY, SIZE_OF_MEMORY):
            with only_our_errors():
                kind.convert(text, None, None)


def templates(data: bytes) -> None:
    """Be a command with placeholders; the first byte says whether a shell runs it."""
    words, is_shell = tuple(text_of(data[1:]).split("\n")), bool(data[:1] and data[0] % 2)
    psets = [{"a": value, "f.g": other} for value, other in zip(VALUES, reversed(VALUES), strict=True)]
    with only_our_errors():
        template = Template(words, shell=is_shell)
        template.names_used(["a", "f.g"])
        template.check_values(psets)
        for pset in psets:
            filled = template.fill({**pset, "#": 1, "job": 2})
            assert all(isinstance(word, str) for word in filled)
            template.show({**pset, "#": 1, "job": 2})


def pset_files(data: bytes) -> None:
    """Be a file with psets; the first byte says which kind."""
    suffix = [".csv", ".tsv", ".json", ".jsonl", ".txt", ".yaml", "sweep.json"][data[0] % 7 if data else 0]
    path = place() / f"psets{suffix}"
    path.write_bytes(data[1:])
    with only_our_errors():
        if suffix in (".yaml", "sweep.json"):
            read_sweep(str(path), Inputs()).space(None, 0)
        else:
            read_psets(str(path), Inputs(colsep="," if suffix == ".txt" else None))


def outputs(data: bytes) -> None:
    """Be what a program printed, with ``--parse`` in the first line."""
    pattern, _, text = text_of(data).partition("\n")
    with only_our_errors():
        JsonParser()(text)
    if len(pattern) < 20:  # longer ones can take for ever, and are the user's own
        with only_our_errors(), warnings.catch_warnings():
            RegexParser(pattern)(text[:50])


def joblogs(data: bytes) -> None:
    """Be a joblog."""
    path = place() / "joblog"
    path.write_bytes(data)
    with only_our_errors():
        list(read_records(str(path)))


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        run_json_bytes,
        run_json_values,
        part_bytes,
        part_metadata,
        lock_json,
        command_json,
        messages,
        axes,
        selections,
        templates,
        pset_files,
        outputs,
        joblogs,
    )
}
