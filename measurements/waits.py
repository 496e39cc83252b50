"""What is waited for, in this checkout and in others: seconds and peak memory.

    python measurements/waits.py [CHECKOUT ...]

- a plan of a million images, written to a file;
- all scores of 1,500 embeddings of 128 and of 1,280 dimensions by eleven properties with the
  paper's kinds of bins, with intervals and chance, on two threads;
- the ranks of 500 models by two scores, as a leaderboard shows them;
- how alike the embeddings of every two of six models are (1,500 images, 128 dimensions).

Each runs in a process of its own with the packages of one checkout, one after the other, so that
they are compared under the same load. What a checkout does not have is '-'.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

SCORES = """
import numpy as np
from dmlbench.scores import Property, score_properties

images, dimensions = 1500, {dimensions}
rng = np.random.default_rng(0)
x = rng.normal(size=(images, dimensions)) * np.arange(1, dimensions + 1) ** -0.5
properties = {{}}
for place, (kind, bins) in enumerate(
    [("categorical", 6), *[("cyclic", 36)] * 4, *[("linear", 10)] * 6]
):
    values = rng.integers(0, bins, images)
    x[:, place] += 1.5 * values / bins
    period = float(bins) if kind == "cyclic" else None
    properties[str(place)] = Property(values, kind, period=period)
score_properties(x.astype(np.float32), properties, held="0", threads=2)
"""

RANKS = """
from types import SimpleNamespace
import numpy as np
from dmlbench.leaderboard.ranks import ranks
from dmlbench.scores import Property
from dmlbench.scores.options import ScoreSettings
from dmlbench.scores.score_properties import measure_properties

labels = {"a": Property(np.arange(60) % 6)}
models = []
for number in range(500):
    x = np.random.default_rng(number).normal(size=(60, 8))
    scored = measure_properties(x, labels, ScoreSettings(chance=False, threads=1))
    models.append(SimpleNamespace(model=f"m{number:03d}", properties=scored))
import time
began = time.perf_counter()
for score in ("nr_precision", "map_at_r"):
    ranks(models, "a", score)
print("SECONDS", time.perf_counter() - began)
"""

REPRESENTATIONS = """
from types import SimpleNamespace
import numpy as np
from dmlbench.compare.representations import compare_representations

rng = np.random.default_rng(0)
shared = rng.normal(size=(1500, 128))

def result(number):
    x = (shared + rng.normal(size=shared.shape)).astype(np.float32)
    return SimpleNamespace(
        model=f"m{number:02d}",
        run=SimpleNamespace(dataset=SimpleNamespace(fingerprint="00ff")),
        properties=SimpleNamespace(n=len(x), scenes=None),
        folder=SimpleNamespace(read_embeddings=lambda: x),
    )

compare_representations([result(number) for number in range(6)])
"""

WAITS = {
    "plan of 1,000,000 images": ["-m", "dmlgen", "plan", "paper", "--count", "1000000", "--out"],
    "all scores, 1,500 x 128": ["-c", SCORES.format(dimensions=128)],
    "all scores, 1,500 x 1,280": ["-c", SCORES.format(dimensions=1280)],
    "ranks of 500 models": ["-c", RANKS],
    "representations of 6 models": ["-c", REPRESENTATIONS],
}


def measure(arguments: list[str], checkout: Path) -> str:
    """Return seconds and gigabytes of one wait with the packages of one checkout."""
    packages = [checkout / name for name in ("generator", "datasets", "benchmark")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, packages))}
    with tempfile.TemporaryDirectory() as folder:
        if arguments[-1] == "--out":
            arguments = [*arguments, str(Path(folder) / "plan.parquet")]
        began = perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - began
    if status != 0:
        return "-"
    for line in output.splitlines():
        if line.startswith("SECONDS"):
            seconds = float(line.split()[1])
    return f"{seconds:.1f} s, {usage.ru_maxrss / 1e6:.2f} GB"


def main() -> None:
    """Print a row per wait and a column per checkout."""
    here = Path(__file__).resolve().parents[1]
    checkouts = [here, *(Path(argument).resolve() for argument in sys.argv[1:])]
    load = f"{os.getloadavg()[0]:.1f}"
    print(f"| wait (load {load} before) | this checkout |" + " other |" * (len(checkouts) - 1))
    print("|---|" + "---|" * len(checkouts))
    for name, arguments in WAITS.items():
        cells = [measure(arguments, checkout) for checkout in checkouts]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
