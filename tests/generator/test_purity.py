"""Changing one factor changes nothing else: measured on real renders."""

import colorsys
import functools
import itertools

import numpy as np
import pytest
from scipy import stats

from dmldata import Part, open_dataset
from dmlgen.catalog.places import load_environment
from dmlgen.factors.registry import DEFAULTS, INAPPLICABLE, with_values
from dmlgen.planning.draw import Plan, make_plan
from dmlgen.planning.images import PlannedImage
from dmlgen.planning.presets import Engine
from dmlgen.planning.recipe import load_recipe
from dmlgen.rendering.run import render

SIZE = 96
STILL = [
    ("background_hue", (0.0, 0.5)),
    ("background_value", (0.3, 0.8)),
    ("sun_elevation", (8.0, 60.0)),
    ("sun_rotation", (0.0, 135.0)),
    ("paint_value", (0.2, 0.9)),
    ("paint_finish", ("metallic", "matte")),
    ("dirt", (0.0, 0.8)),
    ("number_plate", ("blank", "germany")),
    ("paint", ("mixed", "white")),
    ("lights_on", (0.0, 1.0)),
    ("floor", ("matte", "polished")),
    ("exposure", (-1.0, 1.0)),
    ("white_balance", (4500.0, 9000.0)),
    ("view_transform", ("neutral", "camera")),
    ("flare", (0.0, 20.0)),
    ("sensor_noise", (0.0, 10.0)),
    ("sharpening", (0.0, 2.0)),
    ("jpeg_quality", (10.0, 95.0)),
]
"""What does not move the car, and two values of each."""

OCCLUSIONS = ["post", "sign", "bin", "bush"]
HUES = [i / 12 for i in range(12)]
ASKED = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0]
CHANNELS = [("paint_saturation", 1), ("paint_value", 2)]
"""Properties of the paint, and where they lie in HSV."""
BACKDROPS = list(itertools.product((0.1, 0.5, 0.9), (0.25, 0.55, 0.85)))
"""Saturation and value of backdrops."""


def rendered(tmp_path_factory, changes):
    """The constant scene with each of the changes: items in their order."""
    paper = load_recipe("paper")
    factors = paper.factors
    settings = [{**DEFAULTS, **change} for change in changes]
    settings = [{key: s[key] for key in s if key in applicable(s)} for s in settings]
    shown = {key: dict.fromkeys(s[key] for s in settings if key in s) for key in DEFAULTS}
    settings = [{key: s.get(key) for key in shown if shown[key]} for s in settings]
    factors = tuple(with_values(factors[key], tuple(shown[key])) for key in settings[0])
    images = tuple(
        PlannedImage(f"{i:06d}", "test", i, 0, 11, dict(values))
        for i, values in enumerate(settings)
    )
    out = tmp_path_factory.mktemp("purity") / "out"
    render(Plan(paper.document, 0, None, factors, images), Engine("draft", SIZE, "cpu"), out)
    return sorted(open_dataset(str(out)).samples_iter(), key=lambda item: item.key)


@pytest.fixture(scope="module")
def shoot(tmp_path_factory):
    """Renders the constant scene with changes: `rendered` in a dataset of its own."""
    return functools.partial(rendered, tmp_path_factory)


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """Looks pictures of the studio up by their change, all of which are rendered together."""
    changes = [
        *({key: value} for key, pair in STILL for value in pair),
        *({"occlusion": kind} for kind in ("none", *OCCLUSIONS)),
        *({"paint_hue": hue} for hue in HUES),
        *({key: value} for key, _ in CHANNELS for value in ASKED),
        *(
            {"background_hue": 0.6, "background_saturation": s, "background_value": v}
            for s, v in BACKDROPS
        ),
    ]
    distinct = list({tuple(change.items()): change for change in changes}.values())
    items = rendered(tmp_path_factory, distinct)
    return lambda wanted: [items[distinct.index(change)] for change in wanted]


def applicable(settings):
    inapplicable = INAPPLICABLE[load_environment(settings["environment"]).kind]
    return {key for key in settings if key not in inapplicable}


def pixels(item):
    return np.asarray(item.image, dtype=float)


@pytest.mark.parametrize(("key", "values"), STILL)
def test_what_does_not_move_the_car_leaves_its_mask_bit_identical(studio, key, values):
    one, other = studio([{key: value} for value in values])
    assert one.mask.tobytes() == other.mask.tobytes()
    assert np.abs(pixels(one) - pixels(other)).max() > 8


def test_neither_paint_nor_car_changes_the_exposure_of_a_camera(shoot):
    """A corner of the ground is as bright on average, whatever the noise of its pixels."""
    white = {"paint": "white"}
    changes = [white, {"paint": "black"}, {**white, "car_model": "van"}]
    setting = {"environment": "parking_lot", "view_transform": "camera"}
    white, black, van = (pixels(item) for item in shoot([{**setting, **c} for c in changes]))
    corner = np.s_[-SIZE // 6 :, : SIZE // 4]
    assert abs(white[corner].mean() - black[corner].mean()) < 1
    assert abs(white[corner].mean() - van[corner].mean()) < 1
    assert np.abs(white - black).mean() > 2


def test_the_lamps_of_a_car_do_not_change_the_exposure_of_a_camera(shoot):
    """They light what is before the car, and leave the far end of the place as bright."""
    setting = {"environment": "showroom", "view_transform": "camera", "car_rotation": 0.0}
    dark, lit = (pixels(item) for item in shoot([{**setting, "lights_on": x} for x in (0.0, 1.0)]))
    ceiling = np.s_[: SIZE // 8]
    assert abs(dark[ceiling].mean() - lit[ceiling].mean()) < 2
    assert np.abs(dark - lit).max() > 20


def test_an_overcast_sky_changes_the_light_and_nothing_else(shoot):
    """It is metered as the clear one is: things in the place are about as bright under both."""
    place = {"environment": "yard", "ground": "concrete", "sun_rotation": 0.0}
    clear, overcast = shoot([{**place, "sky": sky} for sky in ("clear", "overcast")])
    assert clear.mask.tobytes() == overcast.mask.tobytes()
    ground = slice(SIZE * 3 // 4, SIZE)
    one, other = (np.median(pixels(item)[ground]) for item in (clear, overcast))
    assert one != other
    assert abs(one - other) < 40


WORN = {
    "number_plate": "germany",
    "dirt": 0.8,
    "lights_on": 1.0,
    "wheel_style": "mesh",
    "steering_angle": 24.0,
}


@pytest.mark.parametrize("car", ["fordFocus", "smart-car"])
def test_a_picture_does_not_depend_on_those_before_it(shoot, car):
    """A car that is loaded later gets the dirt, wheels and lights that are switched on."""
    dressed = {"car_model": car, **WORN, "occlusion": "post"}
    (alone,) = shoot([dressed])
    van = {"car_model": "van"}
    other_plates = [{**van, "number_plate": style} for style in ("spain", "france")]
    *_, after = shoot([*other_plates, {**van, **WORN}, {}, *other_plates, dressed])
    assert pixels(alone).tobytes() == pixels(after).tobytes()
    assert alone.mask.tobytes() == after.mask.tobytes()


def test_a_picture_lit_by_lamps_does_not_depend_on_those_before_it(shoot):
    """Cycles numbers lamps as they come; the meter of a camera reads a place once."""
    camera = {"view_transform": "camera", "number_plate": "germany"}
    lit = {**camera, "environment": "showroom", "car_model": "suv", "lights_on": 1.0}
    (alone,) = shoot([lit])
    before = [{"lights_on": 1.0}, {"environment": "studio"}, {**lit, "lights_on": 0.0}]
    *_, after = shoot([*before, {**lit, "number_plate": "blank"}, lit])
    assert pixels(alone).tobytes() == pixels(after).tobytes()


@pytest.mark.parametrize("kind", OCCLUSIONS)
def test_what_stands_before_the_car_hides_some_of_it_and_is_no_part_of_it(studio, kind):
    free, hidden = studio([{"occlusion": "none"}, {"occlusion": kind}])
    seen = hidden.mask > 0
    assert not (seen & (free.mask == 0)).any()
    assert 0.6 < seen.sum() / (free.mask > 0).sum() < 0.99


def test_turning_the_front_wheels_changes_nothing_but_what_is_near_them(shoot):
    one, other = shoot([{"car_rotation": 90.0, "steering_angle": a} for a in (0.0, 24.0)])
    changed = one.mask != other.mask
    assert changed.any()
    assert not changed[:, : SIZE // 2].any()


def test_turning_the_car_changes_nothing_far_from_it_but_what_the_denoiser_spreads(shoot):
    one, other = shoot([{"environment": "parking_lot", "car_rotation": r} for r in (0.0, 90.0)])
    change = np.abs(pixels(one) - pixels(other)).max(axis=2)
    far = slice(0, SIZE // 5)
    assert not one.mask[far].any()
    assert change[far].mean() <= 1.5
    assert change.max() > 50


def test_another_paint_changes_nothing_outside_the_car_but_what_it_mirrors(studio):
    one, other = studio([{"paint_hue": hue} for hue in (HUES[0], HUES[4])])
    change = np.abs(pixels(one) - pixels(other)).max(axis=2)
    assert np.median(change[one.mask == Part.BACKGROUND]) <= 1
    assert np.median(change[one.mask == Part.PAINT]) > 40


@pytest.mark.parametrize("car", ["smart-car", "van"])
def test_a_crop_of_1_is_the_box_of_the_car_and_beyond_1_cuts_into_it(shoot, car):
    places = [{"car_model": car, "camera_distance": 12.0, "crop": crop} for crop in (0, 1, 1.3)]
    whole, cut, cut_into = shoot(places)
    areas = [item.row["car_area"] for item in (whole, cut, cut_into)]
    assert areas == sorted(areas)
    assert widest_margin(whole) > 0.1
    assert 0 < widest_margin(cut) < 0.06
    assert min(margins(cut)) > 0
    one, other = min(margins(cut)[::2], margins(cut)[1::2], key=max)
    assert one == pytest.approx(other, abs=1.01 / SIZE)
    assert min(margins(cut_into)) == 0


def margins(item):
    """Empty share of the picture's side, left, above, right and below the car's box."""
    x0, y0, x1, y1 = (item.row[key] / SIZE for key in ("car_x0", "car_y0", "car_x1", "car_y1"))
    return x0, y0, 1 - x1, 1 - y1


def widest_margin(item):
    """Of the direction in which the car fills the picture most."""
    left, above, right, below = margins(item)
    return min(max(left, right), max(above, below))


def hsv_of_paint(item):
    """Mean color, as HSV, of the brighter half of the paint."""
    paint = pixels(item)[item.mask == Part.PAINT] / 255
    lit = paint[paint.max(axis=1) >= np.median(paint.max(axis=1))]
    return colorsys.rgb_to_hsv(*lit.mean(axis=0))


def test_the_hue_asked_for_is_the_hue_seen(studio):
    seen = [hsv_of_paint(item)[0] for item in studio([{"paint_hue": hue} for hue in HUES])]
    assert circular_correlation(np.array(HUES), np.array(seen)) >= 0.99


@pytest.mark.parametrize(("key", "channel"), CHANNELS)
def test_saturation_and_value_are_monotone(studio, key, channel):
    seen = [hsv_of_paint(item)[channel] for item in studio([{key: value} for value in ASKED])]
    assert stats.spearmanr(ASKED, seen).statistic >= 0.98


def test_the_backdrop_has_the_color_asked_for(studio):
    wanted = [
        {"background_hue": 0.6, "background_saturation": s, "background_value": v}
        for s, v in BACKDROPS
    ]
    for (saturation, value), item in zip(BACKDROPS, studio(wanted), strict=True):
        asked = np.array(colorsys.hsv_to_rgb(0.6, saturation, value))
        seen = pixels(item)[:8, :8].mean(axis=(0, 1)) / 255
        assert seen == pytest.approx(asked, abs=0.015), (saturation, value)


def circular_correlation(a, b):
    """Fisher and Lee's correlation of two angles, given in turns: 1 where b is a plus a constant.

    Source: Fisher and Lee (1983), "A correlation coefficient for circular data".
    """
    one, other = (
        np.sin(2 * np.pi * (x[:, None] - x[None, :]))[np.triu_indices(len(x), 1)] for x in (a, b)
    )
    return (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())


def test_factors_of_a_plan_are_independent():
    p_values = []
    for seed in range(50):
        plan = make_plan(load_recipe("paper"), seed=seed, count=2000)
        varied = [factor for factor in plan.factors if factor.varies]
        bins = {f.key: [f.bin_of(image.values[f.key]) for image in plan.images] for f in varied}
        for one, other in itertools.combinations(bins, 2):
            table = np.zeros((max(bins[one]) + 1, max(bins[other]) + 1))
            np.add.at(table, (bins[one], bins[other]), 1)
            p_values.append(stats.chi2_contingency(table, correction=False).pvalue)
    assert len(p_values) == 50 * 55
    assert stats.kstest(p_values, "uniform").pvalue > 0.001
