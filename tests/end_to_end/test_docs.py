"""The pages name everything that there is."""

from pathlib import Path

import pytest

from dmlbench.models import Preprocessing
from dmlbench.models.load import _SCHEMES, _SUFFIXES
from dmlbench.models.metadata import read_metadata
from dmlbench.saliency import METHODS
from dmlgen.catalog.assets import project_names
from dmlgen.factors.registry import factor_catalog

DOCS = Path(__file__).parents[2] / "docs"
SCENES, MODELS, SALIENCY = (
    (DOCS / page).read_text() for page in ("scenes.md", "models.md", "saliency.md")
)


@pytest.mark.parametrize(
    "name", [*project_names("cars"), *project_names("environments"), *factor_catalog().factors]
)
def test_the_page_on_scenes_names_every_car_place_and_factor(name):
    assert f"`{name}`" in SCENES


@pytest.mark.parametrize("kind", [*_SUFFIXES, *(f"{scheme}:" for scheme in _SCHEMES)])
def test_the_page_on_models_has_an_example_of_every_reference(kind):
    examples = [line for line in MODELS.splitlines() if line.startswith("    dmlbench evaluate")]
    assert any(f"{kind} " in line or f" {kind}" in line.replace('"', "") for line in examples)


def test_the_config_on_the_page_on_models_is_valid_and_holds_the_defaults():
    shown = read_metadata(MODELS.partition("```json\n")[2].partition("```")[0], "models.md")
    assert (shown.trunk, shown.loss) == ("timm:resnet50", "arcface")
    assert shown.preprocessing == Preprocessing()


@pytest.mark.parametrize("method", METHODS)
def test_the_page_on_saliency_maps_has_a_row_for_every_method(method):
    assert f"| `{method}`" in SALIENCY
