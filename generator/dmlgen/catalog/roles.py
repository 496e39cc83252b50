"""What a material of a car is for: its role decides its shader and its value in the part mask."""

from __future__ import annotations

from dataclasses import dataclass

from dmldata.contract.parts import Part


@dataclass(frozen=True)
class Role:
    """A material role: its part in the mask, and a plain look for viewers of the GLB file.

    Args:
        part: value in the part mask.
        color: linear RGB, 0..1.
        metallic: 0..1.
        roughness: 0..1.
        alpha: 0..1, below 1 for glass.
    """

    part: Part
    color: tuple[float, float, float]
    metallic: float = 0.0
    roughness: float = 0.5
    alpha: float = 1.0


ROLES: dict[str, Role] = {
    "paint": Role(Part.PAINT, (0.35, 0.02, 0.02), 0.0, 0.3),
    "glass": Role(Part.GLASS, (0.05, 0.07, 0.07), 0.0, 0.0, 0.35),
    "glass_dark": Role(Part.GLASS, (0.01, 0.012, 0.012), 0.0, 0.0, 0.8),
    "tyre": Role(Part.WHEEL, (0.012, 0.012, 0.012), 0.0, 0.75),
    "rim": Role(Part.WHEEL, (0.45, 0.46, 0.47), 0.9, 0.25),
    "rim_dark": Role(Part.WHEEL, (0.06, 0.06, 0.065), 0.7, 0.35),
    "brake": Role(Part.WHEEL, (0.25, 0.24, 0.23), 0.9, 0.4),
    "lamp_clear": Role(Part.LIGHT, (0.9, 0.9, 0.9), 0.0, 0.0, 0.2),
    "lamp_red": Role(Part.LIGHT, (0.6, 0.0, 0.0), 0.0, 0.05, 0.7),
    "lamp_orange": Role(Part.LIGHT, (0.8, 0.2, 0.0), 0.0, 0.05, 0.7),
    "lamp_white": Role(Part.LIGHT, (0.7, 0.7, 0.7), 0.0, 0.05, 0.7),
    "reflector": Role(Part.LIGHT, (0.8, 0.8, 0.8), 1.0, 0.1),
    "chrome": Role(Part.OTHER, (0.55, 0.556, 0.554), 1.0, 0.06),
    "metal_dark": Role(Part.OTHER, (0.08, 0.08, 0.085), 0.8, 0.3),
    "gloss_black": Role(Part.OTHER, (0.006, 0.006, 0.006), 0.0, 0.06),
    "plastic": Role(Part.OTHER, (0.022, 0.022, 0.023), 0.0, 0.55),
    "rubber": Role(Part.OTHER, (0.012, 0.012, 0.012), 0.0, 0.7),
    "mirror": Role(Part.OTHER, (0.8, 0.82, 0.84), 1.0, 0.01),
    "plate": Role(Part.OTHER, (0.72, 0.72, 0.7), 0.0, 0.35),
    "interior": Role(Part.OTHER, (0.06, 0.06, 0.062), 0.0, 0.7),
    "upholstery": Role(Part.OTHER, (0.13, 0.125, 0.12), 0.0, 0.85),
    "underbody": Role(Part.OTHER, (0.008, 0.008, 0.008), 0.0, 0.9),
}
