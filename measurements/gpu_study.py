"""The whole study on one machine with a GPU, within a time limit, saved every minute.

    export PYTHONPATH=datasets:benchmark
    python measurements/gpu_study.py OUT [RECIPE [MINUTES [WORKERS [THREADS]]]]

RECIPE (full) is that of `dmlbench study`, MINUTES (9) when it is stopped, WORKERS (8) how many
models are trained side by side on the one GPU, THREADS (2) the CPUs of each. The same command on a
CPU runs the same study there: `gpu_study.py OUT mini 5 2 1`.

OUT gets `steps.tar.gz`, the finished steps of the study, and `embeddings-*.tar`, the embeddings of
the models as float16, each file at most 15 MiB and all at most 60: the newest are left out where
they do not fit. A second call goes on with the steps in OUT. What is lost with the machine is what
no step holds yet: models, and the maps of a comparison that is not finished. Prints models, steps
and batches a second.
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
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dmldata.common.files import write_atomic

STEPS = "steps.tar.gz"
OF_A_FILE, OF_ALL = 15 << 20, 60 << 20
EVERY = 60
"""Seconds between two savings."""
PATIENCE = 20
"""Seconds that a study has to end its workers."""


def save(work: Path, out: Path) -> None:
    """Write the finished steps, and as many embeddings as fit beside them."""
    steps = packed(((path.name, path.read_bytes()) for path in files(work / "steps")), "w:gz")
    write_atomic(out / STEPS, steps)
    room = OF_ALL - len(steps)
    parts: list[list[tuple[str, bytes]]] = [[]]
    for path in files(work / "results", "**/embeddings.npy"):
        name = "-".join(path.relative_to(work / "results").parts[:-1])
        half = io.BytesIO()
        np.save(half, np.load(path).astype(np.float16))
        size = len(half.getvalue()) + 1024
        if size > room:
            break
        room -= size
        if sum(len(content) + 1024 for _, content in parts[-1]) + size > OF_A_FILE:
            parts.append([])
        parts[-1].append((f"{name}.npy", half.getvalue()))
    for number, part in enumerate(filter(None, parts)):
        write_atomic(out / f"embeddings-{number}.tar", packed(part, "w"))


def files(folder: Path, pattern: str = "*.json") -> list[Path]:
    """Return the finished files of a folder, the oldest first."""
    return sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)


def packed(contents: Iterable[tuple[str, bytes]], mode: str) -> bytes:
    """Return a tar of files."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in contents:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return tar.getvalue()


def trained(work: Path) -> list[int]:
    """Return how many batches each finished model was trained on."""
    histories = [
        json.loads(path.read_text())["gave"]["history"]
        for path in files(work / "steps", "*.training.json")
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
        work = Path(folder)
        if (out / STEPS).is_file():
            with tarfile.open(out / STEPS) as archive:
                archive.extractall(work / "steps", filter="data")
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
                save(work, out)
        if study.poll() is None:
            os.killpg(study.pid, signal.SIGTERM)
            try:
                study.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(study.pid, signal.SIGKILL)
                study.wait()
        save(work, out)
        batches = trained(work)
        seconds = time.monotonic() - began
        ended = "whole" if study.returncode == 0 else f"stopped, exit status {study.returncode}"
        print(
            f"study {recipe}: {ended} after {seconds / 60:.1f} minutes; {len(batches)} trained "
            f"models, {len(files(work / 'steps'))} steps; "
            f"{(sum(batches) - before) / seconds:.1f} batches a second, all work counted"
        )


if __name__ == "__main__":
    main()
