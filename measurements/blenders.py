"""The same plan rendered by two Pythons, each with its Blender: what a frame costs, what differs.

    python measurements/blenders.py PYTHON OTHER_PYTHON [IMAGES] [ROUNDS]

Each Python has dml-prism with the extra `render`. The two render in turn, one worker with one
thread, so that a change of the machine's speed meets both. Prints a row per Blender: seconds of a
core per image, after subtracting those of a render of one image of the same plan, which stands for
starting; and how far the pictures and masks of the second are from those of the first.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from dmldata import open_dataset

OPTIONS = ("--size", "256", "--preset", "standard", "--device", "cpu", "--workers", "1")
RECIPE = "photo"


def render(python: str, images: int, seed: int, out: Path) -> float:
    """Seconds of a core that a render takes, with its workers."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = ["render", RECIPE, "--count", images, "--seed", seed, "--threads", 1, "--out", out]
    command = [python, "-m", "dmlgen", *map(str, words), *OPTIONS]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def blender(folder: Path) -> str:
    versions = json.loads((folder / "dataset.json").read_text())["versions"]
    return f"{versions['bpy']}, Python {versions['python']}"


def distances(first: Path, second: Path) -> list[tuple[float, float]]:
    """Mean distance of pixels (of 255), and share of the mask that differs, by image."""
    pairs = zip(
        open_dataset(first).samples_iter(), open_dataset(second).samples_iter(), strict=True
    )
    return [
        (
            float(np.abs(np.asarray(a.image, float) - np.asarray(b.image, float)).mean()),
            float((a.mask != b.mask).mean()),
        )
        for a, b in pairs
    ]


def main(pythons: list[str], images: int, rounds: int) -> None:
    seconds: dict[str, list[float]] = {python: [] for python in pythons}
    found: list[tuple[float, float]] = []
    names: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for seed in range(rounds):
            folders = []
            for number, python in enumerate(pythons):
                folder = Path(scratch) / f"{number}-{seed}"
                whole = render(python, images, seed, folder)
                start = render(python, 1, seed, folder.with_name(f"{folder.name}-first"))
                seconds[python].append((whole - start) / (images - 1))
                names[python] = blender(folder)
                folders.append(folder)
            found += distances(*folders)
    first = np.array(seconds[pythons[0]])
    print("| Blender | core-s per image: median (min to max) | times the first |")
    print("|---|---|---|")
    for python in pythons:
        mine = np.array(seconds[python])
        ratio = np.median(mine / first)
        print(
            f"| {names[python]} | {np.median(mine):.2f} ({mine.min():.2f} to {mine.max():.2f}) "
            f"| {ratio:.2f} |"
        )
    pixels, masks = np.array(found).T
    print(
        f"\nPictures differ by {np.median(pixels):.2f} of 255 in the median of {len(found)} "
        f"(largest {pixels.max():.2f}), masks in {masks.max():.3%} of the pixels at most."
    )


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[3:]]
    main(sys.argv[1:3], *(given + [6, 3][len(given) :]))
