"""Cars: what is committed fits what car.yaml says, and bad specifications are refused."""

import zipfile

import numpy as np
import pytest
import trimesh
from PIL import Image

from dmldata.common.documents import load_document
from dmldata.common.errors import InputError
from dmlgen.carimport.importer import convert_again
from dmlgen.carimport.textures import prepare_images
from dmlgen.catalog.assets import car_folder, car_mesh, concept_cars, project_names, scenes_folder
from dmlgen.catalog.car_edits import Face, Retouch, Selector
from dmlgen.catalog.cars import CarSpec, load_car
from dmlgen.catalog.roles import ROLES
from dmlgen.derive.glb import CarFile
from dmlgen.rendering.car_views import show_car

WHEELS = {"wheel_front_left", "wheel_front_right", "wheel_rear_left", "wheel_rear_right"}


@pytest.fixture(scope="module", params=[*project_names("cars"), *concept_cars()])
def car(request):
    name = request.param
    return name, trimesh.load(car_mesh(name), force="scene")


def bounds(scene, prefix):
    """Low and high corners in the car's frame: x forward, y left, z up (GLB files are Y-up)."""
    low, high = trimesh.util.concatenate(
        [mesh for mesh in scene.dump() if mesh.metadata["name"].startswith(prefix)]
    ).bounds
    return (low[0], -high[2], low[1]), (high[0], -low[2], high[1])


def test_a_car_stands_on_the_ground_in_meters(car):
    _, scene = car
    low, high = bounds(scene, "")
    assert low[2] == pytest.approx(0, abs=1e-4)
    assert 2.4 < high[0] - low[0] < 6.0
    assert 1.5 < high[1] - low[1] < 2.4
    assert 1.1 < high[2] - low[2] < 2.8


def test_every_wheel_is_round_upright_on_the_ground_and_at_its_corner(car):
    _, scene = car
    for name in WHEELS:
        low, high = bounds(scene, name)
        length, width, height = (b - a for a, b in zip(low, high, strict=True))
        assert low[2] == pytest.approx(0, abs=0.03), name
        assert length == pytest.approx(height, rel=0.03), name
        assert width < 0.5 * height, name
        assert (low[0] > 0) == ("front" in name)
        assert (low[1] > 0) == ("left" in name)


def test_materials_are_roles_and_paint_is_a_material_of_its_own(car):
    _, scene = car
    names = {mesh.visual.material.name.removeprefix("role:") for mesh in scene.dump()}
    # What follows a dot names the image that the material keeps from its source.
    roles = {name.split(".")[0] for name in names}
    assert "paint" in names
    assert roles <= set(ROLES)
    assert {"paint", "glass", "tyre", "rim"} <= roles


def test_a_car_carries_its_credit(car):
    name, _ = car
    spec = load_car(name)
    assert spec.name == name
    assert spec.author in spec.credit
    assert spec.credit.encode() in car_mesh(name).read_bytes()
    assert spec.author in (car_folder(name) / "LICENSE.md").read_text()


@pytest.mark.parametrize("name", project_names("cars"))
def test_a_car_has_a_plate_of_common_size_at_either_end_that_faces_outwards(name):
    (plates,) = CarFile(car_mesh(name)).body.of_role("plate")
    a, b, c = (plates.points[plates.triangles[:, corner]] for corner in range(3))
    forward = np.cross(b - a, c - a)[:, 0]
    assert sorted(np.sign(forward) == np.sign(a[:, 0])) == [True] * 4
    for end in (-1, 1):
        corners = plates.points[plates.points[:, 0] * end > 0]
        assert len(corners) == 4
        size = np.ptp(corners, axis=0)
        assert (size[1], np.hypot(size[0], size[2])) == pytest.approx((0.52, 0.11), abs=1e-3)


def test_a_selector_takes_faces_by_name_and_place():
    selector = Selector(material="tex*", box=((1.0, -1.0, 0.0), (2.0, 1.0, 0.5)))
    assert selector.matches(Face("any", "textured", (1.5, 0.0, 0.2)))
    assert not selector.matches(Face("any", "textured", (1.5, 0.0, 0.6)))
    assert not selector.matches(Face("any", "paint", (1.5, 0.0, 0.2)))


def test_a_badge_is_painted_over_with_the_colors_beside_it(tmp_path):
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:, :2], pixels[:, 2:6], pixels[:, 6:] = 40, 255, 100
    Image.fromarray(pixels).save(tmp_path / "grille.png")
    prepare_images(tmp_path, (Retouch(image="grille.png", box=(2, 1, 6, 3)),))
    seen = np.asarray(Image.open(tmp_path / "grille.png").resize((8, 4), Image.Resampling.BOX))
    assert (seen[1:3, 3:5] < 110).all()
    assert (seen[0, 3:5] > 200).all()


def test_a_retouch_of_an_image_that_is_not_there_lists_the_images(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "wheels.png")
    with pytest.raises(InputError, match=r"no image 'badge\.png'; the source has wheels\.png"):
        prepare_images(tmp_path, (Retouch(image="badge.png", box=(1, 1, 2, 2)),))


def test_a_car_is_shown_from_eight_sides(tmp_path):
    show_car("fordFocus", tmp_path / "sides.png", size=32, device="cpu")
    with Image.open(tmp_path / "sides.png") as sheet:
        assert sheet.size == (128, 64)
        pictures = np.asarray(sheet).reshape(2, 32, 4, 32, 3).swapaxes(1, 2).reshape(8, -1)
    assert len({picture.tobytes() for picture in pictures}) == 8


def test_scenes_stay_small():
    assert sum(p.stat().st_size for p in scenes_folder().rglob("*") if p.is_file()) < 40e6


def test_an_archive_of_another_version_is_refused(tmp_path):
    archive = tmp_path / load_car("fordFocus").source.archive
    with zipfile.ZipFile(archive, "w") as other:
        other.writestr("readme.txt", "another release")
    glb = car_folder("fordFocus") / "fordFocus.glb"
    before = glb.read_bytes()
    with pytest.raises(InputError, match="sha256 differs"):
        convert_again("fordFocus", tmp_path)
    assert glb.read_bytes() == before


def test_a_folder_without_the_archive_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no KatorLegaz\.sh3f there"):
        convert_again("VW-new-beetle", tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("carPaint: paint", "carPaint: plastic"), "no material has the role 'paint'"),
        (("chrome: chrome", "chrome: crome"), "unknown role 'crome' .did you mean 'chrome'"),
        (("scale: 0.01", "scale: 0"), "scale: Input should be greater than 0"),
        (("forward: -Y", "forward: -Z"), "forward: Input should be"),
    ],
)
def test_a_wrong_car_yaml_names_file_line_and_field(tmp_path, change, message):
    path = tmp_path / "car.yaml"
    path.write_text((car_folder("fordFocus") / "car.yaml").read_text().replace(*change))
    with pytest.raises(InputError, match=message) as caught:
        load_document(CarSpec, path)
    assert str(caught.value).startswith(f"{path}:")
