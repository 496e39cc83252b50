"""`dmlbench study mini` on the dataset that ships with the project, as the README has it."""

import json
from pathlib import Path

import pytest

from dmlbench.cli.main import app

ROOT = Path(__file__).parents[2]


def test_the_small_study_trains_measures_and_writes_its_page(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as stopped:
        app(["study", "mini", "--out", str(tmp_path / "mini")])
    assert not stopped.value.code
    numbers = json.loads((tmp_path / "mini" / "study.json").read_text())
    assert numbers["losses"] == ["arcface", "normalized_softmax", "contrastive", "none", "random"]
    assert len(numbers["maps"]["pairs"]) == 10
    # The control without ImageNet's weights looks elsewhere than those with them.
    names = {tuple(named): model for model, named in numbers["maps"]["names"].items()}
    r = {
        frozenset((pair["a"], pair["b"])): pair["correlation"]["mean"]
        for pair in numbers["maps"]["pairs"]
    }
    trained = r[frozenset((names["arcface", 0], names["contrastive", 0]))]
    assert trained > r[frozenset((names["arcface", 0], names["random", 0]))]
    page = (tmp_path / "mini" / "study.html").read_text()
    assert "Three losses, trained for a minute" in page
