"""Datasets rendered once for all tests: real Blender, 64 pixels."""

import shutil

import pytest

from dmlgen.plan import make_plan
from dmlgen.presets import Engine
from dmlgen.recipe import Sweep, load_recipe
from dmlgen.rendering.run import render


@pytest.fixture(scope="session")
def engine():
    return Engine("draft", 64, "cpu")


@pytest.fixture(scope="session")
def plan():
    """Two scenes in three colours each."""
    return make_plan(load_recipe("paper"), seed=7, sweep=Sweep("color", scenes=2, variants=3))


@pytest.fixture(scope="session")
def color_sweep(tmp_path_factory, plan, engine):
    """The rendered `plan`. Not to be changed by a test."""
    folder = tmp_path_factory.mktemp("rendered") / "color"
    render(plan, engine, folder)
    return folder


@pytest.fixture
def own_copy(color_sweep, tmp_path):
    """A copy of `color_sweep` for a test to change."""
    return shutil.copytree(color_sweep, tmp_path / "copy")
