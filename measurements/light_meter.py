"""Measures the light of Blender's Nishita sky: the table in `dmlgen/scene/light/daylight.py`.

For each sun elevation, the linear RGB radiance of a white diffuse card (irradiance / pi) lying on
the ground and standing towards, away from and across the sun, from the sun and the sky apart.

    python measurements/light_meter.py
"""

import math
import tempfile
from pathlib import Path

import bpy  # isort: skip (mathutils exists once bpy is imported)
import numpy as np
from mathutils import Euler, Vector

ELEVATIONS = [1, 3, 5, 8, 12, 16, 22, 30, 40, 50, 60, 75, 90]
CARDS = {
    "ground": (0.0, 0.0, 0.0),
    "towards": (-math.pi / 2, 0.0, 0.0),
    "away": (math.pi / 2, 0.0, 0.0),
    "across": (0.0, math.pi / 2, 0.0),
}


def build() -> tuple:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 512
    scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 0
    scene.render.resolution_x = scene.render.resolution_y = 8
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    scene.world = bpy.data.worlds.new("sky")
    scene.world.use_nodes = True
    tree = scene.world.node_tree
    sky = tree.nodes.new("ShaderNodeTexSky")
    sky.sky_type = "NISHITA"
    sky.sun_rotation = 0.0
    tree.links.new(sky.outputs[0], tree.nodes["Background"].inputs[0])
    white = bpy.data.materials.new("white")
    white.use_nodes = True
    white.node_tree.nodes.clear()
    diffuse = white.node_tree.nodes.new("ShaderNodeBsdfDiffuse")
    diffuse.inputs[0].default_value = (1, 1, 1, 1)
    output = white.node_tree.nodes.new("ShaderNodeOutputMaterial")
    white.node_tree.links.new(diffuse.outputs[0], output.inputs[0])
    bpy.ops.mesh.primitive_plane_add(size=1)
    card = bpy.context.object
    card.data.materials.append(white)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.type = "ORTHO"
    camera.data.ortho_scale = 0.5
    scene.collection.objects.link(camera)
    scene.camera = camera
    return scene, sky, card, camera


def read_card(scene, card, camera, rotation, folder) -> np.ndarray:
    card.rotation_euler = rotation
    normal = Euler(rotation).to_matrix() @ Vector((0, 0, 1))
    camera.location = normal * 3
    camera.rotation_euler = normal.to_track_quat("Z", "Y").to_euler()
    scene.render.filepath = str(Path(folder) / "card.exr")
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    color = np.array(image.pixels[:]).reshape(-1, 4)[:, :3].mean(axis=0)
    bpy.data.images.remove(image)
    return color


def main() -> None:
    scene, sky, card, camera = build()
    with tempfile.TemporaryDirectory() as folder:
        for elevation in ELEVATIONS:
            sky.sun_elevation = math.radians(elevation)
            for source in ("sky", "sun"):
                sky.sun_disc = source == "sun"
                row = {n: read_card(scene, card, camera, r, folder) for n, r in CARDS.items()}
                if source == "sky":
                    from_sky = row
                else:
                    row = {name: value - from_sky[name] for name, value in row.items()}
                print(
                    "METER",
                    elevation,
                    source,
                    *(f"{v:.3f}" for c in row.values() for v in c),
                    flush=True,
                )


if __name__ == "__main__":
    main()
