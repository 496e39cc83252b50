"""Maps of depth and of normals: what they say is where the camera sees it."""

from dataclasses import replace

import numpy as np
import pytest

from dmldata import open_dataset
from dmldata.contract.decode import MAX_DEPTH, decode_depth, decode_normals
from dmldata.verify.verification import verify
from dmlgen.rendering.run import render


@pytest.fixture(scope="module")
def with_maps(tmp_path_factory, plan, engine):
    """The plan of `color_sweep`, with both maps."""
    folder = tmp_path_factory.mktemp("maps") / "color"
    render(plan, replace(engine, depth=True, normals=True), folder)
    return open_dataset(folder)


def test_maps_change_neither_the_picture_nor_its_mask_and_the_dataset_verifies(
    with_maps, color_sweep
):
    for (mapped, _), (plain, _) in zip(
        with_maps.encoded_samples(), open_dataset(color_sweep).encoded_samples(), strict=True
    ):
        assert set(mapped.files) - set(plain.files) == {"depth.png", "normal.png"}
        assert {name: mapped.files[name] for name in plain.files} == plain.files
    assert verify(with_maps.url) == []


def test_depth_puts_the_car_on_the_floor_and_the_normals_of_the_floor_point_up(with_maps):
    size = with_maps.manifest.image_size
    for (sample, row), item in zip(
        with_maps.encoded_samples(), with_maps.samples_iter(), strict=True
    ):
        depth = decode_depth(sample.files["depth.png"], size, sample.key) / 1000
        normals = decode_normals(sample.files["normal.png"], size, sample.key)
        assert depth.min() > 0
        to_camera = np.array(row["camera_matrix"]).reshape(4, 4)
        world = unprojected(depth, row["focal_length"]) - to_camera[:3, 3]
        world = world @ to_camera[:3, :3]
        upright = normals @ to_camera[:3, :3]
        car, floor = world[item.mask > 0], world[-2:][item.mask[-2:] == 0]
        assert np.abs(floor[:, 2]).max() < 0.1
        assert -0.1 < car[:, 2].min() < 0.3
        assert 1.2 < car[:, 2].max() < 2.2
        assert np.abs(car[:, :2]).max() < 3.2
        assert (upright[-2:][item.mask[-2:] == 0][:, 2] > 0.98).all()
        near = depth < MAX_DEPTH / 1000
        assert np.linalg.norm(normals[near], axis=1) == pytest.approx(1, abs=0.02)


def unprojected(depth, focal_length):
    """Points in coordinates of the camera, [H, W, 3], whose sensor is 36 mm wide."""
    side = len(depth)
    at = (np.arange(side) + 0.5) / side - 0.5
    scale = 36.0 / focal_length * depth
    return np.stack([at[None, :] * scale, -at[:, None] * scale, -depth], axis=2)
