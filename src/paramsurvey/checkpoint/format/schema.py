"""The columns of a part: those of psets and of results, and their metadata.

The metadata of a column say which key of the psets or of the results it holds, and how its values are stored.
Some columns have a helper column: the kind of each value, if there are several kinds, or the identities of
pickled pset values.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from paramsurvey.checkpoint.format import pickles
from paramsurvey.checkpoint.format.codec_table import PICKLES, codecs
from paramsurvey.checkpoint.format.codecs import Encoded, Piece, encode
from paramsurvey.checkpoint.format.time_columns import TIME_TYPES
from paramsurvey.checkpoint.format.variants import is_variants
from paramsurvey.checkpoint.typed_hash import HashPairs, hash_values
from paramsurvey.errors import NotACheckpoint
from paramsurvey.fast_dataclass import dataclass
from paramsurvey.transport.pickling import dump_code
from paramsurvey.transport.safe_repr import describe

POSITION = "_position"
KEY = b"paramsurvey"  # of the fields' metadata
UNITS = b"units"  # another key, which `params.dataframes` reads in the tables of any program
ROLES = frozenset({"pset", "result", "failure", "output"})
HELPERS = {"kinds": pa.int8(), "identity": pa.binary(16)}
FAILURE_KEYS = frozenset({"kind", "exception", "traceback", "attempts"})
LONGEST_NAME = 200  # characters of a key that is not a text, in a column's name


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One column of a part.

    Attributes
    ----------
    role : str
        ``'pset'``, ``'result'``, ``'failure'``, or ``'output'`` for what the psets printed.
    key : hashable
        The key in the psets or in the results.
    column : Encoded
    dtype : str
        The type as pandas called it; if it is empty, the values decide.
    hashes : HashPairs, optional
        The identities of pickled pset values, so that they can be compared without unpickling.
    """

    role: str
    key: Hashable
    column: Encoded
    dtype: str = ""
    hashes: HashPairs | None = None


def to_table(
    positions: Any,
    columns: Iterable[StoredColumn],
    psets: Iterable[str],
    times: Mapping[str, Any] | None = None,
    units: Mapping[str, str] | None = None,
) -> Any:
    """Return some rows as a table, as it is written.

    Parameters
    ----------
    positions : int64 Array
        The positions of the rows among all that are stored.
    columns : iterable of StoredColumn
    psets : iterable of str
        The psets' keys.
    times : mapping, optional
        Columns as `time_columns` returns them.
    units : mapping, optional
        The units of the psets' and results' keys.
    """
    names, taken = frozenset(psets), {POSITION}
    fields = [_field(POSITION, positions, {"role": "position"})]
    arrays = [positions]
    for stored in columns:
        name = _free_name(_column_name(stored, names), taken)
        for field, array in _fields(stored, name, units or {}):
            fields.append(field)
            arrays.append(array)
    for key, array in (times or {}).items():
        fields.append(_field(_free_name(f"_{key}", taken), array, {"role": "time", "key": f"s{key}"}))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _fields(stored: StoredColumn, name: str, units: Mapping[str, str]) -> Iterator[tuple[Any, Any]]:
    """Yield a column, and the helpers that it needs."""
    column = stored.column
    info = {
        "role": stored.role,
        "key": _key_text(stored.key),
        "codec": column.codec,
        "dtype": stored.dtype,
    }
    unit = units.get(stored.key, "") if isinstance(stored.key, str) else ""
    yield _field(name, column.array, info, unit), column.array
    if column.kinds is not None:
        kinds = pa.array(column.kinds)
        yield _field(_helper_name("kinds", name), kinds, {"role": "kinds", "of": name}), kinds
    if stored.hashes is not None:
        pairs = np.stack([stored.hashes.one, stored.hashes.two], axis=1)
        hashes = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), len(pairs), [None, pa.py_buffer(np.ascontiguousarray(pairs))]
        )
        yield _field(_helper_name("identity", name), hashes, {"role": "identity", "of": name}), hashes


def _field(name: str, array: Any, info: Mapping[str, str], unit: str = "") -> Any:
    """Return the field of a column; a column without nulls that all parts probably have is not nullable.

    If it were, a quarter of the encoding time would be spent on noting for each value that it is there.
    """
    always_there = info["role"] in ("position", "pset", "time") and array.null_count == 0
    metadata = {KEY: json.dumps(info), **({UNITS: unit.encode(errors="replace")} if unit else {})}
    return pa.field(name, array.type, not always_there, metadata)


def _column_name(stored: StoredColumn, psets: frozenset[str]) -> str:
    """Return what the column is called in the file: its key, unless another column has that name."""
    key = stored.key
    if stored.role in ("failure", "output"):
        return f"_{key}"
    if stored.role == "pset" or (isinstance(key, str) and not key.startswith("_") and key not in psets):
        return str(key)
    return f"_{stored.role} {key if isinstance(key, str) else describe(key, LONGEST_NAME)}"


def _helper_name(role: str, name: str) -> str:
    return f"_{role} of {name}"


def _free_name(name: str, taken: set[str]) -> str:
    """Return a name that a file can hold and that is not taken, and add it to `taken`."""
    free = text = name.encode("utf-8", "backslashreplace").decode()
    number = 1
    while not taken.isdisjoint((free, _helper_name("kinds", free), _helper_name("identity", free))):
        number += 1
        free = f"{text} ({number})"
    taken |= {free, _helper_name("kinds", free), _helper_name("identity", free)}
    return free


def _key_text(key: Hashable) -> str:
    """Return a key, which is nearly always a string, as text that `key_of` understands."""
    if isinstance(key, str):
        return f"s{key}"
    import base64

    return "p" + base64.b64encode(dump_code(key, main_by_name=False)).decode()


def key_of(text: str, unpickle: bool) -> Hashable:
    """Return the key that `_key_text` has written, or a text if it is pickled and may not be unpickled."""
    if text[0] == "s":
        return text[1:]
    import base64
    import pickle

    content = base64.b64decode(text[1:])
    if not unpickle:
        return pickles.placeholder(content)
    key: Hashable = pickle.loads(content)
    return key


def field_info(field: Any) -> dict[str, str]:
    """Return our metadata of a field, or an empty dict if it has none.

    Raises
    ------
    ValueError
        They are not what we write.
    """
    text = (field.metadata or {}).get(KEY)
    try:
        info = {} if text is None else json.loads(text)
    except RecursionError as error:
        raise ValueError("the metadata of a column are nested too deeply") from error
    if not isinstance(info, dict) or not all(isinstance(value, str) for value in info.values()):
        raise ValueError(f"the metadata of the column {field.name!r} are not text")
    return info


def check_columns(schema: Any, infos: Mapping[str, Mapping[str, str]]) -> None:
    """Refuse columns that are not as we write them.

    Raises
    ------
    ValueError
        It names the first one.
    NotACheckpoint
        A later version has written them, and stores values in ways that this one does not know.
    """
    if len(infos) < len(schema):
        raise ValueError("two columns have the same name")
    if POSITION not in infos or schema.field(POSITION).type != pa.int64():
        raise ValueError("it does not say where its rows belong")
    for name, info in infos.items():
        _check_codec(name, info)
        if not _is_known(schema.field(name).type, info, infos):
            raise ValueError(f"the column {name!r} is not known here")
    failure_keys = {info["key"][1:] for info in infos.values() if info.get("role") == "failure"}
    if failure_keys and not failure_keys >= FAILURE_KEYS:
        raise ValueError("its failures have no reasons")


def _check_codec(name: str, info: Mapping[str, str]) -> None:
    codec = info.get("codec", "number")
    if info.get("role") in ROLES and codec != "number" and codec not in codecs() and not is_variants(codec):
        raise NotACheckpoint(
            f"the column {name!r} is not known here: a later version of paramsurvey has stored its values, "
            f"as {codec[:LONGEST_NAME]!r}; use the version that wrote the checkpoint, or a later one"
        )


def _is_known(kind: Any, info: Mapping[str, str], infos: Mapping[str, Mapping[str, str]]) -> bool:
    role = info.get("role")
    if role in HELPERS:
        return kind == HELPERS[role] and info.get("of") in infos
    if role == "time":
        return bool(TIME_TYPES.get(info.get("key", "")[1:]) == kind)
    if role not in ROLES:
        return True  # nothing reads it
    key = info.get("key", "")
    return {"codec", "dtype"} <= info.keys() and key[:1] in (("s", "p") if role == "result" else ("s",))


def pset_column(
    key: Hashable, column: Encoded, pieces: Sequence[Piece], dtype: str = "", role: str = "pset"
) -> StoredColumn:
    """Return a column, with the identities of its values if they are pset values and pickled."""
    hashes = None
    if role == "pset" and column.codec in PICKLES:
        hashes = hash_values(np.full(len(column.array), np.nan))
        for at, values in pieces:
            hashes.put(at, hash_values(values))
    return StoredColumn(role, key, column, dtype, hashes)


def storable_text(text: str) -> str:
    """Return a text with its lone surrogates escaped, so that it does not have to be pickled."""
    return text.encode("utf-8", "backslashreplace").decode()


def printed_column(texts: Mapping[int, str], count: int) -> list[StoredColumn]:
    """Return a column with what some of `count` psets printed, or no column if none printed anything."""
    values = [storable_text(text) for text in texts.values()]
    pieces: list[Piece] = [(np.array(list(texts), dtype=np.int64), values)]
    return [StoredColumn("output", "output", encode(pieces, count))] if texts else []
