"""More samples around the car: the same picture there as with more samples everywhere."""

from functools import partial

import numpy as np

from dmlgen.blender import call_in_blender
from dmlgen.factors.registry import DEFAULTS
from dmlgen.planning.presets import Engine, Preset

SIZE = (72, 48)
SCENES = (
    {"crop": 0.7, "camera_azimuth": 20.0, "occlusion": "post", "aperture": 4.0},
    {"camera_distance": 15.0, "wheel_style": "mesh"},
)


def keep(traced, what):
    traced.append(what)
    return what.color


def traced_scenes(scratch):
    """What is traced of each scene: refined, all of it with as many samples, and refined again."""
    from dmlgen.scene import tracing
    from dmlgen.scene.picture import Photographer
    from dmlgen.scene.stage import Stage

    stage = Stage(Engine("draft", SIZE, "cpu"))
    Photographer(scratch)
    scenes = []
    for number, changes in enumerate(SCENES):
        stage.set({**DEFAULTS, **changes}, number)
        box = stage.camera.car_box
        traced = []
        for samples, further in ((2, 6), (8, 0), (2, 6)):
            stage.use(Preset(samples, further, 8))
            refinement = tracing.Refinement(*box, further) if further else None
            tracing.render(partial(keep, traced), refinement)
        scenes.append((box, [vars(what) for what in traced]))
    return scenes


def test_the_box_of_the_car_has_the_pixels_of_a_whole_picture_with_as_many_samples(tmp_path):
    for box, (refined, whole, again) in call_in_blender(traced_scenes, tmp_path / "log", tmp_path):
        x0, y0, x1, y1 = box
        inside = np.zeros((SIZE[1], SIZE[0]), bool)
        inside[y0:y1, x0:x1] = True
        for name in ("color", "albedo", "normal"):
            # Blender gives every pass as float32, and one of the sums is made of two.
            np.testing.assert_allclose(refined[name][inside], whole[name][inside], 1e-4, 1e-5)
            assert np.array_equal(refined[name], again[name])
        assert not np.allclose(refined["color"][~inside], whole["color"][~inside], 1e-4, 1e-5)
        assert np.array_equal(refined["material_index"], whole["material_index"])
        car = whole["material_index"][..., 0] > 0
        assert car.any()
        assert not (car & ~inside).any()
