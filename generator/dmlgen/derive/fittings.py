"""Lamps, grilles, panes, handles and rims that car.yaml asks for, and those of other designs."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dmlgen.catalog.car_edits import Fittings
from dmlgen.catalog.cars import read_car
from dmlgen.derive.bars import add_handles
from dmlgen.derive.glb import CarFile, Part
from dmlgen.derive.grilles import GRILLES, grille
from dmlgen.derive.lamps import HEAD_LAMPS, TAIL_LAMPS, head_lamp, tail_lamp
from dmlgen.derive.panes import SEALS, pane
from dmlgen.derive.patches import Patch, patches


class Kind(NamedTuple):
    """A kind of fitting: how it is built in place of a patch, and the names of its designs."""

    build: Callable[[Patch, str], list[Part]]
    designs: Iterable[str]


KINDS = {
    "head_lamp": Kind(head_lamp, HEAD_LAMPS),
    "tail_lamp": Kind(tail_lamp, TAIL_LAMPS),
    "grille": Kind(grille, GRILLES),
    "pane": Kind(pane, SEALS),
}
"""Kinds by the field of car.yaml's `fittings`; patches of a kind have it in their material."""


def fittings_of(car: CarFile) -> Fittings:
    """Return what the car.yaml beside a GLB file asks for; nothing where there is none."""
    file = car.folder / "car.yaml"
    return _fittings_in(file, file.stat().st_mtime_ns) if file.is_file() else Fittings()


@lru_cache(maxsize=64)
def _fittings_in(file: Path, modified: int) -> Fittings:
    """Return the fittings in a car.yaml, read once: making one car asks for them several times."""
    return read_car(file.parent).fittings


def fit(car: CarFile, number: int | None) -> None:
    """Fit `car`, not yet warped, in place: with its own designs, or those of its model `number`."""
    fittings = fittings_of(car)
    for name in KINDS:
        design = getattr(fittings, name) if number is None else choose(car, name, number)
        if design is not None:
            _replace(car, name, design)
    add_handles(car, fittings.handles, fittings.handle_role)


def choose(car: CarFile, kind: str, number: int) -> str:
    """Return the design of a kind that a model has.

    The models of a base take every design once, in an order specific to the base, then again in
    another order: so a lamp is not always combined with the same grille and trim.
    """
    designs = sorted(KINDS[kind].designs)
    turn, place = divmod(number - 1, len(designs))
    rng = np.random.default_rng([zlib.crc32(f"{kind} of {car.name}".encode()), turn])
    return designs[int(rng.permutation(len(designs))[place])]


def _replace(car: CarFile, kind: str, design: str) -> None:
    parts: list[Part] = []
    for part in car.body.parts:
        if part.material.endswith(f".{kind}"):
            for patch in patches(part):
                parts += KINDS[kind].build(patch, design)
        else:
            parts.append(part)
    car.body.parts = parts
