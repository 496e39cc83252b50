"""Guess the role of a material from its name, or else from its look."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from itertools import pairwise

from dmlgen.carimport.model import ModelMaterial
from dmlgen.carimport.names import says, vocabulary, words


@dataclass(frozen=True)
class Guess:
    """A role and why.

    Attributes:
        reason: `name`, `look`, or `none` if neither is evidence.
    """

    role: str
    reason: str


_BY_NAME: tuple[tuple[str, frozenset[str]], ...] = (
    # Parts around windows, lamps and wheels come before these.
    ("rubber", vocabulary("rubber gasket seal")),
    ("plastic", vocabulary("plastic trim bumper grille grill wiper frame")),
    ("underbody", vocabulary("wheelwell well liner")),
    ("chrome", vocabulary("chrome")),
    ("mirror", vocabulary("mirror")),
    ("upholstery", vocabulary("seat leather fabric upholstery carpet cloth")),
    ("lamp_red", vocabulary("taillight taillamp tail stop stoplight brakelight")),
    ("lamp_orange", vocabulary("indicator blinker turnsignal")),
    ("reflector", vocabulary("reflector")),
    ("lamp_clear", vocabulary("lamp light headlight headlamp lens foglight head")),
    ("plate", vocabulary("plate licence license")),  # codespell:ignore licence
    ("brake", vocabulary("brake caliper disc disk rotor")),
    ("tyre", vocabulary("tyre tire tread pneu reifen")),
    ("rim", vocabulary("rim alloy wheel hub hubcap spoke felge")),
    ("interior", vocabulary("interior cabin cockpit dash dashboard inside")),
    ("glass", vocabulary("glass window windshield windscreen glazing")),
    ("metal_dark", vocabulary("exhaust muffler tailpipe engine")),
    ("underbody", vocabulary("underbody chassis undercarriage floor")),
)
"""Words of names per role; the first role with a matching word counts."""

_PAINT = vocabulary("paint carpaint bodywork body coat lacquer lack karosserie carrosserie")
_OTHER_WORDS = frozenset({"template", "plateau", "fiberglass", "fibreglass"})
"""Words that only contain one of another meaning."""
_BEHIND = frozenset({"rear", "back", "brake", "stop"})
_STEERING = vocabulary("steering")
_LIGHT = vocabulary("lamp light")
_LAMPS = ("lamp_clear", "lamp_red", "lamp_orange", "reflector")
_GRAY = ("gray", "grey")  # codespell:ignore grey
_COLORS = ("red", "orange", "white", "black", "blue", "green", "brown", "yellow", *_GRAY)


def guess_role(material: ModelMaterial, objects: tuple[str, ...] = ()) -> Guess:
    """Guess the role of a material.

    Args:
        objects: names of the objects that consist almost entirely of it; they count where the
            material's own name is no evidence.

    >>> guess_role(ModelMaterial("windowGlass")).role, guess_role(ModelMaterial("glass_red")).role
    ('glass', 'lamp_red')
    >>> guess_role(ModelMaterial("Material.012", alpha=0.3))
    Guess(role='glass', reason='look')
    """
    role = _role_in(words(material.name), material)
    for name in objects:
        by_object = _role_in(words(name), material)
        # A transparent material on an object called a cabin is its windows.
        if role is None and not (_is_clear(material) and by_object not in _LAMPS):
            role = by_object
    return _by_look(material) if role is None else Guess(role, "name")


def looks_like_paint(material: ModelMaterial) -> bool:
    """Return whether the name of a material says that it is paint."""
    return says(words(material.name), _PAINT)


def _role_in(name_words: list[str], material: ModelMaterial) -> str | None:
    named = [word for word in name_words if word not in _OTHER_WORDS and not _is_light_color(word)]
    for first, second in pairwise(name_words):
        if first == "light" and second in _COLORS:
            named.remove(first)
    if says(named, _STEERING):
        return "interior"
    role = next((role for role, meant in _BY_NAME if says(named, meant)), None)
    if role == "lamp_clear":
        if "red" in named or (says(named, _LIGHT) and _BEHIND & set(named)):
            return "lamp_red"
        return "reflector" if material.metallic > 0.5 else _hue_of(named, material) or role
    return _hue_of(named, material) or role if role == "glass" else role


def _is_light_color(word: str) -> bool:
    return word.startswith("light") and word[5:] in _COLORS


def _hue_of(named: list[str], material: ModelMaterial) -> str | None:
    if "red" in named:
        return "lamp_red"
    if {"orange", "amber", "yellow"} & set(named):
        return "lamp_orange"
    return _colored_lamp(material)


def _colored_lamp(material: ModelMaterial) -> str | None:
    hue, saturation, value = colorsys.rgb_to_hsv(*material.color)
    if saturation < 0.7 or value < 0.15:
        return None
    if hue < 0.03 or hue > 0.95:
        return "lamp_red"
    return "lamp_orange" if hue < 0.13 else None


def _is_clear(material: ModelMaterial) -> bool:
    return material.alpha < 0.8 or material.transmission > 0.5


def _by_look(material: ModelMaterial) -> Guess:
    lightness = 0.2126 * material.color[0] + 0.7152 * material.color[1] + 0.0722 * material.color[2]
    if _is_clear(material):
        return Guess(_colored_lamp(material) or "glass", "look")
    if not material.color_known:
        return Guess("plastic", "none")
    if material.metallic > 0.5:
        return Guess("chrome" if lightness > 0.3 else "metal_dark", "look")
    if lightness < 0.05 and not material.image:
        return Guess("gloss_black" if material.roughness < 0.2 else "plastic", "look")
    return Guess("plastic", "none")
