"""Progress of a render, as shown on a terminal, in a log and to other programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dmldata.common.files import write_atomic
from dmldata.common.output import say
from dmldata.common.progress import LINE_SECONDS, Show
from dmldata.common.text import duration
from dmlgen.rendering.run import OnProgress, RenderProgress

STATUS_FILE = "status.json"
STATUS_SECONDS = 2.0
LAST_PICTURE = "last.jpg"


def describe(progress: RenderProgress) -> dict[str, Any]:
    """Return the state of a render in numbers: images, images per second, seconds left, workers."""
    now = time.monotonic()
    # Only the stage of rendering has a meaningful speed.
    fresh = progress.done - progress.resumed if progress.stage == "render" else 0
    speed = fresh / max(now - progress.began, 1e-9)
    return {
        "stage": progress.stage,
        "done": progress.done,
        "total": progress.total,
        "images_per_second": round(speed, 3),
        "seconds_left": round((progress.total - progress.done) / speed) if fresh else None,
        "replaced_workers": len(progress.replaced),
        "without_car": len(progress.without_car),
        "workers": [
            {
                "worker": number,
                "image": state.held[0].key if state.held else None,
                "seconds": round(now - state.since, 1),
                "images": state.frames,
                "memory_mb": round(state.memory / 1e6),
            }
            for number, state in sorted(progress.workers.items())
        ],
    }


def line(status: dict[str, Any]) -> str:
    """Format a status of `describe` as one line of text.

    >>> status = {"stage": "render", "done": 3, "total": 9, "images_per_second": 0.5}
    >>> line(status | {"seconds_left": 12, "without_car": 0, "replaced_workers": 0, "workers": []})
    'render: 3 of 9 images, 0.50 a second, 12 seconds left, no worker yet'
    """
    parts = [f"{status['stage']}: {status['done']} of {status['total']} images"]
    if status["images_per_second"]:
        parts.append(f"{status['images_per_second']:.2f} a second")
    if status["seconds_left"] is not None and status["done"] < status["total"]:
        parts.append(f"{duration(status['seconds_left'])} left")
    if status["without_car"]:
        parts.append(f"{status['without_car']} without a car")
    if status["replaced_workers"]:
        parts.append(f"{status['replaced_workers']} workers replaced")
    if status["stage"] == "render" and status["done"] < status["total"] and not status["workers"]:
        parts.append("no worker yet")
    return ", ".join(parts)


def worker_lines(status: dict[str, Any]) -> list[str]:
    """Format one line of text per worker."""
    return [
        f"worker {w['worker']}: image {w['image'] or '-'} for {w['seconds']:.0f} s, "
        f"{w['images']} done, {w['memory_mb']} MB"
        for w in status["workers"]
    ]


def time_split(progress: RenderProgress) -> str:
    """Return the share of each stage in the workers' time: 'trace 71%, denoise 12%, ...'.

    The text is empty if no time was measured.
    """
    total = sum(progress.seconds.values())
    if not total:
        return ""
    parts = progress.seconds.most_common()
    return ", ".join(f"{stage} {seconds / total:.0%}" for stage, seconds in parts)


@contextmanager
def watched(staging: Path, *, as_json: bool = False, quiet: bool = False) -> Iterator[OnProgress]:
    """Yield a callback that shows progress and writes the files that `dmlgen status` reads.

    It draws live lines on a terminal and prints a line from time to time elsewhere.

    Args:
        staging: folder of the render.
        as_json: print one event per image instead.
        quiet: show nothing.
    """
    with Show(quiet=quiet or as_json) as show:
        watch = _Watch(staging, show, as_json)
        try:
            yield watch
        finally:
            watch.conclude()


class _Watch:
    def __init__(self, staging: Path, show: Show, as_json: bool) -> None:
        self._staging, self._show, self._as_json = staging, show, as_json
        self._written = self._said = float("-inf")
        self._seen: str | None = None
        self._latest: RenderProgress | None = None

    def conclude(self) -> None:
        """Write the last state for `dmlgen status`, if the folder still exists."""
        if self._latest is not None:
            self._write(self._latest)

    def __call__(self, progress: RenderProgress) -> None:
        self._latest = progress
        frame = progress.frame
        if self._as_json and frame is not None and frame.key != self._seen:
            event = {"event": "image", "key": frame.key, "done": progress.done}
            say(json.dumps({**event, "total": progress.total, "seconds": frame.seconds}))
        self._seen = None if frame is None else frame.key
        now = time.monotonic()
        if now - self._written >= STATUS_SECONDS:
            self._written = now
            self._write(progress)
        if self._show.is_live:
            status = describe(progress)
            picture = f"last picture: {self._staging / LAST_PICTURE}" if frame else "loading"
            self._show.update([line(status), *worker_lines(status), picture])
        elif now - self._said >= LINE_SECONDS:
            self._said = now
            self._show.say(line(describe(progress)))

    def _write(self, progress: RenderProgress) -> None:
        if not self._staging.is_dir():
            return
        # Losing this is harmless; a full disk is reported where frames are written.
        with suppress(OSError):
            if progress.frame is not None:
                write_atomic(self._staging / LAST_PICTURE, progress.frame.files["jpg"])
            write_atomic(self._staging / STATUS_FILE, json.dumps(describe(progress)))
