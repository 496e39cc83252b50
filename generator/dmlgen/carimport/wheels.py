"""The four wheels of a source model, found by name or by shape."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

import numpy as np

from dmldata.common.arrays import Bools, Floats, Ints
from dmldata.common.errors import InputError
from dmlgen.carimport.model import Model
from dmlgen.carimport.names import says, vocabulary, words
from dmlgen.catalog.car_edits import Selector

CORNERS = ("front left", "front right", "rear left", "rear right")

_WHEEL = vocabulary("wheel tyre tire rim alloy hub hubcap reifen felge")
_NO_WHEEL = vocabulary("steer steering arch well house housing liner spare cover")
_DIAMETERS = (0.4, 1.2)
_ABOVE_GROUND = 0.15
_SIMILAR = 0.2


@dataclass(frozen=True)
class Wheels:
    """The faces of the wheels.

    Attributes:
        selectors: selectors of the wheels in car.yaml; empty if no wheels were found.
        faces: [T] bool.
        found_by: `given`, `name`, `shape`, or empty.
    """

    selectors: tuple[Selector, ...]
    faces: Bools
    found_by: str = ""


@dataclass(frozen=True)
class _Pieces:
    """Connected pieces: the object of each, and its bounds [P, 3] in meters."""

    object: Ints
    number: Ints
    of_face: Ints
    low: Floats
    high: Floats


def find_wheels(model: Model, globs: tuple[str, ...] = ()) -> Wheels:
    """Find the wheels of a model in the car's frame, in meters.

    Args:
        globs: the user's globs of objects or materials.

    Raises:
        InputError: a glob matches nothing, or the globs do not match faces in all four corners.
    """
    if globs:
        return _given(model, globs)
    pieces = _pieces(model)
    for found_by, seeds in (("name", _named(model)), ("shape", _shaped(model, pieces))):
        boxes = _four_round(model, seeds)
        if boxes is not None:
            # Rims, brakes and bolts lie inside the bounds of the tyres.
            inside = _inside(pieces, boxes)[pieces.of_face] | seeds
            return Wheels(_selectors(model, inside), inside, found_by)
    return Wheels((), np.zeros(len(model.object), bool))


def _given(model: Model, globs: tuple[str, ...]) -> Wheels:
    faces = np.zeros(len(model.object), bool)
    selectors = []
    materials = [material.name for material in model.materials]
    for glob in globs:
        in_object = _matching(model.objects, glob)[model.object]
        of_material = _matching(materials, glob)[model.material]
        if in_object.any():
            selectors.append(Selector(object=glob))
        if of_material.any():
            selectors.append(Selector(material=glob))
        if not (in_object.any() or of_material.any()):
            raise InputError(
                f"--wheels '{glob}': no such object or material; objects: "
                f"{_listed(model.objects)}; materials: {_listed(materials)}"
            )
        faces |= in_object | of_material
    if faces.all():
        raise InputError(
            f"--wheels {' '.join(globs)}: matches the whole car; valid: its wheels alone"
        )
    corners = corner_of(model.centers)
    empty = [name for i, name in enumerate(CORNERS) if not (faces & (corners == i)).any()]
    if empty:
        raise InputError(f"--wheels {' '.join(globs)}: no faces at {', '.join(empty)}")
    return Wheels(tuple(selectors), faces, "given")


def _named(model: Model) -> Bools:
    """Return which faces [T] have an object, or else a material, that is named after a wheel."""

    def is_wheel(name: str) -> bool:
        name_words = words(name)
        return says(name_words, _WHEEL) and not says(name_words, _NO_WHEEL)

    by_object = np.array([is_wheel(path) for path in model.paths])[model.object]
    if _four_round(model, by_object) is not None:
        return by_object
    return np.array([is_wheel(m.name) for m in model.materials])[model.material]


def _shaped(model: Model, pieces: _Pieces) -> Bools:
    """Return which faces [T] form the largest round upright piece near the ground, per corner."""
    size = pieces.high - pieces.low
    diameter = size[:, 2]
    candidates = np.flatnonzero(
        (np.abs(size[:, 0] - diameter) < 0.12 * diameter)
        & (size[:, 1] < 0.85 * diameter)
        & (diameter > _DIAMETERS[0])
        & (diameter < _DIAMETERS[1])
        & (pieces.low[:, 2] < _ABOVE_GROUND)
    )
    corners = corner_of((pieces.low + pieces.high) / 2)
    chosen = []
    for corner in range(4):
        here = [p for p in candidates if corners[p] == corner]
        if not here:
            return np.zeros(len(model.object), bool)
        chosen.append(max(here, key=lambda p: diameter[p]))
    return np.isin(pieces.of_face, chosen)


def _four_round(model: Model, faces: Bools) -> Floats | None:
    """Return the bounds [4, 2, 3] of the wheels that faces form in the corners, or None."""
    corners = corner_of(model.centers)
    boxes = []
    for corner in range(4):
        points = model.corners[faces & (corners == corner)].reshape(-1, 3)
        if len(points) == 0:
            return None
        low, high = points.min(axis=0), points.max(axis=0)
        length, width, height = high - low
        middle = (low + high) / 2
        reach = np.hypot(*(points[:, [0, 2]] - middle[[0, 2]]).T).max()
        if not (
            _DIAMETERS[0] < height < _DIAMETERS[1]
            and abs(length - height) < 0.15 * height
            and width < 0.85 * height
            and reach < 1.15 * max(length, height) / 2
            and low[2] < _ABOVE_GROUND
        ):
            return None
        boxes.append((low, high))
    heights = [high[2] - low[2] for low, high in boxes]
    return np.array(boxes) if max(heights) < (1 + _SIMILAR) * min(heights) else None


def _inside(pieces: _Pieces, boxes: Floats) -> Bools:
    """Return which pieces [P] lie wholly in one of the boxes, within a centimeter."""
    is_inside = np.zeros(len(pieces.object), bool)
    for low, high in boxes:
        margin = np.array([0.01, 0.03, 0.01])
        is_inside |= ((pieces.low > low - margin) & (pieces.high < high + margin)).all(axis=1)
    return is_inside


def _selectors(model: Model, faces: Bools) -> tuple[Selector, ...]:
    selectors = []
    for index in np.unique(model.object[faces]):
        here = model.object == index
        name = glob_of(model.objects[index])
        if faces[here].all():
            selectors.append(Selector(object=name))
            continue
        numbers = np.unique(model.piece[here & faces])
        whole = np.isin(model.piece[here], numbers) == faces[here]
        if whole.all():
            selectors.append(Selector(object=name, pieces=tuple(int(n) for n in numbers)))
            continue
        # Wheels that are named by material can be part of a piece that is not a wheel.
        for material in np.unique(model.material[here & faces]):
            material_glob = glob_of(model.materials[material].name)
            selectors.append(Selector(object=name, material=material_glob))
    return tuple(selectors)


def _pieces(model: Model) -> _Pieces:
    width = int(model.piece.max()) + 1
    keys, of_face = np.unique(model.object * width + model.piece, return_inverse=True)
    of_face = of_face.reshape(-1)
    order = np.argsort(of_face, kind="stable")
    starts = np.searchsorted(of_face[order], np.arange(len(keys)))
    low = np.minimum.reduceat(model.corners.min(axis=1)[order], starts)
    high = np.maximum.reduceat(model.corners.max(axis=1)[order], starts)
    return _Pieces(keys // width, keys % width, of_face, low, high)


def corner_of(centers: Floats) -> Ints:
    """Return the index [N] into CORNERS of each point."""
    return np.where(centers[:, 0] > 0, 0, 2) + np.where(centers[:, 1] > 0, 0, 1)


def _matching(names: tuple[str, ...] | list[str], glob: str) -> Bools:
    return np.array([fnmatch.fnmatchcase(name, glob) for name in names])


def _listed(names: tuple[str, ...] | list[str], maximum: int = 20) -> str:
    shown = ", ".join(names[:maximum])
    return shown if len(names) <= maximum else f"{shown} and {len(names) - maximum} more"


def glob_of(name: str) -> str:
    """Return a glob that matches exactly this name."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)
