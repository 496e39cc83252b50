"""A small car in every format that can be brought, for tests to change."""

import numpy as np
import trimesh
from trimesh.visual.material import PBRMaterial

from dmlgen.blender import call_in_blender

COLORS = {
    "Lack": (0.1, 0.2, 0.6, 1.0),
    "Scheibe": (0.1, 0.1, 0.1, 0.3),
    "Gummi": (0.02, 0.02, 0.02, 1.0),
    "taillight": (0.7, 0.0, 0.0, 1.0),
}


def box(size, center):
    return trimesh.creation.box(size, trimesh.transformations.translation_matrix(center))


def wheel(x, y):
    tyre = trimesh.creation.cylinder(0.32, 0.2, sections=32)
    tyre.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0)))
    return tyre.apply_translation((x, y, 0.32))


def toy_car(body="Chassis_1", tyre="Disk_{}"):
    """Name -> (mesh, material): 4.4 m long, front to +X, Z up, meters."""
    corners = [(1.35, 0.8), (1.35, -0.8), (-1.35, 0.8), (-1.35, -0.8)]
    return {
        body: (box((4.4, 1.8, 0.7), (0, 0, 0.65)), "Lack"),
        "Cabin": (box((2.2, 1.5, 0.5), (-0.3, 0, 1.25)), "Scheibe"),
        "Lamp": (box((0.05, 1.4, 0.1), (-2.2, 0, 0.7)), "taillight"),
        **{tyre.format(i): (wheel(*corner), "Gummi") for i, corner in enumerate(corners)},
    }


def write_glb(path, parts, change=None):
    """Turned to the format's Y up, then by `change`."""
    scene = trimesh.Scene()
    turn = trimesh.transformations.rotation_matrix(-np.pi / 2, (1, 0, 0))
    for name, (mesh, material) in parts.items():
        color = COLORS.get(material, (0.5, 0.5, 0.5, 1.0))
        mode = "OPAQUE" if color[3] == 1 else "BLEND"
        look = PBRMaterial(material, baseColorFactor=color, metallicFactor=0.0, alphaMode=mode)
        mesh = mesh.copy().apply_transform(np.eye(4) if change is None else change)
        mesh.visual = trimesh.visual.TextureVisuals(
            uv=np.zeros((len(mesh.vertices), 2)), material=look
        )
        scene.add_geometry(mesh.apply_transform(turn), node_name=name, geom_name=name)
    scene.export(path)
    return path


def write_obj(path, parts):
    lines, count = [f"mtllib {path.stem}.mtl"], 1
    for name, (mesh, material) in parts.items():
        lines += [f"o {name}"]
        # Y up, as Blender expects of an OBJ file.
        lines += [f"v {x} {z} {-y}" for x, y, z in mesh.vertices]
        lines += [f"usemtl {material}", *(f"f {a} {b} {c}" for a, b, c in mesh.faces + count)]
        count += len(mesh.vertices)
    path.write_text("\n".join(lines))
    looks = [f"newmtl {n}\nKd {r} {g} {b}\nd {a}\n" for n, (r, g, b, a) in COLORS.items()]
    path.with_suffix(".mtl").write_text("\n".join(looks))
    return path


def with_blender(path, glb):
    """`glb` saved in another format."""
    save = {
        ".fbx": f"bpy.ops.export_scene.fbx(filepath={str(path)!r})",
        ".blend": f"bpy.ops.wm.save_as_mainfile(filepath={str(path)!r})",
    }[path.suffix]
    code = (
        "import bpy\nbpy.ops.wm.read_factory_settings(use_empty=True)\n"
        f"bpy.ops.import_scene.gltf(filepath={str(glb)!r})\n{save}"
    )
    call_in_blender(exec, path.with_suffix(".log"), code)
    return path


def bring(dmlgen, file, *options, paint="Lack"):
    small = ("--size", 16, "--device", "cpu")
    return dmlgen("cars", "import", file, "--paint-material", paint, *small, *options)


def glb_text(data):
    """The JSON part of a GLB file."""
    return data[20 : 20 + int.from_bytes(data[12:16], "little")]
