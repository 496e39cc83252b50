"""Set the faces of a mesh from arrays; Blender's `Mesh.from_pydata` takes several times as long."""

from __future__ import annotations

import numpy as np
from bpy.types import Mesh

from dmldata.common.arrays import Floats, Ints


def fill(mesh: Mesh, points: Floats, faces: Ints) -> None:
    """Give an empty mesh its points [V, 3] and faces [F, K], each of K indices of points.

    The faces are smooth. To be followed by `mesh.update()`, which adds the edges.
    """
    mesh.vertices.add(len(points))
    mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.astype(np.int32).ravel())
    mesh.polygons.add(len(faces))
    starts = np.arange(0, faces.size, faces.shape[1], dtype=np.int32)
    mesh.polygons.foreach_set("loop_start", starts)
