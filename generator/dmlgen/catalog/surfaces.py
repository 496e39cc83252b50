"""scenes/surfaces/<name>/surface.yaml: how large a tile is, and what it is good for."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from dmldata.common.documents import load_document
from dmldata.common.strict import StrictModel
from dmlgen.catalog.assets import surface_folder


class SurfaceSpec(StrictModel):
    """What surface.yaml holds. Beside it lie `color.jpg` (albedo, sRGB) and, where the surface is
    seen from near, `normal.jpg` (tangent space, y up) and `roughness.jpg` (gray).

    Attributes:
        tile: side of the square that the images show, meters.
        roughness: where there is no roughness.jpg, 0 to 1.
        markings: whether lines are painted on such a ground.
    """

    name: str
    title: str
    tile: float = Field(gt=0)
    roughness: float = Field(default=0.8, ge=0, le=1)
    markings: bool = False


@cache
def load_surface(name: str) -> SurfaceSpec:
    """Return the surface `name`.

    Raises:
        InputError: unknown, or a file that is not valid (file, line, field).
    """
    return load_document(SurfaceSpec, surface_folder(name) / "surface.yaml")
