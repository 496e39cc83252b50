"""Baked surfaces: they tile, their colors are plausible, baking again gives the same."""

import numpy as np
import pytest
from PIL import Image

from dmldata.common.documents import load_document
from dmldata.common.errors import InputError
from dmldata.contract.manifest import Credit
from dmlgen.catalog.assets import project_names, surface_folder
from dmlgen.catalog.surfaces import SurfaceSpec, credit_of_surface, load_surface, surface_image_file
from dmlgen.factors.registry import DECLARATIONS, check_value
from dmlgen.surfaces.bake import BAKERS, MASKS, baked


def images(name):
    return {file.name: np.asarray(Image.open(file)) for file in surface_folder(name).glob("*.jpg")}


def test_every_surface_has_a_baker_and_every_baker_a_surface():
    assert list(project_names("surfaces")) == sorted(BAKERS)


TILES = [name for name in project_names("surfaces") if load_surface(name).atlas == (1, 1)]


@pytest.mark.parametrize("name", TILES)
def test_a_surface_tiles_without_a_seam(name):
    for pixels in images(name).values():
        values = pixels.astype(float)
        for axis in (0, 1):
            steps = np.abs(values - np.roll(values, 1, axis=axis)).mean(
                axis=(1 - axis, 2)[: values.ndim - 1]
            )
            assert steps[0] <= 1.2 * steps[1:].max()


@pytest.mark.parametrize("name", sorted(set(BAKERS) - MASKS))
def test_albedos_are_those_of_real_materials(name):
    encoded = images(name)["color.jpg"].astype(float) / 255
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    assert 0.02 < light.mean() < 0.65
    assert light.std() > 0.005


@pytest.mark.parametrize("name", DECLARATIONS["ground"].values)
def test_a_ground_has_what_is_seen_from_near(name):
    arrays = images(name)
    assert arrays.keys() == {"color.jpg", "normal.jpg", "roughness.jpg"}
    up = arrays["normal.jpg"][..., 2]
    assert up.mean() > 200
    assert load_surface(name).name == name


@pytest.mark.parametrize("name", ["cobbles", "brick", "wear", "windows", "flags"])
def test_baking_twice_gives_the_same(name):
    first, second = baked(name, 256), baked(name, 256)
    assert first.keys() == second.keys()
    assert all(first[file].tobytes() == second[file].tobytes() for file in first)


def test_a_users_surface_is_a_ground_where_it_has_all_images(user_place):
    check_value("ground", "shingle")
    folder = surface_folder("shingle")
    (folder / "color.jpg").write_bytes(b"no picture")
    with pytest.raises(
        InputError, match=r"color\.jpg: not an image that can be read; valid: a JPEG"
    ):
        surface_image_file("shingle", "color.jpg")
    (folder / "normal.jpg").unlink()
    with pytest.raises(InputError, match="unknown value 'shingle' of factor 'ground'; valid: asph"):
        check_value("ground", "shingle")


def test_a_users_surface_has_the_credit_that_its_file_gives_and_the_projects_need_none(user_place):
    file = surface_folder("shingle") / "surface.yaml"
    credit = {
        "id": "shingle",
        "title": "Shingle",
        "author": "A. Artist",
        "license": "CC-BY-NC-4.0",
        "license_url": "https://creativecommons.org/licenses/by-nc/4.0/",
        "source": "https://example.org",
    }
    lines = "".join(f"\n  {key}: {value}" for key, value in credit.items())
    file.write_text(f"{file.read_text()}credit:{lines}\n")
    assert credit_of_surface("shingle") == Credit(**credit)
    assert credit_of_surface("gravel") is None


def test_a_surface_without_a_tile_is_refused(tmp_path):
    path = tmp_path / "surface.yaml"
    path.write_text("name: x\ntitle: X\ntile: -1\n")
    with pytest.raises(InputError, match=r"surface\.yaml:3: tile: .*greater than 0"):
        load_document(SurfaceSpec, path)
