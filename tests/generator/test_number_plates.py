"""Number plates: invented numbers in the form of a country, the same at both ends of a car."""

import re

import numpy as np
import pytest

from dmlgen.blender import call_in_blender
from dmlgen.catalog.assets import project_names
from dmlgen.catalog.number_plates import PLATE_STYLES

FORMS = {
    "germany": r"[A-Z]{1,3} [A-Z]{1,2} \d{2,4}",
    "france": r"[A-Z]{2}-\d{3}-[A-Z]{2}",
    "britain": r"[A-Z]{2}\d{2} [A-Z]{3}",
    "spain": r"\d{4} [A-Z]{3}",
    "united_states": r"\d[A-Z]{3}\d{3}|[A-Z]{3} \d{4}",
}


@pytest.mark.parametrize("style", PLATE_STYLES)
def test_a_number_has_the_form_of_its_country_and_follows_from_its_seed(style):
    numbers = [PLATE_STYLES[style].number(np.random.default_rng(seed)) for seed in range(50)]
    assert all(re.fullmatch(FORMS[style], number) for number in numbers)
    assert len(set(numbers)) > 45
    assert numbers[3] == PLATE_STYLES[style].number(np.random.default_rng(3))


def test_every_car_has_a_place_for_a_plate_at_each_end(tmp_path):
    places = call_in_blender(places_of_all_cars, tmp_path / "log")
    for car, ends in places.items():
        assert set(ends) == {"front", "rear"}, car
        for end, (x, y, z, width, height) in ends.items():
            assert x * (1 if end == "front" else -1) > 1.0, (car, end)
            assert abs(y) < 0.5, (car, end)
            assert 0.2 < z < 1.3, (car, end)
            assert 0.25 < width < 0.8, (car, end)
            assert 0.08 < height < 0.3, (car, end)


def places_of_all_cars():
    from dmlgen.planning.presets import Engine
    from dmlgen.scene.car import Car
    from dmlgen.scene.stage import Stage

    stage = Stage(Engine("draft", 16, "cpu"))
    places = {}
    for name in project_names("cars"):
        ends = Car(name, stage.materials).plate_places
        places[name] = {end: (*place.center.tolist(), *place.size) for end, place in ends.items()}
    return places
