"""JSON documents with long lists, written element by element."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from dmldata.common.errors import DatasetError


def write_json(path: Path, fields: Mapping[str, object]) -> None:
    """Write a JSON object; the elements of an iterator become a list with one line per element.

    The fields are written in their order, and an iterator is consumed when its turn comes.

    Raises:
        DatasetError: a number is NaN or infinite, which JSON does not have.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.json")
    ...     write_json(path, {"name": "a", "squares": (n * n for n in range(3))})
    ...     print(path.read_text())
    {"name": "a",
    "squares": [
    0,
    1,
    4]}
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        before = "{"
        for name, value in fields.items():
            file.write(f"{before}{_text(name, path)}: ")
            before = ",\n"
            if not isinstance(value, Iterator):
                file.write(_text(value, path))
                continue
            opening = "[\n"
            for element in value:
                file.write(opening + _text(element, path))
                opening = ",\n"
            file.write("]" if opening == ",\n" else "[]")
        file.write("}")


def _text(value: object, path: Path) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise DatasetError(f"{path.name}: not valid in JSON: {error}") from None
