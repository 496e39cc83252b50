"""Files from strangers: refused in one line with file and key, or harmless; never run."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import tarfile
import zlib

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dmlbench.sources.decode import decode_photograph
from dmlbench.sources.mat_file import MAX_BYTES, read_mat
from dmlbench.sources.tar_index import index_samples
from dmldata.common.errors import DatasetError
from dmldata.contract.tar import MAX_MEMBER_BYTES


@pytest.fixture
def evaluate(dmlbench, models, tmp_path):
    """Evaluate the small model without anything that takes time."""

    def call(data, *options):
        quick = ["--maps", 0, "--no-chance", "--no-intervals", "--out", tmp_path / "out"]
        return dmlbench("evaluate", models["small"], "--data", data, *quick, *options)

    return call


def assert_refused(answer, *words, out):
    assert answer.exit_code == 2, answer.err
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    for word in words:
        assert str(word) in answer.err
    assert not out.exists()


class Run:
    """Unpickled, it leaves a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_pickles_in_a_shard_are_never_loaded(evaluate, tar, draw, tmp_path):
    mark = tmp_path / "executed"
    payload = pickle.dumps(Run(mark))
    files = {}
    for number in range(4):
        files |= {f"{number}.jpg": draw(number), f"{number}.json": {"p": number % 2}}
        for extension in ("pyd", "pkl", "pickle", "pth", "pt", "npy", "cls", "jpg.pkl"):
            files[f"{number}.{extension}"] = payload
    shard = tar(tmp_path / "x.tar", files)
    answer = evaluate(shard)
    assert answer.exit_code == 0, answer.err
    assert not mark.exists()
    pickle.loads(payload)
    assert mark.exists()


@pytest.mark.parametrize("name", ["../../evil.jpg", "/tmp/evil.jpg", "a/../../evil.json"])
def test_member_that_would_leave_the_folder_is_refused(evaluate, tar, draw, tmp_path, name):
    shard = tar(tmp_path / "x.tar", {"a.jpg": draw(0), name: draw(1)})
    assert_refused(evaluate(shard), "x.tar", name, "path", out=tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_link_or_device_in_a_shard_is_refused(evaluate, tmp_path, kind):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        member = tarfile.TarInfo("a.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    assert_refused(evaluate(tmp_path / "x.tar"), "x.tar", "'a.jpg'", "link", out=tmp_path / "out")


def header(name, size, data=b""):
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


@pytest.mark.parametrize("size", [5000, 2**33, 2**60, -1024])
def test_tar_header_that_lies_about_a_size_is_refused(evaluate, draw, tmp_path, size):
    first = draw(0)
    data = header("a.jpg", len(first), first) + header("b.jpg", size, b"short") + bytes(1024)
    (tmp_path / "x.tar").write_bytes(data)
    answer = evaluate(tmp_path / "x.tar")
    assert_refused(answer, "x.tar: member 'b.jpg'", f"{size} bytes", out=tmp_path / "out")


def test_extended_header_that_lies_about_its_size_is_refused(evaluate, tmp_path):
    for kind in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
        member = tarfile.TarInfo("x")
        member.size, member.type = 2**50, kind
        (tmp_path / "x.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
        assert_refused(evaluate(tmp_path / "x.tar"), "x.tar: ", out=tmp_path / "out")


@pytest.mark.parametrize("end", [-512, -700, 700, 300])
def test_truncated_shard_is_refused(evaluate, tar, draw, tmp_path, end):
    shard = tar(tmp_path / "x.tar", {f"{n}.jpg": draw(n) for n in range(3)})
    # Up to its last byte that is not zero, a tar without the blocks that end it.
    whole = shard.read_bytes().rstrip(b"\0")
    shard.write_bytes(whole[:end])
    assert_refused(evaluate(shard), "x.tar", out=tmp_path / "out")


def test_shard_that_ends_between_two_members_is_refused(evaluate, draw, tmp_path):
    (tmp_path / "x.tar").write_bytes(header("a.jpg", len(draw(0)), draw(0)))
    answer = evaluate(tmp_path / "x.tar")
    assert_refused(answer, "x.tar: truncated", "after member 'a.jpg'", out=tmp_path / "out")


def test_shard_with_a_damaged_header_is_refused_and_not_cut_short(evaluate, draw, tmp_path):
    data = header("a.jpg", len(draw(0)), draw(0)) + b"x" * 512 + bytes(1024)
    (tmp_path / "x.tar").write_bytes(data)
    answer = evaluate(tmp_path / "x.tar")
    assert_refused(answer, "x.tar: truncated or damaged", out=tmp_path / "out")


def test_file_that_is_no_tar_is_refused(evaluate, tmp_path):
    for content in (b"", b"hello", bytes(2000)[:600], b"PK" * 1000):
        (tmp_path / "x.tar").write_bytes(content)
        assert_refused(evaluate(tmp_path / "x.tar"), "x.tar: ", out=tmp_path / "out")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_damage_to_a_tar_is_refused_or_harmless(tar, draw, tmp_path, data):
    files = {"a.jpg": draw(0), "a.json": {"p": 1}, "b.jpg": draw(1), "b.json": {"p": 2}}
    whole = bytearray(tar(tmp_path / "x.tar", files).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DatasetError):
        index_samples(io.BytesIO(bytes(whole)), "x.tar")


def png_of_size(width, height):
    """A PNG of a few bytes whose header is of a large picture."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("width", [9500, 30_000, 2**31 - 1])
def test_decompression_bomb_is_refused_by_key(evaluate, tar, draw, tmp_path, width):
    bomb = png_of_size(width, 9500)
    shard = tar(tmp_path / "x.tar", {"a.jpg": draw(0), "b.png": bomb})
    assert_refused(evaluate(shard), "x.tar: b.png: ", "bomb", out=tmp_path / "out")


def test_bomb_in_a_folder_is_refused_by_key(evaluate, csv_folder, tmp_path):
    folder = csv_folder(tmp_path / "photos", ["file,p", "a.jpg,1", "b.png,2"])
    (folder / "b.png").write_bytes(png_of_size(20_000, 20_000))
    assert_refused(evaluate(folder), "photos: b.png: ", "bomb", out=tmp_path / "out")


def test_file_beyond_the_limit_is_refused_unread(evaluate, csv_folder, tmp_path):
    size = MAX_MEMBER_BYTES + 1
    folder = csv_folder(tmp_path / "photos", ["file,p", "a.jpg,1", "b.jpg,2"])
    with (folder / "b.jpg").open("r+b") as file:
        file.truncate(size)
    assert_refused(evaluate(folder), "'b.jpg'", f"{size} bytes", out=tmp_path / "out")
    for name in ("a.jpg", "a.json"):
        with (tmp_path / "x.tar").open("wb") as file:
            file.write(header(name, size))
            file.truncate(512 + size + 2048 - size % 512)
        answer = evaluate(tmp_path / "x.tar")
        assert_refused(answer, f"x.tar: member '{name}'", f"{size} bytes", out=tmp_path / "out")


def test_needle_that_a_resize_would_blow_up_is_refused(evaluate, csv_folder, tmp_path):
    folder = csv_folder(tmp_path / "photos", ["file,p", "a.png,1"])
    Image.new("RGB", (1, 5000)).save(folder / "a.png")
    assert_refused(evaluate(folder), "a.png: 1 x 5000 pixels", "ratio", out=tmp_path / "out")


def test_lying_png_is_refused_by_key(evaluate, csv_folder, tmp_path):
    folder = csv_folder(tmp_path / "photos", ["file,p", "a.png,1", "b.png,2"])
    (folder / "b.png").write_bytes(png_of_size(500, 500))
    assert_refused(evaluate(folder), "photos: b.png: damaged", out=tmp_path / "out")


def test_truncated_image_is_refused_by_key(evaluate, csv_folder, tar, draw, tmp_path):
    folder = csv_folder(tmp_path / "photos", ["file,p", "a.jpg,1", "b.jpg,2"])
    (folder / "b.jpg").write_bytes(draw(1)[:-200])
    assert_refused(evaluate(folder), "photos: b.jpg: damaged", "truncated", out=tmp_path / "out")
    shard = tar(tmp_path / "x.tar", {"a.jpg": draw(0), "b.jpg": draw(1)[:40]})
    assert_refused(evaluate(shard), "x.tar: b.jpg: not a picture", out=tmp_path / "out")


def test_image_that_is_something_else_is_refused_by_key(evaluate, csv_folder, tmp_path):
    folder = csv_folder(tmp_path / "photos", ["file,p", "a.jpg,1"])
    (folder / "a.jpg").write_text("%!PS-Adobe-3.0 EPSF-3.0\n")
    assert_refused(evaluate(folder), "photos: a.jpg: not a picture", out=tmp_path / "out")
    (folder / "a.jpg").unlink()
    os.mkfifo(folder / "a.jpg")
    assert_refused(evaluate(folder), "'a.jpg': not a regular file", out=tmp_path / "out")


@given(st.binary(max_size=200) | st.tuples(st.integers(0, 700), st.integers(0, 255)))
def test_damage_to_an_image_is_refused_or_harmless(change):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    if isinstance(change, bytes):
        data = bytearray(b"\x89PNG\r\n\x1a\n" + change)
    else:
        data[change[0] % len(data)] = change[1]
    with contextlib.suppress(DatasetError):
        assert decode_photograph(bytes(data), "x.png").mode == "RGB"


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd.jpg", "a/../../secret.jpg"])
def test_csv_row_that_leaves_the_folder_is_refused(evaluate, csv_folder, draw, tmp_path, name):
    (tmp_path / "secret.jpg").write_bytes(draw(0))
    folder = csv_folder(tmp_path / "photos", ["file,p", "a.jpg,1"])
    (folder / "labels.csv").write_text(f"file,p\na.jpg,1\n{name},2\n")
    assert_refused(evaluate(folder), "labels.csv, line 3", name, "path", out=tmp_path / "out")


def annotations(folder, content):
    (folder / "car_ims").mkdir(parents=True, exist_ok=True)
    (folder / "cars_annos.mat").write_bytes(content)
    return folder


def test_mat_file_that_is_none_is_refused(evaluate, cars196, tmp_path):
    whole = (cars196 / "cars_annos.mat").read_bytes()
    damaged = [b"", b"hello", whole[:200], whole[:3000], pickle.dumps(Run(tmp_path / "executed"))]
    for content in damaged:
        folder = annotations(tmp_path / "cars", content)
        assert_refused(evaluate(folder), "cars_annos.mat: ", out=tmp_path / "out")
    assert not (tmp_path / "executed").exists()


def test_mat_file_that_unpacks_to_more_than_the_limit_is_refused(evaluate, tmp_path):
    packer = zlib.compressobj(9)
    zeros = bytes(1 << 20)
    copies = MAX_BYTES // len(zeros) + 1
    bomb = b"".join(packer.compress(zeros) for _ in range(copies)) + packer.flush()
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    element = struct.pack("<II", 15, len(bomb)) + bomb
    folder = annotations(tmp_path / "cars", head + element)
    assert len(element) < 300_000
    answer = evaluate(folder)
    assert_refused(answer, "cars_annos.mat: ", "expands to more than", out=tmp_path / "out")


def test_mat_file_without_the_variables_is_refused(evaluate, tmp_path):
    names = np.empty((1, 2), object)
    names[0] = ["a", "b"]
    for content, word in (
        ({"x": np.eye(2)}, "no variable 'annotations'"),
        ({"annotations": 1.0, "class_names": 2.0}, "'annotations' is not a list"),
        ({"annotations": names, "class_names": names}, "annotation 1: no field"),
    ):
        buffer = io.BytesIO()
        scipy.io.savemat(buffer, content)
        folder = annotations(tmp_path / "cars", buffer.getvalue())
        assert_refused(evaluate(folder), word, out=tmp_path / "out")


@pytest.fixture(scope="module")
def mat_bytes():
    """A sound annotation file of one image that is not there."""
    annotation = np.array(
        [[("car_ims/1.jpg", 1)]], [("relative_im_path", object), ("class", object)]
    )
    names = np.empty((1, 2), object)
    names[0] = ["a", "b"]
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"annotations": annotation, "class_names": names})
    return buffer.getvalue()


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_damage_to_a_mat_file_is_refused_or_harmless(mat_bytes, tmp_path_factory, changes):
    data = bytearray(mat_bytes)
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    path = tmp_path_factory.getbasetemp() / "damaged.mat"
    path.write_bytes(data)
    with contextlib.suppress(DatasetError):
        read_mat(path, ["annotations", "class_names"])
