"""dmlgen from a program: plans, and renders in a few words."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import dmlgen
from dmldata import open_dataset
from dmldata.common.errors import FieldError, InputError
from dmlgen.factors.registry import factor_catalog
from dmlgen.planning.table import plan_rows

SCRIPT = """
import dmlgen

for _ in range(2):
    dataset = dmlgen.render(
        "mini", out={out!r}, count=2, size=32, preset="draft", device="cpu", workers=1, quiet=True
    )
    print(dataset.fingerprint)
"""


def test_a_plan_is_the_one_of_the_command_and_a_frame_of_its_rows():
    plan = dmlgen.plan(factor="color", scenes=2, variants=3, seed=5)
    assert (plan.sweep.group, plan.sweep.scenes, plan.sweep.variants) == ("color", 2, 3)
    pytest.importorskip("pandas")
    frame = plan.to_frame()
    for row, shown in zip(plan_rows(plan.images), frame.to_dict("records"), strict=True):
        assert {
            key for key, value in row.items() if value is not None and shown[key] != value
        } == set()
    assert "recipe paper, sweep of color" in repr(plan)


@pytest.mark.parametrize("group", factor_catalog().groups)
def test_every_group_can_be_swept_where_nothing_but_its_name_is_given(group):
    plan = dmlgen.plan(factor=group)
    variants = {image.variant_id for image in plan.images}
    fewer = {"lights": 2, "occlusion": 5, "body_type": 5}
    assert len(variants) == plan.sweep.variants == fewer.get(group, 6)


def test_a_notebook_shows_a_plan_as_a_table_where_pandas_is_there():
    shown = dmlgen.plan(count=2)._repr_html_()
    assert (shown is None) == (find_spec("pandas") is None)
    assert shown is None or "car_model" in shown


def test_what_the_function_cannot_plan_names_its_keywords():
    with pytest.raises(FieldError, match=r"^scenes 3: recipe 'paper' is not a sweep"):
        dmlgen.plan("paper", scenes=3)
    with pytest.raises(FieldError, match=r"^count 0: has to be 1 to 1000000"):
        dmlgen.plan("paper", count=0)
    for keyword, number in (("count", 2.5), ("count", "5"), ("seed", 1.5), ("scenes", [2])):
        with pytest.raises(FieldError, match=rf"^{keyword} .*: has to be a whole number"):
            dmlgen.plan("paper", **{keyword: number})
    of_numpy = dmlgen.plan(factor="color", seed=np.int64(3), scenes=np.int32(2))
    assert [type(number) for number in (of_numpy.seed, of_numpy.sweep.scenes)] == [int, int]


def test_a_script_needs_no_guard_and_its_second_call_renders_nothing_again(dmlgen, tmp_path):
    out = tmp_path / "mini"
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(out=str(out)))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split()
    assert first == second == open_dataset(out).fingerprint
    small = ("--count", 2, "--size", 32, "--preset", "draft", "--device", "cpu")
    assert dmlgen("render", "mini", *small, "--out", out)[0] == 0


def test_a_url_is_not_taken_for_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="out s3://bucket/paper: a URL; valid: a folder here"):
        dmlgen.render("mini", out="s3://bucket/paper")
    assert list(tmp_path.iterdir()) == []


def test_a_plan_has_decided_what_its_images_are(tmp_path):
    with pytest.raises(InputError, match="count: the plan has decided this"):
        dmlgen.render(dmlgen.plan("mini", count=2), out=tmp_path / "x", count=3)
    assert list(tmp_path.iterdir()) == []
