"""Wheels as faces with roles: tyre, rim, spokes and brake, about the y axis, outer side at +y."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dmlgen.derive.quads import Values, box, lathe, tube

Faces = dict[str, Values]
"""Quads [N, 4, 3] by role, in meters, counter-clockwise seen from outside."""


@dataclass(frozen=True)
class Arms:
    """Beams around the hub, all alike. Lengths in radii of the wheel.

    Attributes:
        count: number of beams around the hub.
        width: half the width of a beam at the hub and at the rim.
        sweep: degrees by which its outer end is ahead of its inner one; curved if `bent`.
        part: shares of the way from hub to rim between which it runs.
        turn: degrees by which the first beam is ahead of the top.
        aside: distance of its middle line from the radius.
        flare: share by which it widens where it meets the rim.
    """

    count: int
    width: tuple[float, float]
    sweep: float = 0.0
    bent: bool = False
    part: tuple[float, float] = (0.0, 1.0)
    turn: float = 0.0
    aside: float = 0.0
    flare: float = 0.0


@dataclass(frozen=True)
class Windows:
    """A disc with openings around the hub.

    Attributes:
        count: number of openings.
        part: shares of the way from hub to rim between which they lie.
        share: share of the angle between two openings that is open where they are widest.
        square: exponent of the outline; 2 is an ellipse, larger values approach a sector of a ring.
        sweep: degrees by which their outer ends are ahead, curved.
        widest: where they are widest, as a share of their length: 0.5 in the middle.
    """

    count: int
    part: tuple[float, float]
    share: float
    square: float = 2.0
    sweep: float = 0.0
    widest: float = 0.5


@dataclass(frozen=True)
class Design:
    """The visible outer side of a wheel.

    Attributes:
        face: the structure that joins hub and rim; empty for a pressed steel wheel under a cap.
        dish: how far the hub lies behind the rim's edge, in widths of the wheel.
        crown: how far the middle of a beam stands out from its edges, in its half-widths.
        bolts: number of bolts around the hub.
    """

    face: tuple[Arms | Windows, ...]
    dish: float = 0.16
    crown: float = 0.0
    bolts: int = 5


def _fork(count: int, width: tuple[float, float], degrees: float, at: float) -> tuple[Arms, ...]:
    """Return beams that split in two at the share `at` of the way, `degrees` to each side."""
    middle = width[0] + (width[1] - width[0]) * at
    stem = Arms(count, (width[0], middle), part=(0.0, at))
    start = max(at - 0.05, 0.0)
    arms = [
        Arms(count, (middle, width[1]), sweep=side * degrees, part=(start, 1.0)) for side in (-1, 1)
    ]
    return (stem, *arms) if at > 0 else tuple(arms)


def _pairs(count: int, width: float, aside: float) -> tuple[Arms, ...]:
    """Return pairs of parallel beams."""
    return tuple(Arms(count, (width, width), aside=side * aside, flare=0.2) for side in (-1, 1))


DESIGNS = {
    "five_spoke": Design((Arms(5, (0.115, 0.075)),)),
    "ten_spoke": Design((Arms(10, (0.042, 0.034)),), dish=0.10),
    "mesh": Design(_fork(10, (0.036, 0.026), 13.0, 0.45), dish=0.13),
    "steel": Design(()),
    "five_double": Design(_pairs(5, 0.034, 0.07), dish=0.12),
    "seven_spoke": Design((Arms(7, (0.062, 0.05), flare=0.7),), dish=0.18, crown=0.25),
    "five_y": Design(_fork(5, (0.08, 0.042), 21.0, 0.42), dish=0.14, crown=0.2),
    "seven_v": Design(_fork(7, (0.03, 0.028), 17.0, 0.0), dish=0.06, crown=0.2),
    "six_double": Design(_pairs(6, 0.028, 0.052), dish=0.2, bolts=6),
    "fifteen_spoke": Design((Arms(15, (0.022, 0.024), flare=0.4),), dish=0.05, crown=0.3),
    "twenty_spoke": Design((Arms(20, (0.017, 0.015), flare=0.6),), dish=0.2, crown=0.3),
    "five_twist": Design(
        (Arms(5, (0.10, 0.09), sweep=34.0, bent=True, flare=0.35),), dish=0.14, crown=0.12
    ),
    "turbine": Design((Arms(12, (0.036, 0.058), sweep=26.0, bent=True),), dish=0.03, crown=0.4),
    "cross_lace": Design(
        tuple(Arms(14, (0.018, 0.016), sweep=side * 32.0) for side in (-1, 1)), dish=0.17
    ),
    "five_blade": Design((Windows(5, (0.22, 0.97), 0.52, 2.0, widest=0.6),), dish=0.10),
    "six_window": Design((Windows(6, (0.3, 0.92), 0.56, 2.4),), dish=-0.01),
    "nine_fin": Design((Windows(9, (0.42, 0.95), 0.5, 4.0, sweep=10.0),), dish=-0.03),
    "three_y": Design(_fork(3, (0.13, 0.07), 32.0, 0.3), dish=0.08, crown=0.1),
    "nine_spoke": Design((Arms(9, (0.03, 0.062)),), dish=0.15, crown=0.15),
}
"""Designs by name; lengths are in radii of the wheel unless a field says otherwise."""


@dataclass(frozen=True)
class Finish:
    """The roles of a wheel's metal: front of the spokes and edge of the rim, flanks, and barrel."""

    face: str = "rim"
    flank: str = "rim"
    barrel: str = "rim"


FINISHES = {
    "silver": Finish(),
    "dark": Finish("rim_dark", "rim_dark", "rim_dark"),
    "two_tone": Finish("rim", "rim_dark", "rim_dark"),
}

RIM = 0.70
"""Default radius of the rim where the tyre begins, in radii of the wheel."""
STEPS = 72
"""Number of corners of the tyre's circle."""
DEPTH = 0.24
"""Depth of a spoke from front to back, in widths of the wheel."""


def wheel_faces(
    name: str, radius: float, width: float, finish: Finish = FINISHES["silver"], rim: float = RIM
) -> Faces:
    """Return the faces of a wheel of a design, by role.

    Args:
        name: a key of DESIGNS.
        radius, width: meters.
        rim: radius where the tyre begins, in radii of the wheel: 0.6 to 0.78.
    """
    design = DESIGNS[name]
    quads_by_role: dict[str, list[Values]] = {}
    for role, quads in (
        *_wheel(rim),
        *(_alloy(design, finish, rim) if design.face else _steel(finish, rim)),
        ("rim_dark" if not design.face else finish.barrel, lathe(_barrel(rim)[:4], STEPS)),
        ("rim_dark" if not design.face else finish.face, lathe(_barrel(rim)[3:], STEPS)),
    ):
        quads_by_role.setdefault(role, []).append(quads)
    # Until here, x and z are in radii of the wheel and y in its widths.
    scale = np.array([radius, width, radius])
    return {role: np.concatenate(quads) * scale for role, quads in quads_by_role.items()}


RoleQuads = Iterator[tuple[str, Values]]


def _wheel(rim: float) -> RoleQuads:
    """Yield the faces of tyre and brake."""
    yield "tyre", lathe(_tyre(rim), STEPS)
    # The part mask is made of roles, and everything inside a wheel belongs to the wheel.
    back = np.array([(-0.12, 0.03), (-0.12, rim - 0.06)])
    yield "tyre", lathe(back, 48)
    size = rim / RIM
    yield "brake", lathe(np.array([(0.0, 0.16), (0.0, 0.50 * size), (-0.06, 0.50 * size)]), 48)
    low, high = (0.20 * size, -0.04, 0.18 * size), (0.42 * size, 0.06, 0.42 * size)
    yield "rim_dark", box(low, high)


def _tyre(rim: float) -> Values:
    """Return the profile of the tyre; radii of its wall go from the rim (0) to the tread (1)."""
    wall = [
        (0.40, -0.05),
        (0.455, 0.033),
        (0.485, 0.233),
        (0.50, 0.433),
        (0.495, 0.633),
        (0.47, 0.817),
        (0.435, 0.927),
        (0.39, 0.98),
    ]
    outer = [(y, rim + (1 - rim) * share) for y, share in wall]
    tread = []
    for groove in (0.26, 0.09, -0.09, -0.26):
        tread += [
            (groove + 0.035, 1.0),
            (groove + 0.025, 0.976),
            (groove - 0.025, 0.976),
            (groove - 0.035, 1.0),
        ]
    inner = [(-y, r) for y, r in reversed(outer)]
    return np.array([*outer, *tread, *inner])


def _barrel(rim: float) -> Values:
    """Return the profile from the inner end to the edge, which begins at the fourth point."""
    return np.array(
        [
            (-0.42, rim - 0.05),
            (0.10, rim - 0.075),
            (0.36, rim - 0.055),
            (0.40, rim - 0.035),
            (0.425, rim - 0.018),
            (0.43, rim + 0.004),
            (0.415, rim + 0.012),
            (0.39, rim + 0.008),
        ]
    )


def _alloy(design: Design, finish: Finish, rim: float) -> RoleQuads:
    hub = 0.37 - design.dish
    cap = [(hub + 0.035, 0.0), (hub + 0.03, 0.07), (hub, 0.085), (hub, 0.15), (hub - 0.14, 0.17)]
    yield finish.face, lathe(np.array(cap), 40)
    for bolt in range(design.bolts):
        angle = 2 * math.pi * (bolt + 0.5) / design.bolts
        x, z = 0.118 * math.sin(angle), 0.118 * math.cos(angle)
        yield "rim_dark", tube((x, hub - 0.02, z), (x, hub + 0.005, z), (0.022, 0.02), 6)
    for ring in design.face:
        line = _beam_line(ring, rim) if isinstance(ring, Arms) else _window_line(ring, rim)
        fronts, flanks = _beams(line, ring.count, design)
        yield finish.face, fronts
        yield finish.flank, flanks


@dataclass(frozen=True)
class _Line:
    """Stations [K] along a beam.

    Attributes:
        t: shares of the way from hub to rim.
        r: radii.
        turn: radians by which its middle is ahead.
        across: distances [K, C] of its lines from its middle: as lengths, or as angles. The first
            two and the last two are the flanks' inner and outer ends.
        edge: width of the chamfer.
    """

    t: Values
    r: Values
    turn: Values
    across: Values
    edge: Values
    as_angles: bool


def _beam_line(arms: Arms, rim: float) -> _Line:
    t = np.linspace(*arms.part, 11 if arms.bent or arms.flare else 7)
    share = (t - arms.part[0]) / (arms.part[1] - arms.part[0])
    half = arms.width[0] + (arms.width[1] - arms.width[0]) * t
    half = half * (1 + arms.flare * np.clip((t - 0.7) / 0.3, 0, 1) ** 2)
    way = share**1.7 if arms.bent else share
    edge = np.full_like(t, 0.3 * half.min())
    return _Line(
        t,
        0.12 + (rim - 0.16) * t,
        np.radians(arms.turn + arms.sweep * way),
        arms.aside + _across(half, edge, 2),
        edge,
        as_angles=False,
    )


def _window_line(windows: Windows, rim: float) -> _Line:
    """Return the web between two openings, which meets the next web before and behind them."""
    low, high = windows.part
    # Stations are dense near the ends of an opening, where its outline is steep.
    inside = (1 - np.cos(np.linspace(0, math.pi, 9))) / 2
    t = np.concatenate([[0.0], low + (high - low) * inside, [1.0]])
    u = np.clip((t - low) / (high - low), 0, 1)
    u = u ** (math.log(0.5) / math.log(windows.widest))
    opened = windows.share * np.clip(1 - np.abs(2 * u - 1) ** windows.square, 0, 1) ** 0.5
    r = 0.12 + (rim - 0.16) * t
    half = math.pi / windows.count * (1 - opened)
    edge = 0.012 * np.minimum(1, opened / 0.1)
    turn = np.radians(windows.sweep) * t**1.7
    across = _across(half, edge / r, max(50 // windows.count, 2))
    return _Line(t, r, turn, across, edge, as_angles=True)


def _across(half: Values, edge: Values, faces: int) -> Values:
    front = (half - edge)[:, None] * np.linspace(-1, 1, faces + 1)
    flank = np.repeat(half[:, None], 2, axis=1)
    return np.concatenate([-flank, front, flank], axis=1)


def _beams(line: _Line, count: int, design: Design) -> tuple[Values, Values]:
    """Return fronts and flanks of beams bent outwards, their front edges chamfered."""
    front = 0.36 - design.dish * (1 - line.t) ** 1.6 + 0.03 * line.t
    inner = line.across[:, 2:-2]
    half = (inner[:, -1:] - inner[:, :1]) / 2
    round_ = 1 - np.linspace(-1, 1, inner.shape[1]) ** 2
    y = np.concatenate(
        [
            (front - DEPTH)[:, None],
            (front - 1.5 * line.edge)[:, None],
            front[:, None] + design.crown * half * round_,
            (front - 1.5 * line.edge)[:, None],
            (front - DEPTH)[:, None],
        ],
        axis=1,
    )
    if line.as_angles:
        angle, radial = line.turn[:, None] + line.across, np.broadcast_to(line.r[:, None], y.shape)
    else:
        angle = line.turn[:, None] + np.arctan2(line.across, line.r[:, None])
        radial = np.hypot(line.across, line.r[:, None])
    start = 2 * math.pi / count * np.arange(count)[:, None, None]
    points = np.stack(
        [
            radial * np.sin(start + angle),
            np.broadcast_to(y, (count, *y.shape)),
            radial * np.cos(start + angle),
        ],
        axis=-1,
    )
    a, b = points[:, :-1], points[:, 1:]
    quads = np.stack([a[:, :, :-1], b[:, :, :-1], b[:, :, 1:], a[:, :, 1:]], axis=3)
    # Across a beam: flank, chamfer, the front, chamfer, flank.
    flanks = np.concatenate([quads[:, :, :2], quads[:, :, -2:]], axis=2)
    return quads[:, :, 2:-2].reshape(-1, 4, 3), flanks.reshape(-1, 4, 3)


def _steel(finish: Finish, rim: float) -> RoleQuads:
    """Yield the faces of a pressed steel wheel under a cap with slots."""
    size = rim / RIM
    dish = [(0.36, 0.0), (0.355, 0.12), (0.33, 0.18), (0.375, 0.30), (0.37, 0.46)]
    profile = [(y, r * size) for y, r in dish] + [(0.33, rim - 0.05)]
    yield finish.face, lathe(np.array(profile), 60)
    slots = []
    for slot in range(12):
        angle = 2 * math.pi * slot / 12
        sin, cos = math.sin(angle), math.cos(angle)
        corners = [(0.37, -0.035), (0.37, 0.035), (0.53, 0.055), (0.53, -0.055)]
        slots.append(
            [(size * (r * sin + a * cos), 0.385, size * (r * cos - a * sin)) for r, a in corners]
        )
    yield "tyre", np.array(slots)
