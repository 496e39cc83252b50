"""A CSV file of labels: a row an image, a column a property."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dmldata.errors import InputError


class CsvTable(NamedTuple):
    """The cells of each column, without spaces around them, and the line that each row ends on."""

    columns: dict[str, list[str]]
    lines: list[int]


def read_csv(path: Path) -> CsvTable:
    """Read a CSV file whose header names the columns.

    Raises:
        InputError: it cannot be read, or is not such a table; the message names the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = list(_lines(csv.reader(file, strict=True), path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; valid: a CSV file of labels") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text; valid: a CSV file of labels") from None
    if not table:
        raise InputError(f"{path}: empty; valid: a header that names the properties, then rows")
    (_, header), *rows = table
    for column, name in enumerate(header):
        if not name:
            raise InputError(f"{path}, line 1: column {column + 1} has no name")
        if name in header[:column]:
            raise InputError(f"{path}, line 1: two columns are called '{name}'")
    for line, cells in rows:
        if len(cells) != len(header):
            raise InputError(
                f"{path}, line {line}: {len(cells)} cells; valid: {len(header)}, as in the header"
            )
    if not rows:
        raise InputError(f"{path}: no rows below the header; valid: a row an image")
    columns = zip(*(cells for _, cells in rows), strict=True)
    return CsvTable(dict(zip(header, map(list, columns), strict=True)), [line for line, _ in rows])


def _lines(reader: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row, without blank lines at the end.

    A blank line elsewhere is a row with one empty cell: an image without a label where there is
    a single column, and too few cells where there are more.
    """
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
