"""The folder of a training: whose it is, and that only one process works in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dmldata.common.errors import InputError
from dmldata.common.files import write_atomic

PLAN = "plan.json"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Makes the folder, and keeps other processes out of it inside.

    Raises:
        InputError: another one is in it.
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
    """Write the plan into the folder, or see that it is the one there.

    Raises:
        InputError: another plan is there.
    """
    path = folder / PLAN
    if path.is_file():
        check_same(json.loads(path.read_text(encoding="utf-8")), plan, folder)
    else:
        write_atomic(path, json.dumps(plan, indent=1, ensure_ascii=False) + "\n")


def check_same(found: dict[str, Any], plan: dict[str, Any], where: Path) -> None:
    """Raise InputError, naming what differs first, where `found` is of another plan."""
    for part, value in plan.items():
        old = found.get(part)
        if old == value:
            continue
        differing = part
        if isinstance(old, dict) and isinstance(value, dict):
            name = next(name for name in value if old.get(name) != value[name])
            differing = f"{part}: {name} {old.get(name)}, now {value[name]}"
        raise InputError(
            f"{where}: of a training with other settings ({differing[:200]}); valid: the same "
            "ones, another --name or --out, or remove it"
        )
