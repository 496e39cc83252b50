"""Whatever is done to a file, it is read or refused: with one line, and never by another error."""

from __future__ import annotations

import random
import shutil

import pytest
from hostile_targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """A folder of valid files by the name of a target."""
    made = {}

    def of(target):
        if target.name not in made:
            made[target.name] = tmp_path_factory.mktemp("base") / "files"
            made[target.name].mkdir()
            target.make(made[target.name])
        return made[target.name]

    return of


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_valid_file_of_each_kind_is_read(target, bases, tmp_path):
    folder = shutil.copytree(bases(target), tmp_path / "copy")
    target.seal(folder)
    target.read(folder)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@settings(
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**64 - 1))
def test_a_damaged_file_is_read_or_refused_in_one_line(target, bases, tmp_path, seed):
    folder = tmp_path / "copy"
    try:
        target.damage(bases(target), folder, random.Random(seed))
        target.refusal(folder)
    finally:
        shutil.rmtree(folder)
