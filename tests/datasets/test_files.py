"""A file has its name only when it is whole."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dmldata.common.errors import InputError
from dmldata.common.files import (
    atomic_file,
    atomic_folder,
    finish_replacing,
    names_in,
    replace_files,
    sha256_of,
    write_atomic,
)


def test_the_name_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.bin"
    with atomic_file(target) as file:
        file.write(b"abc")
        assert not target.exists()
    assert target.read_bytes() == b"abc"
    assert [path.name for path in target.parent.iterdir()] == ["a.bin"]


def fail_half_way(target: Path) -> None:
    with atomic_file(target) as file:
        file.write(b"half")
        raise RuntimeError


def test_a_failure_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    write_atomic(target, "before")
    with pytest.raises(RuntimeError):
        fail_half_way(target)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    assert target.read_text() == "before"


def test_the_digest_of_a_path_and_of_a_file_are_the_same(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    write_atomic(tmp_path / "a.bin", data)
    expected = hashlib.sha256(data).hexdigest()
    assert sha256_of(tmp_path / "a.bin") == expected
    assert sha256_of(str(tmp_path / "a.bin")) == expected
    assert sha256_of(io.BytesIO(data)) == expected


class Kill:
    """Ends the process without a word before its k-th change of a folder."""

    def __init__(self, k: int) -> None:
        self.left = k

    def __call__(self, change: Any) -> Any:
        def counted(*args: Any, **options: Any) -> Any:
            if not self.left:
                os._exit(9)
            self.left -= 1
            return change(*args, **options)

        return counted


def replace_and_be_killed(folder: Path, new: dict[str, bytes], k: int) -> bool:
    """Replaces files in a process of its own; returns whether it came to its end."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    kill = Kill(k)
    for name in ("replace", "rename", "unlink", "rmdir", "mkdir"):
        setattr(Path, name, kill(getattr(Path, name)))
    os.fsync = kill(os.fsync)
    replace_files(folder, new)
    os._exit(0)


def test_files_killed_while_they_are_replaced_together_are_all_old_or_all_new(
    tmp_path: Path,
) -> None:
    old = {name: b"old " + name.encode() for name in ("a", "b", "c")}
    new = {name: b"new " + name.encode() for name in (*old, "d")}
    seen = []
    for k in range(100):
        folder = tmp_path / str(k)
        for name, data in old.items():
            write_atomic(folder / name, data)
        ended = replace_and_be_killed(folder, new, k)
        finish_replacing(folder)
        found = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        found = {name: data for name, data in found.items() if not name.startswith(".")}
        assert found in (old, new), f"killed before change {k}"
        seen.append(found == new)
        replace_files(folder, new)
        finish_replacing(folder)
        assert {path.name for path in folder.iterdir() if path.name[:10] == ".replacing"} == set()
        if ended:
            break
    assert ended
    assert seen == sorted(seen)
    assert seen.count(True) > 5 < seen.count(False)


def test_replacing_a_link_leaves_what_it_points_to(tmp_path: Path) -> None:
    write_atomic(tmp_path / "elsewhere" / "a", b"old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").symlink_to(tmp_path / "elsewhere" / "a")
    replace_files(tmp_path / "folder", {"a": b"new"})
    assert (tmp_path / "folder" / "a").read_bytes() == b"new"
    assert (tmp_path / "elsewhere" / "a").read_bytes() == b"old"


def test_a_folder_of_others_cannot_have_files_elsewhere_changed(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    write_atomic(mine / "diary", b"mine")
    theirs = tmp_path / "theirs"
    write_atomic(theirs / ".replacing" / "link", b"theirs")
    (theirs / "link").symlink_to(mine / "diary")
    finish_replacing(theirs)
    assert (mine / "diary").read_bytes() == b"mine"
    for name in (".replacing", ".replacing.part", ".replacing-x"):
        (theirs / name).symlink_to(mine)
    finish_replacing(theirs)
    with pytest.raises(OSError, match="replacing"):
        replace_files(theirs, {"diary": b"theirs"})
    assert [path.name for path in mine.iterdir()] == ["diary"]


def fill(folder: Path, then: Callable[[Path], object]) -> None:
    with atomic_folder(folder) as beside:
        (beside / "half").touch()
        then(beside)


def test_a_folder_appears_only_when_the_block_ends_and_not_where_it_fails(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        fill(tmp_path / "new" / "a", fail)
    assert list((tmp_path / "new").iterdir()) == []
    with atomic_folder(tmp_path / "new" / "a") as folder:
        (folder / "whole").touch()
        assert not (tmp_path / "new" / "a").exists()
    assert names_in(tmp_path / "new" / "a") == ["whole"]
    assert names_in(tmp_path / "new") == ["a"]


@pytest.mark.parametrize("there", ["a file", "a folder with a file"])
def test_a_folder_takes_nobodys_place(tmp_path: Path, there: str) -> None:
    target = tmp_path / "a"
    if there == "a file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine").touch()
    begun: list[Path] = []
    with pytest.raises(InputError, match="valid: a new or an empty folder"):
        fill(target, begun.append)
    assert begun == []
    with pytest.raises(InputError, match="valid: a new or an empty folder"):
        fill(tmp_path / "b", lambda _: target.rename(tmp_path / "b"))
    assert names_in(tmp_path) == ["b"]


def test_an_error_of_the_system_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    def full(path: Path) -> None:
        with atomic_file(path):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        full(tmp_path / "a.bin")
    assert caught.value.filename == str(tmp_path / "a.bin")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as folder:
        write_atomic(tmp_path / "folder", "text")
    assert folder.value.filename == str(tmp_path / "folder")
    assert names_in(tmp_path) == ["folder"]
