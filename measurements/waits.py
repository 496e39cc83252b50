"""What is waited for, in this checkout and in others: seconds and peak memory.

    python measurements/waits.py [CHECKOUT ...] [ROW ...]

- a plan of a million images, written to a file;
- all scores of 1,500 embeddings of 128 and of 1,280 dimensions by eleven properties with the
  paper's kinds of bins, with intervals and chance, on two threads;
- scores of 200,000 x 64 without intervals and chance, by twelve properties of 2 to 5,000 labels,
  and by one of 100,000;
- all scores of 5,000 x 64 by six properties, one of them 100 classes within which the others are
  scored, too;
- how alike the embeddings of every two of six models are (1,500 images, 128 and 512 dimensions);
- the gallery of the images of `datasets/paper`;
- the import of a car of 2,000 objects, its pictures of 64 pixels included;
- the page of a leaderboard of 500 models, made of one by changing its scores;
- the report of ten models on these images, that are evaluated before by this checkout (untrained
  ResNet-10 at 64 pixels without intervals, 30 maps).

Each runs in a process of its own with the packages of one checkout, one after the other, so that
they are compared under the same load. Printed are seconds, seconds of a core and peak memory,
without those of Blender's own process; what a checkout does not have is '-'. Files that a row reads
are made by the same checkout before. Arguments that are not folders name rows (as 'report') to
measure these alone.
"""

import os
import sys
import tempfile
from pathlib import Path

from checkouts import measure_python

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

LARGE = """
import numpy as np
from dmlbench.scores import Property, score_properties

images, rng = 200_000, np.random.default_rng(0)
x = rng.normal(size=(images, 64)).astype(np.float32)
if {distinct}:
    properties = {{"distinct": Property(rng.integers(0, 100_000, images))}}
else:
    sizes = np.geomspace(2, 5000, 12).astype(int)
    properties = {{str(size): Property(rng.integers(0, size, images)) for size in sizes}}
score_properties(x, properties, intervals=False, chance=False, threads=2)
"""

WITHIN = """
import numpy as np
from dmlbench.scores import Property, score_properties

images, rng = 5000, np.random.default_rng(0)
x = rng.normal(size=(images, 64)).astype(np.float32)
properties = {"class": Property(rng.integers(0, 100, images))}
properties |= {str(n): Property(rng.integers(0, 10, images)) for n in range(5)}
score_properties(x, properties, held="class", threads=2)
"""

REPRESENTATIONS = """
from types import SimpleNamespace
import numpy as np
from dmlbench.comparison.representations import compare_representations

rng = np.random.default_rng(0)
shared = rng.normal(size=(1500, {dimensions}))

def result(number):
    x = (shared + rng.normal(size=shared.shape)).astype(np.float32)
    return SimpleNamespace(
        model=f"m{{number:02d}}",
        run=SimpleNamespace(dataset=SimpleNamespace(fingerprint="00ff")),
        properties=SimpleNamespace(n=len(x), scenes=None),
        folder=SimpleNamespace(read_embeddings=lambda: x),
    )

compare_representations([result(number) for number in range(6)])
"""

CAR = """
import sys
from pathlib import Path
import numpy as np
import trimesh
from trimesh.visual.material import PBRMaterial

def box(size, center):
    place = trimesh.transformations.translation_matrix(center)
    return trimesh.creation.box(size, place)

scene, rng = trimesh.Scene(), np.random.default_rng(0)
parts = {"body": (box((4.4, 1.8, 0.7), (0, 0, 0.65)), "paint")}
parts["cabin"] = box((2.2, 1.5, 0.5), (-0.3, 0, 1.25)), "glass"
for i, (x, y) in enumerate([(1.3, 0.8), (1.3, -0.8), (-1.3, 0.8), (-1.3, -0.8)]):
    parts[f"wheel_{i}"] = box((0.6, 0.2, 0.6), (x, y, 0.3)), "rubber"
for i in range(2000):
    low, high = (-2, -0.8, 0.4), (2, 0.8, 1.2)
    parts[f"part_{i}"] = box((0.05, 0.05, 0.05), rng.uniform(low, high)), "paint"
turn = trimesh.transformations.rotation_matrix(-np.pi / 2, (1, 0, 0))
for name, (mesh, material) in parts.items():
    color = (0.1, 0.2, 0.6, 0.3 if material == "glass" else 1.0)
    look = PBRMaterial(material, baseColorFactor=color)
    uv = np.zeros((len(mesh.vertices), 2))
    mesh.visual = trimesh.visual.TextureVisuals(uv=uv, material=look)
    scene.add_geometry(mesh.apply_transform(turn), node_name=name, geom_name=name)
scene.export(sys.argv[1])
"""

RESULTS = """
import sys
from pathlib import Path
from dmlbench import load_model
try:
    from dmlbench.evaluation.model_evaluation import evaluate_model
except ImportError:  # older checkouts
    from dmlbench.evaluation.model_evaluation import evaluate as evaluate_model
from dmlbench.results.files import Settings
from dmlbench.sources import open_source

settings = Settings(
    seed=0, intervals=False, chance=False, maps=30, samples=2, faithfulness=0
)
for seed in range(10):
    loaded = load_model(f"timm:resnet10t?pretrained=false&seed={seed}", input_size=64)
    how = {"name": f"model {seed + 1}", "say": lambda line: None, "quiet": True}
    evaluate_model(loaded, open_source("package:paper"), Path(sys.argv[1]), settings, **how)
"""

BOARD = """
import json
import sys
from pathlib import Path
import numpy as np
from dmlbench import load_model
try:
    from dmlbench.evaluation.model_evaluation import evaluate_model
except ImportError:  # older checkouts
    from dmlbench.evaluation.model_evaluation import evaluate as evaluate_model
from dmlbench.leaderboard import Card, submit
from dmlbench.results.files import Settings
from dmlbench.sources import open_source

board = Path(sys.argv[1])
settings = Settings(seed=0, intervals=True, chance=True, maps=0, samples=2)
loaded = load_model("timm:resnet10t?pretrained=false&seed=0", input_size=64)
how = {"say": lambda line: None, "quiet": True}
result = evaluate_model(loaded, open_source("package:paper"), board.parent / "one", settings, **how)
file = submit(result, Card(name="model", trunk="resnet10t", loss=None, trained_on="nothing"), board)
one, folder = json.loads(file.read_text()), file.parent
file.unlink()
rng = np.random.default_rng(0)
for number in range(500):
    other = json.loads(json.dumps(one))
    other["card"]["name"] = other["run"]["name"] = f"model {number}"
    name = f"model{number:03d}-{number:08x}"
    other["run"]["model"]["id"] = other["properties"]["subject"]["model"] = name
    for scores in other["properties"]["properties"].values():
        for score in scores.values():
            if isinstance(score, dict) and score.get("replicates"):
                shift = 0.05 * rng.normal()
                score["value"] += shift
                noise = 0.003 * rng.normal(size=len(score["replicates"]))
                score["replicates"] = [
                    r + shift + e for r, e in zip(score["replicates"], noise.tolist())
                ]
                score["ci95"] = [bound + shift for bound in score["ci95"]]
    (folder / f"{name}.json").write_text(json.dumps(other))
"""

PAPER = Path(__file__).resolve().parents[1] / "datasets/paper"
WAITS = {
    "plan of 1,000,000 images": ["-m", "dmlgen", "plan", "paper", "--count", "1000000", "--out"],
    "all scores, 1,500 x 128": ["-c", SCORES.format(dimensions=128)],
    "all scores, 1,500 x 1,280": ["-c", SCORES.format(dimensions=1280)],
    "200,000 x 64, twelve properties": ["-c", LARGE.format(distinct=False)],
    "200,000 x 64, 100,000 labels": ["-c", LARGE.format(distinct=True)],
    "within 100 classes": ["-c", WITHIN],
    "representations of 6 models, 128": ["-c", REPRESENTATIONS.format(dimensions=128)],
    "representations of 6 models, 512": ["-c", REPRESENTATIONS.format(dimensions=512)],
    "gallery of datasets/paper": ["-m", "dmlgen", "gallery", str(PAPER), "--out"],
    "import of 2,000 objects": [
        *("-m", "dmlgen", "cars", "import", "CAR", "--name", "many", "--size", "64"),
        *("--paint-material", "paint", "--wheels", "wheel_*"),
    ],
    "leaderboard of 500 models": ["-m", "dmlbench", "leaderboard", "BOARD", "--out"],
    "report of 10 models": ["-m", "dmlbench", "report", "RESULTS", "--out"],
}


def prepare(folder: Path, name: str, checkout: Path) -> list[str]:
    """Return the arguments of a row, with the files that they need made by this checkout."""
    arguments = list(WAITS[name])
    for word, file, code in (
        ("CAR", "car.glb", CAR),
        ("RESULTS", "results", RESULTS),
        ("BOARD", "board", BOARD),
    ):
        if word in arguments:
            path = folder / file
            if not path.exists():
                folder.mkdir(exist_ok=True)
                measure_python(["-c", code, str(path)], checkout, str(folder))
            made = sorted(map(str, path.iterdir())) if path.is_dir() else []
            place = arguments.index(word)
            arguments[place : place + 1] = made if word == "RESULTS" else [str(path)]
    return arguments


def measure(arguments: list[str], checkout: Path) -> str:
    """Return seconds and gigabytes of one wait with the packages of one checkout."""
    with tempfile.TemporaryDirectory() as folder:
        if arguments[-1] == "--out":
            arguments = [*arguments, str(Path(folder) / "out.parquet")]
        usage = measure_python(arguments, checkout, folder, DML_PRISM_CARS=folder)
    if usage is None:
        return "-"
    return f"{usage.seconds:.1f} s, {usage.core_seconds:.1f} core-s, {usage.gigabytes:.2f} GB"


def main() -> None:
    """Print a row per wait and a column per checkout."""
    here = Path(__file__).resolve().parents[1]
    folders = [argument for argument in sys.argv[1:] if Path(argument).is_dir()]
    words = [argument for argument in sys.argv[1:] if argument not in folders]
    checkouts = [here, *(Path(argument).resolve() for argument in folders)]
    load = f"{os.getloadavg()[0]:.1f}"
    print(f"| wait (load {load} before) | this checkout |" + " other |" * (len(checkouts) - 1))
    print("|---|" + "---|" * len(checkouts))
    with tempfile.TemporaryDirectory() as folder:
        for name in WAITS:
            if words and not any(word in name for word in words):
                continue
            cells = []
            for number, checkout in enumerate(checkouts):
                arguments = prepare(Path(folder) / str(number), name, checkout)
                cells.append(measure(arguments, checkout))
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
