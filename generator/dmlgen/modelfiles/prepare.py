"""Check every model that is imported, and make a copy of it that is safe to read."""

from __future__ import annotations

from pathlib import Path

from dmlgen.modelfiles.blend import check_blend
from dmlgen.modelfiles.fbx import check_fbx
from dmlgen.modelfiles.gltf import prepare_gltf
from dmlgen.modelfiles.kinds import check_kind
from dmlgen.modelfiles.obj import prepare_obj


def prepare(file: Path, scratch: Path) -> Path:
    """Check a model's file and return what Blender may read in its place.

    Args:
        file: .glb, .gltf, .obj, .fbx or .blend.
        scratch: an empty folder, for a copy that refers to nothing outside the folder of `file`.

    Returns:
        The copy of a glTF or OBJ file; of others, whose references are checked once they are read,
        the file itself.

    Raises:
        InputError: the model is missing or cannot be used.
    """
    check_kind(file)
    suffix = file.suffix.lower()
    if suffix in (".glb", ".gltf"):
        return prepare_gltf(file, scratch)
    if suffix == ".obj":
        return prepare_obj(file, scratch)
    if suffix == ".fbx":
        check_fbx(file)
    if suffix == ".blend":
        check_blend(file)
    return file
