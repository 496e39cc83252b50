"""Run commands with the packages of one checkout or another, and measure what they take."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple


class Usage(NamedTuple):
    """What a process took: seconds by the clock and of the cores, and peak memory in GB."""

    seconds: float
    core_seconds: float
    gigabytes: float


def environment_of(checkout: Path) -> dict[str, str]:
    """Return the environment in which Python imports the packages of a checkout."""
    packages = [checkout / name for name in ("generator", "datasets", "benchmark")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, packages))}


def measure_python(
    arguments: Sequence[str], checkout: Path, folder: str, **variables: str
) -> Usage | None:
    """Run Python in `folder` and return what it took; None if the checkout cannot do it.

    Args:
        variables: further environment variables.
    """
    began = perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment_of(checkout) | variables,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - began
    if status != 0:
        return None
    return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6)
