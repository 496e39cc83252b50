"""What building a place and a frame in it take, in this checkout and in others.

    python measurements/places.py [CHECKOUT ...]

The Focus in each place that all checkouts have, 256 pixels, 16 samples everywhere, as the preset
`standard` bounces and denoises; the camera's character and development are those of `photo` in this
checkout and `agx` where there is no development. Seconds of the cores' work: of a frame of one
sample for which the place is built, and of the next one. One process of each checkout goes from
place to place, as a worker does; the checkouts take turns.
"""

import os
import subprocess
import sys
from pathlib import Path

from checkouts import environment_of

FRAMES = """
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
values = {**DEFAULTS, "view_transform": transform, "crop": 0.9}
values |= {"sensor_noise": 2.5, "sharpening": 0.8, "flare": 1.0, "aperture": 4.0}
for line in sys.stdin:
    seconds = []
    for turn, samples in ((0.0, 1), (40.0, 16)):
        began = process_time()
        stage.use(Preset(samples, 0, 8))
        turned = {"car_rotation": turn, "sun_rotation": 45.0 + turn}
        stage.set({**values, "environment": line.strip(), **turned}, 1)
        stage.photograph(photographer)
        seconds.append(process_time() - began)
    print("SECONDS", *seconds, flush=True)
import os
os._exit(0)
"""


class Worker:
    """A process of a checkout that goes from place to place."""

    def __init__(self, checkout: Path) -> None:
        self._places = checkout / "scenes" / "environments"
        self._process = subprocess.Popen(
            [sys.executable, "-c", FRAMES],
            env=environment_of(checkout),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, place: str) -> tuple[float, float] | None:
        """Return the work of the frame that builds a place and of the next.

        Returns:
            None if the checkout does not have the place.
        """
        if not (self._places / f"{place}.yaml").is_file():
            return None
        asked, said = self._process.stdin, self._process.stdout
        if asked is None or said is None:
            raise RuntimeError("the worker was started without pipes")
        asked.write(f"{place}\n")
        asked.flush()
        for line in said:
            if line.startswith("SECONDS"):
                first, second = map(float, line.split()[1:])
                return first, second
        raise RuntimeError(f"the worker ended in {place}")

    def end(self) -> None:
        """Let the process end."""
        self._process.communicate()


def main() -> None:
    """Print a row per place and two columns per checkout, then the sums of what all have."""
    here = Path(__file__).resolve().parents[1]
    workers = [Worker(path) for path in (here, *(Path(name).resolve() for name in sys.argv[1:]))]
    places = sorted(path.stem for path in (here / "scenes/environments").glob("*.yaml"))
    print(
        f"| place (load {os.getloadavg()[0]:.1f} before) | built | then |"
        + " built, other | then |" * len(sys.argv[1:])
    )
    print("|---|" + "---|---|" * len(workers))
    totals = [0.0] * (2 * len(workers))
    for place in places:
        pairs = [worker.seconds(place) for worker in workers]
        texts = ["- | -" if pair is None else "{:.2f} | {:.2f}".format(*pair) for pair in pairs]
        print(f"| {place} | {' | '.join(texts)} |", flush=True)
        shared = [seconds for pair in pairs if pair for seconds in pair]
        if len(shared) == len(totals):
            totals = [total + seconds for total, seconds in zip(totals, shared, strict=True)]
    print(f"| all that every checkout has | {' | '.join(f'{t:.1f}' for t in totals)} |")
    for worker in workers:
        worker.end()


if __name__ == "__main__":
    main()
