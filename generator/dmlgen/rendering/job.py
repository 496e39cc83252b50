"""The job of a render: a file beside its frames that records the request, and the lock on both."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dmldata.common.errors import InputError, PrismError
from dmldata.common.files import names_in, write_atomic
from dmldata.common.strict import parse_plain_json
from dmldata.common.text import command
from dmldata.contract.manifest import MANIFEST_FILE
from dmlgen.planning.draw import Plan, make_plan
from dmlgen.planning.presets import Engine
from dmlgen.planning.recipe import resolve
from dmlgen.planning.recipe_file import RecipeFile, Sweep
from dmlgen.rendering.identity import differences, identity
from dmlgen.rendering.units import Slice

STAGING = ".render"
"""Folder inside an unfinished dataset that holds its frames."""
_HOLDER_KEYS = {"process", "host", "since"}
_SLICES = ".slice-*-of-*"
_JOB, _LOCK, _HOLDER, _SET_ASIDE = "job.json", "lock", "holder.json", "set_aside.json"


def staging_of(out: Path, part: Slice | None) -> Path:
    """Return the folder inside `out` that holds the frames of a render, or of one slice of it."""
    if part is None:
        return out / STAGING
    return out / f".slice-{part.number:06d}-of-{part.of:06d}"


def slices_in(out: Path) -> list[Path]:
    """Return the staging folders of the slices in `out`."""
    return sorted(folder for folder in out.glob(_SLICES) if is_render(folder))


def is_render(staging: Path) -> bool:
    """Return whether a staging folder is in use: it has a job, or a process renders into it."""
    return has_job(staging) or is_held(staging)


def remove_staging(staging: Path) -> None:
    """Remove a finished staging folder, frames first: interrupted, it still says whose it was."""
    for pack in staging.glob("*.tar"):
        pack.unlink()
    (staging / _JOB).unlink(missing_ok=True)
    shutil.rmtree(staging)


def has_job(staging: Path) -> bool:
    """Return whether a staging folder has a job, and so belongs to a render with frames."""
    return (staging / _JOB).is_file()


def check_place(out: Path, part: Slice | None) -> None:
    """Check that a plan, or one slice of it, can be rendered into `out`. Nothing is written.

    Raises:
        InputError: `out` holds something else.
    """
    staging = staging_of(out, part)
    if (out / MANIFEST_FILE).exists():
        raise InputError(f"{out} already holds a dataset; give another --out, or delete it first")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; choose a new or an empty folder with --out")
    if has_job(staging):
        return
    if part is None and slices_in(out):
        raise InputError(f"{out} holds slices; join them with: {command('dmlgen', 'merge', out)}")
    ours = {STAGING, *(folder.name for folder in out.glob(_SLICES))}
    if part is not None and is_render(out / STAGING):
        ours.remove(STAGING)
    foreign = [name for name in names_in(out) if name not in ours]
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise InputError(
            f"{out} is not empty (it holds {', '.join(foreign[:3])}{more}); choose a new or an "
            "empty folder with --out"
        )


def check_job(staging: Path, out: Path, plan: Plan, engine: Engine) -> None:
    """Check that the frames in a staging folder, if there are any, are those of a plan.

    Raises:
        InputError: they belong to another plan; the message says how it differs.
    """
    if not has_job(staging):
        return
    differs = differences(_read(staging)["identity"], identity(plan, engine))
    if differs:
        raise InputError(
            f"{out} holds an unfinished dataset made with other settings ({'; '.join(differs)}); "
            f"render with those settings, delete the folder, or give another --out"
        )


def write_job(staging: Path, plan: Plan, engine: Engine, part: Slice | None) -> None:
    """Write the job of a staging folder unless it has one.

    From then on the folder is reserved for renders with the same request.

    Raises:
        PrismError: the folder cannot be written.
    """
    if has_job(staging):
        return
    job = {"identity": identity(plan, engine), **_request(plan, engine, part)}
    try:
        write_atomic(staging / _JOB, json.dumps(job, indent=1))
    except OSError as error:
        raise PrismError(f"{staging.parent}: cannot be written: {error.strerror}") from error


def _request(plan: Plan, engine: Engine, part: Slice | None) -> dict[str, object]:
    return {
        "recipe": plan.recipe.model_dump(mode="json"),
        "seed": plan.seed,
        "count": len(plan.images) if plan.sweep is None else None,
        "sweep": None if plan.sweep is None else asdict(plan.sweep),
        "engine": asdict(engine),
        "slice": None if part is None else asdict(part),
    }


def other_request(staging: Path, first: Path) -> list[str]:
    """List what makes a staging folder one of another dataset than the first, not their slices."""
    job, of_first = _read(staging), _read(first)
    # A picture's size can be written in two ways; the identity has one.
    asked, asked_first = (
        {key: value for key, value in each.items() if key not in {"identity", "engine", "slice"}}
        for each in (job, of_first)
    )
    try:
        return [
            *differences(of_first["identity"], job["identity"]),
            *(f"{key} is another" for key in asked if asked[key] != asked_first.get(key)),
        ]
    except (AttributeError, LookupError, TypeError) as error:
        raise _no_job(staging) from error


def requested(staging: Path) -> tuple[Plan, Engine]:
    """Return the plan and the engine that a staging folder was made for.

    Raises:
        InputError: there is no job, or its plan, files or packages have changed since.
    """
    job = _read(staging)
    try:
        size = job["engine"].pop("size")
        engine = Engine(**job["engine"], size=tuple(size) if isinstance(size, list) else size)
        plan = make_plan(
            resolve(RecipeFile.model_validate_json(json.dumps(job["recipe"]))),
            seed=job["seed"],
            count=job["count"],
            sweep=None if job["sweep"] is None else Sweep(**job["sweep"]),
        )
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise _no_job(staging) from error
    differs = differences(job["identity"], identity(plan, engine))
    if differs:
        raise InputError(
            f"{staging} was rendered with other files or versions ({'; '.join(differs)}); "
            f"it can be finished only with those"
        )
    return plan, engine


def _read(staging: Path) -> dict[str, Any]:
    job = read_document(staging / _JOB)
    if job is None or not isinstance(job.get("identity"), dict):
        raise _no_job(staging)
    return job


def read_document(path: Path) -> dict[str, Any] | None:
    """Read a JSON file of a staging folder; None if it is missing or not a JSON object."""
    try:
        document = parse_plain_json(path.read_bytes(), str(path))
    except (OSError, PrismError):
        return None
    return document if isinstance(document, dict) else None


def _no_job(staging: Path) -> InputError:
    return InputError(
        f"{staging}/{_JOB}: not a job file of this version; delete {staging}, or give another "
        "folder"
    )


@contextmanager
def held(out: Path, part: Slice | None) -> Iterator[Path]:
    """Lock the staging folder of a render into `out` while the block runs, and yield it.

    The lock ends with the process, however it ends. A folder that has no job when the block ends
    is unused: it is removed, and so is `out` if it was made here. It stays if Blender failed and
    its log is there to be read.

    Raises:
        InputError: another process holds the lock; the message says which.
        PrismError: `out` cannot be written.
    """
    staging = staging_of(out, part)
    new_folders = [folder for folder in (out, *out.parents) if not folder.exists()]
    lock = FileLock(staging / _LOCK)
    is_unused = True
    try:
        _acquire(lock, staging)
        yield staging
    except PrismError as error:
        is_unused = isinstance(error, InputError) or not any(staging.glob("*.log"))
        raise
    finally:
        if lock.is_locked and is_unused and not has_job(staging):
            shutil.rmtree(staging, ignore_errors=True)
        lock.release()
        with suppress(OSError):
            for folder in new_folders:
                folder.rmdir()


def _acquire(lock: FileLock, staging: Path) -> None:
    try:
        staging.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        if not has_job(staging):
            for file in staging.iterdir():
                if file.name != _LOCK:
                    file.unlink()
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"process": os.getpid(), "host": socket.gethostname(), "since": since}
        write_atomic(staging / _HOLDER, json.dumps(holder))
    except Timeout:
        known = holder_of(staging) or {"process": "?", "host": "?", "since": "?"}
        raise InputError(
            f"{staging.parent} is being rendered by process {known['process']} on "
            f"{known['host']} since {known['since']}; wait for it, or give another --out"
        ) from None
    except OSError as error:
        raise PrismError(f"{staging.parent}: cannot be written: {error.strerror}") from error


def holder_of(staging: Path) -> dict[str, object] | None:
    """Return process, host and time of the last holder of a staging folder; None if unknown."""
    holder = read_document(staging / _HOLDER)
    return holder if holder is not None and holder.keys() == _HOLDER_KEYS else None


def is_held(staging: Path) -> bool:
    """Return whether a process is rendering into a staging folder now."""
    if not (staging / _LOCK).is_file():
        return False
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
    """Record that all rows of a staging folder are rendered, except those that were set aside."""
    try:
        write_atomic(staging / _SET_ASIDE, json.dumps(set_aside, indent=1))
    except OSError as error:
        raise PrismError(f"{staging}: cannot be written: {error.strerror}") from error


def set_aside_in(staging: Path) -> dict[str, str] | None:
    """Return the rows that were set aside, with the reason; None if the render is unfinished."""
    return read_document(staging / _SET_ASIDE)
