"""A file has its name only when it is whole."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from dmldata.files import sha256_of, whole_file, write_whole


def test_the_name_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.bin"
    with whole_file(target) as file:
        file.write(b"abc")
        assert not target.exists()
    assert target.read_bytes() == b"abc"
    assert [path.name for path in target.parent.iterdir()] == ["a.bin"]


def fail_half_way(target: Path) -> None:
    with whole_file(target) as file:
        file.write(b"half")
        raise RuntimeError


def test_a_failure_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    write_whole(target, "before")
    with pytest.raises(RuntimeError):
        fail_half_way(target)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    assert target.read_text() == "before"


def test_the_digest_of_a_path_and_of_a_file_are_the_same(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    write_whole(tmp_path / "a.bin", data)
    expected = hashlib.sha256(data).hexdigest()
    assert sha256_of(tmp_path / "a.bin") == expected
    assert sha256_of(str(tmp_path / "a.bin")) == expected
    assert sha256_of(io.BytesIO(data)) == expected
