"""Read tables of labels (CSV, JSON lines, parquet): one row per image, one column per property.

`csv` of the standard library splits the cells: `pyarrow.csv` does not say on which line a row ends,
leaves out blank lines, which are images without a label here, and takes one fixed delimiter.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dmlbench.sources.properties import Cell
from dmldata.common.errors import InputError
from dmldata.common.files import read_file
from dmldata.common.foreign import read_parquet
from dmldata.common.strict import parse_plain_json

MISSING = frozenset(
    (
        *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
"""Cells that hold no label, in addition to empty cells; pandas reads the same ones as missing."""

MAX_BYTES = 256 * 1024**2
"""Maximum size of a text table."""
_DELIMITERS = (",", ";", "\t", "|")
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_ENCODINGS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+")
_MOSTLY = 0.75
"""Minimum share of numbers in a column for which a cell that is not a number is a mistake."""


class CsvTable(NamedTuple):
    """A table's cells by column.

    Attributes:
        columns: cells by column name. Text is stripped, and "" means no label; numbers and booleans
            from JSON and parquet are unchanged, and None means no label.
        lines: line of the file on which each row ends.
        notes: how the file was read, if there was a choice.
    """

    columns: dict[str, list[Cell]]
    lines: list[int]
    notes: tuple[str, ...] = ()


def read_csv(path: Path) -> CsvTable:
    """Read a table whose columns have names.

    Text may be UTF-8, or UTF-16 with a byte order mark. Cells may be separated by commas,
    semicolons, tabs or bars. A `.jsonl` or `.ndjson` file holds one object per line. A parquet file
    is recognized by its content.

    Raises:
        InputError: the file cannot be read, or is not such a table; the message names the line.
    """
    try:
        data = read_file(path, MAX_BYTES)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; valid: a table of labels") from None
    if data.startswith(b"PAR1"):
        return _read_parquet(path)
    text = _decoded(data, path)
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return _read_json_lines(text, path)
    return _read_delimited(text, path)


def tidy_numbers(table: CsvTable, path: Path, keep: Collection[str] = ()) -> CsvTable:
    """Replace decimal commas with points; refuse a column in which only some cells are not numbers.

    Args:
        keep: columns to leave unchanged, such as names and categorical properties.

    Raises:
        InputError: a cell in a column of numbers is not a number; the message names its line and
            column.
    """
    columns, notes = dict(table.columns), list(table.notes)
    for name, cells in table.columns.items():
        if name in keep or not any(isinstance(cell, str) for cell in cells):
            continue
        present = [cell for cell in cells if cell not in ("", None)]
        if _has_decimal_commas(present):
            columns[name] = [
                cell.replace(",", ".") if isinstance(cell, str) else cell for cell in cells
            ]
            notes.append(f"{path.name}: column '{name}' has decimal commas")
        _refuse_odd_cells(name, columns[name], table.lines, path)
    return CsvTable(columns, table.lines, tuple(notes))


def _has_decimal_commas(present: Sequence[Cell]) -> bool:
    texts = [str(cell) for cell in present]
    with_comma = [text for text in texts if "," in text]
    return (
        bool(with_comma)
        and all(_DECIMAL_COMMA.fullmatch(text) for text in with_comma)
        and all(_NUMBER.fullmatch(text) for text in texts if "," not in text)
        and not all(_THOUSANDS.fullmatch(text) for text in with_comma)
    )


def _refuse_odd_cells(name: str, cells: list[Cell], lines: list[int], path: Path) -> None:
    present = [
        (line, cell) for line, cell in zip(lines, cells, strict=True) if cell not in ("", None)
    ]
    odd = [
        (line, cell)
        for line, cell in present
        if isinstance(cell, str) and not _NUMBER.fullmatch(cell)
    ]
    if odd and all(_THOUSANDS.fullmatch(cell) for _, cell in odd):
        line, cell = odd[0]
        raise InputError(
            f"{path}, line {line}, column '{name}': the commas of '{cell}' may be of thousands or "
            "of decimals; valid: numbers without separators of thousands; a --properties file with "
            f"'{name}: {{kind: categorical}}' reads the column as names"
        )
    if odd and len(odd) < len(present) and len(present) - len(odd) >= _MOSTLY * len(present):
        line, cell = odd[0]
        more = f" (and {len(odd) - 1} more)" if odd[1:] else ""
        raise InputError(
            f"{path}, line {line}, column '{name}': '{cell}' is not a number{more}, but the other "
            "cells are; valid: a number, or an empty cell for no label; a --properties file "
            f"with '{name}: {{kind: categorical}}' reads the column as names"
        )


def _decoded(data: bytes, path: Path) -> str:
    encoding = next((name for mark, name in _ENCODINGS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: not UTF-8 text; valid: a table of labels, in UTF-8 or UTF-16"
        ) from None


def _read_delimited(text: str, path: Path) -> CsvTable:
    delimiter = _sniffed(text)
    table = list(_lines(text, delimiter, path))
    if not table:
        raise InputError(f"{path}: empty; valid: a header that names the properties, then rows")
    (_, header), *rows = table
    _check_header(header, path)
    for line, cells in rows:
        if len(cells) != len(header):
            raise InputError(
                f"{path}, line {line}: {len(cells)} cells; valid: {len(header)}, as in the header"
            )
    if not rows:
        raise InputError(f"{path}: no rows below the header; valid: a row per image")
    columns = zip(*([_label(cell) for cell in cells] for _, cells in rows), strict=True)
    notes = () if delimiter == "," else (f"{path.name}: cells separated by {_NAMES[delimiter]}",)
    return CsvTable(
        dict(zip(header, map(list, columns), strict=True)), [line for line, _ in rows], notes
    )


def _check_header(header: list[str], path: Path) -> None:
    for column, name in enumerate(header):
        if not name:
            raise InputError(f"{path}, line 1: column {column + 1} has no name")
        if name in header[:column]:
            raise InputError(f"{path}, line 1: two columns are called '{name}'")


def _label(cell: str) -> str:
    return "" if cell in MISSING else cell


def _sniffed(text: str) -> str:
    """Return the delimiter for which all rows have as many cells as the header, more than one.

    >>> _sniffed("a;b\\n1,5;2\\n"), _sniffed("a,b\\n1;5,2\\n"), _sniffed("a\\n1\\n")
    (';', ',', ',')
    """
    widths = {delimiter: _widths(text, delimiter) for delimiter in _DELIMITERS}
    even = {d: w[0] for d, w in widths.items() if w and w[0] > 1 and len(set(w)) == 1}
    if even:
        return max(even, key=lambda delimiter: even[delimiter])
    # Rows of several lengths are an error, which is reported for the header's likely delimiter.
    headers = {d: w[0] for d, w in widths.items() if w}
    return max(headers, key=lambda delimiter: headers[delimiter]) if headers else ","


def _widths(text: str, delimiter: str) -> list[int]:
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        return [len(cells) for cells in reader if cells]
    except csv.Error:
        return []


def _lines(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and cells of each row, without blank lines at the end.

    A blank line elsewhere is a row with one empty cell: an image without a label if there is a
    single column, and an error (too few cells) if there are more.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    blank: list[int] = []
    try:
        for cells in reader:
            if not cells:
                blank.append(reader.line_num)
                continue
            yield from ((line, [""]) for line in blank)
            blank.clear()
            yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}; valid: CSV") from None


def _read_json_lines(text: str, path: Path) -> CsvTable:
    rows: list[tuple[int, dict[str, object]]] = []
    for line, text_line in enumerate(text.split("\n"), 1):
        if not text_line.strip():
            continue
        row = parse_plain_json(text_line, f"{path}, line {line}", InputError)
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {line}: valid: an object")
        rows.append((line, row))
    if not rows:
        raise InputError(f"{path}: empty; valid: an object per line")
    names = dict.fromkeys(name for _, row in rows for name in row)
    columns = {name: [row.get(name) for _, row in rows] for name in names}
    return _table_of(columns, [line for line, _ in rows], path)


def _read_parquet(path: Path) -> CsvTable:
    import pyarrow.parquet as pq

    parquet = read_parquet(path, str(path), error=InputError, leave_out=True)
    names = pq.read_schema(path).names
    nested = tuple(_left_out(path, name) for name in names if name not in parquet.column_names)
    if not parquet.num_rows:
        raise InputError(f"{path}: no rows; valid: a row per image")
    columns = {name: parquet[name].to_pylist() for name in parquet.column_names}
    table = _table_of(columns, list(range(1, parquet.num_rows + 1)), path)
    return table._replace(notes=nested + table.notes)


def _flat(cell: object) -> Cell:
    """Convert a cell of JSON or parquet to a label; NaN becomes None."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, str):
        return _label(cell.strip())
    return cell if isinstance(cell, int | float) else str(cell)


def _left_out(path: Path, name: str) -> str:
    return f"{path.name}: column '{name}' holds lists or objects: left out"


def _table_of(columns: dict[str, list[object]], lines: list[int], path: Path) -> CsvTable:
    """Return the columns of labels; those that hold lists or objects are left out."""
    nested = [
        name
        for name, cells in columns.items()
        if any(isinstance(cell, dict | list) for cell in cells)
    ]
    notes = tuple(_left_out(path, name) for name in nested)
    plain = {
        name: [_flat(cell) for cell in cells]
        for name, cells in columns.items()
        if name not in nested
    }
    return CsvTable(plain, lines, notes)
