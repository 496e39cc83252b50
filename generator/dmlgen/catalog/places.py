"""Environments: what environments/NAME.yaml holds."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias, get_args

from pydantic import AfterValidator, Field, RootModel, model_validator

from dmldata.common.strict import StrictModel
from dmldata.contract.manifest import Credit
from dmldata.contract.manifest import Line as OneLine
from dmlgen.catalog.assets import NAME, environment_file, load_scene_file
from dmlgen.catalog.surfaces import GroundName
from dmlgen.catalog.things import Bays, Line, Meters, ParkedCar, Pavement, Thing, Wall

PlaceKind: TypeAlias = Literal["backdrop", "panorama", "studio", "site", "indoors"]
PLACE_KINDS: frozenset[PlaceKind] = frozenset(get_args(PlaceKind))


def _growing(radii: tuple[float, float]) -> tuple[float, float]:
    if radii[0] >= radii[1]:
        raise ValueError("the second radius has to be larger than the first")
    return radii


Radii = Annotated[tuple[Meters, Meters], AfterValidator(_growing)]
"""Meters from the car: within the first, something is, and beyond the second it is no more."""


class Softbox(StrictModel):
    """A rectangular lamp that points at the car.

    Attributes:
        at: meters, as the car stands; the camera stands on +x.
        size: width and height in meters.
        power: watts.
    """

    at: tuple[float, float, float]
    size: tuple[Meters, Meters]
    power: float = Field(gt=0)


class BackdropSpec(StrictModel):
    """A colored backdrop under sun and sky.

    Attributes:
        lit_radius: meters from the car; the floor takes the light within the first and has
            passed into the plain backdrop beyond the second.
    """

    name: str = Field(pattern=NAME)
    title: OneLine
    kind: Literal["backdrop"]
    lit_radius: Radii
    credit: Credit | None = None


class PanoramaSpec(StrictModel):
    """A place, photographed all around, with its own light.

    Attributes:
        panorama: file among the project's panoramas or Blender's own.
        tripod_height: meters above the ground at which it was taken.
        ground_radius: meters from the car; the ground takes shadows within the first and has
            passed into the panorama beyond the second.
        surface: whose fine structure the ground gets; the panorama is too coarse for it.
        gloss: how much the ground mirrors at a flat angle, 0 to 1.
        compensation: stops by which a photographer corrects the meter here.
        arc: degrees the place is turned by, counter-clockwise from above, where the factor
            `environment_view` is 0 and where it is 1: the directions in which a car could stand.
        markings: lines painted on the ground.
    """

    name: str = Field(pattern=NAME)
    title: OneLine
    kind: Literal["panorama"]
    panorama: str = Field(pattern=r"^[a-z0-9_]+\.exr$")
    tripod_height: float = Field(gt=0)
    ground_radius: Radii
    surface: GroundName
    gloss: float = Field(ge=0, le=1)
    compensation: float = 0.0
    arc: tuple[float, float]
    markings: tuple[Bays | Line, ...] = ()
    credit: Credit | None


class StudioSpec(StrictModel):
    """A photographer's studio: a cyclorama, and softboxes that light it.

    Attributes:
        radius: meters from the car to the wall.
        height: meters from floor to ceiling.
        softboxes: the lights.
    """

    name: str = Field(pattern=NAME)
    title: OneLine
    kind: Literal["studio"]
    radius: float = Field(gt=0)
    height: float = Field(gt=0)
    softboxes: tuple[Softbox, ...] = Field(min_length=1)
    credit: Credit | None = None


class SiteSpec(StrictModel):
    """A place built of its own geometry, under sun and sky or with a view of them.

    Attributes:
        ground_radius: meters from the car to where the ground ends, behind what stands there.
        floor: surface of the ground indoors; the factor `ground` says what it is outdoors.
        compensation: stops by which a photographer corrects the meter here.
        arc: as in `PanoramaSpec`.
        things: what stands there.
    """

    name: str = Field(pattern=NAME)
    title: OneLine
    kind: Literal["site", "indoors"]
    ground_radius: float = Field(gt=0)
    floor: GroundName | None = None
    compensation: float = 0.8
    arc: tuple[float, float]
    things: tuple[Thing, ...] = ()
    credit: Credit | None = None

    @model_validator(mode="after")
    def _floor_indoors(self) -> Self:
        if (self.floor is not None) != (self.kind == "indoors"):
            raise ValueError("floor: a place indoors has one, and no other; set it or leave it out")
        return self

    def cars(self) -> tuple[str, ...]:
        """Return the names of the cars that are part of the place."""
        return tuple(sorted({t.car for t in self.things if isinstance(t, ParkedCar)}))


Environment = BackdropSpec | PanoramaSpec | StudioSpec | SiteSpec


class EnvironmentDocument(RootModel[Environment]):
    """Any environment file; `kind` says which."""

    root: Environment = Field(discriminator="kind")


def load_environment(name: str) -> Environment:
    """Return the environment `name`.

    Raises:
        InputError: unknown, not valid (file, line, field), or another name than its file's.
    """
    return load_scene_file(EnvironmentDocument, environment_file(name)).root


def surfaces_of(place: Environment) -> tuple[str, ...]:
    """Return the names of the surfaces that the file of a place names."""
    if isinstance(place, PanoramaSpec):
        return (place.surface,)
    if not isinstance(place, SiteSpec):
        return ()
    floor = () if place.floor is None else (place.floor,)
    return floor + tuple(
        thing.surface for thing in place.things if isinstance(thing, Pavement | Wall)
    )
