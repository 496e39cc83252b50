"""Rendering: real Blender at 64 pixels."""

from dataclasses import replace

import numpy as np
import pytest

from dmldata import Part, open_dataset
from dmldata.common.errors import InputError
from dmldata.verify import verify
from dmlgen.rendering.run import render


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def items(folder):
    return list(open_dataset(str(folder)).samples_iter())


def test_the_same_seed_gives_byte_identical_files(color_sweep, plan, engine, tmp_path):
    render(plan, engine, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(color_sweep)


def test_a_rendered_dataset_verifies(color_sweep):
    assert verify(str(color_sweep)) == []


def test_paint_changes_leave_the_mask_bit_identical(color_sweep):
    by_scene = {}
    for item in items(color_sweep):
        by_scene.setdefault(item.row["scene_id"], []).append(item)
    for variants in by_scene.values():
        assert len({item.mask.tobytes() for item in variants}) == 1
        pictures = [np.asarray(item.image, float) for item in variants]
        paint = variants[0].mask == Part.PAINT
        assert all(np.abs(pictures[0] - p)[paint].mean() > 5 for p in pictures[1:])


def test_the_car_is_in_every_picture_with_its_paint_glass_and_wheels(color_sweep):
    for item in items(color_sweep):
        assert {Part.PAINT, Part.GLASS, Part.WHEEL} <= set(np.unique(item.mask))
        assert item.row["car_area"] == pytest.approx((item.mask > 0).mean())
        assert item.row["car_area"] >= 0.08
        rows, columns = np.nonzero(item.mask)
        box = [item.row[key] for key in ("car_x0", "car_y0", "car_x1", "car_y1")]
        assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_the_camera_matrix_projects_the_car_into_its_box(color_sweep):
    for item in items(color_sweep):
        matrix = np.array(item.row["camera_matrix"]).reshape(4, 4)
        x, y, z = (matrix @ [0.0, 0.0, 0.6, 1.0])[:3]
        focal = item.row["focal_length"] / 36.0 * 64
        column, row = 32 + focal * x / -z, 32 - focal * y / -z
        assert item.row["car_x0"] < column < item.row["car_x1"]
        assert item.row["car_y0"] < row < item.row["car_y1"]


def test_credits_of_the_cars_travel_with_the_dataset(color_sweep):
    dataset = open_dataset(str(color_sweep))
    shown = {f"car-{name}" for name in dataset.samples["car_model"].to_pylist()}
    assert {credit.id for credit in dataset.manifest.credits} == shown
    for credit in dataset.manifest.credits:
        assert credit.author in (color_sweep / "CREDITS.md").read_text()


def test_a_folder_that_holds_a_dataset_is_not_touched(own_copy, plan, engine):
    before = contents(own_copy)
    with pytest.raises(InputError, match="already holds a dataset"):
        render(plan, engine, own_copy)
    assert contents(own_copy) == before


def test_a_folder_that_holds_other_files_is_not_touched(tmp_path, plan, engine):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="is not empty"):
        render(plan, engine, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("differs", ["seed was 7, is 8", "engine.height was 64, is 32"])
def test_an_unfinished_dataset_is_not_continued_with_other_settings(
    plan, engine, tmp_path, differs
):
    def stop(progress):
        if progress.frame is not None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(plan, engine, tmp_path / "out", on_progress=stop)
    if differs.startswith("seed"):
        plan = replace(plan, seed=8)
    else:
        engine = replace(engine, size=32)
    with pytest.raises(InputError, match=differs):
        render(plan, engine, tmp_path / "out")


def test_without_blender_the_message_names_the_python_it_needs(plan, engine, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("dmlgen.blender.sys.version_info", FakeVersion())
    exists_for = r"Python 3\.11 \(bpy .*\) and Python 3\.13 \(bpy .*\); this is Python 3\.12"
    with pytest.raises(InputError, match=exists_for):
        render(plan, engine, tmp_path / "out")
    assert not (tmp_path / "out").exists()


class FakeVersion:
    major, minor = 3, 12


def test_missing_system_libraries_come_with_the_command_that_installs_them(monkeypatch):
    monkeypatch.setattr("dmlgen.blender.missing_libraries", lambda: ["libSM.so.6", "libXi.so.6"])
    from dmlgen.blender import require_blender

    with pytest.raises(InputError, match="apt-get install -y libsm6 libxi6"):
        require_blender()
