"""The stage: one Blender scene that is set to a row of the plan, changing only what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import bpy

from dmldata.common.errors import FieldError
from dmlgen.catalog.paints import MIXED, PAINTS, Paint
from dmlgen.catalog.places import Environment, PanoramaSpec, SiteSpec, StudioSpec, load_environment
from dmlgen.derive.shape import SHAPE_FACTORS, shape_of
from dmlgen.factors.registry import DECLARATIONS, DEFAULTS
from dmlgen.planning.presets import PRESETS, Engine, Preset
from dmlgen.scene.backdrop import Backdrop
from dmlgen.scene.camera import Camera
from dmlgen.scene.car import Car
from dmlgen.scene.changes import Changes
from dmlgen.scene.materials import CarMaterials
from dmlgen.scene.meter import meter
from dmlgen.scene.number_plates import dress, plate_size
from dmlgen.scene.occluders import Occluders
from dmlgen.scene.panorama import Panorama
from dmlgen.scene.photography import Character
from dmlgen.scene.picture import Photographer, Picture, Shot
from dmlgen.scene.site import Site
from dmlgen.scene.studio import Studio
from dmlgen.scene.tracing import Refinement

PAINT_FACTORS = ("paint", "paint_hue", "paint_saturation", "paint_value", "paint_finish")

CAR_PARTS = ("number_plate", "lights_on")
"""Factors of parts that a car can lack."""
METERED_FACTORS = (
    "focal_length",
    *(
        factor.key
        for factor in DECLARATIONS.values()
        if factor.group in {"illumination", "place", "background"}
    ),
    *("camera_height", "camera_distance", "camera_azimuth"),
    # Of the cars that are part of a place.
    "number_plate",
)
"""Factors of what the meter sees; it is read again when one of them changes."""
MAX_CARS = 24
"""Maximum number of loaded cars; beyond it, the least recently shown car is removed."""


class Surroundings(Protocol):
    """The interface of all environments."""

    def show(self, visible: bool) -> None:
        """Make this the environment of the scene, or hide it."""

    def set(self, values: Mapping[str, Any]) -> None:
        """Set light, ground and everything else that the environment's factors decide."""


class Stage:
    """Cars and environments are loaded when first needed and kept.

    Args:
        threads: maximum number of threads of Cycles, 0 for one per core; changes no pixel.
    """

    def __init__(self, engine: Engine, threads: int = 0) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        _configure(engine)
        self.use(PRESETS[engine.preset])
        if threads:
            bpy.context.scene.render.threads_mode = "FIXED"
            bpy.context.scene.render.threads = threads
        self.materials = CarMaterials()
        self.camera = Camera()
        self._occluders = Occluders()
        # The least recently shown car comes first.
        self._cars: dict[tuple[str | float | None, ...], Car] = {}
        self._environments: dict[str, Surroundings] = {}
        self._changes = Changes()
        self.car: Car
        self.environment: Surroundings

    def use(self, preset: Preset) -> None:
        """Trace the pictures from now on as a preset says."""
        scene = bpy.context.scene
        scene.cycles.samples, scene.cycles.max_bounces = preset.samples, preset.max_bounces
        # Without the tag, a scene with persistent data would go on with the settings before.
        scene.update_tag()
        self._car_samples = preset.car_samples

    def set(self, values: Mapping[str, Any], seed: int) -> None:
        """Set the scene to the values of all factors (as in the plan) and the noise to `seed`."""
        # Of a car without such parts there is no value.
        values = {**values, **{k: DEFAULTS[k] for k in CAR_PARTS if values.get(k) is None}}
        scene = bpy.context.scene
        scene.cycles.seed = seed
        # Cycles' settings are not part of Blender's dependency graph: without the tag, a scene with
        # persistent data would go on with the seed of its first frame.
        scene.update_tag()
        changes = self._changes
        changes.apply(self._show_car, values, "car_model", *SHAPE_FACTORS)
        changes.apply(self._show_environment, values, "environment")
        lit = self.car if values["lights_on"] else None
        changes.apply(_forget_lamps, {"place": values["environment"], "car": lit}, "place", "car")
        self.car.turn(values["car_rotation"])
        if values["wheel_style"] is not None:
            self.car.set_wheels(values["wheel_style"], values["steering_angle"])
        changes.apply(self._paint, values, *PAINT_FACTORS)
        style = values["number_plate"]
        changes.apply(self._number, {"style": style, "seed": seed}, "style", "seed")
        self.car.set_plates(plate_size(style))
        changes.apply(self.materials.set_dirt, values, "dirt")
        changes.apply(self.materials.set_lights, values, "lights_on")
        changes.apply(self._occluders.put, values, "occlusion", "camera_distance", "camera_azimuth")
        changes.apply(
            self.camera.place, values, "camera_height", "camera_distance", "camera_azimuth"
        )
        changes.apply(self.camera.expose, values, "exposure", "white_balance")
        self.environment.set(values)
        development = None
        if values["view_transform"] == "camera":
            changes.apply(self._meter, values, *METERED_FACTORS)
            development = self.camera.development(self._gain)
        self.camera.frame(
            self.car.points(), values["focal_length"], values["aperture"], values["crop"]
        )
        character = Character.from_values(values)
        self._shot = Shot(character, values["jpeg_quality"], seed, development)

    def photograph(self, photographer: Photographer) -> Picture:
        """Return the picture of the scene as it is set."""
        refinement = None
        if self._car_samples:
            refinement = Refinement(*self.camera.car_box, self._car_samples)
        return photographer.take(self._shot, refinement)

    def _paint(self, name: str, *mixed: Any) -> None:
        self.materials.set_paint(Paint(*mixed) if name == MIXED else PAINTS[name])

    def _number(self, style: str, seed: int) -> None:
        dress(self.materials, style, (seed,))

    def _meter(self, focal_length: float, *_: object) -> None:
        """Meter the place as the whole picture shows it, before it is cut down to the car."""
        self.camera.frame(self.car.points(), focal_length, aperture=0.0, crop=0.0)
        # The car waits below the ground, where its lamps would still change what the meter reads.
        with self.materials.lights_off():
            self._gain = meter([self.car.root, *self._occluders.objects()])

    def _show_car(self, name: str, *shape: float | None) -> None:
        key: tuple[str | float | None, ...] = (name, *shape)
        if key in self._cars:
            self._cars[key] = self._cars.pop(key)
        else:
            while len(self._cars) >= MAX_CARS:
                self._cars.pop(next(iter(self._cars))).remove()
            asked = dict(zip(SHAPE_FACTORS, shape, strict=True))
            proportions = shape_of({k: v for k, v in asked.items() if v is not None})
            self._cars[key] = Car(name, self.materials, proportions)
        self.car = self._cars[key]
        for car in self._cars.values():
            car.show(car is self.car)

    def _show_environment(self, name: str) -> None:
        if name not in self._environments:
            self._environments[name] = _build(load_environment(name))
        for environment in self._environments.values():
            environment.show(environment is self._environments[name])
        self.environment = self._environments[name]


def _forget_lamps(*_: object) -> None:
    """Let Cycles read the scene anew for the next frame.

    It numbers lamps in the order in which they were first shown, and draws their light by number:
    what was shown before would decide the noise of a picture.
    """
    render = bpy.context.scene.render
    render.use_persistent_data = False
    render.use_persistent_data = True


def _build(spec: Environment) -> Surroundings:
    if isinstance(spec, PanoramaSpec):
        return Panorama(spec)
    if isinstance(spec, StudioSpec):
        return Studio(spec)
    if isinstance(spec, SiteSpec):
        return Site(spec)
    return Backdrop(spec)


def _configure(engine: Engine) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = engine.width, engine.height
    scene.render.use_persistent_data = True
    scene.view_settings.view_transform = "Khronos PBR Neutral"
    cycles = scene.cycles
    cycles.use_adaptive_sampling = False
    cycles.transparent_max_bounces = 16
    cycles.sample_clamp_indirect = 4.0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    # Measured in docs/performance.md: with few lights a tree of them costs more than it helps.
    cycles.use_light_tree = False
    cycles.sampling_pattern = "TABULATED_SOBOL"
    layer = scene.view_layers[0]
    layer.use_pass_z, layer.use_pass_normal = engine.depth, engine.normals
    # `Photographer` denoises the picture itself.
    cycles.use_denoising = False
    _use_device(engine.device)


def _use_device(device: str) -> None:
    """Let Cycles run on the CPU or on GPUs of one kind; 'auto' uses the fastest kind available."""
    preferences = bpy.context.preferences.addons["cycles"].preferences
    kinds_by_device = {"auto": ("OPTIX", "CUDA"), "cuda": ("CUDA",), "optix": ("OPTIX",), "cpu": ()}
    for kind in kinds_by_device[device]:
        gpus = [d for d in preferences.get_devices_for_type(kind) if d.type == kind]
        if gpus:
            preferences.compute_device_type = kind
            for gpu in gpus:
                gpu.use = True
            bpy.context.scene.cycles.device = "GPU"
            return
    if device in ("cuda", "optix"):
        raise FieldError({"device": device}, "no such GPU here; valid: auto, cpu")
    bpy.context.scene.cycles.device = "CPU"
