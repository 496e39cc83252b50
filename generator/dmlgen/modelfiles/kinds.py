"""Check the real format of a file against its name, and its size."""

from __future__ import annotations

from pathlib import Path

from dmldata.common.errors import InputError

FORMATS = (".glb", ".gltf", ".obj", ".fbx", ".blend")
MAX_BYTES = 1 << 29
"""Maximum size of a model's file, and of everything that it refers to."""
MAX_TRIANGLES = 3_000_000

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BEGINNINGS = {
    ".glb": (b"glTF",),
    ".gltf": (b"{", b"glTF"),
    ".fbx": (b"Kaydara FBX Binary",),
    ".blend": (b"BLENDER", _GZIP, _ZSTD),
}
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a pointer of Git LFS; get the file itself: git lfs pull"),
    (b"<!doctype html", "a web page; download the file itself"),
    (b"<html", "a web page; download the file itself"),
    (b"pk\x03\x04", "a zip archive; unpack it and give the model inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it and give the model inside"),
    (b"rar!", "a RAR archive; unpack it and give the model inside"),
    (_GZIP, "a gzip archive; unpack it and give the model inside"),
    (_ZSTD, "a zstd archive; unpack it and give the model inside"),
    (b"\x89png", "a picture; give the model"),
    (b"\xff\xd8\xff", "a picture; give the model"),
    (b"%pdf", "a PDF document; give the model"),
    (b"; fbx", "an FBX file in text form; export it in binary form, or as .glb"),
    (b"gltf", "a GLB file; rename it so that it ends in .glb"),
    (b"kaydara fbx binary", "an FBX file; rename it so that it ends in .fbx"),
    (b"blender", "a Blender file; rename it so that it ends in .blend"),
    (b"solid ", "an STL file; export it as .glb"),
    (b"ply\n", "a PLY file; export it as .glb"),
)
"""First bytes in lower case, and what to do about such a file."""


def check_kind(file: Path) -> None:
    """Check that a file is a model of the format that its name says.

    Raises:
        InputError: the file is missing, not a regular file, empty, too large, or of another format.
    """
    if not file.exists():
        raise InputError(f"{file}: no such file")
    if not file.is_file() or file.suffix.lower() not in FORMATS:
        raise InputError(f"{file}: not a format that can be read; valid: {', '.join(FORMATS)}")
    size = file.stat().st_size
    if size == 0:
        raise InputError(f"{file}: is empty; give a model in {', '.join(FORMATS)}")
    check_size(file)
    with file.open("rb") as opened:
        start = opened.read(512).removeprefix(b"\xef\xbb\xbf").lstrip()
    expected = _BEGINNINGS.get(file.suffix.lower())
    if expected is not None and start.startswith(expected):
        return
    for beginning, what in _OTHERS:
        if start.lower().startswith(beginning):
            raise InputError(f"{file}: is {what}")
    if expected is not None or b"\0" in start:
        kind = file.suffix.lower().removeprefix(".").upper()
        raise InputError(
            f"{file}: cannot be read (does not begin like {kind}: not such a file, or damaged); "
            f"valid: {', '.join(FORMATS)}"
        )


def check_size(file: Path) -> None:
    """Check that a file is no larger than the maximum for a model.

    Raises:
        InputError: the file is larger than MAX_BYTES.
    """
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise InputError(f"{file}: {size:,} bytes; valid: at most {MAX_BYTES:,}")


def check_triangles(file: Path, triangles: int) -> None:
    """Check that a model has no more triangles than the maximum for a car.

    Raises:
        InputError: there are more than MAX_TRIANGLES.
    """
    if triangles > MAX_TRIANGLES:
        raise InputError(
            f"{file}: {triangles:,} triangles or more; at most {MAX_TRIANGLES:,} can be used: "
            f"simplify it first (Blender: modifier Decimate)"
        )
