"""Renders a dataset while its processes are killed, and compares it with an undisturbed render.

    python measurements/disturbed.py [IMAGES] [KILLS] [RECIPE]

IMAGES (500) images of a recipe (`paper`), 64 pixels, preset draft. KILLS (30) times, at random
moments, either one worker or the command with all its processes is killed (SIGKILL); the command is
given again until it ends. Prints what was lost and whether the two datasets are the same.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from dmlgen.rendering.job import STAGING
from dmlgen.rendering.store import FrameStore

COMMAND = [sys.executable, "-c", "from dmlgen.cli.main import main; main()", "render"]
RECIPE = sys.argv[3] if len(sys.argv) > 3 else "paper"
SETTINGS = ("--size", "64", "--preset", "draft", "--device", "cpu", "--seed", "5")


def start(images: int, out: Path) -> subprocess.Popen[bytes]:
    command = [*COMMAND, RECIPE, "--count", str(images), *SETTINGS, "--out", str(out), "--json"]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)


def rendered(process: subprocess.Popen[bytes]) -> int:
    """Images that a command reported, of this call alone."""
    assert process.stdout is not None
    return process.stdout.read().count(b'"event": "image"')


def disturb(process: subprocess.Popen[bytes], luck: random.Random) -> str:
    """Kills a worker or everything, and says which."""
    workers = [p for p in psutil.Process(process.pid).children() if p.memory_info().rss > 2e8]
    if workers and luck.random() < 0.5:
        luck.choice(workers).kill()
        return "worker"
    os.killpg(process.pid, signal.SIGKILL)
    return "all"


def wait(process: subprocess.Popen[bytes], out: Path, luck: random.Random) -> None:
    """Waits for a random moment: while workers load, or, more often, once pictures have come."""
    before, loading = kept(out), luck.random() < 0.3
    while not loading and kept(out) <= before and process.poll() is None:
        time.sleep(0.2)
    time.sleep(luck.uniform(0.1, 6.0))


def main() -> None:
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    luck = random.Random(0)
    killed = {"worker": 0, "all": 0}
    reported = 0
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "disturbed"
        process = start(images, out)
        while sum(killed.values()) < kills and process.poll() is None:
            wait(process, out, luck)
            if process.poll() is None:
                what = disturb(process, luck)
                killed[what] += 1
                if what == "all":
                    reported += rendered(process)
                    process.wait()
                    print(f"{sum(killed.values())} kills, {kept(out)} images kept", flush=True)
                    process = start(images, out)
        reported += rendered(process)
        code = process.wait()
        calm = Path(folder) / "calm"
        start(images, calm).communicate()
        same = {p.name: p.read_bytes() for p in out.iterdir()} == {
            p.name: p.read_bytes() for p in calm.iterdir()
        }
    print("| images | workers killed | everything killed | exit | images rendered | identical |")
    print("|---|---|---|---|---|---|")
    print(f"| {images} | {killed['worker']} | {killed['all']} | {code} | {reported} | {same} |")


def kept(out: Path) -> int:
    """Frames in the store of an unfinished dataset."""
    return len(FrameStore(out / STAGING))


if __name__ == "__main__":
    main()
