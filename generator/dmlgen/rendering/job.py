"""What a render was asked to do, in a file beside its frames, and the hold on them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dmldata.errors import InputError, PrismError
from dmldata.files import write_whole
from dmlgen.plan import Plan, make_plan
from dmlgen.presets import Engine
from dmlgen.recipe import Recipe, Sweep
from dmlgen.rendering.identity import differences, identity
from dmlgen.rendering.units import Slice

STAGING = ".render"
"""Folder inside an unfinished dataset that holds its frames."""
_JOB, _LOCK, _HOLDER, _SET_ASIDE = "job.json", "lock", "holder.json", "set_aside.json"


def staging_of(out: Path, part: Slice | None) -> Path:
    """The folder that keeps the frames of a render, or of one slice of it, inside `out`."""
    if part is None:
        return out / STAGING
    return out / f".slice-{part.number:06d}-of-{part.of:06d}"


def slices_in(out: Path) -> list[Path]:
    """Folders of the slices that lie in `out`."""
    return sorted(out.glob(".slice-*-of-*"))


def claim(plan: Plan, engine: Engine, out: Path, part: Slice | None) -> Path:
    """The staging folder, new or left by a render that was asked the same.

    Raises:
        InputError: `out` holds something else; nothing is touched.
        PrismError: `out` cannot be written.
    """
    staging = staging_of(out, part)
    if (out / "dataset.json").exists():
        raise InputError(f"{out} already holds a dataset; give another --out, or delete it first")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; choose a new or an empty folder with --out")
    if not (staging / _JOB).is_file():
        _check_free(out, part)
        job = {"identity": identity(plan, engine), **_request(plan, engine, part)}
        try:
            write_whole(staging / _JOB, json.dumps(job, indent=1))
        except OSError as error:
            raise PrismError(f"{out}: cannot be written: {error.strerror}") from error
        return staging
    differs = differences(_read(staging)["identity"], identity(plan, engine))
    if differs:
        raise InputError(
            f"{out} holds an unfinished dataset made with other settings ({'; '.join(differs)}); "
            f"render with those, or give another --out"
        )
    return staging


def _check_free(out: Path, part: Slice | None) -> None:
    present = [path.name for path in out.iterdir()] if out.is_dir() else []
    slices = [path.name for path in slices_in(out)]
    if part is None and slices:
        raise InputError(f"{out} holds slices; join them with: dmlgen merge {out}")
    others = sorted(set(present) - set(slices))
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        raise InputError(
            f"{out} is not empty (it holds {', '.join(others[:3])}{more}); choose a new or an "
            "empty folder with --out"
        )


def _request(plan: Plan, engine: Engine, part: Slice | None) -> dict[str, Any]:
    return {
        "recipe": plan.recipe.model_dump(mode="json"),
        "seed": plan.seed,
        "count": len(plan.images) if plan.sweep is None else None,
        "sweep": None if plan.sweep is None else asdict(plan.sweep),
        "engine": asdict(engine),
        "slice": None if part is None else asdict(part),
    }


def same_request(first: Path, second: Path) -> bool:
    """Whether two staging folders are for the same dataset, whatever their slices."""
    return {**_read(first), "slice": None} == {**_read(second), "slice": None}


def requested(staging: Path) -> tuple[Plan, Engine]:
    """The plan and the engine that a staging folder was made for.

    Raises:
        InputError: no job there, or one whose plan, files or packages are not those of today.
    """
    job = _read(staging)
    size = job["engine"].pop("size")
    engine = Engine(**job["engine"], size=tuple(size) if isinstance(size, list) else size)
    plan = make_plan(
        Recipe.model_validate_json(json.dumps(job["recipe"])),
        seed=job["seed"],
        count=job["count"],
        sweep=None if job["sweep"] is None else Sweep(**job["sweep"]),
    )
    differs = differences(job["identity"], identity(plan, engine))
    if differs:
        raise InputError(
            f"{staging} was rendered with other files or versions ({'; '.join(differs)}); "
            f"only with those can it be finished"
        )
    return plan, engine


def _read(staging: Path) -> dict[str, Any]:
    try:
        job: dict[str, Any] = json.loads((staging / _JOB).read_text())
        return job
    except (OSError, ValueError) as error:
        raise InputError(f"{staging}: no {_JOB} of a render there") from error


@contextmanager
def held(staging: Path) -> Iterator[None]:
    """Keeps every other process from rendering into a staging folder while the block runs.

    The hold ends with the process, however it ends.

    Raises:
        InputError: another process has it; says which.
    """
    lock = FileLock(staging / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = holder_of(staging) or {"process": "?", "host": "?", "since": "?"}
        raise InputError(
            f"{staging.parent} is being rendered by process {holder['process']} on "
            f"{holder['host']} since {holder['since']}; wait for it, or give another --out"
        ) from None
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
        write_whole(staging / _HOLDER, json.dumps(holder))
        yield
    finally:
        lock.release()


def holder_of(staging: Path) -> dict[str, Any] | None:
    """Process, host and time of the last to hold a staging folder."""
    try:
        holder: dict[str, Any] = json.loads((staging / _HOLDER).read_text())
        return holder
    except (OSError, ValueError):
        return None


def is_held(staging: Path) -> bool:
    """Whether a process is rendering into a staging folder now."""
    lock = FileLock(staging / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def finish(staging: Path, set_aside: dict[str, str]) -> None:
    """Says that all rows of a staging folder are done, but for those that were set aside."""
    write_whole(staging / _SET_ASIDE, json.dumps(set_aside, indent=1))


def set_aside_in(staging: Path) -> dict[str, str] | None:
    """Rows that were set aside, with the reason; None where rows are still to be rendered."""
    try:
        rows: dict[str, str] = json.loads((staging / _SET_ASIDE).read_text())
        return rows
    except OSError:
        return None
