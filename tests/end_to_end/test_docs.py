"""The pages name everything that there is, their examples run, and their search works from disk."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dmlbench.models import Preprocessing
from dmlbench.models.load import _SCHEMES, _SUFFIXES
from dmlbench.models.metadata import read_metadata
from dmlbench.saliency import METHODS
from dmldata.common.errors import InputError
from dmlgen import plan
from dmlgen.catalog.assets import project_names
from dmlgen.factors.registry import factor_catalog
from dmlgen.planning.recipe_file import RecipeFile

DOCS = Path(__file__).parents[2] / "docs"
SCENES, MODELS, SALIENCY = (
    (DOCS / page).read_text() for page in ("scenes.md", "models.md", "saliency.md")
)


@pytest.mark.parametrize(
    "name", [*project_names("cars"), *project_names("environments"), *factor_catalog().factors]
)
def test_the_page_on_scenes_names_every_car_place_and_factor(name):
    assert f"`{name}`" in SCENES


def test_the_page_on_recipes_has_a_row_for_every_field_and_its_recipe_can_be_drawn(tmp_path):
    page = (DOCS / "recipes.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|", page, re.M)
    assert sorted(rows) == sorted(RecipeFile.model_fields)
    own = tmp_path / "wet.yaml"
    own.write_text(re.search(r'```yaml title="wet.yaml"\n(.*?)```', page, re.S)[1])
    assert {"ground", "paint"} <= {f.key for f in plan(own, count=9).factors if f.varies}
    # The error that the page shows.
    own.write_text(own.read_text().replace("asphalt_wet:", "asphalt_wett:"))
    with pytest.raises(InputError) as refused:
        plan(own)
    assert f"error: {refused.value}".replace(f"{tmp_path}/", "") in page


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


def test_the_numbers_set_side_by_side_for_users_of_other_tools_are_equal():
    (example,) = [
        code
        for code in re.findall(r"```python\n(.*?)```", (DOCS / "coming_from.md").read_text(), re.S)
        if "assert" in code
    ]
    # PyTorch and torchvision of this environment need not fit each other.
    setup = (
        "from dmlbench.models.torchvision_schemas import ensure_torchvision_imports as fit; fit()"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{setup}\n{example}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages as `make docs` builds them; a warning is an error."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    # Without --quiet, which hides warnings from --strict, too.
    build = ["-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    subprocess.run([sys.executable, *build], cwd=DOCS.parent, check=True, capture_output=True)
    return folder


def test_every_page_is_in_the_site_and_fetches_nothing_from_elsewhere(site):
    assert {path.stem for path in DOCS.glob("*.md")} <= {path.stem for path in site.glob("*.html")}
    text = (site / "index.html").read_text()
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="https?:', text)


def test_examples_of_the_reference_are_code_and_no_quotes(site):
    text = (site / "api.html").read_text()
    assert text.count('class="gp"') > 50  # prompts
    assert "<blockquote>" not in text


def test_the_search_of_pages_opened_from_disk_finds_what_is_typed(site, page):
    page.goto(f"file://{site}/index.html")
    page.click("input.md-search__input")
    page.keyboard.type("jackknife", delay=20)
    page.wait_for_selector(
        ".md-search-result__item a[href*='validity.html'], a[href*='scores.html']"
    )
    assert "matching documents" in page.inner_text(".md-search-result__meta")


@pytest.mark.parametrize("width", [420, 1200])
def test_no_page_scrolls_sideways_and_no_option_is_broken(site, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    for name in ("rendering", "models", "coming_from", "data"):
        page.goto(f"file://{site}/{name}.html")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        lines = "[...document.querySelectorAll('p code')].map(code => code.getClientRects().length)"
        assert max(page.evaluate(lines)) == 1, name
