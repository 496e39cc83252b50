"""A place built of its own geometry under sun and sky: a ground, and things that stand on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bpy
import numpy as np
from bpy.types import Material, Object, World

from dmlgen.catalog.places import SiteSpec
from dmlgen.catalog.surfaces import load_surface
from dmlgen.scene.changes import Changes
from dmlgen.scene.light.daylight import FACING, metered_light, overcast_light
from dmlgen.scene.light.overcast import OvercastSky
from dmlgen.scene.light.shade import sunlit_share
from dmlgen.scene.light.sky import SKY_MAP, Sky, sample_light_of
from dmlgen.scene.nodes import Tree
from dmlgen.scene.surfaces import ground_material
from dmlgen.scene.things import Things

SHADE = 0.2
"""Share of the sun that the meter reads even if no sunlight reaches the car."""


class Site:
    """Ground, things and world of a built place."""

    def __init__(self, spec: SiteSpec) -> None:
        self._spec = spec
        self._changes = Changes()
        self._grounds: dict[str, Material] = {}
        self._things = Things(spec.name, spec.things)
        self._ground = _disc(spec.name, spec.ground_radius)
        self._ground.parent = self._things.root
        self._visible = True
        self._skies: dict[str, tuple[World, Sky | OvercastSky]] = {
            "clear": _world(spec.name, lambda tree: Sky(tree, clouds=True)),
            "overcast": _world(spec.name, OvercastSky),
        }

    def show(self, visible: bool) -> None:
        """Make this the environment of the scene, or hide it."""
        self._visible = visible
        self._ground.hide_render = not visible
        self._things.show(visible)

    def set(self, values: Mapping[str, Any]) -> None:
        """Set light, ground and view to the values of their factors."""
        changes = self._changes
        sun = ("sun_elevation", "sun_rotation", "environment_view")
        changes.apply(self._set_light, values, "sky", *sun)
        world = self._skies[values["sky"]][0]
        if bpy.context.scene.world != world:
            bpy.context.scene.world = world
        ground = values["ground"] if self._spec.floor is None else self._spec.floor
        changes.apply(self._set_ground, {"ground": ground}, "ground")
        changes.apply(self._things.set_plates, values, "number_plate")
        changes.apply(self._turn, values, "environment_view")
        self._things.show(self._visible, load_surface(ground).markings)

    def _set_ground(self, name: str) -> None:
        if name not in self._grounds:
            self._grounds[name] = ground_material(name)
        self._ground.data.materials[0] = self._grounds[name]

    def _set_light(self, sky: str, elevation: float, rotation: float, view: float) -> None:
        facing = FACING * np.cos(np.radians(rotation))
        if sky == "overcast":
            reading = overcast_light(elevation, facing)
        else:
            reading = metered_light(elevation, self._sunlit(elevation, rotation, view), facing)
        self._skies[sky][1].set_sun(elevation, rotation, reading, self._spec.compensation)

    def _sunlit(self, elevation: float, rotation: float, view: float) -> float:
        """Return the share of the sun that the meter reads."""
        sunlit = sunlit_share(self._spec.things, elevation, rotation - self._angle(view))
        # Metering for the shade alone would overexpose everything in the sun.
        return SHADE + (1 - SHADE) * sunlit

    def _turn(self, view: float) -> None:
        self._things.turn(self._angle(view))

    def _angle(self, view: float) -> float:
        start, end = self._spec.arc
        return start + view * (end - start)


def _world(
    name: str, build: Callable[[Tree], Sky | OvercastSky]
) -> tuple[World, Sky | OvercastSky]:
    """Return a world that shows a sky, and the sky."""
    world = bpy.data.worlds.new(name)
    tree = Tree(world)
    sky = build(tree)
    background = tree.add("ShaderNodeBackground", Color=sky.color)
    output = tree.add("ShaderNodeOutputWorld")
    tree.set(output.inputs["Surface"], background.outputs[0])
    sample_light_of(world, SKY_MAP)
    return world, sky


def _disc(name: str, radius: float) -> Object:
    """Return a flat ground around the origin, with x and y as its UV map."""
    angle = np.arange(96) * (2 * np.pi / 96)
    ring = radius * np.column_stack([np.cos(angle), np.sin(angle), np.zeros(96)])
    mesh = bpy.data.meshes.new(f"ground:{name}")
    mesh.from_pydata(ring.tolist(), [], [tuple(range(96))])
    mesh.uv_layers.new().data.foreach_set("uv", ring[:, :2].ravel())
    mesh.materials.append(None)
    ground = bpy.data.objects.new(f"ground:{name}", mesh)
    bpy.context.scene.collection.objects.link(ground)
    return ground
