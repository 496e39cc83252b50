"""Reading untrusted files: one-line errors for damaged ones, and limits on their expansion."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dmldata.common.errors import DatasetError, InputError, PrismError, one_line

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_RATIO = 20
"""Maximum number of bytes in memory per byte of a file that expands beyond MIN_BYTES."""
MIN_BYTES = 256 * 1024**2
MAX_CELLS_PER_BYTE = 4
"""Maximum number of cells per byte of the file of a table with more than MIN_CELLS cells."""
MIN_CELLS = 10_000_000

_ROWS, _LIST_ROWS = 4096, 256
"""Rows per batch: the size in memory is checked after each batch; lists can be long."""
_MAX_REASON_LENGTH = 300


@contextmanager
def reading(where: str, what: str, error: type[PrismError] = InputError) -> Iterator[None]:
    """Turn any exception of a library that reads a file into a one-line error.

    Args:
        where: name of the file, for the message.
        what: what the file should be, such as "a parquet file".
        error: class of the error to raise.

    Raises:
        error: for any exception except a PrismError, which passes unchanged.
    """
    try:
        yield
    except PrismError:
        raise
    except OSError as reason:
        raise error(f"{where}: {reason.strerror or _short(reason)}; valid: {what}") from None
    except Exception as reason:
        raise error(f"{where}: not {what}, or damaged: {_short(reason)}") from reason


def check_expansion(
    where: str, expanded: int, size: int, error: type[PrismError], least: int | None = None
) -> None:
    """Check that a file does not expand so far that it fills the memory.

    Args:
        expanded: size in memory in bytes.
        size: size of the file in bytes.
        least: number of bytes that any file may expand to; MIN_BYTES if None.

    Raises:
        error: `expanded` is more than MAX_RATIO times `size`, and more than `least`.
    """
    limit = max(MIN_BYTES if least is None else least, MAX_RATIO * size)
    if expanded > limit:
        raise error(
            f"{where}: expands from {size:,} bytes to {expanded:,} or more; the limit is {limit:,}"
        )


def archive_names(path: Path, error: type[PrismError] = InputError) -> list[str]:
    """Return the names of the members of a zip archive; empty if the file is not an archive.

    Raises:
        error: the archive is damaged, or would expand beyond the limit of `check_expansion`.
    """
    if not zipfile.is_zipfile(path):
        return []
    with reading(str(path), "a whole zip archive", error), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    expanded = sum(member.file_size for member in members)
    check_expansion(str(path), expanded, path.stat().st_size, error)
    return [member.filename for member in members]


def read_parquet(
    source: str | os.PathLike[str] | BinaryIO,
    where: str,
    *,
    error: type[PrismError] = DatasetError,
    rows: int | None = None,
    leave_out: bool = False,
    least: int | None = None,
) -> pa.Table:
    """Read a whole Parquet file, batch by batch, within the limits of this module.

    Args:
        source: a path, or an open binary file.
        where: name of the file, for messages.
        error: class of the error to raise.
        rows: required number of rows; any number if None.
        leave_out: skip columns of objects and of lists of anything but numbers, which are an
            error otherwise.
        least: number of bytes that any such file may expand to; MIN_BYTES if None.

    Raises:
        FileNotFoundError: the file does not exist.
        error: it is not a Parquet file, has another number of rows or a column of objects, or
            expands too far.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(source, str | os.PathLike) and not Path(source).exists():
        raise FileNotFoundError(source)
    with reading(where, "a Parquet file", error):
        if isinstance(source, str | os.PathLike):
            opened: str | pa.Buffer = os.fspath(source)
            size = Path(source).stat().st_size
        else:
            # Arrow's threads may outlive the interpreter, which aborts at its end if they still
            # hold a Python file.
            opened = pa.py_buffer(source.read())
            size = opened.size
        schema = pq.ParquetFile(opened).schema_arrow
        simple = [field for field in schema if _is_simple(field.type)]
        if len(simple) < len(schema) and not leave_out:
            refused = next(field for field in schema if field not in simple)
            raise error(f"{where}: column '{refused.name}': {refused.type}; valid: numbers or text")
        schema = pa.schema([field.with_type(_read_as(field.type)) for field in simple])
        texts = [field.name for field in schema if _is_text(field.type)]
        # Texts stay in dictionaries until their total length is known.
        file = pq.ParquetFile(opened, read_dictionary=texts)
        metadata = file.metadata
        if rows is not None and metadata.num_rows != rows:
            raise error(f"{where}: {metadata.num_rows:,} rows, has to have {rows:,}")
        _check_cells(metadata, where, size, error, least)
        batches, expanded = [], 0
        any_length = any(map(_is_list_of_any_length, schema.types))
        rows_at_once = _LIST_ROWS if any_length else _ROWS
        for batch in file.iter_batches(batch_size=rows_at_once, columns=schema.names):
            expanded += sum(map(_expanded_bytes, batch.columns))
            check_expansion(where, expanded, size, error, least)
            batches.append(pa.Table.from_batches([batch]).select(schema.names).cast(schema))
        table = pa.concat_tables(batches) if batches else schema.empty_table()
        table.validate(full=True)
        return table


def _check_cells(
    metadata: pq.FileMetaData, where: str, size: int, error: type[PrismError], least: int | None
) -> None:
    # Metadata of single columns is not read: pyarrow ends the process if it is wrong.
    cells = metadata.num_rows * max(metadata.num_columns, 1)
    limit = max(MIN_CELLS, MAX_CELLS_PER_BYTE * size)
    if cells > limit:
        raise error(f"{where}: {cells:,} cells in {size:,} bytes; the limit is {limit:,}")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    stated = sum(group.total_byte_size for group in groups)
    check_expansion(where, stated, size, error, least)


def _is_simple(kind: pa.DataType) -> bool:
    """Return whether cells are numbers, text or lists of numbers, whose size can be checked."""
    import pyarrow as pa

    types = pa.types
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return bool(types.is_primitive(kind.value_type))
    plain = types.is_primitive(kind) or types.is_decimal(kind) or types.is_null(kind)
    return bool(plain or _is_text(kind))


def _is_list_of_any_length(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind))


def _read_as(kind: pa.DataType) -> pa.DataType:
    """Return the type that a column is read as: one for all texts, numbers for decimals."""
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        return pa.float64()
    return pa.string() if _is_text(kind) and not pa.types.is_binary(kind) else kind


def _expanded_bytes(column: pa.Array) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return int(pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0) + 4 * len(column)


def _short(reason: BaseException) -> str:
    text = one_line(reason) or type(reason).__name__
    return text if len(text) <= _MAX_REASON_LENGTH else f"{text[:_MAX_REASON_LENGTH]} ..."
