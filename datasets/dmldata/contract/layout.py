"""The layout of rows in shards: a pure function of the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from dmldata.common.errors import InputError

SHARD_BYTES = 256 * 10**6
MAX_SHARDS = 10**6
SEEN_ROWS = 5


class ShardPlan(NamedTuple):
    """The rows (indices into the plan, in order) of one shard."""

    file: str
    split: str
    rows: tuple[int, ...]


def shard_layout(splits: Sequence[str], images_per_shard: int) -> tuple[ShardPlan, ...]:
    """Return the shards, sorted by name; rows of a split keep their order.

    Args:
        splits: split of each row, in the order of the plan.
        images_per_shard: maximum number of images per shard; see `images_per_shard_for`.

    Raises:
        InputError: less than one image per shard, or more than MAX_SHARDS shards in a split.

    >>> for shard in shard_layout(["train", "test", "train", "train"], 2):
    ...     print(*shard)
    test-000000.tar test (1,)
    train-000000.tar train (0, 2)
    train-000001.tar train (3,)
    """
    if images_per_shard < 1:
        raise InputError(f"images per shard is {images_per_shard}: has to be 1 or more")
    rows_of: dict[str, list[int]] = {}
    for row, split in enumerate(splits):
        rows_of.setdefault(split, []).append(row)
    plans = []
    for split, rows in sorted(rows_of.items()):
        for number, start in enumerate(range(0, len(rows), images_per_shard)):
            if number >= MAX_SHARDS:
                raise InputError(f"split '{split}' needs more than {MAX_SHARDS} shards")
            chosen = tuple(rows[start : start + images_per_shard])
            plans.append(ShardPlan(f"{split}-{number:06d}.tar", split, chosen))
    return tuple(plans)


def typed_first(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> list[int]:
    """Return an order of rows in which the first rows of each split show the type of each column.

    Hugging Face `datasets` takes the type of a field from the first five samples of a split, and
    fails on a later value if it has seen only null. If the first five rows leave a column null that
    has a value further down, a small set of rows is moved to the front; all others stay in order.

    Args:
        rows: rows with at least the column 'split'.
        columns: names of columns; a missing column counts as null.

    Returns:
        Indices into `rows`, each once.

    >>> rows = [{"split": "train", "hue": hue} for hue in (None,) * 6 + (0.5,)]
    >>> typed_first(rows, ["hue"])
    [6, 0, 1, 2, 3, 4, 5]
    """
    numbers: dict[object, list[int]] = {}
    for number, row in enumerate(rows):
        numbers.setdefault(row.get("split"), []).append(number)
    first = set[int]()
    order: list[int] = []
    for of_split in numbers.values():
        filled_columns = {
            number: frozenset(name for name in columns if rows[number].get(name) is not None)
            for number in of_split
        }
        moved = _covering(filled_columns)
        first.update(moved)
        order += moved
    return order + [number for number in range(len(rows)) if number not in first]


def _covering(filled: dict[int, frozenset[str]]) -> list[int]:
    """Return rows that together fill every column that any row fills; empty if the first five do.

    Args:
        filled: row number -> columns that are not null in it.
    """
    uncovered = frozenset[str]().union(*filled.values())
    if uncovered == frozenset[str]().union(*islice(filled.values(), SEEN_ROWS)):
        return []
    chosen: list[int] = []
    while uncovered:
        best = max(filled, key=lambda number: len(filled[number] & uncovered))
        chosen.append(best)
        uncovered -= filled[best]
    return chosen


def images_per_shard_for(bytes_per_image: float, target: int = SHARD_BYTES) -> int:
    """Return how many images fit into a shard of `target` bytes, at least 1.

    >>> images_per_shard_for(64_000)
    4000
    """
    if bytes_per_image <= 0:
        raise InputError(f"bytes per image is {bytes_per_image}: has to be above 0")
    return max(1, int(target // bytes_per_image))
