"""The shaders of a car's roles, shared by all cars; the mask pass reads their `pass_index`."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import bpy
import numpy as np
from bpy.types import Image, Material, NodeSocket
from numpy.typing import NDArray

from dmldata.common.color import decode_srgb
from dmldata.contract.parts import Part
from dmlgen.catalog.paints import Paint
from dmlgen.catalog.roles import ROLES
from dmlgen.scene.nodes import Tree
from dmlgen.scene.panes import pane
from dmlgen.scene.weathering import PHOTOGRAPH, cover_with_dirt, glow

PRISM = 0.024
"""Width in meters of the prisms in a colored lens."""
PRISM_DISORDER = 0.35
"""How far they are from lying in rows, 0 to 1."""
NUMBER = "number"
"""Name of the node with the picture of a number plate."""
Shader = Callable[[Tree, str], NodeSocket]
"""Builds the nodes of a role's surface and returns their output."""


class Finish(NamedTuple):
    """A kind of paint: share of metallic flakes, strength of the pearl effect, roughness under the
    clear coat and weight of the clear coat, 0..1 each."""

    flake: float
    pearl: float
    roughness: float
    coat: float


FINISHES = {
    "solid": Finish(0.0, 0.0, 0.4, 1.0),
    "metallic": Finish(0.5, 0.0, 0.4, 1.0),
    "pearl": Finish(0.35, 0.8, 0.35, 1.0),
    "matte": Finish(0.0, 0.0, 0.55, 0.0),
}


def linear_rgb(hue: float, saturation: float, value: float) -> tuple[float, float, float, float]:
    """Return the linear RGBA of an HSV color in sRGB, as on screens; each argument in 0..1."""
    encoded = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    red, green, blue = (float(decode_srgb(channel)) for channel in encoded)
    return (red, green, blue, 1.0)


class CarMaterials:
    """One Blender material per role, and one per image that a car keeps for a role.

    Only paint, dirt and lights change between rows.

    Args:
        background: for cars that are part of a place: the mask does not count them.
    """

    def __init__(self, background: bool = False) -> None:
        self._background = background
        self._all: list[Material] = []
        self._switched: dict[str, float] = {}
        self._number_plates: dict[str, Material] = {}
        self._showing: dict[tuple[str, str], Material] = {}
        self._replaced_images: list[Image] = []
        self._by_role: dict[str, Material] = {}

    def __getitem__(self, role: str) -> Material:
        # No car has all roles, and every parked car has materials of its own.
        if role not in self._by_role:
            self._by_role[role] = self._build(role, _SHADERS.get(role, _opaque))
        return self._by_role[role]

    def showing(self, image: Image, role: str) -> Material:
        """Return the material of a role that shows an image of the car's file.

        A number that a car brings on its plates is left out: every car has numbers in the same way.
        """
        if role == "plate":
            return self[role]
        key = (image.name, role)
        if key not in self._showing:
            self._showing[key] = self._build(role, _textured(image))
        return self._showing[key]

    def set_paint(self, paint: Paint) -> None:
        """Set the paint of all cars that share these materials."""
        look = FINISHES[paint.finish]
        nodes = self["paint"].node_tree.nodes
        color = linear_rgb(paint.hue, paint.saturation, paint.value)
        nodes["color"].outputs[0].default_value = color
        nodes["flake"].outputs[0].default_value = look.flake
        nodes["pearl"].outputs[0].default_value = look.pearl
        nodes["shader"].inputs["Roughness"].default_value = look.roughness
        nodes["shader"].inputs["Coat Weight"].default_value = look.coat

    def number_plate(self, end: str) -> Material:
        """Return the material of a plate with a number at an end of the car: `front` or `rear`."""
        if end not in self._number_plates:
            self._number_plates[end] = self._build("plate", _numbered)
        return self._number_plates[end]

    def set_number_plates(self, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Set the picture, uint8 [H, W, 3] sRGB, of the plates by end of the car.

        Without pictures, plates are blank; with them, what was a blank plate is their holder.
        """
        self._switch("numbered", 1.0 if pictures else 0.0)
        replaced = []
        for end, picture in pictures.items():
            node = self.number_plate(end).node_tree.nodes[NUMBER]
            # Cycles would not notice new pixels in the image that it has, nor a new image at the
            # address of one that it still knows: those go when it has seen the next frame.
            before, node.image = node.image, _image_of(picture)
            if before is not None:
                replaced.append(before)
        for image in self._replaced_images:
            bpy.data.images.remove(image)
        self._replaced_images = replaced

    def set_dirt(self, amount: float) -> None:
        """Set the amount of dust and mud on the outside, 0 (none) to 1."""
        self._switch("dirt", amount)

    def set_lights(self, brightness: float) -> None:
        """Set the light of head and tail lamps, 0 (off) to 1."""
        self._switch("light", brightness)

    @contextmanager
    def lights_off(self) -> Iterator[None]:
        """Turn the lamps off for as long as the context lasts."""
        brightness = self._switched.get("light", 0.0)
        if brightness:
            self.set_lights(0.0)
        try:
            yield
        finally:
            if brightness:
                self.set_lights(brightness)

    def _switch(self, name: str, value: float) -> None:
        """Set the value nodes of that name, also in materials that are built later."""
        self._switched[name] = value
        for material in self._all:
            _set_value(material, name, value)

    def _build(self, role: str, shader: Shader) -> Material:
        material = bpy.data.materials.new(f"role:{role}")
        part = Part.BACKGROUND if self._background else ROLES[role].part
        material.pass_index = int(part)
        tree = Tree(material)
        surface = glow(tree, role, shader(tree, role))
        tree.end(cover_with_dirt(tree, role, surface))
        self._all.append(material)
        for name, value in self._switched.items():
            _set_value(material, name, value)
        return material


def _set_value(material: Material, name: str, value: float) -> None:
    node = material.node_tree.nodes.get(name)
    if node is not None:
        node.outputs[0].default_value = value


def _opaque(tree: Tree, role: str) -> NodeSocket:
    look = ROLES[role]
    return tree.add(
        "ShaderNodeBsdfPrincipled",
        Base_Color=(*look.color, 1.0),
        Metallic=look.metallic,
        Roughness=look.roughness,
    ).outputs[0]


def _paint(tree: Tree, role: str) -> NodeSocket:
    """Return the paint: a base coat, metallic in the share of flakes, under a clear coat.

    Pearl is lighter and of another hue at grazing angles.
    """
    plain = tree.add("ShaderNodeRGB", {"name": "color"}).outputs[0]
    flake = tree.add("ShaderNodeValue", {"name": "flake"}).outputs[0]
    pearl = tree.add("ShaderNodeValue", {"name": "pearl"}).outputs[0]
    shifted = tree.add(
        "ShaderNodeHueSaturation", Hue=0.54, Saturation=0.7, Value=1.5, Color=plain
    ).outputs[0]
    along = tree.add("ShaderNodeLayerWeight", Blend=0.45).outputs["Facing"]
    color = tree.mix_color(tree.math("MULTIPLY", pearl, along), plain, shifted)
    return tree.add(
        "ShaderNodeBsdfPrincipled",
        {"name": "shader"},
        Base_Color=color,
        Metallic=tree.math("MULTIPLY", flake, 0.65),
        Roughness=0.4,
        Specular_IOR_Level=0.35,
        Coat_Weight=1.0,
        Coat_Roughness=0.015,
        Coat_IOR=1.5,
    ).outputs[0]


def _pane(tint: tuple[float, float, float], filtered: bool = True) -> Shader:
    """Return a pane of a car; see `dmlgen.scene.panes.pane`."""
    return lambda tree, role: pane(tree, tint, filtered)


def _colored_lens(color: tuple[float, float, float], clear: float) -> Shader:
    """Return the plastic of a lamp, with prisms inside: it passes part of the light in its color.

    A prism is bright in the middle and dark where it meets the next ones.
    """

    def build(tree: Tree, role: str) -> NodeSocket:
        along = tree.add("ShaderNodeTexCoord").outputs["Object"]
        prism = tree.add(
            "ShaderNodeTexVoronoi", Vector=along, Scale=1 / PRISM, Randomness=PRISM_DISORDER
        )
        edge = tree.smoothstep(prism.outputs["Distance"], 0.1, 0.75)
        shaded = tree.mix_color(edge, (*color, 1.0), (*(0.18 * c for c in color), 1.0))
        relief = tree.add("ShaderNodeBump", {"invert": True}, Strength=0.7, Distance=0.2 * PRISM)
        tree.set(relief.inputs["Height"], prism.outputs["Distance"])
        body = tree.add(
            "ShaderNodeBsdfPrincipled",
            Base_Color=shaded,
            Roughness=0.12,
            Normal=relief.outputs[0],
            Coat_Weight=1.0,
            Coat_Roughness=0.02,
        ).outputs[0]
        through = tree.add("ShaderNodeBsdfTransparent", Color=(*color, 1.0)).outputs[0]
        return tree.mix_shader(clear, body, through)

    return build


def _textured(image: Image) -> Shader:
    """Return a surface that shows a photograph of the part; a lamp's lies under its cover."""

    def build(tree: Tree, role: str) -> NodeSocket:
        look = ROLES[role]
        settings = {"image": image, "interpolation": "Cubic", "name": PHOTOGRAPH}
        color = tree.add("ShaderNodeTexImage", settings)
        cover = 1.0 if look.part == Part.LIGHT else 0.0
        # What shines white in the photograph of a headlamp mirrors the sky there; as a color it
        # would be whiter than paper.
        contrast, brightness = (1.8, 0.6) if role == "lamp_clear" else (1.0, 1.0)
        darker = tree.add("ShaderNodeGamma", Color=color.outputs["Color"], Gamma=contrast)
        darker = tree.add("ShaderNodeHueSaturation", Color=darker.outputs[0], Value=brightness)
        return tree.add(
            "ShaderNodeBsdfPrincipled",
            Base_Color=darker.outputs[0],
            Metallic=0.5 * look.metallic,
            Roughness=max(look.roughness, 0.3),
            Coat_Weight=cover,
            Coat_Roughness=0.01,
        ).outputs[0]

    return build


def _plate(tree: Tree, role: str) -> NodeSocket:
    """Return a blank number plate, or the black plastic that holds one with a number."""
    look, holder = ROLES[role], ROLES["plastic"]
    numbered = tree.add("ShaderNodeValue", {"name": "numbered"}).outputs[0]
    numbered.default_value = 0.0
    color = tree.mix_color(numbered, (*look.color, 1.0), (*holder.color, 1.0))
    shader = tree.add("ShaderNodeBsdfPrincipled", Base_Color=color, Roughness=look.roughness)
    return shader.outputs[0]


def _numbered(tree: Tree, role: str) -> NodeSocket:
    """Return a plate with a number, whose picture the node NUMBER holds."""
    look = tree.add("ShaderNodeTexImage", {"name": NUMBER, "interpolation": "Cubic"})
    return tree.add(
        "ShaderNodeBsdfPrincipled",
        Base_Color=look.outputs["Color"],
        Roughness=ROLES[role].roughness,
    ).outputs[0]


def _image_of(picture: NDArray[np.uint8]) -> Image:
    """Return a new Blender image of uint8 [H, W, 3] sRGB."""
    height, width = picture.shape[:2]
    image = bpy.data.images.new("number_plate", width, height)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = picture[::-1].astype(np.float32) / 255
    image.pixels.foreach_set(pixels.ravel())
    return image


def _tyre(tree: Tree, role: str) -> NodeSocket:
    look = ROLES[role]
    return tree.add(
        "ShaderNodeBsdfPrincipled",
        Base_Color=(*look.color, 1.0),
        Roughness=look.roughness,
        Specular_IOR_Level=0.3,
    ).outputs[0]


_SHADERS: dict[str, Shader] = {
    "paint": _paint,
    "glass": _pane((0.72, 0.77, 0.75)),
    "glass_dark": _pane((0.1, 0.105, 0.105)),
    "lamp_clear": _pane((0.93, 0.94, 0.95), filtered=False),
    "lamp_red": _colored_lens((0.46, 0.006, 0.006), 0.25),
    "lamp_orange": _colored_lens((0.75, 0.16, 0.01), 0.35),
    "lamp_white": _colored_lens((0.7, 0.7, 0.7), 0.35),
    "tyre": _tyre,
    "plate": _plate,
}
