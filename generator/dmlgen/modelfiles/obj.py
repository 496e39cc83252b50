"""Copy OBJ files with materials and images from the file's own folder alone."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from dmldata.common.errors import InputError
from dmlgen.modelfiles.beside import find_beside
from dmlgen.modelfiles.kinds import check_size, check_triangles

_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
"""A PNG file of one pixel, which replaces an image that is missing."""
_MAP = re.compile(
    r"\s*(?P<kind>map_\w+|bump|norm|disp|decal|refl)\s+"
    r"(?P<options>(?:-[a-zA-Z]\w*\s+(?:[-+.\d][-+.\deE]*\s+|(?:on|off|[a-z])\s+)*)*)(?P<file>\S.*?)\s*$"
)


def prepare_obj(file: Path, scratch: Path) -> Path:
    """Write a copy of an OBJ file and of its materials that refers to nothing outside its folder.

    A material that no file defines, and an image that is not there, refer to one in `scratch`, by
    which they are reported as missing. Names are converted to UTF-8.

    Args:
        scratch: an empty folder for the copies.

    Raises:
        InputError: a vertex is not finite, or there are more triangles than the maximum.
    """
    copy = scratch / file.name
    libraries, used = _copy_geometry(file, copy)
    lines = _materials(file, libraries, used, scratch / "missing")
    (scratch / "materials.mtl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return copy


def _copy_geometry(file: Path, copy: Path) -> tuple[list[str], list[str]]:
    """Copy an OBJ file that takes its materials from `materials.mtl`.

    Returns:
        The material files and the materials that it names.
    """
    libraries: list[str] = []
    used: dict[str, None] = {}
    broken = vertices = triangles = 0
    with file.open("rb") as lines, copy.open("w", encoding="utf-8", newline="\n") as out:
        out.write("mtllib materials.mtl\n")
        for raw in lines:
            word = raw[:7].lstrip()
            if word.startswith(b"v "):
                vertices += 1
                broken += b"n" in raw.lower()
            if word.startswith(b"f "):
                triangles += max(0, len(raw.split()) - 3)
                check_triangles(file, triangles)
            if word.startswith(b"mtllib"):
                libraries.append(_text(raw).split(maxsplit=1)[-1].strip())
                continue
            if word.startswith(b"usemtl"):
                used[" ".join(_text(raw).split(maxsplit=1)[1:]).strip()] = None
            out.write(_text(raw).rstrip("\r\n") + "\n")
    if broken:
        raise InputError(
            f"{file}: {broken:,} of {vertices:,} vertices have no finite place (NaN or infinite); "
            f"repair it in the program it comes from"
        )
    return libraries, list(used)


def _materials(file: Path, libraries: list[str], used: list[str], missing: Path) -> list[str]:
    """Return the lines of all material files; materials that none defines get one in `missing`."""
    missing.mkdir()
    defined: set[str] = set()
    lines: list[str] = []
    for library in libraries:
        for name in [library] if find_beside(file.parent, library) else library.split():
            library_file = find_beside(file.parent, name)
            if library_file is not None:
                check_size(library_file)
                text = _text(library_file.read_bytes())
                defined |= {n.strip() for n in re.findall(r"(?m)^\s*newmtl\s+(.*)$", text)}
                folders = (library_file.parent, file.parent)
                lines += [_resolved_line(line, folders, missing) for line in text.splitlines()]
    lacking = " ".join(libraries) or "materials (.mtl)"
    for name in used:
        if name and name not in defined:
            lines += [f"newmtl {name}", f"map_Kd {_placeholder(missing, lacking)}"]
    return lines


def _resolved_line(line: str, folders: tuple[Path, ...], missing: Path) -> str:
    """Return a line of a material file with the path of its image in one of `folders`."""
    match = _MAP.match(line)
    if match is None:
        return line
    name = match["file"]
    images = (find_beside(folder, name) for folder in folders)
    image = next((path for path in images if path is not None), None)
    return f"{match['kind']} {match['options']}{image or _placeholder(missing, name)}"


def _placeholder(missing: Path, reference: str) -> Path:
    name = (
        re.split(r"[\\/]", reference)[-1].encode()[:200].decode(errors="ignore").strip() or "image"
    )
    path = missing / name
    path.write_bytes(_PIXEL)
    return path


def _text(data: bytes) -> str:
    """Decode text, that of old programs as Latin-1: each of its bytes stays distinguishable."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
