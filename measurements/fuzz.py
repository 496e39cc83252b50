"""Damaged files of every kind that is read, and what reading them does.

    python measurements/fuzz.py 500

damages a valid file 500 times for each kind of file (`tests/hostile/hostile_targets.py`), as often
as not with digests that fit, and prints for each kind how many were refused with a message and how
many read, and what must not be: other errors, readers that did not end within a minute, and more
than 2 GB of memory. What was damaged so is kept in the folder `fuzz` (or `--out`).

    python measurements/fuzz.py 500 recipe csv --seed 1
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "hostile"))

from hostile_targets import TARGETS, Target  # noqa: E402

HANG_SECONDS = 60
GIGABYTE = 1024**3
MEMORY_LIMIT = 2 * GIGABYTE
ADDRESS_LIMIT = 16 * GIGABYTE
"""Beyond which a reader fails in place of taking the machine's memory."""

VERDICTS = ("read", "refused", "unexpected", "hang", "above 2 GB")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("count", type=int, help="damaged files for each kind")
    arguments.add_argument("kinds", nargs="*", metavar="KIND", help="all of them by default")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path, default=Path("fuzz"))
    given = arguments.parse_intermixed_args()
    chosen = [one for one in TARGETS if not given.kinds or one.name in given.kinds]
    total: collections.Counter[str] = collections.Counter()
    print("\t".join(("kind", *VERDICTS, "largest MB", "seconds")))
    for target in chosen:
        began = time.monotonic()
        counts, largest = run(target, given.count, given.seed, given.out)
        total += counts
        row = (*(counts[one] for one in VERDICTS), largest >> 20, f"{time.monotonic() - began:.0f}")
        print("\t".join(map(str, (target.name, *row))), flush=True)
    print("\t".join(map(str, ("all", *(total[one] for one in VERDICTS)))))
    sys.exit(any(total[one] for one in VERDICTS[2:]))


def run(target: Target, count: int, seed: int, out: Path) -> tuple[collections.Counter[str], int]:
    """Verdicts of one kind, and the largest memory that a reader took beyond what was there."""
    counts: collections.Counter[str] = collections.Counter()
    largest, first = 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch) / "base"
        base.mkdir()
        target.make(base)
        while first < count:
            ours, theirs = multiprocessing.Pipe()
            work = (target, base, first, count, seed, theirs)
            worker = multiprocessing.get_context("fork").Process(target=read_all, args=work)
            worker.start()
            theirs.close()
            while first < count:
                try:
                    verdict, memory, told = ours.recv() if ours.poll(HANG_SECONDS) else HANG
                except EOFError:
                    verdict, memory, told = "unexpected", 0, DIED
                if told in (HANG[2], DIED):
                    worker.kill()
                    worker.join()
                counts[verdict] += 1
                largest = max(largest, memory)
                if verdict not in ("read", "refused"):
                    keep(base.parent / str(first), out / f"{target.name}-{seed}-{first}", told)
                shutil.rmtree(base.parent / str(first), ignore_errors=True)
                first += 1
                if told in (HANG[2], DIED):
                    break
            worker.join()
    return counts, largest


DIED = "the process died"
HANG = ("hang", 0, f"no end within {HANG_SECONDS} s")


def read_all(target, base, first, count, seed, results) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_LIMIT, ADDRESS_LIMIT))
    warnings.simplefilter("ignore")
    for number in range(first, count):
        folder = base.parent / str(number)
        target.damage(base, folder, random.Random(f"{target.name} {seed} {number}"))
        before = reset_peak()
        verdict, told = judge(target, folder)
        memory = max(peak() - before, 0)
        if memory > MEMORY_LIMIT:
            verdict, told = "above 2 GB", f"{memory:,} bytes; {verdict}: {told}"
        results.send((verdict, memory, told))


def judge(target: Target, folder: Path) -> tuple[str, str]:
    """What reading does, and what was told."""
    try:
        told = target.refusal(folder)
    except BaseException:
        return "unexpected", traceback.format_exc()
    return ("read", "") if told is None else ("refused", told)


def reset_peak() -> int:
    """Begin to measure the peak anew; returns the memory in use, bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


def keep(folder: Path, place: Path, told: str) -> None:
    shutil.rmtree(place, ignore_errors=True)
    if folder.exists():
        shutil.copytree(folder, place, symlinks=True)
    place.mkdir(parents=True, exist_ok=True)
    (place / "TOLD.txt").write_text(told)


if __name__ == "__main__":
    main()
