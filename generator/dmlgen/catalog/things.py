"""What can stand in a place, as environment files list it; built by dmlgen.scene.props."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from dmldata.common.errors import InputError
from dmldata.common.strict import StrictModel
from dmlgen.catalog.assets import real_car
from dmlgen.catalog.surfaces import any_user_surface_or

Meters = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Placed(StrictModel):
    """Where a thing stands.

    Attributes:
        at: x and y in meters from the car, as seen with the factor `environment_view` in the middle
            of its arc: the camera stands on +x and looks along -x.
        turn: degrees counter-clockwise from above; at 0 its front faces +x, the camera.
        seed: seed of all random choices in it.
    """

    at: tuple[float, float]
    turn: float = 0.0
    seed: int = Field(default=0, ge=0)

    def arguments(self) -> dict[str, float | int | str]:
        """Return the arguments of its builder: the fields of its own kind."""
        return self.model_dump(exclude={"kind", *Placed.model_fields})


class Hedge(Placed):
    """A clipped hedge along y."""

    kind: Literal["hedge"]
    length: Meters
    height: Meters = 1.5
    depth: Meters = 0.8


class Bush(Placed):
    """A loose shrub."""

    kind: Literal["bush"]
    height: Meters = 1.2


class Tree(Placed):
    """A broad-leaved tree."""

    kind: Literal["tree"]
    height: Meters = 7.0


class Treeline(Placed):
    """Trees all around, far off: what closes the view where nothing else stands.

    Attributes:
        radius: meters from `at`.
        height: of the highest.
    """

    kind: Literal["treeline"]
    radius: Meters
    height: Meters = 10.0


class Litter(Placed):
    """Fallen leaves and scraps on the ground, in drifts.

    Attributes:
        length, width: of the rectangle in which they lie, along y and x.
        leaves: their number.
    """

    kind: Literal["litter"]
    length: Meters = 18.0
    width: Meters = 18.0
    leaves: int = Field(default=420, ge=1, le=20_000)


class Building(Placed):
    """A house or office building; its facade stands at `at`."""

    kind: Literal["building"]
    style: Literal["brick", "plaster", "render", "office"]
    width: Meters = 12.0
    height: Meters = 6.0
    depth: Meters = 9.0


class Hall(Placed):
    """A shed of corrugated sheet with roller doors."""

    kind: Literal["hall"]
    color: Literal["sheet_light", "sheet_blue"] = "sheet_light"
    width: Meters = 24.0
    height: Meters = 6.0
    depth: Meters = 12.0


class Deck(Placed):
    """A story of a multistory car park: ceiling, lamps and parapets around `at`."""

    kind: Literal["deck"]
    length: Meters
    width: Meters
    height: Meters = 2.7


class Showroom(Placed):
    """A car dealer's showroom; its glass front stands at `at`."""

    kind: Literal["showroom"]
    width: Meters = 24.0
    height: Meters = 4.6
    depth: Meters = 9.0


class SalesRoom(Placed):
    """The inside of a showroom around `at`; its glass front looks to -x."""

    kind: Literal["sales_room"]
    length: Meters
    width: Meters
    height: Meters = 4.0


class Flag(Placed):
    """A car dealer's flag on a pole."""

    kind: Literal["flag"]
    height: Meters = 4.6


class Wall(Placed):
    """A garden wall along y."""

    kind: Literal["wall"]
    surface: Annotated[str, any_user_surface_or("brick", "plaster", "concrete_wall")]
    length: Meters
    height: Meters = 2.0


class Fence(Placed):
    """A fence of steel bars along y."""

    kind: Literal["fence"]
    length: Meters
    height: Meters = 1.6


class Pavement(Placed):
    """A raised pavement with a kerb along y, from `at` away from the camera."""

    kind: Literal["pavement"]
    length: Meters
    width: Meters = 2.5
    surface: Annotated[str, any_user_surface_or("pavers", "concrete", "cobbles")] = "pavers"


class Verge(Placed):
    """A strip of grass along y, from `at` away from the camera."""

    kind: Literal["verge"]
    length: Meters
    width: Meters = 3.0


class Bays(Placed):
    """The painted lines of parking bays, on grounds that are painted."""

    kind: Literal["bays"]
    count: int = Field(ge=1)
    width: Meters = 2.5
    length: Meters = 5.0
    yellow: bool = False


class Line(Placed):
    """A painted line along y, on grounds that are painted.

    Attributes:
        dash: meters of line and of gap, 0 for an unbroken one.
    """

    kind: Literal["line"]
    length: Meters
    width: Meters = 0.12
    dash: float = Field(default=0.0, ge=0)
    yellow: bool = False


class Small(Placed):
    """Street furniture without choices."""

    kind: Literal["bollard", "bin", "cone"]


class Post(Placed):
    """A street lamp, a traffic sign or a pillar of a deck."""

    kind: Literal["lamp_post", "sign", "pillar"]
    height: Meters


class ParkedCar(Placed):
    """One of the project's cars as a part of the place: no part of the car in the mask.

    Attributes:
        paint: hue, saturation and value, 0..1.
    """

    kind: Literal["parked_car"]
    car: str
    paint: tuple[Share, Share, Share]

    @field_validator("car")
    @classmethod
    def _known_car(cls, car: str) -> str:
        try:
            real_car(car)
        except InputError as error:
            raise ValueError(str(error)) from None
        return car


Thing = Annotated[
    Hedge
    | Bush
    | Tree
    | Treeline
    | Litter
    | Building
    | Hall
    | Deck
    | Showroom
    | SalesRoom
    | Flag
    | Wall
    | Fence
    | Pavement
    | Verge
    | Bays
    | Line
    | Small
    | Post
    | ParkedCar,
    Field(discriminator="kind"),
]
MARKINGS = (Bays, Line)
