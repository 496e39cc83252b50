"""Check glTF and GLB files, and copy them at rest with references to their own folder alone."""

from __future__ import annotations

import json
import struct
from codecs import BOM_UTF8
from pathlib import Path
from urllib.parse import quote, unquote

from dmldata.common.errors import InputError
from dmldata.common.strict import parse_plain_json
from dmlgen.modelfiles.beside import find_beside
from dmlgen.modelfiles.gltf_check import GltfCheck, JsonObject
from dmlgen.modelfiles.kinds import MAX_BYTES, check_kind

_JSON, _BIN = 0x4E4F534A, 0x004E4942
_MAX_JSON = MAX_BYTES // 2


def prepare_gltf(file: Path, scratch: Path) -> Path:
    """Write a copy of a glTF or GLB file that holds what its scene shows at rest.

    Animations are left out, and so are the meshes of nodes that are not in the scene (other scenes,
    other levels of detail). Buffers and images are those of the file's own folder.

    Args:
        scratch: an empty folder for the copy.

    Raises:
        InputError: the file is not glTF, truncated, inconsistent, or larger than the maximum.
    """
    document, binary = _read(file)
    model = GltfCheck(file, document, binary)
    model.check()
    document.pop("animations", None)
    for image in model.items("images"):
        _resolve_image(image, file.parent)
    try:
        text = json.dumps(document, allow_nan=False).encode()
    except ValueError:
        raise model.problem("holds NaN or an infinite number") from None
    if binary is None:
        copy = scratch / f"{file.stem}.gltf"
        copy.write_bytes(text)
        return copy
    copy = scratch / f"{file.stem}.glb"
    text += b" " * (-len(text) % 4)
    size = 12 + 8 + len(text) + 8 + len(binary)
    with copy.open("wb") as out:
        out.write(struct.pack("<4sIIII", b"glTF", 2, size, len(text), _JSON) + text)
        out.write(struct.pack("<II", len(binary), _BIN))
        out.write(binary)
    return copy


def check_car_glb(file: Path) -> None:
    """Check the GLB file of a car, which somebody else may have made: whole, and all in one file.

    Raises:
        InputError: as for `prepare_gltf`, or it refers to another file.
    """
    check_kind(file)
    document, binary = _read(file)
    model = GltfCheck(file, document, binary)
    for item in (*model.items("buffers"), *model.items("images")):
        uri = item.get("uri")
        if uri is not None and not str(uri).startswith("data:"):
            raise InputError(f"{file}: refers to '{str(uri)[:200]}'; valid: all in one file")
    model.check()


def _read(file: Path) -> tuple[JsonObject, memoryview | None]:
    """Return the document, and the binary part of a GLB file."""
    data, binary = memoryview(file.read_bytes()), None
    if bytes(data[:4]) == b"glTF":
        data, binary = _chunks(file, data)
    if len(data) > _MAX_JSON:
        raise InputError(
            f"{file}: {len(data):,} bytes of JSON; valid: at most {_MAX_JSON:,} (export it as .glb)"
        )
    document = parse_plain_json(bytes(data).removeprefix(BOM_UTF8), str(file), InputError)
    asset = document.get("asset") if isinstance(document, dict) else None
    version = asset.get("version") if isinstance(asset, dict) else None
    if version != "2.0":
        problem = "no version" if version is None else f"version {str(version)[:20]!r}"
        raise InputError(f"{file}: not valid glTF: {problem}; valid: 2.0 (export it again)")
    return document, binary


def _chunks(file: Path, data: memoryview) -> tuple[memoryview, memoryview]:
    if len(data) < 20:
        raise InputError(f"{file}: cut short: {len(data)} bytes are no GLB file")
    version, size, length, kind = struct.unpack_from("<IIII", data, 4)
    if version != 2:
        raise InputError(f"{file}: GLB of version {version}; valid: 2 (export it again)")
    if size > len(data):
        raise InputError(f"{file}: cut short: {len(data):,} of {size:,} bytes; copy it again")
    if kind != _JSON or 20 + length > size:
        raise InputError(f"{file}: not valid GLB: does not begin with its JSON part")
    text, rest = data[20 : 20 + length], data[20 + length : size]
    if not rest:
        return text, rest
    if len(rest) < 8:
        raise InputError(f"{file}: not valid GLB: ends in the middle of a part")
    length, kind = struct.unpack_from("<II", rest)
    if kind == _BIN and 8 + length > len(rest):
        raise InputError(f"{file}: not valid GLB: its binary part is longer than the file")
    return text, rest[8 : 8 + length] if kind == _BIN else rest[:0]


def _resolve_image(image: JsonObject, folder: Path) -> None:
    uri = image.get("uri")
    if isinstance(uri, str) and not uri.startswith("data:"):
        image_file = find_beside(folder, unquote(uri)) or find_beside(folder, uri)
        # A missing image keeps its bare name, by which it is reported as missing.
        image["uri"] = (
            quote(str(image_file))
            if image_file
            else quote(unquote(uri).replace("\\", "/").split("/")[-1])
        )
