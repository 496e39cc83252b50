"""Changes to the bytes of a valid file, as damage and malice make them."""

from __future__ import annotations

import json
import random
import re
import struct
from collections.abc import Iterator
from typing import Any

TOKENS = (
    *("-1", "0", "1e11", "100000000000", "9" * 40, "9" * 5000, "1e999", "NaN", "-Infinity", ".inf"),
    *(
        "null",
        "true",
        "[]",
        "{}",
        '""',
        "'",
        '"',
        "[" * 3000,
        "{a: " * 300,
        "\\ud800",
        "2026-01-02",
    ),
    *(
        "../../outside",
        "/etc/passwd",
        "~/.ssh",
        "C:\\x",
        "file:///etc/passwd",
        "http://127.0.0.1:9/",
    ),
    *(
        "\x1b[31m",
        "\x00",
        "\u202e",
        "=1+1",
        "\n",
        "&a [*a]",
        "!!python/object:os.system x",
        "<<: *x",
    ),
    *("a" * 5000, "é" * 70, "- " * 200, "x: x: x", "|", ",", "\t", "%", "{{7*7}}", "<script>"),
)
"""What stands in place of a word of a text."""

VALUES = (
    *(
        None,
        True,
        0,
        1,
        -1,
        2,
        10**11,
        10**40,
        0.5,
        -0.5,
        1e300,
        1e-300,
        float("nan"),
        float("inf"),
    ),
    *("", "x", "../../x", "/etc", "=1", "a\nb", "\x1b[1m", "9" * 400, [], [0], [[]], {}, {"a": 1}),
    *([0.5] * 3, ["x", "x"], [None]),
)
"""What stands in place of a value of a JSON document."""

MAX_TEXT = 20_000
"""Bytes from the start of a file among which words are replaced."""
_WORD = re.compile(rb"[\w.+-]+")
_NUMBERS = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)


def mutate(data: bytes, draw: random.Random, *, text: bool) -> bytes:
    """Change the bytes of a file in one to four places.

    Args:
        draw: where every choice comes from.
        text: whether the words of a text are replaced, too.
    """
    changes = [_flip, _cut, _repeat, _remove, _insert, _number]
    if text:
        changes += [_word] * 12 + [_value] * 12
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        data = draw.choice(changes)(data, draw)
    return data


def _place(data: bytes, draw: random.Random) -> int:
    return draw.randint(0, max(len(data) - 1, 0))


def _flip(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data or b"\0")
    changed[_place(changed, draw)] ^= 1 << draw.randint(0, 7)
    return bytes(changed)


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: _place(data, draw)]


def _repeat(data: bytes, draw: random.Random) -> bytes:
    start = _place(data, draw)
    part = data[start : start + draw.randint(1, 600)]
    return data[:start] + part * draw.choice((2, 3, 50)) + data[start:]


def _remove(data: bytes, draw: random.Random) -> bytes:
    start = _place(data, draw)
    return data[:start] + data[start + draw.randint(1, 64) :]


def _insert(data: bytes, draw: random.Random) -> bytes:
    start = _place(data, draw)
    return data[:start] + draw.randbytes(draw.randint(1, 16)) + data[start:]


def _number(data: bytes, draw: random.Random) -> bytes:
    """Overwrite an integer, as sizes and offsets of binary formats are stored."""
    form = draw.choice(("<I", ">I", "<Q", "<H", "B"))
    size = struct.calcsize(form)
    packed = struct.pack(form, draw.choice(_NUMBERS) % (1 << 8 * size))
    start = _place(data, draw) // size * size
    return data[:start] + packed + data[start + size :]


def _value(data: bytes, draw: random.Random) -> bytes:
    """Replace or remove one value of a JSON document; of other texts a word."""
    try:
        document = json.loads(data)
        places = list(_places_in(document))
    except (ValueError, RecursionError):
        return _word(data, draw)
    if not places:
        return _word(data, draw)
    holder, key = draw.choice(places)
    if draw.random() < 0.2:
        del holder[key]
    else:
        holder[key] = draw.choice(VALUES)
    return json.dumps(document).encode()


def _places_in(document: Any) -> Iterator[tuple[Any, Any]]:
    pairs: Any = ()
    if isinstance(document, dict):
        pairs = document.items()
    elif isinstance(document, list):
        pairs = enumerate(document)
    for key, value in list(pairs):
        yield document, key
        yield from _places_in(value)


def _word(data: bytes, draw: random.Random) -> bytes:
    # Of a file of binary numbers, words are those of its header.
    words = list(_WORD.finditer(data[:MAX_TEXT]))
    if not words:
        return data
    found = draw.choice(words)
    token = draw.choice(TOKENS).encode("utf-8", "surrogatepass")
    return data[: found.start()] + token + data[found.end() :]
