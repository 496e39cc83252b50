"""The works that pictures show: whose they are is credited, and their files decide the pixels."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from dmlgen.catalog.places import Environment, SiteSpec, load_environment, surfaces_of
from dmlgen.planning.draw import Plan
from dmlgen.planning.images import PlannedImage


class Works(NamedTuple):
    """Names of the cars, environments and surfaces that images show."""

    cars: Collection[str]
    environments: Collection[str]
    surfaces: Collection[str]


def works_of(plan: Plan) -> Works:
    """Return the works that some image of a plan shows, each once."""
    models, environments, grounds = (
        {str(value) for image in plan.images if (value := image.values.get(key)) is not None}
        for key in ("car_model", "environment", "ground")
    )
    places = [*map(load_environment, environments)]
    parked = {car for place in places for car in _parked_in(place)}
    surfaces = {name for place in places for name in surfaces_of(place)}
    return Works(models | parked, environments, surfaces | grounds)


def works_in(image: PlannedImage) -> Works:
    """Return the works that an image shows, its own car first and its ground last."""
    environment = str(image.values["environment"])
    place = load_environment(environment)
    shown = [str(image.values["car_model"]), *_parked_in(place)]
    ground = image.values.get("ground")
    surfaces = [*surfaces_of(place), *([] if ground is None else [str(ground)])]
    return Works(list(dict.fromkeys(shown)), [environment], list(dict.fromkeys(surfaces)))


def _parked_in(place: Environment) -> tuple[str, ...]:
    return place.cars() if isinstance(place, SiteSpec) else ()
