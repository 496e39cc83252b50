"""Models of strangers: what is not whole, too large or elsewhere is named; nothing is guessed."""

import base64
import gzip
import json
import os
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from toy_cars import bring, glb_text, toy_car, with_blender, write_glb, write_obj

from dmldata.common.errors import InputError
from dmlgen.blender import call_in_blender
from dmlgen.carimport.decide import Choices, decide
from dmlgen.carimport.user_car import read_model
from dmlgen.catalog.cars import load_car
from dmlgen.modelfiles.beside import MAX_PIXELS, find_beside, problem_of_image
from dmlgen.modelfiles.fbx import check_fbx
from dmlgen.modelfiles.kinds import check_kind
from dmlgen.modelfiles.prepare import prepare

PAINT = Choices(paint=("Lack",))


def table_of(decision):
    return {(row.name, row.place): row.role for row in decision.materials}


# What a file really is.

KINDS = {
    "a.glb": [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "a web page; download the file itself"),
        (b"PK\x03\x04....", "a zip archive; unpack it"),
        (b"\x1f\x8b....", "a gzip archive"),
        (b"\x89PNG\r\n", "a picture; give the model"),
        (b"BLENDER-v300", "rename it so that it ends in .blend"),
        (b"", "is empty"),
        (b"nothing of ours", "does not begin like GLB"),
        (b"glTF\2\0\0\0", "cut short: 8 bytes"),
    ],
    "a.obj": [
        (b"glTF\2\0\0\0", "a GLB file; rename it so that it ends in .glb"),
        (b"<html>", "a web page"),
        (b"v 0 0 0\0\0", "does not begin like OBJ"),
    ],
    "a.fbx": [
        (b"; FBX 7.3.0 project file", "in text form; export it in binary form"),
        (b"Kaydara FBX Binary  \0\x1a\0", "cut short or damaged"),
    ],
    "a.gltf": [
        (b"[]", "does not begin like GLTF"),
        (b"{", "an object at line 1 column 1"),
    ],
    "a.stl": [(b"solid", "not a format that can be read; valid: .glb, .gltf, .obj")],
}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [(name, *case) for name, cases in KINDS.items() for case in cases],
)
def test_what_is_no_model_is_named_for_what_it_is(tmp_path, name, content, message):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(InputError) as refused:
        prepare(file, tmp_path / "copy")
    assert str(refused.value).startswith(str(file))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_or_a_pipe_is_no_model(tmp_path):
    (tmp_path / "a.glb").mkdir()
    os.mkfifo(tmp_path / "b.glb")
    for name in ("a.glb", "b.glb"):
        with pytest.raises(InputError, match="not a format that can be read"):
            check_kind(tmp_path / name)


# References lead nowhere but to the folder of the file.


def test_references_are_resolved_to_the_files_own_folder_alone(tmp_path):
    folder = tmp_path / "model"
    (folder / "textures").mkdir(parents=True)
    for file in (tmp_path / "secret.png", folder / "a.png", folder / "textures" / "Wheel.PNG"):
        file.write_bytes(b"x")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "fine.png").symlink_to(folder / "a.png")
    file_by_reference = {
        reference: find_beside(folder, reference)
        for reference in (
            *("a.png", "./a.png", r"C:\cars\a.png", "/home/ann/a.png", "../a.png", "fine.png"),
            *(r"D:\x\textures\wheel.png", "textures/wheel.png", str(folder / "a.png")),
            *(
                "../secret.png",
                str(tmp_path / "secret.png"),
                "link.png",
                "wheel.png",
                "",
                "..",
                "\0",
            ),
            *("textures", "a" * 5000),
        )
    }
    image, wheel = folder / "a.png", folder / "textures" / "Wheel.PNG"
    assert file_by_reference == {
        **dict.fromkeys(
            ("a.png", "./a.png", r"C:\cars\a.png", "/home/ann/a.png", "../a.png"), image
        ),
        **dict.fromkeys((r"D:\x\textures\wheel.png", "textures/wheel.png"), wheel),
        **{str(image): image, "fine.png": folder / "fine.png"},
        **dict.fromkeys(("../secret.png", str(tmp_path / "secret.png"), "link.png", "wheel.png")),
        **dict.fromkeys(("", "..", "\0", "textures", "a" * 5000)),
    }


def embedded(tmp_path, change=lambda document: None, name="toy"):
    """A toy car as .gltf with its buffers inside, after a change of its document."""
    file = write_glb(tmp_path / f"{name}.gltf", toy_car())
    document = json.loads(file.read_text())
    for buffer in document["buffers"]:
        data = (tmp_path / buffer["uri"]).read_bytes()
        buffer["uri"] = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    change(document)
    file.write_text(json.dumps(document))
    return file


def with_image(uri):
    def change(document):
        document["images"] = [{"uri": uri}]
        document["textures"] = [{"source": 0}]
        material = next(m for m in document["materials"] if m["name"] == "Gummi")
        material["pbrMetallicRoughness"] = {"baseColorTexture": {"index": 0}, "metallicFactor": 0}

    return change


def test_a_picture_outside_the_folder_never_reaches_the_car(dmlgen, home, tmp_path):
    Image.new("RGB", (16, 16), (255, 0, 255)).save(tmp_path / "secret.png")
    folder = tmp_path / "model"
    folder.mkdir()
    file = embedded(folder, with_image(str(tmp_path / "secret.png")), "abs")
    code, out, err = bring(dmlgen, file)
    assert code == 0, err
    assert "'secret.png' of 'Gummi': not in the folder of the file" in out
    assert json.loads(glb_text((home / "abs" / "abs.glb").read_bytes())).get("images") is None
    assert load_car("abs").roles["Gummi"] == "tyre"
    model = read_model(embedded(folder, with_image("../secret.png"), "up"))
    assert not any(material.image for material in model.materials)


def test_a_picture_in_the_folder_is_found_by_a_path_of_another_machine(tmp_path):
    Image.new("RGB", (8, 8), (5, 5, 5)).save(tmp_path / "Wheel.png")
    model = read_model(embedded(tmp_path, with_image(r"C:\Users\ann\tex\wheel.png")))
    tyre = next(m for m in model.materials if m.name == "Gummi")
    assert (tyre.image, tyre.color_known) == (True, True)
    assert max(tyre.color) < 0.01
    assert model.notes == ()


def test_an_obj_file_without_its_materials_says_so_and_keeps_its_tyres(tmp_path):
    file = write_obj(tmp_path / "a.obj", toy_car())
    library = file.with_suffix(".mtl")
    text = library.read_text()
    library.write_text(
        text.replace("newmtl Gummi\n", "newmtl Gummi\nmap_Kd -s 1 1 1 D:\\t\\w 1.png\n")
    )
    decision = decide(read_model(file), PAINT)
    assert table_of(decision)["Gummi", ""] == "tyre"
    assert any("'w 1.png' of 'Gummi': not in the folder" in doubt for doubt in decision.doubts)
    Image.new("RGB", (8, 8), (250, 250, 250)).save(tmp_path / "w 1.png")
    assert table_of(decide(read_model(file), PAINT))["Gummi", ""] == "rim"
    library.unlink()
    decision = decide(read_model(file), PAINT)
    assert table_of(decision)["Gummi", ""] == "tyre"
    assert any("'a.mtl' of 'Gummi', 'Lack'" in doubt for doubt in decision.doubts)


def test_images_of_fbx_and_blend_files_are_those_of_their_folder(tmp_path):
    away, folder = fresh(tmp_path / "away"), fresh(tmp_path / "model")
    Image.new("RGB", (8, 8), (250, 0, 250)).save(away / "w.png")
    glb = embedded(away, with_image("w.png"))
    for suffix in (".fbx", ".blend"):
        code = (
            "import bpy\nbpy.ops.wm.read_factory_settings(use_empty=True)\n"
            f"bpy.ops.import_scene.gltf(filepath={str(glb)!r}, import_pack_images=False)\n"
            f"bpy.ops.export_scene.fbx(filepath={str(folder / 'a.fbx')!r}, path_mode='ABSOLUTE')\n"
            f"bpy.ops.wm.save_as_mainfile(filepath={str(folder / 'a.blend')!r})"
        )
        call_in_blender(exec, tmp_path / "log", code, {})
        (folder / "w.png").unlink(missing_ok=True)
        model = read_model(folder / f"a{suffix}")
        assert "'w.png' of 'Gummi': not in the folder of the file; put it there" in model.notes
        assert not any(material.image for material in model.materials)
        Image.new("RGB", (8, 8), (0, 250, 0)).save(folder / "w.png")
        model = read_model(folder / f"a{suffix}")
        assert model.notes == ()
        tyre = next(material for material in model.materials if material.name == "Gummi")
        assert tyre.color[1] > 0.9 > 0.1 > tyre.color[0]


def test_materials_of_an_obj_file_in_another_folder_are_not_read(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    file = write_obj(folder / "a.obj", toy_car())
    file.with_suffix(".mtl").rename(tmp_path / "b.mtl")
    (tmp_path / "copy").mkdir()
    for reference in ("../b.mtl", str(tmp_path / "b.mtl")):
        file.write_text(file.read_text().replace("mtllib a.mtl", f"mtllib {reference}"))
        copy = tmp_path / "copy" / reference.replace("/", "_")
        copy.mkdir()
        prepare(file, copy)
        assert "Kd 0.1 0.2 0.6" not in (copy / "materials.mtl").read_text()


def test_a_buffer_outside_the_folder_is_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "away.bin").write_bytes(bytes(100_000))
    (tmp_path / "copy").mkdir()
    for uri in ("../away.bin", str(tmp_path / "away.bin"), "file:///etc/passwd", "http://x/a.bin"):
        file = embedded(folder, lambda document, uri=uri: document["buffers"][0].update(uri=uri))
        with pytest.raises(InputError, match=r"buffers\[0\]: '.*' is not in its folder; put it"):
            prepare(file, tmp_path / "copy")


# Sizes are checked before anything is allocated.


def set_at(*path_and_value):
    *path, key, value = path_and_value

    def change(document):
        item = document
        for step in path:
            item = item[step]
        item[key] = value

    return change


def chained(document):
    nodes = document["nodes"]
    for index, node in enumerate(nodes):
        node["children"] = [(index + 1) % len(nodes)]


def many(document):
    wheel = next(node["mesh"] for node in document["nodes"] if node.get("name") == "Disk_0")
    document["nodes"] += [{"mesh": wheel}] * 30_000
    document.pop("scenes")


MALFORMED = {
    "buffer": (set_at("buffers", 0, "byteLength", 10**11), "byteLength is 100,000,000,000, but"),
    "count": (set_at("accessors", 0, "count", 10**9), "1,000,000,000 elements do not fit in its"),
    "zeros": (
        lambda d: d["accessors"].append({"componentType": 5126, "count": 10**9, "type": "VEC3"}),
        "bytes; valid: at most 536,870,912",
    ),
    "sparse": (
        set_at("accessors", 0, "sparse", {"count": 10**9, "indices": {}, "values": {}}),
        "accessors[0]: its sparse part is not whole",
    ),
    "view": (set_at("bufferViews", 0, "byteOffset", 10**9), "bufferViews[0]: ends outside its"),
    "negative": (set_at("accessors", 0, "count", -1), "count is no number from 0 on (got -1)"),
    "kind": (set_at("accessors", 0, "type", {}), "accessors[0]: unknown type {}"),
    "cycle": (chained, "nodes: one is its own ancestor"),
    "instances": (many, "triangles or more; at most 3,000,000 can"),
    "material": (set_at("meshes", 0, "primitives", 0, "material", 99), "no materials[99]"),
    "lists": (set_at("meshes", {}), "meshes is no list of objects"),
    "version": (set_at("asset", "version", "3.0"), "version '3.0'; valid: 2.0"),
    "compressed": (set_at("extensionsRequired", ["EXT_meshopt_compression"]), "export without"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_gltf_file_that_asks_for_more_than_it_holds_is_refused_in_one_line(tmp_path, case):
    change, message = MALFORMED[case]
    (tmp_path / "copy").mkdir()
    with pytest.raises(InputError) as refused:
        prepare(embedded(tmp_path, change), tmp_path / "copy")
    assert message in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "toy.gltf"))


def test_a_glb_file_cut_anywhere_is_refused(tmp_path):
    whole = write_glb(tmp_path / "a.glb", toy_car()).read_bytes()
    (tmp_path / "copy").mkdir()
    for length in (11, 19, 300, len(whole) // 2, len(whole) - 1):
        (tmp_path / "a.glb").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"a\.glb: cut short"):
            prepare(tmp_path / "a.glb", tmp_path / "copy")


def fbx(array, version=7400):
    """A binary FBX file with one node `Vertices`; from version 7500 on its numbers are longer."""
    form, width = ("<QQQB", 25) if version >= 7500 else ("<IIIB", 13)
    end = 27 + width + 8 + len(array)
    node = struct.pack(form, end, 1, len(array), 8) + b"Vertices" + array
    return b"Kaydara FBX Binary  \0\x1a\0" + struct.pack("<I", version) + node + bytes(width)


def fbx_array(count, data, packed=True):
    stored = zlib.compress(data) if packed else data
    return b"d" + struct.pack("<III", count, int(packed), len(stored)) + stored


def test_an_fbx_file_that_expands_or_lies_about_its_size_is_refused(tmp_path):
    file = tmp_path / "a.fbx"
    for content, message in (
        (fbx(fbx_array(10**9, bytes(1000))), "its arrays expand to more than 536,870,912 bytes"),
        (fbx(fbx_array(3, bytes(10**6))), "cut short or damaged"),
        (fbx(fbx_array(3, bytes(23))), "cut short or damaged"),
        (fbx(fbx_array(3, struct.pack("<3d", 0, np.nan, 0))), "1 of 1 vertices of a mesh have no"),
        (fbx(fbx_array(3, bytes(24)))[:-40], "cut short or damaged"),
    ):
        file.write_bytes(content)
        with pytest.raises(InputError, match=message):
            check_fbx(file)
    for version in (7400, 7500):
        file.write_bytes(fbx(fbx_array(3, bytes(24)), version))
        check_fbx(file)


def png_of(width, height):
    """A PNG file of a few bytes that says it has so many pixels."""

    def part(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", b"") + part(b"IEND", b"")


def test_an_image_that_expands_is_named_and_never_decoded(tmp_path):
    assert problem_of_image(png_of(10_000, 10_000)) == (
        f"10000 x 10000 pixels, more than {MAX_PIXELS:,}"
    )
    assert problem_of_image(png_of(100_000, 100_000)) == f"more than {MAX_PIXELS:,} pixels"
    assert problem_of_image(b"<html>") == "not an image that can be read"
    assert problem_of_image(png_of(64, 64)) == ""
    (tmp_path / "bomb.png").write_bytes(png_of(30_000, 30_000))
    model = read_model(embedded(tmp_path, with_image("bomb.png")))
    assert f"more than {MAX_PIXELS:,}" in model.notes[0]


def test_a_compressed_blend_file_that_expands_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "a.blend"
    content = b"BLENDER-v300" + bytes(5_000_000)
    as_zstd = pa.Codec("zstd").compress(content, asbytes=True)
    for damaged in (as_zstd[:40], b"\x28\xb5\x2f\xfd" + bytes(40)):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match=r"a\.blend: .*a whole \.blend file"):
            prepare(file, tmp_path)
    monkeypatch.setattr("dmldata.common.foreign.MIN_BYTES", 10_000)
    for compressed in (gzip.compress(content), as_zstd):
        file.write_bytes(compressed)
        with pytest.raises(InputError, match=r"a\.blend: expands from .*; the limit is"):
            prepare(file, tmp_path)


def test_an_obj_file_of_too_many_triangles_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("dmlgen.modelfiles.kinds.MAX_TRIANGLES", 300)
    with pytest.raises(InputError, match="301 triangles or more; at most 300 can be used"):
        prepare(write_obj(tmp_path / "a.obj", toy_car()), fresh(tmp_path / "copy"))


def fresh(folder):
    folder.mkdir()
    return folder


# Vertices without a place.


def test_vertices_without_a_finite_place_are_counted_and_refused(tmp_path):
    parts = toy_car()
    parts["Lamp"][0].vertices[3] = np.nan
    glb, obj = write_glb(tmp_path / "a.glb", parts), write_obj(tmp_path / "a.obj", parts)
    (tmp_path / "copy").mkdir()
    for file, count in ((glb, 1), (obj, 1)):
        with pytest.raises(InputError, match=rf"{count} of \d+ vertices .*have no finite place"):
            prepare(file, tmp_path / "copy")

    def huge(document):
        node = next(node for node in document["nodes"] if node.get("name") == "Lamp")
        node.pop("matrix", None)
        node["scale"] = [1e39, 1e39, 1e39]

    with pytest.raises(InputError, match=r"of 'Lamp' have no finite place"):
        read_model(embedded(tmp_path, huge))


# At rest, and as it renders.


def test_an_animated_model_is_taken_at_rest(tmp_path):
    def lift(document):
        times, heights = struct.pack("<2f", 0, 1), struct.pack("<6f", 0, 5, 0, 0, 5, 0)
        uri = "data:application/octet-stream;base64," + base64.b64encode(times + heights).decode()
        buffer, view = len(document["buffers"]), len(document["bufferViews"])
        accessor = len(document["accessors"])
        document["buffers"].append({"byteLength": 32, "uri": uri})
        document["bufferViews"] += [
            {"buffer": buffer, "byteLength": 8},
            {"buffer": buffer, "byteOffset": 8, "byteLength": 24},
        ]
        common = {"componentType": 5126, "count": 2}
        document["accessors"] += [
            {"bufferView": view, "type": "SCALAR", "min": [0], "max": [1], **common},
            {"bufferView": view + 1, "type": "VEC3", **common},
        ]
        node = next(i for i, n in enumerate(document["nodes"]) if n.get("name") == "Disk_0")
        target = {"node": node, "path": "translation"}
        document["animations"] = [
            {
                "samplers": [{"input": accessor, "output": accessor + 1}],
                "channels": [{"sampler": 0, "target": target}],
            }
        ]

    model = read_model(embedded(tmp_path, lift))
    assert model.size == pytest.approx((4.425, 1.8, 1.5), abs=0.01)


def test_nodes_that_are_not_in_the_scene_are_left_out(tmp_path):
    """Other scenes, and the levels of detail of MSFT_lod."""

    def other(document):
        document["nodes"].append({"mesh": 0, "name": "coarse", "scale": [2, 2, 2]})
        document["scenes"].append({"nodes": [len(document["nodes"]) - 1]})

    model = read_model(embedded(tmp_path, other))
    assert "coarse" not in model.objects
    assert len(model.objects) == len(toy_car())


BLEND = """
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
def cube(name, **shown):
    bpy.ops.mesh.primitive_cube_add(size=1, location=(2, 2, 0))
    made = bpy.context.object
    made.name = name
    for key, value in shown.items():
        setattr(made, key, value)
    return made
mirror = cube("mirrored").modifiers.new("m", "MIRROR")
mirror.mirror_object = bpy.data.objects.new("middle", None)
bpy.context.scene.collection.objects.link(mirror.mirror_object)
mirror.show_viewport, mirror.show_render = False, True
draft = cube("draft").modifiers.new("m", "ARRAY")
draft.count, draft.show_viewport, draft.show_render = 9, True, False
fine = cube("fine").modifiers.new("m", "SUBSURF")
fine.levels, fine.render_levels = 0, 1
cube("guide", hide_render=True)
cube("hidden", hide_viewport=True)
closed = cube("closed")
closed.hide_set(True)
collection = bpy.data.collections.new("c")
bpy.context.scene.collection.children.link(collection)
collection.hide_viewport = True
inside = cube("inside")
for other in list(inside.users_collection):
    other.objects.unlink(inside)
collection.objects.link(inside)
part = cube("part")
part.modifiers.new("m", "ARRAY").show_viewport = False
group = bpy.data.collections.new("group")
group.objects.link(part)
bpy.context.scene.collection.objects.unlink(part)
instance = bpy.data.objects.new("instance", None)
instance.instance_type, instance.instance_collection = "COLLECTION", group
bpy.context.scene.collection.objects.link(instance)
tube = bpy.data.curves.new("tube", "CURVE")
tube.dimensions, tube.bevel_depth, tube.use_fill_caps = "3D", 0.1, False
tube.bevel_resolution, tube.resolution_u, tube.render_resolution_u = 0, 1, 5
line = tube.splines.new("BEZIER")
line.bezier_points.add(1)
line.bezier_points[1].co = (1, 0, 0)
bpy.context.scene.collection.objects.link(bpy.data.objects.new("tube", tube))
moving = cube("moving")
moving.keyframe_insert("location", frame=1)
stray = bpy.data.meshes.new("loose")
stray.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0), (99, 0, 0)], [], [(0, 1, 2)])
bpy.context.scene.collection.objects.link(bpy.data.objects.new("loose", stray))
"""


def test_a_blend_file_is_read_as_it_renders(tmp_path):
    path = tmp_path / "a.blend"
    code = BLEND + f"bpy.ops.wm.save_as_mainfile(filepath={str(path)!r})"
    call_in_blender(exec, tmp_path / "log", code, {})
    model = read_model(path)
    triangles = dict(zip(model.objects, np.bincount(model.object), strict=True))
    assert triangles == {
        **{"mirrored": 24, "draft": 12, "fine": 48, "hidden": 12, "closed": 12, "inside": 12},
        **{"part": 24, "tube": 5 * 8, "moving": 12, "loose": 1},
    }
    assert model.size[0] == pytest.approx(6)
    assert model.notes == ("where 'moving' belong: they are animated, and stand as at frame 1",)


def test_a_blend_file_that_takes_data_from_another_folder_is_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    away, path = tmp_path / "away.blend", folder / "a.blend"
    code = BLEND + (
        f"bpy.ops.wm.save_as_mainfile(filepath={str(away)!r})\n"
        "bpy.ops.wm.read_factory_settings(use_empty=True)\n"
        f"with bpy.data.libraries.load({str(away)!r}, link=True) as (there, here):\n"
        "    here.objects = ['draft']\n"
        "bpy.context.scene.collection.objects.link(here.objects[0])\n"
        f"bpy.ops.wm.save_as_mainfile(filepath={str(path)!r})"
    )
    call_in_blender(exec, tmp_path / "log", code, {})
    with pytest.raises(InputError, match=r"takes data from .*away\.blend, which is not in its"):
        read_model(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"a\.blend: (cannot be read|.*a whole \.blend file)"):
        read_model(path)


def test_an_object_to_leave_out_that_is_not_there_is_an_error(tmp_path):
    file = write_glb(tmp_path / "a.glb", toy_car())
    with pytest.raises(InputError, match=r"unknown object 'Lump' in --ignore .did you mean 'Lamp'"):
        read_model(file, ("Lump",))


# Damage of any kind.


def _described(files):
    """What becomes of each file, in one Blender process: a line, or the error's class."""
    from dmlgen.carimport.mesh.describe import describe

    outcomes = []
    for file in files:
        try:
            describe(Path(file))
            outcomes.append("read")
        except InputError as error:
            outcomes.append(str(error))
        except Exception as error:
            outcomes.append(f"unexpected {error!r} for {file}")
    return outcomes


HOSTILE = (None, -1, 0, 10**11, 1e308, "x", "", [], {}, True, [[]], "../../etc/passwd", "a" * 5000)


def _places(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inside in items if isinstance(value, dict | list) else ():
        yield (*path, key)
        yield from _places(inside, (*path, key)) if isinstance(inside, dict | list) else ()


def test_damaged_files_are_read_or_refused_in_one_line(tmp_path):
    chance = random.Random(20)
    document = embedded(tmp_path, with_image("a.png")).read_text()
    glb = write_glb(tmp_path / "whole.glb", toy_car())
    whole = {
        ".glb": glb.read_bytes(),
        ".fbx": with_blender(tmp_path / "whole.fbx", glb).read_bytes(),
        ".obj": write_obj(tmp_path / "whole.obj", toy_car()).read_bytes(),
    }
    files = []
    for number in range(25):
        changed = json.loads(document)
        *path, key = chance.choice(list(_places(changed)))
        set_at(*path, key, chance.choice(HOSTILE))(changed)
        files.append(tmp_path / f"{number}.gltf")
        files[-1].write_text(json.dumps(changed))
        suffix = chance.choice(list(whole))
        data = bytearray(whole[suffix])
        for _ in range(chance.choice((1, 4, 20))):
            data[chance.randrange(min(len(data), 8000))] = chance.randrange(256)
        files.append(tmp_path / f"{number}{suffix}")
        files[-1].write_bytes(data[: chance.choice((None, None, len(data) // 2))])
    outcomes = call_in_blender(_described, tmp_path / "log", [str(file) for file in files])
    assert [o for o in outcomes if o.startswith("unexpected") or "\n" in o] == []
    refused = [(o, str(f)) for o, f in zip(outcomes, files, strict=True) if o != "read"]
    assert len(refused) > 15
    assert all(outcome.startswith(file) for outcome, file in refused)
