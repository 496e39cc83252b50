"""The factors that dmlgen controls, with the values each takes unless a recipe says otherwise."""

from __future__ import annotations

from difflib import get_close_matches

from dmldata.common.errors import UnknownNameError
from dmldata.contract.factors import Factor, Value
from dmlgen.catalog.assets import environment_names, project_car_names
from dmlgen.catalog.labels import BODY_TYPE

_HUES = tuple(i / 10 for i in range(10))
_TENTHS = (0.1, 0.3, 0.5, 0.7, 0.9)

PAINT_FINISHES = ("solid", "metallic", "pearl", "matte")
WHEEL_STYLES = ("own", "five_spoke", "ten_spoke", "mesh", "steel")
FLOORS = ("matte", "satin", "polished")
GROUNDS = ("asphalt", "asphalt_wet", "concrete", "pavers", "cobbles", "gravel")
OCCLUDERS = ("none", "post", "sign", "bin", "bush")
VIEW_TRANSFORMS = {"neutral": "Khronos PBR Neutral", "agx": "AgX"}
"""Value -> Blender's name."""


def catalogue() -> dict[str, Factor]:
    """Every factor by key, in the order in which they stand in plans and tables."""
    factors = [
        _categorical("car_model", "model", "which car", tuple(project_car_names())),
        *_shape(),
        _cyclic(
            "car_rotation",
            "pose",
            "degrees",
            360.0,
            "yaw of the car, counter-clockwise from above; 0 faces the camera",
            tuple(float(angle) for angle in range(0, 360, 30)),
        ),
        _linear(
            "camera_height", "pose", "metres", "camera above ground", (0.6, 1.1, 1.6, 2.2, 3.0)
        ),
        _linear(
            "camera_distance",
            "pose",
            "metres",
            "horizontal distance from camera to car",
            (7.0, 8.5, 10.0),
        ),
        _linear(
            "camera_azimuth",
            "pose",
            "degrees",
            "where the camera stands, counter-clockwise around the car; the scene stays",
            (-30.0, -15.0, 0.0, 15.0, 30.0),
        ),
        _cyclic("paint_hue", "color", "", 1.0, "hue of the paint (HSV)", _HUES),
        _linear("paint_saturation", "color", "", "saturation of the paint (HSV)", _TENTHS),
        _linear("paint_value", "color", "", "value of the paint (HSV)", _TENTHS),
        _categorical("paint_finish", "finish", "kind of paint", PAINT_FINISHES),
        _linear("dirt", "finish", "", "dust and mud on the car; 0 is clean", (0.0, 0.4, 0.8)),
        _categorical(
            "wheel_style", "wheels", "design of the wheels; own are the car's", WHEEL_STYLES
        ),
        _linear(
            "steering_angle",
            "wheels",
            "degrees",
            "how far the front wheels are turned; above 0 to the car's left",
            (-24.0, -12.0, 0.0, 12.0, 24.0),
        ),
        _linear("lights_on", "lights", "", "brightness of head and tail lamps", (0.0, 1.0)),
        _linear(
            "sun_elevation",
            "illumination",
            "degrees",
            "sun above the horizon",
            (5.0, 15.0, 30.0, 45.0, 60.0, 75.0),
        ),
        _cyclic(
            "sun_rotation",
            "illumination",
            "degrees",
            360.0,
            "azimuth of the sun, counter-clockwise from above; 0 is behind the camera",
            tuple(float(angle) for angle in range(0, 360, 45)),
        ),
        _categorical("environment", "place", "what surrounds the car", tuple(environment_names())),
        _linear(
            "environment_view",
            "place",
            "",
            "which way a place is seen, as a share of the directions that suit it",
            (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875),
        ),
        _categorical("ground", "place", "what the ground of an outdoor place is made of", GROUNDS),
        _categorical("floor", "place", "finish of a studio's floor", FLOORS),
        _categorical("occlusion", "occlusion", "what stands between camera and car", OCCLUDERS),
        _cyclic("background_hue", "background", "", 1.0, "hue of the backdrop (HSV)", _HUES),
        _linear(
            "background_saturation", "background", "", "saturation of the backdrop (HSV)", _TENTHS
        ),
        _linear(
            "background_value",
            "background",
            "",
            "value of the backdrop (HSV)",
            (0.25, 0.4, 0.55, 0.7, 0.85),
        ),
        _linear(
            "focal_length",
            "camera",
            "millimetres",
            "focal length on a sensor 36 mm wide; smaller shows more",
            (28.0, 35.0, 50.0, 85.0),
        ),
        _linear(
            "crop",
            "camera",
            "",
            "how far the picture is cut down to the car; 0 not at all, 1 to the car's box",
            (0.0, 0.5, 1.0),
        ),
        _linear(
            "exposure",
            "camera",
            "stops",
            "brightness of the whole picture; 0 is metered",
            (-0.7, 0.0, 0.7),
        ),
        _linear(
            "white_balance",
            "camera",
            "kelvin",
            "light for which the camera is set; 6500 is metered, above it is warmer",
            (5200.0, 6500.0, 8000.0),
        ),
        _linear(
            "aperture",
            "camera",
            "f-number",
            "of the lens, focused on the car; smaller blurs more of the rest, 0 nothing at all",
            (2.0, 4.0, 8.0),
        ),
        _categorical(
            "view_transform", "camera", "from light to display colours", tuple(VIEW_TRANSFORMS)
        ),
        _linear(
            "flare",
            "camera",
            "percent",
            "of the picture's light that the lens spreads over all of it",
            (0.0, 1.0, 2.0),
        ),
        _linear(
            "sensor_noise",
            "camera",
            "percent",
            "standard deviation of a middle grey's light",
            (0.0, 2.0, 5.0),
        ),
        _linear(
            "sharpening",
            "camera",
            "",
            "amount of the camera's unsharp mask",
            (0.0, 0.5, 1.0),
        ),
        _linear(
            "jpeg_quality",
            "camera",
            "",
            "quality at which the picture is compressed",
            (75.0, 85.0, 95.0),
        ),
    ]
    return {factor.key: factor for factor in factors}


def _shape() -> list[Factor]:
    """Proportions: see `dmlgen.derive.shape`."""
    scales = {
        "wheelbase": ("of the length between the wheel arches", (0.93, 0.97, 1.0, 1.04, 1.08)),
        "bonnet_length": ("of the bonnet behind the front arches", (0.88, 1.0, 1.12)),
        "front_overhang": ("of the length before the front arches", (0.88, 1.0, 1.12)),
        "rear_overhang": ("of the length behind the rear arches", (0.8, 1.0, 1.25)),
        "roof_height": ("of the height from belt to roof", (0.88, 0.94, 1.0, 1.08, 1.16)),
        "body_width": ("of the width", (0.97, 1.0, 1.04)),
    }
    return [
        *(
            _linear(key, "shape", "", f"scale {what}; 1 is the car model's own", values)
            for key, (what, values) in scales.items()
        ),
        _linear(
            "ride_height", "shape", "metres", "body lifted above its wheels", (0.0, 0.03, 0.06)
        ),
    ]


CONSTANTS: dict[str, Value] = {
    "wheelbase": 1.0,
    "bonnet_length": 1.0,
    "front_overhang": 1.0,
    "rear_overhang": 1.0,
    "roof_height": 1.0,
    "body_width": 1.0,
    "ride_height": 0.0,
    "car_rotation": 40.0,
    "camera_height": 1.6,
    "camera_distance": 7.0,
    "camera_azimuth": 0.0,
    "paint_hue": 0.6,
    "paint_saturation": 0.7,
    "paint_value": 0.5,
    "paint_finish": "metallic",
    "dirt": 0.0,
    "wheel_style": "own",
    "steering_angle": 0.0,
    "lights_on": 0.0,
    "sun_elevation": 45.0,
    "sun_rotation": 45.0,
    "environment": "backdrop",
    "environment_view": 0.0,
    "ground": "asphalt",
    "floor": "matte",
    "occlusion": "none",
    "background_hue": 0.6,
    "background_saturation": 0.1,
    "background_value": 0.7,
    "focal_length": 50.0,
    "crop": 0.0,
    "exposure": 0.0,
    "white_balance": 6500.0,
    "aperture": 0.0,
    "view_transform": "neutral",
    "flare": 0.0,
    "sensor_noise": 0.0,
    "sharpening": 0.0,
    "jpeg_quality": 95.0,
    "car_model": "fordFocus",
}
"""The value of a factor that a recipe neither varies nor sets."""


_RANGES: dict[str, tuple[float, float]] = {
    "wheelbase": (0.8, 1.25),
    "bonnet_length": (0.7, 1.4),
    "front_overhang": (0.7, 1.3),
    "rear_overhang": (0.6, 1.5),
    "roof_height": (0.75, 1.35),
    "body_width": (0.9, 1.12),
    "ride_height": (-0.03, 0.12),
    "car_rotation": (0.0, 360.0),
    "sun_rotation": (0.0, 360.0),
    "steering_angle": (-35.0, 35.0),
    "camera_height": (0.1, 20.0),
    "camera_distance": (3.5, 50.0),
    "camera_azimuth": (-180.0, 180.0),
    "sun_elevation": (1.0, 90.0),
    "focal_length": (10.0, 300.0),
    "crop": (0.0, 1.5),
    "exposure": (-5.0, 5.0),
    "white_balance": (2500.0, 15000.0),
    "aperture": (0.0, 64.0),
    "flare": (0.0, 50.0),
    "sensor_noise": (0.0, 50.0),
    "sharpening": (0.0, 5.0),
    "jpeg_quality": (1.0, 100.0),
}
"""What can be rendered; factors not named here take 0..1."""


def range_of(factor: Factor) -> tuple[float, float]:
    """Lowest and highest value of a numeric factor that can be rendered, in its unit."""
    return _RANGES.get(factor.key, (0.0, 1.0))


def find_factor(key: str, where: str = "") -> Factor:
    """The factor `key`.

    Raises:
        UnknownNameError: no such factor; lists those there are.
    """
    factors = catalogue()
    if key not in factors:
        members = [factor.key for factor in factors.values() if factor.group == key]
        hint = f"'{key}' is a group of factors: {', '.join(members)}" if members else ""
        raise UnknownNameError("factor", key, factors, where, hint)
    return factors[key]


def groups() -> list[str]:
    """Names of the factor groups, each of which a sweep can change."""
    return [*dict.fromkeys(factor.group for factor in catalogue().values()), BODY_TYPE]


def find_group(name: str) -> list[Factor]:
    """The factors of a group.

    Raises:
        UnknownNameError: no such group; lists those there are.
    """
    if name not in groups():
        raise UnknownNameError("factor group", name, groups(), hint=_group_meant_by(name))
    if name == BODY_TYPE:
        # A body type follows from the car.
        return [catalogue()["car_model"]]
    return [factor for factor in catalogue().values() if factor.group == name]


def _group_meant_by(name: str) -> str:
    """What to say where a factor, or a part of its name, is given in place of a group."""
    group_of = {factor.key: factor.group for factor in catalogue().values()}
    if name in group_of:
        return f"'{name}' is a factor of the group '{group_of[name]}'"
    closest = get_close_matches(name, [*groups(), *group_of], n=1)
    if closest and closest[0] in groups():
        return ""
    close = get_close_matches(name, group_of, n=1) or [key for key in group_of if name in key]
    return f"did you mean '{group_of[close[0]]}', the group of '{close[0]}'?" if close else ""


def _categorical(key: str, group: str, meaning: str, values: tuple[Value, ...]) -> Factor:
    return Factor(key=key, group=group, kind="categorical", meaning=meaning, values=values)


def _linear(key: str, group: str, unit: str, meaning: str, values: tuple[Value, ...]) -> Factor:
    return Factor(key=key, group=group, kind="linear", unit=unit, meaning=meaning, values=values)


def _cyclic(
    key: str, group: str, unit: str, period: float, meaning: str, values: tuple[Value, ...]
) -> Factor:
    return Factor(
        key=key,
        group=group,
        kind="cyclic",
        unit=unit,
        period=period,
        meaning=meaning,
        values=values,
    )
