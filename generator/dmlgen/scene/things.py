"""The things of a place, built and placed as its environment file says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import bpy
import numpy as np
from bpy.types import Object

from dmlgen.catalog.paints import Paint
from dmlgen.catalog.things import MARKINGS, ParkedCar, Placed
from dmlgen.scene.car import Car
from dmlgen.scene.materials import CarMaterials
from dmlgen.scene.number_plates import dress, plate_size
from dmlgen.scene.props import buildings, deck, forecourt, plants, street
from dmlgen.scene.twins import add_twin, show

SEEDED: dict[str, Callable[..., list[Object]]] = {
    "hedge": plants.hedge,
    "bush": plants.bush,
    "tree": plants.tree,
    "treeline": plants.treeline,
    "litter": plants.litter,
    "building": buildings.building,
    "showroom": forecourt.showroom,
    "sales_room": forecourt.sales_room,
    "flag": forecourt.flag,
}
FIXED: dict[str, Callable[..., list[Object]]] = {
    "hall": buildings.hall,
    "deck": deck.deck,
    "pillar": deck.pillar,
    "wall": street.garden_wall,
    "fence": street.fence,
    "pavement": street.pavement,
    "verge": street.verge,
    "bays": street.bays,
    "line": street.line,
    "bollard": street.bollard,
    "bin": street.bin,
    "cone": street.cone,
    "lamp_post": street.lamp_post,
    "sign": street.sign,
}
"""Builders by kind of thing; those in SEEDED take a random generator besides the thing's fields."""


class Parked(NamedTuple):
    """A car that is part of a place, with materials and a seed of its own."""

    car: Car
    materials: CarMaterials
    seed: tuple[int, ...]

    def set_plates(self, style: str) -> None:
        """Set the number plates: a value of the factor `number_plate`."""
        dress(self.materials, style, self.seed)
        self.car.set_plates(plate_size(style))


class Things:
    """Objects under one root, which turns with the place."""

    def __init__(self, name: str, things: Sequence[Placed]) -> None:
        self.root = bpy.data.objects.new(f"place:{name}", None)
        bpy.context.scene.collection.objects.link(self.root)
        self._parked: list[Parked] = []
        self._solid: list[Object] = []
        self._markings: list[Object] = []
        for index, thing in enumerate(things):
            objects = self._markings if isinstance(thing, MARKINGS) else self._solid
            objects.extend(self._put(thing, index))

    def show(self, visible: bool, markings: bool = True) -> None:
        """Show or hide the things; painted lines can be hidden separately."""
        for parked in self._parked:
            parked.car.show(visible)
        for obj in self._solid:
            show(obj, visible)
        for obj in self._markings:
            show(obj, visible and markings)

    def set_plates(self, style: str) -> None:
        """Set the number plates of parked cars: a value of the factor `number_plate`."""
        for parked in self._parked:
            parked.set_plates(style)

    def turn(self, angle: float) -> None:
        """Set the rotation in degrees, counter-clockwise seen from above."""
        self.root.rotation_euler = (0.0, 0.0, math.radians(angle))

    def _put(self, thing: Placed, index: int) -> list[Object]:
        place = bpy.data.objects.new("thing", None)
        bpy.context.scene.collection.objects.link(place)
        place.parent = self.root
        place.location = (*thing.at, 0.0)
        place.rotation_euler = (0.0, 0.0, math.radians(thing.turn))
        if isinstance(thing, ParkedCar):
            parked = _parked(thing, index)
            parked.car.root.parent = place
            self._parked.append(parked)
            return []
        objects = _built(thing, index)
        for obj in objects:
            bpy.context.scene.collection.objects.link(obj)
            obj.parent = place
            add_twin(obj)
        return objects


def _built(thing: Placed, index: int) -> list[Object]:
    kind = thing.kind  # type: ignore[attr-defined]
    if kind in SEEDED:
        return SEEDED[kind](**thing.arguments(), rng=np.random.default_rng([thing.seed, index]))
    return FIXED[kind](**thing.arguments())


def _parked(thing: ParkedCar, index: int) -> Parked:
    materials = CarMaterials(background=True)
    materials.set_paint(Paint(*thing.paint, "metallic"))
    return Parked(Car(thing.car, materials), materials, (thing.seed, index))
