"""What the page of the study says is made from study.json."""

import importlib.util
from pathlib import Path

FILE = Path(__file__).parents[2] / "measurements" / "study_page.py"
spec = importlib.util.spec_from_file_location("study_page", FILE)
study_page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(study_page)


def test_the_results_of_the_page_are_those_of_the_study():
    page = (study_page.DOCS / "study.md").read_text()
    assert study_page.page() == page
    assert page.count("\n- ") > 10
    assert "| the paper finds | the study finds | strength of the evidence |" in page


def test_every_figure_of_the_study_is_on_the_page():
    page = (study_page.DOCS / "study.md").read_text()
    figures = {path.stem for path in (study_page.DOCS / "study" / "figures").glob("*.png")}
    assert figures
    for name in figures:
        assert f"](study/figures/{name}.png)" in page
