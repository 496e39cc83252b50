"""A source model as plain numbers, which are judged before its conversion. Needs no Blender."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dmldata.common.arrays import Floats, Ints


@dataclass(frozen=True)
class ModelMaterial:
    """The look of a material of a source.

    Attributes:
        color: linear RGB, 0..1; the mean of its image where it has one.
        alpha, metallic, roughness, transmission: 0..1.
        image: whether an image gives its color.
        color_known: whether `color` is what the material shows; false if its image is missing or
            its color is computed.
    """

    name: str
    color: tuple[float, float, float] = (0.8, 0.8, 0.8)
    alpha: float = 1.0
    metallic: float = 0.0
    roughness: float = 0.5
    transmission: float = 0.0
    image: bool = False
    color_known: bool = True


@dataclass(frozen=True)
class Model:
    """All triangles of a source.

    Attributes:
        objects: names of the objects.
        paths: names of the objects after those of their parents, for guesses.
        corners: [T, 3, 3] float32, in units of the source, Z up as Blender reads it.
        object, material: [T] int, indices into `objects` and `materials`.
        piece: [T] int, the connected piece of the object (see `pieces_of`).
        notes: what the file refers to and could not be used, one line per note.
    """

    objects: tuple[str, ...]
    paths: tuple[str, ...]
    materials: tuple[ModelMaterial, ...]
    corners: Floats
    object: Ints
    material: Ints
    piece: Ints
    notes: tuple[str, ...] = ()

    @cached_property
    def areas(self) -> Floats:
        """Return the areas [T] of the triangles, in square units of the source."""
        edges = self.corners[:, 1:].astype(np.float64) - self.corners[:, :1]
        return np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) / 2

    @cached_property
    def centers(self) -> Floats:
        """Return the centers [T, 3] of the triangles."""
        return self.corners.mean(axis=1, dtype=np.float64)

    @cached_property
    def samples(self) -> Floats:
        """Return 20,000 points [20000, 3] spread evenly over the surface; the seed is fixed."""
        random = np.random.default_rng(1)
        which = random.choice(len(self.areas), 20_000, p=self.areas / self.areas.sum())
        first, second = random.random((2, len(which), 1))
        outside = first + second > 1
        first, second = np.where(outside, 1 - first, first), np.where(outside, 1 - second, second)
        corner = self.corners[which].astype(np.float64)
        along, across = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
        return corner[:, 0] + first * along + second * across

    @property
    def size(self) -> Floats:
        """Return the extents [3] in units of the source."""
        points = self.corners.reshape(-1, 3)
        return (points.max(axis=0) - points.min(axis=0)).astype(np.float64)

    def shares(self) -> Floats:
        """Return the share [M] of the surface that each material covers, 0..1."""
        area = np.bincount(self.material, self.areas, len(self.materials))
        return area / max(area.sum(), 1e-30)

    def moved(self, change: Floats) -> Model:
        """Return a copy transformed by `change` [3, 3] and then placed on the ground.

        The middle of its outline lies above the origin, its lowest point at 0.
        """
        points = self.corners.astype(np.float64) @ change.T
        low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
        shift = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
        return replace(self, corners=(points - shift).astype(np.float32))

    def without(self, objects: frozenset[int]) -> Model:
        """Return a copy without the faces of some objects; the indices of all objects stay."""
        rest = ~np.isin(self.object, list(objects))
        return replace(
            self,
            corners=self.corners[rest],
            object=self.object[rest],
            material=self.material[rest],
            piece=self.piece[rest],
        )

    def open_edges(self) -> tuple[float, float]:
        """Return the shares of edges with one face only (rims of holes) and with more than two."""
        import trimesh

        points = self.corners.reshape(-1, 3)
        mesh = trimesh.Trimesh(points, np.arange(len(points)).reshape(-1, 3), process=True)
        faces_of_edge = np.bincount(mesh.edges_unique_inverse)
        return float(np.mean(faces_of_edge == 1)), float(np.mean(faces_of_edge > 2))


def pieces_of(points: Floats, edges: Ints, first_points: Ints) -> Ints:
    """Return the connected piece that each face of a mesh belongs to, numbered by first occurrence.

    Vertices at exactly the same place count as the same vertex, even if the file separates them.

    Args:
        points: [V, 3] vertices.
        edges: [E, 2] vertices of the edges.
        first_points: [F] any vertex of each face.

    Returns:
        [F] int.

    >>> corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5], [6, 5, 5], [5, 6, 5]])
    >>> sides = np.array([[0, 1], [1, 2], [3, 4], [4, 5]])
    >>> pieces_of(corners, sides, np.array([5, 0, 3]))
    array([0, 1, 0])
    """
    _, same = np.unique(points, axis=0, return_inverse=True)
    same = same.reshape(-1)
    pairs = same[edges]
    count = int(same.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (count, count))
    labels = connected_components(graph, directed=False)[1][same[first_points]]
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse.reshape(-1)]
