"""The whole study on one machine with a GPU, within a time limit, saved every minute.

    export PYTHONPATH=datasets:benchmark
    python measurements/gpu_study.py OUT [RECIPE [MINUTES [WORKERS [THREADS]]]]

RECIPE (full) is that of `dmlbench study`, MINUTES (9) when it is stopped, WORKERS (8) how many
models are trained side by side on the one GPU, THREADS (2) the CPUs of each. The same command on a
CPU runs the same study there: `gpu_study.py OUT mini 5 2 1`.

OUT gets `steps.tar.gz`, the finished steps of the study, and for each model an archive of the
results that it is compared by, rounded as `small_results.py` does, at most 60 MiB in all: models
that do not fit are named. A second call goes on with what is in OUT. What is lost with the machine
is models that are not finished. Prints models, steps and batches a second.
"""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from small_results import copy_small

from dmldata.common.files import write_atomic

STEPS = "steps.tar.gz"
OF_ALL = 60 << 20
EVERY = 60
"""Seconds between two savings."""
PATIENCE = 20
"""Seconds that a study has to end its workers."""


def save(work: Path, small: Path, out: Path) -> list[str]:
    """Write the finished steps and results, and return the archives that do not fit.

    Args:
        small: folder for the rounded results, which stays from one saving to the next.
    """
    copy_small(work, small)
    archives = {STEPS: sorted(small.glob("steps/*.json"))}
    of_models = sorted(small.glob("results*/*/*/*"), key=lambda path: path.stat().st_mtime)
    for path in of_models:
        archives.setdefault(f"{path.parts[-3]}.tar.gz", []).append(path)
    room, left_out = OF_ALL, []
    for name, paths in archives.items():
        content = packed(small, paths)
        if len(content) <= room:
            room -= len(content)
            write_atomic(out / name, content)
        else:
            left_out.append(name)
    return left_out


def restore(out: Path, work: Path) -> None:
    """Write what was saved into the folder of a study."""
    for path in out.glob("*.tar.gz"):
        with tarfile.open(path) as archive:
            archive.extractall(work, filter="data")


def packed(folder: Path, paths: Sequence[Path]) -> bytes:
    """Return a tar of files of a folder."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        for path in paths:
            archive.add(path, path.relative_to(folder).as_posix())
    return tar.getvalue()


def trained(work: Path) -> list[int]:
    """Return how many batches each finished model was trained on."""
    histories = [
        json.loads(path.read_text())["gave"]["history"]
        for path in work.glob("steps/*.training.json")
    ]
    return [history[-1]["step"] for history in histories if len(history) > 1]


def main() -> None:
    """Run the study until it ends or the time is over."""
    out = Path(sys.argv[1])
    recipe, minutes, workers, threads = (
        *sys.argv[2:],
        *("full", "9", "8", "2")[len(sys.argv) - 2 :],
    )
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work, small = Path(folder) / "study", Path(folder) / "small"
        restore(out, work)
        before = sum(trained(work))
        began = time.monotonic()
        command = [sys.executable, "-m", "dmlbench", "study", recipe, "--out", str(work)]
        command += ["--executor", "ray", "--workers", workers, "--threads", threads]
        study = subprocess.Popen(command, start_new_session=True)
        deadline = began + 60 * float(minutes)
        while study.poll() is None and time.monotonic() < deadline:
            try:
                study.wait(min(EVERY, max(0.0, deadline - time.monotonic())))
            except subprocess.TimeoutExpired:
                save(work, small, out)
        if study.poll() is None:
            os.killpg(study.pid, signal.SIGTERM)
            try:
                study.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(study.pid, signal.SIGKILL)
                study.wait()
        left_out = save(work, small, out)
        batches = trained(work)
        seconds = time.monotonic() - began
        ended = "whole" if study.returncode == 0 else f"stopped, exit status {study.returncode}"
        print(
            f"study {recipe}: {ended} after {seconds / 60:.1f} minutes; {len(batches)} trained "
            f"models, {len([*work.glob('steps/*.json')])} steps; "
            f"{(sum(batches) - before) / seconds:.1f} batches a second, all work counted"
            f"{f'; not saved: {left_out}' if left_out else ''}"
        )


if __name__ == "__main__":
    main()
