"""Plans and scores that must not change by accident: digests of what an earlier version gave.

A change that is meant to change them writes the new digests here and says so in CHANGELOG.md.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pytest

PLANS = {
    "paper": "0b55d1cf491d501a",
    "train196": "4d80816d6ba4297c",
    "photo": "9e3656f27f6f0b8d",
    "mini": "e48b64b2899cacef",
    "pose": "5d509b85217c1ebe",
}
SCORES = "133e62fb192636fd"


def digest_of(document: Any) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def rounded(value: Any) -> Any:
    """Numbers to nine digits: the last ones depend on the version of NumPy and the processor."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return value


@pytest.mark.parametrize("recipe", PLANS)
def test_the_plan_of_a_recipe_is_as_it_was(recipe):
    from dmlgen.planning.draw import make_plan
    from dmlgen.planning.recipe import load_recipe
    from dmlgen.planning.table import plan_rows

    count = None if recipe == "pose" else 96
    plan = make_plan(load_recipe(recipe), seed=1, count=count)
    assert digest_of(plan_rows(plan.images)) == PLANS[recipe]


def test_the_scores_of_embeddings_are_as_they_were():
    from dmlbench.scores import Property, score_properties

    rng = np.random.default_rng(0)
    color = np.array(["red", "green", "blue"])[rng.integers(0, 3, 120)]
    angle = rng.integers(0, 12, 120) * 30.0
    embeddings = rng.normal(size=(120, 8))
    embeddings[:, 0] += color == "red"
    embeddings[:, 1] += np.cos(np.radians(angle))
    scores = score_properties(
        embeddings.astype(np.float32),
        {
            "color": Property(color, "categorical"),
            "angle": Property(angle, "cyclic", angle, 360.0),
        },
        seed=0,
    )
    assert digest_of(rounded(scores["properties"])) == SCORES
