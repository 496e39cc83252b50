"""The shaders of a car's roles, shared by all cars; the mask pass reads their `pass_index`."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import NamedTuple

import bpy
from bpy.types import Image, Material, NodeSocket

from dmldata.common.color import decode_srgb
from dmldata.contract.parts import Part
from dmlgen.catalog.roles import ROLES
from dmlgen.meshes.role_materials import image_of, role_of
from dmlgen.scene.nodes import Tree
from dmlgen.scene.weathering import PHOTOGRAPH, cover_with_dirt, glow

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
        self._by_role = {role: self._build(role, _SHADERS.get(role, _opaque)) for role in ROLES}

    def __getitem__(self, role: str) -> Material:
        return self._by_role[role]

    def like(self, material: Material) -> Material:
        """Return the material to render in place of a material of a GLB file."""
        role, image = role_of(material), image_of(material)
        return self[role] if image is None else self._build(role, _textured(image))

    def set_paint(self, hue: float, saturation: float, value: float, finish: str) -> None:
        """Set the color of the paint, 0..1 each, and its finish, a key of FINISHES."""
        look = FINISHES[finish]
        nodes = self["paint"].node_tree.nodes
        nodes["color"].outputs[0].default_value = linear_rgb(hue, saturation, value)
        nodes["flake"].outputs[0].default_value = look.flake
        nodes["pearl"].outputs[0].default_value = look.pearl
        nodes["shader"].inputs["Roughness"].default_value = look.roughness
        nodes["shader"].inputs["Coat Weight"].default_value = look.coat

    def set_dirt(self, amount: float) -> None:
        """Set the amount of dust and mud on the outside, 0 (none) to 1."""
        self._switch("dirt", amount)

    def set_lights(self, brightness: float) -> None:
        """Set the light of head and tail lamps, 0 (off) to 1."""
        self._switch("light", brightness)

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


def _pane(tint: tuple[float, float, float], ior: float = 1.5) -> Shader:
    """Return a thin sheet: what is behind it is tinted and not refracted, under a sharp reflection.

    Both sides of the sheet reflect, so the Fresnel term is nearly twice that of one surface;
    no light is refracted, so nothing behind it needs caustics. From inside it looks as from
    outside: there is air on both sides.
    """

    def build(tree: Tree, role: str) -> NodeSocket:
        # At a back face Cycles assumes the inside of solid glass and inverts the index.
        behind = tree.add("ShaderNodeNewGeometry").outputs["Backfacing"]
        index = tree.math("SUBTRACT", ior, tree.math("MULTIPLY", behind, ior - 1 / ior))
        fresnel = tree.add("ShaderNodeFresnel", IOR=index).outputs[0]
        reflectance = tree.math("MULTIPLY", fresnel, 1.7, clamp=True)
        through = tree.add("ShaderNodeBsdfTransparent", Color=(*tint, 1.0)).outputs[0]
        mirror = tree.add("ShaderNodeBsdfGlossy", Roughness=0.0).outputs[0]
        return tree.mix_shader(reflectance, through, mirror)

    return build


def _colored_lens(color: tuple[float, float, float], clear: float) -> Shader:
    """Return the ribbed plastic of a lamp: it passes part of the light and glows in its color."""

    def build(tree: Tree, role: str) -> NodeSocket:
        body = tree.add(
            "ShaderNodeBsdfPrincipled",
            Base_Color=(*color, 1.0),
            Roughness=0.12,
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
    "glass": _pane((0.66, 0.71, 0.69)),
    "lamp_clear": _pane((0.93, 0.94, 0.95)),
    "lamp_red": _colored_lens((0.55, 0.008, 0.008), 0.35),
    "lamp_orange": _colored_lens((0.75, 0.16, 0.01), 0.35),
    "tyre": _tyre,
}
