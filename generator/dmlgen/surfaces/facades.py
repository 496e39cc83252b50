"""What facades show: atlases of windows and doors, and how water has marked the wall."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dmldata.common.arrays import Floats
from dmldata.common.color import decode_srgb
from dmlgen.catalog.surfaces import load_surface
from dmlgen.surfaces.grounds import Surface
from dmlgen.surfaces.noise import Array, fractal

_CURTAINS = ("net", "drapes", "blind", "none", "venetian", "half")
_SHARES = (0.20, 0.25, 0.13, 0.27, 0.06, 0.09)
_CLOTHS = ((0.75, 0.5, 0.45), (0.5, 0.55, 0.7), (0.6, 0.65, 0.5))
_DOOR_COLORS = (
    (38, 52, 74),
    (96, 30, 28),
    (40, 66, 50),
    (208, 206, 200),
    (62, 40, 28),
    (120, 86, 52),
    (52, 54, 58),
    (172, 172, 166),
)


def windows(size: int, rng: np.random.Generator) -> Surface:
    """Generate an atlas of windows from outside: rooms, curtains, blinds, plants on the sill."""
    columns, rows = load_surface("windows").atlas
    atlas = [
        np.concatenate([_window(size // columns, rng) for _ in range(columns)], axis=1)
        for _ in range(rows)
    ]
    return _from_screen(np.concatenate(atlas))


def doors(size: int, rng: np.random.Generator) -> Surface:
    """Generate an atlas of front doors with panels, lights, letter boxes and numbers."""
    columns, _ = load_surface("doors").atlas
    atlas = Image.new("RGB", (size, size))
    for index, color in enumerate(_DOOR_COLORS):
        door = _door(size // columns, color, int(rng.integers(1, 99)))
        atlas.paste(door, (index % columns * door.width, index // columns * door.height))
    worn = 1 + 0.05 * fractal(size, 3.0, rng, 2)
    return _from_screen(np.asarray(atlas, dtype=float) * worn[..., None])


def streaks(size: int, rng: np.random.Generator) -> Surface:
    """Generate how dirty a wall is, 0 to 1: runs of water below sills and gutters, blotches."""
    ragged = fractal(size, 1.2, rng, 8).mean(axis=0)
    ragged = 0.9 + 0.3 * ragged / ragged.std()
    runs = np.zeros((size, size))
    for _ in range(150):
        length = round(size * (0.04 + rng.exponential(0.2)))
        width = int(rng.integers(2, 16)) * size // 1024
        x, y = rng.integers(size, size=2)
        fade = np.linspace(1, 0, length) ** 1.3 * rng.uniform(0.15, 0.6)
        across = np.arange(-width, width + 1)
        profile = (1 - np.abs(across) / (width + 1)) * ragged[(x + across) % size]
        # A long run may pass its own tile's edge more than once.
        np.add.at(
            runs,
            ((y + np.arange(length))[:, None] % size, (x + across)[None, :] % size),
            fade[:, None] * profile[None, :],
        )
    blotch = 0.5 + 0.17 * fractal(size, 2.6, rng, 2)
    amount = runs * (0.4 + blotch) + 1.1 * np.clip(blotch - 0.5, 0, 1)
    return Surface(np.repeat(np.clip(amount, 0, 1)[..., None], 3, axis=2))


def _window(size: int, rng: np.random.Generator) -> Floats:
    """Return one window [N, N, 3] as on a screen, 0 to 255."""
    down, across = np.linspace(0, 1, size)[:, None], np.linspace(0, 1, size)[None, :]
    room = rng.uniform(18, 62) * (0.6 + 0.8 * down * (0.5 + 0.5 * np.sin(3 * across + _turn(rng))))
    tint = np.array([1.05, 1.0, 0.9] if rng.random() < 0.7 else [0.9, 1.0, 1.1])
    view = room[..., None] * tint
    for _ in range(rng.integers(0, 4)):
        left, top = rng.integers(0, size * 4 // 5, size=2)
        width, height = rng.integers(size // 16, size // 3, size=2)
        view[top : top + height, left : left + width] = rng.uniform(10, 70) * tint
    _hang(view, str(rng.choice(_CURTAINS, p=_SHARES)), rng)
    picture = _to_image(view)
    if rng.random() < 0.35:
        _put_plant(picture, rng)
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(size / 190)), dtype=float)


def _hang(view: Floats, kind: str, rng: np.random.Generator) -> None:
    """Hang a curtain or blind of one of the kinds in _CURTAINS before a room [N, N, 3]."""
    size = len(view)
    across = np.linspace(0, 1, size)
    wander = np.cumsum(rng.normal(0, 0.25, size))
    folds = 0.82 + 0.18 * np.sin(across * 192 / rng.uniform(2.2, 5) + wander)
    cloth = np.array([1, rng.uniform(0.93, 1), rng.uniform(0.82, 1)])
    if rng.random() < 0.2:
        cloth = np.array(_CLOTHS[rng.integers(len(_CLOTHS))])
    light = rng.uniform(140, 225) * cloth
    hung = folds[None, :, None] * light
    if kind == "net":
        view[:] = 0.45 * view + 0.5 * hung
    if kind == "drapes" or (kind == "net" and rng.random() < 0.9):
        edge = rng.uniform(0.10, 0.34)
        drawn = (across < edge) | (across > 1 - edge * rng.uniform(0.6, 1.2))
        view[:, drawn] = 0.8 * hung[:, drawn]
    if kind == "blind":
        end = int(size * rng.uniform(0.2, 0.8))
        view[:end] = light
        view[end : end + 2] = 0.6 * light
    if kind == "venetian":
        slat = (np.arange(size) * 48 // size % 2 == 0)[:, None, None]
        view[:] = np.where(slat, light, 0.7 * view)
    if kind == "half":
        view[size // 2 :] = 0.85 * hung


def _put_plant(picture: Image.Image, rng: np.random.Generator) -> None:
    """Put a plant in a pot on the sill."""
    size = picture.width
    draw = ImageDraw.Draw(picture)
    x, pot, spread = rng.uniform(0.16, 0.84) * size, 0.04 * size, rng.uniform(0.03, 0.08) * size
    color = tuple(int(channel) for channel in rng.integers(30, 150, size=3))
    draw.rectangle((x - pot, 0.9 * size, x + pot, size), fill=color)
    for right, down in rng.normal(0, spread, (14, 2)):
        middle = np.array([x + right, 0.84 * size + down])
        box = (*(middle - 0.037 * size), *(middle + 0.037 * size))
        draw.ellipse(box, fill=(30, int(rng.integers(50, 95)), 28))


def _door(width: int, color: tuple[int, int, int], number: int) -> Image.Image:
    """Return a door with its frame, twice as high as wide."""
    unit = width / 256
    door = Image.new("RGB", (width, 2 * width), color)
    draw = ImageDraw.Draw(door)

    def box(left: float, top: float, right: float, bottom: float) -> tuple[float, ...]:
        return (left * unit, top * unit, right * unit, bottom * unit)

    shade, shine = (tuple(min(255, int(c * part)) for c in color) for part in (0.6, 1.25))
    draw.rectangle(box(0, 0, 255, 511), outline=(215, 213, 205), width=round(14 * unit))
    for left in (36, 138):
        right = left + 82
        for top, bottom in ((230, 340), (365, 480)):
            draw.rectangle(box(left, top, right, bottom), outline=shade, width=round(4 * unit))
            edge = box(left, bottom, right, bottom) + box(right, top, right, top)[:2]
            draw.line(edge, fill=shine, width=max(1, round(2 * unit)))
        glass = box(left, 50, right, 205)
        draw.rectangle(glass, fill=(46, 50, 54), outline=shade, width=round(4 * unit))
    draw.rectangle(box(92, 345, 164, 360), fill=(170, 160, 120))
    draw.ellipse(box(218, 250, 232, 264), fill=(190, 180, 140))
    draw.text((116 * unit, 212 * unit), str(number), fill=(230, 225, 200), font_size=22 * unit)
    return door


def _turn(rng: np.random.Generator) -> float:
    return float(rng.random() * 2 * np.pi)


def _to_image(values: Floats) -> Image.Image:
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _from_screen(values: Array) -> Surface:
    """Return a surface whose colors are given as on a screen, 0 to 255."""
    return Surface(decode_srgb(np.clip(values, 0, 255) / 255))
