"""What car.yaml can ask for beyond a role for each material: selected faces and their treatment."""

from __future__ import annotations

import fnmatch
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, field_validator

from dmldata.common.errors import UnknownNameError
from dmldata.common.strict import StrictModel
from dmlgen.catalog.roles import ROLES

Place = Annotated[float, Field(ge=-100, le=100)]
"""A coordinate in meters; no car is larger."""
Point = tuple[Place, Place, Place]
PatchKind = Literal["head_lamp", "tail_lamp", "grille", "pane"]


class Face(NamedTuple):
    """A face of a source model.

    Args:
        object, material: their names in the source.
        center: meters; x forward, y left, z up, from the ground below the middle of the source.
        piece: number of the connected piece of the object, as they first occur.
    """

    object: str
    material: str
    center: Point
    piece: int = 0


class Selector(StrictModel):
    """Faces of a source model: objects and materials by glob pattern (`*` matches anything).

    Args:
        box: two opposite corners, meters, as in `Face`; selects faces whose center lies inside.
        pieces: numbers of connected pieces of the object, as in `Face`.
    """

    object: str = "*"
    material: str = "*"
    box: tuple[Point, Point] | None = None
    pieces: tuple[int, ...] | None = None

    def matches(self, face: Face) -> bool:
        """Return whether this face is selected."""
        return (
            fnmatch.fnmatchcase(face.object, self.object)
            and fnmatch.fnmatchcase(face.material, self.material)
            and (self.box is None or _inside(face.center, *self.box))
            and (self.pieces is None or face.piece in self.pieces)
        )


class Override(Selector):
    """A role for selected faces, stronger than the role of their material.

    Args:
        texture: `keep` shows the source's image in place of the role's plain color.
        decal: the faces are a thin layer on the body; they follow it when it is subdivided.
        backed: the faces get a dark wall behind them, for lamps that open into the cabin.
        patch: the faces are where a fitting goes: the lens of a lamp, the front of a grille, or a
            pane that gets a seal.
    """

    role: str
    texture: Literal["keep", "drop"] = "drop"
    decal: bool = False
    backed: bool = False
    patch: PatchKind | None = None


class Panel(StrictModel):
    """An area of a car's surface that is another part, on the left and on the right alike.

    Such as an air intake of a bumper, a fog lamp or the field between two lamps.

    Args:
        view: where one looks from: `front`, `rear` (points: y, z), `side` (x, z), `top` (x, y).
        points: corners of the area in meters, as in `Face`, with y above 0; one that reaches
            across the middle of the car begins and ends at y below 0. One point is the middle
            of a round area.
        rounding: meters by which the area reaches beyond these corners, which makes it round there.
        role: of the area, and of the walls around it.
        depth: meters by which it lies behind the surface; below 0 it stands out.
        out_of: role of the surface.
        patch: the area is where a fitting goes, as in `Override`.
    """

    view: Literal["side", "top", "rear", "front"]
    points: tuple[tuple[Place, Place], ...] = Field(min_length=1, max_length=100)
    rounding: float = Field(default=0.0, ge=0, le=1)
    role: str = "plastic"
    depth: float = Field(default=0.0, ge=-0.5, le=0.5)
    out_of: str = "paint"
    patch: PatchKind | None = None

    @field_validator("role", "out_of")
    @classmethod
    def _known_role(cls, role: str) -> str:
        return known_role(role)


class Fittings(StrictModel):
    """Parts that are built when a car is loaded; models derived from it have other designs of them.

    Args:
        head_lamp, tail_lamp, grille, pane: design in place of the faces with this `patch`.
        rims: design of the wheels in place of the source's.
        rim_finish: finish of these.
        handles: x and z of door handles in meters, on both sides.
        handle_role: role of these.
        panels: areas of the surface that are other parts.
        tucked_wheels: whether wheels that stand out of their wings are moved inwards.
    """

    head_lamp: (
        Literal["bowls", "single_bowl", "dark_bowls", "projectors", "triple", "single_projector"]
        | None
    ) = None
    tail_lamp: Literal["rings", "bands", "white_band", "low_band", "strip", "thirds"] | None = None
    grille: Literal["bars", "wide_bars", "chrome_bars", "upright_bars", "mesh"] | None = None
    pane: Literal["narrow_seal", "wide_seal"] | None = None
    rims: str | None = None
    rim_finish: Literal["silver", "dark", "two_tone"] = "silver"
    handles: tuple[tuple[Place, Place], ...] = Field(default=(), max_length=10)
    handle_role: Literal["paint", "plastic", "chrome"] = "paint"
    panels: tuple[Panel, ...] = Field(default=(), max_length=100)
    tucked_wheels: bool = False


class Retouch(StrictModel):
    """A place of a source image that is painted over: badges and other lettering.

    Args:
        image: name of the image file.
        box: left, top, right, bottom in pixels.
        along: the box is filled with the colors beside it (`x`, row by row) or above and below it
            (`y`, column by column).
        color: sRGB 0..255, in place of the surrounding colors.
    """

    image: str
    box: tuple[int, int, int, int]
    along: Literal["x", "y"] = "x"
    color: tuple[int, int, int] | None = None


class Subdivision(StrictModel):
    """Objects whose faces are coarse: smoothed by Catmull-Clark, edges kept where they are sharp.

    Args:
        crease_angle: edges sharper than this many degrees stay edges.
        crease_materials: where two materials meet (window and door), edge and corners stay too.
    """

    object: str = "*"
    levels: int = Field(default=2, ge=1, le=3)
    crease_angle: float = Field(default=35, ge=0, le=180)
    crease_materials: bool = False


class Seam(StrictModel):
    """A shut line drawn on the paint, on the left and on the right alike.

    Args:
        view: where one looks from: `side` (points: x, z), `top` (x, y), `rear`, `front` (y, z).
        points: corners of the line in meters, as in `Face`.
        width: meters.
    """

    view: Literal["side", "top", "rear", "front"] = "side"
    points: tuple[tuple[Place, Place], ...] = Field(min_length=2, max_length=1000)
    width: float = Field(default=0.006, gt=0, le=1)


class Liners(StrictModel):
    """Wheel housings that the source lacks.

    Args:
        radius: of the housing, in radii of the wheel.
        inset: how far behind the wheel's outer side the housing begins, in widths of the wheel.
    """

    radius: float = Field(default=1.1, gt=1, le=10)
    inset: float = Field(default=0.3, ge=0, le=1)


class Seat(StrictModel):
    """A seat with a headrest in place of the source's.

    Args:
        place: x and y of its middle, and z of the floor, meters, as in `Face`.
        width: meters.
    """

    place: Point
    width: float = Field(default=0.52, gt=0, le=2)


class Plate(StrictModel):
    """A blank number plate in a holder of black plastic.

    Args:
        center: of the plate, meters, as in `Face`; it faces away from the car's middle.
        size: width and height in meters.
        tilt: degrees that it leans back.
    """

    center: Point
    size: tuple[Place, Place] = (0.52, 0.11)
    tilt: float = Field(default=0.0, ge=-180, le=180)


def known_role(role: str) -> str:
    """Return the name of a role.

    Raises:
        ValueError: there is no such role.
    """
    if role not in ROLES:
        raise ValueError(str(UnknownNameError("role", role, ROLES)))
    return role


def _inside(point: Point, corner: Point, opposite: Point) -> bool:
    sides = zip(point, corner, opposite, strict=True)
    return all(min(a, b) <= p <= max(a, b) for p, a, b in sides)
