"""The pages name everything that there is."""

from pathlib import Path

import pytest

from dmlgen.assets import environment_names, project_car_names
from dmlgen.factors import catalogue

SCENES = (Path(__file__).parents[2] / "docs" / "scenes.md").read_text()


@pytest.mark.parametrize("name", [*project_car_names(), *environment_names(), *catalogue()])
def test_the_page_on_scenes_names_every_car_place_and_factor(name):
    assert f"`{name}`" in SCENES
