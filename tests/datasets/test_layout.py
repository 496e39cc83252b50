"""Shard layout: a pure function of the plan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmldata.common.errors import InputError
from dmldata.contract.layout import SEEN_ROWS, images_per_shard_for, shard_layout, typed_first

splits = st.lists(st.sampled_from(["test", "train", "train_b", "validation"]), max_size=60)
hues = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.none() | st.just(0.5)), max_size=40)


@given(splits, st.integers(1, 7))
def test_every_row_is_in_exactly_one_shard(rows: list[str], size: int) -> None:
    placed = [row for shard in shard_layout(rows, size) for row in shard.rows]
    assert sorted(placed) == list(range(len(rows)))


@given(splits, st.integers(1, 7))
def test_shards_are_sorted_full_and_of_one_split(rows: list[str], size: int) -> None:
    layout = shard_layout(rows, size)
    names = [shard.file for shard in layout]
    assert names == sorted(set(names))
    for shard in layout:
        assert {rows[row] for row in shard.rows} == {shard.split}
        assert shard.file.startswith(f"{shard.split}-")
        assert list(shard.rows) == sorted(shard.rows)
        assert 1 <= len(shard.rows) <= size
    for split in set(rows):
        assert all(len(s.rows) == size for s in [s for s in layout if s.split == split][:-1])


@given(hues)
def test_the_first_rows_of_a_split_show_every_type(given_rows: list) -> None:
    rows = [{"split": split, "hue": hue} for split, hue in given_rows]
    order = typed_first(rows, ["hue"])
    assert sorted(order) == list(range(len(rows)))
    for split in ("a", "b"):
        of_split = [rows[number]["hue"] for number in order if rows[number]["split"] == split]
        assert any(of_split) == any(of_split[:SEEN_ROWS])


def test_rows_keep_their_order_where_types_show_already() -> None:
    rows = [{"split": "a", "hue": hue} for hue in (None, 0.5, None, None, None, None, 0.7)]
    assert typed_first(rows, ["hue"]) == list(range(7))


def test_a_shard_stays_under_its_target() -> None:
    assert images_per_shard_for(100.0, target=1050) == 10
    assert images_per_shard_for(5000.0, target=1050) == 1


@pytest.mark.parametrize("size", [0, -3])
def test_a_shard_holds_at_least_one_image(size: int) -> None:
    with pytest.raises(InputError, match="1 or more"):
        shard_layout(["train"], size)
