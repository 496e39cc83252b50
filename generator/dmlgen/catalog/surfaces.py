"""surface.yaml: how large a tile is, and what it is good for; and the images beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt

from dmldata.common.errors import InputError, UnknownNameError
from dmldata.common.strict import StrictModel
from dmldata.contract.manifest import Credit, Line
from dmlgen.catalog.assets import (
    NAME,
    load_scene_file,
    names,
    project_names,
    surface_folder,
    user_names,
)
from dmlgen.catalog.cars import UNKNOWN_LICENSE
from dmlgen.modelfiles.beside import problem_of_image

SURFACE_IMAGES = ("color.jpg", "normal.jpg", "roughness.jpg")


class SurfaceSpec(StrictModel):
    """What surface.yaml holds. Beside it lie `color.jpg` (albedo, sRGB) and, where the surface is
    seen from near, `normal.jpg` (tangent space, y up) and `roughness.jpg` (gray).

    Attributes:
        tile: side of the square that the images show, meters.
        roughness: where there is no roughness.jpg, 0 to 1.
        specular: how strongly a ground mirrors; 0.5 is stone, 0.25 water.
        markings: whether lines are painted on such a ground.
        cracks: whether such a ground is cast in one piece, so that it cracks and is patched.
        outdoors: whether wind and cars leave dust and oil on such a ground.
        atlas: columns and rows of the pictures of single things that the images are made of.
        credit: whose work the images are; None for the project's own.
    """

    name: str = Field(pattern=NAME)
    title: Line
    tile: float = Field(gt=0)
    roughness: float = Field(default=0.8, ge=0, le=1)
    specular: float = Field(default=0.5, ge=0, le=1)
    markings: bool = False
    cracks: bool = False
    outdoors: bool = True
    atlas: tuple[PositiveInt, PositiveInt] = (1, 1)
    credit: Credit | None = None


def load_surface(name: str) -> SurfaceSpec:
    """Return the surface `name`.

    Raises:
        InputError: unknown, not valid (file, line, field), or another name than its folder's.
    """
    return load_scene_file(SurfaceSpec, surface_folder(name) / "surface.yaml")


def credit_of_surface(name: str) -> Credit | None:
    """Return the credit of a surface: that of its file, or for a user's one without, an unknown
    work's, which is not published. None for the project's own.
    """
    if name in project_names("surfaces"):
        return None
    spec = load_surface(name)
    return spec.credit or Credit(
        id=f"surface-{name}",
        title=spec.title,
        author="unknown author",
        license=UNKNOWN_LICENSE,
        license_url="not given",
        source="a surface of the user's own",
    )


def surface_image_file(name: str, file: str) -> Path:
    """Return one of a surface's images.

    Raises:
        InputError: unknown surface, or an image of the user's that is missing, no image, or too
            large.
    """
    path = surface_folder(name) / file
    if name not in project_names("surfaces"):
        problem = problem_of_image(path) if path.is_file() else "no such file"
        if problem:
            raise InputError(f"{path}: {problem}; valid: a JPEG picture")
    return path


def surface_files(name: str) -> list[Path]:
    """Return the files of a surface that decide what it looks like."""
    folder = surface_folder(name)
    return [folder / f for f in ("surface.yaml", *SURFACE_IMAGES) if (folder / f).is_file()]


def user_grounds() -> tuple[str, ...]:
    """Return the names of the user's surfaces that can be seen from near: with all three images."""
    return tuple(name for name in user_names("surfaces") if _is_ground(name))


def _is_ground(name: str) -> bool:
    return all((surface_folder(name) / file).is_file() for file in SURFACE_IMAGES)


def _check_ground(name: str) -> str:
    if name in project_names("surfaces") and _is_ground(name):
        return name
    grounds = [ground for ground in names("surfaces") if _is_ground(ground)]
    if name not in grounds:
        raise ValueError(str(UnknownNameError("ground", name, grounds)))
    return name


GroundName = Annotated[str, AfterValidator(_check_ground)]
"""A surface with all three images."""


def any_user_surface_or(*project_surfaces: str) -> AfterValidator:
    """Return a check that a name is one of these, or one of the user's own surfaces."""

    def check(name: str) -> str:
        if name not in project_surfaces:
            valid = (*project_surfaces, *user_names("surfaces"))
            if name not in valid:
                raise ValueError(str(UnknownNameError("surface", name, valid)))
        return name

    return AfterValidator(check)
