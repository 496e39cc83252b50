"""Shards: deterministic bytes, and a reader that refuses what a shard must not hold."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from dmldata.common.errors import DatasetError, InputError
from dmldata.common.files import sha256_of
from dmldata.contract.shards import read_shard, write_shard

FILES = {"jpg": b"picture", "mask.png": b"mask", "json": b"{}"}
TWO = [("a1", FILES), ("a2", FILES)]


def tar_of(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """A tar made by the standard library, as somebody else would make one."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, link, len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def sample(key: str) -> tuple[tuple[str, bytes], ...]:
    return tuple((f"{key}.{extension}", data) for extension, data in FILES.items())


def read(data: bytes, **limits: int) -> list:
    return list(read_shard(io.BytesIO(data), "train-000000.tar", **limits))


def test_what_could_not_be_read_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dmldata.contract.tar.MAX_MEMBER_BYTES", 6)
    with pytest.raises(InputError, match=r"a1\.jpg: 7 bytes; valid: at most 6"):
        write_shard(tmp_path / "train-000003.tar", TWO)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "train-000003.tar", TWO)
    assert (shard.file, shard.split, shard.images) == ("train-000003.tar", "train", 2)
    assert shard.sha256 == sha256_of(tmp_path / shard.file)
    assert shard.bytes == (tmp_path / shard.file).stat().st_size
    assert read((tmp_path / shard.file).read_bytes()) == TWO


def test_the_bytes_are_those_of_a_plain_tar_without_owner_or_time(tmp_path: Path) -> None:
    reordered = [(key, dict(reversed(files.items()))) for key, files in TWO]
    write_shard(tmp_path / "train-000000.tar", reordered)
    assert (tmp_path / "train-000000.tar").read_bytes() == tar_of(*sample("a1"), *sample("a2"))


def test_a_member_order_is_fixed(tmp_path: Path) -> None:
    write_shard(tmp_path / "train-000000.tar", [("a1", FILES | {"depth.png": b"depth"})])
    with tarfile.open(tmp_path / "train-000000.tar") as tar:
        assert tar.getnames() == ["a1.jpg", "a1.mask.png", "a1.depth.png", "a1.json"]


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([], "at least one sample"),
        ([("a.1", FILES)], "no dots"),
        ([("a/1", FILES)], "no dots"),
        ([("a1", FILES), ("a1", FILES)], "more than once"),
        ([("a1", FILES), ("a2", FILES | {"depth.png": b""})], "depth.png"),
        ([("a1", FILES | {"txt": b""})], "'txt' is not one of"),
        ([("a1", FILES | {"png": b""})], "exactly one image"),
        ([("a1", {"jpg": b"", "mask.png": b""})], "no json"),
        ([("a" * 300, FILES)], "name is too long"),
    ],
)
def test_samples_that_break_the_contract_are_not_written(
    samples: list, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=reason):
        write_shard(tmp_path / "train-000000.tar", samples)
    assert not list(tmp_path.iterdir())


WHOLE = tar_of(*sample("a1"), *sample("a2"))
HEADER = 512

REFUSED = {
    "symbolic link": (tar_of(("a1.jpg", b""), kind=tarfile.SYMTYPE, link="/x"), "symbolic link"),
    "hard link": (tar_of(("a1.jpg", b""), kind=tarfile.LNKTYPE, link="a2.jpg"), "hard link"),
    "folder": (tar_of(("a1", b""), kind=tarfile.DIRTYPE), "folder"),
    "device": (tar_of(("a1.jpg", b""), kind=tarfile.CHRTYPE), "device"),
    "pipe": (tar_of(("a1.jpg", b""), kind=tarfile.FIFOTYPE), "pipe"),
    "extended header": (tar_of(("x", b""), kind=tarfile.XHDTYPE), "extended header"),
    "traversal": (tar_of(("../a1.jpg", b"x")), "leaves the folder"),
    "inner traversal": (tar_of(("a/../../a1.jpg", b"x")), "leaves the folder"),
    "absolute": (tar_of(("/etc/a1.jpg", b"x")), "absolute"),
    "in a folder": (tar_of(("a/a1.jpg", b"x")), "with a folder"),
    "backslash": (tar_of(("a\\a1.jpg", b"x")), "with a folder"),
    "dotted key": (tar_of(("a.1.jpg", b"x")), "keys hold no dots"),
    "no extension": (tar_of(("a1", b"x")), "<key>.<extension>"),
    "no key": (tar_of((".jpg", b"x")), "<key>.<extension>"),
    "unknown extension": (tar_of(("a1.exe", b"x")), "'exe' is not one of"),
    "split apart": (tar_of(*sample("a1"), *sample("a2"), *sample("a1")), "split apart"),
    "twice": (tar_of(sample("a1")[0], *sample("a1")), "more than once"),
    "no image": (tar_of(*sample("a1")[1:]), "exactly one image"),
    "no json": (tar_of(*sample("a1")[:-1]), "no json"),
    "unlike files": (tar_of(*sample("a1"), sample("a2")[0], sample("a2")[2]), "those before it"),
    "cut in a member": (WHOLE[: HEADER + 3], "truncated inside member"),
    "cut in a header": (WHOLE[: 2 * HEADER + 100], "truncated"),
    "cut between members": (WHOLE[: 2 * HEADER], "truncated"),
    "empty file": (b"", "truncated"),
    "not a tar": (b"\x1f\x8b" + b"no tar at all" * 100, "not a tar"),
    "damaged header": (b"b" + WHOLE[1:], "not a tar file, or damaged"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_reader_refuses(case: str) -> None:
    data, reason = REFUSED[case]
    with pytest.raises(DatasetError, match=r"^train-000000\.tar: .*" + reason):
        read(data)


def test_an_oversize_member_is_refused_before_it_is_read() -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    file = Counting(tar_of(("a1.jpg", bytes(5000))))
    with pytest.raises(DatasetError, match=r"'a1\.jpg': 5000 bytes: the limit is 4999"):
        list(read_shard(file, "train-000000.tar", max_member_bytes=4999))
    assert file.taken == HEADER


def test_samples_before_the_damage_are_still_given() -> None:
    samples = read_shard(io.BytesIO(WHOLE[: 8 * HEADER + 10]), "train-000000.tar")
    assert next(samples).key == "a1"
