"""Convert the source file that a car.yaml names to the GLB file of the car."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dmldata.common.errors import InputError
from dmldata.common.files import atomic_file, sha256_of
from dmldata.common.foreign import check_expansion, reading
from dmlgen.blender import call_in_blender
from dmlgen.carimport.textures import prepare_images
from dmlgen.catalog.assets import car_folder
from dmlgen.catalog.cars import CarSpec, load_car


@dataclass(frozen=True)
class ImportedCar:
    """A converted car: its GLB, size in meters (length, width, height) and triangles."""

    file: Path
    size: tuple[float, float, float]
    triangles: int


def convert_again(name: str, source: Path) -> ImportedCar:
    """Convert the source model that car.yaml names and write the GLB beside it.

    Args:
        source: the archive (.sh3f, a zip file), the user's own file, or any folder above it.

    Raises:
        InputError: the file or its member is missing or has another version, or car.yaml does
            not fit it; an existing GLB stays.
    """
    return convert_source(load_car(name), source, car_folder(name))


def convert_source(spec: CarSpec, source: Path, folder: Path) -> ImportedCar:
    """Convert `source` as a car.yaml says and write the GLB into `folder`, complete or not at all.

    Raises:
        InputError: as `convert_again`.
    """
    with tempfile.TemporaryDirectory() as scratch, _source_file(spec, source) as file:
        glb = Path(scratch) / f"{folder.name}.glb"
        log = Path(scratch) / "blender.log"
        size, triangles = call_in_blender(_convert, log, spec, file, glb)
        target = folder / glb.name
        with glb.open("rb") as whole, atomic_file(target) as out:
            shutil.copyfileobj(whole, out)
    return ImportedCar(target, size, triangles)


def _convert(spec: CarSpec, source: Path, glb: Path) -> tuple[tuple[float, float, float], int]:
    # Plain values: the class that `convert` returns would import Blender into the calling process.
    from dmlgen.carimport.convert import convert

    converted = convert(spec, source, glb)
    return converted.size, converted.triangles


@contextmanager
def _source_file(spec: CarSpec, source: Path) -> Iterator[Path]:
    """Yield the file to convert: a user's file where it lies, or one extracted from an archive."""
    if spec.source.archive is None:
        yield _find(spec, source, spec.source.member, spec.source.sha256, "yours")
        return
    origin = str(spec.source.package)
    archive = _find(spec, source, spec.source.archive, spec.source.archive_sha256, origin)
    with tempfile.TemporaryDirectory() as folder:
        file = _extract(spec, archive, Path(folder))
        prepare_images(file.parent, spec.retouch)
        yield file


def _find(spec: CarSpec, source: Path, name: str, sha256: str | None, origin: str) -> Path:
    # Names are compared, not matched as globs: a file name may contain `*`, `?` or `[`.
    paths = [source] if source.is_file() else sorted(source.rglob("*"))
    candidates = [
        path for path in paths if path.is_file() and (path == source or path.name == name)
    ]
    if not candidates:
        hint = "" if spec.source.archive is None else f"; it is part of {origin}"
        hint += " (apt-get download, dpkg -x)" if hint else ""
        raise InputError(f"--source {source}: no {name} there{hint}")
    match = next((path for path in candidates if sha256_of(path) == sha256), None)
    if match is None:
        raise InputError(
            f"{candidates[0]}: not the {name} of {origin} that car.yaml of {spec.name} "
            f"names (sha256 differs)"
        )
    return match


def _extract(spec: CarSpec, archive: Path, folder: Path) -> Path:
    """Extract the model's file from the archive, with the materials and images beside it."""
    member = PurePosixPath(spec.source.member)
    with reading(str(archive), "a whole zip archive"), zipfile.ZipFile(archive) as opened:
        if spec.source.member not in opened.namelist():
            raise InputError(f"{archive}: holds no {member}")
        beside = [
            entry
            for entry in opened.infolist()
            if PurePosixPath(entry.filename).parent == member.parent and not entry.is_dir()
        ]
        expanded = sum(entry.file_size for entry in beside)
        check_expansion(str(archive), expanded, archive.stat().st_size, InputError)
        for entry in beside:
            (folder / PurePosixPath(entry.filename).name).write_bytes(opened.read(entry))
    file = folder / member.name
    if sha256_of(file) != spec.source.sha256:
        raise InputError(
            f"{archive}: {member} is not the file that car.yaml names (sha256 differs)"
        )
    return file
