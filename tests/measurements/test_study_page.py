"""What the page of the study says is what its summary says, which is made from study.json."""

import importlib.util
from pathlib import Path

FILE = Path(__file__).parents[2] / "measurements" / "study_page.py"
spec = importlib.util.spec_from_file_location("study_page", FILE)
study_page = importlib.util.module_from_spec(spec)
spec.loader.exec_module(study_page)


def test_the_results_of_the_page_are_those_of_the_study():
    assert study_page.page() == (study_page.DOCS / "study.md").read_text()
    shown = study_page.results()
    assert shown.count("\n- ") > 10
    assert "| the paper finds | the study finds | strength of the evidence |" in shown
