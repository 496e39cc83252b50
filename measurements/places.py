"""What a frame takes in every place, in this checkout and in others.

    python measurements/places.py [CHECKOUT ...]

The Focus in each place that all checkouts have, 256 pixels, 16 samples everywhere, as the preset
`standard` bounces and denoises; the camera's character and development are those of `photo` in this
checkout and `agx` where there is no development. Seconds of the cores' work of one frame, after
another of one sample in which the place is built. The checkouts take turns, place by place.
"""

import os
import subprocess
import sys
from pathlib import Path

from checkouts import environment_of

FRAME = """
import sys, tempfile
from pathlib import Path
from time import process_time

from dmlgen.factors.registry import DECLARATIONS, DEFAULTS
from dmlgen.planning.presets import Engine, Preset
from dmlgen.scene.picture import Photographer
from dmlgen.scene.stage import Stage

stage = Stage(Engine("standard", 256, "cpu"), 2)
photographer = Photographer(Path(tempfile.mkdtemp()))
transform = DECLARATIONS["view_transform"].values[-1]
values = {**DEFAULTS, "environment": sys.argv[1], "view_transform": transform, "crop": 0.9}
values |= {"sensor_noise": 2.5, "sharpening": 0.8, "flare": 1.0, "aperture": 4.0}
for turn, samples in ((0.0, 1), (40.0, 16)):
    began = process_time()
    stage.use(Preset(samples, 0, 8))
    stage.set({**values, "car_rotation": turn, "sun_rotation": 45.0 + turn}, 1)
    stage.photograph(photographer)
print("SECONDS", process_time() - began, flush=True)
import os
os._exit(0)
"""


def seconds_of_cores(place: str, checkout: Path) -> float | None:
    """Return the work of a frame; None if the checkout does not have the place."""
    run = subprocess.run(
        [sys.executable, "-c", FRAME, place],
        env=environment_of(checkout),
        capture_output=True,
        text=True,
    )
    for line in run.stdout.splitlines():
        if line.startswith("SECONDS"):
            return float(line.split()[1])
    return None


def main() -> None:
    """Print a row per place and a column per checkout, then the sum of what all have."""
    here = Path(__file__).resolve().parents[1]
    checkouts = [here, *(Path(argument).resolve() for argument in sys.argv[1:])]
    places = sorted(path.stem for path in (here / "scenes/environments").glob("*.yaml"))
    print(
        f"| place (load {os.getloadavg()[0]:.1f} before) | core-s |"
        + " other |" * len(sys.argv[1:])
    )
    print("|---|" + "---|" * len(checkouts))
    totals = [0.0] * len(checkouts)
    for place in places:
        cells = [seconds_of_cores(place, checkout) for checkout in checkouts]
        texts = ["-" if cell is None else f"{cell:.2f}" for cell in cells]
        print(f"| {place} | {' | '.join(texts)} |", flush=True)
        if None not in cells:
            totals = [total + (cell or 0) for total, cell in zip(totals, cells, strict=True)]
    print(f"| all that every checkout has | {' | '.join(f'{t:.1f}' for t in totals)} |")


if __name__ == "__main__":
    main()
