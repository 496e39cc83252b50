"""The paper's study on a cluster: models of all losses and folds, trained side by side.

    python examples/study_on_a_cluster.py                   # a Ray cluster of this machine
    python examples/study_on_a_cluster.py --address auto    # the cluster that this machine is in

It needs the extras `bench`, `train`, `demo` and `cluster`. The recipe below takes two losses and a
minute or two, so that you see all of it; `full` in place of `RECIPE` is the whole study. The nodes
of a cluster share the file system of the folder. The same command resumes after an interruption.
"""

import argparse
import subprocess
import sys
from pathlib import Path

RECIPE = """
name: two_losses
title: Two losses, trained for a minute
description: One loss with proxies and one with pairs. Nothing can be learned from its numbers.
losses: [contrastive, normalized_softmax]
controls: [none]
folds: [0]
training:
  {data: sample, folds: 2, size: 64, batch: 8, images_per_class: 4, epochs: 1, steps: 4}
classes: {data: sample}
properties: {data: sample}
saliency: {data: sample, images: {0: 2}, samples: 2}
"""


def main() -> None:
    """Write the recipe, and run the study on Ray."""
    parser = argparse.ArgumentParser(description="Run a small study on a Ray cluster.")
    parser.add_argument("--out", type=Path, default=Path("two_losses"), help="Folder of the study.")
    parser.add_argument("--address", help="Address of the Ray cluster; by default a new one here.")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    recipe = options.out / "recipe.yaml"
    recipe.write_text(RECIPE)
    cluster = ["--executor", "ray"]
    if options.address:
        cluster += ["--address", options.address]
    study = [sys.executable, "-m", "dmlbench", "study", str(recipe), "--out", str(options.out)]
    sys.exit(subprocess.run([*study, *cluster], check=False).returncode)


if __name__ == "__main__":
    main()
