"""A worker keeps to its threads, so that two workers on two cores do not wait for each other."""

import os

import psutil
import pytest

from dmlgen.blender import call_in_blender, import_blender


def crowd(threads):
    """How many threads a Blender process has once it has work for all, and its cores after it."""
    import_blender(threads)
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    for _ in range(8):
        bpy.ops.mesh.primitive_grid_add(x_subdivisions=300, y_subdivisions=300)
        bpy.context.object.modifiers.new("finer", "SUBSURF").levels = 1
    bpy.context.view_layer.update()
    return psutil.Process().num_threads(), os.sched_getaffinity(0)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_one_thread_means_one_for_all_that_blender_does(tmp_path):
    few, cores = call_in_blender(crowd, tmp_path / "one.log", 1)
    many, _ = call_in_blender(crowd, tmp_path / "all.log", 0)
    assert few < many
    assert cores == os.sched_getaffinity(0)
