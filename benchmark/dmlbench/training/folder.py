"""The folder of a training: its plan, and a lock for one process at a time.

What a training resumes from is Lightning's checkpoint; the plan refuses other settings.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dmldata.common.errors import InputError
from dmldata.common.files import write_atomic
from dmldata.common.strict import parse_plain_json

PLAN = "plan.json"
METRICS = "metrics.csv"
"""A row per validation, that of the untrained network first."""


@contextmanager
def exclusive_folder(folder: Path) -> Iterator[None]:
    """Create the folder, and lock it against other processes within the context.

    Raises:
        InputError: another process holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{folder}: another process trains this model") from None
    try:
        yield
    finally:
        lock.release()


def keep_plan(folder: Path, plan: dict[str, Any]) -> None:
    """Write the plan into the folder, or check that it equals the existing one.

    Where nothing of the existing one was trained, another takes its place.

    Raises:
        InputError: the folder has another plan.
    """
    path = folder / PLAN
    metrics = folder / METRICS
    was_trained = metrics.is_file() and len(metrics.read_text().splitlines()) > 2
    if path.is_file() and was_trained:
        check_same(parse_plain_json(path.read_bytes(), str(path), InputError), plan, folder)
    else:
        write_atomic(path, json.dumps(plan, indent=1, ensure_ascii=False) + "\n")


def check_same(earlier: dict[str, Any], plan: dict[str, Any], where: Path) -> None:
    """Raise InputError, naming the first difference, if `earlier` differs from `plan`."""
    for part, value in plan.items():
        old = earlier.get(part)
        if old == value:
            continue
        differing = part
        if isinstance(old, dict) and isinstance(value, dict):
            nothing = object()
            name = next(n for n in value | old if old.get(n, nothing) != value.get(n, nothing))
            differing = f"{part}: {name} {old.get(name)}, now {value.get(name)}"
        raise InputError(
            f"{where}: of a training with other settings ({differing[:200]}); valid: the same "
            "ones, another --name or --out, or remove it"
        )
