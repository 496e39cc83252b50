"""samples.parquet: one row per image, and the same row as JSON inside a shard."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from dmldata.common.errors import DatasetError, InputError, UnknownNameError
from dmldata.common.files import atomic_file, sha256_of
from dmldata.common.foreign import read_parquet
from dmldata.contract.factors import Factor
from dmldata.contract.manifest import Samples

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLES_FILE = "samples.parquet"
KEY = re.compile(r"[A-Za-z0-9_-]+")
"""Pattern of a sample key, without dots and folders."""


def key_problem(key: object) -> str | None:
    """Return what is wrong with a sample key; None if nothing is."""
    if isinstance(key, str) and KEY.fullmatch(key):
        return None
    return f"key '{key}': letters, digits, '-' and '_' only, no dots"


Row = Mapping[str, Any]
"""Column -> value. Its type depends on the column: see `samples_schema`."""

_PYTHON: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "int32": int,
    "int64": int,
    "float64": (int, float),
}

_REQUIRED = {
    "key": "string",
    "shard": "string",
    "split": "string",
    "scene_id": "int64",
    "variant_id": "int64",
    "seed": "int64",
    "credits_id": "string",
}
_OPTIONAL = {
    "car_x0": "int32",
    "car_y0": "int32",
    "car_x1": "int32",
    "car_y1": "int32",
    "car_area": "float64",
}
_MATRIX = "camera_matrix"
NULLABLE = tuple(_OPTIONAL)
"""Columns that may be null, besides the factors."""
_KINDS = _REQUIRED | _OPTIONAL


def samples_schema(factors: Sequence[Factor]) -> pa.Schema:
    """Return the columns of samples.parquet.

    key, shard, split (string); scene_id, variant_id, seed (int64); per factor its value (string or
    float64) and `<factor>_bin` (int32), both null if it does not apply; car_x0, car_y0, car_x1,
    car_y1 (int32, pixels, the upper ends exclusive, null if no car is in the picture); car_area
    (float64, visible share of the picture, 0..1); camera_matrix (float64[16], world to camera, row
    major, meters); credits_id (string, ids joined by ';').
    """
    import pyarrow as pa

    *fields, credits_id = (
        pa.field(name, _arrow(kind), nullable=False) for name, kind in _REQUIRED.items()
    )
    for factor in factors:
        kind = "float64" if factor.is_numeric else "string"
        fields += [pa.field(factor.key, _arrow(kind)), pa.field(f"{factor.key}_bin", pa.int32())]
    fields += [pa.field(name, _arrow(kind)) for name, kind in _OPTIONAL.items()]
    fields += [pa.field(_MATRIX, pa.list_(pa.float64(), 16))]
    return pa.schema([*fields, credits_id])


def samples_table(rows: Iterable[Row], factors: Sequence[Factor]) -> pa.Table:
    """Return rows as a table of `samples_schema`; the bins are computed from the values.

    Args:
        rows: one mapping per image. It has a value of each factor (None: does not apply). Car box
            and car_area may be left out; a missing credits_id becomes ''.
        factors: the factors of the dataset.

    Raises:
        InputError: a column is missing, unknown or of another type, a value is not one of its
            factor's, a key has a dot or occurs twice; names the key.
    """
    import pyarrow as pa

    schema = samples_schema(factors)
    complete = [_complete(row, factors, schema.names) for row in rows]
    _check_keys([row["key"] for row in complete])
    columns = []
    for field in schema:
        values = [row[field.name] for row in complete]
        try:
            columns.append(pa.array(values, type=field.type))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"column '{field.name}': not {field.type}: {error}") from None
    return pa.Table.from_arrays(columns, schema=schema)


def write_samples(path: str | os.PathLike[str], table: pa.Table) -> Samples:
    """Write a table that `samples_table` made as samples.parquet.

    The same rows give the same bytes (under one version of pyarrow).

    Returns:
        Length and digest of the file, for the manifest.
    """
    import pyarrow.parquet as pq

    with atomic_file(path) as file:
        pq.write_table(table, file, compression="zstd", version="2.6", row_group_size=1 << 16)
    return Samples(bytes=Path(path).stat().st_size, sha256=sha256_of(path))


MAX_BYTES = 2 * 1024**3
"""Bytes in memory of the rows of a dataset: a million of all factors take 0.85 GB."""


def read_samples(path: str | os.PathLike[str] | BinaryIO, rows: int | None = None) -> pa.Table:
    """Read samples.parquet from a path or an open binary file.

    Args:
        rows: required number of rows; any number if None.

    Raises:
        DatasetError: the file is missing, not a Parquet file, has another number of rows, or would
            fill the memory.
    """
    try:
        return read_parquet(path, SAMPLES_FILE, rows=rows, least=MAX_BYTES)
    except FileNotFoundError:
        raise DatasetError(f"{path}: missing") from None


def sample_json(row: Row) -> bytes:
    """Return the content of `<key>.json`: a row in one canonical form, sorted by column.

    Raises:
        DatasetError: a number is NaN or infinite, which JSON does not have.

    >>> sample_json({"key": "a1", "sun_elevation": 30.0, "background_hue": None})
    b'{"background_hue":null,"key":"a1","sun_elevation":30.0}'
    """
    try:
        text = json.dumps(
            dict(row), sort_keys=True, allow_nan=False, ensure_ascii=False, separators=(",", ":")
        )
    except ValueError as error:
        raise DatasetError(f"sample '{row.get('key')}': not valid in JSON: {error}") from None
    return text.encode()


def _arrow(kind: str) -> pa.DataType:
    import pyarrow as pa

    return pa.type_for_alias(kind)


def _complete(row: Row, factors: Sequence[Factor], names: list[str]) -> dict[str, object]:
    """Return a row with all columns, in plain Python types, with bins."""
    plain_row = {name: _plain(value) for name, value in row.items()}
    where = f"row '{plain_row.get('key')}'"
    for name in plain_row:
        if name not in names:
            raise UnknownNameError("column", name, names, where=where)
    optional = dict.fromkeys(NULLABLE) | {"credits_id": ""}
    complete = optional | plain_row | _factor_columns(plain_row, factors, where)
    for name in names:
        if name not in complete:
            raise InputError(f"{where}: column '{name}' is missing")
    for name, kind in _KINDS.items():
        _check_type(complete[name], kind, name in _REQUIRED, f"{where}: column '{name}'")
    # Never null: pyarrow cannot read null lists of a fixed length back from parquet.
    matrix = complete[_MATRIX]
    if not isinstance(matrix, list) or len(matrix) != 16:
        raise InputError(f"{where}: column '{_MATRIX}' has to be a list of 16 numbers")
    for number in matrix:
        _check_type(number, "float64", True, f"{where}: column '{_MATRIX}'")
    return complete


def _check_type(value: object, kind: str, required: bool, where: str) -> None:
    """Check a type strictly, since pyarrow would truncate 1.5 to 1 and accept True as 1."""
    if value is None:
        if required:
            raise InputError(f"{where} is null")
        return
    if isinstance(value, bool) or not isinstance(value, _PYTHON[kind]):
        raise InputError(f"{where}: {value!r} is not {kind}")
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where}: {value!r} is not finite")


def _factor_columns(row: Row, factors: Sequence[Factor], where: str) -> dict[str, object]:
    columns: dict[str, object] = {}
    for factor in factors:
        if factor.key not in row:
            raise InputError(f"{where}: factor '{factor.key}' is missing (None: does not apply)")
        try:
            number = factor.bin_of(row[factor.key])
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        stated = row.get(f"{factor.key}_bin", number)
        if stated != number:
            raise InputError(f"{where}: {factor.key}_bin is {stated}, its value has bin {number}")
        columns[factor.key] = None if number is None else factor.values[number]
        columns[f"{factor.key}_bin"] = number
    return columns


def _plain(value: object) -> object:
    """Return a NumPy value as a Python number or list, and any other value unchanged."""
    return value.tolist() if hasattr(value, "tolist") else value


def _check_keys(keys: Sequence[object]) -> None:
    seen = set()
    for key in keys:
        if problem := key_problem(key):
            raise InputError(problem)
        if key in seen:
            raise InputError(f"key '{key}' occurs more than once")
        seen.add(key)
