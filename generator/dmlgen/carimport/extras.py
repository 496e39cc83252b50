"""Find what a file holds besides its car: coarser copies of it, and objects far away."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np

from dmldata.common.arrays import Bools, Ints
from dmldata.common.errors import InputError
from dmlgen.carimport.model import Model

_LEVEL = re.compile(
    r"(?<![A-Za-z])[Ll][Oo][Dd][ _.-]?(\d{1,2})(?!\d)|(?<=[a-z])L[Oo][Dd][ _-]?(\d{1,2})(?!\d)"
)
"""Matches a level of detail in a name: `LOD1`, `Body_lod_2`, `bodyLOD3`."""
_REST = re.compile(r"[ _.-]+(?=$|/)")
_COPY_NUMBER = re.compile(r"\.\d{3}(?=$|/)")
"""Matches the number that Blender appends to a name that already exists."""
_SMALL = 0.1
"""Maximum share of the surface that a stray object far away can have."""
_ALIKE = 0.03
_NOTABLE = 0.05


def coarser_levels(model: Model) -> frozenset[int]:
    """Return the objects that are a coarser level of detail of another one, judged by their names.

    Of `LOD0/Body` and `LOD1/Body`, or `Body` and `Body_LOD1`, the lowest number is kept.
    """
    levels: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, path in enumerate(model.paths):
        plain = _COPY_NUMBER.sub("", path)
        name = plain.rpartition("/")[2]
        # A level of detail may be the child of another.
        plain = name if _LEVEL.search(name) else plain
        level_numbers = [int(first or second) for first, second in _LEVEL.findall(plain)]
        key = _REST.sub("", _LEVEL.sub("", plain))
        levels[key][level_numbers[-1] if level_numbers else -1].append(index)
    coarser = [
        index
        for by_level in levels.values()
        for level, indices in by_level.items()
        if level > min(by_level)
        for index in indices
    ]
    return frozenset(coarser)


def far_away(model: Model) -> frozenset[int]:
    """Return small objects that are further from all others than all others are long.

    Raises:
        InputError: two objects may both be the car, or a part of an object is far away.
    """
    stray = _stray_faces(model)
    if not stray.any():
        return frozenset()
    parts = np.unique(model.object[stray])
    if model.areas[stray].sum() > _SMALL * model.areas.sum():
        rest = np.unique(model.object[~stray])
        raise InputError(
            f"two things far apart, {_listed(model, parts)} and {_listed(model, rest)}: which is "
            f"the car? leave the other out: --ignore OBJECT"
        )
    for index in parts:
        inside = int((~stray[model.object == index]).sum())
        if inside:
            count = int(stray[model.object == index].sum())
            raise InputError(
                f"object '{model.objects[index]}': {count} of {count + inside} triangles lie far "
                f"away from the car; delete them in the program it comes from"
            )
    return frozenset(int(index) for index in parts)


def overlapping(model: Model) -> list[tuple[str, str]]:
    """Return pairs of large objects of one material that fill the same space: one may be a copy."""
    total = max(float(model.areas.sum()), 1e-30)
    share = np.bincount(model.object, model.areas, len(model.objects)) / total
    large = [int(i) for i in np.flatnonzero(share > _NOTABLE)]
    boxes, materials = {}, {}
    for index in large:
        points = model.corners[model.object == index].reshape(-1, 3)
        materials[index] = set(model.material[model.object == index])
        boxes[index] = np.array([points.min(axis=0), points.max(axis=0)])
    pairs = []
    for place, first in enumerate(large):
        for second in large[place + 1 :]:
            margin = _ALIKE * np.ptp(boxes[first], axis=0).max()
            shared = materials[first] & materials[second]
            if shared and np.abs(boxes[first] - boxes[second]).max() < margin:
                pairs.append((model.objects[first], model.objects[second]))
    return pairs


def _stray_faces(model: Model) -> Bools:
    """Return which faces [T], bool, lie outside the group with the most surface, along any axis."""
    stray = np.zeros(len(model.areas), bool)
    low, high = model.corners.min(axis=1), model.corners.max(axis=1)
    for axis in range(3):
        order = np.argsort(low[:, axis], kind="stable")
        reach = np.maximum.accumulate(high[order, axis])
        gap = np.append(0, low[order[1:], axis] - reach[:-1])
        group = np.empty(len(order), int)
        group[order] = np.cumsum(gap > 0)
        if gap.max() > 0:
            stray |= np.isin(group, _far_groups(model, group, axis))
    return stray


def _far_groups(model: Model, group: Ints, axis: int) -> list[int]:
    """Return the groups along an axis whose distance from the main group exceeds its length."""
    count = int(group.max()) + 1
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(count))
    low = np.minimum.reduceat(model.corners.min(axis=1)[order], starts)
    high = np.maximum.reduceat(model.corners.max(axis=1)[order], starts)
    left = right = int(np.bincount(group, model.areas).argmax())
    near = (low[left], high[left])
    while True:
        span = float((near[1] - near[0]).max())
        if left > 0 and low[left, axis] - high[left - 1, axis] <= span:
            left, added = left - 1, left - 1
        elif right < count - 1 and low[right + 1, axis] - high[right, axis] <= span:
            right, added = right + 1, right + 1
        else:
            return [index for index in range(count) if not left <= index <= right]
        near = (np.minimum(near[0], low[added]), np.maximum(near[1], high[added]))


def _listed(model: Model, objects: Ints) -> str:
    names = [f"'{model.objects[index]}'" for index in objects[:3]]
    return ", ".join(names) + (f" and {len(objects) - 3} more" if len(objects) > 3 else "")
