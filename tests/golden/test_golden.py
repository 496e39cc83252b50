"""Plans and scores that must not change by accident: what an earlier version gave.

A change that is meant to change them writes the new ones here and says so in CHANGELOG.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
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
SCORES = Path(__file__).with_name("scores.json")


def digest_of(document: Any) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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
    # The last digits of a number depend on the version of NumPy and on the processor.
    found, expected = scores["properties"], json.loads(SCORES.read_text())
    assert words(found) == words(expected)
    assert numbers(found) == pytest.approx(numbers(expected), rel=1e-6, abs=1e-9)


def numbers(document: Any) -> dict[str, float]:
    return {path: leaf for path, leaf in leaves(document) if isinstance(leaf, float)}


def words(document: Any) -> dict[str, Any]:
    return {path: leaf for path, leaf in leaves(document) if not isinstance(leaf, float)}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """What a document holds, by its path."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from leaves(part, f"{path}/{name}")
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield from leaves(part, f"{path}/{place}")
    else:
        yield path, value
