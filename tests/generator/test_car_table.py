"""What a model is taken for: the table of its materials, and what is no part of the car."""

from dataclasses import replace

import numpy as np
import pytest
from toy_cars import box, toy_car

from dmldata.common.errors import InputError
from dmlgen.carimport.decide import Choices, decide
from dmlgen.carimport.extras import coarser_levels, far_away, overlapping
from dmlgen.carimport.model import Model, ModelMaterial
from dmlgen.carimport.table import roles_of

PAINT = Choices(paint=("Lack",))


def model_of(parts, **looks):
    """A toy car's parts as plain numbers, as Blender would read them."""
    materials = list(dict.fromkeys(material for _, material in parts.values()))
    meshes = [mesh for mesh, _ in parts.values()]
    counts = [len(mesh.faces) for mesh in meshes]
    return Model(
        objects=tuple(name.rpartition("/")[2] for name in parts),
        paths=tuple(parts),
        materials=tuple(looks.get(name, ModelMaterial(name)) for name in materials),
        corners=np.concatenate([mesh.triangles for mesh in meshes]).astype(np.float32),
        object=np.repeat(np.arange(len(parts)), counts),
        material=np.repeat([materials.index(look) for _, look in parts.values()], counts),
        piece=np.zeros(sum(counts), int),
    )


def renamed(parts, old, new):
    return {n: (mesh, new if look == old else look) for n, (mesh, look) in parts.items()}


def table_of(decision):
    return {(row.name, row.place): row.role for row in decision.materials}


# What the table prints is what is done.


@pytest.mark.parametrize(
    ("name", "role"),
    [("Rubber", "tyre"), ("Gasket", "tyre"), ("Chrome", "rim"), ("Trim", "rim_dark")],
)
def test_a_name_that_says_a_substance_counts_more_than_its_gray_on_a_wheel(name, role):
    gray = ModelMaterial(name, (0.4, 0.4, 0.4))
    decision = decide(model_of(renamed(toy_car(), "Gummi", name), **{name: gray}), PAINT)
    assert table_of(decision)[name, ""] == role
    assert roles_of(decision.materials)[name] == role
    assert decision.overrides == ()


def test_a_material_on_wheels_and_body_has_a_row_for_each_and_both_are_done():
    parts = toy_car() | {"Strip": (box((3, 0.02, 0.1), (0, 0.95, 0.7)), "Gummi")}
    decision = decide(model_of(renamed(parts, "Gummi", "Rubber")), PAINT)
    assert table_of(decision)["Rubber", ""] == "rubber"
    assert table_of(decision)["Rubber", "on the wheels"] == "tyre"
    assert {override.role for override in decision.overrides} == {"tyre"}
    assert {override.object for override in decision.overrides} == {f"Disk_{i}" for i in range(4)}
    assert roles_of(decision.materials)["Rubber"] == "rubber"


def test_wheels_given_as_a_glob_of_materials_are_done_as_the_table_says():
    parts = toy_car() | {"Strip": (box((3, 0.02, 0.1), (0, 0.95, 0.7)), "Lack")}
    model = model_of(renamed(parts, "Gummi", "Trim_7"))
    decision = decide(model, replace(PAINT, wheels=("Trim_*",)))
    assert table_of(decision)["Trim_7", ""] == "rim_dark"


def test_an_image_on_a_wheel_is_kept_where_the_same_material_is_on_the_body():
    parts = toy_car() | {"Strip": (box((3, 0.02, 0.1), (0, 0.95, 0.7)), "Gummi")}
    look = ModelMaterial("Rubber", (0.02, 0.02, 0.02), image=True)
    decision = decide(model_of(renamed(parts, "Gummi", "Rubber"), Rubber=look), PAINT)
    assert {override.texture for override in decision.overrides} == {"keep"}


def test_a_tyre_whose_image_is_missing_stays_a_tyre_and_is_listed():
    look = ModelMaterial("M7", (0.8, 0.8, 0.8), color_known=False)
    model = model_of(renamed(toy_car(), "Gummi", "M7"), M7=look)
    decision = decide(replace(model, notes=("'a.png' of 'M7': gone",)), PAINT)
    assert table_of(decision)["M7", ""] == "tyre"
    assert "what 'M7' is (made tyre): --role MATERIAL=ROLE" in decision.doubts
    assert "what cannot be used: 'a.png' of 'M7': gone" in decision.doubts


def test_a_role_can_be_given_to_the_part_of_a_material_in_some_objects():
    choices = replace(PAINT, roles={"Lack@Cab*": "plastic", "Gummi": "rubber"})
    decision = decide(model_of(renamed(toy_car(), "Scheibe", "Lack")), choices)
    assert table_of(decision)["Lack", "Cab*"] == "plastic"
    assert table_of(decision)["Lack", ""] == "paint"
    assert table_of(decision)["Gummi", ""] == "rubber"
    assert (decision.overrides[0].object, decision.overrides[0].role) == ("Cab*", "plastic")
    with pytest.raises(InputError, match=r"unknown object 'Tail\*' in --role Lack@Tail\*=glass"):
        decide(model_of(toy_car()), replace(PAINT, roles={"Lack@Tail*": "glass"}))
    with pytest.raises(InputError, match="--role Lack@Lamp=glass: 'Lack' is not on Lamp"):
        decide(model_of(toy_car()), replace(PAINT, roles={"Lack@Lamp": "glass"}))
    with pytest.raises(InputError, match="unknown material 'Lacc@Cabin' in --role"):
        decide(model_of(toy_car()), replace(PAINT, roles={"Lacc@Cabin": "glass"}))


def test_a_name_that_blender_cuts_can_be_given_whole():
    cut = "ä" * 31
    model = model_of(renamed(toy_car(), "Lack", cut))
    decision = decide(model, Choices(paint=(cut + "ä and more",)))
    assert table_of(decision)[cut, ""] == "paint"
    part = Choices(paint=("Scheibe",), roles={cut + "ä and more@Chassis*": "plastic"})
    assert table_of(decide(model, part))[cut, "Chassis*"] == "plastic"
    both = model_of(renamed(renamed(toy_car(), "Lack", cut), "Scheibe", "ä" * 29 + ".001"))
    with pytest.raises(InputError, match="Blender cuts its name; valid: ä"):
        decide(both, Choices(paint=(cut + "ä and more",)))


# What is no part of the car.


@pytest.mark.parametrize(
    "names", [("Body_LOD0", "Body_LOD1"), ("LOD0/Body", "LOD1/Body.001"), ("Body", "Body lod 2")]
)
def test_of_several_levels_of_detail_the_finest_is_taken_and_the_others_are_listed(names):
    parts = toy_car()
    body = parts.pop("Chassis_1")
    decision = decide(model_of({names[0]: body, names[1]: body, **parts}), PAINT)
    assert decision.left_out == (names[1].rpartition("/")[2],)
    assert f"coarser levels of detail: '{decision.left_out[0]}'" in decision.doubts[0]
    assert decision.triangles == len(model_of(toy_car()).areas)


@pytest.mark.parametrize("name", ["Door_L1", "exploded1", "Body.001", "Lodge"])
def test_a_name_that_only_looks_like_a_level_of_detail_is_no_level(name):
    parts = {"Door_L0": toy_car()["Cabin"], "Body": toy_car()["Lamp"], name: toy_car()["Lamp"]}
    assert coarser_levels(model_of(parts)) == frozenset()


def test_two_objects_that_fill_the_same_space_are_pointed_out():
    model = model_of(toy_car() | {"shell": toy_car()["Chassis_1"]})
    assert overlapping(model) == [("Chassis_1", "shell")]
    assert any("--ignore 'shell'" in doubt for doubt in decide(model, PAINT).doubts)
    assert overlapping(model_of(toy_car())) == []


@pytest.mark.parametrize("place", [(400, 0, 0), (0, -90, 0), (0, 0, 15)])
def test_a_small_thing_far_away_is_left_out_and_listed(place):
    stray = toy_car() | {"Stray": (box((0.1, 0.1, 0.1), place), "Other")}
    decision = decide(model_of(stray), PAINT)
    assert decision.left_out == ("Stray",)
    assert decision.scale == 1.0
    assert any("far away from the car: 'Stray'" in doubt for doubt in decision.doubts)
    near = toy_car() | {"Aerial": (box((0.1, 0.1, 0.1), (0, 0, 4)), "Other")}
    assert far_away(model_of(near)) == frozenset()


def test_two_cars_far_apart_or_a_torn_object_are_refused_by_name():
    other = {
        f"b_{n}": (mesh.apply_translation((50, 0, 0)), m) for n, (mesh, m) in toy_car().items()
    }
    with pytest.raises(InputError, match=r"two things far apart, .* --ignore OBJECT"):
        decide(model_of(toy_car() | other), PAINT)
    torn = toy_car()
    torn["Lamp"] = (torn["Lamp"][0] + box((0.1, 0.1, 0.1), (90, 0, 0)), "taillight")
    with pytest.raises(InputError, match=r"object 'Lamp': 12 of 24 triangles lie far away"):
        decide(model_of(torn), PAINT)
