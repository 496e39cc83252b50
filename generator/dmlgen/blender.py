"""Run functions in processes with Blender, and check that Blender is available.

Only `dmlgen.scene`, `dmlgen.meshes` and `dmlgen.carimport` import `bpy`; this module starts the
processes that may.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

from dmldata.common.errors import FieldError, InputError, PrismError, one_line
from dmldata.common.extras import MissingPackageError, extra_requirements

T = TypeVar("T")
MIN_SCRATCH = 32 * 10**6
"""Minimum of free bytes for temporary files."""
_PR_SET_PDEATHSIG = 1
_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libICE.so.6": "libice6",
    "libSM.so.6": "libsm6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXrender.so.1": "libxrender1",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libxkbcommon.so.0": "libxkbcommon0",
}
"""Debian package of each system library that Blender needs."""


class ScratchError(PrismError):
    """There is no room for Blender's temporary files on this machine."""


def require_blender() -> None:
    """Check that a process of its own can import Blender.

    Raises:
        InputError: the Python version is wrong, `bpy` is not installed, or system libraries are
            missing; the message says what to do.
    """
    if importlib.util.find_spec("bpy") is None:
        raise InputError(f"rendering needs Blender as a Python module: {_why_no_module()}")
    missing = missing_libraries()
    if missing:
        packages = " ".join(sorted({_PACKAGES.get(name, name) for name in missing}))
        raise InputError(
            f"Blender needs system libraries that are not installed ({', '.join(missing)}); "
            f"on Debian: apt-get install -y {packages}"
        )


def _why_no_module() -> str:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    releases = [release for release in extra_requirements() if release.distribution == "bpy"]
    if not releases or python in {release.python for release in releases}:
        return str(MissingPackageError("bpy"))
    valid = " and ".join(
        f"Python {release.python} (bpy {release.specifier})" for release in releases
    )
    return f"bpy exists for {valid}; this is Python {python}"


def missing_libraries() -> list[str]:
    """Return the system libraries that Blender's module is linked to and that are not installed."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None or not sys.platform.startswith("linux"):
        return []
    library = Path(spec.origin).with_name("__init__.so")
    try:
        listed = subprocess.run(["ldd", str(library)], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    lines = [line.split() for line in listed.stdout.splitlines()]
    return sorted({words[0] for words in lines if words[-2:] == ["not", "found"]})


def scratch_problem() -> str | None:
    """Return why Blender cannot write its temporary files, or None if it can.

    Blender itself reports no error: it leaves truncated files.
    """
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free >= MIN_SCRATCH:
        return None
    return (
        f"{folder}: {free / 1e6:.1f} MB are left for temporary files, and rendering needs "
        f"{MIN_SCRATCH / 1e6:.0f}; free some space, or name another folder in TMPDIR"
    )


def require_scratch() -> None:
    """Check that there is room for Blender's temporary files.

    Raises:
        ScratchError: there is too little.
    """
    problem = scratch_problem()
    if problem is not None:
        raise ScratchError(problem)


def blender_process(
    target: Callable[..., None], connection: Connection, log: Path, *args: object
) -> multiprocessing.process.BaseProcess:
    """Start a process that calls `target(connection, *args)`, with Blender's output in `log`."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_run, args=(target, connection, str(log), *args), daemon=True)
    with _without_main():
        process.start()
    return process


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the program's main module, which a new process would import, and so run, once more.

    The process needs functions of this project alone, and so a script that renders needs no
    `if __name__ == "__main__":`.
    """
    main = sys.modules["__main__"]
    hidden = {name: main.__dict__[name] for name in ("__file__", "__spec__") if hasattr(main, name)}
    try:
        main.__dict__.update(dict.fromkeys(hidden))
        yield
    finally:
        main.__dict__.update(hidden)


def call_in_blender(function: Callable[..., T], log: Path, *args: object) -> T:
    """Return `function(*args)`, called in a process of its own that may import Blender.

    Raises:
        PrismError: the function raised, the process died (with the end of its log), or there is
            no room for its temporary files.
    """
    require_blender()
    require_scratch()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = blender_process(_call, theirs, log, function, *args)
    theirs.close()
    try:
        outcome: T | BaseException = ours.recv()
    except EOFError:
        process.join()
        raise PrismError(died(process, log)) from None
    process.join()
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def import_blender(threads: int) -> None:
    """Import `bpy` with at most `threads` threads for everything that Blender does besides tracing.

    Its thread pool starts one thread per core that the process may use at that moment, whatever the
    scene says, and idle threads spin, which takes the cores from other workers.

    Args:
        threads: 0 for one per core.
    """
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    fewer = 0 < threads < len(cores)
    if fewer:
        os.sched_setaffinity(0, sorted(cores)[:threads])
    try:
        importlib.import_module("bpy")
    finally:
        if fewer:
            os.sched_setaffinity(0, cores)


def died(process: multiprocessing.process.BaseProcess, log: Path) -> str:
    """Return one line about a Blender process that ended without an answer."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    last = lines[-1].strip() if lines else "nothing"
    return f"Blender's process ended (exit code {process.exitcode}); it last said: {last}"


def _end_with_parent() -> None:
    """Let the system end this process when its parent process is gone, however it ended."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _call(connection: Connection, function: Callable[..., object], *args: object) -> None:
    try:
        connection.send(function(*args))
    except Exception as error:
        connection.send(failure(error))


def failure(error: Exception) -> PrismError:
    """Return an error of a process with Blender as one line, or the full disk that caused it.

    It has a plain message, or fields with their values, which a command names by its options.
    """
    if isinstance(error, FieldError):
        return FieldError(error.values, error.problem)
    if isinstance(error, PrismError):
        return (InputError if isinstance(error, InputError) else PrismError)(str(error))
    problem = scratch_problem()
    if problem is not None:
        return ScratchError(problem)
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return PrismError(f"{place}{error.strerror}")
    return PrismError(f"{type(error).__name__}: {one_line(error)}")


def _run(target: Callable[..., None], connection: Connection, log: str, *args: object) -> None:
    # Ctrl-C reaches the whole process group; the parent decides what happens to this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    target(connection, *args)
    connection.close()
    sys.stdout.flush()
    # Blender's clean-up at exit is slow and can crash, and everything is already saved.
    if "bpy" in sys.modules:
        # Blender's own folder, which is empty; if it could create none, this is the shared one.
        with suppress(OSError):
            Path(sys.modules["bpy"].app.tempdir).rmdir()
    os._exit(0)
